// Package setuptest starts real parts for tests: every call gives the test its
// own PostgreSQL or Asterisk, which ends with the test.
//
// The installation is shared by all packages: it is the .rappel directory
// beside go.mod, prepared under a lock by whoever comes first. Where the parts
// cannot be had (no root, no network) a test is skipped with the reason; with
// CI=true in the environment it fails instead.
package setuptest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rappel-tel/rappel/pkg/setup"
)

// Bounds of a test's own waiting.
const (
	preparePatience = 12 * time.Minute
	startPatience   = 2 * time.Minute
	stopPatience    = 30 * time.Second
)

// Dir is the installation directory shared by all tests: .rappel beside the
// go.mod above the working directory.
func Dir() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find module: %w", err)
	}
	for {
		_, err := os.Stat(filepath.Join(dir, "go.mod"))
		if err == nil {
			return filepath.Join(dir, ".rappel"), nil
		}
		parent := filepath.Dir(dir)
		if !errors.Is(err, fs.ErrNotExist) || parent == dir {
			return "", fmt.Errorf("find go.mod above the working directory: %w", fs.ErrNotExist)
		}
		dir = parent
	}
}

// Prepare prepares the shared installation, for a TestMain that starts parts
// by itself. Tests use Installation.
func Prepare(ctx context.Context, options setup.Options) (*setup.Installation, error) {
	dir, err := Dir()
	if err != nil {
		return nil, err
	}
	options.Dir = dir
	return setup.Prepare(ctx, options)
}

// Installation returns the shared installation with everything in it.
func Installation(t testing.TB) *setup.Installation {
	t.Helper()
	NeedRoot(t)
	return prepare(t, setup.Options{})
}

// Browser returns the path of a Chromium, installed by whoever comes first on a
// machine without one.
func Browser(t testing.TB) string {
	t.Helper()
	return prepare(t, setup.Options{WithoutAsterisk: true, WithoutPostgres: true, Browser: true}).Browser
}

// Spin returns the path of the model checker, installed with the C compiler it needs by whoever comes first on a machine
// without them.
func Spin(t testing.TB) string {
	t.Helper()
	return prepare(t, setup.Options{WithoutAsterisk: true, WithoutPostgres: true, Spin: true}).Spin
}

// NeedRoot skips the test when we are not root; with CI=true it fails.
func NeedRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		Lacking(t, "root is needed to run Asterisk in a root file system of its own, and to mount disks")
	}
}

// Lacking skips a test that cannot run here, with the reason; with CI=true it
// fails the test, because there everything has to run.
func Lacking(t testing.TB, reason string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("CI=true, but %s", reason)
	}
	t.Skip(reason)
}

func prepare(t testing.TB, options setup.Options) *setup.Installation {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), preparePatience)
	defer cancel()
	options.Progress = func(s setup.Step) {
		if s.Done {
			t.Logf("%s: %.1f s", s.Name, s.Took.Seconds())
		}
	}
	inst, err := Prepare(ctx, options)
	if err != nil {
		Lacking(t, "the parts cannot be prepared: "+err.Error())
	}
	return inst
}

// Postgres starts a server with an empty cluster of its own. Change may adapt
// the options; its RunDir and Installation are set.
func Postgres(t testing.TB, change ...func(*setup.PostgresOptions)) *setup.Postgres {
	t.Helper()
	inst := prepare(t, setup.Options{WithoutAsterisk: true})
	options := setup.PostgresOptions{Installation: inst, RunDir: runDir(t, inst), Throwaway: true}
	for _, f := range change {
		f(&options)
	}
	ctx, cancel := context.WithTimeout(t.Context(), startPatience)
	defer cancel()
	pg, err := setup.StartPostgres(ctx, options)
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(func() {
		closePart(t, pg.Close)
		showLog(t, pg.LogPath())
	})
	return pg
}

// Asterisk starts an instance of its own. Change may adapt the options; its
// RunDir and Installation are set.
func Asterisk(t testing.TB, change ...func(*setup.AsteriskOptions)) *setup.Asterisk {
	t.Helper()
	inst := Installation(t)
	options := setup.AsteriskOptions{Installation: inst, RunDir: runDir(t, inst)}
	for _, f := range change {
		f(&options)
	}
	ctx, cancel := context.WithTimeout(t.Context(), startPatience)
	defer cancel()
	a, err := setup.StartAsterisk(ctx, options)
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(func() {
		closePart(t, a.Close)
		showLog(t, a.LogPath())
	})
	return a
}

// runDir is removed at the end of the test, unless it failed: then its logs
// may be needed.
func runDir(t testing.TB, inst *setup.Installation) string {
	t.Helper()
	dir, err := inst.NewRunDir(t.Name())
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("kept for a look: %s", dir)
			return
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("remove run directory: %v", err)
		}
	})
	return dir
}

func closePart(t testing.TB, stop func(context.Context) error) {
	t.Helper()
	// The test's own context has ended by now.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), stopPatience)
	defer cancel()
	if err := stop(ctx); err != nil {
		t.Errorf("%v", err)
	}
}

// showLog prints the end of a log after a failure.
func showLog(t testing.TB, path string) {
	t.Helper()
	if !t.Failed() {
		return
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return
	}
	t.Logf("end of %s:\n%s", path, text[max(0, len(text)-4000):])
}
