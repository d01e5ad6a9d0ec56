package deploy_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The unit names the paths of the example configuration, and waits longer than the service may drain.
func TestUnitMatchesTheExample(t *testing.T) {
	unit, err := os.ReadFile("systemd/rappel.service")
	require.NoError(t, err)
	example, err := os.ReadFile("rappel.yaml")
	require.NoError(t, err)
	value := func(text []byte, key string) string {
		_, rest, found := strings.Cut("\n"+string(text), "\n"+key)
		require.True(t, found, key)
		line, _, _ := strings.Cut(rest, "\n")
		line, _, _ = strings.Cut(line, "#")
		return strings.TrimSpace(line)
	}
	require.Equal(t, "/var/lib/"+value(unit, "StateDirectory="), value(example, "data:"))
	require.Contains(t, value(unit, "ExecStart="), " serve --config /etc/rappel/rappel.yaml")
	stop, err := time.ParseDuration(strings.Replace(value(unit, "TimeoutStopSec="), "min", "m", 1))
	require.NoError(t, err)
	drain, err := time.ParseDuration(value(example, "drain:"))
	require.NoError(t, err)
	require.Greater(t, stop, drain)
	// Asterisk reads the prompts, and the service the messages, through the group that both have.
	require.Equal(t, "asterisk", value(unit, "Group="))
	require.Equal(t, "0750", value(unit, "StateDirectoryMode="))
	require.Contains(t, value(example, "  recordings:"), "/var/spool/asterisk/")
	for _, secret := range []string{"RAPPEL_POSTGRES_URL", "RAPPEL_ARI_PASSWORD"} {
		require.Contains(t, string(example), "${"+secret+"}")
		require.Contains(t, string(unit), secret+"=")
	}
}
