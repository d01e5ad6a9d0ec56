package report_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/report"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var nine = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// day is a record with so many promises, which open one after the other from nine o'clock on.
func day(promises int) report.Record {
	r := report.Record{At: nine, Zone: time.UTC, Number: 100}
	for i := range promises {
		opens := nine.Add(time.Duration(i) * time.Minute)
		r.Promises = append(r.Promises, report.Promise{
			ID: id(1, i), Kind: call.KindScheduled, State: call.OccurrenceOpen, LocalDate: nine.Truncate(24 * time.Hour),
			Opens: opens, Closes: opens.Add(2 * time.Hour), Length: 20 * time.Minute,
		})
	}
	r.Callers = []report.Working{{ID: id(2, 0), Enabled: true, State: call.CallerReady, Since: nine}}
	return r
}

func id(kind byte, n int) string {
	return uuid.UUID{kind, 6: 0x70, 8: 0x80, 12: byte(n >> 24), 13: byte(n >> 16), 14: byte(n >> 8), 15: byte(n)}.String()
}

func event(number int64, entity, id, kind, data string) *call.Event {
	return &call.Event{Number: number, Entity: entity, EntityID: id, Kind: kind, At: nine, Data: json.RawMessage(data)}
}

func TestTimeMakesPromisesDueAndLate(t *testing.T) {
	fold, err := report.NewFold(day(3))
	require.NoError(t, err)
	require.Equal(t, report.Today{
		Planned: 3, Due: 1, Open: 1, Later: 2, OldestOpen: nine, LeastSlack: nine.Add(100 * time.Minute),
	}, fold.Live(nine).Today)
	taken, err := fold.Apply(event(101, "attempt", id(3, 0), "claimed", `{"occurrence":"`+id(1, 0)+`"}`))
	require.NoError(t, err)
	require.Equal(t, report.TakenApplied, taken)
	require.Equal(t, report.Today{
		Planned: 3, Due: 2, Open: 1, Later: 1, Claimed: 1, OldestOpen: nine.Add(time.Minute), LeastSlack: nine.Add(101 * time.Minute),
	}, fold.Live(nine.Add(time.Minute)).Today)
	// The first comes back, and an hour and a half after nine its window is nearly over.
	_, err = fold.Apply(event(102, "occurrence", id(1, 0), "open", `{}`))
	require.NoError(t, err)
	require.Equal(t, report.Today{
		Planned: 3, Due: 3, Open: 3, Late: 1, OldestOpen: nine, LeastSlack: nine.Add(100 * time.Minute),
	}, fold.Live(nine.Add(90*time.Minute)).Today)
	require.True(t, fold.Today(nine.Add(14*time.Hour)))
	require.False(t, fold.Today(nine.Add(15*time.Hour)))
}

func TestWhatAFoldMakesOfEvents(t *testing.T) {
	fold, err := report.NewFold(day(1))
	require.NoError(t, err)
	for what, c := range map[string]struct {
		event *call.Event
		taken report.Taken
		bad   bool
	}{
		"an old one":               {event(100, "message", id(4, 0), "left", `{}`), report.TakenKnown, false},
		"one too early":            {event(102, "message", id(4, 0), "left", `{}`), report.TakenGap, false},
		"an import":                {event(101, "scheme", id(5, 0), "roster", `{"staff":2}`), report.TakenUnclear, false},
		"somebody new":             {event(101, "caller", id(2, 9), "state", `{"state":"ready"}`), report.TakenUnclear, false},
		"rubbish":                  {event(101, "occurrence", id(1, 0), "booked", `{"date":7}`), report.TakenUnclear, true},
		"an id that is none":       {event(101, "caller", "x", "state", `{}`), report.TakenUnclear, true},
		"a date that is none":      {event(101, "occurrence", id(1, 5), "booked", `{}`), report.TakenUnclear, true},
		"an entity of the future":  {event(101, "circle", id(6, 0), "begun", `{"x":[]}`), report.TakenApplied, false},
		"a kind that says nothing": {event(102, "occurrence", id(1, 0), "welfare", `{}`), report.TakenGap, false},
	} {
		if c.taken == report.TakenApplied {
			continue // It changes the fold: last.
		}
		taken, err := fold.Apply(c.event)
		require.Equal(t, c.bad, err != nil, what)
		require.Equal(t, c.taken, taken, what)
		require.EqualValues(t, 100, fold.Number(), what)
	}
	before := fold.Live(nine)
	for n, e := range []*call.Event{
		event(101, "circle", id(6, 0), "begun", `{"x":[]}`), event(102, "occurrence", id(1, 0), "welfare", `{}`),
		event(103, "occurrence", id(1, 77), "reached", `{}`), event(104, "inbound", id(7, 0), "ended", `{}`),
	} {
		taken, err := fold.Apply(e)
		require.NoError(t, err, n)
		require.Equal(t, report.TakenApplied, taken, n)
	}
	before.Number = 104
	require.Equal(t, before, fold.Live(nine), "what does not concern the figures changes nothing but the number")
}

