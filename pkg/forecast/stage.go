package forecast

import (
	"slices"
	"time"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// stage is a day with a roster, ready to be played: what all plays of it share and none changes.
type stage struct {
	day     *Day
	model   *Model
	callers []Caller
	snap    dispatch.Snapshot
	promise map[int64]int32 // By ID.
	caller  map[int64]int32
	noon    int64 // As noonOf has it.
	lead    time.Duration
	most    time.Time                                   // When a play ends at the latest.
	seen    func(p *play, promise int32, o *call.Order) // Told of every claim; nil as a rule.
}

// longestDay is how long after the last window a call may last.
const longestDay = 24 * time.Hour

func newStage(day *Day, model *Model, more []Caller) (*stage, error) {
	scheme, err := day.scheme()
	if err != nil {
		return nil, err
	}
	s := &stage{
		day: day, model: model, callers: append(append([]Caller(nil), day.Callers...), more...),
		snap: dispatch.Snapshot{Scheme: scheme}, promise: make(map[int64]int32, len(day.Promises)), caller: map[int64]int32{},
		noon: noonOf(day), most: day.From,
	}
	s.snap.Occurrences = make([]dispatch.Occurrence, len(day.Promises))
	for i := range day.Promises {
		o := day.Promises[i].Occurrence
		// Nothing is booked for another day; a further window of this one counts.
		o.State, o.Terms.Cadence, o.Terms.Dates = call.OccurrenceOpen, roster.Once, []time.Time{o.LocalDate}
		o.Pauses = slices.Clone(o.Pauses)
		for k := range o.Pauses {
			o.Pauses[k].WelcomeBack = false
		}
		s.snap.Occurrences[i] = o
		s.promise[o.ID] = int32(i)
		if end := o.Closes.Add(longestDay); end.After(s.most) {
			s.most = end
		}
	}
	for i := range s.callers {
		c := s.callers[i].Caller
		c.State, c.Since, c.MissedInRow = call.CallerOff, day.From, 0
		s.snap.Callers = append(s.snap.Callers, c)
		s.caller[c.ID] = int32(i)
		s.callers[i].Shifts = joined(s.callers[i].Shifts, day.From)
	}
	return s, nil
}

// noonOf is noon of a day less twelve hours: midnight, as a rule. Local hours are counted from it, which is right from three in
// the morning on when clocks change.
func noonOf(d *Day) int64 {
	y, m, day := d.Date.Date()
	return time.Date(y, m, day, 12, 0, 0, 0, d.Scheme.Zone).Add(-12 * time.Hour).UnixNano()
}

// joined puts shifts in order, leaves out what is over at from, and makes one of those that touch.
func joined(shifts []Shift, from time.Time) []Shift {
	shifts = slices.Clone(shifts)
	slices.SortFunc(shifts, func(a, b Shift) int { return a.Begins.Compare(b.Begins) })
	var list []Shift
	for _, s := range shifts {
		if s.Begins.Before(from) {
			s.Begins = from
		}
		if n := len(list); n > 0 && !s.Begins.After(list[n-1].Ends) {
			if s.Ends.After(list[n-1].Ends) {
				list[n-1].Ends = s.Ends
			}
			continue
		}
		if s.Begins.Before(s.Ends) {
			list = append(list, s)
		}
	}
	return list
}

// hour is the local hour of an instant.
func (s *stage) hour(at time.Time) int {
	return min(max(int((at.UnixNano()-s.noon)/int64(time.Hour)), 0), 23)
}
