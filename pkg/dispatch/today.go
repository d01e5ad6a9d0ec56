package dispatch

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/schedule"
)

// Errors of a call that somebody asks for today.
var (
	// ErrNoRoom means that another call today could not be kept, or would break a promise.
	ErrNoRoom = errors.New("there is no room for another call today")
	// ErrAlready means that the person has a call today, or had the one that she asked for.
	ErrAlready = errors.New("there is a call today already")
)

// Today is what is known of the rest of a scheme's day.
type Today struct {
	Scheme  *Scheme
	Rules   schedule.Rules
	Calls   []Occurrence // Promised, of today at least; those under way too.
	Callers []Caller
	Now     time.Time
}

// todayStep is how exactly the hour of a call today is told.
const todayStep = 15 * time.Minute

// Room says at about what time a further call could be made today, and until when: by playing the rest of the day, with the
// callers who are there now, once without and once with it. It returns ErrNoRoom when it would come too late or make
// any promise late that is not late anyway, and ErrAlready when the person has a call today.
func (t Today) Room(want Occurrence) (at, closes time.Time, err error) {
	open, closes := t.Rules.Open(t.Now)
	switch {
	case !open:
		return at, closes, fmt.Errorf("%w: the scheme is closed now", ErrNoRoom)
	case t.Scheme.Paused:
		return at, closes, fmt.Errorf("%w: the scheme is paused", ErrNoRoom)
	}
	var day []Occurrence
	for _, o := range t.Calls {
		if o.Beneficiary == want.Beneficiary && o.Kind != call.KindConfirmation && !o.State.Ended() && o.Opens.Before(closes) {
			return at, closes, ErrAlready
		}
		if o.State == call.OccurrenceOpen && !o.Queued && !o.Kind.Automatic() && later(o.Opens, o.NotBefore).Before(closes) {
			day = append(day, o)
		}
	}
	want.ID, want.State, want.Kind, want.Opens, want.NotBefore, want.Closes = 0, call.OccurrenceOpen, call.KindCallToday, t.Now, t.Now, closes
	late, _ := play(t.Scheme, day, t.seats(), t.waitsFor)
	lateWith, at := play(t.Scheme, append(day, want), t.seats(), t.waitsFor)
	if at.IsZero() || at.Add(want.Length).After(closes) || lateWith > late {
		return time.Time{}, closes, ErrNoRoom
	}
	if rounded := at.Add(todayStep - 1).Truncate(todayStep); rounded.Before(closes) {
		at = rounded // Rounded up: nobody is promised too much.
	}
	return at, closes, nil
}

// seat is a caller in the rest of a day, or in a shift of it.
type seat struct {
	*Caller
	free time.Time
	ends time.Time // When her shift ends: then she begins no call any more. Zero is not known.
	left *int      // Calls that she may still be given, in all her shifts; less than 0 for any number.
	// light spares her hard calls.
	light bool
}

// play gives the calls to the callers in the order in which the dispatcher would, counts those that start too late for a
// whole talk, or never, and says when the one without a key starts. WaitsFor says whether a call is held for its reference caller: is
// she there, or back in a moment?
func play(scheme *Scheme, calls []Occurrence, seats []*seat, waitsFor func(*Occurrence) bool) (late int, wanted time.Time) {
	calls = slices.Clone(calls)
	slices.SortStableFunc(calls, func(x, y Occurrence) int {
		if x.Deferred != y.Deferred {
			return y.Deferred - x.Deferred
		}
		if x.Class != y.Class {
			return y.Class - x.Class
		}
		return slackAt(&x).Compare(slackAt(&y))
	})
	done, held := make([]bool, len(calls)), make([]time.Time, len(calls))
	for i := range calls {
		if o := &calls[i]; o.Reference != 0 && o.Continuity != roster.Rotate && waitsFor(o) {
			held[i] = holdEnds(o, scheme.Hold)
		}
	}
	for len(seats) > 0 {
		slices.SortFunc(seats, func(x, y *seat) int { return x.free.Compare(y.free) })
		s := seats[0]
		best, next := -1, time.Time{}
		for i := range calls {
			o := &calls[i]
			if done[i] || !s.suits(o) {
				continue
			}
			due := later(o.Opens, o.NotBefore)
			if s.ID != o.Reference {
				due = later(due, held[i])
			}
			if !due.After(s.free) {
				best = i
				break
			}
			next = sooner(next, due)
		}
		switch {
		case best < 0 && next.IsZero(), *s.left == 0, !s.ends.IsZero() && !s.free.Before(s.ends):
			seats = seats[1:]
			continue
		case best < 0:
			s.free = next
			continue
		}
		o := &calls[best]
		done[best] = true
		if s.free.Add(o.Length).After(o.Closes) {
			late++
			if !s.free.Before(o.Closes) {
				continue // Nobody is called after her window.
			}
		}
		if o.ID == 0 {
			wanted = s.free
		}
		*s.left--
		s.free = s.free.Add(o.Length + scheme.WrapUp)
	}
	for i := range calls {
		if !done[i] {
			late++
		}
	}
	return late, wanted
}

