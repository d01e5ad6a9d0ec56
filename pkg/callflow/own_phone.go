package callflow

import (
	"cmp"
	"context"
	"errors"

	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// ownPhone is what is known of a caller who dials the line from her ordinary phone: she has no feature codes, and changes
// her state by the keypad of the line. She is known by the number she rings from, which can be forged. So nobody is named
// to her, no call can be closed or put off, and whoever forges her number reaches that she is rung at the true one, where
// she must press a key, or that she is not. The event says that the number alone spoke for her.
type ownPhone struct {
	callers []Caller
	called  bool // The scheme calls somebody at the number, too.
}

// lookUpCaller finds out whether a caller rings. Nobody is known while the records are away.
func (r *reception) lookUpCaller(ctx context.Context) {
	if r.cli == "" || r.line.Scheme == 0 {
		return
	}
	var err error
	r.own.callers, r.own.called, err = r.c.o.Records.CallersAt(ctx, r.line.Scheme, r.cli)
	if err != nil && r.c.ctx.Err() == nil {
		r.c.o.Logger.Warn("look up caller by number failed", zap.String("call", r.l.key), zap.Error(err))
	}
}

// language is the one in which the line speaks to whoever rings.
func (r *reception) language() roster.Language {
	if len(r.own.callers) > 0 && !r.own.called {
		return r.own.callers[0].Language
	}
	return cmp.Or(r.settings.Language, r.line.language())
}

// vars is what the flow knows of whoever rings.
func (r *reception) vars() ivr.Vars {
	v := ivr.Vars{"scheme": r.line.Name}
	r.settings.vars(v)
	if r.cli != "" {
		r.callback = r.cli
		v["cli"], v["callback_number"] = "known", national(r.cli)
	}
	n := len(r.own.callers)
	switch {
	case n == 0:
		return v
	case r.own.called:
		v["rings"] = "both"
	default:
		v["rings"] = "caller"
	}
	if n == 1 {
		v["colleague"] = 0
		return v
	}
	colleagues := make([]ivr.Vars, n)
	for i, c := range r.own.callers {
		colleagues[i] = ivr.Vars{"name": c.FirstName, "colleague": i}
	}
	v["whose"], v["colleagues"] = "several", colleagues
	return v
}

// onLine says that the callers' phone is in use, until the party has left it.
func (r *reception) onLine(inUse bool) {
	for _, c := range r.own.callers {
		r.c.o.Callers.OnLine(c.Scheme, c.ID, inUse)
	}
}

// caller is the one who uses the keys.
func (r *reception) caller(s *session) (Caller, bool) {
	i, known := s.walker.Int("colleague")
	if !known || i < 0 || i >= len(r.own.callers) {
		return Caller{}, false
	}
	return r.own.callers[i], true
}

// setState changes the state of the caller who rings from her own number.
func (r *reception) setState(ctx context.Context, s *session, state call.CallerState) string {
	who, known := r.caller(s)
	if !known {
		return ivr.AnswerFailed
	}
	switch err := r.c.o.Callers.SetState(ctx, who.Scheme, who.ID, state, KnownByNumber); {
	case err == nil:
		return "done"
	case errors.Is(err, ErrRefusedNow):
		return "not_now"
	default:
		r.c.logCommand("set caller state", r.l.key, err)
		return ivr.AnswerFailed
	}
}

// nextCall says when the caller is given a call, and not whom she is to call.
func (r *reception) nextCall(ctx context.Context, s *session) (string, ivr.Vars) {
	who, known := r.caller(s)
	if !known {
		return ivr.AnswerFailed, nil
	}
	next, err := r.c.o.Callers.Next(ctx, who.Scheme, who.ID)
	switch {
	case errors.Is(err, ErrNothing):
		return "none", nil
	case err != nil:
		r.c.logCommand("look up next call", r.l.key, err)
		return ivr.AnswerFailed, nil
	}
	now := r.c.o.Now()
	if !next.At.After(now) {
		return "now", nil
	}
	zone := r.line.zone()
	return "at", ivr.Vars{"at": next.At.In(zone), "now": now.In(zone)}
}
