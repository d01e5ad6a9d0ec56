package postgres_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/callflow"
	"github.com/rappel-tel/rappel/pkg/postgres"
	"github.com/rappel-tel/rappel/pkg/postgres/postgrestest"
	"github.com/rappel-tel/rappel/pkg/roster"
)

func TestSettings(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	store, scheme := settled(t)
	writeTwo(t, store, scheme)
	_, err := store.Settings(ctx, scheme, "nobody")
	require.ErrorIs(t, err, postgres.ErrNoBeneficiary)
	dutch, yes := roster.Dutch, true
	_, err = store.ChangeSettings(ctx, scheme, "nobody", callflow.SettingsChange{Language: &dutch})
	require.ErrorIs(t, err, postgres.ErrNoBeneficiary)
	_, err = store.SettingsAt(ctx, scheme, "+33199009999")
	require.ErrorIs(t, err, callflow.ErrNothing)

	marie := callflow.Settings{Language: roster.Dutch, LongerWaits: true, StraightToPerson: true}
	_, err = store.ChangeSettings(ctx, scheme, "B1", callflow.SettingsChange{Language: &dutch, LongerWaits: &yes})
	require.NoError(t, err)
	got, err := store.ChangeSettings(ctx, scheme, "B1", callflow.SettingsChange{StraightToPerson: &yes})
	require.NoError(t, err)
	require.Equal(t, marie, got, "what is not named stays")
	got, err = store.Settings(ctx, scheme, "B1")
	require.NoError(t, err)
	require.Equal(t, marie, got)
	got, err = store.SettingsAt(ctx, scheme, "+33199000001")
	require.NoError(t, err)
	require.Equal(t, marie, got, "she lives alone")
	got, err = store.SettingsAt(ctx, scheme, "+33199000002")
	require.NoError(t, err)
	require.Equal(t, callflow.Settings{LongerWaits: true}, got, "she shares this number with somebody who speaks French")
	rosa := roster.ContactChange{Add: []roster.ContactPerson{{Name: "Rosa", Relation: roster.RelationFriend, Number: "+33199000003"}}}
	_, err = store.ChangeContactPeople(ctx, scheme, "B1", rosa.To)
	require.NoError(t, err)
	require.NoError(t, store.Book(scheme, time.Now).Edit(ctx, func(page roster.Page) error {
		found, err := page.Find(ctx, []string{"B1"})
		require.NoError(t, err)
		found.Beneficiaries[0].Class = 2
		return page.Put(ctx, found)
	}))
	got, err = store.Settings(ctx, scheme, "B1")
	require.NoError(t, err)
	require.True(t, got.LongerWaits, "an import lays what a sheet says over what is known")
	named, err := store.ContactPeople(ctx, scheme, "B1")
	require.NoError(t, err)
	require.Len(t, named, 1)
}

// settled is a scheme of its own.
func settled(t *testing.T) (*postgres.Store, int64) {
	t.Helper()
	store := postgrestest.Store(t)
	scheme, err := store.CreateScheme(t.Context(), postgres.Scheme{Name: "Ici", Zone: "Europe/Paris", Country: "FR"}, time.Now())
	require.NoError(t, err)
	return store, scheme.Key
}

// writeTwo writes two people: B1 has a number of her own and one that she shares with B2.
func writeTwo(t *testing.T, store *postgres.Store, scheme int64) {
	t.Helper()
	person := func(ref string, lang roster.Language, numbers ...string) roster.Beneficiary {
		b := roster.Beneficiary{Ref: ref, Language: lang, Consent: roster.Consent{State: roster.ConsentGiven}}
		for _, n := range numbers {
			b.Numbers = append(b.Numbers, roster.Number{E164: n})
		}
		return b
	}
	require.NoError(t, store.Book(scheme, time.Now).Edit(t.Context(), func(page roster.Page) error {
		return page.Put(t.Context(), roster.People{Beneficiaries: []roster.Beneficiary{
			person("B1", roster.Dutch, "+33199000001", "+33199000002"), person("B2", roster.French, "+33199000002"),
		}})
	}))
}
