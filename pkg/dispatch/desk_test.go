package dispatch_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// after lets the service's clock run.
func after(d time.Duration) {
	time.Sleep(d + time.Millisecond)
	synctest.Wait()
}

func TestCallerStaysOnTheLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		anna := h.caller()
		h.occurrence("+3281000001")
		h.open()
		o := h.last()
		h.step(o, call.StateOffered, call.StateAccepted, call.StateRinging, call.StateBridged)
		require.ErrorIs(t, h.desk.SetState(t.Context(), h.scheme, anna, call.CallerBreak, ""), dispatch.ErrCallerBusy)
		out := answered
		out.CallerPresent = true
		h.end(o, out)
		h.occurrence("+3281000002")
		h.desk.Changed(h.scheme)

		after(3 * time.Minute)
		require.Equal(t, call.CallerWrapUp, h.store.Caller(anna).State, "her phone is not free while she is on the line")
		require.Len(t, h.board.Started(), 1)
		h.desk.CallerLeft(h.scheme, anna, o.Attempt)
		synctest.Wait()
		require.Len(t, h.board.Started(), 2, "wrap-up is over and her phone is free")

		// A wish in wrap-up is kept until she has left the line.
		o = h.last()
		h.step(o, call.StateOffered, call.StateAccepted, call.StateRinging, call.StateBridged)
		h.end(o, call.Outcome{
			OfferState: call.OfferAccepted, Result: call.ResultAnswered, Rang: true, CallerPresent: true,
		})
		require.NoError(t, h.desk.SetState(t.Context(), h.scheme, anna, call.CallerBreak, "lunch"))
		require.Equal(t, call.CallerWrapUp, h.store.Caller(anna).State)
		h.desk.CallerLeft(h.scheme, anna, o.Attempt)
		synctest.Wait()
		require.Equal(t, call.CallerBreak, h.store.Caller(anna).State)
	})
}

func TestNobodyIsOfferedACallWhileSheDialsACode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		anna := h.caller()
		h.open()
		require.NoError(t, h.desk.SetState(t.Context(), h.scheme, anna, call.CallerBreak, ""))
		h.desk.OnLine(h.scheme, anna, true)
		h.occurrence("+3281000001")
		h.desk.Changed(h.scheme)
		require.NoError(t, h.desk.SetState(t.Context(), h.scheme, anna, call.CallerReady, ""))
		synctest.Wait()
		require.Empty(t, h.board.Started(), "she still hears that she is ready")
		h.desk.OnLine(h.scheme, anna, false)
		synctest.Wait()
		require.Len(t, h.board.Started(), 1)
	})
}

func TestACallPutOffByADayIsRungADayLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.opts.Horizon = 10 * 24 * time.Hour
		anna := h.caller()
		h.occurrence("+3281000001")
		h.open()
		o := h.last()
		h.step(o, call.StateOffered, call.StateAccepted, call.StateRinging, call.StateBridged)
		h.end(o, answered)
		later := dispatch.CloseCall{Attempt: o.Attempt, Caller: anna, DayLater: true}
		require.NoError(t, h.desk.CloseCall(t.Context(), h.scheme, later))
		require.NoError(t, h.desk.CloseCall(t.Context(), h.scheme, later))
		synctest.Wait()
		after(7 * 24 * time.Hour) // Tuesday, ten o'clock.
		require.Len(t, h.board.Started(), 1, "not on the day proposed")
		next, err := h.desk.Next(t.Context(), h.scheme, anna)
		require.NoError(t, err)
		require.Equal(t, "2000-01-12T09:30:00Z", next.At.Format(time.RFC3339))
		after(24 * time.Hour)
		require.Len(t, h.board.Started(), 2)
		require.Equal(t, "+3281000001", h.last().Number)
	})
}

func TestOneMoreAndThenABreak(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		anna := h.caller(func(c *dispatch.Caller) { c.State = call.CallerReadyOnce })
		h.occurrence("+3281000001")
		h.occurrence("+3281000002")
		h.open()
		h.step(h.last(), call.StateOffered, call.StateAccepted, call.StateRinging)
		h.end(h.last(), call.Outcome{OfferState: call.OfferAccepted, Result: call.ResultNoAnswer, Rang: true})
		after(time.Minute)
		require.Len(t, h.board.Started(), 2, "nobody answered: the one call is still to come")
		h.end(h.last(), answered)
		after(time.Hour)
		require.Equal(t, call.CallerBreak, h.store.Caller(anna).State)
		require.Len(t, h.board.Started(), 2)
	})
}

