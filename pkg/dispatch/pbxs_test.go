package dispatch_test

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
)

// openAt is open with calls placed at these PBXs.
func (h *house) openAt(list ...dispatch.PBX) {
	h.t.Helper()
	d, err := dispatch.New(h.opts)
	require.NoError(h.t, err)
	h.desk = d
	d.UsePBXs(list)
	require.NoError(h.t, d.Lead(h.t.Context(), h.scheme))
	h.t.Cleanup(d.Close)
	synctest.Wait()
}

// TestACallLivesWhereItsCallersPhoneIs: calls go to the PBXs that have the caller's phone and a trunk, evenly; a caller whose
// phone is nowhere is offered nothing; when a PBX is lost its calls stay where they are and new ones go to the other.
func TestACallLivesWhereItsCallersPhoneIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, func(s *dispatch.Scheme) {
			s.Trunks = []dispatch.Trunk{
				{Endpoint: "both", Lines: 5, InboundReserve: 1},
				{Endpoint: "second", Lines: 5, InboundReserve: 1, Nodes: []string{"two"}},
			}
		})
		for n := range 8 {
			h.caller(func(c *dispatch.Caller) { c.Endpoint = fmt.Sprint("phone", n) })
			h.occurrence(fmt.Sprintf("+3360000%04d", n))
		}
		phones := func(list ...int) map[string]bool {
			there := map[string]bool{}
			for _, n := range list {
				there[fmt.Sprint("phone", n)] = true
			}
			return there
		}
		h.openAt(dispatch.PBX{Phones: phones(0, 1, 2, 3, 4, 5)}, dispatch.PBX{Node: "two", Phones: phones(3, 4, 5, 6)})
		at := map[string][]string{}
		trunks := map[string]int{}
		for _, o := range h.board.Started() {
			at[o.Node] = append(at[o.Node], o.CallerEndpoint)
			trunks[o.Trunk]++
			require.NotEqual(t, "phone7", o.CallerEndpoint, "registered nowhere")
			if o.Trunk == "second" {
				require.Equal(t, "two", o.Node, "a trunk of that PBX alone")
			}
		}
		require.Subset(t, []string{"phone0", "phone1", "phone2", "phone3", "phone4", "phone5"}, at[""])
		require.Subset(t, []string{"phone3", "phone4", "phone5", "phone6"}, at["two"])
		require.Len(t, h.board.Started(), 7)
		require.LessOrEqual(t, trunks["both"], 4, "one of its lines is kept for those who ring in")
		require.GreaterOrEqual(t, len(at["two"]), 3)

		// The second is lost: whoever talks there goes on; who is free and registered with the first is called from there.
		for _, o := range h.board.Started() {
			if o.Node == "two" && o.CallerEndpoint != "phone6" || o.CallerEndpoint == "phone0" {
				h.end(o, answered)
			}
		}
		h.desk.UsePBXs([]dispatch.PBX{{Phones: phones(0, 1, 2, 3, 4, 5, 6, 7)}})
		synctest.Wait()
		require.Len(t, h.board.Started(), 8)
		require.Empty(t, h.last().Node)
		require.Equal(t, "phone7", h.last().CallerEndpoint)
		require.Equal(t, "both", h.last().Trunk)
	})
}

// TestATrunkOfAPBXThatIsAway: a scheme whose only trunk is at a PBX that is not used waits for a line, and says so.
func TestATrunkOfAPBXThatIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, func(s *dispatch.Scheme) {
			s.Trunks = []dispatch.Trunk{{Endpoint: "theirs", Lines: 5, InboundReserve: 1, Nodes: []string{"two"}}}
		})
		h.caller(func(c *dispatch.Caller) { c.Endpoint = "phone" })
		h.occurrence("+33600000001")
		there := map[string]bool{"phone": true}
		h.openAt(dispatch.PBX{Phones: there})
		waits, err := h.desk.Waiting(t.Context(), h.scheme)
		require.NoError(t, err)
		require.Equal(t, dispatch.Waiting{Lines: 1}, waits)
		_, err = h.desk.TakeLine(t.Context(), h.scheme, "", "a party here")
		require.ErrorIs(t, err, dispatch.ErrNoLine)
		way, err := h.desk.TakeLine(t.Context(), h.scheme, "two", "a party there")
		require.NoError(t, err)
		require.Equal(t, "theirs", way.Trunk)
		h.desk.UsePBXs([]dispatch.PBX{{Phones: there}, {Node: "two", Phones: there}})
		synctest.Wait()
		require.Equal(t, "two", h.last().Node)
	})
}

