package dispatch

import (
	"errors"
	"time"

	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/call"
)

// refresh books and loads what has come into the horizon or was changed by others, in goroutines of its own. Of a scheme that is
// too large to be held to its horizon what opens soon is loaded at once, and what is to be booked is looked for meanwhile: that
// takes minutes, which nobody has who is to be called next.
func (e *Engine) refresh(now time.Time) {
	e.reload(now)
	if !e.until.IsZero() {
		e.plan(now)
	}
}

// reload loads anew. One load runs at a time; asked again meanwhile, another follows.
func (e *Engine) reload(now time.Time) {
	e.refreshAt = now.Add(e.opts.Refresh)
	if e.refreshing {
		e.again = true
		return
	}
	e.refreshing, e.again = true, false
	turn, until, ctx, epoch := e.turn, now.Add(e.opts.Horizon), e.ctx, e.epoch
	ahead, whole := now.Add(e.opts.Ahead), e.until.IsZero()
	unsure := e.recorder.waiting() > 0
	e.aside(func() {
		l := loaded{turn: turn, unsure: unsure}
		if whole {
			_, l.err = e.opts.Store.Plan(ctx, e.scheme, epoch, now, ahead)
		}
		if l.err == nil {
			l.snap, l.err = e.opts.Store.Load(ctx, e.scheme, now, until)
		}
		e.put(l)
	})
}

// plan books what is not booked yet of a scheme that is too large to wait for it. One plan runs at a time; asked again meanwhile,
// another follows.
func (e *Engine) plan(now time.Time) {
	if e.planning {
		e.planAgain = true
		return
	}
	e.planning, e.planAgain = true, false
	ctx, epoch, ahead := e.ctx, e.epoch, now.Add(e.opts.Ahead)
	e.aside(func() {
		booked, err := e.opts.Store.Plan(ctx, e.scheme, epoch, now, ahead)
		e.put(planned{booked: booked, err: err})
	})
}

// bookedAhead learns what came of a plan. What it has booked may be among what is to be held.
func (e *Engine) bookedAhead(p planned, now time.Time) {
	e.planning = false
	switch {
	case errors.Is(p.err, ErrFenced):
		e.fencedOff = true
		return
	case p.err != nil && e.ctx.Err() == nil:
		e.log.Warn("book ahead failed", zap.Error(p.err))
		e.refreshAt = sooner(e.refreshAt, now.Add(e.opts.service(lastRetry)))
	case p.booked > 0:
		e.reload(now)
	}
	if e.planAgain {
		e.plan(now)
	}
}

// merge takes a load over. What the owner has changed since the load began, or has not committed yet, is newer than the
// load and stays.
func (e *Engine) merge(l loaded, now time.Time) {
	e.refreshing = false
	defer func() {
		if e.again && !e.fencedOff {
			e.reload(now)
		}
	}()
	if errors.Is(l.err, ErrFenced) {
		e.fencedOff = true
		return
	}
	if l.err != nil {
		if e.ctx.Err() == nil {
			e.log.Warn("refresh failed", zap.Error(l.err))
			e.refreshAt = sooner(e.refreshAt, now.Add(e.opts.service(lastRetry)))
		}
		return
	}
	if err := e.configure(l.snap.Scheme); err != nil {
		e.log.Error("scheme settings refused", zap.Error(err))
	}
	e.restored = l.snap.Restored
	e.reach(l.snap.Until, now)
	e.mergeStaff(&l, now)
	e.forgetTries(now)
	e.closeDoors(now)
	seen := make(map[int64]bool, len(l.snap.Occurrences))
	for i := range l.snap.Occurrences {
		o := &l.snap.Occurrences[i]
		seen[o.ID] = true
		e.mergeOccurrence(o, l.turn, now)
	}
	for id, p := range e.occurrences {
		if !seen[id] && p.settled(l.turn) {
			e.board.Remove(id)
			delete(e.occurrences, id)
		}
	}
	for id, turn := range e.gone {
		if turn > 0 && turn < l.turn {
			delete(e.gone, id)
		}
	}
}

// settled reports whether a load that began in a turn knows better than the owner.
func (p *promise) settled(turn uint64) bool {
	return p.pending == 0 && p.touched < turn && p.State == call.OccurrenceOpen
}

func (e *Engine) mergeOccurrence(o *Occurrence, turn uint64, now time.Time) {
	p, known := e.occurrences[o.ID]
	if known {
		// What bears on the next call and on trying again may have changed during this one; its owner never changes it.
		p.Agreement, p.Terms, p.PersonZone, p.Pauses = o.Agreement, o.Terms, o.PersonZone, o.Pauses
	}
	if _, ended := e.gone[o.ID]; ended || known && !p.settled(turn) {
		return
	}
	if o.State != call.OccurrenceOpen {
		return // A live attempt that is none of ours: its leader's.
	}
	e.spare(o, now)
	if known {
		o.Deferred = max(o.Deferred, e.board.Deferred(o.ID))
		p.Occurrence = *o
	} else {
		p = &promise{Occurrence: *o}
		e.keep(p)
	}
	e.board.Put(&p.Occurrence, now)
}

// mergeStaff takes changes of people over; what they do just now the owner knows better.
func (e *Engine) mergeStaff(l *loaded, now time.Time) {
	seen := make(map[int64]bool, len(l.snap.Callers))
	for _, c := range l.snap.Callers {
		seen[c.ID] = true
		w := e.staff[c.ID]
		if w == nil {
			e.enrol(c, nil, false, now)
			continue
		}
		w.Roles, w.Languages, w.Skills = c.Roles, c.Languages, c.Skills
		w.Endpoint, w.Number, w.Enabled = c.Endpoint, c.Number, c.Enabled
		w.Load = c.Load
		if w.counted < l.turn && !l.unsure {
			w.HardToday, w.CallsToday, w.TalkToday = c.HardToday, c.CallsToday, c.TalkToday
			w.HardInRow, w.RowBefore, w.LastCall, w.HardEnded = c.HardInRow, c.RowBefore, c.LastCall, c.HardEnded
		}
		e.rest(w)
		e.board.SetCaller(&w.Caller, now)
		e.takeBack(w)
	}
	for id, w := range e.staff {
		if !seen[id] && w.Enabled {
			w.Enabled = false
			e.board.SetCaller(&w.Caller, now)
			e.takeBack(w)
		}
	}
}

// takeBack withdraws the unanswered offer of somebody who no longer works for the scheme. A call that she has taken goes on.
func (e *Engine) takeBack(w *worker) {
	if a := e.attempts[w.attempt]; a != nil && !w.Enabled && a.live.Order.Caller == w.ID {
		e.recall(w.attempt, a)
	}
}

// closeDoors withdraws the unanswered offers of a scheme that was closed meanwhile: nobody is rung outside its hours. What they talk on
// goes on.
func (e *Engine) closeDoors(now time.Time) {
	if e.board.hoursRun(now) {
		return
	}
	for id, a := range e.attempts {
		e.recall(id, a)
	}
}

// callerLeft reports whether the caller of an order has left the scheme since it was decided.
func (e *Engine) callerLeft(a *attempt) bool {
	w := e.staff[a.live.Order.Caller]
	return w != nil && !w.Enabled
}
