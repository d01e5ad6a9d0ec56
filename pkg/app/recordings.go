package app

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// recordings is the folder where the PBX keeps what it records, as this process sees it.
type recordings string

func (r recordings) file(name string) string {
	return filepath.Join(string(r), filepath.FromSlash(name)+".wav")
}

// Open implements api.Recordings.
func (r recordings) Open(name string) (fs.File, error) { return os.Open(r.file(name)) }

// Erase implements api.Recordings.
func (r recordings) Erase(name string) error {
	if err := os.Remove(r.file(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
