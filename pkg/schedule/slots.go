package schedule

import (
	"slices"
	"time"

	"github.com/rappel-tel/rappel/pkg/roster"
)

// The hours and the planned length when nothing else was agreed.
const (
	DefaultOpens  = roster.Clock(9*60 + 30)
	DefaultCloses = roster.Clock(17 * 60)
	DefaultLength = 20 * time.Minute
)

// Rules is what limits every agreement of a scheme, together with what is known of one person.
type Rules struct {
	Zone          *time.Location // Of the windows and hours; nil means UTC.
	Opens, Closes roster.Clock   // Scheme hours; both 0 means 9:30 to 17:00.
	Weekdays      []time.Weekday // Days on which the scheme calls; empty means Monday to Friday.
	Calendar      *Calendar      // Public holidays; nil means none.
	Closures      []Span         // Days on which the scheme is closed besides.
	Pauses        []Span         // No-call periods and announced absences of the person.
	Seed          int64          // Spreads free days; the agreement's key.
}

// Slot is one dated call: its local date (midnight UTC) and the instants between which it may be made.
type Slot struct {
	Date          time.Time
	Opens, Closes time.Time
}

// Hours are the scheme's hours with the default applied.
func (r Rules) Hours() roster.Window {
	if r.Opens == 0 && r.Closes == 0 {
		return roster.Window{Begin: DefaultOpens, End: DefaultCloses}
	}
	return roster.Window{Begin: r.Opens, End: r.Closes}
}

func (r Rules) zone() *time.Location {
	if r.Zone == nil {
		return time.UTC
	}
	return r.Zone
}

// weekday reports whether the scheme calls on this day of the week.
func (r Rules) weekday(d time.Weekday) bool {
	if len(r.Weekdays) == 0 {
		return d != time.Saturday && d != time.Sunday
	}
	return slices.Contains(r.Weekdays, d)
}

// working reports whether the scheme calls on this day, whoever the person is.
func (r Rules) working(day int) bool {
	return r.weekday(weekdayOf(day)) && !r.Calendar.holiday(day) && !anyHolds(r.Closures, day)
}

// callable reports whether the person may be called on this day.
func (r Rules) callable(day int) bool { return r.working(day) && !anyHolds(r.Pauses, day) }

// WorkingDay reports whether the scheme calls on a local date (midnight UTC).
func (r Rules) WorkingDay(date time.Time) bool { return r.working(dayOf(date)) }

// Open reports whether the scheme's hours run at an instant, and the next instant at which that changes. Within a year
// without a working day it gives up and returns the end of that year.
func (r Rules) Open(now time.Time) (open bool, change time.Time) {
	hours, day := r.Hours(), dayOf(DateIn(now, r.zone()))
	for i := range 366 {
		if !r.working(day + i) {
			continue
		}
		opens, closes, ok := Local(dateOf(day+i), hours, r.zone())
		switch {
		case !ok || !now.Before(closes):
		case now.Before(opens):
			return false, opens
		default:
			return true, closes
		}
	}
	return false, dateOf(day + 366)
}

// slot gives the window of a day: the first agreed window that has something in common with the scheme's hours. A person
// with several windows in a day still gets one call that day.
func (r Rules) slot(a *roster.Agreement, day int) (Slot, bool) {
	hours := r.Hours()
	if len(a.Windows) == 0 {
		opens, closes, ok := Local(dateOf(day), hours, r.zone())
		return Slot{Date: dateOf(day), Opens: opens, Closes: closes}, ok
	}
	for _, w := range a.Windows {
		w.Begin, w.End = max(w.Begin, hours.Begin), min(w.End, hours.End)
		if w.Begin >= w.End {
			continue
		}
		if opens, closes, ok := Local(dateOf(day), w, r.zone()); ok {
			return Slot{Date: dateOf(day), Opens: opens, Closes: closes}, true
		}
	}
	return Slot{}, false
}

// Between returns the slots of an agreement that are not over at from and open before until, in order. A slot that is
// already open at from is among them. The result is the same however a stretch of time is cut into pieces.
func Between(a roster.Agreement, r Rules, from, until time.Time) []Slot {
	var slots []Slot
	first, last := dayOf(DateIn(from, r.zone())), dayOf(DateIn(until, r.zone()))
	r.days(&a, first, last, func(day int) bool {
		if s, ok := r.slot(&a, day); ok && s.Closes.After(from) && s.Opens.Before(until) {
			slots = append(slots, s)
		}
		return true
	})
	return slots
}

// Next returns the first slot on a later local date than after's. It reports false when the agreement holds none within
// two years.
func Next(a roster.Agreement, r Rules, after time.Time) (Slot, bool) {
	var (
		next  Slot
		found bool
	)
	day := dayOf(DateIn(after, r.zone())) + 1
	r.days(&a, day, day+731, func(day int) bool {
		next, found = r.slot(&a, day)
		return !found
	})
	return next, found
}

// laterDays is how far ahead a call may be put off when the days between are closed.
const laterDays = 14

// DayLater returns the slot of a call that is put off by a day: on the first day after its date (midnight UTC) on which
// the person may be called. It reports false when there is none within two weeks, when the agreement has ended by then, and
// when that day is one of the agreement's own: the person has a call on it anyway.
func DayLater(a roster.Agreement, r Rules, date time.Time) (Slot, bool) {
	for day := dayOf(date) + 1; day <= dayOf(date)+laterDays; day++ {
		if !r.callable(day) {
			continue
		}
		own := false
		r.days(&a, day, day, func(int) bool { own = true; return false })
		if own || !a.ValidUntil.IsZero() && day > dayOf(a.ValidUntil) {
			return Slot{}, false
		}
		if s, ok := r.slot(&a, day); ok {
			return s, true
		}
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
