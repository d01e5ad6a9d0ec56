package schedule

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/roster"
)

// easter is the computus of Butcher and Meeus, written down apart from the library that NewCalendar uses.
func easter(year int) time.Time {
	a, b, c := year%19, year/100, year%100
	h := (19*a + b - b/4 - (b-(b+8)/25+1)/3 + 15) % 30
	l := (32 + 2*(b%4) + 2*(c/4) - h - c%4) % 7
	m := (a + 11*h + 22*l) / 451
	return time.Date(year, time.Month((h+l-7*m+114)/31), (h+l-7*m+114)%31+1, 0, 0, 0, 0, time.UTC)
}

// The laws: Code du travail L3133-1 (France), L3134-13 (Alsace-Moselle); royal decree of 18 April 1974, article 1 (Belgium).
func TestHolidaysAreThoseOfTheLaw(t *testing.T) {
	// Easter Sundays as published (Institut de mécanique céleste et de calcul des éphémérides).
	for _, s := range []string{
		"2000-04-23", "2008-03-23", "2011-04-24", "2016-03-27", "2019-04-21", "2020-04-12", "2021-04-04", "2022-04-17",
		"2023-04-09", "2024-03-31", "2025-04-20", "2026-04-05", "2027-03-28", "2028-04-16", "2029-04-01", "2030-04-21",
		"2035-03-25", "2038-04-25",
	} {
		require.Equal(t, date(s), easter(date(s).Year()), s)
	}
	fixed := map[string][]string{
		"FR":    {"01-01", "05-01", "05-08", "07-14", "08-15", "11-01", "11-11", "12-25"},
		"FR-57": {"01-01", "05-01", "05-08", "07-14", "08-15", "11-01", "11-11", "12-25", "12-26"},
		"BE":    {"01-01", "05-01", "07-21", "08-15", "11-01", "11-11", "12-25"},
	}
	moving := map[string][]int{"FR": {1, 39, 50}, "FR-57": {-2, 1, 39, 50}, "BE": {1, 39, 50}} // Days after Easter Sunday.
	for country := range fixed {
		cal, err := NewCalendar(country)
		require.NoError(t, err)
		for year := 2000; year <= 2100; year++ {
			want := map[string]bool{}
			for _, day := range fixed[country] {
				want[time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC).Format("2006-")+day] = true
			}
			for _, n := range moving[country] {
				want[easter(year).AddDate(0, 0, n).Format(time.DateOnly)] = true
			}
			for d := time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC); d.Year() == year; d = d.AddDate(0, 0, 1) {
				require.Equal(t, want[d.Format(time.DateOnly)], cal.Holiday(d), "%s %v", country, d)
			}
		}
	}
}

