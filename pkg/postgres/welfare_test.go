package postgres_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/inbox"
	"github.com/rappel-tel/rappel/pkg/postgres"
	"github.com/rappel-tel/rappel/pkg/report"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// TestAnAbsenceAnnouncedMeanwhileWorriesNobody has somebody say that she is away while her phone is being rung for the last
// time: whoever records the end does not know of it yet.
func TestAnAbsenceAnnouncedMeanwhileWorriesNobody(t *testing.T) {
	t.Parallel()
	for _, noCall := range []bool{false, true} {
		f := newFixture(t)
		scheme := f.AddScheme(dispatch.Scheme{Name: "Namur", Zone: time.UTC, Country: "BE", Lines: 4, InboundReserve: 1, CallsPerSecond: 5})
		epoch, err := f.Lead(t.Context(), scheme, "test", today)
		require.NoError(t, err)
		caller := f.AddCaller(scheme, dispatch.Caller{
			Roles: []roster.Role{roster.RoleCaller}, Languages: []roster.Language{roster.French}, State: call.CallerReady,
			Since: today, Enabled: true, Endpoint: "softphone",
		})
		date := today.Truncate(24 * time.Hour)
		id := f.AddOccurrence(scheme, dispatch.Occurrence{
			Kind: call.KindScheduled, Opens: today.Add(-time.Hour), Closes: today.Add(time.Hour), LocalDate: date,
			Length: 20 * time.Minute, Language: roster.French, Numbers: []string{"+3281000001"},
			Terms: roster.Agreement{Cadence: roster.Weekly, PerWeek: 1, Days: []time.Weekday{date.Weekday()}},
		})
		order := call.Order{
			Scheme: scheme, Attempt: call.NewID(), Offer: 1, Kind: call.KindScheduled, Caller: caller, CallerEndpoint: "softphone",
			CallerLanguage: "fr", Number: "+3281000001", Trunk: "trunk", CLI: "+3281990000", Language: "fr",
			CallerRing: 20 * time.Second, BeneficiaryRing: time.Minute, DialBy: today.Add(35 * time.Second),
		}
		apply := func(op dispatch.Op) {
			t.Helper()
			refused, err := f.Apply(t.Context(), scheme, epoch, today, []dispatch.Op{op})
			require.NoError(t, err)
			require.NoError(t, refused[0])
		}
		apply(dispatch.Claim{Occurrence: id, Order: order, At: today})
		_, _, err = f.Announce(t.Context(), scheme, postgres.Pause{Ref: "B2", First: date, Last: date.AddDate(0, 0, 3), NoCall: noCall}, today)
		require.NoError(t, err)
		apply(dispatch.Finish{
			Outcome: call.Outcome{
				Scheme: scheme, Attempt: order.Attempt, Offer: 1, OfferState: call.OfferAccepted, Result: call.ResultNoAnswer,
				Fault: call.FaultNone, Rang: true, At: today,
			},
			Settlement: dispatch.Settlement{Occurrence: id, State: call.OccurrenceUnreached, Attempts: 3, Rang: true, At: today},
		})
		require.Equal(t, call.OccurrenceUnreached, f.Occurrence(id).State)
		require.Zero(t, f.Welfare(id))
	}
}

