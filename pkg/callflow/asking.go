package callflow

import (
	"context"
	"errors"
	"time"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/ivr"
)

// asking puts a change that somebody asked for with a person's number to the person herself, in a call to that number, or to the
// caller who has just talked to her there. What is settled is what was told, whatever was asked meanwhile.
type asking struct {
	c       *Connector
	key     string // Of the call.
	scheme  int64
	attempt call.ID
	told    Change // Its ID is empty while nothing was told.
}

// lookUp answers what concerns the change; false for anything else.
func (k *asking) lookUp(ctx context.Context, what string) (string, ivr.Vars, bool) {
	switch what {
	case ivr.LookupAsked:
		answer, vars := k.asked(ctx)
		return answer, vars, true
	case ivr.LookupAgree, ivr.LookupRefuse:
		return k.settle(ctx, what == ivr.LookupAgree), nil, true
	default:
		return "", nil, false
	}
}

// find finds out which change waits; ErrNothing when none does.
func (k *asking) find(ctx context.Context) error {
	c, err := k.c.o.Agenda.Asked(ctx, k.scheme, k.attempt)
	if err == nil {
		k.told = c
	}
	return err
}

// asked says which change waits for her word. What was found before is told, so that it is that of the call back.
func (k *asking) asked(ctx context.Context) (string, ivr.Vars) {
	if k.told.ID == "" {
		switch err := k.find(ctx); {
		case errors.Is(err, ErrNothing):
			return "none", nil
		case err != nil:
			k.c.logCommand("look up a change", k.key, err)
			return ivr.AnswerFailed, nil
		}
	}
	return string(k.told.Kind), k.told.vars(k.c.o.Now())
}

// vars are what a dialogue is told of a change.
func (c Change) vars(now time.Time) ivr.Vars {
	zone := c.Promised.Opens.Location()
	v := ivr.Vars{
		"asked": string(c.Kind), "now": now.In(zone), "opens": c.Promised.Opens, "closes": c.Promised.Closes,
		"to_opens": c.To.Opens, "to_closes": c.To.Closes,
	}
	if c.Kind == ChangeAway {
		noon := func(date time.Time) time.Time {
			y, m, d := date.Date()
			return time.Date(y, m, d, 12, 0, 0, 0, zone)
		}
		v["from"], v["back"] = noon(c.From), noon(c.Back)
		if y, m, d := now.In(zone).Date(); c.From.Before(time.Date(y, m, d, 0, 0, 0, 0, time.UTC)) {
			v["from"] = now.In(zone) // It was asked for on an earlier day.
		}
	}
	return v
}

// settle makes the change that was told, or drops it.
func (k *asking) settle(ctx context.Context, agreed bool) string {
	switch err := k.c.o.Agenda.Settle(ctx, k.scheme, Told{Attempt: k.attempt, Change: k.told.ID, Agreed: agreed}); {
	case err == nil:
		return "done"
	case errors.Is(err, ErrGone), errors.Is(err, ErrNothing):
		return "gone"
	default:
		k.c.logCommand("settle a change", k.key, err)
		return ivr.AnswerFailed
	}
}
