package dispatch_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
)

// TestCallsWaitInThePlanForASlowPBX: what the PBX has not answered bounds what is claimed; the rest stays open in its order,
// goes on as soon as answers come, and one who is more urgent and comes meanwhile is next.
func TestCallsWaitInThePlanForASlowPBX(t *testing.T) {
	for _, together := range []time.Duration{-1, 0} {
		t.Run(fmt.Sprint(together), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHouse(t, func(s *dispatch.Scheme) { s.Lines, s.InboundReserve = 100, 1 })
				h.opts.StartsPerSecond, h.opts.Together = 10, together
				const all = 12
				for n := range all {
					h.caller()
					h.occurrence(fmt.Sprintf("+3360000%04d", n))
				}
				h.caller()
				h.open()
				time.Sleep(4 * time.Second) // Less than a claim may be old.
				synctest.Wait()
				require.Len(t, h.board.Started(), 5, "half a second's worth of the rate")
				require.Equal(t, 5, claimed(t, h))
				waiting, err := h.desk.Waiting(t.Context(), h.scheme)
				require.NoError(t, err)
				require.Equal(t, dispatch.Waiting{Rate: all - 5}, waiting)

				urgent := "+33600009999"
				h.occurrence(urgent, func(o *dispatch.Occurrence) { o.Class = 3 })
				h.desk.Changed(h.scheme)
				time.Sleep(time.Second)
				first := h.board.Started()[0]
				h.desk.Placed(first.Attempt, first.Offer, 20*time.Millisecond)
				synctest.Wait()
				require.Len(t, h.board.Started(), 6)
				require.Equal(t, urgent, h.last().Number)

				// A step says as well that the PBX has answered; so does the end.
				for n := 1; n <= all; n++ {
					o := h.board.Started()[n]
					if n%2 == 0 {
						h.step(o, call.StateOffered)
					} else {
						h.end(o, answered)
					}
					time.Sleep(time.Second)
					synctest.Wait()
				}
				require.Len(t, h.board.Started(), all+1)
			})
		})
	}
}

// claimed counts the attempts on record.
func claimed(t *testing.T, h *house) int {
	t.Helper()
	f, err := h.desk.Figures(t.Context(), h.scheme)
	require.NoError(t, err)
	return f.Claimed
}

// TestSchemesShareAPBXInTurn: with a PBX that takes one call a second, every scheme that waits gets its turn.
func TestSchemesShareAPBXInTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, func(s *dispatch.Scheme) { s.Lines, s.InboundReserve = 100, 1 })
		h.opts.StartsPerSecond = 4
		schemes := []int64{h.scheme}
		for range 5 {
			schemes = append(schemes, h.store.AddScheme(dispatch.Scheme{Zone: time.UTC, Trunk: "trunk", Lines: 100, InboundReserve: 1}))
		}
		for at, scheme := range schemes {
			h.scheme = scheme
			for n := range 20 {
				h.caller()
				h.occurrence(fmt.Sprintf("+336%02d%06d", at, n))
			}
		}
		h.scheme = schemes[0]
		h.open()
		for _, scheme := range schemes[1:] {
			require.NoError(t, h.desk.Lead(t.Context(), scheme))
		}
		placed := 0
		for range 60 {
			time.Sleep(250 * time.Millisecond)
			synctest.Wait()
			for ; placed < len(h.board.Started()); placed++ {
				o := h.board.Started()[placed]
				h.desk.Placed(o.Attempt, o.Offer, 140*time.Millisecond)
			}
		}
		begun := map[int64]int{}
		for _, o := range h.board.Started() {
			begun[o.Scheme]++
		}
		for _, scheme := range schemes {
			require.GreaterOrEqual(t, begun[scheme], placed/len(schemes)-3, "%v", begun)
		}
		require.Greater(t, placed, 50)
	})
}

// TestARefusedClaimIsNotUnderWay: calls without a caller whose numbers another scheme is calling take no room from the others.
func TestARefusedClaimIsNotUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, func(s *dispatch.Scheme) { s.Lines, s.InboundReserve = 100, 1 })
		h.opts.StartsPerSecond = 10
		other := h.store.AddScheme(dispatch.Scheme{Zone: time.UTC, Trunk: "trunk", Lines: 100, InboundReserve: 1})
		const most = 5 // Half a second's worth of the rate.
		for n := range most {
			h.caller()
			h.occurrence(fmt.Sprintf("+3360000%04d", n))
		}
		h.open()
		time.Sleep(time.Second)
		synctest.Wait()
		require.Len(t, h.board.Started(), most)
		for _, o := range h.board.Started() {
			h.desk.Placed(o.Attempt, o.Offer, 20*time.Millisecond)
		}
		h.scheme = other
		machine := func(o *dispatch.Occurrence) { o.Kind = call.KindPresence }
		for n := range most {
			h.occurrence(fmt.Sprintf("+3360000%04d", n), machine)
		}
		h.occurrence("+33600009999", machine) // The last in their order.
		require.NoError(t, h.desk.Lead(t.Context(), other))
		time.Sleep(3 * time.Second)
		synctest.Wait()
		require.Len(t, h.board.Started(), most+1)
		require.Equal(t, "+33600009999", h.last().Number)
	})
}
