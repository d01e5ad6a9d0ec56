package app_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/app"
)

func TestTheKeyOfRefusalsIsMadeOnce(t *testing.T) {
	t.Parallel()
	cfg := app.Defaults()
	cfg.Data = filepath.Join(t.TempDir(), "not", "yet")
	made, err := cfg.RefusalKey()()
	require.NoError(t, err)
	require.Len(t, made, 48)
	again, err := cfg.RefusalKey()()
	require.NoError(t, err)
	require.Equal(t, made, again)
	info, err := os.Stat(filepath.Join(cfg.Data, "refusals.key"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	files, err := os.ReadDir(cfg.Data)
	require.NoError(t, err)
	require.Len(t, files, 1, "no draft is left")

	cfg.Secrets.Refusals = "a key of the operator's own, long enough"
	own, err := cfg.RefusalKey()()
	require.NoError(t, err)
	require.Equal(t, cfg.Secrets.Refusals.Value(), string(own))
	cfg.Secrets.Refusals, cfg.Data = "", filepath.Join(cfg.Data, "refusals.key", "below")
	_, err = cfg.RefusalKey()()
	require.ErrorContains(t, err, "secrets.refusals")
}
