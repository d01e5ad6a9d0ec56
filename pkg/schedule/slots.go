package schedule

import (
	"time"

	"github.com/rappel-tel/rappel/pkg/roster"
)

// Slot is one dated call: its date (the person's, midnight UTC) and the instants between which it may be made.
type Slot struct {
	Date          time.Time
	Opens, Closes time.Time
	// Instead is the agreed date for which this one stands in, because that one was not usable; zero when it is the agreed
	// date itself.
	Instead time.Time
	// WelcomeBack marks the first call after an absence that wants one.
	WelcomeBack bool
}

// stretch is a piece of time in which a person may be called: closes itself is no longer in it.
type stretch struct{ opens, closes time.Time }

// most is how many stretches a day is given room for without an allocation.
const most = 8

// stretches appends what the agreed windows and the scheme's hours have in common on one of the person's dates. Whether she
// is away is not its concern. A person who lives by another clock and has no window is called inside the scheme's hours by
// both clocks.
func (r *Rules) stretches(a *roster.Agreement, day int, list []stretch) []stretch {
	hours, weekday := r.hours(day), weekdayOf(day)
	if r.elsewhere() {
		windows := a.Windows
		if len(windows) == 0 {
			windows = hours
		}
		for _, w := range windows {
			if w.On(weekday) {
				list = r.overlaps(w, day, list)
			}
		}
		return ordered(list)
	}
	zone := r.zone()
	for _, h := range hours {
		h.Days = 0
		if len(a.Windows) == 0 {
			if opens, closes, ok := Local(dateOf(day), h, zone); ok {
				list = append(list, stretch{opens, closes})
			}
			continue
		}
		for _, w := range a.Windows {
			if !w.On(weekday) {
				continue
			}
			w.Begin, w.End = max(w.Begin, h.Begin), min(w.End, h.End)
			if opens, closes, ok := Local(dateOf(day), w, zone); ok {
				list = append(list, stretch{opens, closes})
			}
		}
	}
	return ordered(list)
}

// overlaps appends what a window on one of the person's dates has in common with the hours of the scheme's dates around it.
func (r *Rules) overlaps(w roster.Window, day int, list []stretch) []stretch {
	opens, closes, ok := Local(dateOf(day), w, r.personZone())
	if !ok {
		return list
	}
	first, last := dayOf(DateIn(opens, r.zone())), dayOf(DateIn(closes, r.zone()))
	for d := first; d <= last; d++ {
		for _, h := range r.hours(d) {
			from, until, ok := Local(dateOf(d), h, r.zone())
			if !ok {
				continue
			}
			if from.Before(opens) {
				from = opens
			}
			if until.After(closes) {
				until = closes
			}
			if from.Before(until) {
				list = append(list, stretch{from, until})
			}
		}
	}
	return list
}

// ordered sorts the few stretches of a day by when they open; as a rule they are in order already.
func ordered(list []stretch) []stretch {
	for i := 1; i < len(list); i++ {
		for j := i; j > 0 && list[j].opens.Before(list[j-1].opens); j-- {
			list[j], list[j-1] = list[j-1], list[j]
		}
	}
	return list
}

// usable reports whether the person can be called on one of her dates.
func (r *Rules) usable(a *roster.Agreement, day int) bool {
	if r.paused(day) || !r.elsewhere() && len(r.hours(day)) == 0 {
		return false
	}
	var room [most]stretch
	return len(r.stretches(a, day, room[:0])) > 0
}

// slot chooses the window of a day: of those that are not over at from, the first in which the planned length fits, counted
// from its beginning or from from; the longest where it fits in none. A person with several windows in a day still gets one
// call that day. It reports false when none is left.
func (r *Rules) slot(a *roster.Agreement, day int, from time.Time) (Slot, bool) {
	var (
		room    [most]stretch
		best    stretch
		longest time.Duration
	)
	length := Length(*a)
	for _, s := range r.stretches(a, day, room[:0]) {
		begin := s.opens
		if from.After(begin) {
			begin = from
		}
		left := s.closes.Sub(begin)
		if left > longest {
			best, longest = s, left
		}
		if longest >= length {
			break
		}
	}
	return Slot{Date: dateOf(day), Opens: best.opens, Closes: best.closes}, longest > 0
}

// Between returns the slots of an agreement that are not over at from and open before until, in order, one a day at most. A
// slot that is already open at from is among them. The days are the same however a stretch of time is cut into pieces.
func Between(a roster.Agreement, r Rules, from, until time.Time) []Slot {
	var slots []Slot
	zone := r.personZone()
	r.days(&a, dayOf(DateIn(from, zone)), dayOf(DateIn(until, zone)), func(w wish) bool {
		if s, ok := r.slot(&a, w.day, from); ok && s.Opens.Before(until) {
			slots = append(slots, w.mark(s))
		}
		return true
	})
	return slots
}

// nextDays is how far ahead Next looks.
const nextDays = 731

// Next returns the first slot on a later date of the person than after's. It reports false when the agreement holds none
// within two years.
func Next(a roster.Agreement, r Rules, after time.Time) (Slot, bool) {
	var (
		next  Slot
		found bool
	)
	day := dayOf(DateIn(after, r.personZone())) + 1
	r.days(&a, day, day+nextDays, func(w wish) bool {
		next, found = r.slot(&a, w.day, after)
		next = w.mark(next)
		return !found
	})
	return next, found
}

// LaterWindow returns the slot of a further window on one of the person's dates (midnight UTC) that is not over at from, for a
// call that came to nothing in an earlier one. It reports false when that date has none.
func LaterWindow(a roster.Agreement, r Rules, date, from time.Time) (Slot, bool) {
	day := dayOf(date)
	if r.paused(day) {
		return Slot{}, false
	}
	return r.slot(&a, day, from)
}

// laterDays is how far ahead a call may be put off when the days between are closed.
const laterDays = 14

// DayLater returns the slot of a call that is put off by a day: on the first day after its date (midnight UTC) on which
// the person may be called. It reports false when there is none within two weeks, when the agreement has ended by then, and
// when that day is one of the agreement's own: the person has a call on it anyway.
func DayLater(a roster.Agreement, r Rules, date time.Time) (Slot, bool) {
	for day := dayOf(date) + 1; day <= dayOf(date)+laterDays; day++ {
		if !a.ValidUntil.IsZero() && day > dayOf(a.ValidUntil) {
			return Slot{}, false
		}
		if !r.usable(&a, day) {
			continue
		}
		own := false
		r.days(&a, day, day, func(wish) bool { own = true; return false })
		if own {
			return Slot{}, false
		}
		s, ok := r.slot(&a, day, time.Time{})
		s.Instead = date
		return s, ok
	}
	return Slot{}, false
}

// Length is the planned length of a call with the default applied.
func Length(a roster.Agreement) time.Duration {
	if a.Length <= 0 {
		return DefaultLength
	}
	return a.Length
}

// Slack is the time left until the window's end, less the planned length. It is negative when the call would outlast
// its window.
func Slack(now, closes time.Time, length time.Duration) time.Duration {
	return closes.Sub(now) - length
}
