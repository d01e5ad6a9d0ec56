package postgres_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/inbox"
	"github.com/rappel-tel/rappel/pkg/postgres"
	"github.com/rappel-tel/rappel/pkg/postgres/postgrestest"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// withKey gives a store a key of refusals.
func withKey(letter string) func(*postgres.Options) {
	return func(o *postgres.Options) {
		o.RefusalKey = func() ([]byte, error) { return []byte(strings.Repeat(letter, 32)), nil }
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	url := postgrestest.URL(t)
	store := postgrestest.Open(t, url, withKey("k"))
	here, there := newScheme(t, store, "Namur").Key, newScheme(t, store, "Liege").Key
	const her, other = "+32470000001", "+32470000002"
	numbers := []string{her, other}
	keyless := postgrestest.Open(t, url)
	none, err := keyless.Refused(ctx, here, numbers)
	require.NoError(t, err, "no key is needed as long as nobody has refused")
	require.Empty(t, none)
	require.ErrorIs(t, keyless.Refuse(ctx, here, numbers, postgres.RefusedOutreach, today), postgres.ErrRefusalKey)

	require.NoError(t, store.Refuse(ctx, here, []string{her}, postgres.RefusedOutreach, today))
	require.NoError(t, store.Refuse(ctx, here, []string{her}, postgres.RefusedAtFirstCall, today.AddDate(0, 0, 1)), "again")
	found, err := store.Refused(ctx, here, numbers)
	require.NoError(t, err)
	require.Equal(t, map[string]bool{her: true}, found)
	found, err = store.Refused(ctx, there, numbers)
	require.NoError(t, err)
	require.Empty(t, found, "another town")
	var rows int
	var text string
	pool := postgrestest.Pool(t, url)
	require.NoError(t, pool.QueryRow(ctx, `SELECT count(*), min(r::text) FROM refusal r`).Scan(&rows, &text))
	require.Equal(t, 1, rows)
	require.NotContains(t, text, her[1:])

	// Without the right key nothing is answered, rather than "nobody has refused".
	for name, s := range map[string]*postgres.Store{
		"none": keyless, "another": postgrestest.Open(t, url, withKey("x")),
		"short": postgrestest.Open(t, url, func(o *postgres.Options) {
			o.RefusalKey = func() ([]byte, error) { return []byte("short"), nil }
		}),
		"unreadable": postgrestest.Open(t, url, func(o *postgres.Options) {
			o.RefusalKey = func() ([]byte, error) { return nil, errors.New("permission denied") }
		}),
	} {
		_, err := s.Refused(ctx, here, numbers)
		require.ErrorIs(t, err, postgres.ErrRefusalKey, name)
		require.ErrorIs(t, s.Refuse(ctx, here, numbers, postgres.RefusedOutreach, today), postgres.ErrRefusalKey, name)
		require.ErrorIs(t, put(s, here, person("B9", her)), postgres.ErrRefusalKey, name)
	}

	// Nobody new is registered at her number; who was there before stays.
	require.NoError(t, put(store, here, person("B1", other)))
	require.NoError(t, store.Refuse(ctx, here, []string{other}, postgres.RefusedOutreach, today))
	require.NoError(t, put(store, here, person("B1", other)), "the same again")
	moved := person("B1", other)
	moved.Given = "Louise"
	require.NoError(t, put(store, here, moved))
	for _, b := range []roster.Beneficiary{person("B2", her), person("B3", "+32470000003", other), person("B1", other, her)} {
		require.ErrorIs(t, put(store, here, b), roster.ErrNumberRefused, b.Ref)
	}
	require.NoError(t, put(store, there, person("B2", her)))
	require.NoError(t, put(store, here, person("B2", "+32470000003")))

	lifted, err := store.LiftRefusal(ctx, here, her)
	require.NoError(t, err)
	require.True(t, lifted)
	lifted, err = store.LiftRefusal(ctx, here, her)
	require.NoError(t, err)
	require.False(t, lifted)
	require.NoError(t, put(store, here, person("B4", her)))
}

func person(ref string, numbers ...string) roster.Beneficiary {
	b := roster.Beneficiary{Ref: ref, Consent: roster.Consent{State: roster.ConsentGiven}, Given: "Marie"}
	for _, n := range numbers {
		b.Numbers = append(b.Numbers, roster.Number{E164: n})
	}
	return b
}

func put(store *postgres.Store, scheme int64, b roster.Beneficiary) error {
	return store.Book(scheme, func() time.Time { return today }).Edit(context.Background(), func(p roster.Page) error {
		return p.Put(context.Background(), roster.People{Beneficiaries: []roster.Beneficiary{b}})
	})
}

// Somebody who is on the list already and says no is erased, whatever was promised her.
func TestAPersonOnTheListRefuses(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	url := postgrestest.URL(t)
	store := postgrestest.Open(t, url, withKey("k"))
	scheme, elsewhere := newScheme(t, store, "Namur"), newScheme(t, store, "Liege")
	const her, ref = "+32470000001", "Q-4711"
	g := registered(scheme.Key, her)
	require.NoError(t, store.SaveRegistration(ctx, g))
	_, _, err := store.ResolveInbox(ctx, scheme.Key, g.ID, inbox.Resolution{
		Outcome: inbox.Registered, By: "R01", Ref: ref, Given: "Zoe", Family: "Quintens", Agreed: "by letter",
	}, today)
	require.NoError(t, err)
	lead, err := store.Lead(ctx, scheme.Key, "test", today)
	require.NoError(t, err)
	booked, err := store.Plan(ctx, scheme.Key, lead, today, today.AddDate(0, 0, 13))
	require.NoError(t, err)
	require.NotZero(t, booked)

	pool := postgrestest.Pool(t, url)
	state := func(from, to string) {
		_, err := pool.Exec(ctx, `UPDATE occurrence SET state = $2 WHERE occurrence_id = (SELECT min(occurrence_id) FROM occurrence)
			AND state = $1`, from, to)
		require.NoError(t, err)
	}
	state("open", "live")
	require.ErrorIs(t, store.RefusePerson(ctx, scheme.Key, ref, today), inbox.ErrInCall)
	state("live", "open")
	require.ErrorIs(t, store.RefusePerson(ctx, elsewhere.Key, ref, today), postgres.ErrNoBeneficiary)
	require.Equal(t, her, found(t, store, scheme.Key, ref).Numbers[0].E164, "nothing was erased so far")

	require.NoError(t, store.RefusePerson(ctx, scheme.Key, ref, today))
	for _, text := range []string{her[1:], ref, "Zoe", "Quintens", "quintens"} {
		nowhere(t, url, text)
	}
	snap, err := store.Load(ctx, scheme.Key, today, today.AddDate(0, 0, 13))
	require.NoError(t, err)
	require.Empty(t, snap.Occurrences)
	booked, err = store.Plan(ctx, scheme.Key, lead, today, today.AddDate(0, 0, 20))
	require.NoError(t, err)
	require.Zero(t, booked)
	require.ErrorIs(t, put(store, scheme.Key, person(ref, her)), roster.ErrNumberRefused, "the town's next list names her still")
	require.ErrorIs(t, store.RefusePerson(ctx, scheme.Key, ref, today), postgres.ErrNoBeneficiary)
}

// Whoever withdraws between two tries of a call is not tried again.
func TestNobodyIsTriedAgainWhoDeclines(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	url := postgrestest.URL(t)
	store := postgrestest.Open(t, url)
	scheme := newScheme(t, store, "Namur")
	b := person("B1", "+32470000001")
	b.Agreement = roster.Agreement{Cadence: roster.Daily}
	require.NoError(t, put(store, scheme.Key, b))
	lead, err := store.Lead(ctx, scheme.Key, "test", today)
	require.NoError(t, err)
	_, err = store.Plan(ctx, scheme.Key, lead, today, today.AddDate(0, 0, 6))
	require.NoError(t, err)
	tag, err := postgrestest.Pool(t, url).Exec(ctx, `UPDATE occurrence SET attempts = 1, rang = true
		WHERE occurrence_id = (SELECT min(occurrence_id) FROM occurrence)`)
	require.NoError(t, err)
	require.EqualValues(t, 1, tag.RowsAffected())
	b.Consent.State = roster.ConsentWithdrawn
	require.NoError(t, put(store, scheme.Key, b))
	snap, err := store.Load(ctx, scheme.Key, today, today.AddDate(0, 0, 6))
	require.NoError(t, err)
	require.Empty(t, snap.Occurrences)
}

// Of whoever declines no call stays, with whatever it hangs together.
func TestNoCallStaysOfWhoeverDeclines(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	store := postgrestest.Store(t)
	scheme := newScheme(t, store, "Namur")
	machine, asked := person("B1", "+32470000001"), person("B2", "+32470000002")
	require.NoError(t, put(store, scheme.Key, machine))
	require.NoError(t, put(store, scheme.Key, asked))
	lead, err := store.Lead(ctx, scheme.Key, "test", today)
	require.NoError(t, err)
	_, err = store.Agree(ctx, scheme.Key, machine.Ref, call.KindPresence, roster.Agreement{Cadence: roster.Daily}, today)
	require.NoError(t, err)
	_, err = store.Plan(ctx, scheme.Key, lead, today, today.AddDate(0, 0, 6))
	require.NoError(t, err)
	key, err := store.KeyOf(ctx, scheme.Key, asked.Ref)
	require.NoError(t, err)
	_, err = store.BookCallback(ctx, scheme.Key, postgres.Callback{
		Beneficiary: key, Kind: call.KindCallToday, Opens: today, Closes: today.Add(time.Hour),
	}, today)
	require.NoError(t, err)
	snap, err := store.Load(ctx, scheme.Key, today, today.AddDate(0, 0, 6))
	require.NoError(t, err)
	require.NotEmpty(t, snap.Occurrences)
	for _, b := range []roster.Beneficiary{machine, asked} {
		b.Consent.State = roster.ConsentWithdrawn
		require.NoError(t, put(store, scheme.Key, b))
	}
	snap, err = store.Load(ctx, scheme.Key, today, today.AddDate(0, 0, 6))
	require.NoError(t, err)
	require.Empty(t, snap.Occurrences)
}
