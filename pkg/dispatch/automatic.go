package dispatch

import (
	"time"

	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/call"
)

// withhold leaves a call alone that has no number to present: nothing is dialled until somebody gives it one.
func (e *Engine) withhold(p *promise, why error, now time.Time) {
	e.log.Error("an automatic call is not placed; rappel scheme trunk NAME --cli-for KIND=NUMBER gives it a number",
		zap.String("kind", string(p.Kind)), zap.Error(why))
	e.meter.refused(causeNotPresentable)
	p.NotBefore = now.Add(pauseAfterBan)
	e.board.Release(&p.Occurrence, now)
}

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
