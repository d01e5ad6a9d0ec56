package dispatch

import (
	"time"

	"github.com/rappel-tel/rappel/pkg/call"
)

// answered records what the person of a call without a caller has said by keypad, and books the call back that she asks for.
// She is in a call still, so that it waits until that has ended.
func (e *Engine) answered(given call.Answer, now time.Time) {
	a := e.attempts[given.Attempt]
	if a == nil || a.live.Order.Caller != 0 || given.N <= a.live.Answers {
		e.meter.strays.Inc()
		return
	}
	given.Scheme = e.scheme
	if given.At.IsZero() {
		given.At = now
	}
	a.live.Answers = given.N
	if given.Survey == "" {
		a.live.Answer = given.Answer
	}
	op := Answer{Given: given}
	if given.Answer == call.AnswerCallBack && given.Survey == "" {
		back := CallbackOf(&e.occurrences[a.occurrence].Occurrence, now, RulesOf(&e.settings, e.calendar))
		op.Callback = &back
	}
	e.record(op)
}
