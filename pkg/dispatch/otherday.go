package dispatch

import (
	"slices"
	"time"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// OtherDay is what is known beforehand of a day that has not begun.
type OtherDay struct {
	Scheme  *Scheme
	Calls   []Occurrence // Promised on it.
	Callers []Caller
	Shifts  map[int64][]Shift // By caller: when she is there.
}

// Shift is a stretch of time in which a caller is there.
type Shift struct{ Begins, Ends time.Time }

// Keeps reports whether a further call can be kept on the day, in its own window: by playing the day with the callers who will
// be there, once without and once with it, as Today.Room does. It is not when it would come too late for a whole talk, or when
// any promise became late that is not late anyway.
func (d OtherDay) Keeps(want Occurrence) bool {
	var day []Occurrence
	for _, o := range d.Calls {
		if o.State == call.OccurrenceOpen && !o.Queued && !o.Kind.Automatic() {
			day = append(day, o)
		}
	}
	want.ID, want.State, want.NotBefore = 0, call.OccurrenceOpen, want.Opens
	late, _ := play(d.Scheme, day, d.seats(), d.waitsFor)
	lateWith, at := play(d.Scheme, append(day, want), d.seats(), d.waitsFor)
	return !at.IsZero() && !at.Add(want.Length).After(want.Closes) && lateWith <= late
}

// waitsFor reports whether the reference caller of a call will be there while it is held for her.
func (d OtherDay) waitsFor(o *Occurrence) bool {
	return slices.ContainsFunc(d.Shifts[o.Reference], func(s Shift) bool {
		return s.Begins.Before(holdEnds(o, d.Scheme.Hold)) && s.Ends.After(o.Opens)
	})
}

// seats are the callers in each of their shifts, whatever they do now.
func (d OtherDay) seats() []*seat {
	var list []*seat
	for i := range d.Callers {
		c := &d.Callers[i]
		if !c.Enabled || !slices.Contains(c.Roles, roster.RoleCaller) {
			continue
		}
		left := -1
		if load := c.Load.Within(d.Scheme.Load); load.Calls > 0 {
			left = load.Calls
		}
		for _, s := range d.Shifts[c.ID] {
			list = append(list, &seat{Caller: c, free: s.Begins, ends: s.Ends, left: &left})
		}
	}
	return list
}
