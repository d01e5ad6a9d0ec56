package dispatchtest

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// Fixture is a store under test with what it takes to fill and read it past dispatch. Memory is one.
type Fixture interface {
	dispatch.Store
	// AddScheme keeps a scheme (its ID is 0) and returns its key.
	AddScheme(dispatch.Scheme) int64
	// AddOccurrence keeps a person with an agreement, and one open occurrence of it. Agreement and Beneficiary are 0, or
	// those of an earlier occurrence.
	AddOccurrence(scheme int64, o dispatch.Occurrence) int64
	// AddCaller keeps a caller.
	AddCaller(scheme int64, c dispatch.Caller) int64
	// Occurrence returns an occurrence as it stands, ended ones too; at least ID, Agreement, Beneficiary, Kind, State,
	// NotBefore, Attempts, Deferred, Rang, LocalDate.
	Occurrence(id int64) dispatch.Occurrence
	// Welfare counts the events by which the end of an occurrence began the welfare ladder.
	Welfare(id int64) int
	// Caller returns a caller as she stands.
	Caller(id int64) dispatch.Caller
	// Attempt returns an attempt; State, Order.Offer, Order.Caller, Offers and Outcome (Result, Reason, Fault, Cause, Talk).
	Attempt(id call.ID) (Attempt, bool)
}

// The suite's now: a Tuesday.
func suiteNow() time.Time { return time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC) }

type suite struct {
	t *testing.T
	Fixture
	scheme, epoch int64
}

// ExerciseStore holds a store to what dispatch relies on. New returns an empty store; it is called once per case.
func ExerciseStore(t *testing.T, newStore func(t *testing.T) Fixture) {
	cases := []struct {
		name string
		run  func(*suite)
	}{
		{"load", (*suite).load},
		{"lead and fence", (*suite).fence},
		{"one call from claim to finish", (*suite).call},
		{"a number and a person are in one live attempt only", (*suite).unique},
		{"a caller holds one reservation, in whatever scheme", (*suite).reservations},
		{"a refused operation spares its batch", (*suite).partial},
		{"offers go from caller to caller", (*suite).offers},
		{"everything may be applied twice", (*suite).twice},
		{"settle without an attempt", (*suite).settleOpen},
		{"plan books once", (*suite).plan},
		{"live attempts are found again", (*suite).live},
		{"states of callers", (*suite).callers},
		{"closing a call", (*suite).closing},
		{"a call without a caller", (*suite).automatic},
		{"limits, skills and hard calls", (*suite).bounds},
		{"a caller's day", (*suite).callersDay},
		{"hard calls in a row", (*suite).inRow},
		{"the welfare ladder begins once", (*suite).welfare},
		{"how often a person was tried today", (*suite).tried},
		{"a promise goes on in a later window of its day", (*suite).laterWindow},
		{"the next call a day later", (*suite).dayLater},
		{"a day later, said before the end is recorded", (*suite).dayLaterFirst},
		{"a day later is left alone when that day has a call", (*suite).dayLaterTaken},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := &suite{t: t, Fixture: newStore(t)}
			s.scheme = s.AddScheme(suiteScheme("Namur"))
			s.epoch = s.lead(s.scheme)
			c.run(s)
		})
	}
}

func suiteScheme(name string) dispatch.Scheme {
	return dispatch.Scheme{
		Name: name, Zone: time.UTC, Trunk: "trunk", Lines: 10, InboundReserve: 2, CallsPerSecond: 5,
		CLI:  map[call.Kind]string{"": "+3281990000"},
		Hold: 20 * time.Minute, WrapUp: time.Minute, Opens: 570, Closes: 1020, Country: "BE",
	}
}

func (s *suite) lead(scheme int64) int64 {
	s.t.Helper()
	epoch, err := s.Lead(context.Background(), scheme, "suite", suiteNow())
	require.NoError(s.t, err)
	return epoch
}

func (s *suite) caller() int64 {
	return s.AddCaller(s.scheme, dispatch.Caller{
		Roles: []roster.Role{roster.RoleCaller}, Languages: []roster.Language{roster.French}, State: call.CallerReady,
		Since: suiteNow(), Enabled: true, Endpoint: "softphone",
	})
}

