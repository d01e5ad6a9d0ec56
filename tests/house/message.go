package house

import (
	"cmp"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"time"

	"github.com/stretchr/testify/require"
)

// MessageUnderWay waits until somebody is leaving a message on this house's line and has said so much, and returns the file that
// the PBX writes.
func (h *House) MessageUnderWay(length, limit time.Duration) string {
	h.t.Helper()
	return h.Recorded("", length, limit)
}

// Recorded waits until whoever rings from a number, or anybody when it is empty, is being recorded on this house's line and has
// said so much, and returns the file that the PBX writes.
func (h *House) Recorded(from string, length, limit time.Duration) string {
	h.t.Helper()
	var file string
	Await(h.t, limit, "a recording", func(context.Context) bool {
		for _, k := range h.BeingKept() {
			name := cmp.Or(k.Recording, k.Name)
			if name == "" || from != "" && k.CLI != from {
				continue
			}
			file = filepath.Join(h.Asterisk.RecordingsDir(), name+".wav")
			if info, err := os.Stat(file); err == nil && info.Size() > int64(length.Seconds()*16000) {
				return true
			}
		}
		return false
	})
	return file
}

// Kept is what somebody leaves on the line, as far as the service has noted it on its disk.
type Kept struct {
	Scheme    int64
	CLI       string
	Recording string // Of a message,
	Name      string // or of a name.
}

// BeingKept lists what the records of this house's scheme do not have yet.
func (h *House) BeingKept() (list []Kept) {
	h.t.Helper()
	for _, pattern := range []string{"*.json", "*.registration"} {
		begun, err := filepath.Glob(filepath.Join(h.Config.Data, "messages", pattern))
		require.NoError(h.t, err)
		for _, path := range begun {
			var k Kept
			text, err := os.ReadFile(path)
			if err == nil && json.Unmarshal(text, &k) == nil && k.Scheme == h.Scheme.Key {
				list = append(list, k) // The others are another house's, or just taken away.
			}
		}
	}
	return list
}
