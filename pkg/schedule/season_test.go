package schedule

import (
	"flag"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rappel-tel/rappel/pkg/roster"
)

// upTo draws a number below 2 to the power of bits, each equally often, where rapid prefers small ones.
func upTo(t *rapid.T, bits int, label string) (n int) {
	for range bits {
		n *= 2
		if rapid.Bool().Draw(t, label) {
			n++
		}
	}
	return n
}

// season is the stretch of a few weeks in which everything of a check happens, so that pauses, exceptions, holidays, changes of
// clocks and promises meet.
type season struct{ begin time.Time }

// drawSeason draws any weeks, or some in which clocks change or holidays abound.
func drawSeason(t *rapid.T) season {
	begins := []string{"2026-03-16", "2026-03-28", "2026-09-25", "2026-10-20", "2026-12-18", "2027-03-14", "2027-04-26", ""}
	begin := begins[upTo(t, 3, "season")]
	if begin == "" {
		return season{date("2026-01-01").AddDate(0, 0, upTo(t, 9, "begin"))}
	}
	return season{date(begin)}
}

func (s season) day(t *rapid.T, label string) time.Time {
	return s.begin.AddDate(0, 0, upTo(t, 5, label))
}

// span draws how many days after its first something has its last.
func (s season) span(t *rapid.T, label string) int {
	return []int{0, 0, 1, 2, 4, 6, 13, 40}[upTo(t, 3, label)]
}

// stretch draws a few weeks to plan.
func (s season) stretch(t *rapid.T) (from, until time.Time) {
	clock := time.Duration(480+5*upTo(t, 7, "clock")) * time.Minute
	if upTo(t, 2, "odd hour") == 0 {
		clock = time.Duration(rapid.IntRange(0, 1439).Draw(t, "minute")) * time.Minute
	}
	from = s.day(t, "planned from").Add(clock)
	return from, from.AddDate(0, 0, 1+upTo(t, 5, "planned days"))
}

// drawWindow draws a window of the day, as a rule.
func drawWindow(t *rapid.T, label string) roster.Window {
	begin, long := 96+upTo(t, 6, label+" begin"), 1+upTo(t, 6, label+" length")
	if upTo(t, 2, label+" at night") == 0 {
		begin = rapid.IntRange(0, 287).Draw(t, label+" begin")
		long = rapid.IntRange(1, 288-begin).Draw(t, label+" length")
	}
	return roster.Window{Begin: roster.Clock(5 * begin), End: roster.Clock(5 * min(288, begin+long))}
}

// drawWindows draws those of an agreement; a second one may touch or overlap the first.
func drawWindows(t *rapid.T, label string) []roster.Window {
	list := make([]roster.Window, upTo(t, 2, label)%3)
	for i := range list {
		list[i] = drawWindow(t, label)
		if i > 0 && rapid.Bool().Draw(t, "touches") && list[0].End < 1440 {
			list[i].Begin, list[i].End = list[0].End, min(1440, list[0].End+list[i].End-list[i].Begin)
		}
		list[i].Days = roster.Weekdays([]int{0, 0, 0b0111110, 0b0100010}[upTo(t, 2, "window days")])
	}
	return list
}

func drawDays(t *rapid.T, label string) []time.Weekday {
	weekday := rapid.SampledFrom([]time.Weekday{0, 1, 2, 3, 4, 5, 6})
	return rapid.SliceOfNDistinct(weekday, 0, 4, rapid.ID[time.Weekday]).Draw(t, label)
}

// rules draws what limits agreements.
func (s season) rules(t *rapid.T) Rules {
	zones := []string{
		"Europe/Brussels", "Europe/Paris", "America/Martinique", "Indian/Reunion", "Pacific/Noumea", "Australia/Lord_Howe",
	}
	cal, err := NewCalendar(rapid.SampledFrom([]string{"", "FR", "BE", "FR-68"}).Draw(t, "country"))
	if err != nil {
		t.Fatal(err)
	}
	r := Rules{Zone: zone(t, rapid.SampledFrom(zones).Draw(t, "zone")), Calendar: cal, Seed: rapid.Int64().Draw(t, "seed")}
	if upTo(t, 2, "elsewhere") == 0 {
		r.PersonZone = zone(t, rapid.SampledFrom(zones).Draw(t, "her zone"))
	}
	if rapid.Bool().Draw(t, "own hours") {
		r.Hours = &Week{}
		for d := range r.Hours {
			if upTo(t, 2, "open day") > 0 {
				r.Hours[d] = []roster.Window{drawWindow(t, "hours")}
			}
		}
	}
	for range upTo(t, 2, "exceptions") {
		first := s.day(t, "exception")
		e := Exception{First: first, Last: first.AddDate(0, 0, s.span(t, "length"))}
		if rapid.Bool().Draw(t, "extra") {
			e.Hours = []roster.Window{drawWindow(t, "extra hours")}
		}
		r.Exceptions = append(r.Exceptions, e)
	}
	r.Pauses = s.pauses(t)
	return r
}

