package dispatch

import (
	"context"
	"slices"
	"time"
)

// Waiting counts the due occurrences that do not start, by why. Each counts once, for the first cause of these that holds:
// TooLate, InCall, Queued, Clock, Paused, Hours, then that nobody may take it now (Held, LoadLimit, NoCaller; for a call that needs no
// caller Lines), then Lines, then Rate; what is left is about to start.
type Waiting struct {
	TooLate   int `json:"too_late"`   // So near the end of its window that no phone would ring in time.
	InCall    int `json:"in_call"`    // The person, or the number, is in another call.
	Queued    int `json:"queued"`     // A callback whose turn has not come in the registrars' queue.
	Paused    int `json:"paused"`     // The scheme is paused, or the service stops.
	Clock     int `json:"clock"`      // The clocks of service and database differ: nobody knows what time it is.
	Hours     int `json:"hours"`      // Outside the scheme's hours.
	Held      int `json:"held"`       // Kept for its reference caller, who is not free.
	LoadLimit int `json:"load_limit"` // Somebody is there who could take it, and is spared by her load limits.
	NoCaller  int `json:"no_caller"`  // Nobody is free who may take it.
	Lines     int `json:"lines"`      // No line may be used.
	Rate      int `json:"rate"`       // The agreed calls per second, or those that the PBX bears.
	Starting  int `json:"starting"`   // Nothing is in its way.
}

// Waiting says why the due occurrences of a scheme wait. The dispatcher's turn counts them from what its board keeps anyway.
func (d *Dispatcher) Waiting(ctx context.Context, scheme int64) (Waiting, error) {
	var w Waiting
	err := d.ask(ctx, scheme, func(e *Engine, now time.Time) error {
		w = e.board.Waiting(now)
		return nil
	})
	return w, err
}

// Waiting counts the due occurrences by why they wait, as of the last Plan. It looks at every lane, every caller and what is
// kept for her, not at what is held besides.
func (b *Board) Waiting(now time.Time) Waiting {
	w := Waiting{TooLate: b.counts[phaseLapsed], InCall: b.counts[phaseParked], Queued: b.counts[phaseQueued]}
	due := b.counts[phaseHeld] + b.counts[phaseOwn] + b.counts[phasePooled]
	switch {
	case due == 0:
		return w
	case b.doubt:
		w.Clock = due
		return w
	case b.paused:
		w.Paused = due
		return w
	case !b.hoursRun(now):
		w.Hours = due
		return w
	}
	free := b.waitingKept(&w) + b.waitingPooled(&w)
	switch {
	case b.lines() <= 0:
		w.Lines += free
	case !b.admits(), now.UnixNano() < b.paceDue():
		w.Rate += free
	default:
		w.Starting += free
	}
	return w
}

// waitingKept counts what is kept for somebody, and returns for how much of it somebody is free.
func (b *Board) waitingKept(w *Waiting) (free int) {
	for k := range b.clerks {
		for _, i := range b.clerks[k].own {
			it := &b.items[i]
			if int32(k) != it.reference && it.reference >= 0 {
				continue // It stands in both lists: the reference caller's counts.
			}
			switch {
			case b.mayTake(it.reference, it), it.phase == phaseOwn && b.mayTake(it.deputy, it):
				free++
			case it.phase == phaseHeld:
				w.Held++
			case b.spares(it.reference, it), b.spares(it.deputy, it):
				w.LoadLimit++
			default:
				w.NoCaller++
			}
		}
	}
	return free
}

// waitingPooled counts what anybody in a lane may take, and returns for how much of it somebody is free.
func (b *Board) waitingPooled(w *Waiting) (free int) {
	var spared [2][]bool // By lane: somebody could take its courtesy or hard calls but for her load limits.
	for kind := range spared {
		spared[kind] = make([]bool, len(b.lanes))
	}
	for k := range b.clerks {
		c := &b.clerks[k]
		for kind := range spared {
			if b.spared(int32(k), uint8(kind)) {
				for _, at := range c.lanes {
					spared[kind][at] = true
				}
			}
		}
	}
	for at := range b.lanes {
		l := &b.lanes[at]
		for kind := range l.ready {
			n := 0
			for class := range l.ready[kind] {
				n += len(l.ready[kind][class])
			}
			switch {
			case at == autoLane && b.auto >= b.limits.Automatic:
				w.Lines += n
			case at == autoLane, l.nFree[anything] > 0, kind == courtesy && l.nFree[light] > 0:
				free += n
			case spared[kind][at]:
				w.LoadLimit += n
			default:
				w.NoCaller += n
			}
		}
	}
	return free
}

// spared reports whether a caller would be free for a kind of call but for her load limits.
func (b *Board) spared(k int32, kind uint8) bool {
	c := &b.clerks[k]
	return c.spent || c.fit && (!b.isFree(k) || c.light && kind == hard)
}

// spares reports whether a caller is spared an item.
func (b *Board) spares(k int32, it *item) bool {
	if k < 0 || !b.spared(k, it.hard) {
		return false
	}
	_, ok := slices.BinarySearch(b.clerks[k].lanes, it.lane)
	return ok
}
