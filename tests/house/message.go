package house

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/callflow"
)

// MessageUnderWay waits until somebody is leaving a message on this house's line and has said so much, and returns the file that
// the PBX writes.
func (h *House) MessageUnderWay(length, limit time.Duration) string {
	h.t.Helper()
	var file string
	Await(h.t, limit, "a message", func(context.Context) bool {
		begun, err := filepath.Glob(filepath.Join(h.Config.Data, "messages", "*.json"))
		require.NoError(h.t, err)
		for _, path := range begun {
			var m callflow.Message
			text, err := os.ReadFile(path)
			if err != nil || json.Unmarshal(text, &m) != nil || m.Scheme != h.Scheme.Key {
				continue // Another house's, or just taken away.
			}
			file = filepath.Join(h.Asterisk.RecordingsDir(), m.Recording+".wav")
			if info, err := os.Stat(file); err == nil && info.Size() > int64(length.Seconds()*16000) {
				return true
			}
		}
		return false
	})
	return file
}