func TestBrokenByUsIsFollowedByAnApology(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		anna, bea := h.caller(), h.caller()
		h.occurrence("+3281000001", func(o *dispatch.Occurrence) { o.Reference, o.Deputy = anna, bea })
		h.open()
		o := h.last()
		require.Equal(t, anna, o.Caller)
		h.step(o, call.StateOffered, call.StateAccepted, call.StateRinging, call.StateBridged)
		h.end(o, call.Outcome{
			OfferState: call.OfferAccepted, Result: call.ResultAnswered, Reason: call.ReasonBrokenByUs, Fault: call.FaultOurs,
			Rang: true,
		})
		require.Equal(t, call.CallerSetAside, h.store.Caller(anna).State)
		apology := h.last()
		require.NotEqual(t, o.Attempt, apology.Attempt)
		require.Equal(t, call.KindApology, apology.Kind)
		require.Equal(t, bea, apology.Caller, "the deputy, at once")
		h.end(apology, answered)
		all := h.store.Occurrences(h.scheme)
		require.Len(t, all, 3)
		require.Equal(t, call.KindScheduled, all[2].Kind)
		require.Equal(t, "2000-01-11", all[2].LocalDate.Format(time.DateOnly))
	})
}

func TestHoldForTheReferenceCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		anna := h.caller(func(c *dispatch.Caller) { c.State = call.CallerBreak })
		bea := h.caller()
		opens := time.Now()
		id := h.occurrence("+3281000001", func(o *dispatch.Occurrence) { o.Reference, o.Opens = anna, opens })
		h.open()
		require.Empty(t, h.board.Started())
		next, err := h.desk.Next(t.Context(), h.scheme, anna)
		require.NoError(t, err)
		require.Equal(t, id, next.Occurrence)
		require.True(t, next.Reference)
		_, err = h.desk.Next(t.Context(), h.scheme, bea)
		require.ErrorIs(t, err, dispatch.ErrNothing)
		after(20 * time.Minute)
		require.Equal(t, bea, h.last().Caller)
	})
}

func TestNumberOnTheInboundLineIsNotRung(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.caller()
		h.occurrence("+3281000001")
		d, err := dispatch.New(h.opts)
		require.NoError(t, err)
		t.Cleanup(d.Close)
		h.desk = d
		d.HoldNumber("+3281000001", "in-1", "")
		d.HoldNumber("+3281000001", "in-1", "")
		require.NoError(t, d.Lead(t.Context(), h.scheme))
		synctest.Wait()
		require.Empty(t, h.board.Started())
		f, err := d.Figures(t.Context(), h.scheme)
		require.NoError(t, err)
		require.Equal(t, 1, f.Parked)
		require.Equal(t, 1, f.LinesIn)
		d.ReleaseNumber("in-1")
		synctest.Wait()
		require.Len(t, h.board.Started(), 1)
	})
}

func TestUnknownFateHoldsTheNumber(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		anna := h.caller()
		h.caller()
		h.occurrence("+3281000001")
		h.open()
		o := h.last()
		h.occurrence("+3281000001") // Somebody else behind the same number.
		h.desk.Changed(h.scheme)
		h.end(o, call.Outcome{OfferState: call.OfferFailed, Result: call.ResultUnknown, Fault: call.FaultOurs})
		rings := o.DialBy.Add(o.BeneficiaryRing)
		after(time.Until(rings) - time.Second)
		require.Len(t, h.board.Started(), 1)
		a, _ := h.store.Attempt(o.Attempt)
		require.Equal(t, call.StateIntent, a.State, "alive, for every scheme and over a crash")
		require.Equal(t, call.CallerReady, h.store.Caller(anna).State, "its caller is released: it was not her phone's fault")
		after(2 * time.Second)
		require.Len(t, h.board.Started(), 2)
		a, _ = h.store.Attempt(o.Attempt)
		require.Equal(t, call.ResultUnknown, a.Outcome.Result)
	})
}

func TestRefusedOrderIsNoStorm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		for range 5 {
			h.caller()
		}
		for _, n := range []string{"1", "2", "3", "4", "5", "6", "7", "8"} {
			h.occurrence("+328100000" + n)
		}
		h.board.OnStart = func(call.Order) error { return errors.New("no PBX") }
		h.open()
		after(time.Second)
		require.Len(t, h.board.Started(), 5)
		after(10 * time.Second)
		require.Len(t, h.board.Started(), 8, "each is tried again after a minute only")
		for _, a := range h.store.Attempts() {
			require.Equal(t, call.ResultFailed, a.Outcome.Result)
			require.Equal(t, call.FaultOurs, a.Outcome.Fault)
		}
		for _, o := range h.store.Occurrences(h.scheme) {
			require.Equal(t, call.OccurrenceOpen, o.State)
			require.Zero(t, o.Attempts)
		}
	})
}

func TestNumberOffTheAllowListHoldsUpNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		anna := h.caller()
		refused := h.occurrence("+3290000001", func(o *dispatch.Occurrence) { o.Class = 3 })
		h.occurrence("+3281000002")
		h.board.OnStart = func(o call.Order) error {
			if o.Number == "+3290000001" {
				return dispatch.ErrNotPermitted
			}
			return nil
		}
		h.open()
		after(time.Second)
		require.Len(t, h.board.Started(), 2, "no pause, as there would be without a PBX")
		require.Equal(t, "+3281000002", h.last().Number)
		require.Equal(t, anna, h.last().Caller)
		a, ok := h.store.Attempt(h.board.Started()[0].Attempt)
		require.True(t, ok)
		require.Equal(t, call.ResultFailed, a.Outcome.Result)
		require.Equal(t, call.ReasonNotPermitted, a.Outcome.Reason)
		require.Equal(t, call.OccurrenceOpen, h.store.Occurrence(refused).State, "she is owed a call: somebody has to act")
		require.Zero(t, h.store.Occurrence(refused).Attempts)
	})
}

func TestChangesOfOthersAreTakenOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.open()
		anna := h.caller()
		cancelled := h.occurrence("+3281000001", func(o *dispatch.Occurrence) { o.Language = roster.Dutch })
		h.desk.Changed(h.scheme)
		synctest.Wait()
		require.Empty(t, h.board.Started(), "she speaks no Dutch")
		h.store.UpdateOccurrence(cancelled, func(o *dispatch.Occurrence) { o.State = call.OccurrenceCancelled })
		second := h.occurrence("+3281000002", func(o *dispatch.Occurrence) { o.Language = roster.Dutch })
		h.store.UpdateCaller(anna, func(c *dispatch.Caller) { c.Languages = []roster.Language{roster.Dutch} })
		h.desk.Changed(h.scheme)
		synctest.Wait()
		require.Equal(t, "+3281000002", h.last().Number)
		require.Len(t, h.board.Started(), 1)
		require.Equal(t, call.OccurrenceClaimed, h.store.Occurrence(second).State)

		// Who is disabled is offered nothing more.
		h.end(h.last(), call.Outcome{OfferState: call.OfferAccepted, Result: call.ResultBusy})
		h.store.UpdateCaller(anna, func(c *dispatch.Caller) { c.Enabled = false })
		h.desk.Changed(h.scheme)
		after(2 * time.Hour)
		require.Len(t, h.board.Started(), 1)
		require.ErrorIs(t, h.desk.SetState(t.Context(), h.scheme, anna, call.CallerReady, ""), dispatch.ErrUnknownCaller)
	})
}

func TestFasterClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		begin := time.Now()
		h.opts.Speed = 60
		h.opts.Now = func() time.Time { return begin.Add(60 * time.Since(begin)) }
		h.caller()
		h.occurrence("+3281000001", func(o *dispatch.Occurrence) {
			o.Opens, o.Closes = begin.Add(time.Hour), begin.Add(time.Hour+20*time.Minute)
		})
		h.open()
		after(59 * time.Second)
		require.Empty(t, h.board.Started())
		after(2 * time.Second)
		require.Len(t, h.board.Started(), 1)
		// The window closes in less than twenty real seconds: nobody may be rung after that.
		require.WithinDuration(t, begin.Add(80*time.Second), h.last().DialBy, time.Second)
	})
}

func TestWhoLeavesTheSchemeIsRungNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		anna, bea := h.caller(), h.caller()
		h.occurrence("+3281000001")
		h.occurrence("+3281000002")
		h.open()
		orders := h.board.Started()
		require.Len(t, orders, 2)
		h.step(orders[0], call.StateOffered)
		h.step(orders[1], call.StateOffered, call.StateAccepted, call.StateRinging, call.StateBridged)
		h.board.OnRecall = func(id call.ID) {
			h.desk.Ended(call.Outcome{Scheme: h.scheme, Attempt: id, Offer: 1, OfferState: call.OfferRecalled})
		}
		for _, id := range []int64{anna, bea} {
			h.store.UpdateCaller(id, func(c *dispatch.Caller) { c.Enabled = false })
		}
		h.desk.Changed(h.scheme)
		synctest.Wait()
		require.Equal(t, []call.ID{orders[0].Attempt}, h.board.Recalled(), "the call that is talked on goes on")
		h.end(orders[1], answered)
		after(time.Hour)
		require.Len(t, h.board.Started(), 2, "nobody works any more")

		carla := h.caller()
		h.desk.Changed(h.scheme)
		after(time.Minute)
		require.Equal(t, carla, h.last().Caller, "her promise is kept by another")
	})
}
