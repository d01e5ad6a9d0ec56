package schedule

import (
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/roster"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func zone(t interface{ Fatal(...any) }, name string) *time.Location {
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func date(s string) time.Time {
	d, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return d
}

func days(slots []Slot) []string {
	var out []string
	for _, s := range slots {
		out = append(out, s.Date.Format("Mon 2006-01-02"))
	}
	return out
}

func TestHolidays(t *testing.T) {
	for _, c := range []struct {
		country string
		year    []string
	}{
		{"FR", []string{
			"2026-01-01", "2026-04-06", "2026-05-01", "2026-05-08", "2026-05-14", "2026-05-25", "2026-07-14",
			"2026-08-15", "2026-11-01", "2026-11-11", "2026-12-25",
		}},
		{"BE", []string{
			"2026-01-01", "2026-04-06", "2026-05-01", "2026-05-14", "2026-05-25", "2026-07-21", "2026-08-15",
			"2026-11-01", "2026-11-11", "2026-12-25",
		}},
		{"FR-67", []string{
			"2026-01-01", "2026-04-03", "2026-04-06", "2026-05-01", "2026-05-08", "2026-05-14", "2026-05-25",
			"2026-07-14", "2026-08-15", "2026-11-01", "2026-11-11", "2026-12-25", "2026-12-26",
		}},
		{"", nil},
	} {
		cal, err := NewCalendar(c.country)
		require.NoError(t, err)
		var got []string
		for d := date("2026-01-01"); d.Year() == 2026; d = d.AddDate(0, 0, 1) {
			if cal.Holiday(d) {
				got = append(got, d.Format(time.DateOnly))
			}
		}
		require.Equal(t, c.year, got, c.country)
	}
	_, err := NewCalendar("XX")
	require.ErrorIs(t, err, ErrUnknownCountry)
}

func TestCadences(t *testing.T) {
	cal, err := NewCalendar("BE")
	require.NoError(t, err)
	rules := Rules{Zone: zone(t, "Europe/Brussels"), Calendar: cal, Seed: 7}
	for _, c := range []struct {
		name        string
		agreement   roster.Agreement
		change      func(*Rules)
		from, until string
		want        []string
	}{
		{
			name: "daily skips weekends", agreement: roster.Agreement{Cadence: roster.Daily}, from: "2026-11-19", until: "2026-11-25",
			want: []string{"Thu 2026-11-19", "Fri 2026-11-20", "Mon 2026-11-23", "Tue 2026-11-24"},
		},
		{
			name: "a chosen day", agreement: roster.Agreement{Cadence: roster.Weekly, Days: []time.Weekday{time.Tuesday}},
			from: "2026-11-16", until: "2026-11-30", want: []string{"Tue 2026-11-17", "Tue 2026-11-24"},
		},
		{
			name:      "a holiday moves the call to the next day of the week",
			agreement: roster.Agreement{Cadence: roster.Weekly, Days: []time.Weekday{time.Wednesday}},
			from:      "2026-11-09", until: "2026-11-16", want: []string{"Thu 2026-11-12"},
		},
		{
			name:      "or to the day before when the week has no later one",
			agreement: roster.Agreement{Cadence: roster.Weekly, Days: []time.Weekday{time.Friday}},
			from:      "2026-12-21", until: "2026-12-28", want: []string{"Thu 2026-12-24"},
		},
		{
			name:      "an absence of the whole week drops it",
			agreement: roster.Agreement{Cadence: roster.Weekly, Days: []time.Weekday{time.Tuesday}},
			change:    func(r *Rules) { r.Pauses = []Pause{{First: date("2026-11-16"), Last: date("2026-11-22")}} },
			from:      "2026-11-16", until: "2026-11-30", want: []string{"Tue 2026-11-24"},
		},
		{
			name: "validity",
			agreement: roster.Agreement{
				Cadence: roster.Daily, ValidFrom: date("2026-11-18"), ValidUntil: date("2026-11-19"),
			},
			from: "2026-11-16", until: "2026-11-30", want: []string{"Wed 2026-11-18", "Thu 2026-11-19"},
		},
		{
			name: "fortnightly counts from the first chosen day",
			agreement: roster.Agreement{
				Cadence: roster.Fortnightly, Days: []time.Weekday{time.Monday}, ValidFrom: date("2026-11-11"),
			},
			from: "2026-11-01", until: "2026-12-15", want: []string{"Mon 2026-11-16", "Mon 2026-11-30", "Mon 2026-12-14"},
		},
		{
			name: "once, on the next open day", agreement: roster.Agreement{Cadence: roster.Once, ValidFrom: date("2026-11-11")},
			from: "2026-11-01", until: "2026-12-15", want: []string{"Thu 2026-11-12"},
		},
		{
			name: "saturdays only where the scheme works", agreement: roster.Agreement{Cadence: roster.Daily},
			change: func(r *Rules) { r.Hours = &Week{time.Saturday: {{Begin: 540, End: 720}}} },
			from:   "2026-11-16", until: "2026-11-30", want: []string{"Sat 2026-11-21", "Sat 2026-11-28"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := rules
			if c.change != nil {
				c.change(&r)
			}
			require.Equal(t, c.want, days(Between(c.agreement, r, date(c.from), date(c.until))))
		})
	}
}

func TestADayLater(t *testing.T) {
	cal, err := NewCalendar("BE")
	require.NoError(t, err)
	brussels := zone(t, "Europe/Brussels")
	morning := []roster.Window{{Begin: 10*60 + 30, End: 12 * 60}}
	weekly := func(day time.Weekday, change ...func(*roster.Agreement)) roster.Agreement {
		a := roster.Agreement{Cadence: roster.Weekly, Days: []time.Weekday{day}, Windows: morning}
		for _, c := range change {
			c(&a)
		}
		return a
	}
	for _, c := range []struct {
		name      string
		agreement roster.Agreement
		change    func(*Rules)
		date      string
		want      string // Empty: it stays.
	}{
		{name: "the day after", agreement: weekly(time.Tuesday), date: "2026-11-24", want: "Wed 2026-11-25 10:30"},
		{name: "over a weekend", agreement: weekly(time.Friday), date: "2026-11-27", want: "Mon 2026-11-30 10:30"},
		{name: "over a public holiday", agreement: weekly(time.Tuesday), date: "2026-11-10", want: "Thu 2026-11-12 10:30"},
		{
			name: "over a closure and her absence", agreement: weekly(time.Monday), date: "2026-11-23", want: "Thu 2026-11-26 10:30",
			change: func(r *Rules) {
				r.Exceptions = []Exception{{First: date("2026-11-24"), Last: date("2026-11-24")}}
				r.Pauses = []Pause{{First: date("2026-11-25"), Last: date("2026-11-25")}}
			},
		},
		{
			name: "inside the scheme's hours", agreement: weekly(time.Tuesday), date: "2026-11-24", want: "Wed 2026-11-25 11:00",
			change: func(r *Rules) { r.Hours = Workdays(11*60, 17*60) },
		},
		{name: "clocks have gone back", agreement: weekly(time.Friday), date: "2026-10-23", want: "Mon 2026-10-26 10:30"},
		{name: "a daily call is due then anyway", agreement: roster.Agreement{Cadence: roster.Daily}, date: "2026-11-24"},
		{
			name: "another agreed day", date: "2026-11-24",
			agreement: weekly(time.Tuesday, func(a *roster.Agreement) { a.Days, a.PerWeek = append(a.Days, time.Wednesday), 2 }),
		},
		{
			name: "the agreement is over", date: "2026-11-24",
			agreement: weekly(time.Tuesday, func(a *roster.Agreement) { a.ValidUntil = date("2026-11-24") }),
		},
		{
			name: "an absence without end", agreement: weekly(time.Tuesday), date: "2026-11-24",
			change: func(r *Rules) { r.Pauses = []Pause{{First: date("2026-11-25")}} },
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := Rules{Zone: brussels, Calendar: cal, Seed: 7}
			if c.change != nil {
				c.change(&r)
			}
			s, ok := DayLater(c.agreement, r, date(c.date))
			require.Equal(t, c.want != "", ok)
			if ok {
				require.Equal(t, c.want, s.Opens.In(brussels).Format("Mon 2006-01-02 15:04"))
				require.Equal(t, s.Date, DateIn(s.Opens, brussels))
			}
		})
	}
}

