package burndown_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/setup/setuptest"
	"github.com/rappel-tel/rappel/tests/bench/burndown"
)

// The quick form does every call durably and once; how fast is not asserted. River is left to the full form.
func TestQuick(t *testing.T) {
	root := filepath.Dir(setuptest.Installation(t).Dir)
	result, err := burndown.Run(t.Context(), burndown.Options{Root: root, Quick: true, Progress: os.Stderr})
	require.NoError(t, err)
	require.Len(t, result.Rounds, 1)
	require.Positive(t, result.Rappel)
	require.Positive(t, result.Raw)
	require.Zero(t, result.River)
}
