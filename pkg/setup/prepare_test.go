package setup_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/setup"
	"github.com/rappel-tel/rappel/pkg/setup/setuptest"
)

// TestPrepared prepares the installation that all tests share, and finds it
// ready the second time.
func TestPrepared(t *testing.T) {
	setuptest.Installation(t)
	start := time.Now()
	inst := setuptest.Installation(t)
	t.Logf("a second run finds everything in %s", time.Since(start).Round(time.Millisecond))

	secrets, err := os.Stat(filepath.Join(inst.Dir, "secrets.json"))
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), secrets.Mode().Perm())
	key, err := os.Stat(inst.KeyFile)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), key.Mode().Perm())
	require.NotContains(t, fmt.Sprintf("%v %+v %#v", inst.Secrets, inst.Secrets, inst.Secrets), inst.Secrets.ARIPassword)
}

// TestPrepareProblems checks that errors name the remedy.
func TestPrepareProblems(t *testing.T) {
	_, err := setup.Prepare(t.Context(), setup.Options{})
	require.ErrorContains(t, err, "name the installation directory")

	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err = setup.Prepare(t.Context(), setup.Options{Dir: filepath.Join(file, "x")})
	require.ErrorContains(t, err, "choose a directory you may write to")

	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "secrets.json"), []byte("{}"), 0o600))
	_, err = setup.Prepare(t.Context(), setup.Options{Dir: dir, WithoutAsterisk: true, WithoutPostgres: true})
	require.ErrorContains(t, err, "remove the file")
}

// TestPrepareWaits lets the second set-up wait for the first, and give up when
// its time is over.
func TestPrepareWaits(t *testing.T) {
	dir := t.TempDir()
	held, err := setup.Hold(filepath.Join(dir, "lock"))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	var steps []string
	_, err = setup.Prepare(ctx, setup.Options{Dir: dir, WithoutAsterisk: true, WithoutPostgres: true, Progress: func(s setup.Step) {
		steps = append(steps, s.Name)
		cancel()
	}})
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, err, setup.ErrInUse)
	require.Len(t, steps, 1)
	held()
	_, err = setup.Prepare(t.Context(), setup.Options{Dir: dir, WithoutAsterisk: true, WithoutPostgres: true})
	require.NoError(t, err)
}

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
	t.Logf("a second run finds everything in %s", time.Since(start).Round(time.Millisecond))

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
