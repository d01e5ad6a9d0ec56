package measure

import (
	"bytes"
	"context"
	"errors"
	"math"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestMedianAndQuantile(t *testing.T) {
	require.Zero(t, Median(nil))
	require.InDelta(t, 2, Median([]float64{3, 1, 2}), 0)
	require.InDelta(t, 2.5, Median([]float64{4, 1, 2, 3}), 0)
	require.Zero(t, Quantile[time.Duration](nil, 0.5))
	hundred := make([]time.Duration, 100)
	for i := range hundred {
		hundred[i] = time.Duration(i + 1)
	}
	require.Equal(t, time.Duration(50), Quantile(hundred, 0.5))
	require.Equal(t, time.Duration(99), Quantile(hundred, 0.99))
	require.Equal(t, time.Duration(7), Quantile([]time.Duration{7}, 0.99))
}

func TestRatiosAndSpread(t *testing.T) {
	require.Equal(t, []float64{2, 5}, Ratios([]float64{4, 3, 10}, []float64{2, 0, 2}))
	require.Empty(t, Spread(nil))
	require.NotNil(t, Spread(nil), "an empty list in JSON")
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(rapid.Float64Range(-1e6, 1e6), 1, 20).Draw(t, "list")
		before := slices.Clone(list)
		spread, median := Spread(list), Median(list)
		require.LessOrEqual(t, spread[0], median)
		require.LessOrEqual(t, median, spread[1])
		require.Equal(t, before, list, "nothing is reordered")
	})
}

func TestRound(t *testing.T) {
	for given, want := range map[float64]float64{0: 0, 12345.6: 12350, 12345: 12345, 0.0123456: 0.01235, -1.23456: -1.235, 5: 5} {
		require.InDelta(t, want, Round(given), 1e-9)
	}
	require.True(t, math.IsInf(Round(math.Inf(1)), 1))
}

// Every side runs once per round, and each comes first as often as the others.
func TestSidesTakeTurns(t *testing.T) {
	var order []string
	side := func(name string, value float64) Side {
		return Side{Name: name, Run: func(context.Context) (float64, error) {
			order = append(order, name)
			return value, nil
		}}
	}
	values, err := Interleave(t.Context(), Rounds{Count: 3}, side("a", 1), side("b", 2), side("c", 3))
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b", "c", "b", "c", "a", "c", "a", "b"}, order)
	require.Equal(t, map[string][]float64{"a": {1, 1, 1}, "b": {2, 2, 2}, "c": {3, 3, 3}}, values)

	broken := errors.New("broken")
	_, err = Interleave(t.Context(), Rounds{Count: 3}, Side{Name: "d", Run: func(context.Context) (float64, error) { return 0, broken }})
	require.ErrorIs(t, err, broken)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = Interleave(ended, Rounds{Count: 1}, side("a", 1))
	require.ErrorIs(t, err, context.Canceled)
}

func TestProgressSaysWhatIsLeft(t *testing.T) {
	var told bytes.Buffer
	at := time.Time{}
	rounds := Rounds{Name: "P2", Count: 3, Progress: &told, now: func() time.Time { return at }}
	_, err := Interleave(t.Context(), rounds, Side{Run: func(context.Context) (float64, error) {
		at = at.Add(20 * time.Second)
		return 0, nil
	}})
	require.NoError(t, err)
	require.Equal(t, "P2 round 1 of 3\nP2 round 2 of 3, 40 s left\nP2 round 3 of 3, 20 s left\n", told.String())
}

func TestProcessorTimeOfThisProcess(t *testing.T) {
	for _, of := range []func(int) (time.Duration, error){OfProcess, OfFamily} {
		used, err := of(os.Getpid())
		require.NoError(t, err)
		require.GreaterOrEqual(t, used, time.Duration(0))
	}
	busy, all, err := OfMachine()
	require.NoError(t, err)
	require.LessOrEqual(t, busy, all)
}
