package dispatchtest

import (
	"context"
	"slices"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
)

// following returns the open calls of an agreement in the next two weeks, earliest first.
func (s *suite) following(agreement int64) []dispatch.Occurrence {
	s.t.Helper()
	snap, err := s.Load(context.Background(), s.scheme, suiteNow(), suiteNow().AddDate(0, 0, 15))
	require.NoError(s.t, err)
	var open []dispatch.Occurrence
	for _, o := range snap.Occurrences {
		if o.Agreement == agreement {
			open = append(open, o)
		}
	}
	slices.SortFunc(open, func(a, b dispatch.Occurrence) int { return a.Opens.Compare(b.Opens) })
	return open
}

func (s *suite) dayLater() {
	anna, id := s.caller(), s.occurrence("+3281000001")
	agreement := s.Occurrence(id).Agreement
	o := s.order(anna, "+3281000001")
	s.apply(dispatch.Claim{Occurrence: id, Order: o, At: suiteNow()})
	finish, next := s.finish(id, answer(o))
	s.apply(finish)
	closing := dispatch.CloseCall{Attempt: o.Attempt, Caller: anna, DayLater: true, At: suiteNow().Add(time.Hour)}
	s.apply(closing)
	proposed := next.ID
	wednesday := suiteNow().Truncate(24*time.Hour).AddDate(0, 0, 8)
	moved := func(why string) {
		require.Equal(s.t, call.OccurrenceMoved, s.Occurrence(proposed).State, why)
		open := s.following(agreement)
		require.Len(s.t, open, 1, why)
		require.True(s.t, open[0].LocalDate.Equal(wednesday), "%s: %v", why, open[0].LocalDate)
		require.True(s.t, open[0].Opens.Equal(wednesday.Add(570*time.Minute)), why)
		require.True(s.t, open[0].Closes.Equal(wednesday.Add(17*time.Hour)), why)
		require.True(s.t, open[0].NotBefore.Equal(open[0].Opens), why)
		require.Equal(s.t, []string{"+3281000001"}, open[0].Numbers)
		require.Equal(s.t, call.KindScheduled, open[0].Kind)
	}
	moved("a day later than proposed")

	// She presses another key, dials *6 again, the answer of the store was lost: it has moved once.
	s.apply(closing)
	closing.FollowUp = true
	s.apply(closing, closing)
	closing.DayLater, closing.Disposition = false, call.DispositionCourtesy
	s.apply(closing)
	closing.DayLater = true
	s.apply(closing)
	require.ErrorIs(s.t, s.applied(finish)[0], dispatch.ErrStale)
	moved("once")

	// Planning does not bring the moved call back.
	n, err := s.Plan(context.Background(), s.scheme, s.epoch, suiteNow(), suiteNow().AddDate(0, 0, 8))
	require.NoError(s.t, err)
	require.Zero(s.t, n)
	moved("after planning")

	// Nor does an end that books the same call once more.
	other := s.occurrence("+3281000001", func(x *dispatch.Occurrence) {
		x.Agreement, x.Beneficiary, x.Kind = agreement, s.Occurrence(id).Beneficiary, call.KindApology
	})
	again := *next
	again.ID = 0
	s.apply(dispatch.Settle{Settlement: dispatch.Settlement{
		Occurrence: other, State: call.OccurrenceMissed, At: suiteNow(), Next: &again,
	}})
	require.Zero(s.t, again.ID, "the call of that day is elsewhere now")
	moved("after another end")
}

func (s *suite) dayLaterFirst() {
	for i, number := range []string{"+3281000001", "+3281000002"} {
		anna, id := s.caller(), s.occurrence(number)
		o := s.order(anna, number)
		claim := dispatch.Claim{Occurrence: id, Order: o, At: suiteNow()}
		closing := dispatch.CloseCall{Attempt: o.Attempt, Caller: anna, DayLater: true, At: suiteNow().Add(time.Hour)}
		finish, next := s.finish(id, answer(o))
		if i == 0 {
			s.apply(claim, finish, closing)
		} else {
			s.apply(claim, closing)
			s.apply(finish)
		}
		require.Equal(s.t, call.OccurrenceMoved, s.Occurrence(next.ID).State)
		open := s.following(s.Occurrence(id).Agreement)
		require.Len(s.t, open, 1)
		require.Equal(s.t, time.Wednesday, open[0].LocalDate.Weekday())
	}
}

func (s *suite) dayLaterTaken() {
	anna, id := s.caller(), s.occurrence("+3281000001")
	o := s.order(anna, "+3281000001")
	finish, next := s.finish(id, answer(o))
	s.apply(dispatch.Claim{Occurrence: id, Order: o, At: suiteNow()}, finish)
	taken := s.occurrence("+3281000001", func(x *dispatch.Occurrence) {
		x.Agreement, x.Beneficiary = s.Occurrence(id).Agreement, s.Occurrence(id).Beneficiary
		x.Opens, x.Closes, x.LocalDate = x.Opens.AddDate(0, 0, 8), x.Closes.AddDate(0, 0, 8), x.LocalDate.AddDate(0, 0, 8)
	})
	s.apply(dispatch.CloseCall{Attempt: o.Attempt, Caller: anna, DayLater: true, At: suiteNow().Add(time.Hour)})
	require.Equal(s.t, call.OccurrenceOpen, s.Occurrence(next.ID).State)
	require.Equal(s.t, call.OccurrenceOpen, s.Occurrence(taken).State)
	require.Len(s.t, s.following(s.Occurrence(id).Agreement), 2)
}
