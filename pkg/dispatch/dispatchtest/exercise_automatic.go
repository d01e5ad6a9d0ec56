package dispatchtest

import (
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
)

// automatic: a call without a caller has no offer, holds nobody but the number, and keeps what was keyed as it comes.
func (s *suite) automatic() {
	t := s.t
	id := s.occurrence("+3281000001", func(o *dispatch.Occurrence) { o.Kind = call.KindPresence })
	person := s.Occurrence(id).Beneficiary
	o := s.order(0, "+3281000001")
	o.Offer, o.Kind, o.CallerEndpoint, o.CallerLanguage, o.CallerRing = 0, call.KindPresence, "", "", 0
	claim := dispatch.Claim{Occurrence: id, Order: o, At: suiteNow()}
	s.apply(claim)
	s.apply(claim)
	other := s.occurrence("+3281000001")
	second := s.order(s.caller(), "+3281000001")
	require.ErrorIs(t, s.applied(dispatch.Claim{Occurrence: other, Order: second, At: suiteNow()})[0], dispatch.ErrNumberBusy)
	offer := s.order(second.Caller, "+3281000001")
	offer.Attempt = o.Attempt
	require.ErrorIs(t, s.applied(dispatch.Offer{Occurrence: id, Order: offer, At: suiteNow()})[0], dispatch.ErrStale,
		"nobody is offered such a call")
	s.apply(step(o, call.StateRinging), step(o, call.StateBridged))
	require.Equal(t, call.OccurrenceLive, s.Occurrence(id).State)

	callback := dispatch.Occurrence{
		Beneficiary: person, Kind: call.KindCallback, Opens: suiteNow(), Closes: suiteNow().Add(6 * time.Hour),
		LocalDate: suiteNow().Truncate(24 * time.Hour), Length: 20 * time.Minute, Numbers: []string{"+3281000001"},
	}
	given := dispatch.Answer{
		Given: call.Answer{
			Scheme: s.scheme, Attempt: o.Attempt, N: 1, Question: "presence", Answer: call.AnswerCallBack, At: suiteNow(),
		},
		Callback: &callback,
	}
	s.apply(given)
	require.NotZero(t, callback.ID, "the call back is booked with the answer")
	require.Equal(t, call.KindCallback, s.Occurrence(callback.ID).Kind)
	again := callback
	again.ID = 0
	s.apply(dispatch.Answer{Given: given.Given, Callback: &again})
	require.Equal(t, callback.ID, again.ID, "and once only")

	live := s.snapshot().Live
	require.Len(t, live, 1)
	require.Equal(t, call.AnswerCallBack, live[0].Answer)
	require.Equal(t, 1, live[0].Answers)
	require.Zero(t, live[0].Order.Caller)
	require.Zero(t, live[0].Order.Offer)
	require.Equal(t, call.KindPresence, live[0].Order.Kind)

	out := answer(o)
	out.OfferState = ""
	finish, _ := s.finish(id, out)
	s.apply(finish)
	require.Equal(t, call.OccurrenceReached, s.Occurrence(id).State)
	a, ok := s.Attempt(o.Attempt)
	require.True(t, ok)
	require.Empty(t, a.Offers)
	require.Zero(t, a.Order.Caller)
	s.apply(dispatch.Claim{Occurrence: other, Order: second, At: suiteNow()})

	late := given
	late.Given.N = 2
	require.ErrorIs(t, s.applied(late)[0], dispatch.ErrStale, "nothing is answered after the end")
}