// The cases that people ask about.
func TestGoldenDays(t *testing.T) {
	weekly := func(days ...time.Weekday) roster.Agreement {
		return roster.Agreement{Cadence: roster.Weekly, Days: days}
	}
	monthly := func(change func(*roster.Agreement)) roster.Agreement {
		a := roster.Agreement{Cadence: roster.Monthly}
		change(&a)
		return a
	}
	for _, c := range []struct {
		name, country string
		agreement     roster.Agreement
		rules         func(*Rules)
		from, until   string
		want          []string
	}{
		{name: "All Saints on a Monday", country: "FR", agreement: weekly(time.Monday), from: "2027-10-25", until: "2027-11-14",
			want: []string{"Mon 2027-10-25", "Tue 2027-11-02", "Mon 2027-11-08"}},
		{name: "Whit Monday", country: "BE", agreement: weekly(time.Monday), from: "2026-05-18", until: "2026-06-02",
			want: []string{"Mon 2026-05-18", "Tue 2026-05-26", "Mon 2026-06-01"}},
		{name: "21 July in Belgium", country: "BE", agreement: weekly(time.Tuesday), from: "2026-07-20", until: "2026-07-30",
			want: []string{"Wed 2026-07-22", "Tue 2026-07-28"}},
		{name: "21 July in France", country: "FR", agreement: weekly(time.Tuesday), from: "2026-07-20", until: "2026-07-30",
			want: []string{"Tue 2026-07-21", "Tue 2026-07-28"}},
		{name: "8 May in France", country: "FR", agreement: roster.Agreement{Cadence: roster.Daily}, from: "2026-05-06", until: "2026-05-12",
			want: []string{"Wed 2026-05-06", "Thu 2026-05-07", "Mon 2026-05-11"}},
		{name: "Good Friday and 26 December in Alsace", country: "FR-67", agreement: weekly(time.Friday), from: "2025-04-14", until: "2025-04-26",
			want: []string{"Thu 2025-04-17", "Fri 2025-04-25"}},
		{name: "29 February, day of the month", country: "BE", agreement: monthly(func(a *roster.Agreement) { a.MonthDay = 29 }),
			from: "2028-02-01", until: "2028-04-01", want: []string{"Tue 2028-02-29", "Wed 2028-03-29"}},
		{name: "29 February where there is none", country: "BE", agreement: monthly(func(a *roster.Agreement) { a.MonthDay = 29 }),
			from: "2027-02-01", until: "2027-04-01", want: []string{"Fri 2027-02-26", "Tue 2027-03-30"}}, // The 28th is a Sunday, the 29th Easter Monday.
		{name: "the 31st is the last day", country: "BE", agreement: monthly(func(a *roster.Agreement) { a.MonthDay = 31 }),
			from: "2026-03-01", until: "2026-07-01", want: []string{"Tue 2026-03-31", "Thu 2026-04-30", "Fri 2026-05-29", "Tue 2026-06-30"}},
		{name: "second Tuesday", country: "FR", agreement: monthly(func(a *roster.Agreement) { a.Nth, a.Days = 2, []time.Weekday{time.Tuesday} }),
			from: "2026-06-01", until: "2026-09-01", want: []string{"Tue 2026-06-09", "Wed 2026-07-15", "Tue 2026-08-11"}},
		{name: "last Friday", country: "FR", agreement: monthly(func(a *roster.Agreement) { a.Nth, a.Days = -1, []time.Weekday{time.Friday} }),
			from: "2026-11-01", until: "2027-02-01", want: []string{"Fri 2026-11-27", "Mon 2026-12-28", "Fri 2027-01-29"}},
		{name: "every second week over a closed one", country: "BE",
			agreement: roster.Agreement{Cadence: roster.Fortnightly, Days: []time.Weekday{time.Wednesday}, ValidFrom: date("2026-12-09")},
			rules:     func(r *Rules) { r.Exceptions = []Exception{{First: date("2026-12-21"), Last: date("2026-12-27")}} },
			from:      "2026-12-07", until: "2027-02-01", want: []string{"Wed 2026-12-09", "Mon 2026-12-28", "Wed 2027-01-06", "Wed 2027-01-20"}},
		{name: "dated calls", country: "FR", agreement: roster.Agreement{Cadence: roster.Once, Dates: []time.Time{date("2026-11-12"), date("2026-11-11")}},
			from: "2026-11-01", until: "2026-12-01", want: []string{"Thu 2026-11-12", "Fri 2026-11-13"}},
		{name: "a chosen day instead of one that was not chosen", country: "BE",
			agreement: roster.Agreement{Cadence: roster.Weekly, PerWeek: 1, Days: []time.Weekday{time.Monday, time.Thursday}},
			from:      "2026-05-25", until: "2026-06-02", want: []string{"Thu 2026-05-28", "Mon 2026-06-01"}},
		{name: "extra hours on a holiday", country: "BE", agreement: weekly(time.Wednesday),
			rules: func(r *Rules) {
				r.Exceptions = []Exception{{First: date("2026-11-11"), Last: date("2026-11-11"), Hours: []roster.Window{{Begin: 600, End: 720}}}}
			}, from: "2026-11-09", until: "2026-11-16", want: []string{"Wed 2026-11-11"}},
		{name: "six a week where there are five days, and an extra Saturday", country: "BE", agreement: roster.Agreement{Cadence: roster.Weekly, PerWeek: 6},
			rules: func(r *Rules) {
				r.Exceptions = []Exception{{First: date("2026-11-21"), Last: date("2026-11-21"), Hours: []roster.Window{{Begin: 600, End: 720}}}}
			}, from: "2026-11-19", until: "2026-11-24", want: []string{"Thu 2026-11-19", "Fri 2026-11-20", "Sat 2026-11-21", "Mon 2026-11-23"}},
		{name: "welcomed back, once", country: "BE", agreement: weekly(time.Friday),
			rules: func(r *Rules) {
				r.Pauses = []Pause{{First: date("2026-11-02"), Last: date("2026-11-10"), WelcomeBack: true}}
			}, from: "2026-11-01", until: "2026-11-30", want: []string{"Thu 2026-11-12", "Fri 2026-11-13", "Fri 2026-11-20", "Fri 2026-11-27"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cal, err := NewCalendar(c.country)
			require.NoError(t, err)
			r := Rules{Zone: zone(t, "Europe/Brussels"), Calendar: cal, Seed: 7}
			if c.rules != nil {
				c.rules(&r)
			}
			require.Equal(t, c.want, days(Between(c.agreement, r, date(c.from), date(c.until))))
		})
	}
}