func (s *suite) occurrence(number string, change ...func(*dispatch.Occurrence)) int64 {
	day := suiteNow().Truncate(24 * time.Hour)
	o := dispatch.Occurrence{
		Kind: call.KindScheduled, Class: 2, Opens: day.Add(570 * time.Minute), Closes: day.Add(17 * time.Hour),
		Length: 20 * time.Minute, Language: roster.French, Continuity: roster.Preferred, Numbers: []string{number},
		LocalDate: day,
		Terms: roster.Agreement{
			Cadence: roster.Weekly, PerWeek: 1, Days: []time.Weekday{time.Tuesday}, Continuity: roster.Preferred,
			Length: 20 * time.Minute,
		},
	}
	for _, f := range change {
		f(&o)
	}
	return s.AddOccurrence(s.scheme, o)
}

func (s *suite) order(caller int64, number string) call.Order {
	return call.Order{
		Scheme: s.scheme, Attempt: call.NewID(), Offer: 1, Kind: call.KindScheduled, Caller: caller,
		CallerEndpoint: "softphone", CallerLanguage: "fr", Number: number, Trunk: "trunk", CLI: "+3281990000",
		Language: "fr", CallerRing: 20 * time.Second, BeneficiaryRing: time.Minute, DialBy: suiteNow().Add(35 * time.Second),
	}
}

// apply applies operations that must all be taken.
func (s *suite) apply(ops ...dispatch.Op) {
	s.t.Helper()
	for i, err := range s.applied(ops...) {
		require.NoError(s.t, err, "operation %d: %T", i, ops[i])
	}
}

func (s *suite) applied(ops ...dispatch.Op) []error {
	s.t.Helper()
	errs, err := s.Apply(context.Background(), s.scheme, s.epoch, suiteNow(), ops)
	require.NoError(s.t, err)
	require.Len(s.t, errs, len(ops))
	return errs
}

func (s *suite) snapshot() *dispatch.Snapshot {
	s.t.Helper()
	snap, err := s.Load(context.Background(), s.scheme, suiteNow(), suiteNow().Add(36*time.Hour))
	require.NoError(s.t, err)
	return snap
}

func step(o call.Order, state call.State) dispatch.Progress {
	p := dispatch.Progress{Step: call.Step{
		Scheme: o.Scheme, Attempt: o.Attempt, Offer: o.Offer, State: state, At: suiteNow().Add(time.Second),
	}}
	if state == call.StateRinging {
		p.Step.Channel = "PJSIP/trunk-1"
	}
	return p
}

func answer(o call.Order) call.Outcome {
	return call.Outcome{
		Scheme: o.Scheme, Attempt: o.Attempt, Offer: o.Offer, OfferState: call.OfferAccepted,
		Result: call.ResultAnswered, Fault: call.FaultNone, Cause: 16, Talk: 90 * time.Second, Rang: true,
		At: suiteNow().Add(2 * time.Minute),
	}
}

// finish settles an attempt as SettlementOf does, with the next occurrence a week later.
func (s *suite) finish(occurrence int64, out call.Outcome) (dispatch.Finish, *dispatch.Occurrence) {
	o := s.Occurrence(occurrence)
	settlement := dispatch.SettlementOf(&o, out, dispatch.Terms{
		Rules: dispatch.RulesOf(&dispatch.Scheme{Zone: time.UTC}, nil), UnknownUntil: suiteNow().Add(2 * time.Minute),
	})
	return dispatch.Finish{Outcome: out, Settlement: settlement, Talk: out.Talk}, settlement.Next
}

