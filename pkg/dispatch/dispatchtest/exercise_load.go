package dispatchtest

import (
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// talk makes a caller talk with somebody new for a minute and a half, and returns the attempt. The nth call ends n minutes
// after the suite's now.
func (s *suite) talk(caller int64, nth int, hard bool) call.ID {
	s.t.Helper()
	number := fmt.Sprintf("+32810001%02d", nth)
	id, o := s.occurrence(number), s.order(caller, number)
	out := answer(o)
	out.At = s.ends(nth)
	finish, _ := s.finish(id, out)
	finish.Hard = hard
	s.apply(dispatch.Claim{Occurrence: id, Order: o, At: suiteNow()}, finish)
	return o.Attempt
}

func (s *suite) ends(nth int) time.Time { return suiteNow().Add(time.Duration(nth) * time.Minute) }

func (s *suite) close(caller int64, attempt call.ID, d call.Disposition) {
	s.t.Helper()
	s.apply(dispatch.CloseCall{Attempt: attempt, Caller: caller, Disposition: d, At: suiteNow().Add(time.Hour)})
}

// loaded is a caller as whoever leads after a restart sees her.
func (s *suite) loaded(caller int64) dispatch.Caller {
	s.t.Helper()
	for _, c := range s.snapshot().Callers {
		if c.ID == caller {
			return c
		}
	}
	require.Fail(s.t, "no such caller")
	return dispatch.Caller{}
}

func (s *suite) callersDay() {
	anna := s.caller()
	s.talk(anna, 1, false)
	last := s.talk(anna, 2, false)
	c := s.loaded(anna)
	require.Equal(s.t, 2, c.CallsToday)
	require.Equal(s.t, 3*time.Minute, c.TalkToday)
	require.Equal(s.t, last, c.LastCall)
	require.True(s.t, c.LastEnded.Equal(s.ends(2)))
	require.Zero(s.t, c.HardToday)
	require.True(s.t, c.HardEnded.IsZero())

	// A call that reached nobody is none of her day.
	id, o := s.occurrence("+3281000001"), s.order(anna, "+3281000001")
	finish, _ := s.finish(id, call.Outcome{
		Scheme: o.Scheme, Attempt: o.Attempt, Offer: 1, OfferState: call.OfferAccepted, Result: call.ResultNoAnswer,
		Fault: call.FaultNone, Rang: true, At: s.ends(3),
	})
	s.apply(dispatch.Claim{Occurrence: id, Order: o, At: suiteNow()}, finish)
	require.Equal(s.t, 2, s.loaded(anna).CallsToday)
	require.Equal(s.t, last, s.loaded(anna).LastCall)
}

func (s *suite) inRow() {
	anna := s.caller()
	row := func(hard, inRow int, ended time.Time, why string) {
		s.t.Helper()
		c := s.loaded(anna)
		require.Equal(s.t, hard, c.HardToday, why)
		require.Equal(s.t, inRow, c.HardInRow, why)
		require.True(s.t, c.HardEnded.Equal(ended), "%s: %v", why, c.HardEnded)
	}
	first := s.talk(anna, 1, true)
	row(0, 0, time.Time{}, "expected to be hard, and nobody said that it was")
	s.close(anna, first, call.DispositionDifficult)
	s.close(anna, first, call.DispositionDifficult)
	row(1, 1, s.ends(1), "difficult")
	second := s.talk(anna, 2, true)
	row(1, 1, s.ends(1), "one that was expected to be hard interrupts nothing")
	s.close(anna, second, call.DispositionDifficult)
	row(2, 2, s.ends(2), "two in a row")
	s.close(anna, second, call.DispositionCourtesy)
	row(1, 0, time.Time{}, "it was none after all")

	third := s.talk(anna, 3, false)
	s.close(anna, third, call.DispositionDifficult)
	row(2, 1, s.ends(3), "nobody expected it")
	s.talk(anna, 4, false)
	row(2, 0, s.ends(3), "a courtesy call interrupts them")
	s.close(anna, first, call.DispositionCourtesy)
	row(1, 0, s.ends(3), "an earlier one counts in the day only")

	// Closed before its end is recorded.
	id, o := s.occurrence("+3281000009"), s.order(anna, "+3281000009")
	s.apply(dispatch.Claim{Occurrence: id, Order: o, At: suiteNow()}, step(o, call.StateRinging), step(o, call.StateBridged))
	s.close(anna, o.Attempt, call.DispositionDifficult)
	out := answer(o)
	out.At = s.ends(6)
	finish, _ := s.finish(id, out)
	s.apply(finish)
	row(2, 1, s.ends(6), "she was quicker than the records")
}

// bounds has a scheme with limits, callers with their own, and agreements that ask for skills.
func (s *suite) bounds() {
	everybody := dispatch.Load{Talk: 3 * time.Hour, Calls: 12, Hard: 4, HardInRow: 2, Breather: 10 * time.Minute}
	scheme := suiteScheme("Liege")
	scheme.Load = everybody
	s.scheme = s.AddScheme(scheme)
	s.epoch = s.lead(s.scheme)
	own := dispatch.Load{Calls: 5, Breather: 15 * time.Minute}
	anna := s.AddCaller(s.scheme, dispatch.Caller{
		Roles: []roster.Role{roster.RoleCaller}, Languages: []roster.Language{roster.French, roster.Dutch}, State: call.CallerReady,
		Since: suiteNow(), Enabled: true, Endpoint: "softphone", Skills: []string{"bereavement", "dementia"}, Load: own,
	})
	hard := s.occurrence("+3281000001", func(o *dispatch.Occurrence) {
		o.Skills, o.Hard = []string{"bereavement", "sign language"}, true
	})
	easy := s.occurrence("+3281000002")
	snap := s.snapshot()
	require.Equal(s.t, everybody, snap.Scheme.Load)
	require.Equal(s.t, anna, snap.Callers[0].ID)
	require.Equal(s.t, own, snap.Callers[0].Load)
	require.Equal(s.t, []string{"bereavement", "dementia"}, snap.Callers[0].Skills)
	require.Len(s.t, snap.Occurrences, 2)
	for _, o := range snap.Occurrences {
		switch o.ID {
		case hard:
			require.Equal(s.t, []string{"bereavement", "sign language"}, o.Skills)
			require.True(s.t, o.Hard)
		case easy:
			require.Empty(s.t, o.Skills)
			require.False(s.t, o.Hard)
		}
	}
}