// The hours of a day, where windows, weekdays, zones and changing clocks meet.
func TestGoldenHours(t *testing.T) {
	monday := roster.WeekdaysOf(time.Monday)
	night := &Week{0: {{Begin: 0, End: 1440}}, 1: {{Begin: 0, End: 1440}}, 2: {{Begin: 0, End: 1440}}}
	for _, c := range []struct {
		name, zone, hers string
		hours            *Week
		windows          []roster.Window
		from             string
		want             string // Empty: no call that day.
	}{
		{name: "the window of the weekday", windows: []roster.Window{{Begin: 600, End: 660, Days: monday}, {Begin: 900, End: 960}},
			from: "2026-11-23T00:00", want: "10:00-11:00"},
		{name: "another weekday", windows: []roster.Window{{Begin: 600, End: 660, Days: monday}, {Begin: 900, End: 960}},
			from: "2026-11-24T00:00", want: "15:00-16:00"},
		{name: "no window that day", windows: []roster.Window{{Begin: 600, End: 660, Days: monday}}, from: "2026-11-24T00:00"},
		{name: "too late for the first window", windows: []roster.Window{{Begin: 600, End: 660}, {Begin: 900, End: 960}},
			from: "2026-11-23T10:50", want: "15:00-16:00"},
		{name: "too late for both, the longer rest", windows: []roster.Window{{Begin: 600, End: 660}}, from: "2026-11-23T10:50", want: "10:00-11:00"},
		{name: "the scheme's lunch", hours: &Week{1: {{Begin: 570, End: 720}, {Begin: 810, End: 1020}}},
			windows: []roster.Window{{Begin: 690, End: 840}}, from: "2026-11-23T00:00", want: "11:30-12:00"},
		{name: "her morning in Réunion is before the scheme opens", hers: "Indian/Reunion", windows: []roster.Window{{Begin: 540, End: 720}},
			from: "2026-11-23T00:00"},
		{name: "her afternoon in Réunion", hers: "Indian/Reunion", windows: []roster.Window{{Begin: 840, End: 1080}},
			from: "2026-11-23T00:00", want: "11:00-15:00"},
		{name: "hours by both clocks without a window", hers: "Indian/Reunion", from: "2026-11-23T00:00", want: "09:30-14:00"},
		{name: "never at night", hers: "Pacific/Noumea", from: "2026-11-23T00:00"},
		{name: "the last Sunday of March loses an hour", hours: night, windows: []roster.Window{{Begin: 60, End: 240}},
			from: "2026-03-29T00:00", want: "01:00-04:00"},
		{name: "a window inside the gap", hours: night, windows: []roster.Window{{Begin: 120, End: 180}}, from: "2026-03-29T00:00"},
		{name: "a window into the gap", hours: night, windows: []roster.Window{{Begin: 90, End: 150}}, from: "2026-03-29T00:00", want: "01:30-03:00"},
		{name: "the last Sunday of October", hours: night, windows: []roster.Window{{Begin: 60, End: 240}},
			from: "2026-10-25T00:00", want: "01:00-04:00"},
	} {
		t.Run(c.name, func(t *testing.T) {
			brussels := zone(t, "Europe/Brussels")
			r := Rules{Zone: brussels, Hours: c.hours}
			if c.hers != "" {
				r.PersonZone = zone(t, c.hers)
			}
			from, err := time.ParseInLocation("2006-01-02T15:04", c.from, brussels)
			require.NoError(t, err)
			a := roster.Agreement{Cadence: roster.Daily, Windows: c.windows}
			day := dayOf(DateIn(from.Add(12*time.Hour), brussels))
			got := ""
			if r.usable(&a, day) {
				s, ok := r.slot(&a, day, from)
				require.True(t, ok)
				got = s.Opens.In(brussels).Format("15:04-") + s.Closes.In(brussels).Format("15:04")
			}
			require.Equal(t, c.want, got)
		})
	}
	// On the last Sunday of March the window 1:00 to 4:00 lasts two hours, on that of October four.
	for at, hours := range map[string]float64{"2026-03-29": 2, "2026-10-25": 4, "2026-06-07": 3} {
		opens, closes, ok := Local(date(at), roster.Window{Begin: 60, End: 240}, zone(t, "Europe/Brussels"))
		require.True(t, ok)
		require.InDelta(t, hours, closes.Sub(opens).Hours(), 0, at)
	}
}

