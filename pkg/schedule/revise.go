package schedule

import (
	"slices"
	"time"

	"github.com/rappel-tel/rappel/pkg/roster"
)

// Promise is a call that was booked under an agreement, as far as planning it anew depends on it.
type Promise struct {
	ID            int64
	Date          time.Time // Of the person, midnight UTC.
	Opens, Closes time.Time
	// Instead is the agreed date for which it stands in (Slot.Instead); zero when there is none.
	Instead     time.Time
	WelcomeBack bool
	// Fixed marks what is never touched: claimed, live, held for the reference caller, or ended as reached, unreached or
	// missed. No other call is booked for its date.
	Fixed bool
}

// Revision is how promises change when an agreement, or what limits it, has changed. Everything it does not name stays.
type Revision struct {
	Moved     []Move
	Cancelled []int64 // Without a call in their place.
	Booked    []Slot  // Not in place of another.
}

// Move is a promise that ends as moved, and the call booked instead of it.
type Move struct {
	ID int64
	To Slot
}

// Empty reports whether everything stays.
func (v Revision) Empty() bool { return len(v.Moved)+len(v.Cancelled)+len(v.Booked) == 0 }

// movesWithin is how far a promise may move: further away it is cancelled, and what is booked there is a call of its own.
const movesWithin = 14

// Revise compares the promises of an agreement with the calls it has now that are not over at from and open before until,
// and says what must change. The promises are those on from's date or later, in any order, ended ones included; those that
// were cancelled or moved are left out.
//
// A promise stays when its date is still one of the agreement's and its window one of that day's; so does one that stands
// in for such a date, while it can be kept: what a person was told is not changed back. What can no longer be kept moves
// to the nearest new date within two weeks, or is cancelled. A new call is booked for every date that has none, and for
// every welcome-back call however far away it is; a date that has a fixed promise, or one that stands in for it, is left
// alone, but for its welcome-back call: what was made before the absence is none. Where no promise would be left open, the first call beyond the horizon is booked.
//
// Revising again, with the revision applied, changes nothing.
func Revise(a roster.Agreement, r Rules, promises []Promise, horizon Horizon) Revision {
	var v Revision
	promises = slices.Clone(promises)
	slices.SortStableFunc(promises, func(x, y Promise) int { return x.Date.Compare(y.Date) })
	slots := Between(a, r, horizon.From, r.beyond(promises, horizon))
	welcomes := slices.DeleteFunc(slices.Clone(slots), func(s Slot) bool { return !s.WelcomeBack })
	take := func(fits func(Slot) bool) bool {
		i := slices.IndexFunc(slots, fits)
		if i >= 0 {
			slots = slices.Delete(slots, i, i+1)
		}
		return i >= 0
	}
	for _, p := range promises {
		if p.Fixed {
			take(func(s Slot) bool { return s.Date.Equal(p.Date) })
			take(func(s Slot) bool { return !p.Instead.IsZero() && s.Date.Equal(p.Instead) && p.standsFor(s) })
		}
	}
	kept := 0
	var open []Promise
	for _, p := range promises {
		switch {
		case p.Fixed:
		case r.offers(&a, p) && take(func(s Slot) bool { return s.Date.Equal(p.Date) && s.WelcomeBack == p.WelcomeBack }):
			kept++
		default:
			open = append(open, p)
		}
	}
	today := r.DateIn(horizon.From)
	open = slices.DeleteFunc(open, func(p Promise) bool {
		stays := !p.Instead.IsZero() && !p.WelcomeBack && !r.paused(dayOf(p.Date)) && r.offers(&a, p) &&
			!slices.ContainsFunc(slots, func(s Slot) bool { return s.Date.Equal(p.Date) }) &&
			(take(p.standsFor) || slices.ContainsFunc(welcomes, func(s Slot) bool { return s.isOf(p.Instead) }) ||
				p.Instead.Before(today) && r.wanted(&a, dayOf(p.Instead)))
		if stays {
			kept++
		}
		return stays
	})
	for _, p := range open {
		best := -1
		for i, s := range slots {
			if d := distance(s.Date, p.Date); d <= movesWithin && (best < 0 || d < distance(slots[best].Date, p.Date)) {
				best = i
			}
		}
		if best < 0 {
			v.Cancelled = append(v.Cancelled, p.ID)
			continue
		}
		v.Moved = append(v.Moved, Move{ID: p.ID, To: slots[best]})
		slots = slices.Delete(slots, best, best+1)
	}
	v.Booked = slices.DeleteFunc(slots, func(s Slot) bool { return !s.Opens.Before(horizon.Until) && !s.WelcomeBack })
	if kept+len(v.Moved)+len(v.Booked) == 0 {
		// Nobody is left without a next call, however far away it is.
		s, ok := Next(a, r, horizon.From)
		if ok && !slices.ContainsFunc(promises, func(p Promise) bool {
			return (p.Date.Equal(s.Date) || p.standsFor(s)) && !slices.Contains(v.Cancelled, p.ID)
		}) {
			v.Booked = append(v.Booked, s)
		}
	}
	return v
}

// isOf reports whether a slot is that of an agreed date.
func (s Slot) isOf(agreed time.Time) bool { return s.Date.Equal(agreed) || s.Instead.Equal(agreed) }

// standsFor reports whether a promise on another date than agreed is the call of a slot. Before an absence nobody is welcomed back.
func (p Promise) standsFor(s Slot) bool {
	return !p.Instead.IsZero() && s.isOf(p.Instead) && (!s.WelcomeBack || p.Date.After(s.Date))
}

// beyond is until when slots are looked at: what is booked beyond the horizon (the next call of every agreement is) stays
// or moves as well, and welcome-back calls are wanted wherever they are.
func (r *Rules) beyond(promises []Promise, horizon Horizon) time.Time {
	until := horizon.Until
	for _, p := range promises {
		if end := p.Opens.AddDate(0, 0, movesWithin); !p.Fixed && !p.Opens.Before(horizon.Until) && end.After(until) {
			until = end
		}
	}
	for _, p := range r.Pauses {
		if back := p.Last.AddDate(0, 0, welcomeDays+2); p.WelcomeBack && !p.Last.IsZero() && back.After(until) {
			until = back
		}
	}
	return until
}

// wanted reports whether a day is one of the agreement's, or one for which another day stands in.
func (r *Rules) wanted(a *roster.Agreement, day int) bool {
	found := false
	r.days(a, day-movesWithin, day+movesWithin, func(w wish) bool {
		found = w.day == day || w.agreed == day
		return !found
	})
	return found
}

// Horizon is the stretch of time for which promises are booked.
type Horizon struct{ From, Until time.Time }

// DefaultAhead is for how many days ahead promises are booked when nothing else is configured.
const DefaultAhead = 14

// offers reports whether the window of a promise is one of its day's.
func (r *Rules) offers(a *roster.Agreement, p Promise) bool {
	var room [most]stretch
	for _, s := range r.stretches(a, dayOf(p.Date), room[:0]) {
		if s.opens.Equal(p.Opens) && s.closes.Equal(p.Closes) {
			return true
		}
	}
	return false
}

// distance is how many days lie between two dates.
func distance(x, y time.Time) int { return max(dayOf(x)-dayOf(y), dayOf(y)-dayOf(x)) }