func (s *suite) load() {
	anna := s.caller()
	soon := s.occurrence("+3281000001", func(o *dispatch.Occurrence) { o.Reference, o.Deferred = anna, 0 })
	s.occurrence("+3281000002", func(o *dispatch.Occurrence) {
		o.Opens, o.Closes = o.Opens.AddDate(0, 0, 7), o.Closes.AddDate(0, 0, 7)
		o.LocalDate = o.LocalDate.AddDate(0, 0, 7)
	})
	snap := s.snapshot()
	require.Equal(s.t, s.scheme, snap.Scheme.ID)
	require.Equal(s.t, 10, snap.Scheme.Lines)
	require.Equal(s.t, "+3281990000", snap.Scheme.CLI[""])
	require.Equal(s.t, roster.Clock(570), snap.Scheme.Opens)
	require.Len(s.t, snap.Occurrences, 1, "what opens after until is left out")
	o := snap.Occurrences[0]
	require.Equal(s.t, soon, o.ID)
	require.Equal(s.t, call.OccurrenceOpen, o.State)
	require.Equal(s.t, 2, o.Class)
	require.Equal(s.t, anna, o.Reference)
	require.Equal(s.t, []string{"+3281000001"}, o.Numbers)
	require.True(s.t, o.Opens.Equal(suiteNow().Add(-30*time.Minute)))
	require.True(s.t, o.LocalDate.Equal(suiteNow().Truncate(24*time.Hour)), "%v", o.LocalDate)
	require.Equal(s.t, roster.Weekly, o.Terms.Cadence)
	require.Equal(s.t, []time.Weekday{time.Tuesday}, o.Terms.Days)
	require.Len(s.t, snap.Callers, 1)
	require.Equal(s.t, call.CallerReady, snap.Callers[0].State)
	require.True(s.t, snap.Callers[0].Enabled)
	require.Equal(s.t, "softphone", snap.Callers[0].Endpoint)
	require.Empty(s.t, snap.Live)
}

func (s *suite) fence() {
	old := s.epoch
	require.Greater(s.t, s.lead(s.scheme), old)
	_, err := s.Apply(context.Background(), s.scheme, old, suiteNow(), []dispatch.Op{
		dispatch.Claim{Occurrence: s.occurrence("+3281000001"), Order: s.order(s.caller(), "+3281000001"), At: suiteNow()},
	})
	require.ErrorIs(s.t, err, dispatch.ErrFenced)
	_, err = s.Plan(context.Background(), s.scheme, old, suiteNow(), suiteNow().Add(time.Hour))
	require.ErrorIs(s.t, err, dispatch.ErrFenced)
}

func (s *suite) call() {
	anna, id := s.caller(), s.occurrence("+3281000001")
	o := s.order(anna, "+3281000001")
	s.apply(dispatch.Claim{Occurrence: id, Order: o, At: suiteNow()})
	require.Equal(s.t, call.OccurrenceClaimed, s.Occurrence(id).State)
	s.apply(step(o, call.StateOffered), step(o, call.StateAccepted), step(o, call.StateRinging))
	require.True(s.t, s.Occurrence(id).Rang, "her phone rang")
	s.apply(step(o, call.StateBridged))
	require.Equal(s.t, call.OccurrenceLive, s.Occurrence(id).State)

	finish, next := s.finish(id, answer(o))
	s.apply(finish)
	require.Equal(s.t, call.OccurrenceReached, s.Occurrence(id).State)
	require.Equal(s.t, 1, s.Occurrence(id).Attempts)
	a, ok := s.Attempt(o.Attempt)
	require.True(s.t, ok)
	require.Equal(s.t, call.StateEnded, a.State)
	require.Equal(s.t, call.ResultAnswered, a.Outcome.Result)
	require.Equal(s.t, 16, a.Outcome.Cause)
	require.Equal(s.t, 90*time.Second, a.Outcome.Talk)
	require.NotZero(s.t, next.ID, "the next occurrence has a key")
	booked := s.Occurrence(next.ID)
	require.Equal(s.t, call.OccurrenceOpen, booked.State)
	require.Equal(s.t, s.Occurrence(id).Agreement, booked.Agreement)
	require.True(s.t, booked.LocalDate.Equal(suiteNow().Truncate(24*time.Hour).AddDate(0, 0, 7)), "%v", booked.LocalDate)
}

