package setup

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Secrets are an installation's own passwords. They are made at random once
// and kept in a file that only the owner can read.
type Secrets struct {
	// ARIUser may use all of ARI.
	ARIUser     string `json:"ari_user"`
	ARIPassword string `json:"ari_password"`
	// MonitorUser may only read.
	MonitorUser     string `json:"monitor_user"`
	MonitorPassword string `json:"monitor_password"`
}

// String keeps the passwords out of logs and error messages.
func (s Secrets) String() string { return "secrets of " + s.ARIUser }

// GoString is String, for the %#v verb.
func (s Secrets) GoString() string { return s.String() }

// loadSecrets reads the file, or makes it.
func loadSecrets(path string) (Secrets, error) {
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		s := Secrets{ARIUser: "rappel", ARIPassword: randomText(), MonitorUser: "monitor", MonitorPassword: randomText()}
		text, err := json.MarshalIndent(s, "", "  ")
		if err != nil {
			return Secrets{}, fmt.Errorf("write secrets: %w", err)
		}
		if err := writeFile(path, append(text, '\n'), 0o600); err != nil {
			return Secrets{}, fmt.Errorf("write secrets: %w", err)
		}
		return s, nil
	case err != nil:
		return Secrets{}, fmt.Errorf("read secrets: %w", err)
	}
	var s Secrets
	if err := json.Unmarshal(text, &s); err != nil {
		return Secrets{}, fmt.Errorf("read secrets %s: %w; remove the file to have new ones made", path, err)
	}
	if s.ARIUser == "" || s.ARIPassword == "" || s.MonitorUser == "" || s.MonitorPassword == "" {
		return Secrets{}, fmt.Errorf("read secrets %s: a value is missing; remove the file to have new ones made", path)
	}
	return s, nil
}

// randomText is 192 bits of randomness, safe in URLs and configuration files.
func randomText() string {
	var b [24]byte
	_, _ = rand.Read(b[:]) // Never fails.
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// writeFile writes under a temporary name and renames, so that a reader sees
// the old or the new content and never a part.
func writeFile(path string, content []byte, mode fs.FileMode) error {
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name()) //nolint:errcheck // After the rename there is nothing to remove.
	if err := file.Chmod(mode); err != nil {
		return errors.Join(err, file.Close())
	}
	if _, err := file.Write(content); err != nil {
		return errors.Join(err, file.Close())
	}
	if err := file.Close(); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}
