package setup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// ErrInUse says that another process holds a directory.
var ErrInUse = errors.New("directory is in use by another process")

// dirLock is an advisory lock on one file. The kernel drops it when the
// holder dies, however it dies.
type dirLock struct{ file *os.File }

// tryLock takes the lock at once or fails with ErrInUse.
func tryLock(path string) (*dirLock, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		holder, _ := os.ReadFile(path)
		_ = file.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("%s is locked by process %s: %w", path, strings.TrimSpace(string(holder)), ErrInUse)
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	// The content is for the reader of an error message only.
	if err := file.Truncate(0); err == nil {
		_, _ = fmt.Fprintf(file, "%d\n", os.Getpid())
	}
	return &dirLock{file: file}, nil
}

// waitLock takes the lock, waiting until ctx ends. It calls waiting once, when
// somebody else holds it.
func waitLock(ctx context.Context, path string, waiting func(error)) (*dirLock, error) {
	told := false
	for {
		lock, err := tryLock(path)
		if err == nil || !errors.Is(err, ErrInUse) {
			return lock, err
		}
		if !told {
			told = true
			waiting(err)
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for lock: %w (%w)", ctx.Err(), err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// release gives the lock back. The file stays: removing it would let two
// processes lock two different files of the same name.
func (l *dirLock) release() {
	if l != nil {
		// Closing alone would leave it to whatever process is just being started, which holds a copy of the file until it
		// runs its program.
		_ = unix.Flock(int(l.file.Fd()), unix.LOCK_UN)
		_ = l.file.Close()
	}
}
