package setup_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/setup"
	"github.com/rappel-tel/rappel/pkg/setup/setuptest"
)

// TestKilledParent kills the process that started both parts, in the way that
// leaves it no time for anything, then starts them again over what remains,
// kills again and removes the directory.
func TestKilledParent(t *testing.T) {
	inst := setuptest.Installation(t)
	home := filepath.Join(t.TempDir(), "home")
	require.NoError(t, os.Mkdir(home, 0o700))
	dir := filepath.Join(home, "runs")

	for range 2 {
		child, parts := startChild(t, dir)
		requireNoMount(t, dir)
		for _, pid := range []int{parts.Postgres, parts.Asterisk} {
			requireUnprivileged(t, pid)
			requireOwnMounts(t, pid)
		}
		require.NoError(t, child.Process.Kill())
		_ = child.Wait() // It was killed; that is its result.
		requireGone(t, parts.Postgres)
		requireGone(t, parts.Asterisk)
		requireNoMount(t, dir)
	}

	require.NoError(t, os.RemoveAll(home))
	for _, device := range []string{"/dev/null", "/dev/urandom", "/proc/self"} {
		_, err := os.Stat(device)
		require.NoError(t, err)
	}
	require.DirExists(t, filepath.Join(inst.AsteriskRoot(), "usr"), "the shared root is no part of the run directory")
	// The installation still works.
	setuptest.Asterisk(t, func(o *setup.AsteriskOptions) { o.Files = dialplan(t) })
}

// TestOrphans lets both parts outlive a killed parent; the next start in the
// same directories ends them first.
func TestOrphans(t *testing.T) {
	inst := setuptest.Installation(t)
	dir := filepath.Join(t.TempDir(), "runs")
	child, parts := startChild(t, dir, outliveEnv+"=1")
	require.NoError(t, child.Process.Kill())
	_ = child.Wait() // It was killed; that is its result.
	for _, pid := range []int{parts.Postgres, parts.Asterisk} {
		require.DirExists(t, fmt.Sprintf("/proc/%d", pid))
		requireUnprivileged(t, pid)
	}
	requireNoMount(t, dir)

	pg := setuptest.Postgres(t, func(o *setup.PostgresOptions) { o.RunDir = filepath.Join(dir, "postgres") })
	requireGone(t, parts.Postgres)
	require.NotEqual(t, parts.Postgres, pg.PID())
	a := setuptest.Asterisk(t, func(o *setup.AsteriskOptions) {
		o.Installation, o.RunDir, o.Files = inst, filepath.Join(dir, "asterisk"), dialplan(t)
	})
	requireGone(t, parts.Asterisk)
	require.NotEqual(t, parts.Asterisk, a.PID())
}

func startChild(t *testing.T, dir string, env ...string) (*exec.Cmd, started) {
	t.Helper()
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(append(os.Environ(), childEnv+"="+dir), env...)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	var parts started
	line, err := bufio.NewReader(out).ReadBytes('\n')
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(line, &parts))
	return child, parts
}
