package callflow

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/telephony"
)

const (
	// transferRing is how long the other side may ring.
	transferRing = 45 * time.Second
	// lineWanted is how long a party waits for a line that is free, or whose turn has come: see calls per second.
	lineWanted = 5 * time.Second
	// lineAgain is how often it is asked for.
	lineAgain = 250 * time.Millisecond
)

// transfer rings a number on behalf of the party, who hears ringing, and joins the two. The number must be one that the scheme
// may ring; the call uses a line of its trunks as any other, and shows the scheme's own number. Both are held to here once
// more, whatever the flow has asked before.
func (r *reception) transfer(ctx context.Context, s *session, number string) (string, ivr.Vars, bool) {
	if err := r.c.o.Callers.MayRing(ctx, r.line.Scheme, number); err != nil {
		r.c.logCommand("transfer", r.l.key, err)
		return ivr.AnswerNobody, nil, true
	}
	r.transfers++
	leg := r.l.key + "-t" + strconv.Itoa(r.transfers)
	r.ringing(ctx, s, true)
	way, err := r.takeLine(ctx, s, leg)
	if err != nil {
		r.ringing(ctx, s, false)
		if !s.gone {
			r.c.logCommand("transfer", r.l.key, err)
		}
		return ivr.AnswerNobody, nil, !s.gone
	}
	defer r.c.o.Callers.GiveLine(r.line.Scheme, leg)
	if !r.reach(ctx, s, telephony.Originate{
		Channel: leg, Number: number, Trunk: way.Trunk, CLI: way.CLI, Ring: transferRing, Args: []string{"transfer"},
		Language: string(s.walker.Language()),
	}) || !r.join(ctx, s, leg) {
		r.ringing(ctx, s, false)
		return ivr.AnswerNobody, nil, !s.gone && r.c.ctx.Err() == nil
	}
	r.end = "transferred"
	r.talk(s, leg)
	return ivr.AnswerTalked, nil, !s.gone && r.c.ctx.Err() == nil
}

// takeLine waits a moment for a line: another call may just be going out.
func (r *reception) takeLine(ctx context.Context, s *session, key string) (Way, error) {
	for end := time.Now().Add(lineWanted); ; {
		way, err := r.c.o.Callers.TakeLine(ctx, r.line.Scheme, key)
		if !errors.Is(err, ErrNoLine) || s.gone || !time.Now().Before(end) {
			return way, err
		}
		for again := time.Now().Add(lineAgain); time.Now().Before(again) && !s.gone && r.c.ctx.Err() == nil; {
			s.wait(again)
		}
	}
}

// reach rings the other side and reports whether it answered.
func (r *reception) reach(ctx context.Context, s *session, o telephony.Originate) bool {
	s.other = o.Channel
	defer func() { s.other = "" }()
	err := r.c.o.Switch.Originate(ctx, o)
	if err != nil && !errors.Is(err, telephony.ErrUnanswered) {
		r.c.logCommand("transfer", r.l.key, err)
		return false
	}
	for end := time.Now().Add(o.Ring + offerSlack); ; {
		e, woke := s.wait(end)
		switch {
		case s.gone, !woke:
			r.drop(o.Channel)
			return false
		case e.Type == telephony.EventDigit && e.Channel == s.channel: // Whoever presses a key waits no longer: it counts behind.
			s.backlog = append([]telephony.Event{e}, s.backlog...)
			r.drop(o.Channel)
			return false
		case e.Channel != o.Channel:
		case e.Type == telephony.EventEntered:
			return true
		case e.Type == telephony.EventGone:
			return false
		}
	}
}
