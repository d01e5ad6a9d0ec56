package forecast

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/schedule"
)

// Records tells what is known of a day. Package postgres implements it.
type Records interface {
	// Day reads what is known at now of a date (midnight UTC) of a scheme: promises booked and those that will be, the
	// roster with its shifts, and the history of the 60 days before now. Of today it holds what is left of it.
	Day(ctx context.Context, scheme int64, date, now time.Time) (Day, error)
}

// Day is what is known of a day before it begins. It is not changed by what is made of it.
type Day struct {
	Scheme   dispatch.Scheme
	Date     time.Time // Of the scheme, midnight UTC.
	From     time.Time // When the simulation begins: the date's midnight, or now when it is today.
	Promises []Promise
	Callers  []Caller
	// Registrars answer the registration line; one who takes calls too is also among Callers.
	Registrars []Caller
	History    History
	// Settled counts what has ended before From, and the calls in which two people talk then: nothing of it is simulated.
	Settled Settled
}

// Settled counts promises by how they ended.
type Settled struct {
	Reached   int `json:"reached"`
	Unreached int `json:"unreached"`
	Missed    int `json:"missed"`
}

// Promise is an open occurrence of the day. Its ID need only differ from the others': what is not booked yet has none in the
// records.
type Promise struct {
	dispatch.Occurrence
	Ref string // The town's reference of the person.
}

// Caller is somebody who takes calls, and when.
type Caller struct {
	dispatch.Caller
	Ref    string // The town's reference; empty for one who is only supposed.
	Shifts []Shift
	// Supposed says that no record tells when she works: the shifts are the scheme's hours.
	Supposed bool
}

// Shift is a stretch of time in which a caller is there. At Ends she still finishes the call she is in.
type Shift struct {
	Begins time.Time `json:"begins"`
	Ends   time.Time `json:"ends"`
}

// Hours are the stretches in which a scheme calls on a date (midnight UTC), holidays and exceptions considered.
func Hours(s *dispatch.Scheme, date time.Time) ([]Shift, error) {
	calendar, err := s.Calendar()
	if err != nil {
		return nil, fmt.Errorf("hours of the scheme: %w", err)
	}
	rules, zone := dispatch.RulesOf(s, calendar), s.Zone
	if zone == nil {
		zone = time.UTC
	}
	y, m, d := date.Date()
	var hours []Shift
	end := time.Date(y, m, d+1, 0, 0, 0, 0, zone)
	for at := time.Date(y, m, d, 0, 0, 0, 0, zone); at.Before(end); {
		open, change := rules.Open(at)
		if !change.After(at) {
			break
		}
		if open {
			hours = append(hours, Shift{Begins: at, Ends: earlier(change, end)})
		}
		at = change
	}
	return hours, nil
}

// ShiftsOf turns hours of a local date (midnight UTC) into shifts.
func ShiftsOf(hours []roster.Window, date time.Time, zone *time.Location) []Shift {
	var list []Shift
	for _, w := range hours {
		if begins, ends, ok := schedule.Local(date, w, zone); ok {
			list = append(list, Shift{Begins: begins, Ends: ends})
		}
	}
	return list
}

// Helpers makes callers who are there in these stretches, whom no roster names: they speak every language and have every skill
// that somebody of the day is promised.
func (d *Day) Helpers(n int, shifts []Shift) []Caller {
	languages, skills := map[roster.Language]bool{}, map[string]bool{}
	helper := dispatch.Caller{
		Roles: []roster.Role{roster.RoleCaller}, Enabled: true, Endpoint: "helper",
	}
	for i := range d.Promises {
		o := &d.Promises[i]
		if !languages[o.Language] {
			languages[o.Language] = true
			helper.Languages = append(helper.Languages, o.Language)
		}
		for _, s := range o.Skills {
			if !skills[s] {
				skills[s] = true
				helper.Skills = append(helper.Skills, s)
			}
		}
	}
	list := make([]Caller, n)
	for i := range list {
		list[i] = Caller{Caller: helper, Shifts: shifts}
		list[i].ID = firstHelper + int64(i)
	}
	return list
}

// firstHelper is beyond every key of a record.
const firstHelper = 1 << 60

// StaffWith puts so many callers on the day, all of them there in the scheme's hours, whatever the roster says: the first of the
// roster, and helpers where it is too short.
func (d *Day) StaffWith(n int) error {
	hours, err := Hours(&d.Scheme, d.Date)
	if err != nil {
		return err
	}
	callers := append([]Caller(nil), d.Callers[:min(n, len(d.Callers))]...)
	for i := range callers {
		callers[i].Shifts, callers[i].Supposed = hours, false
	}
	d.Callers = append(callers, d.Helpers(n-len(callers), hours)...)
	return nil
}

// ErrPast means that a day is over.
var ErrPast = errors.New("that day is over")

var errNoZone = errors.New("the day has no zone or no beginning")

func (d *Day) validate() error {
	if d.Scheme.Zone == nil || d.From.IsZero() || d.Date.IsZero() {
		return errNoZone
	}
	known := make(map[int64]bool, len(d.Promises))
	for i := range d.Promises {
		p := &d.Promises[i]
		if p.ID == 0 || known[p.ID] || !p.Opens.Before(p.Closes) || len(p.Numbers) == 0 {
			return fmt.Errorf("promise %d of the day is unfit: its ID is missing or taken, or it has no window or no number", p.ID)
		}
		known[p.ID] = true
	}
	for i := range d.Callers {
		for _, s := range d.Callers[i].Shifts {
			if !s.Begins.Before(s.Ends) {
				return fmt.Errorf("a shift of caller %d ends before it begins", d.Callers[i].ID)
			}
		}
	}
	return nil
}

// scheme is the scheme as the simulation knows it: the hours of the day alone, so that no calendar is computed a thousand times.
func (d *Day) scheme() (dispatch.Scheme, error) {
	s := d.Scheme
	calendar, err := s.Calendar()
	if err != nil {
		return s, fmt.Errorf("hours of the day: %w", err)
	}
	if calendar.Holiday(d.Date) {
		s.Exceptions = append([]schedule.Exception{{First: d.Date, Last: d.Date}}, s.Exceptions...)
	}
	s.Country, s.Region, s.Paused = "", "", false
	return s, nil
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
