package forecast

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/roster"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestASeedGivesTheSameOutlookOnAnyNumberOfWorkers(t *testing.T) {
	day := town(60, 4, 3)
	one, err := Simulate(t.Context(), day, Options{Runs: 12, Seed: 7, Workers: 1})
	require.NoError(t, err)
	progress := 0
	many, err := Simulate(t.Context(), day, Options{Runs: 12, Seed: 7, Workers: 5, Progress: func(done, of int) {
		progress++
		require.Equal(t, progress, done)
		require.Equal(t, 12, of)
	}})
	require.NoError(t, err)
	require.Equal(t, one, many)
	require.Equal(t, 12, progress)
	other, err := Simulate(t.Context(), day, Options{Runs: 12, Seed: 8})
	require.NoError(t, err)
	require.NotEqual(t, one.Hours, other.Hours)
}

func TestNothingIsLostNorCountedTwice(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		promises, callers := rapid.IntRange(0, 80).Draw(rt, "promises"), rapid.IntRange(0, 8).Draw(rt, "callers")
		day := town(promises, callers, rapid.Uint64().Draw(rt, "town"))
		day.Scheme.Lines = rapid.IntRange(1, 12).Draw(rt, "lines")
		day.Scheme.CallsPerSecond = rapid.SampledFrom([]float64{0, 0.05, 1}).Draw(rt, "pace")
		day.Scheme.Load.Calls = rapid.SampledFrom([]int{0, 5}).Draw(rt, "most calls")
		day.Scheme.Load.HardInRow = rapid.SampledFrom([]int{0, 2}).Draw(rt, "hard in a row")
		for i := range day.Promises {
			if i%5 == 0 {
				day.Promises[i].Kind = call.KindPresence
			}
		}
		s, err := newStage(day, newModel(&day.History), nil)
		require.NoError(rt, err)
		plays, err := s.playAll(context.Background(), 0, 2, Options{Workers: 1, Progress: func(int, int) {}})
		require.NoError(rt, err)
		for _, p := range plays {
			sum := p.sum(func(h *hourTally) int32 { return h.reached + h.unreached + h.missed + h.cancelled })
			require.EqualValues(rt, promises, sum)
			require.LessOrEqual(rt, p.lines, max(day.Scheme.Lines-1, 0), "one is kept for the registration line")
			for h, x := range p.hours {
				require.LessOrEqual(rt, x.busy, x.duty, "hour %d", h)
				require.LessOrEqual(rt, x.duty, time.Duration(callers)*time.Hour, "hour %d", h)
			}
		}
	})
}

func TestTheContextEndsASimulation(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	_, err := Simulate(ctx, town(40, 3, 1), Options{Runs: 10_000, Progress: func(done, _ int) {
		if done == 3 {
			stop()
		}
	}})
	require.ErrorIs(t, err, context.Canceled)
}

// TestAPromiseOfTwoWindowsIsKeptInTheSecond has nobody there in the morning.
func TestAPromiseOfTwoWindowsIsKeptInTheSecond(t *testing.T) {
	day := town(4, 3, 1)
	day.Callers = day.Callers[1:2] // From 13:00 on.
	for i := range day.Promises {
		p := &day.Promises[i]
		p.Opens, p.Closes = day.Date.Add(10*time.Hour), day.Date.Add(11*time.Hour)
		p.Terms = roster.Agreement{Cadence: roster.Daily, Windows: []roster.Window{{Begin: 600, End: 660}, {Begin: 840, End: 1020}}}
		p.Language, p.Continuity = roster.French, roster.Preferred
	}
	o, err := Simulate(t.Context(), day, Options{Runs: 8})
	require.NoError(t, err)
	require.InDelta(t, 4, o.Kept.Mean, 0.1, "%+v", o.Hours)
	for i := range day.Promises {
		day.Promises[i].Terms.Windows = day.Promises[i].Terms.Windows[:1]
	}
	o, err = Simulate(t.Context(), day, Options{Runs: 8})
	require.NoError(t, err)
	require.Zero(t, o.Kept.Mean)
}
