package schedule

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rappel-tel/rappel/pkg/roster"
)

// Whatever was booked under one agreement and one set of rules, revising it under others touches nothing that is fixed,
// leaves exactly what the new agreement has, and revising again changes nothing.
func TestRevisingTwiceChangesNothing(t *testing.T) {
	thorough(t)
	rapid.Check(t, func(t *rapid.T) {
		in := drawSeason(t)
		a, r := in.anything(t)
		from, until := in.stretch(t)
		if soon := Between(a, r, from, until); len(soon) > 0 && rapid.Bool().Draw(t, "ends while she may be called") {
			until = soon[min(upTo(t, 1, "on day"), len(soon)-1)].Opens.Add(time.Minute)
		}
		var promises []Promise
		for i, s := range Between(a, r, from, until) {
			p := Promise{ID: int64(i + 1), Date: s.Date, Opens: s.Opens, Closes: s.Closes, Instead: s.Instead, WelcomeBack: s.WelcomeBack}
			switch rapid.IntRange(0, 9).Draw(t, "state") {
			case 0:
				p.Fixed = true
			case 1:
				if later, ok := DayLater(a, r, s.Date); ok {
					p = Promise{ID: p.ID, Date: later.Date, Opens: later.Opens, Closes: later.Closes, Instead: later.Instead}
				}
			}
			promises = append(promises, p)
		}
		first := Revise(a, r, promises, Horizon{from, until})
		if len(first.Moved)+len(first.Cancelled) > 0 || slices.ContainsFunc(first.Booked, func(s Slot) bool { return s.Opens.Before(until) }) {
			t.Fatalf("nothing has changed, yet: %+v", first)
		}
		promises = apply(t, promises, first)
		b, q := in.changed(t, a, r)
		if rapid.Bool().Draw(t, "later") { // Some of the calls are over by now.
			from = from.Add(time.Duration(upTo(t, 7, "hours later")) * time.Hour)
			until = until.AddDate(0, 0, upTo(t, 3, "days more"))
			today := q.DateIn(from)
			promises = slices.DeleteFunc(promises, func(p Promise) bool { return p.Date.Before(today) })
			for i := range promises {
				promises[i].Fixed = promises[i].Fixed || promises[i].Opens.Before(from) && rapid.Bool().Draw(t, "rung")
			}
		}
		v := Revise(b, q, promises, Horizon{from, until})
		after := apply(t, promises, v)
		for _, p := range promises {
			if s, again := newFor(v, p); p.Fixed && again {
				t.Fatalf("booked on %v, beside what is fixed on %v instead of %v", s.Date, p.Date, p.Instead)
			}
		}
		open := map[string]bool{}
		for _, p := range after {
			day := p.Date.Format(time.DateOnly)
			if p.Fixed {
				continue
			}
			if open[day] {
				t.Fatalf("two open promises on %s", day)
			}
			open[day] = true
			if q.paused(dayOf(p.Date)) || !q.offers(&b, p) {
				t.Fatalf("kept on %s, where she cannot be called", day)
			}
			if returns := len(q.welcomes(&b, dayOf(p.Date), dayOf(p.Date))) > 0; returns != p.WelcomeBack {
				t.Fatalf("on %s she is welcomed back: %v, and returns: %v", day, p.WelcomeBack, returns)
			}
		}
		for _, s := range Between(b, q, from, until) {
			held := open[s.Date.Format(time.DateOnly)] ||
				slices.ContainsFunc(after, func(p Promise) bool {
					return p.Fixed && p.Date.Equal(s.Date) || p.Instead.Equal(s.Date) || !s.Instead.IsZero() && p.Instead.Equal(s.Instead)
				})
			if s.WelcomeBack { // What stands in for it has to come later: before the absence nobody is welcomed back.
				held = slices.ContainsFunc(after, func(p Promise) bool {
					return (p.Fixed || p.WelcomeBack) && p.Date.Equal(s.Date) || p.Instead.Equal(s.Date) && p.Date.After(s.Date) ||
						!s.Instead.IsZero() && p.Instead.Equal(s.Instead) && p.Date.After(s.Date)
				})
			}
			if !held {
				t.Fatalf("nothing is booked for %v, welcome back: %v", s.Date, s.WelcomeBack)
			}
		}
		if next, ok := Next(b, q, from); ok && len(open) == 0 && !slices.ContainsFunc(after, func(p Promise) bool {
			return p.Date.Equal(next.Date) || !p.Instead.IsZero() && (p.Instead.Equal(next.Date) || p.Instead.Equal(next.Instead))
		}) {
			t.Fatalf("nothing is left open, and nothing booked on %v", next.Date)
		}
		if again := Revise(b, q, after, Horizon{from, until}); !again.Empty() {
			t.Fatalf("revised twice: %+v after %+v", again, v)
		}
	})
}

