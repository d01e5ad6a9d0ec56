package dispatch_test

import (
	"slices"
	"time"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// simDay is what a caller has had today, counted where her phone stands. A crash forgets nothing of it that was recorded.
type simDay struct {
	calls, hard   int
	inRow, before int // Hard calls in a row, now and before the last call.
	talk          time.Duration
	rest          time.Time
	last          call.ID // The last call in which she talked.
}

func (w *world) day(caller int64) *simDay {
	if w.days[caller] == nil {
		w.days[caller] = &simDay{}
	}
	return w.days[caller]
}

// allowed holds an order against what its caller can do and bear. It must be called with the lock held.
func (w *world) allowed(o *call.Order) {
	a, _ := w.store.Attempt(o.Attempt)
	occ := w.store.Occurrence(a.Occurrence)
	if n := w.vain(occ.Beneficiary); n >= perDay {
		w.fail("%d rung after %d attempts in vain", a.Occurrence, n)
	}
	if o.Caller == 0 {
		if !occ.Kind.Automatic() {
			w.fail("%d rung without a caller", a.Occurrence)
		}
		return
	}
	c, d := w.store.Caller(o.Caller), w.day(o.Caller)
	switch now := time.Now(); {
	case occ.Kind.Automatic():
		w.fail("%d has a caller it does not need", a.Occurrence)
	case !slices.Contains(c.Languages, occ.Language) || !has(c.Skills, occ.Skills):
		w.fail("caller %d lacks the language or a skill for %d", o.Caller, a.Occurrence)
	case d.calls >= 12 || d.talk >= 3*time.Hour || occ.Hard && (d.hard >= 4 || d.inRow >= 2) || now.Before(d.rest):
		w.fail("caller %d is given too much: %+v", o.Caller, *d)
	}
}

// perDay is how often a person of the simulated town is tried in vain on its day.
const perDay = 3

// vain counts how often a person was tried in vain, as the records say.
func (w *world) vain(person int64) (n int) {
	for _, a := range w.store.Attempts() {
		if a.State != call.StateEnded || w.store.Occurrence(a.Occurrence).Beneficiary != person {
			continue
		}
		switch a.Outcome.Result {
		case call.ResultBusy, call.ResultNoAnswer, call.ResultMachine, call.ResultFailed:
			if a.Outcome.Fault == call.FaultTheirs {
				n++
			}
		default:
		}
	}
	return n
}

// clockWindow is the window of a day between two instants.
func clockWindow(day, opens, closes time.Time) roster.Window {
	return roster.Window{Begin: roster.Clock(opens.Sub(day) / time.Minute), End: roster.Clock(closes.Sub(day) / time.Minute)}
}

func has(skills, asked []string) bool {
	for _, s := range asked {
		if !slices.Contains(skills, s) {
			return false
		}
	}
	return true
}

// talked takes an answered call into its caller's day. It must be called with the lock held, before the dispatcher is told.
func (w *world) talked(out *call.Outcome) {
	a, _ := w.store.Attempt(out.Attempt)
	if out.Result != call.ResultAnswered || a.Order.Caller == 0 {
		return
	}
	d := w.day(a.Order.Caller)
	if d.last == out.Attempt {
		return // A life that was just ending was told already, and the next one found the call and is told again.
	}
	d.last = out.Attempt
	d.calls++
	d.talk += out.Talk
	d.before = d.inRow
	if !w.store.Occurrence(a.Occurrence).Hard {
		d.inRow = 0
	}
}

// feel has a caller close a call that has just ended, while she is in wrap-up: as difficult every other time when that was
// expected, and now and then when it was not.
func (w *world) feel(o call.Order, ended time.Time) {
	w.mu.Lock()
	a, _ := w.store.Attempt(o.Attempt)
	difficult := w.chance(15) || w.store.Occurrence(a.Occurrence).Hard && w.chance(50)
	f := w.front
	dead := f == nil || f.dead
	w.mu.Unlock()
	if o.Caller == 0 || !difficult || dead {
		return
	}
	if f.desk.CloseCall(w.t.Context(), w.scheme, dispatch.CloseCall{
		Attempt: o.Attempt, Caller: o.Caller, Disposition: call.DispositionDifficult, At: ended,
	}) != nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.front == f && !f.dead {
		d := w.day(o.Caller)
		d.hard, d.inRow, d.rest = d.hard+1, d.before+1, ended.Add(10*time.Minute)
	}
}

// morningAfter makes the callers' days what the records know, for a new life of the service.
func (w *world) morningAfter() {
	for id := range w.days {
		c := w.store.Caller(id)
		w.days[id] = &simDay{
			calls: c.CallsToday, hard: c.HardToday, talk: c.TalkToday, inRow: c.HardInRow, before: c.RowBefore,
		}
		if !c.HardEnded.IsZero() {
			w.days[id].rest = c.HardEnded.Add(10 * time.Minute)
		}
	}
}
