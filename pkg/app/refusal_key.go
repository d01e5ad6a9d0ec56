package app

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
)

// leastKey is how long a key of the installation is at least, in characters.
const leastKey = 32

// RefusalKey returns what reads the key of refusals (secrets.refusals). Where none is configured, it is the file refusals.key
// below the data folder, made when it is asked for the first time. Nodes that share a database must share the key: one of
// another node is noticed, because what it made is checked in the database.
func (c Config) RefusalKey() func() ([]byte, error) {
	return sync.OnceValues(func() ([]byte, error) {
		if key := c.Secrets.Refusals.Value(); key != "" {
			return []byte(key), nil
		}
		file := filepath.Join(c.Data, "refusals.key")
		key, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			key, err = makeKey(file)
		}
		if err != nil {
			return nil, fmt.Errorf("read the key of refusals: %w; run this as the service's user, or set secrets.refusals", err)
		}
		return []byte(strings.TrimSpace(string(key))), nil
	})
}

// makeKey writes a new key to a file that only its owner reads. Of two who make it at once, one reads the other's.
func makeKey(file string) ([]byte, error) {
	var random [36]byte
	_, _ = rand.Read(random[:]) // It never fails since Go 1.24.
	key := base64.StdEncoding.EncodeToString(random[:])
	// Whoever refuses before the service has ever run finds no data folder yet; the mode is that of the service.
	if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
		return nil, err
	}
	draft, err := os.CreateTemp(filepath.Dir(file), "refusals.*.tmp") // Mode 0600.
	if err != nil {
		return nil, err
	}
	_, err = draft.WriteString(key + "\n")
	err = errors.Join(err, draft.Sync(), likeFolder(draft), draft.Close())
	if err == nil {
		err = os.Link(draft.Name(), file)
	}
	if errors.Is(err, fs.ErrExist) {
		err = nil
	}
	if err = errors.Join(err, os.Remove(draft.Name())); err != nil {
		return nil, err
	}
	return os.ReadFile(file)
}

// likeFolder gives a file that root makes to whoever owns its folder: the service reads the key later.
func likeFolder(file *os.File) error {
	if os.Geteuid() != 0 {
		return nil
	}
	info, err := os.Stat(filepath.Dir(file.Name()))
	if err != nil {
		return err
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); ok {
		return file.Chown(int(owner.Uid), int(owner.Gid))
	}
	return nil
}
