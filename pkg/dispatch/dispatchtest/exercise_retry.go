package dispatchtest

import (
	"context"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
)

func (s *suite) welfare() {
	anna := s.caller()
	end := func(state call.OccurrenceState, kind call.Kind, number string) (int64, dispatch.Settle) {
		id := s.occurrence(number, func(o *dispatch.Occurrence) { o.Kind = kind })
		settle := dispatch.Settle{Settlement: dispatch.Settlement{Occurrence: id, State: state, Rang: true, At: suiteNow()}}
		s.apply(settle)
		return id, settle
	}
	for _, state := range []call.OccurrenceState{call.OccurrenceUnreached, call.OccurrenceMissed} {
		id, settle := end(state, call.KindScheduled, "+3281000001")
		require.Equal(s.t, 1, s.Welfare(id), state)
		require.ErrorIs(s.t, s.applied(settle)[0], dispatch.ErrStale)
		require.Equal(s.t, 1, s.Welfare(id), state)
		id, _ = end(state, call.KindReminder, "+3281000002")
		require.Zero(s.t, s.Welfare(id), "nobody waits for a reminder")
	}
	id, _ := end(call.OccurrenceCancelled, call.KindScheduled, "+3281000003")
	require.Zero(s.t, s.Welfare(id))

	// By the end of an attempt, of which two writers tell.
	id, o := s.occurrence("+3281000004"), s.order(anna, "+3281000004")
	finish := dispatch.Finish{
		Outcome: call.Outcome{
			Scheme: o.Scheme, Attempt: o.Attempt, Offer: 1, OfferState: call.OfferAccepted, Result: call.ResultNoAnswer,
			Fault: call.FaultNone, Rang: true, At: suiteNow(),
		},
		Settlement: dispatch.Settlement{Occurrence: id, State: call.OccurrenceUnreached, Attempts: 3, Rang: true, At: suiteNow()},
	}
	s.apply(dispatch.Claim{Occurrence: id, Order: o, At: suiteNow()}, finish)
	require.ErrorIs(s.t, s.applied(finish)[0], dispatch.ErrStale)
	require.Equal(s.t, 1, s.Welfare(id))
}

// vain makes an attempt on an occurrence that ends with a result.
func (s *suite) vain(caller, occurrence int64, number string, out call.Outcome) {
	s.t.Helper()
	o := s.order(caller, number)
	out.Scheme, out.Attempt, out.Offer, out.OfferState, out.At = o.Scheme, o.Attempt, 1, call.OfferAccepted, suiteNow()
	finish, _ := s.finish(occurrence, out)
	s.apply(dispatch.Claim{Occurrence: occurrence, Order: o, At: suiteNow()}, finish)
}

func (s *suite) tried() {
	anna := s.caller()
	scheduled := s.occurrence("+3281000001")
	first := s.Occurrence(scheduled)
	callback := s.occurrence("+3281000001", func(o *dispatch.Occurrence) {
		o.Agreement, o.Beneficiary, o.Kind = first.Agreement, first.Beneficiary, call.KindCallback
	})
	s.vain(anna, scheduled, "+3281000001", call.Outcome{Result: call.ResultBusy, Fault: call.FaultTheirs})
	s.vain(anna, callback, "+3281000001", call.Outcome{Result: call.ResultNoAnswer, Fault: call.FaultNone, Rang: true})
	s.vain(anna, callback, "+3281000001", call.Outcome{Result: call.ResultFailed, Fault: call.FaultTheirs, Reason: call.ReasonInvalidNumber})
	s.vain(anna, callback, "+3281000001", call.Outcome{Result: call.ResultFailed, Fault: call.FaultOurs})
	s.vain(anna, callback, "+3281000001", call.Outcome{Result: call.ResultCongestion, Fault: call.FaultNetwork})
	reached := s.occurrence("+3281000002")
	s.vain(anna, reached, "+3281000002", call.Outcome{Result: call.ResultAnswered, Fault: call.FaultNone})
	require.Equal(s.t, map[int64]int{first.Beneficiary: 3}, s.snapshot().Tried)

	snap, err := s.Load(context.Background(), s.scheme, suiteNow().AddDate(0, 0, 1), suiteNow().AddDate(0, 0, 2))
	require.NoError(s.t, err)
	require.Empty(s.t, snap.Tried, "another day")
}

func (s *suite) laterWindow() {
	id := s.occurrence("+3281000001")
	next := s.Occurrence(id)
	settle := dispatch.Settle{Settlement: dispatch.Settlement{Occurrence: id, State: call.OccurrenceMoved, Rang: true, At: suiteNow()}}
	further := next
	further.ID, further.State, further.Rang, further.Length = 0, call.OccurrenceOpen, true, 20*time.Minute
	further.Opens = suiteNow().Add(4 * time.Hour)
	further.Closes, further.NotBefore = further.Opens.Add(time.Hour), further.Opens.Add(time.Minute)
	settle.Settlement.Next = &further
	s.apply(settle)
	require.Equal(s.t, call.OccurrenceMoved, s.Occurrence(id).State)
	require.NotZero(s.t, further.ID)
	require.NotEqual(s.t, id, further.ID)
	require.Zero(s.t, s.Welfare(id))
	got := s.snapshot().Occurrences
	require.Len(s.t, got, 1)
	require.Equal(s.t, further.ID, got[0].ID)
	require.True(s.t, got[0].Rang, "that she was rung before stays known")
	require.Zero(s.t, got[0].Attempts)
	require.True(s.t, got[0].NotBefore.Equal(further.NotBefore))
	require.True(s.t, got[0].LocalDate.Equal(next.LocalDate))

	again := further
	again.ID = 0
	settle.Settlement.Next = &again
	require.ErrorIs(s.t, s.applied(settle)[0], dispatch.ErrStale)
	n, err := s.Plan(context.Background(), s.scheme, s.epoch, suiteNow(), suiteNow().Add(time.Hour))
	require.NoError(s.t, err)
	require.Zero(s.t, n, "the day has its promise")
	require.Len(s.t, s.snapshot().Occurrences, 1)
}