// pauses draws absences and no-call periods; one may begin the day after the one before, or lie across its end.
func (s season) pauses(t *rapid.T) (list []Pause) {
	for i := range upTo(t, 2, "pauses") {
		p := Pause{First: s.day(t, "pause"), WelcomeBack: rapid.Bool().Draw(t, "welcome back")}
		if i > 0 && !list[i-1].Last.IsZero() && rapid.Bool().Draw(t, "touches") {
			p.First = list[i-1].Last.AddDate(0, 0, upTo(t, 1, "gap"))
		}
		if upTo(t, 3, "without end") > 0 {
			p.Last = p.First.AddDate(0, 0, s.span(t, "length"))
		}
		list = append(list, p)
	}
	return list
}

// agreement draws one under rules.
func (s season) agreement(t *rapid.T, r Rules) roster.Agreement {
	a := roster.Agreement{
		Cadence: rapid.SampledFrom(roster.Cadences()).Draw(t, "cadence"), PerWeek: rapid.IntRange(0, 7).Draw(t, "per week"),
		Days: drawDays(t, "days"), Windows: drawWindows(t, "windows"), MonthDay: max(0, rapid.IntRange(-20, 31).Draw(t, "month day")),
		Nth:    rapid.IntRange(-1, 4).Draw(t, "nth"),
		Length: time.Duration(rapid.IntRange(0, 60).Draw(t, "minutes")) * time.Minute,
	}
	for range upTo(t, 2, "dates") {
		a.Dates = append(a.Dates, s.day(t, "date"))
	}
	if rapid.Bool().Draw(t, "placed") {
		var load Load
		a.Place = load.Place(a, r)
	}
	if upTo(t, 2, "bounded") == 0 {
		a.ValidFrom = s.day(t, "from")
		a.ValidUntil = a.ValidFrom.AddDate(0, 0, s.span(t, "valid")*7)
	}
	return a
}

// anything draws rules and an agreement.
func (s season) anything(t *rapid.T) (roster.Agreement, Rules) {
	r := s.rules(t)
	return s.agreement(t, r), r
}

// changed is what becomes of an agreement and its rules: others, or others in part, as people change their minds.
func (s season) changed(t *rapid.T, a roster.Agreement, r Rules) (roster.Agreement, Rules) {
	seed := r.Seed
	switch upTo(t, 3, "change") {
	case 0:
		a, r = s.anything(t)
		r.Seed = seed
	case 1:
		a = s.agreement(t, r)
	case 2:
		pauses := r.Pauses
		r = s.rules(t)
		r.Seed, r.Pauses = seed, pauses
	case 3:
		a.Windows = drawWindows(t, "windows")
	case 4: // Later on the same days.
		if a.Windows = slices.Clone(a.Windows); len(a.Windows) == 0 {
			a.Windows = []roster.Window{{Begin: 0, End: 720}}
		}
		for i, w := range a.Windows {
			a.Windows[i].Begin, a.Windows[i].End = w.End, max(w.End+1, min(1440, 2*w.End-w.Begin))
		}
		if rapid.Bool().Draw(t, "and other days") {
			a.Days = drawDays(t, "days")
		}
	case 5: // She is back, or was not away.
		r.Pauses = slices.Clone(r.Pauses)
		for i := range r.Pauses {
			if p := &r.Pauses[i]; p.Last.IsZero() || rapid.Bool().Draw(t, "back") {
				p.Last = p.First.AddDate(0, 0, upTo(t, 3, "back after")-1)
			}
		}
		r.Pauses = slices.DeleteFunc(r.Pauses, func(p Pause) bool { return p.Last.Before(p.First) })
	case 6:
		r.Exceptions = append(slices.Clone(r.Exceptions), Exception{First: s.day(t, "closed")})
	default:
		r.Pauses = append(slices.Clone(r.Pauses), s.pauses(t)...)
	}
	return a, r
}

// thorough asks rapid for more checks than its default, unless it was told otherwise on the command line: they take a fifth of a
// millisecond each. The seed is the same every time, so that a change is judged by what it changes; -rapid.seed explores.
func thorough(t *testing.T) {
	for name, value := range map[string]string{"rapid.checks": "4000", "rapid.seed": "20261122"} {
		f := flag.Lookup(name)
		if f.Value.String() != f.DefValue {
			continue
		}
		if err := flag.Set(name, value); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = flag.Set(name, f.DefValue) })
	}
}