func TestParseHours(t *testing.T) {
	for text, want := range map[string]string{
		"9:30-17:00": "9:30-17:00", "9-12, 13:30-24": "9:00-12:00,13:30-24:00", "closed": "closed", "0-24": "0:00-24:00",
		"": "", "9:30": "", "12-9": "", "9-12,11-13": "", "9-12,12-13": "", "9:3-12": "", "25-26": "", "9-24:01": "", "-1-3": "", "9:-12": "",
	} {
		hours, err := ParseHours(text)
		require.Equal(t, want == "", err != nil, text)
		if err == nil {
			require.Equal(t, want, FormatHours(hours), text)
		}
	}
	for text, want := range map[string]roster.Weekdays{
		"mon-fri": roster.WeekdaysOf(1, 2, 3, 4, 5), "tue,thu": roster.WeekdaysOf(2, 4), "Fri-Mon": roster.WeekdaysOf(5, 6, 0, 1),
	} {
		days, err := ParseWeekdays(text)
		require.NoError(t, err)
		require.Equal(t, want, days, text)
	}
	for _, text := range []string{"", "lundi", "mon-", "mon-fri-sun", "mon,,tue"} {
		_, err := ParseWeekdays(text)
		require.ErrorIs(t, err, ErrWeekdays, text)
	}
}

func FuzzParseHours(f *testing.F) {
	for _, s := range []string{"9:30-12:00,13:30-17:00", "closed", "0-24", "9:3-", "24:00-1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		hours, err := ParseHours(text)
		if err != nil {
			require.ErrorIs(t, err, ErrHours)
			return
		}
		last := roster.Clock(-1)
		for _, w := range hours {
			require.True(t, w.Begin > last && w.Begin < w.End && w.End <= 1440, "%q: %v", text, hours)
			last = w.End
		}
		again, err := ParseHours(FormatHours(hours))
		require.NoError(t, err)
		require.Equal(t, hours, again)
	})
}

// BenchmarkPlan plans 100,000 agreements for 14 days, as a nation's night does; B/op and allocs/op are those of all of them.
func BenchmarkPlan(b *testing.B) {
	cal, err := NewCalendar("BE")
	require.NoError(b, err)
	r := Rules{Zone: zone(b, "Europe/Brussels"), Calendar: cal}
	cadences := []roster.Agreement{
		{Cadence: roster.Weekly, PerWeek: 1}, {Cadence: roster.Weekly, PerWeek: 3, Windows: []roster.Window{{Begin: 600, End: 720}}},
		{Cadence: roster.Weekly, Days: []time.Weekday{2}, Windows: []roster.Window{{Begin: 600, End: 720}, {Begin: 840, End: 960}}},
		{Cadence: roster.Daily}, {Cadence: roster.Fortnightly}, {Cadence: roster.Monthly, MonthDay: 31},
	}
	from := date("2026-11-21")
	until := from.AddDate(0, 0, DefaultAhead)
	b.ReportAllocs()
	for b.Loop() {
		for i := range 100_000 {
			r.Seed = int64(i)
			Between(cadences[i%len(cadences)], r, from, until)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100_000, "ns/agreement")
}
