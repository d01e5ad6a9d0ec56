package setup_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/setup"
	"github.com/rappel-tel/rappel/pkg/setup/setuptest"
)

// ordinaryEnv makes the test binary a program that does what an ordinary user
// can do in the directory it names.
const ordinaryEnv = "RAPPEL_SETUP_TEST_ORDINARY"

// runOrdinary starts PostgreSQL and asks for Asterisk, which needs root.
func runOrdinary(dir string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	inst, err := setup.Prepare(ctx, setup.Options{Dir: dir, WithoutAsterisk: true})
	if err != nil {
		return err
	}
	pg, err := setup.StartPostgres(ctx, setup.PostgresOptions{Installation: inst})
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stdout, "postgres runs as", os.Geteuid())
	if err := pg.Close(ctx); err != nil {
		return err
	}
	_, err = setup.Prepare(ctx, setup.Options{Dir: dir}.IgnoringMachine())
	if !errors.Is(err, os.ErrPermission) {
		return fmt.Errorf("building a root file system: %w", err)
	}
	fmt.Fprintln(os.Stdout, err)
	return nil
}

// TestOrdinaryUser runs without root: PostgreSQL works, and for Asterisk the
// error says what to do.
func TestOrdinaryUser(t *testing.T) {
	if _, err := exec.LookPath("postgres"); err != nil {
		t.Skip("the machine has no PostgreSQL of its own, and building one needs root")
	}
	setuptest.NeedRoot(t)
	// Below a directory that everybody may enter; the test's own may not be.
	dir, err := os.MkdirTemp("", "rappel-ordinary-") //nolint:usetesting // Its parents are closed to other users when the test runs below a home directory.
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o777))
	program := filepath.Join(dir, "program")
	copyProgram(t, os.Args[0], program)
	cmd := exec.CommandContext(t.Context(), program)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), ordinaryEnv+"="+filepath.Join(dir, ".rappel"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "postgres runs as 65534")
	require.Contains(t, string(out), "run the command once as root")
	require.False(t, bytes.Contains(out, []byte("panic")))
	require.Equal(t, 2, strings.Count(string(out), "\n"), string(out))
}

func copyProgram(t *testing.T, from, to string) {
	t.Helper()
	source, err := os.Open(from)
	require.NoError(t, err)
	target, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	require.NoError(t, err)
	_, err = io.Copy(target, source)
	require.NoError(t, err)
	require.NoError(t, target.Close())
	require.NoError(t, source.Close())
}
