package setup_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/rappel-tel/rappel/pkg/setup"
	"github.com/rappel-tel/rappel/pkg/setup/setuptest"
)

// childEnv makes the test binary a program that starts both parts in the
// directory it names and waits to be killed.
const childEnv = "RAPPEL_SETUP_TEST_CHILD"

// outliveEnv makes what the child starts outlive it.
const outliveEnv = "RAPPEL_SETUP_TEST_OUTLIVE"

func TestMain(m *testing.M) {
	for env, run := range map[string]func(string) error{childEnv: runChild, ordinaryEnv: runOrdinary} {
		dir := os.Getenv(env)
		if dir == "" {
			continue
		}
		if err := run(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// started is what the child prints when everything runs.
type started struct{ Postgres, Asterisk int }

func runChild(dir string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	inst, err := setuptest.Prepare(ctx, setup.Options{})
	if err != nil {
		return err
	}
	outlive := os.Getenv(outliveEnv) != ""
	pg, err := setup.StartPostgres(ctx, setup.PostgresOptions{Installation: inst, RunDir: dir + "/postgres", OutliveParent: outlive})
	if err != nil {
		return err
	}
	text, err := os.ReadFile("testdata/extensions.conf")
	if err != nil {
		return err
	}
	a, err := setup.StartAsterisk(ctx, setup.AsteriskOptions{
		Installation: inst, RunDir: dir + "/asterisk", Files: map[string]string{"extensions.conf": string(text)}, OutliveParent: outlive,
	})
	if err != nil {
		return err
	}
	if err := json.NewEncoder(os.Stdout).Encode(started{Postgres: pg.PID(), Asterisk: a.PID()}); err != nil {
		return err
	}
	<-ctx.Done()
	return ctx.Err()
}

// dialplan is the one these tests bring along.
func dialplan(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("testdata/extensions.conf")
	require.NoError(t, err)
	return map[string]string{"extensions.conf": string(text)}
}

// requireUnprivileged checks the users and capabilities of a process.
func requireUnprivileged(t *testing.T, pid int) {
	t.Helper()
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	require.NoError(t, err)
	fields := map[string]string{}
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		fields[name] = strings.TrimSpace(value)
	}
	for _, name := range []string{"Uid", "Gid"} {
		for id := range strings.FieldsSeq(fields[name]) {
			require.NotEqual(t, "0", id, "%s of process %d", name, pid)
		}
	}
	require.Empty(t, fields["Groups"])
	for _, name := range []string{"CapInh", "CapPrm", "CapEff", "CapAmb"} {
		require.Regexp(t, "^0+$", fields[name], name)
	}
	require.Equal(t, "1", fields["NoNewPrivs"])
}

// requireOwnMounts checks that a process does not share our mounts.
func requireOwnMounts(t *testing.T, pid int) {
	t.Helper()
	ours, err := os.Readlink("/proc/self/ns/mnt")
	require.NoError(t, err)
	theirs, err := os.Readlink("/proc/" + strconv.Itoa(pid) + "/ns/mnt")
	require.NoError(t, err)
	require.NotEqual(t, ours, theirs)
}

// requireNoMount checks that none of the machine's mounts lies in dir.
func requireNoMount(t *testing.T, dir string) {
	t.Helper()
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	require.NoError(t, err)
	require.NotContains(t, string(mounts), dir)
}

// requireGone waits for the end of a process that is not our child.
func requireGone(t *testing.T, pid int) {
	t.Helper()
	require.Eventually(t, func() bool {
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		return err != nil || strings.Contains(string(stat), ") Z ")
	}, time.Minute, 20*time.Millisecond, "process %d still runs", pid)
}