// TestWhoeverWasNotReachedIsLookedAfter goes down the welfare ladder: an item of the inbox, an alert when nobody takes it, calls to her
// and to those whom she has named, and every way in which it ends.
func TestWhoeverWasNotReachedIsLookedAfter(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := t.Context()
	scheme := f.AddScheme(dispatch.Scheme{Name: "Namur", Zone: time.UTC, Country: "BE", Lines: 4, InboundReserve: 1, CallsPerSecond: 5})
	elsewhere := f.AddScheme(dispatch.Scheme{Name: "Liege", Zone: time.UTC, Country: "BE", Lines: 4, InboundReserve: 1, CallsPerSecond: 5})
	epoch, err := f.Lead(ctx, scheme, "test", today)
	require.NoError(t, err)
	date := today.Truncate(24 * time.Hour)
	var agreement, person int64
	promise := func() int64 {
		id := f.AddOccurrence(scheme, dispatch.Occurrence{
			Agreement: agreement, Beneficiary: person, Terms: roster.Agreement{Cadence: roster.Daily}, Kind: call.KindPresence, Opens: today.Add(-time.Hour), Closes: today.Add(time.Hour), LocalDate: date, Length: 20 * time.Minute,
			Language: roster.French, Numbers: []string{"+3281000001"},
		})
		agreement, person = f.Occurrence(id).Agreement, f.Occurrence(id).Beneficiary
		return id
	}
	ends := func(id int64, state call.OccurrenceState, at time.Time) {
		t.Helper()
		refused, err := f.Apply(ctx, scheme, epoch, at, []dispatch.Op{
			dispatch.Settle{Settlement: dispatch.Settlement{Occurrence: id, State: state, Attempts: 3, Rang: true, At: at}},
		})
		require.NoError(t, err)
		require.NoError(t, refused[0])
	}
	waits := func(at time.Time) []report.Worry {
		t.Helper()
		roll, err := f.Roll(ctx, scheme, at)
		require.NoError(t, err)
		list, err := f.Inbox(ctx, scheme, false)
		require.NoError(t, err)
		require.Len(t, list, len(roll.Welfare))
		return roll.Welfare
	}

	ends(promise(), call.OccurrenceUnreached, today)
	list := waits(today)
	require.Len(t, list, 1)
	item := list[0].Item
	require.False(t, list[0].Late(today.Add(59*time.Minute)))
	require.True(t, list[0].Late(today.Add(time.Hour)), "nobody has taken her within an hour")
	_, err = f.InboxItem(ctx, elsewhere, item)
	require.ErrorIs(t, err, inbox.ErrNoItem)

	// Those whom she has named.
	ref := list[0].Beneficiary
	named := []roster.ContactPerson{
		{Name: "Marie", Relation: roster.RelationNeighbour, Number: "+3281000002"}, {Name: "Luc", Relation: roster.RelationDoctor, Number: "+3281000003"},
	}
	add := roster.ContactChange{Add: named}.To
	_, err = f.ChangeContactPeople(ctx, elsewhere, ref, add)
	require.ErrorIs(t, err, postgres.ErrNoBeneficiary)
	_, err = f.ChangeContactPeople(ctx, scheme, ref, add)
	require.NoError(t, err)
	shown, err := f.InboxItem(ctx, scheme, item)
	require.NoError(t, err)
	require.Equal(t, named, shown.Contacts)
	require.Equal(t, []any{inbox.Welfare, ref, "+3281000001", call.OccurrenceUnreached}, []any{shown.Kind, shown.Person, shown.Number, shown.Ended})
	for contact, want := range map[int]error{-1: inbox.ErrNoContact, 3: inbox.ErrNoContact, 2: nil} {
		booked, err := f.CallInbox(ctx, scheme, item, contact, today)
		require.ErrorIs(t, err, want)
		require.Equal(t, want == nil, booked)
	}
	var number string
	require.NoError(t, f.pool.QueryRow(ctx, `SELECT number FROM line_callback`).Scan(&number))
	require.Equal(t, named[1].Number, number)
	_, err = f.pool.Exec(ctx, `UPDATE occurrence SET state = 'cancelled', ended_at = opens_at WHERE agreement_id < 0`)
	require.NoError(t, err)

	// Somebody takes her, and has an hour from then on.
	_, err = f.TakeInbox(ctx, scheme, item, "Rita", today.Add(70*time.Minute))
	require.NoError(t, err)
	list = waits(today)
	require.Equal(t, "Rita", list[0].TakenBy)
	require.False(t, list[0].Late(today.Add(129*time.Minute)))
	require.True(t, list[0].Late(today.Add(130*time.Minute)))

	// Another promise that fails meanwhile is no second item; closing it is the end, once.
	ends(promise(), call.OccurrenceMissed, today.Add(80*time.Minute))
	require.Len(t, waits(today), 1)
	done := inbox.Resolution{Outcome: inbox.Done, By: "Rita"}
	_, _, err = f.ResolveInbox(ctx, scheme, item, inbox.Resolution{Outcome: inbox.Discarded, By: "Rita"}, today)
	require.ErrorIs(t, err, inbox.ErrNotThis)
	_, _, err = f.ResolveInbox(ctx, scheme, item, done, today.Add(90*time.Minute))
	require.NoError(t, err)
	_, _, err = f.ResolveInbox(ctx, scheme, item, done, today.Add(90*time.Minute))
	require.NoError(t, err, "typed again")
	require.Empty(t, waits(today))

	// A call that reaches her ends it by itself, and the next promise that fails begins anew.
	ends(promise(), call.OccurrenceUnreached, today.Add(2*time.Hour))
	require.Len(t, waits(today), 1)
	ends(promise(), call.OccurrenceReached, today.Add(3*time.Hour))
	require.Empty(t, waits(today))
	ends(promise(), call.OccurrenceUnreached, today.Add(4*time.Hour))
	require.Len(t, waits(today), 1)

	// So does her saying that she is away.
	_, _, err = f.Announce(ctx, scheme, postgres.Pause{Ref: ref, First: date, Last: date.AddDate(0, 0, 3)}, today.Add(5*time.Hour))
	require.NoError(t, err)
	require.Empty(t, waits(today))
	var rows, open int
	_, err = f.Plan(ctx, scheme, epoch, today.Add(6*time.Hour), today.AddDate(0, 0, 1))
	require.NoError(t, err)
	require.NoError(t, f.pool.QueryRow(ctx, `SELECT count(*), count(*) FILTER (WHERE closed_at IS NULL) FROM welfare`).Scan(&rows, &open))
	require.Equal(t, []int{3, 0}, []int{rows, open})
}

