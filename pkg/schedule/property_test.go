package schedule

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rappel-tel/rappel/pkg/roster"
)

// The properties hold the package to oracles that read the clock minute by minute and share nothing with it but the rules.

// allowed reports whether a person may be called at an instant, by the letter of what limits it.
func allowed(a *roster.Agreement, r *Rules, at time.Time) bool {
	scheme, hers := at.In(r.zone()), at.In(r.personZone())
	in := func(windows []roster.Window, t time.Time) bool {
		clock := roster.Clock(t.Hour()*60 + t.Minute())
		return slices.ContainsFunc(windows, func(w roster.Window) bool {
			return clock >= w.Begin && clock < w.End && (w.Days == 0 || w.Days.Has(t.Weekday()))
		})
	}
	within := func(t, first, last time.Time) bool {
		day := t.Format(time.DateOnly)
		return day >= first.Format(time.DateOnly) && (last.IsZero() || day <= last.Format(time.DateOnly))
	}
	hours, excepted := []roster.Window{{Begin: 570, End: 1020, Days: roster.WeekdaysOf(1, 2, 3, 4, 5)}}, false
	if r.Hours != nil {
		hours = r.Hours[scheme.Weekday()]
	}
	for _, e := range r.Exceptions {
		if within(scheme, e.First, e.Last) {
			hours, excepted = e.Hours, true
		}
	}
	y, m, d := scheme.Date()
	if !excepted && r.Calendar.Holiday(time.Date(y, m, d, 0, 0, 0, 0, time.UTC)) {
		return false
	}
	for _, p := range r.Pauses {
		if within(hers, p.First, p.Last) {
			return false
		}
	}
	return in(hours, scheme) && (len(a.Windows) == 0 || in(a.Windows, hers))
}

// usableDay reports whether a person can be called at some minute of one of her dates (windows of these properties begin and
// end on a multiple of five minutes), and whether that is sure: on days on which clocks change, part of a window may be
// lost.
func usableDay(a *roster.Agreement, r *Rules, day int) (usable, sure bool) {
	first, _ := passes(day, 0, r.personZone())
	last, _ := passes(day+1, 0, r.personZone())
	for at := first; at.Before(last) && !usable; at = at.Add(5 * time.Minute) {
		usable = allowed(a, r, at)
		if usable && len(a.Windows) == 0 && r.elsewhere() {
			// Without a window of her own she is called inside the scheme's hours by her clock too.
			b := *a
			for _, h := range r.hours(day) {
				b.Windows = append(b.Windows, roster.Window{Begin: h.Begin, End: h.End})
			}
			usable = len(b.Windows) > 0 && allowed(&b, r, at)
		}
	}
	steady := func(zone *time.Location) bool {
		before, _ := passes(day-1, 0, zone)
		after, _ := passes(day+2, 0, zone)
		_, x := before.Zone()
		_, y := after.Zone()
		return x == y
	}
	return usable, steady(r.zone()) && steady(r.personZone())
}

func TestSlotsAreAlwaysAllowed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawSeason(t)
		a, r := in.anything(t)
		from, until := in.stretch(t)
		for i, s := range Between(a, r, from, until) {
			if i > 100 {
				t.Fatal("more than one a day")
			}
			if !s.Closes.After(from) || !s.Opens.Before(until) || !s.Opens.Before(s.Closes) {
				t.Fatalf("outside the stretch: %v", s)
			}
			if a.Cadence != roster.Once && !a.ValidFrom.IsZero() && (s.Date.Before(a.ValidFrom) || s.Date.After(a.ValidUntil)) {
				t.Fatalf("outside validity: %v", s.Date)
			}
			// The first and the last minute, and some between.
			step := max(time.Minute, s.Closes.Sub(s.Opens)/40).Truncate(time.Minute)
			for at := s.Opens; at.Before(s.Closes); at = at.Add(step) {
				if !allowed(&a, &r, at) || !DateIn(at, r.personZone()).Equal(s.Date) {
					t.Fatalf("%v is outside the window, the hours or her date", at)
				}
				if open, _ := r.Open(at); !open {
					t.Fatalf("the scheme is closed at %v", at)
				}
			}
			if !allowed(&a, &r, s.Closes.Add(-time.Minute)) {
				t.Fatalf("the last minute before %v is outside", s.Closes)
			}
		}
	})
}

