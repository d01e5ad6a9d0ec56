package setup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// makeRunDir creates a run directory owned by the user that will work in it.
func makeRunDir(dir string, uid int, mode fs.FileMode) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make run directory: %w; choose a directory you may write to", err)
	}
	if err := os.Chmod(dir, mode); err != nil {
		return fmt.Errorf("make run directory: %w", err)
	}
	return giveTo(dir, uid)
}

// giveTo changes the owner when we are root, and does nothing otherwise: then
// the process runs as our own user.
func giveTo(path string, uid int) error {
	if !private() {
		return nil
	}
	if err := os.Lchown(path, uid, uid); err != nil {
		return fmt.Errorf("give %s to user %d: %w; the file system must keep owners (a network share may not)", path, uid, err)
	}
	return nil
}

// lockRunDir makes sure that one process uses the directory.
func lockRunDir(dir string) (*dirLock, error) {
	lock, err := tryLock(filepath.Join(dir, "lock"))
	if errors.Is(err, ErrInUse) {
		return nil, fmt.Errorf("%w; stop it or choose another run directory", err)
	}
	return lock, err
}

// RunsDir is where short-lived instances (tests, benchmarks) keep their run
// directories. Prepare removes those whose processes are gone.
func (i *Installation) RunsDir() string { return filepath.Join(i.Dir, "runs") }

// NewRunDir makes an empty directory for one short-lived instance. The caller
// removes it; when it cannot, the next Prepare does.
func (i *Installation) NewRunDir(name string) (string, error) {
	if err := os.MkdirAll(i.RunsDir(), 0o755); err != nil {
		return "", fmt.Errorf("make run directory: %w", err)
	}
	name = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return '_'
	}, name)
	dir, err := os.MkdirTemp(i.RunsDir(), name[:min(len(name), 40)]+"-")
	if err != nil {
		return "", fmt.Errorf("make run directory: %w", err)
	}
	// Others may pass: the process inside is another user.
	if err := os.Chmod(dir, 0o755); err != nil {
		return "", fmt.Errorf("make run directory: %w", err)
	}
	return dir, nil
}

// runsAge keeps a run directory that nobody holds for some time, so that its
// logs can be read after a failed test.
const runsAge = 24 * time.Hour

// sweepRuns removes old run directories that no process holds any more.
func sweepRuns(dir string) error {
	entries, err := os.ReadDir(filepath.Join(dir, "runs"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look for old run directories: %w", err)
	}
	for _, entry := range entries {
		path := filepath.Join(dir, "runs", entry.Name())
		info, err := entry.Info()
		if err != nil || time.Since(info.ModTime()) < runsAge {
			continue
		}
		lock, err := tryLock(filepath.Join(path, "lock"))
		if err != nil {
			continue
		}
		err = os.RemoveAll(path)
		lock.release()
		if err != nil {
			return fmt.Errorf("remove old run directory: %w", err)
		}
	}
	return nil
}

// poll asks until the answer is yes, an error, or the end of ctx. The waits
// are short because the answers are cheap.
func poll(ctx context.Context, ask func() (bool, error)) error {
	timer := time.NewTicker(20 * time.Millisecond)
	defer timer.Stop()
	for {
		done, err := ask()
		if done || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("no answer in time: %w", ctx.Err())
		case <-timer.C:
		}
	}
}

// processRuns reports whether a process lives and its program has that name.
func processRuns(pid int, program string) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return false
	}
	name, state, ok := parseStat(string(stat))
	return ok && name == program && state != "Z" && state != "X"
}

// parseStat takes the program name and state out of /proc/PID/stat (proc(5)).
// The name stands in brackets and may itself hold brackets.
func parseStat(stat string) (name, state string, ok bool) {
	open, last := strings.IndexByte(stat, '('), strings.LastIndexByte(stat, ')')
	if open < 0 || last < open {
		return "", "", false
	}
	fields := strings.Fields(stat[last+1:])
	if len(fields) == 0 {
		return "", "", false
	}
	return stat[open+1 : last], fields[0], true
}

// prints reports whether a process's standard output is that file.
func prints(pid int, path string) bool {
	theirs, err := os.Stat("/proc/" + strconv.Itoa(pid) + "/fd/1")
	if err != nil {
		return false
	}
	ours, err := os.Stat(path)
	return err == nil && os.SameFile(theirs, ours)
}
