package house

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Snapshot stops the database for a moment to copy it; restore brings it back to that moment, as from a backup.
func (s *Street) Snapshot(t *testing.T) (restore func()) {
	t.Helper()
	data := filepath.Join(s.Postgres.RunDir(), "data")
	early := data + ".early"
	start := func() {
		require.NoError(t, s.Postgres.Start(t.Context()))
		s.pool.Reset() // Its connections ended with the server.
	}
	require.NoError(t, s.Postgres.Stop(t.Context()))
	out, err := exec.CommandContext(t.Context(), "cp", "-a", data, early).CombinedOutput()
	require.NoError(t, err, "%s", out)
	start()
	return func() {
		t.Helper()
		require.NoError(t, s.Postgres.Stop(t.Context()))
		require.NoError(t, os.RemoveAll(data))
		require.NoError(t, os.Rename(early, data))
		start()
	}
}