// The result does not depend on how time is cut up, looking further only adds, and Next walks the same days.
func TestCuttingTimeChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawSeason(t)
		a, r := in.anything(t)
		from, until := in.stretch(t)
		whole := Between(a, r, from, until)
		cut := from.Add(time.Duration(rapid.Int64Range(0, int64(until.Sub(from))).Draw(t, "cut")))
		parts := Between(a, r, from, cut)
		if !slices.Equal(days(whole[:len(parts)]), days(parts)) {
			t.Fatalf("looking further changed %v to %v", days(parts), days(whole))
		}
		for _, s := range Between(a, r, cut, until) {
			if len(parts) == 0 || parts[len(parts)-1].Date.Before(s.Date) {
				parts = append(parts, s)
			}
		}
		if !slices.Equal(days(parts), days(whole)) {
			t.Fatalf("cut at %v: %v, whole: %v", cut, days(parts), days(whole))
		}
		at := from
		for _, want := range whole {
			if !want.Date.After(DateIn(from, r.personZone())) {
				continue
			}
			got, ok := Next(a, r, at)
			if !ok || !got.Date.Equal(want.Date) {
				t.Fatalf("after %v: %v, want %v", at, got.Date, want.Date)
			}
			at = got.Opens
		}
	})
}

// Every week has as many distinct days as agreed, or all the days on which the person can be called, and then it says so.
func TestAsManyAWeekAsAgreed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawSeason(t)
		a, r := in.anything(t)
		a.Cadence, a.ValidFrom, a.ValidUntil = roster.Weekly, time.Time{}, time.Time{}
		for i := range r.Pauses {
			r.Pauses[i].WelcomeBack = false
		}
		agreed := max(a.PerWeek, 1)
		if len(a.Days) > 0 {
			if agreed = min(agreed, len(a.Days)); a.PerWeek == 0 {
				agreed = len(a.Days)
			}
		}
		monday := mondayOf(dayOf(in.day(t, "week")))
		for week := range 3 {
			monday := monday + 7*week
			free, sure := 0, true
			for d := monday; d < monday+7; d++ {
				usable, known := usableDay(&a, &r, d)
				if usable {
					free++
				}
				sure = sure && known
			}
			var got []wish
			r.days(&a, monday, monday+6, func(w wish) bool { got = append(got, w); return true })
			for i := 1; i < len(got); i++ {
				if got[i-1].day >= got[i].day {
					t.Fatalf("twice on a day: %v", got)
				}
			}
			if len(got) != min(agreed, free) && (sure || len(got) > agreed) {
				t.Fatalf("week of %v: %d calls, agreed %d, %d usable days", dateOf(monday), len(got), agreed, free)
			}
			short := Shortfalls(a, r, dateOf(monday), dateOf(monday+6))
			if (len(got) < agreed) != (len(short) == 1) || len(short) == 1 && (short[0].Booked != len(got) || short[0].Wanted != agreed) {
				t.Fatalf("week of %v: %d of %d calls, and it says %v", dateOf(monday), len(got), agreed, short)
			}
		}
	})
}

// Fortnightly calls lie in every second week, whatever lies between, unless the whole week is closed to her; and monthly
// ones in every month.
func TestPeriodsAreKept(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawSeason(t)
		a, r := in.anything(t)
		a.Cadence = rapid.SampledFrom([]roster.Cadence{roster.Fortnightly, roster.Monthly}).Draw(t, "period")
		a.ValidUntil = time.Time{}
		for i := range r.Pauses {
			r.Pauses[i].WelcomeBack = false
		}
		begin, _ := validity(&a)
		first := max(dayOf(in.day(t, "first")), begin+40)
		count := 0
		r.periods(&a, first, first+60, func(p *period) bool {
			count++
			usable, sure := 0, true
			for d := p.first; d <= p.last; d++ {
				yes, known := usableDay(&a, &r, d)
				sure = sure && known
				if yes {
					usable++
					if a.Cadence == roster.Fortnightly && d < p.first+7 && sure && len(p.days) == 1 && p.days[0].day >= p.first+7 {
						t.Fatalf("put off to the second week though %v is usable", dateOf(d))
					}
				}
			}
			if len(p.days) != min(1, usable) && sure {
				t.Fatalf("%v to %v: %d calls, %d usable days", dateOf(p.first), dateOf(p.last), len(p.days), usable)
			}
			if a.Cadence == roster.Fortnightly && (weekNumber(p.first)-r.phase(&a))%2 != 0 {
				t.Fatalf("out of phase: %v", dateOf(p.first))
			}
			return true
		})
		if count < 2 {
			t.Fatalf("%d periods", count)
		}
	})
}