// TestTwoWhoNameContactPeopleAtOnce lose nobody.
func TestTwoWhoNameContactPeopleAtOnce(t *testing.T) {
	t.Parallel()
	store, scheme := settled(t)
	writeTwo(t, store, scheme)
	named := []roster.ContactPerson{
		{Name: "Anne", Relation: roster.RelationFamily, Number: "+33199000011"}, {Name: "Luc", Relation: roster.RelationDoctor, Number: "+33199000012"},
		{Name: "Marie", Relation: roster.RelationNeighbour, Number: "+33199000013"}, {Name: "Rosa", Relation: roster.RelationFriend, Number: "+33199000014"},
	}
	var all errgroup.Group
	for _, p := range named {
		all.Go(func() error {
			_, err := store.ChangeContactPeople(t.Context(), scheme, "B1", roster.ContactChange{Add: []roster.ContactPerson{p}}.To)
			return err
		})
	}
	require.NoError(t, all.Wait())
	list, err := store.ContactPeople(t.Context(), scheme, "B1")
	require.NoError(t, err)
	require.ElementsMatch(t, named, list)
	_, err = store.ChangeContactPeople(t.Context(), scheme, "B1", roster.ContactChange{Add: named[:1], Remove: []string{"+33199000099"}}.To)
	require.NoError(t, err, "as it is already")
	after, err := store.ChangeContactPeople(t.Context(), scheme, "B1", roster.ContactChange{Remove: []string{named[1].Number}}.To)
	require.NoError(t, err)
	require.Len(t, after, 3)
	refused := errors.New("no")
	_, err = store.ChangeContactPeople(t.Context(), scheme, "B1", func([]roster.ContactPerson) ([]roster.ContactPerson, error) { return nil, refused })
	require.ErrorIs(t, err, refused)
	list, err = store.ContactPeople(t.Context(), scheme, "B1")
	require.NoError(t, err)
	require.Equal(t, after, list)
}
