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

// Week is the hours of each day of the week: element 0 is Sunday, as in time.Weekday. The windows of a day are in order and
// apart; their Days are not looked at. A day without any is closed, so the zero Week never opens.
type Week [7][]roster.Window

// Workdays is the week that has the same hours from Monday to Friday.
func Workdays(opens, closes roster.Clock) *Week {
	hours := []roster.Window{{Begin: opens, End: closes}}
	return &Week{1: hours, 2: hours, 3: hours, 4: hours, 5: hours}
}

// Set gives some days of the week other hours; none closes them.
func (w *Week) Set(days roster.Weekdays, hours []roster.Window) {
	for d := range w {
		if days.Has(time.Weekday(d)) {
			w[d] = hours
		}
	}
}

// Closed reports whether no day has any hours.
func (w *Week) Closed() bool {
	return !slices.ContainsFunc(w[:], func(hours []roster.Window) bool { return len(hours) > 0 })
}

// Exception replaces the hours of some dates, public holidays included.
type Exception struct {
	First, Last time.Time       // Local dates of the scheme (midnight UTC), both included; a zero Last leaves it open.
	Hours       []roster.Window // In order and apart; none means closed.
}

// Pause is a stretch of dates on which one person is not called: a no-call period, or an absence that was announced.
type Pause struct {
	First, Last time.Time // Local dates of the person (midnight UTC), both included; a zero Last leaves it open.
	// WelcomeBack wants a call on the first day after it on which she can be called.
	WelcomeBack bool
	// Skip calls off the agreed call of First alone: no other day stands in for it, and other calls of that day go on.
	Skip bool
}

// Rules is what limits every agreement of a scheme, together with what is known of one person. The zero Rules are those of
// a scheme in UTC that calls from 9:30 to 17:00, Monday to Friday, holidays included.
type Rules struct {
	Zone       *time.Location // The scheme's: of hours, holidays and exceptions; nil means UTC.
	Hours      *Week          // nil means 9:30 to 17:00, Monday to Friday.
	Calendar   *Calendar      // Public holidays; nil means none.
	Exceptions []Exception    // Where two hold on one date, the later of the list counts.

	PersonZone *time.Location // Of the person's windows, dates and pauses; nil means Zone.
	Pauses     []Pause        // Of the person.
	Seed       int64          // The agreement's key: it spreads free days that were given no place.

	usual [1]roster.Window // Room for the default hours, which are then not allocated.
}

func spans(first, last time.Time, day int) bool {
	return day >= dayOf(first) && (last.IsZero() || day <= dayOf(last))
}

func (r *Rules) zone() *time.Location {
	if r.Zone == nil {
		return time.UTC
	}
	return r.Zone
}

func (r *Rules) personZone() *time.Location {
	if r.PersonZone == nil {
		return r.zone()
	}
	return r.PersonZone
}

// elsewhere reports whether the person lives by another clock than the scheme's.
func (r *Rules) elsewhere() bool {
	return r.PersonZone != nil && r.PersonZone != r.Zone && r.PersonZone.String() != r.zone().String()
}

// hours returns the scheme's hours on one of its dates; none means closed.
func (r *Rules) hours(day int) []roster.Window {
	for i := len(r.Exceptions) - 1; i >= 0; i-- {
		if e := &r.Exceptions[i]; spans(e.First, e.Last, day) {
			return e.Hours
		}
	}
	hours := r.usualHours(weekdayOf(day))
	if len(hours) > 0 && r.Calendar.holiday(day) {
		return nil
	}
	return hours
}

// paused reports whether the person is not called on one of her dates.
func (r *Rules) paused(day int) bool {
	for i := range r.Pauses {
		if !r.Pauses[i].Skip && spans(r.Pauses[i].First, r.Pauses[i].Last, day) {
			return true
		}
	}
	return false
}

// skipped reports whether the call that was agreed for one of the person's dates is called off.
func (r *Rules) skipped(day int) bool {
	for i := range r.Pauses {
		if r.Pauses[i].Skip && dayOf(r.Pauses[i].First) == day {
			return true
		}
	}
	return false
}

// DateIn is the person's date at an instant, as midnight UTC.
func (r Rules) DateIn(t time.Time) time.Time { return DateIn(t, r.personZone()) }

// Tomorrow is the first instant of the person's date after the one at t.
func (r Rules) Tomorrow(t time.Time) time.Time {
	_, begins := passes(dayOf(r.DateIn(t))+1, 0, r.personZone())
	return begins
}

// Away reports whether an absence or a no-call period of the person covers an instant.
func (r Rules) Away(at time.Time) bool { return r.paused(dayOf(r.DateIn(at))) }

// WorkingDay reports whether the scheme calls on one of its dates (midnight UTC).
func (r Rules) WorkingDay(date time.Time) bool { return len(r.hours(dayOf(date))) > 0 }

// Open reports whether the scheme's hours run at an instant, and the next instant at which that changes. Within a year
// without an open minute it gives up and returns the end of that year.
func (r Rules) Open(now time.Time) (open bool, change time.Time) {
	zone := r.zone()
	day := dayOf(DateIn(now, zone))
	for i := range 366 {
		for _, w := range r.hours(day + i) {
			opens, closes, ok := Local(dateOf(day+i), w, zone)
			switch {
			case !ok || !now.Before(closes):
			case now.Before(opens):
				return false, opens
			default:
				return true, closes
			}
		}
	}
	return false, dateOf(day + 366)
}

// weekdays is the set of the days of the week on which the scheme usually calls and the agreement has a window.
func (r *Rules) weekdays(a *roster.Agreement) roster.Weekdays {
	var open, wanted roster.Weekdays
	for d := time.Sunday; d <= time.Saturday; d++ {
		if len(r.usualHours(d)) > 0 {
			open |= 1 << d
		}
	}
	for _, w := range a.Windows {
		if w.Days == 0 {
			return open
		}
		wanted |= w.Days
	}
	if len(a.Windows) == 0 {
		return open
	}
	return open & wanted
}

// usualHours returns the scheme's hours on a day of the week.
func (r *Rules) usualHours(d time.Weekday) []roster.Window {
	switch {
	case r.Hours != nil:
		return r.Hours[d]
	case d == time.Saturday || d == time.Sunday:
		return nil
	default:
		r.usual[0] = roster.Window{Begin: DefaultOpens, End: DefaultCloses}
		return r.usual[:]
	}
}