// BenchmarkFold shows the cost of an event: a claim, two people who talk, the end of the attempt and of the promise.
func BenchmarkFold(b *testing.B) {
	for _, held := range []int{1000, 100_000} {
		b.Run(fmt.Sprintf("%d promises", held), func(b *testing.B) {
			r := day(held)
			var fold *report.Fold
			i, number := held, int64(0)
			var err error
			for b.Loop() {
				if i == held {
					b.StopTimer()
					if fold, err = report.NewFold(r); err != nil {
						b.Fatal(err)
					}
					i, number = 0, r.Number
					b.StartTimer()
				}
				for n, e := range []*call.Event{
					event(0, "attempt", id(3, i), "claimed", `{"occurrence":"`+id(1, i)+`","caller":"`+id(2, 0)+`","offer":1,"call_kind":"scheduled"}`),
					event(0, "attempt", id(3, i), "bridged", `{"offer":1}`),
					event(0, "attempt", id(3, i), "ended", `{"result":"answered","fault":"none","cause":16,"talk_ms":249000,"rang":true,"caller":"`+id(2, 0)+`"}`),
					event(0, "occurrence", id(1, i), "reached", `{"attempts":1,"deferred":0,"rang":true}`),
				} {
					number++
					e.Number = number
					if taken, err := fold.Apply(e); err != nil || taken != report.TakenApplied {
						b.Fatal(n, taken, err)
					}
				}
				i++
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/4, "ns/event")
		})
	}
}

// TestWhatPeopleAskOfTheirCallsIsCounted: what waits is counted until it is settled, on whatever day; the rest on its own day.
func TestWhatPeopleAskOfTheirCallsIsCounted(t *testing.T) {
	r := day(1)
	r.Appointments = report.Appointments{Confirmed: 2, Pending: 1}
	fold, err := report.NewFold(r)
	require.NoError(t, err)
	yesterday := event(104, "appointment", id(4, 3), "lapsed", `{"change":"away","pending":true}`)
	yesterday.At = nine.AddDate(0, 0, -1)
	for _, e := range []*call.Event{
		event(101, "appointment", id(4, 0), "confirmed", `{"change":"confirm"}`),
		event(102, "appointment", id(4, 1), "asked", `{"change":"move"}`),
		event(103, "appointment", id(4, 1), "changed", `{"change":"move","pending":true}`),
		yesterday,
		event(105, "appointment", id(4, 4), "changed", `{"change":"skip"}`),
		event(106, "appointment", id(4, 5), "asked", `{"change":"skip"}`),
		event(107, "appointment", id(4, 5), "refused", `{"change":"skip","pending":true}`),
		event(108, "appointment", id(4, 6), "asked", `{"change":"skip"}`),
	} {
		taken, err := fold.Apply(e)
		require.NoError(t, err)
		require.Equal(t, report.TakenApplied, taken)
	}
	require.Equal(t, report.Appointments{Confirmed: 3, Changed: 2, Pending: 1, Refused: 1}, fold.Live(nine).Appointments)
}