// waitsFor reports whether a call is held for its reference caller, as the dispatcher holds it.
func (t Today) waitsFor(o *Occurrence) bool {
	i := slices.IndexFunc(t.Callers, func(c Caller) bool { return c.ID == o.Reference })
	if i < 0 {
		return false
	}
	c := &t.Callers[i]
	load := c.Load.Within(t.Scheme.Load)
	return c.Enabled && worthWaiting(c.State) && !spent(load, c) && (&seat{Caller: c, light: spares(load, c)}).suits(o)
}

// seats are the callers who are there, each from when she is free.
func (t Today) seats() []*seat {
	var list []*seat
	for i := range t.Callers {
		c := &t.Callers[i]
		load := c.Load.Within(t.Scheme.Load)
		if !c.Enabled || !slices.Contains(c.Roles, roster.RoleCaller) || spent(load, c) {
			continue
		}
		s := &seat{Caller: c, free: t.Now, left: new(int), light: spares(load, c)}
		if *s.left = -1; load.Calls > 0 {
			*s.left = load.Calls - c.CallsToday
		}
		switch c.State {
		case call.CallerReady, call.CallerReadyOnce:
		case call.CallerReserved, call.CallerInCall:
			s.free = later(t.Now, c.Since.Add(schedule.DefaultLength+t.Scheme.WrapUp))
		case call.CallerWrapUp:
			s.free = later(t.Now, c.Since.Add(t.Scheme.WrapUp))
		default:
			continue
		}
		if c.State == call.CallerReadyOnce {
			*s.left = 1
		}
		list = append(list, s)
	}
	return list
}

// suits reports whether a caller may be given a call.
func (s *seat) suits(o *Occurrence) bool {
	if o.Hard && s.light || !slices.Contains(s.Languages, o.Language) || o.Continuity == roster.Strict && s.ID != o.Reference && s.ID != o.Deputy {
		return false
	}
	return !slices.ContainsFunc(o.Skills, func(skill string) bool { return !slices.Contains(s.Skills, skill) })
}

// roomToday is Today.Room with what the engine knows. What it has said yes to counts until it is booked.
func (e *Engine) roomToday(want Occurrence, now time.Time) (at, closes time.Time, err error) {
	t := Today{Scheme: &e.settings, Rules: RulesOf(&e.settings, e.calendar), Now: now}
	for _, p := range e.occurrences {
		t.Calls = append(t.Calls, p.Occurrence)
	}
	for _, w := range e.staff {
		t.Callers = append(t.Callers, w.Caller)
	}
	slices.SortFunc(t.Callers, func(x, y Caller) int { return int(x.ID - y.ID) })
	kept := e.pledges[:0]
	for _, p := range e.pledges {
		if now.Before(p.until) && !slices.ContainsFunc(t.Calls, func(o Occurrence) bool { return o.Beneficiary == p.Beneficiary && o.Kind == p.Kind }) {
			kept = append(kept, p)
			t.Calls = append(t.Calls, p.Occurrence)
		}
	}
	e.pledges = kept
	if at, closes, err = t.Room(want); err == nil {
		want.ID, want.Kind, want.State = -1, call.KindCallToday, call.OccurrenceOpen
		want.Opens, want.NotBefore, want.Closes = now, now, closes
		e.pledges = append(e.pledges, pledge{Occurrence: want, until: now.Add(e.opts.service(pledged))})
	}
	return at, closes, err
}

// pledge is a call today that was said yes to and may not be booked yet.
type pledge struct {
	Occurrence
	until time.Time
}

// pledged is for how long, in real time, a call counts that may not be booked yet.
const pledged = 10 * time.Second
