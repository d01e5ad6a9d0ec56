package call_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/rappel-tel/rappel/pkg/call"
)

func TestLegsBelongToTheirCall(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		id, n := call.NewID(), rapid.IntRange(1, 99).Draw(t, "offer")

		gotID, side, offer, err := call.ParseLeg(id.CallerLeg(n))
		require.NoError(t, err)
		require.Equal(t, id, gotID)
		require.Equal(t, call.SideCaller, side)
		require.Equal(t, n, offer)

		gotID, side, offer, err = call.ParseLeg(id.BeneficiaryLeg())
		require.NoError(t, err)
		require.Equal(t, id, gotID)
		require.Equal(t, call.SideBeneficiary, side)
		require.Zero(t, offer)

		require.Equal(t, string(id), call.Of(id.CallerLeg(n)))
		require.Equal(t, string(id), call.Of(id.BeneficiaryLeg()))
	})
}

func TestForeignChannelsAreNoLegs(t *testing.T) {
	t.Parallel()
	for _, channel := range []string{"", "1700000000.12", "abc-b", "abc-c1", string(call.NewID()), string(call.NewID()) + "-c0", string(call.NewID()) + "-x"} {
		_, _, _, err := call.ParseLeg(channel)
		require.ErrorIs(t, err, call.ErrBadLeg, channel)
	}
}

func TestIDTellsItsTime(t *testing.T) {
	t.Parallel()
	before := time.Now().Add(-time.Millisecond)
	id := call.NewID()
	require.WithinRange(t, id.Time(), before, time.Now().Add(time.Millisecond))
	again, err := call.ParseID(string(id))
	require.NoError(t, err)
	require.Equal(t, id, again)
}

func TestAttemptNeverGoesBack(t *testing.T) {
	t.Parallel()
	states := call.States()
	for i, from := range states {
		for j, to := range states {
			legal := j > i || (from == call.StateOffered && to == call.StateOffered)
			require.Equal(t, legal, from.CanBecome(to), "%s → %s", from, to)
		}
	}
	require.False(t, call.State("").CanBecome(call.StateEnded))
}

func TestEndedOccurrenceStaysEnded(t *testing.T) {
	t.Parallel()
	for _, from := range call.OccurrenceStates() {
		for _, to := range call.OccurrenceStates() {
			if from.Ended() || from == to {
				require.False(t, from.CanBecome(to), "%s → %s", from, to)
			}
			if !from.Ended() && to.Ended() {
				require.True(t, from.CanBecome(to), "%s → %s", from, to)
			}
		}
	}
}
