package postgres

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPlansAreMadeAnewAsTablesGrow(t *testing.T) {
	now := time.Date(2026, 11, 24, 8, 30, 0, 0, time.UTC)
	p := &plans{made: now, limit: planOps}
	var at []int
	for n := 1; n <= 3000; n++ {
		now = now.Add(time.Millisecond)
		if p.outgrown(1, now) {
			at = append(at, n)
		}
	}
	require.Equal(t, []int{100, 500, 2100}, at, "a busy minute")
	require.False(t, p.outgrown(99, now.Add(planAge-time.Second)))
	now = now.Add(planAge)
	require.True(t, p.outgrown(1, now), "old")
	require.False(t, p.outgrown(999, now), "as busy as it was")
	require.True(t, p.outgrown(1, now), "busier")
	now = now.Add(planAge)
	require.True(t, p.outgrown(1, now), "old")
	require.False(t, p.outgrown(planOps-1, now))
	require.True(t, p.outgrown(1, now), "from the beginning, after a quiet while")
}