// newFor finds what a revision books on the date of a promise, or on the date for which that stands in.
func newFor(v Revision, p Promise) (Slot, bool) {
	slots := slices.Clone(v.Booked)
	for _, m := range v.Moved {
		slots = append(slots, m.To)
	}
	for _, s := range slots {
		if s.Date.Equal(p.Date) || !s.WelcomeBack && !p.Instead.IsZero() && s.Date.Equal(p.Instead) {
			return s, true
		}
	}
	return Slot{}, false
}

// TestWhoReturnsIsWelcomed on the first day on which she can be called, by an oracle that shares nothing with the package but the
// rules: once for all absences that end before it, and never otherwise.
func TestWhoReturnsIsWelcomed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawSeason(t)
		a, r := in.anything(t)
		from, until := in.stretch(t)
		first, last := validity(&a)
		want := map[int]bool{}
		for _, p := range r.Pauses {
			if !p.WelcomeBack || p.Last.IsZero() {
				continue
			}
			for day := dayOf(p.Last) + 1; day <= dayOf(p.Last)+welcomeDays; day++ {
				usable, sure := usableDay(&a, &r, day)
				if !sure {
					return
				}
				if usable && day >= first && day <= last {
					want[day] = true
					break
				}
			}
		}
		for _, s := range Between(a, r, from, until) {
			if s.WelcomeBack != want[dayOf(s.Date)] {
				t.Fatalf("on %v she is welcomed back: %v", s.Date, s.WelcomeBack)
			}
			delete(want, dayOf(s.Date))
		}
		for day := range want {
			if dateOf(day).After(r.DateIn(from)) && dateOf(day).Before(r.DateIn(until)) {
				t.Fatalf("not welcomed back on %v", dateOf(day))
			}
		}
	})
}

// apply does what a revision says.
func apply(t *rapid.T, promises []Promise, v Revision) []Promise {
	var after []Promise
	next := int64(100_000 * (1 + len(promises)))
	add := func(s Slot) {
		next++
		after = append(after, Promise{ID: next, Date: s.Date, Opens: s.Opens, Closes: s.Closes, Instead: s.Instead, WelcomeBack: s.WelcomeBack})
	}
	gone := slices.Clone(v.Cancelled)
	for _, m := range v.Moved {
		gone = append(gone, m.ID)
		add(m.To)
	}
	for _, p := range promises {
		if !slices.Contains(gone, p.ID) {
			after = append(after, p)
			continue
		}
		if p.Fixed {
			t.Fatalf("a fixed promise was touched: %+v", p)
		}
	}
	for _, s := range v.Booked {
		add(s)
	}
	return after
}

// TestACallBeforeAnAbsenceWelcomesNobodyBack: it stays, and who returns on the day for which it stands in is welcomed back all the same.
func TestACallBeforeAnAbsenceWelcomesNobodyBack(t *testing.T) {
	a := roster.Agreement{Cadence: roster.Weekly, Days: []time.Weekday{time.Thursday}}
	r := Rules{Pauses: []Pause{{First: date("2026-11-25"), Last: date("2026-11-25"), WelcomeBack: true}}}
	tuesday := date("2026-11-24")
	p := Promise{ID: 1, Date: tuesday, Opens: tuesday.Add(570 * time.Minute), Closes: tuesday.Add(17 * time.Hour), Instead: date("2026-11-26")}
	horizon := Horizon{From: date("2026-11-22"), Until: date("2026-11-28")}
	for _, fixed := range []bool{false, true} {
		p.Fixed = fixed
		v := Revise(a, r, []Promise{p}, horizon)
		if len(v.Moved)+len(v.Cancelled) > 0 || len(v.Booked) != 1 || !v.Booked[0].WelcomeBack || !v.Booked[0].Date.Equal(p.Instead) {
			t.Fatalf("fixed: %v, revised: %+v", fixed, v)
		}
	}
}
