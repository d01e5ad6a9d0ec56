package callflow

import (
	"context"

	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// Flows that the Connector runs by itself.
const (
	flowAfterCall    = "after-call"
	flowCloseLast    = "close-last"
	flowRegistration = "registration"
)

// closer records what a caller says of a call by keypad, each time she has said more.
type closer struct {
	c       *Connector
	closing Closing
}

// ask answers nothing: a caller's own dialogues only say and listen.
func (h *closer) ask(context.Context, *session, ivr.Output) (string, ivr.Vars, bool) {
	return ivr.AnswerFailed, nil, true
}

func (h *closer) walked(s *session) {
	now := h.closing
	now.Disposition = call.Disposition(s.walker.Text("disposition"))
	now.FollowUp = s.walker.Text("follow_up") != ""
	now.DayLater = s.walker.Text("day_later") != ""
	if now == h.closing {
		return
	}
	h.closing = now
	now.At = h.c.o.Now()
	if err := h.c.o.Callers.CloseCall(h.c.ctx, now); err != nil && h.c.ctx.Err() == nil {
		h.c.o.Logger.Warn("close call by keypad failed", zap.String("attempt", string(now.Attempt)), zap.Error(err))
	}
}

// afterCall speaks to the caller whose call has ended, listens to the keypad, ends her line and says that she is free.
func (c *Connector) afterCall(l *live, o call.Order, outcome call.Outcome) {
	s := c.session(l, o.Attempt.CallerLeg(o.Offer), flowAfterCall, roster.Language(o.CallerLanguage), ivr.Vars{
		"result": string(outcome.Result), "reason": string(outcome.Reason),
	})
	s.host = &closer{c: c, closing: Closing{Scheme: o.Scheme, Attempt: o.Attempt, Caller: o.Caller}}
	s.run()
	s.hangUp()
	if c.ctx.Err() == nil {
		c.callerLeft(o, &outcome)
	}
}

func (c *Connector) session(l *live, channel, flow string, lang roster.Language, vars ivr.Vars) *session {
	return &session{
		c: c, l: l, channel: channel, lang: lang, walker: ivr.NewWalker(c.o.Book, flow, lang, vars),
	}
}
