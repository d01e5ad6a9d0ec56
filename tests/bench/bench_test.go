package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/rappel-tel/rappel/pkg/setup"
	"github.com/rappel-tel/rappel/pkg/setup/setuptest"
)

func TestMain(m *testing.M) {
	if order := os.Getenv(serveVariable); order != "" {
		os.Exit(status(serve(order))) // The service of a trial is this program again.
	}
	goleak.VerifyTestMain(m)
}

// A quick run places every call, on real phones and a real PBX, in all three modes, and leaves nothing behind. How fast it
// is says nothing about a busy machine, so speed is not looked at.
func TestQuickRunPlacesEveryCallAndLeavesNothing(t *testing.T) {
	setuptest.NeedRoot(t)
	prepared, cancel := context.WithTimeout(t.Context(), 12*time.Minute)
	defer cancel()
	if _, err := setuptest.Prepare(prepared, setup.Options{SIPp: true}); err != nil {
		setuptest.Lacking(t, "the parts cannot be prepared: "+err.Error())
	}
	var out, progress bytes.Buffer
	err := command(t.Context(), []string{"calls", "--json", "--quick"}, &out, &progress)
	require.NoError(t, err, progress.String())
	var r Result
	d := json.NewDecoder(&out)
	d.DisallowUnknownFields()
	require.NoError(t, d.Decode(&r))
	require.Len(t, r.Trials, len(modes()))
	require.LessOrEqual(t, r.LeakedFiles, 1, progress.String()) // See Leaks.
	require.Equal(t, r.LeakedFiles, r.Leaked, progress.String())
	for i, mode := range modes() {
		trial := r.Trials[i]
		require.Equal(t, mode, trial.Mode)
		require.Equal(t, quickRate*3, trial.Calls)
		require.Equal(t, trial.Calls, trial.Answered, "%s: %s", mode, trial.Why)
		require.Zero(t, trial.Failed, "%s: %s", mode, trial.Why)
		require.Positive(t, trial.P50)
		require.GreaterOrEqual(t, trial.P99, trial.P50)
		require.Positive(t, trial.CPU.Asterisk)
		require.Contains(t, r.Asterisk, mode)
	}
	whole := r.Trials[2].Service
	require.NotNil(t, whole)
	require.Equal(t, map[string]int{"answered": quickRate * 3}, whole.Results)
	require.Equal(t, quickRate*3, whole.Bridged)
	require.Zero(t, whole.EventsWaiting)
	for _, key := range []string{
		"dial_cps", "originate_dial_cps", "rappel_cps", "ratio", "asterisk_ms_per_call", "cpu", "leaked", "load_average_before",
	} {
		require.Contains(t, fieldsOf(t, r), key)
	}
}

func fieldsOf(t *testing.T, r Result) map[string]any {
	t.Helper()
	text, err := json.Marshal(r)
	require.NoError(t, err)
	var fields map[string]any
	require.NoError(t, json.Unmarshal(text, &fields))
	return fields
}

// A ramp finds the limit of anything that has one, from wherever it begins, and is not led astray by single bad trials.
func TestRampFindsTheLimit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.Float64Range(20, 400).Draw(t, "limit")
		start := rapid.Float64Range(20, 400).Draw(t, "start")
		flaky := rapid.Bool().Draw(t, "flaky")
		tried := map[float64]int{}
		by := rapid.SampledFrom([]steps{wide(), narrow()}).Draw(t, "steps")
		best, err := ramp(start, 1000, by, func(rate float64) (bool, error) {
			tried[rate]++
			return rate <= limit && (!flaky || tried[rate] > 1), nil
		})
		require.NoError(t, err)
		require.LessOrEqual(t, best, limit)
		trials := 0
		for _, n := range tried {
			trials += n
		}
		if trials < maxTrials {
			require.GreaterOrEqual(t, best*fine, limit*0.999)
		}
	})
}

func TestRampEnds(t *testing.T) {
	never := func(float64) (bool, error) { return false, nil }
	best, err := ramp(300, 1000, wide(), never)
	require.NoError(t, err)
	require.Zero(t, best)

	always := func(float64) (bool, error) { return true, nil }
	best, err = ramp(300, 500, wide(), always)
	require.NoError(t, err)
	require.InDelta(t, 500, best, 0.01)

	broken := errors.New("broken")
	_, err = ramp(300, 500, wide(), func(float64) (bool, error) { return false, broken })
	require.ErrorIs(t, err, broken)
}

func TestWrongWordsAreRefused(t *testing.T) {
	for _, args := range [][]string{nil, {"call"}, {"calls", "--only", "nobody"}, {"calls", "--nothing"}} {
		var out bytes.Buffer
		require.ErrorIs(t, command(t.Context(), args, &out, &out), errUsage)
	}
}