func (s *suite) unique() {
	anna, bea := s.caller(), s.caller()
	person := s.occurrence("+3281000001")
	o := s.order(anna, "+3281000001")
	s.apply(dispatch.Claim{Occurrence: person, Order: o, At: suiteNow()})

	shared := s.occurrence("+3281000001")
	claim := dispatch.Claim{Occurrence: shared, Order: s.order(bea, "+3281000001"), At: suiteNow()}
	require.ErrorIs(s.t, s.applied(claim)[0], dispatch.ErrNumberBusy)
	require.Equal(s.t, call.OccurrenceOpen, s.Occurrence(shared).State)

	again := s.occurrence("+3281000009", func(x *dispatch.Occurrence) {
		first := s.Occurrence(person)
		x.Agreement, x.Beneficiary, x.Kind = first.Agreement, first.Beneficiary, call.KindCallback
	})
	other := dispatch.Claim{Occurrence: again, Order: s.order(bea, "+3281000009"), At: suiteNow()}
	require.ErrorIs(s.t, s.applied(other)[0], dispatch.ErrNumberBusy)

	// In another scheme, too.
	first := s.scheme
	s.scheme = s.AddScheme(suiteScheme("Liege"))
	firstEpoch := s.epoch
	s.epoch = s.lead(s.scheme)
	abroad := dispatch.Claim{
		Occurrence: s.occurrence("+3281000001"), Order: s.order(s.caller(), "+3281000001"), At: suiteNow(),
	}
	require.ErrorIs(s.t, s.applied(abroad)[0], dispatch.ErrNumberBusy)
	s.scheme, s.epoch = first, firstEpoch

	finish, _ := s.finish(person, answer(o))
	s.apply(finish)
	s.apply(claim) // The number is free again.
}

func (s *suite) reservations() {
	anna := s.caller()
	s.apply(dispatch.Claim{Occurrence: s.occurrence("+3281000001"), Order: s.order(anna, "+3281000001"), At: suiteNow()})
	second := dispatch.Claim{Occurrence: s.occurrence("+3281000002"), Order: s.order(anna, "+3281000002"), At: suiteNow()}
	require.ErrorIs(s.t, s.applied(second)[0], dispatch.ErrCallerReserved)
}

func (s *suite) partial() {
	anna, bea := s.caller(), s.caller()
	first, second := s.occurrence("+3281000001"), s.occurrence("+3281000002")
	errs := s.applied(
		dispatch.Claim{Occurrence: first, Order: s.order(anna, "+3281000001"), At: suiteNow()},
		dispatch.Claim{Occurrence: first, Order: s.order(bea, "+3281000001"), At: suiteNow()},
		dispatch.Claim{Occurrence: second, Order: s.order(bea, "+3281000002"), At: suiteNow()},
	)
	require.NoError(s.t, errs[0])
	require.Error(s.t, errs[1])
	require.NoError(s.t, errs[2], "the refused claim must not reserve its caller")
	require.Equal(s.t, call.OccurrenceClaimed, s.Occurrence(second).State)

	// Within one batch an end frees what a claim after it needs.
	a, _ := s.Attempt(s.snapshot().Live[0].Order.Attempt)
	finish, _ := s.finish(a.Occurrence, answer(a.Order))
	third := s.occurrence(a.Order.Number)
	s.apply(finish, dispatch.Claim{Occurrence: third, Order: s.order(a.Order.Caller, a.Order.Number), At: suiteNow()})
}

func (s *suite) offers() {
	anna, bea, id := s.caller(), s.caller(), s.occurrence("+3281000001")
	o := s.order(anna, "+3281000001")
	s.apply(dispatch.Claim{Occurrence: id, Order: o, At: suiteNow()}, step(o, call.StateOffered))
	o2 := o
	o2.Offer, o2.Caller = 2, bea
	s.apply(
		dispatch.OfferEnd{Attempt: o.Attempt, Offer: 1, State: call.OfferTimedOut, At: suiteNow()},
		dispatch.CallerChange{Caller: anna, State: call.CallerSetAside, Reason: "missed_offer", At: suiteNow()},
		dispatch.Offer{Occurrence: id, Order: o2, At: suiteNow()},
	)
	a, _ := s.Attempt(o.Attempt)
	require.Equal(s.t, 2, a.Order.Offer)
	require.Equal(s.t, bea, a.Order.Caller)
	require.Equal(s.t, call.OfferTimedOut, a.Offers[0])
	// The first caller's reservation was given back, the second's is held.
	s.apply(dispatch.Claim{Occurrence: s.occurrence("+3281000002"), Order: s.order(anna, "+3281000002"), At: suiteNow()})
	claim := dispatch.Claim{Occurrence: s.occurrence("+3281000003"), Order: s.order(bea, "+3281000003"), At: suiteNow()}
	require.ErrorIs(s.t, s.applied(claim)[0], dispatch.ErrCallerReserved)

	s.apply(step(o2, call.StateOffered), step(o2, call.StateAccepted))
	out := call.Outcome{
		Scheme: s.scheme, Attempt: o.Attempt, Offer: 2, OfferState: call.OfferAccepted, Result: call.ResultBusy,
		Fault: call.FaultTheirs, Cause: 17, Rang: false, At: suiteNow().Add(time.Minute),
	}
	finish, _ := s.finish(id, out)
	overtaken := finish
	overtaken.Outcome.Offer, overtaken.Outcome.Result = 1, call.ResultUnknown
	require.ErrorIs(s.t, s.applied(overtaken)[0], dispatch.ErrStale, "the second offer may be ringing her")
	s.apply(finish)
	got := s.Occurrence(id)
	require.Equal(s.t, call.OccurrenceOpen, got.State)
	require.True(s.t, got.NotBefore.Equal(suiteNow().Add(6*time.Minute)), "%v", got.NotBefore)
	require.Equal(s.t, 1, got.Attempts)
	require.True(s.t, got.Rang)
}

