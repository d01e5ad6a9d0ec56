package dispatch_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// TestAHouseholdIsRungByOneCallAtATime: two people with one number are called one after the other, and the second was not deferred:
// nobody was started in her place who could have been her.
func TestAHouseholdIsRungByOneCallAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		for range 3 {
			h.caller()
		}
		first := h.occurrence("+3281000001", func(o *dispatch.Occurrence) { o.Class = 3 })
		second := h.occurrence("+3281000001")
		h.open()
		require.Len(t, h.board.Started(), 1)
		h.occurrence("+3281000002", func(o *dispatch.Occurrence) { o.Class = 3 }) // Started while the second waits for the phone.
		h.desk.Changed(h.scheme)
		synctest.Wait()
		orders := h.board.Started()
		require.Len(t, orders, 2)
		require.Equal(t, call.OccurrenceClaimed, h.store.Occurrence(first).State)
		waiting, err := h.desk.Waiting(t.Context(), h.scheme)
		require.NoError(t, err)
		require.Equal(t, dispatch.Waiting{InCall: 1}, waiting)
		h.end(orders[0], answered)
		require.Len(t, h.board.Started(), 3)
		require.Equal(t, "+3281000001", h.last().Number)
		h.end(h.last(), answered)
		require.Equal(t, call.OccurrenceReached, h.store.Occurrence(second).State)
		require.Zero(t, h.store.Occurrence(second).Deferred)
	})
}

// TestTwoSchemesRingOneNumberInTurn: the second is refused by the records, waits without being deferred, tried or missed, and is
// called within a minute of the end of the first.
func TestTwoSchemesRingOneNumberInTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.caller()
		h.occurrence("+3281000001")
		other := h.store.AddScheme(dispatch.Scheme{Zone: time.UTC, Trunk: "trunk", Lines: 10, InboundReserve: 2})
		h.store.AddCaller(other, dispatch.Caller{
			Roles: []roster.Role{roster.RoleCaller}, Languages: []roster.Language{roster.French}, Enabled: true, Endpoint: "another",
			State: call.CallerReady, Since: time.Now(),
		})
		day := morning.Truncate(24 * time.Hour)
		loser := h.store.AddOccurrence(other, dispatch.Occurrence{
			Kind: call.KindScheduled, Opens: day.Add(570 * time.Minute), Closes: day.Add(17 * time.Hour), LocalDate: day,
			Length: 20 * time.Minute, Language: roster.French, Continuity: roster.Preferred, Numbers: []string{"+3281000001"},
		})
		h.open()
		first := h.last()
		h.step(first, call.StateOffered, call.StateAccepted, call.StateRinging, call.StateBridged)
		require.NoError(t, h.desk.Lead(t.Context(), other))
		after(17 * time.Minute)
		require.Len(t, h.board.Started(), 1)
		o := h.store.Occurrence(loser)
		require.Equal(t, call.OccurrenceOpen, o.State)
		require.Zero(t, o.Attempts)
		h.end(first, answered)
		after(time.Minute)
		require.Len(t, h.board.Started(), 2)
		require.Equal(t, other, h.last().Scheme)
		h.end(h.last(), answered)
		o = h.store.Occurrence(loser)
		require.Equal(t, call.OccurrenceReached, o.State)
		require.Equal(t, []int{0, 1}, []int{o.Deferred, o.Attempts})
	})
}
