package callflow

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// Callback is a call that somebody on the line wants instead of waiting for a registrar.
type Callback struct {
	Scheme   int64
	Number   string // E.164.
	Typed    bool   // It is not the number that she rings from.
	Language roster.Language
	Asked    time.Time // When she came into the queue: her place.
}

// national is how people say a number of their country: without the country's code. Others are said as they are dialled.
func national(number string) string {
	for _, code := range []string{"+33", "+32"} {
		if rest, ok := strings.CutPrefix(number, code); ok {
			return "0" + rest
		}
	}
	return strings.Replace(number, "+", "00", 1)
}

// typedNumber reads the number that the party has typed.
func (r *reception) typedNumber(s *session) (string, ivr.Vars) {
	number := e164(s.walker.Text("typed"), r.line.Region)
	if number == "" {
		return r.wrong(), nil
	}
	r.callback, r.mistyped = number, 0
	return "ok", ivr.Vars{"callback_number": national(number)}
}

// wrong is the answer to something typed that cannot be read. The second time running keys are not for her.
func (r *reception) wrong() string {
	if r.mistyped++; r.mistyped >= mostMistyped {
		r.mistyped = 0
		return "often"
	}
	return "bad"
}

// promise keeps a callback to the number that the party has agreed to. It is promised once it is written down, and only if the
// scheme may ring the number.
func (r *reception) promise(ctx context.Context, s *session) string {
	if r.callback == "" {
		return ivr.AnswerFailed
	}
	typed := r.callback != r.cli
	if typed && !r.mayLeave("callback") {
		return "refused"
	}
	if r.asked.IsZero() {
		r.asked = r.c.o.Now()
	}
	err := r.c.o.Callers.PromiseCallback(ctx, Callback{
		Scheme: r.line.Scheme, Number: r.callback, Typed: typed, Language: s.walker.Language(), Asked: r.asked,
	})
	switch {
	case err == nil:
		r.end = "callback"
		return "promised"
	case errors.Is(err, ErrNotAllowed):
		return "refused"
	default:
		r.c.logCommand("promise callback", r.l.key, err)
		return ivr.AnswerFailed
	}
}

// callToday asks for a call of the person whose appointment was told today.
func (r *reception) callToday(ctx context.Context, s *session) (string, ivr.Vars) {
	person, known := s.walker.Int("beneficiary")
	if !known {
		return ivr.AnswerFailed, nil
	}
	at, err := r.c.o.Callers.CallToday(ctx, r.line.Scheme, int64(person))
	zone := r.line.zone()
	vars := ivr.Vars{"at": at.In(zone), "now": r.c.o.Now().In(zone)}
	switch {
	case err == nil:
		return "yes", vars
	case errors.Is(err, ErrAlready):
		return "already", nil
	case errors.Is(err, ErrNoRoom):
		return "no", nil
	default:
		r.c.logCommand("ask for a call today", r.l.key, err)
		return ivr.AnswerFailed, nil
	}
}
