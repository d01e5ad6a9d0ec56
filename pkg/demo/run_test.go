package demo_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"github.com/rappel-tel/rappel/pkg/demo"
	"github.com/rappel-tel/rappel/pkg/setup"
	"github.com/rappel-tel/rappel/pkg/setup/setuptest"
)

// stageOptions are those of a demonstration with everything of its own.
func stageOptions(t *testing.T) demo.Options {
	t.Helper()
	installation := setuptest.Installation(t)
	run, err := installation.NewRunDir(t.Name())
	require.NoError(t, err)
	t.Cleanup(func() {
		if !t.Failed() {
			require.NoError(t, os.RemoveAll(run))
		}
	})
	return demo.Options{
		Dir: installation.Dir, Run: run, Listen: "127.0.0.1:0", Progress: func(setup.Step) {},
		Logger: zaptest.NewLogger(t, zaptest.Level(zap.WarnLevel)),
	}
}

// The whole house at work: a dozen attempts on a real Asterisk and Postgres, one JSON object, every invariant.
func TestDemo(t *testing.T) {
	options := stageOptions(t)
	var out, told bytes.Buffer
	options.Stdout, options.Stderr, options.Calls, options.JSON = &out, &told, 12, true
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	result, err := demo.Run(ctx, options)
	require.NoError(t, err, told.String())
	require.NoError(t, ctx.Err())
	t.Logf("%+v", result)

	var printed map[string]float64
	require.Equal(t, 1, strings.Count(out.String(), "\n"))
	require.NoError(t, json.Unmarshal(out.Bytes(), &printed))
	sum := 0.0
	for _, name := range []string{
		"answered", "busy", "no_answer", "machine", "failed", "congestion", "cancelled", "unknown",
	} {
		require.Contains(t, printed, name)
		sum += printed[name]
	}
	require.InDelta(t, 12, printed["attempts"], 0)
	require.InDelta(t, 12, sum, 0)
	require.Positive(t, printed["bridged"])
	require.InDelta(t, printed["bridged"], printed["recorded"], 0)
	require.Positive(t, printed["audio_ok"])
	for _, zero := range []string{"silent_calls", "double_rings", "audio_failed"} {
		require.Contains(t, printed, zero)
		require.Zero(t, printed[zero], zero)
	}
	require.Contains(t, told.String(), "/sign-in?link=")
}

// Ctrl-C during the set-up stops what was started, and the next start finds nothing in its way.
func TestDemoIsCalledOff(t *testing.T) {
	options := stageOptions(t)
	for _, after := range []time.Duration{0, 300 * time.Millisecond, 1500 * time.Millisecond} {
		ctx, cancel := context.WithTimeout(t.Context(), after)
		_, err := demo.Run(ctx, options)
		cancel()
		require.NoError(t, err)
	}
}

func TestDemoRefusesNonsense(t *testing.T) {
	for name, change := range map[string]func(*demo.Options){
		"directory": func(o *demo.Options) { o.Dir = "" },
		"calls":     func(o *demo.Options) { o.Calls = -1 },
		"speed":     func(o *demo.Options) { o.Speed = 5000 },
	} {
		options := demo.Options{Dir: t.TempDir()}
		change(&options)
		_, err := demo.Run(t.Context(), options)
		require.ErrorContains(t, err, name)
	}
}
