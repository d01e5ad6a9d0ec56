package setup_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/setup"
	"github.com/rappel-tel/rappel/pkg/setup/setuptest"
)

// TestBuildRoot builds everything from nothing below a home directory that
// only root may enter, as on a fresh machine. It takes minutes and the
// network, so it runs when asked: RAPPEL_TEST_BUILD=1.
func TestBuildRoot(t *testing.T) {
	if os.Getenv("RAPPEL_TEST_BUILD") != "1" {
		t.Skip("builds root file systems from the network for minutes: set RAPPEL_TEST_BUILD=1")
	}
	setuptest.NeedRoot(t)
	home := filepath.Join(t.TempDir(), "home")
	require.NoError(t, os.Mkdir(home, 0o700))
	ctx, cancel := context.WithTimeout(t.Context(), 14*time.Minute)
	defer cancel()
	options := setup.Options{Dir: filepath.Join(home, "checkout", ".rappel"), Progress: func(s setup.Step) {
		t.Logf("%s done=%v %s %v", s.Name, s.Done, s.Took.Round(time.Millisecond), s.Err)
	}}.IgnoringMachine()
	inst, err := setup.Prepare(ctx, options)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(inst.PostgresVersion(), "15."), inst.PostgresVersion())
	require.True(t, strings.HasPrefix(inst.AsteriskVersion(), "22."), inst.AsteriskVersion())

	start := time.Now()
	inst, err = setup.Prepare(ctx, options)
	require.NoError(t, err)
	require.Less(t, time.Since(start), 2*time.Second, "a second run finds everything")

	pg, err := setup.StartPostgres(ctx, setup.PostgresOptions{Installation: inst})
	require.NoError(t, err)
	require.NoError(t, pg.Close(ctx))
	a, err := setup.StartAsterisk(ctx, setup.AsteriskOptions{Installation: inst, Files: dialplan(t)})
	require.NoError(t, err)
	require.NoError(t, a.Close(ctx))
	voice, err := setup.NewVoice(inst)
	require.NoError(t, err)
	require.NoError(t, voice.Speak(ctx, "fr", "Bonjour.", filepath.Join(home, "bonjour.wav")))
}