// No place makes the week more uneven than the bound says, in any mixture of agreements; nobody's days move when others come
// and go.
func TestPlacesKeepTheWeekEven(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var load Load
		free := rapid.Bool().Draw(t, "all free")
		for i := range rapid.IntRange(1, 60).Draw(t, "people") {
			a := roster.Agreement{Cadence: roster.Weekly, PerWeek: rapid.IntRange(1, 5).Draw(t, "per week")}
			if !free {
				a.Cadence = rapid.SampledFrom(roster.Cadences()).Draw(t, "cadence")
				a.Windows = drawWindows(t, "windows")
				if rapid.IntRange(0, 2).Draw(t, "chosen") == 0 {
					a.Days = drawDays(t, "days")
				}
			}
			r := Rules{Seed: int64(i)}
			a.Place = load.Place(a, r)
			if again := load.Place(a, r); again != a.Place {
				t.Fatalf("%v, then %v", a.Place, again)
			}
			before := load
			load.Add(a, r)
			if a.Place.Days == 0 {
				continue
			}
			among := r.weekdays(&a)
			figure := func(l Load) int {
				if a.Cadence == roster.Fortnightly {
					return unevenness(l[r.phase(&a)], among, 0, 0)
				}
				var both [7]int
				for d := range both {
					both[d] = l[0][d] + l[1][d]
				}
				return unevenness(both, among, 0, 0)
			}
			w := map[roster.Cadence]int{roster.Weekly: 2 * weekWeight, roster.Fortnightly: weekWeight, roster.Monthly: 2 * monthWeight}[a.Cadence]
			if figure(load) > max(figure(before), 2*w) {
				t.Fatalf("from %v to %v by %v", before, load, a.Place)
			}
		}
		if d := unevenness(load[0], 0b0111110, 0, 0); free && d > 2*weekWeight {
			t.Fatalf("%d quarters of a call between two weekdays: %v", d, load[0])
		}
	})
}

func FuzzLocal(f *testing.F) {
	f.Add(int32(20541), uint16(120), uint16(240), uint8(0))
	f.Fuzz(func(t *testing.T, day int32, begin, end uint16, which uint8) {
		names := []string{"Europe/Brussels", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Casablanca", "America/St_Johns"}
		z := zone(t, names[int(which)%len(names)])
		d := int(day % 60000)
		w := roster.Window{Begin: roster.Clock(begin % 1441), End: roster.Clock(end % 1441)}
		opens, closes, ok := Local(dateOf(d), w, z)
		if !ok {
			return
		}
		if !opens.Before(closes) || closes.Sub(opens) > 26*time.Hour {
			t.Fatalf("%v to %v", opens, closes)
		}
		for _, at := range []time.Time{opens, opens.Add(closes.Sub(opens) / 2).Truncate(time.Minute), closes.Add(-time.Minute)} {
			if at.Before(opens) {
				continue
			}
			local := at.In(z)
			if clock := roster.Clock(local.Hour()*60 + local.Minute()); clock < w.Begin || clock >= w.End {
				t.Fatalf("%v is outside %v", local, w)
			}
		}
	})
}

// Whoever can be called at some minute of a day has her daily call on it, and a dated call is made within two weeks when that
// can be.
func TestEveryUsableDayCounts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawSeason(t)
		a, r := in.anything(t)
		a.ValidFrom, a.ValidUntil = time.Time{}, time.Time{}
		for i := range r.Pauses {
			r.Pauses[i].WelcomeBack = false
		}
		first := dayOf(in.day(t, "first"))
		chosen := roster.WeekdaysOf(a.Days...)
		firstUsable := -1
		for d := first; d <= first+onceMoves; d++ {
			usable, sure := usableDay(&a, &r, d)
			if !sure {
				return
			}
			if usable && firstUsable < 0 {
				firstUsable = d
			}
			a.Cadence = roster.Daily
			got := false
			r.days(&a, d, d, func(wish) bool { got = true; return true })
			if want := usable && (chosen == 0 || chosen.Has(weekdayOf(d))); got != want {
				t.Fatalf("daily call on %v: %v, usable: %v", dateOf(d), got, usable)
			}
		}
		a.Cadence, a.Dates = roster.Once, []time.Time{dateOf(first)}
		got := -1
		r.days(&a, first, first+onceMoves, func(w wish) bool { got = w.day; return true })
		if got != firstUsable {
			t.Fatalf("call of %v: on %v, usable from %v", dateOf(first), dateOf(got), dateOf(firstUsable))
		}
	})
}
