package app

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRoomOnTheDisk(t *testing.T) {
	t.Parallel()
	here := map[string]string{"data": t.TempDir(), "asterisk.recordings": "/not/on/this/machine", "none": ""}
	require.NoError(t, roomFor(here, 1))
	err := roomFor(here, math.MaxUint64)
	require.ErrorIs(t, err, errDiskFull)
	require.EqualError(t, err, "the disk is nearly full: data")
}
