package wav

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"time"
)

// Mend writes the true sizes into the header of a file of 8 kHz, mono, 16 bit that nobody has finished, because whoever recorded
// it was killed: players take it for empty otherwise. It returns how long the sound is, and 0 for a file that needs nothing. An
// error that is ErrNotWAV means that it is none.
func Mend(path string) (length time.Duration, err error) {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return 0, fmt.Errorf("mend recording: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	head := make([]byte, HeaderSize)
	if _, err := io.ReadFull(file, head); err != nil {
		return 0, fmt.Errorf("mend recording: %w: %w", ErrNotWAV, err)
	}
	le := binary.LittleEndian
	if !bytes.HasPrefix(head, []byte("RIFF")) || string(head[8:16]) != "WAVEfmt " || string(head[36:40]) != "data" {
		return 0, fmt.Errorf("mend recording: %w", ErrNotWAV)
	}
	info, err := file.Stat()
	if err != nil {
		return 0, fmt.Errorf("mend recording: %w", err)
	}
	size := info.Size() - HeaderSize
	if le.Uint32(head[40:]) != 0 || size == 0 || size > math.MaxUint32-HeaderSize {
		return 0, nil // Finished, or nothing to finish.
	}
	le.PutUint32(head[4:], uint32(size)+HeaderSize-8)
	le.PutUint32(head[40:], uint32(size))
	if _, err := file.WriteAt(head, 0); err != nil {
		return 0, fmt.Errorf("mend recording: %w", err)
	}
	if err := file.Sync(); err != nil {
		return 0, fmt.Errorf("mend recording: %w", err)
	}
	return time.Duration(size) * time.Second / (2 * Rate), nil
}
