package forecast

import "time"

// Desk is what the registration line needs in one local hour.
type Desk struct {
	Hour     int     `json:"hour"`
	PerHour  float64 `json:"per_hour"`   // Calls to be expected.
	Handle   float64 `json:"handle_s"`   // Seconds that a registrar is busy with one, wrap-up included.
	Patience float64 `json:"patience_s"` // Seconds after which one who waits gives up, on average; 0 means that nobody did.
	Needed   int     `json:"needed"`     // Registrars who answer ServiceShare of the calls within ServiceWithin.
	There    float64 `json:"there"`      // Registrars on shift, on average over the hour.
	Within   float64 `json:"within"`     // Part of the calls that those there, rounded down, answer in time.
}

// The service level that is planned for: four calls of five within 20 seconds.
const (
	ServiceShare  = 0.8
	ServiceWithin = 20 * time.Second
)

// fewCalls is how many calls it takes to say what the line needs.
const fewCalls = 30

// Staffing says how many registrars the registration line needs, hour by hour of the scheme's hours, by Erlang A, or by Erlang C
// when nobody gave up. It is empty when too few calls came in to tell. Patience is estimated over all hours, as the time that all
// have waited for each who gave up, which counts those right who were answered before (Mandelbaum and Zeltyn 2007).
func Staffing(day *Day) ([]Desk, error) {
	all := Line{}
	for _, l := range day.History.Line {
		all.Calls, all.Waited, all.Gone = all.Calls+l.Calls, all.Waited+l.Waited, all.Gone+l.Gone
		all.Taken, all.Talk = all.Taken+l.Taken, all.Talk+l.Talk
	}
	if all.Calls < fewCalls || all.Taken == 0 || day.History.Days == 0 {
		return []Desk{}, nil
	}
	hours, err := Hours(&day.Scheme, day.Date)
	if err != nil {
		return nil, err
	}
	q := Queue{Handle: all.Talk/time.Duration(all.Taken) + day.Scheme.WrapUp}
	if all.Gone > 0 {
		q.Patience = max(all.Waited/time.Duration(all.Gone), time.Second)
	}
	noon := noonOf(day)
	desks := []Desk{}
	for h := range 24 {
		begins := time.Unix(0, noon+int64(h)*int64(time.Hour))
		if overlap(hours, begins) == 0 {
			continue
		}
		q.PerHour = float64(day.History.Line[h].Calls) / float64(day.History.Days)
		d := Desk{Hour: h, PerHour: q.PerHour, Handle: q.Handle.Seconds(), Patience: q.Patience.Seconds(), Needed: q.Needed(ServiceShare, ServiceWithin)}
		for _, r := range day.Registrars {
			d.There += overlap(r.Shifts, begins).Hours()
		}
		q.Servers = int(d.There)
		if q.PerHour == 0 {
			d.Within = 1
		} else if q.Servers > 0 {
			d.Within = q.Within(ServiceWithin)
		}
		desks = append(desks, d)
	}
	return desks, nil
}

// overlap is how much of an hour lies in shifts.
func overlap(shifts []Shift, begins time.Time) (sum time.Duration) {
	ends := begins.Add(time.Hour)
	for _, s := range shifts {
		sum += max(earlier(s.Ends, ends).Sub(later(s.Begins, begins)), 0)
	}
	return sum
}
