package figures_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/rappel-tel/rappel/pkg/setup/setuptest"
	"github.com/rappel-tel/rappel/tests/bench/figures"
)

func TestMain(m *testing.M) {
	if order := os.Getenv(figures.ChildVariable); order != "" { // The children of a figure are this program again.
		if err := figures.Child(order); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// The quick form measures every figure, on real databases and with the peers: what is counted must be complete, what is
// compared equal, and what is printed of the form that its readers know. How fast it is says nothing about a busy machine.
func TestQuickFormMeasuresEveryFigure(t *testing.T) {
	root := filepath.Dir(setuptest.Installation(t).Dir)
	results, err := figures.Run(t.Context(), figures.Options{Root: root, Quick: true, Progress: os.Stderr})
	require.NoError(t, err)
	require.Len(t, results, len(figures.Names()))
	for _, name := range figures.Names() {
		x, ok := results[name]
		require.True(t, ok, name)
		text, err := json.Marshal(x)
		require.NoError(t, err)
		var fields map[string]any
		require.NoError(t, json.Unmarshal(text, &fields))
		for _, key := range []string{"value", "unit", "peer", "ratio", "spread", "goal", "met", "details"} {
			require.Contains(t, fields, key, name)
		}
		require.Positive(t, x.Value, name)
		require.NotEmpty(t, x.Goal, name)
		require.NotEmpty(t, x.Unit, name)
		require.True(t, slices.IsSorted(x.Spread), name)
		require.Equal(t, x.Met, x.Limit == "", name)
	}
	of := func(name, detail string) float64 {
		require.Contains(t, results[name].Details, detail, name)
		return results[name].Details[detail]
	}
	// P1, P2, P5 and P6 count their calls themselves, in the records, and fail when one is missing.
	require.InDelta(t, 2000, of("P1", "calls"), 0)
	require.Positive(t, of("P1", "raw"))
	require.Positive(t, of("P2", "river_default_p99_ms"))
	require.InDelta(t, 200, of("P3", "decisions_equal_to_naive"), 0)
	require.Positive(t, of("P4", "heap_bytes_5000"))
	require.Positive(t, of("P5", "dispatch_many"))
	require.Positive(t, of("P6", "index_s"))
	require.Positive(t, of("P7", "events"))
	require.InDelta(t, of("P7", "events")*of("P7", "subscribers")-of("P7", "refilled"), of("P7", "delivered"), 0)
	for _, wrong := range []string{"twice", "out_of_order", "lost"} {
		require.Zero(t, of("P7", wrong), wrong)
	}
	require.InDelta(t, 1, of("P7", "gaps_found"), 0)
	require.Zero(t, of("P8", "pairs_fewer_than_possible"))
	for _, wrong := range []string{"double", "lost", "outside", "silent"} {
		require.Zero(t, of("P9", wrong), "%s: %s", wrong, results["P9"].Limit)
	}
	require.Positive(t, of("P9", "overtaken"))
	require.LessOrEqual(t, of("P9", "kept")+of("P9", "missed"), of("P9", "calls"))
	require.GreaterOrEqual(t, of("P8", "of_the_best_for_those_served"), 0.95)
	require.Positive(t, of("takeover", "killed_s"))
	require.Positive(t, of("takeover", "frozen_s"))
	require.Positive(t, of("live", "told"))
	require.GreaterOrEqual(t, of("live", "events"), 2*of("live", "calls"))
}

func TestOptions(t *testing.T) {
	for name, o := range map[string]figures.Options{
		"no folder":    {},
		"unknown":      {Root: "x", Only: []string{"P10"}},
		"fewer rounds": {Root: "x", Rounds: -1},
	} {
		_, err := figures.Run(t.Context(), o)
		require.Error(t, err, name)
	}
	_, err := figures.Run(t.Context(), figures.Options{Root: "x", Only: []string{"p1"}})
	require.ErrorIs(t, err, figures.ErrUnknown)
}
