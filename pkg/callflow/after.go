package callflow

import (
	"context"
	"errors"
	"time"

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
	asking  asking
}

func (c *Connector) closer(l *live, closing Closing) *closer {
	return &closer{c: c, closing: closing, asking: asking{c: c, key: l.key, scheme: closing.Scheme, attempt: closing.Attempt}}
}

// Waits for the end of a call to be written down, real time.
const (
	proposedWait = 1500 * time.Millisecond
	proposedPoll = 50 * time.Millisecond
)

// ask answers when the person is called next, and takes down what she said of a change that waits for her word; a caller's own
// dialogues only say and listen otherwise.
func (h *closer) ask(ctx context.Context, s *session, o ivr.Output) (string, ivr.Vars, bool) {
	if o.Ask != ivr.AskLookup {
		return ivr.AnswerFailed, nil, true
	}
	if name, vars, ok := h.asking.lookUp(ctx, o.What); ok {
		return name, vars, true
	}
	switch o.What {
	case ivr.LookupConsentDue:
		answer, ok := h.asks(ctx)
		return answer, nil, ok
	case ivr.LookupConsentAgreed:
		return h.answer(ctx, roster.AnswerAgreed), nil, true
	case ivr.LookupConsentRefused:
		return h.answer(ctx, roster.AnswerRefused), nil, true
	case ivr.LookupConsentLater:
		return h.answer(ctx, roster.AnswerLater), nil, true
	case ivr.LookupProposed:
	default:
		return ivr.AnswerFailed, nil, true
	}
	next, err := h.proposed(ctx)
	switch {
	case s.gone || h.c.ctx.Err() != nil:
		return "", nil, false
	case errors.Is(err, ErrNothing), errors.Is(err, ErrNotYet):
		return "none", nil, true
	case err != nil:
		h.c.logCommand("look up the proposed call", s.l.key, err)
		return ivr.AnswerFailed, nil, true
	}
	vars := ivr.Vars{"opens": next.Opens, "closes": next.Closes, "now": h.c.o.Now().In(next.Opens.Location())}
	if next.Closes.Sub(next.Opens) <= aroundLimit {
		return "around", vars, true
	}
	return "between", vars, true
}

// proposed asks the records when the person is called next.
func (h *closer) proposed(ctx context.Context) (next Proposal, err error) {
	err = h.written(proposedWait, func() (err error) {
		next, err = h.c.o.Records.Proposed(ctx, h.closing.Scheme, h.closing.Attempt)
		return err
	})
	return next, err
}

// written asks the records again and again until the end of the call is written down, or the time is over. It takes no events: what
// happens meanwhile is there afterwards.
func (h *closer) written(limit time.Duration, ask func() error) error {
	tick := time.NewTicker(proposedPoll)
	defer tick.Stop()
	for end := time.Now().Add(limit); ; {
		if err := ask(); !errors.Is(err, ErrNotYet) || time.Now().After(end) {
			return err
		}
		select {
		case <-tick.C:
		case <-h.c.ctx.Done():
			return ErrNotYet
		}
	}
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
	s := c.session(l, o.Attempt.CallerLeg(o.Offer), o.Scheme)
	vars := ivr.Vars{"result": string(outcome.Result), "reason": string(outcome.Reason)}
	if o.Kind == call.KindFirst {
		vars["first"] = "yes"
	}
	s.begin(flowAfterCall, roster.Language(o.CallerLanguage), vars)
	s.host = c.closer(l, Closing{Scheme: o.Scheme, Attempt: o.Attempt, Caller: o.Caller})
	s.run()
	s.hangUp()
	if c.ctx.Err() == nil {
		c.callerLeft(o, &outcome)
	}
}

// session is a dialogue with a channel in the words of a scheme; 0 is none. It has no flow before begin.
func (c *Connector) session(l *live, channel string, scheme int64) *session {
	s := &session{c: c, l: l, channel: channel, guard: guard{on: true, at: time.Now().Add(guardSoon)}}
	s.speakFor(scheme)
	return s
}

// speakFor has the session say what a scheme says now, in its words and with its recordings.
func (s *session) speakFor(scheme int64) {
	s.scheme, s.book, s.recorded = scheme, s.c.o.Book(scheme), s.c.o.Voice.Recorded(scheme)
}

// begin puts the dialogue at the beginning of a flow.
func (s *session) begin(flow string, lang roster.Language, vars ivr.Vars) {
	s.lang, s.walker = lang, ivr.NewWalker(s.book, flow, lang, vars)
}
