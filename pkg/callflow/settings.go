package callflow

import (
	"context"
	"errors"

	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// Settings is how the line treats a person whose number it knows. A number can be forged: whoever does hears another language,
// or somebody sooner, and learns nothing.
type Settings struct {
	Language         roster.Language // Empty means the line's.
	LongerWaits      bool            // Twice as long for every key.
	StraightToPerson bool            // No menu first.
	Simpler          bool            // In simpler words, sentence by sentence, from the first time on.
}

// SettingsChange is what changes of Settings; what is nil stays as it was.
type SettingsChange struct {
	Language         *roster.Language
	LongerWaits      *bool
	StraightToPerson *bool
	Simpler          *bool
}

// lookUpSettings finds out how whoever rings is treated. While the records are away everybody is treated alike.
func (r *reception) lookUpSettings(ctx context.Context) {
	if r.cli == "" || r.line.Scheme == 0 {
		return
	}
	found, err := r.c.o.Records.SettingsAt(ctx, r.line.Scheme, r.cli)
	switch {
	case err == nil:
		r.settings = found
	case !errors.Is(err, ErrNothing):
		r.c.logCommand("look up settings", r.l.key, err)
	}
}

// vars tells the flow.
func (s Settings) vars(v ivr.Vars) {
	if s.LongerWaits {
		v[ivr.VarWaits] = ivr.WaitsLonger
	}
	if s.Simpler {
		v[ivr.VarSimpler] = ivr.Yes
	}
	if s.StraightToPerson {
		v["straight"] = "person"
	}
}
