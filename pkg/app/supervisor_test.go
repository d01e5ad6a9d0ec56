package app

import (
	"context"
	"net"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTheSupervisorHearsOfUs(t *testing.T) {
	t.Parallel()
	socket := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	require.NoError(t, err)
	defer conn.Close() //nolint:errcheck // The test is over.
	s, watched := supervised(func(name string) string {
		return map[string]string{"NOTIFY_SOCKET": socket, "WATCHDOG_USEC": "30000"}[name]
	})
	require.True(t, watched)
	require.Equal(t, 10*time.Millisecond, s.every)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1) // Room for the one answer.
	go func() { ended <- s.run(ctx) }()
	said := make([]byte, 64)
	for range 3 {
		n, err := conn.Read(said)
		require.NoError(t, err)
		require.Equal(t, "WATCHDOG=1", string(said[:n]))
	}
	stop()
	require.NoError(t, <-ended)
}

func TestNobodyWatches(t *testing.T) {
	t.Parallel()
	for name, env := range map[string]map[string]string{
		"no socket":       {"WATCHDOG_USEC": "30000"},
		"no limit":        {"NOTIFY_SOCKET": "/run/notify"},
		"another process": {"NOTIFY_SOCKET": "/run/notify", "WATCHDOG_USEC": "30000", "WATCHDOG_PID": strconv.Itoa(1)},
		"nonsense":        {"NOTIFY_SOCKET": "/run/notify", "WATCHDOG_USEC": "-3"},
	} {
		_, watched := supervised(func(name string) string { return env[name] })
		require.False(t, watched, name)
	}
}
