package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/setup/setuptest"
)

// What a visitor types wrongly is answered before anything is set up.
func TestDemoRefusesBeforeItBegins(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, listener.Close()) }()
	const nobody = "127.0.0.1:1" // A port that is given to nobody.
	for _, c := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"--calls", "0"}, 2, "without --calls it plays until Ctrl-C"},
		{[]string{"--calls", "many"}, 2, "--calls"},
		{[]string{"--speed", "0.5"}, 2, "from 1 (real time) to 1000"},
		{[]string{"--listen", "8080"}, 2, "an address and a port, such as 127.0.0.1:8081"},
		{[]string{"--postgres", "user:hunter2@host"}, 2, "postgres://user:password@host:5432/database"},
		{[]string{"--listen", listener.Addr().String()}, 1, "is taken, by another demonstration perhaps; choose another address for the wall: --listen"},
		{[]string{"--dir", "/proc/nowhere"}, 1, "choose a directory you may write to: --dir"},
		{[]string{"--nats", "nats://town:hunter2@" + nobody}, 1, "--nats nats://town:xxxxx@" + nobody},
		{[]string{"--ari", "http://town:hunter2@" + nobody + "/ari"}, 1, `sip="" is no address`},
		{[]string{"--ari", "http://town:hunter2@" + nobody + "/ari?sip=127.0.0.1:5060&accounts=a&trunks=b&sounds=c"}, 1, "nothing answers there"},
	} {
		_, errs, status := said(t, t.TempDir(), append([]string{"demo"}, c.args...)...)
		require.Equal(t, c.status, status, "%v: %s", c.args, errs)
		require.Contains(t, errs, c.want)
		require.NotContains(t, errs, "hunter2")
		require.NotContains(t, errs, "doctor", "it knows nothing of a demonstration")
	}
}

// Ctrl-C stops what was started and nothing else, the next start is quick, and after kill -9 nothing stays that would make
// rm -rf dangerous.
func TestDemoComesAndGoes(t *testing.T) {
	installation := setuptest.Installation(t)
	run, err := installation.NewRunDir(t.Name())
	require.NoError(t, err)
	bystander := exec.CommandContext(t.Context(), "sleep", "600")
	require.NoError(t, bystander.Start())
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	require.NoError(t, err)
	start := func() (c *exec.Cmd, told *follower, begun map[int]string) {
		c = rappel(t, t.TempDir(), "demo", "--dir", installation.Dir, "--run", run, "--listen", "127.0.0.1:0")
		told = &follower{what: "Ctrl-C stops everything", found: make(chan struct{})}
		c.Stderr = told
		began := time.Now()
		require.NoError(t, c.Start())
		select {
		case <-told.found:
		case <-time.After(3 * time.Minute):
			_ = c.Process.Kill()
			_ = c.Wait()
			require.Fail(t, "the demonstration did not begin", told.String())
		}
		t.Logf("started in %s", time.Since(began).Round(10*time.Millisecond))
		begun = family(c.Process.Pid)
		all := fmt.Sprint(begun)
		require.Contains(t, all, "asterisk")
		require.Contains(t, all, "postgres")
		return c, told, begun
	}

	c, told, begun := start()
	require.Regexp(t, `sign-in\?link=[A-Za-z0-9_-]{43}`, told.String())
	require.NoError(t, c.Process.Signal(os.Interrupt))
	require.NoError(t, c.Wait(), told.String())
	require.Empty(t, alive(begun), "left behind by Ctrl-C")
	require.Regexp(t, `\d+ attempts`, told.String())
	log, err := os.Stat(filepath.Join(run, "demo.log"))
	require.NoError(t, err)
	require.EqualValues(t, 0o600, log.Mode().Perm())

	c, _, begun = start()
	open := readable(t, run)
	require.NoError(t, c.Process.Kill())
	_ = c.Wait() // Killed.
	require.Eventually(t, func() bool { return len(alive(begun)) == 0 }, time.Minute, 50*time.Millisecond, "left behind by kill -9: %v", alive(begun))
	after, err := os.ReadFile("/proc/self/mountinfo")
	require.NoError(t, err)
	require.Equal(t, string(mounts), string(after), "mounts")
	require.NoError(t, os.RemoveAll(run))
	for _, device := range []string{"/dev/null", "/dev/urandom"} {
		info, err := os.Stat(device)
		require.NoError(t, err)
		require.NotZero(t, info.Mode()&os.ModeCharDevice, device)
	}
	require.NoError(t, bystander.Process.Kill(), "the bystander lives on until now")
	_ = bystander.Wait() // Killed.
	require.Empty(t, open, "anybody may read these")
}

// readable lists the files below a directory that every user of the machine can reach and read, but for a certificate.
func readable(t *testing.T, dir string) []string {
	t.Helper()
	var list []string
	require.NoError(t, filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // It went away while the service works.
		}
		info, err := entry.Info()
		if err != nil {
			return nil //nolint:nilerr // The same.
		}
		switch mode := info.Mode(); {
		case path == dir:
		case entry.IsDir() && mode.Perm()&0o001 == 0:
			return filepath.SkipDir
		case mode.IsRegular() && mode.Perm()&0o004 != 0 && filepath.Ext(path) != ".pem" && entry.Name() != "pid":
			list = append(list, path)
		}
		return nil
	}))
	return list
}

// family is a process and everything below it, by number, with when each began.
func family(root int) map[int]string {
	parents, began := map[int]int{}, map[int]string{}
	entries, _ := os.ReadDir("/proc") // Linux only, as the demonstration is.
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		parents[pid], began[pid] = processOf(pid)
	}
	list := map[int]string{}
	for pid := range began {
		for at := pid; at > 1; at = parents[at] {
			if at == root {
				list[pid] = began[pid]
			}
		}
	}
	return list
}

// processOf is a process's parent, and its name with when it began; 0 when there is none.
func processOf(pid int) (parent int, what string) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, ""
	}
	// proc(5): pid (name) state ppid …, the 22nd field is the start.
	head, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 20 || fields[0] == "Z" {
		return 0, ""
	}
	parent, _ = strconv.Atoi(fields[1])
	_, name, _ := strings.Cut(head, "(")
	return parent, name + " since " + fields[19]
}

// alive returns those that still run.
func alive(list map[int]string) []string {
	var left []string
	for pid, was := range list {
		if _, is := processOf(pid); is == was {
			left = append(left, was)
		}
	}
	return left
}

// follower keeps what a process says and tells when it has said something.
type follower struct {
	what  string
	found chan struct{}

	mu   sync.Mutex
	text bytes.Buffer
	told bool
}

// Write implements io.Writer.
func (f *follower) Write(b []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.text.Write(b)
	if !f.told && bytes.Contains(f.text.Bytes(), []byte(f.what)) {
		f.told = true
		close(f.found)
	}
	return len(b), nil
}

// String is everything said so far.
func (f *follower) String() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.text.String()
}