func (s *suite) twice() {
	anna, id := s.caller(), s.occurrence("+3281000001")
	o := s.order(anna, "+3281000001")
	claim := dispatch.Claim{Occurrence: id, Order: o, At: suiteNow()}
	s.apply(claim)
	s.apply(claim)
	s.apply(step(o, call.StateRinging))
	s.apply(claim, step(o, call.StateOffered), step(o, call.StateRinging))
	a, _ := s.Attempt(o.Attempt)
	require.Equal(s.t, call.StateRinging, a.State, "a late step does not take it back")

	finish, next := s.finish(id, answer(o))
	s.apply(finish)
	out := finish.Outcome
	out.Result, out.Talk = call.ResultNoAnswer, 0
	second, _ := s.finish(id, out)
	require.ErrorIs(s.t, s.applied(second)[0], dispatch.ErrStale, "the first writer wins")
	a, _ = s.Attempt(o.Attempt)
	require.Equal(s.t, call.ResultAnswered, a.Outcome.Result)
	require.Equal(s.t, call.OccurrenceReached, s.Occurrence(id).State)

	// The same call booked again is the one that exists.
	other := s.occurrence("+3281000002", func(x *dispatch.Occurrence) {
		x.Agreement, x.Beneficiary, x.Kind = next.Agreement, next.Beneficiary, call.KindCallback
	})
	settlement := dispatch.Settlement{Occurrence: other, State: call.OccurrenceMissed, At: suiteNow()}
	copied := *next
	copied.ID = 0
	settlement.Next = &copied
	s.apply(dispatch.Settle{Settlement: settlement})
	require.Equal(s.t, next.ID, copied.ID)
}

func (s *suite) settleOpen() {
	id := s.occurrence("+3281000001")
	settle := dispatch.Settle{Settlement: dispatch.Settlement{
		Occurrence: id, State: call.OccurrenceMissed, Deferred: 3, At: suiteNow(),
	}}
	s.apply(settle)
	require.Equal(s.t, call.OccurrenceMissed, s.Occurrence(id).State)
	require.Equal(s.t, 3, s.Occurrence(id).Deferred)
	require.ErrorIs(s.t, s.applied(settle)[0], dispatch.ErrStale)
	claim := dispatch.Claim{Occurrence: id, Order: s.order(s.caller(), "+3281000001"), At: suiteNow()}
	require.ErrorIs(s.t, s.applied(claim)[0], dispatch.ErrStale)
	require.Empty(s.t, s.snapshot().Occurrences)
}

func (s *suite) plan() {
	id := s.occurrence("+3281000001")
	until := suiteNow().AddDate(0, 0, 15)
	n, err := s.Plan(context.Background(), s.scheme, s.epoch, suiteNow(), until)
	require.NoError(s.t, err)
	require.Equal(s.t, 2, n, "this Tuesday is booked, the next two are not")
	n, err = s.Plan(context.Background(), s.scheme, s.epoch, suiteNow(), until)
	require.NoError(s.t, err)
	require.Zero(s.t, n)
	snap, err := s.Load(context.Background(), s.scheme, suiteNow(), until)
	require.NoError(s.t, err)
	require.Len(s.t, snap.Occurrences, 3)
	for _, o := range snap.Occurrences {
		require.Equal(s.t, s.Occurrence(id).Agreement, o.Agreement)
		require.Equal(s.t, time.Tuesday, o.LocalDate.Weekday())
		require.Equal(s.t, []string{"+3281000001"}, o.Numbers)
	}
}