// TestARefusedOrderIsNotTriedThereAgain: a node that takes no order is given none until it is named again; nothing else waits.
func TestARefusedOrderIsNotTriedThereAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, func(s *dispatch.Scheme) {
			s.Retry.After = map[call.Result]time.Duration{call.ResultFailed: time.Second}
			s.Retry.MaxAttempts = 5
		})
		h.caller(func(c *dispatch.Caller) { c.Endpoint = "phone" })
		h.occurrence("+33600000001")
		h.board.OnStart = func(o call.Order) error {
			if o.Node == "two" {
				return errors.New("nobody answers")
			}
			return nil
		}
		there := map[string]bool{"phone": true}
		h.openAt(dispatch.PBX{Node: "two", Phones: there})
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		require.Len(t, h.board.Started(), 1, "not again where it was refused")
		require.Equal(t, "two", h.last().Node)
		h.desk.UsePBXs([]dispatch.PBX{{Phones: there}})
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Len(t, h.board.Started(), 2)
		require.Empty(t, h.last().Node)
	})
}

// TestAPhoneThatMovesIsNotSetAside: an offer at the PBX that her phone has just left says nothing of her. She is called where it is
// once that is known. Whoever cannot be reached twice running is set aside.
func TestAPhoneThatMovesIsNotSetAside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, func(s *dispatch.Scheme) {
			s.Retry.After = map[call.Result]time.Duration{call.ResultFailed: time.Second}
			s.Retry.MaxAttempts = 9
		})
		anna := h.caller(func(c *dispatch.Caller) { c.Endpoint = "phone" })
		h.occurrence("+33600000001")
		there := map[string]bool{"phone": true}
		h.openAt(dispatch.PBX{Phones: there}, dispatch.PBX{Node: "two"})
		unreached := call.Outcome{OfferState: call.OfferFailed}
		require.Empty(t, h.last().Node)
		h.end(h.last(), unreached)
		require.Equal(t, call.CallerWrapUp, h.store.Caller(anna).State)
		h.desk.UsePBXs([]dispatch.PBX{{}, {Node: "two", Phones: there}})
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Equal(t, "two", h.last().Node)
		require.Equal(t, call.CallerReserved, h.store.Caller(anna).State)
		h.end(h.last(), unreached)
		require.Equal(t, call.CallerSetAside, h.store.Caller(anna).State)
	})
}

// TestNothingStartsWhileTheClockIsInDoubt: what is due waits, says why, and starts soon after; a call under way goes on.
func TestNothingStartsWhileTheClockIsInDoubt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		var doubt atomic.Bool
		h.opts.Doubt = doubt.Load
		anna := h.caller()
		h.occurrence("+33600000001")
		h.open()
		first := h.last()
		h.step(first, call.StateAccepted, call.StateRinging, call.StateBridged)
		doubt.Store(true)
		second := h.occurrence("+33600000002")
		h.desk.Changed(h.scheme)
		h.end(first, answered)
		h.desk.CallerLeft(h.scheme, anna, first.Attempt)
		time.Sleep(time.Hour)
		synctest.Wait()
		require.Len(t, h.board.Started(), 1)
		waits, err := h.desk.Waiting(t.Context(), h.scheme)
		require.NoError(t, err)
		require.Equal(t, dispatch.Waiting{Clock: 1}, waits)
		require.Equal(t, call.OccurrenceOpen, h.store.Occurrence(second).State)
		doubt.Store(false)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		require.Len(t, h.board.Started(), 2)
	})
}