func TestMonthlyComesOnceAMonth(t *testing.T) {
	cal, err := NewCalendar("FR")
	require.NoError(t, err)
	for seed := range int64(50) {
		for _, weekdays := range [][]time.Weekday{nil, {time.Thursday}} {
			r := Rules{Zone: zone(t, "Europe/Paris"), Calendar: cal, Seed: seed}
			slots := Between(roster.Agreement{Cadence: roster.Monthly, Days: weekdays}, r, date("2026-01-01"), date("2027-01-01"))
			require.Len(t, slots, 12)
			for i, s := range slots {
				require.Equal(t, time.Month(i+1), s.Date.Month())
			}
		}
	}
}

func TestLocalOnDaysWhenClocksChange(t *testing.T) {
	paris := zone(t, "Europe/Paris")
	at := func(s string) time.Time {
		v, err := time.Parse(time.RFC3339, s)
		require.NoError(t, err)
		return v
	}
	for _, c := range []struct {
		name          string
		date          string
		begin, end    roster.Clock
		opens, closes string
	}{
		{"ordinary", "2026-06-01", 600, 660, "2026-06-01T10:00:00+02:00", "2026-06-01T11:00:00+02:00"},
		{"a day of 23 hours", "2026-03-29", 0, 1440, "2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00"},
		{"a day of 25 hours", "2026-10-25", 0, 1440, "2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00"},
		{"begins in the gap", "2026-03-29", 150, 240, "2026-03-29T03:00:00+02:00", "2026-03-29T04:00:00+02:00"},
		{"ends in the gap", "2026-03-29", 60, 150, "2026-03-29T01:00:00+01:00", "2026-03-29T03:00:00+02:00"},
		{"inside the gap", "2026-03-29", 130, 170, "", ""},
		{"begins in the overlap", "2026-10-25", 150, 240, "2026-10-25T02:30:00+01:00", "2026-10-25T04:00:00+01:00"},
		{"ends in the overlap", "2026-10-25", 60, 150, "2026-10-25T01:00:00+02:00", "2026-10-25T02:30:00+02:00"},
		{"inside the overlap", "2026-10-25", 130, 170, "2026-10-25T02:10:00+02:00", "2026-10-25T02:50:00+02:00"},
		{"upside down", "2026-06-01", 660, 600, "", ""},
	} {
		opens, closes, ok := Local(date(c.date), roster.Window{Begin: c.begin, End: c.end}, paris)
		require.Equal(t, c.opens != "", ok, c.name)
		if ok {
			require.True(t, opens.Equal(at(c.opens)), "%s: opens %v", c.name, opens)
			require.True(t, closes.Equal(at(c.closes)), "%s: closes %v", c.name, closes)
		}
	}
}

