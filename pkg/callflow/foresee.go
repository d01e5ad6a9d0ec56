package callflow

import (
	"context"

	"github.com/rappel-tel/rappel/pkg/ivr"
)

// foresee has the sentence with the party's next call spoken while she hears the greeting: it is what most people ring for
// who are known, and names a day and an hour, so that it was seldom spoken before. Nothing comes of it that she would notice.
func (r *reception) foresee(ctx context.Context, s *session) {
	if r.cli == "" {
		return
	}
	now := r.c.o.Now()
	found, err := r.c.o.Records.Appointments(ctx, r.line.Scheme, r.cli, now)
	if err != nil || len(found) != 1 {
		return // It will be spoken when it is asked for.
	}
	vars := found[0].vars(now.In(r.line.zone()))
	window, _ := vars["window"].(string)
	for _, p := range s.pieces([]ivr.Utterance{{Key: "appointment." + window, Language: r.language(), Vars: vars}}) {
		s.ready(p)
	}
}
