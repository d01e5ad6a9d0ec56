package dispatch_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/dispatch/dispatchtest"
	"github.com/rappel-tel/rappel/pkg/roster"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// morning is a Tuesday, ten o'clock, in the zone of the test scheme. synctest's clock starts at midnight UTC, 2000-01-01,
// a Saturday.
var morning = time.Date(2000, 1, 4, 10, 0, 0, 0, time.UTC)

// house is one scheme with its store, switchboard and dispatcher, inside a synctest bubble.
type house struct {
	t      *testing.T
	store  *dispatchtest.Memory
	board  *dispatchtest.Switchboard
	desk   *dispatch.Dispatcher
	scheme int64
	opts   dispatch.Options
}

func newHouse(t *testing.T, change ...func(*dispatch.Scheme)) *house {
	time.Sleep(time.Until(morning))
	h := &house{t: t, store: dispatchtest.NewMemory(), board: &dispatchtest.Switchboard{}}
	s := dispatch.Scheme{
		Zone: time.UTC, Trunk: "trunk", Lines: 10, InboundReserve: 2, Hold: 20 * time.Minute, WrapUp: time.Minute,
	}
	for _, c := range change {
		c(&s)
	}
	h.scheme = h.store.AddScheme(s)
	h.opts = dispatch.Options{Store: h.store, Switchboard: h.board, Logger: zap.NewNop(), Now: time.Now, Gather: -1, Together: -1}
	return h
}

func (h *house) open() {
	h.t.Helper()
	d, err := dispatch.New(h.opts)
	require.NoError(h.t, err)
	h.desk = d
	require.NoError(h.t, d.Lead(h.t.Context(), h.scheme))
	h.t.Cleanup(d.Close)
	synctest.Wait()
}

func (h *house) caller(change ...func(*dispatch.Caller)) int64 {
	c := dispatch.Caller{
		Roles: []roster.Role{roster.RoleCaller}, Languages: []roster.Language{roster.French}, Enabled: true,
		Endpoint: "softphone", State: call.CallerReady, Since: time.Now(),
	}
	for _, f := range change {
		f(&c)
	}
	return h.store.AddCaller(h.scheme, c)
}

func (h *house) occurrence(number string, change ...func(*dispatch.Occurrence)) int64 {
	y, m, d := time.Now().UTC().Date()
	day := time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	o := dispatch.Occurrence{
		Kind: call.KindScheduled, Opens: day.Add(570 * time.Minute), Closes: day.Add(17 * time.Hour), LocalDate: day,
		Length: 20 * time.Minute, Language: roster.French, Continuity: roster.Preferred, Numbers: []string{number},
		Terms: roster.Agreement{Cadence: roster.Weekly, Days: []time.Weekday{day.Weekday()}},
	}
	for _, f := range change {
		f(&o)
	}
	return h.store.AddOccurrence(h.scheme, o)
}

// last is the latest order.
func (h *house) last() call.Order {
	h.t.Helper()
	orders := h.board.Started()
	require.NotEmpty(h.t, orders)
	return orders[len(orders)-1]
}

func (h *house) step(o call.Order, states ...call.State) {
	for _, s := range states {
		h.desk.Step(call.Step{Scheme: o.Scheme, Attempt: o.Attempt, Offer: o.Offer, State: s, At: time.Now()})
	}
	synctest.Wait()
}

func (h *house) end(o call.Order, out call.Outcome) {
	out.Scheme, out.Attempt, out.Offer, out.At = o.Scheme, o.Attempt, o.Offer, time.Now()
	h.desk.Ended(out)
	synctest.Wait()
}

var answered = call.Outcome{
	OfferState: call.OfferAccepted, Result: call.ResultAnswered, Fault: call.FaultNone, Talk: time.Minute, Rang: true,
}

func TestCallIsClaimedRungAndFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		anna := h.caller()
		id := h.occurrence("+3281000001")
		h.board.OnStart = func(o call.Order) error {
			a, ok := h.store.Attempt(o.Attempt)
			require.True(t, ok, "rung before the claim was committed")
			require.Equal(t, call.StateIntent, a.State)
			return nil
		}
		h.open()

		o := h.last()
		require.Equal(t, anna, o.Caller)
		require.Equal(t, "+3281000001", o.Number)
		require.Equal(t, 35*time.Second, o.DialBy.Sub(morning))
		require.Equal(t, call.CallerReserved, h.store.Caller(anna).State)
		h.step(o, call.StateOffered, call.StateAccepted, call.StateRinging, call.StateBridged)
		require.Equal(t, call.OccurrenceLive, h.store.Occurrence(id).State)
		require.Equal(t, call.CallerInCall, h.store.Caller(anna).State)

		h.end(o, answered)
		require.Equal(t, call.OccurrenceReached, h.store.Occurrence(id).State)
		require.Equal(t, call.CallerWrapUp, h.store.Caller(anna).State)
		time.Sleep(61 * time.Second)
		synctest.Wait()
		require.Equal(t, call.CallerReady, h.store.Caller(anna).State)

		all := h.store.Occurrences(h.scheme)
		require.Len(t, all, 2, "the next call is booked")
		require.Equal(t, "2000-01-11", all[1].LocalDate.Format(time.DateOnly))
		require.Len(t, h.board.Started(), 1)

		// A week later it starts by itself.
		time.Sleep(time.Until(all[1].Opens) + time.Second)
		synctest.Wait()
		require.Len(t, h.board.Started(), 2)
	})
}

func TestOfferGoesToTheNextCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		first, second := h.caller(), h.caller()
		id := h.occurrence("+3281000001")
		h.open()
		o := h.last()
		require.Equal(t, first, o.Caller)
		h.step(o, call.StateOffered)
		h.end(o, call.Outcome{OfferState: call.OfferTimedOut})

		o2 := h.last()
		require.Equal(t, o.Attempt, o2.Attempt)
		require.Equal(t, 2, o2.Offer)
		require.Equal(t, second, o2.Caller)
		require.Equal(t, call.CallerSetAside, h.store.Caller(first).State)

		// Nobody else is left: the attempt ends and the occurrence waits.
		h.end(o2, call.Outcome{OfferState: call.OfferDeclined})
		a, _ := h.store.Attempt(o.Attempt)
		require.Equal(t, call.ResultCancelled, a.Outcome.Result)
		require.Equal(t, call.ReasonNoCaller, a.Outcome.Reason)
		require.Equal(t, []call.OfferState{call.OfferTimedOut, call.OfferDeclined}, a.Offers)
		require.Equal(t, call.OccurrenceOpen, h.store.Occurrence(id).State)
		require.Zero(t, h.store.Occurrence(id).Attempts)

		// Who declined is asked again after a pause, who let it ring is not.
		time.Sleep(31 * time.Second)
		synctest.Wait()
		require.Equal(t, second, h.last().Caller)
		require.NotEqual(t, o.Attempt, h.last().Attempt)
	})
}

func TestStoreAwayStartsNothingAndLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.caller()
		id := h.occurrence("+3281000001")
		h.open()
		o := h.last()
		h.step(o, call.StateOffered, call.StateAccepted, call.StateRinging, call.StateBridged)

		h.store.SetFault(func([]dispatch.Op) (error, error) { return dispatch.ErrStoreDown, nil })
		other := h.occurrence("+3281000002")
		h.desk.Changed(h.scheme)
		h.end(o, answered)
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		require.ErrorIs(t, h.desk.Healthy(), dispatch.ErrStoreDown)
		require.Len(t, h.board.Started(), 1)
		require.Equal(t, call.OccurrenceLive, h.store.Occurrence(id).State)

		// The answer of the next commit is lost, too.
		lost := true
		h.store.SetFault(func([]dispatch.Op) (before, after error) {
			if lost {
				lost = false
				return nil, dispatch.ErrStoreDown
			}
			return nil, nil
		})
		time.Sleep(5 * time.Second)
		synctest.Wait()
		require.NoError(t, h.desk.Healthy())
		require.Equal(t, call.OccurrenceReached, h.store.Occurrence(id).State)
		a, _ := h.store.Attempt(o.Attempt)
		require.Equal(t, 1, a.Finishes)
		require.Len(t, h.board.Started(), 2)
		require.Equal(t, call.OccurrenceClaimed, h.store.Occurrence(other).State)
	})
}

func TestFencedEngineStopsActing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.open()
		_, err := h.store.Lead(t.Context(), h.scheme, "other", time.Now())
		require.NoError(t, err)
		h.caller()
		h.occurrence("+3281000001")
		h.desk.Changed(h.scheme)
		synctest.Wait()
		require.Empty(t, h.board.Started())
		require.Error(t, h.desk.Healthy())
	})
}

func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.caller()
		h.caller()
		h.occurrence("+3281000001")
		h.occurrence("+3281000002")
		h.open()
		orders := h.board.Started()
		require.Len(t, orders, 2)
		h.step(orders[0], call.StateOffered, call.StateAccepted, call.StateRinging, call.StateBridged)
		h.step(orders[1], call.StateOffered)
		h.board.OnRecall = func(id call.ID) {
			h.desk.Ended(call.Outcome{
				Scheme: h.scheme, Attempt: id, Offer: 1, OfferState: call.OfferRecalled,
			})
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		require.ErrorIs(t, h.desk.Drain(ctx), context.DeadlineExceeded)
		require.Equal(t, []call.ID{orders[1].Attempt}, h.board.Recalled())
		h.end(orders[0], answered)
		require.NoError(t, h.desk.Drain(t.Context()))
		require.Len(t, h.board.Started(), 2)
	})
}

// TestACallOfAnotherNodeGetsNoOfferHere: it runs at that node's PBX. When its caller does not take it the attempt ends, and
// a new one is made here; and whoever stops does not wait for it.
func TestACallOfAnotherNodeGetsNoOfferHere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.opts.Holder = "one"
		h.caller()
		h.occurrence("+33600000001")
		h.open()
		first := h.last()
		h.desk.Close()
		h.caller()

		h.opts.Holder = "two"
		h.open()
		require.Equal(t, "one", h.board.Adopted()[0].Node)
		require.Len(t, h.board.Started(), 1)
		drained, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.NoError(t, h.desk.Drain(drained))
		h.desk.Close()

		h.open()
		h.end(first, call.Outcome{OfferState: call.OfferTimedOut})
		require.Len(t, h.board.Started(), 2)
		second := h.last()
		require.NotEqual(t, first.Attempt, second.Attempt)
		require.Equal(t, 1, second.Offer)
		a, _ := h.store.Attempt(first.Attempt)
		require.Equal(t, call.ReasonNoCaller, a.Outcome.Reason)
	})
}