func TestOpen(t *testing.T) {
	cal, err := NewCalendar("BE")
	require.NoError(t, err)
	brussels := zone(t, "Europe/Brussels")
	r := Rules{Zone: brussels, Calendar: cal}
	at := func(s string) time.Time {
		v, err := time.ParseInLocation("2006-01-02 15:04", s, brussels)
		require.NoError(t, err)
		return v
	}
	for _, c := range []struct {
		now    string
		open   bool
		change string
	}{
		{"2026-11-20 09:29", false, "2026-11-20 09:30"},
		{"2026-11-20 09:30", true, "2026-11-20 17:00"},
		{"2026-11-20 17:00", false, "2026-11-23 09:30"},
		{"2026-11-11 12:00", false, "2026-11-12 09:30"},
	} {
		open, change := r.Open(at(c.now))
		require.Equal(t, c.open, open, c.now)
		require.True(t, change.Equal(at(c.change)), "%s: %v", c.now, change)
	}
	r.Hours = &Week{}
	open, _ := r.Open(at("2026-11-20 12:00"))
	require.False(t, open, "a scheme without a working day never opens")
}

func TestRetry(t *testing.T) {
	end := time.Date(2026, 11, 20, 16, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name     string
		ladder   Ladder
		result   call.Result
		attempts int
		closes   time.Duration
		wait     time.Duration // 0: not tried again.
	}{
		{"busy", Ladder{}, call.ResultBusy, 1, time.Hour, 5 * time.Minute},
		{"no answer", Ladder{}, call.ResultNoAnswer, 1, time.Hour, 30 * time.Minute},
		{"too near the end", Ladder{}, call.ResultNoAnswer, 1, 30 * time.Minute, 0},
		{"spent", Ladder{}, call.ResultBusy, 3, time.Hour, 0},
		{"configured", Ladder{
			After: map[call.Result]time.Duration{call.ResultBusy: time.Minute}, MaxAttempts: 4,
		}, call.ResultBusy, 3, time.Hour, time.Minute},
		{"never by configuration", Ladder{
			After: map[call.Result]time.Duration{call.ResultBusy: 0},
		}, call.ResultBusy, 1, time.Hour, 0},
		{"a kind's own", Ladder{
			After: map[call.Result]time.Duration{call.ResultBusy: time.Minute},
			Kinds: map[call.Kind]Ladder{call.KindPresence: {After: map[call.Result]time.Duration{call.ResultBusy: 2 * time.Minute}}},
		}.For(call.KindPresence), call.ResultBusy, 2, time.Hour, 2 * time.Minute},
		{"a kind's, where it says nothing", Ladder{
			After: map[call.Result]time.Duration{call.ResultBusy: time.Minute}, MaxAttempts: 4,
			Kinds: map[call.Kind]Ladder{call.KindPresence: {}},
		}.For(call.KindPresence), call.ResultBusy, 3, time.Hour, time.Minute},
		{"a kind's, tried less often", Ladder{Kinds: map[call.Kind]Ladder{call.KindSurvey: {MaxAttempts: 1}}}.For(call.KindSurvey), call.ResultBusy, 1, time.Hour, 0},
		{"answered", Ladder{}, call.ResultAnswered, 1, time.Hour, 0},
	} {
		at, ok := c.ladder.Retry(end, c.result, c.attempts, end.Add(c.closes))
		require.Equal(t, c.wait > 0, ok, c.name)
		if ok {
			require.Equal(t, c.wait, at.Sub(end), c.name)
		}
	}
}

func BenchmarkNext(b *testing.B) {
	cal, err := NewCalendar("BE")
	require.NoError(b, err)
	r := Rules{Zone: zone(b, "Europe/Brussels"), Calendar: cal, Seed: 7}
	a := roster.Agreement{Cadence: roster.Weekly, PerWeek: 2, Windows: []roster.Window{{Begin: 600, End: 720}}}
	at := date("2026-11-21")
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := Next(a, r, at); !ok {
			b.Fatal("none")
		}
	}
}

func TestWeekdaysAreReadAsTheyAreWritten(t *testing.T) {
	for set := range roster.Weekdays(128) {
		text := FormatWeekdays(set)
		if set == 0 {
			require.Empty(t, text)
			continue
		}
		read, err := ParseWeekdays(text)
		require.NoError(t, err)
		require.Equal(t, set, read)
	}
}