func (s *suite) live() {
	anna, id := s.caller(), s.occurrence("+3281000001")
	o := s.order(anna, "+3281000001")
	s.apply(dispatch.Claim{Occurrence: id, Order: o, At: suiteNow()})
	s.apply(step(o, call.StateOffered), step(o, call.StateAccepted), step(o, call.StateRinging), step(o, call.StateBridged))
	_, err := s.Lead(context.Background(), s.scheme, "another node", suiteNow())
	require.NoError(s.t, err)
	// However near until is, the occurrence of a live attempt is among the loaded ones.
	snap, err := s.Load(context.Background(), s.scheme, suiteNow(), suiteNow().Add(-24*time.Hour))
	require.NoError(s.t, err)
	require.Len(s.t, snap.Occurrences, 1)
	require.Len(s.t, snap.Live, 1)
	l := snap.Live[0]
	require.Equal(s.t, id, l.Occurrence)
	require.Equal(s.t, o.Attempt, l.Order.Attempt)
	require.Equal(s.t, 1, l.Order.Offer)
	require.Equal(s.t, anna, l.Order.Caller)
	require.Equal(s.t, o.Number, l.Order.Number)
	require.Equal(s.t, s.scheme, l.Order.Scheme)
	require.True(s.t, l.Order.DialBy.Equal(o.DialBy))
	require.Equal(s.t, call.StateBridged, l.State)
	require.Equal(s.t, "PJSIP/trunk-1", l.Channel)
	require.True(s.t, l.BridgedAt.Equal(suiteNow().Add(time.Second)))
	require.Equal(s.t, "suite", l.Node, "who led when it was claimed")
	require.Empty(s.t, l.Order.Node)

	berta, id := s.caller(), s.occurrence("+3281000002")
	o = s.order(berta, "+3281000002")
	o.Node = "beside"
	_, err = s.Apply(context.Background(), s.scheme, s.epoch+1, suiteNow(), []dispatch.Op{dispatch.Claim{Occurrence: id, Order: o, At: suiteNow()}})
	require.NoError(s.t, err)
	snap, err = s.Load(context.Background(), s.scheme, suiteNow(), suiteNow().Add(-24*time.Hour))
	require.NoError(s.t, err)
	require.Len(s.t, snap.Live, 2)
	l = snap.Live[slices.IndexFunc(snap.Live, func(l dispatch.LiveAttempt) bool { return l.Occurrence == id })]
	require.Equal(s.t, "beside", l.Node, "to whose PBX it was handed")
	require.Equal(s.t, "beside", l.Order.Node)
}

func (s *suite) callers() {
	anna := s.caller()
	s.apply(dispatch.CallerChange{Caller: anna, State: call.CallerBreak, Reason: "lunch", At: suiteNow()})
	s.apply(dispatch.CallerChange{Caller: anna, State: call.CallerBreak, Reason: "lunch", At: suiteNow()})
	require.Equal(s.t, call.CallerBreak, s.Caller(anna).State)
	require.True(s.t, s.Caller(anna).Since.Equal(suiteNow()))
	require.Equal(s.t, call.CallerBreak, s.snapshot().Callers[0].State)
}

func (s *suite) closing() {
	anna, id := s.caller(), s.occurrence("+3281000001")
	o := s.order(anna, "+3281000001")
	finish, _ := s.finish(id, answer(o))
	s.apply(dispatch.Claim{Occurrence: id, Order: o, At: suiteNow()}, finish)
	hard := dispatch.CloseCall{
		Attempt: o.Attempt, Caller: anna, Disposition: call.DispositionDifficult, FollowUp: true, At: suiteNow().Add(time.Hour),
	}
	s.apply(hard)
	s.apply(hard)
	require.Equal(s.t, 1, s.snapshot().Callers[0].HardToday)
	require.Equal(s.t, 1, s.snapshot().Callers[0].CallsToday)
}
