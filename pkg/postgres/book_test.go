package postgres_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/postgres"
	"github.com/rappel-tel/rappel/pkg/postgres/postgrestest"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/roster/rostertest"
)

// today is the tests' clock: a Tuesday, ten o'clock in Brussels.
var today = time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)

func clock() time.Time { return today }

func newScheme(t testing.TB, store *postgres.Store, name string) postgres.Scheme {
	t.Helper()
	scheme, err := store.CreateScheme(t.Context(), postgres.Scheme{
		Name: name, Zone: "Europe/Brussels", Country: "BE", Hold: 10 * time.Minute, WrapUp: time.Minute,
	}, today)
	require.NoError(t, err)
	return scheme
}

func TestBook(t *testing.T) {
	t.Parallel()
	store := postgrestest.Store(t)
	schemes := 0
	rostertest.Exercise(t, func(t *testing.T) roster.Book {
		schemes++
		return store.Book(newScheme(t, store, fmt.Sprintf("scheme %d", schemes)).Key, clock)
	})
}

func putPeople(t testing.TB, book roster.Book, people roster.People) {
	t.Helper()
	require.NoError(t, book.Edit(t.Context(), func(page roster.Page) error { return page.Put(t.Context(), people) }))
}

func TestAChangedAgreementMovesItsCalls(t *testing.T) {
	t.Parallel()
	store := postgrestest.Store(t)
	ctx := context.Background()
	scheme := newScheme(t, store, "Namur")
	book := store.Book(scheme.Key, clock)
	lea := rostertest.Lea()
	lea.Agreement.ValidFrom, lea.Agreement.ValidUntil = time.Time{}, time.Time{}
	putPeople(t, book, roster.People{Staff: []roster.Staff{rostertest.Anna()}, Beneficiaries: []roster.Beneficiary{lea}})
	epoch, err := store.Lead(ctx, scheme.Key, "test", today)
	require.NoError(t, err)
	until := today.AddDate(0, 0, 14)
	booked, err := store.Plan(ctx, scheme.Key, epoch, today, until)
	require.NoError(t, err)
	require.Equal(t, 4, booked) // Monday and Thursday of two weeks.
	booked, err = store.Plan(ctx, scheme.Key, epoch, today, until)
	require.NoError(t, err)
	require.Zero(t, booked)

	putPeople(t, book, roster.People{Beneficiaries: []roster.Beneficiary{lea}}) // Nothing changed, nothing is cancelled.
	lea.Reference = ""
	putPeople(t, book, roster.People{Beneficiaries: []roster.Beneficiary{lea}}) // The caller is no part of the terms.
	snap, err := store.Load(ctx, scheme.Key, today, until)
	require.NoError(t, err)
	require.Len(t, snap.Occurrences, 4)
	require.Zero(t, snap.Occurrences[0].Reference)

	lea.Agreement.Days, lea.Agreement.PerWeek = []time.Weekday{time.Friday}, 1
	putPeople(t, book, roster.People{Beneficiaries: []roster.Beneficiary{lea}})
	snap, err = store.Load(ctx, scheme.Key, today, until)
	require.NoError(t, err)
	require.Len(t, snap.Occurrences, 2)
	for _, o := range snap.Occurrences {
		require.Equal(t, time.Friday, o.LocalDate.Weekday())
	}
	booked, err = store.Plan(ctx, scheme.Key, epoch, today, until)
	require.NoError(t, err)
	require.Zero(t, booked)

	lea.Consent.State = roster.ConsentWithdrawn
	putPeople(t, book, roster.People{Beneficiaries: []roster.Beneficiary{lea}})
	booked, err = store.Plan(ctx, scheme.Key, epoch, today, until)
	require.NoError(t, err)
	require.Zero(t, booked)
	snap, err = store.Load(ctx, scheme.Key, today, until)
	require.NoError(t, err)
	require.Empty(t, snap.Occurrences)

	lea.Consent.State = roster.ConsentGiven
	putPeople(t, book, roster.People{Beneficiaries: []roster.Beneficiary{lea}})
	require.Equal(t, 2, book.Replanned().Booked, "at once, when she has agreed")
	booked, err = store.Plan(ctx, scheme.Key, epoch, today, until)
	require.NoError(t, err)
	require.Zero(t, booked)
}
