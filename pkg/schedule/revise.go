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
	WelcomeBack   bool
	// Fixed marks what is never touched: claimed, live, held for the reference caller, or ended as reached, unreached or
	// missed. No other call is booked for its date.
	Fixed bool
	// Moved marks a call that was moved within its day or put off to a later one, where another promise stands for it. Its
	// date is settled too, as long as that one can be kept.
	Moved bool
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
// and says what must change. The promises are those on from's date or later, ended ones included, in any order; those that
// were cancelled are left out.
//
// A promise stays when its date is still one of the agreement's and its window one of that day's; so does one that stands
// for a call put off from an earlier date, while that day is usable. What can no longer be kept moves to the nearest new
// date within two weeks, or is cancelled. A new call is booked for every date that has none; a date with a fixed promise, or
// from which one was put off, is left alone.
//
// Revising again, with the revision applied, changes nothing.
func Revise(a roster.Agreement, r Rules, promises []Promise, horizon Horizon) Revision {
	var v Revision
	promises = slices.Clone(promises)
	slices.SortStableFunc(promises, func(x, y Promise) int { return x.Date.Compare(y.Date) })
	// What is booked beyond the horizon (the next call of every agreement is) stays or moves as well.
	until := horizon.Until
	for _, p := range promises {
		if beyond := p.Opens.AddDate(0, 0, movesWithin); !p.Fixed && !p.Moved && !p.Opens.Before(horizon.Until) && beyond.After(until) {
			until = beyond
		}
	}
	slots := Between(a, r, horizon.From, until)
	stands, settled := r.standIns(&a, promises)
	open := slices.DeleteFunc(slices.Clone(promises), func(p Promise) bool {
		if p.Fixed || p.Moved {
			return true
		}
		i := slices.IndexFunc(slots, func(s Slot) bool { return s.Date.Equal(p.Date) && s.WelcomeBack == p.WelcomeBack })
		if i < 0 || !r.offers(&a, p) {
			return false
		}
		slots = slices.Delete(slots, i, i+1)
		return true
	})
	slots = slices.DeleteFunc(slots, func(s Slot) bool { return slices.Contains(settled, dayOf(s.Date)) })
	for _, p := range open {
		if slices.Contains(stands, p.ID) {
			continue
		}
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
	v.Booked = slices.DeleteFunc(slots, func(s Slot) bool { return !s.Opens.Before(horizon.Until) })
	return v
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

// standIns returns the open promises that stand for calls put off from an earlier date and can be kept, and the days for
// which nothing is to be booked: those of fixed promises, and those put off for which another promise stands.
func (r *Rules) standIns(a *roster.Agreement, promises []Promise) (stands []int64, settled []int) {
	used := map[int64]bool{}
	for _, from := range promises {
		if from.Fixed {
			settled = append(settled, dayOf(from.Date))
		}
		if !from.Moved {
			continue
		}
		for _, p := range promises {
			if p.Moved || used[p.ID] || p.Date.Before(from.Date) || distance(p.Date, from.Date) > laterDays {
				continue
			}
			if !p.Fixed && (r.paused(dayOf(p.Date)) || !r.offers(a, p)) {
				continue
			}
			used[p.ID] = true
			stands, settled = append(stands, p.ID), append(settled, dayOf(from.Date), dayOf(p.Date))
			break
		}
	}
	return stands, settled
}

// distance is how many days lie between two dates.
func distance(x, y time.Time) int { return max(dayOf(x)-dayOf(y), dayOf(y)-dayOf(x)) }
