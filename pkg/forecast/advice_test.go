package forecast

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestAdviceIsEnoughAndNotTooMuch holds an advice against the simulation: with those callers the target is met, with one less
// it is not.
func TestAdviceIsEnoughAndNotTooMuch(t *testing.T) {
	day := town(150, 6, 5)
	opts := Options{Runs: 40, Seed: 1}
	before, err := Simulate(t.Context(), day, opts)
	require.NoError(t, err)
	require.Greater(t, before.Missed.Mean, 10.0)
	require.NotEmpty(t, before.AtRisk)
	a, err := Advise(t.Context(), day, before, 2, opts)
	require.NoError(t, err)
	require.Empty(t, a.Limit, "%+v", a)
	require.Positive(t, a.Callers)
	t.Logf("%+v", a)
	with := func(n int) float64 {
		hours, err := Hours(&day.Scheme, day.Date)
		require.NoError(t, err)
		st, err := newStage(day, newModel(&day.History), day.Helpers(n, hours))
		require.NoError(t, err)
		plays, err := st.playAll(t.Context(), 0, opts.Runs, Options{Workers: 1, Progress: func(int, int) {}})
		require.NoError(t, err)
		return meanMissed(plays)
	}
	require.LessOrEqual(t, a.Missed, 2.5)
	require.InDelta(t, before.Missed.Mean-a.Missed, a.Saved, 5)
	require.LessOrEqual(t, a.To-a.From, 8)
	require.Greater(t, with(a.Callers-1), 1.5, "one less is not enough")
	again, err := Advise(t.Context(), day, before, 2, Options{Runs: 40, Seed: 1, Workers: 1})
	require.NoError(t, err)
	require.Equal(t, a, again)
}

func TestNoAdviceWhereNoneIsNeededAndWhyWhereNoneHelps(t *testing.T) {
	opts := Options{Runs: 16}
	calm := town(10, 8, 1)
	before, err := Simulate(t.Context(), calm, opts)
	require.NoError(t, err)
	a, err := Advise(t.Context(), calm, before, Target(10), opts)
	require.NoError(t, err)
	require.Zero(t, a.Callers)
	require.Empty(t, a.Limit)

	narrow := town(100, 3, 1)
	narrow.Scheme.Lines = 3
	before, err = Simulate(t.Context(), narrow, opts)
	require.NoError(t, err)
	a, err = Advise(t.Context(), narrow, before, Target(100), opts)
	require.NoError(t, err)
	require.Equal(t, LimitLines, a.Limit, "%+v", a)
}

// TestMoreCallersKeepMore compares rosters on the same days: whoever comes in addition breaks no promises on the whole. An
// order of calls that changes may let a single promise of a single day slip, hence the room.
func TestMoreCallersKeepMore(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		day := town(rapid.IntRange(1, 60).Draw(rt, "promises"), rapid.IntRange(0, 4).Draw(rt, "callers"), rapid.Uint64().Draw(rt, "town"))
		hours, err := Hours(&day.Scheme, day.Date)
		require.NoError(rt, err)
		kept := func(more int) float64 {
			s, err := newStage(day, newModel(&day.History), day.Helpers(more, hours))
			require.NoError(rt, err)
			plays, err := s.playAll(t.Context(), 0, 8, Options{Workers: 1, Progress: func(int, int) {}})
			require.NoError(rt, err)
			return float64(len(day.Promises)) - meanMissed(plays)
		}
		n := rapid.IntRange(1, 3).Draw(rt, "more")
		fewer, more := kept(0), kept(n)
		require.GreaterOrEqual(rt, more, fewer-max(0.5, 0.01*fewer), "%d more", n)
	})
}
