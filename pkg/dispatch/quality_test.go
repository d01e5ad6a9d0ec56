package dispatch_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/dispatch/dispatchtest"
)

// TestBacklogIsAssignedWell compares what a board starts together, 200 by 200, with the optimum by Score. As many start as
// can at all; which ones is a matter of their order, not of the score, so the optimum is taken over those.
func TestBacklogIsAssignedWell(t *testing.T) {
	for seed := range uint64(8) {
		backlog := dispatchtest.NewBacklog(seed, 200)
		gathered, _ := backlog.Start()
		require.Empty(t, gathered, "they gather")
		started, ours := backlog.Start()
		_, pairs := backlog.Optimum(backlog.Occurrences)
		require.Len(t, started, pairs, "as many as can be")
		best, _ := backlog.Optimum(started)
		require.GreaterOrEqual(t, ours, 0.95*best, "of %v", best)
	}
}

// TestWorkIsSharedEvenly runs days of a pool in which calls come in bursts, and compares how much the callers' idle time
// differs with what it would be if every call went to whoever has been idle longest. One day says little: who is given the
// long calls is chance.
func TestWorkIsSharedEvenly(t *testing.T) {
	longest, together := 0.0, 0.0
	for day := range uint64(50) {
		longest, together = longest+dispatchtest.LongestIdleFirst(day), together+dispatchtest.IdleSpread(day, 1)
	}
	require.LessOrEqual(t, together, 1.1*longest, "share of the day between the most and the least idle")
}
