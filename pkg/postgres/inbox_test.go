package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/rappel-tel/rappel/pkg/callflow"
	"github.com/rappel-tel/rappel/pkg/inbox"
	"github.com/rappel-tel/rappel/pkg/postgres"
	"github.com/rappel-tel/rappel/pkg/postgres/postgrestest"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// registered is what a neighbour keyed for somebody at a number.
func registered(scheme int64, number string, change ...func(*callflow.Registration)) callflow.Registration {
	g := callflow.Registration{
		ID: uuid.Must(uuid.NewV7()).String(), Scheme: scheme, CLI: "+32470000099", Number: number, Name: "registrations/x-1",
		Source: roster.SourceNeighbour, Language: roster.Dutch, Cadence: roster.Weekly, PerWeek: 2,
		Days: []time.Weekday{time.Tuesday, time.Thursday}, Part: roster.Morning, Consent: roster.ConsentProposed, At: today,
	}
	for _, c := range change {
		c(&g)
	}
	return g
}

func herself(g *callflow.Registration) {
	g.CLI, g.Source, g.Consent, g.Wording = g.Number, roster.SourceSelf, roster.ConsentGiven, "Nous gardons votre nom."
}

func TestARegistrationBecomesAPerson(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	store := postgrestest.Store(t, withKey("k"))
	scheme, elsewhere := newScheme(t, store, "Namur"), newScheme(t, store, "Liege")
	const number = "+32470000001"
	require.NoError(t, put(store, scheme.Key, person("B1", number)), "her husband is called already")
	g := registered(scheme.Key, number, herself)
	require.NoError(t, store.SaveRegistration(ctx, g))
	require.NoError(t, store.SaveRegistration(ctx, g), "again")
	other := registered(scheme.Key, number, func(g *callflow.Registration) { g.Consent, g.Cadence = "", "" })
	require.NoError(t, store.SaveRegistration(ctx, other))

	list, err := store.Inbox(ctx, scheme.Key, false)
	require.NoError(t, err)
	require.Len(t, list, 2)
	item, err := store.InboxItem(ctx, scheme.Key, g.ID)
	require.NoError(t, err)
	require.Equal(t, inbox.Item{
		ID: g.ID, Kind: inbox.Registration, At: today, CLI: number, Number: number, Language: roster.Dutch, Recording: g.Name,
		Source: roster.SourceSelf, Cadence: roster.Weekly, PerWeek: 2, Days: g.Days, Part: roster.Morning,
		Consent: roster.ConsentGiven, Wording: g.Wording, Alike: []string{"B1"}, Others: 1,
	}, item, "who shares her number is shown")
	_, err = store.InboxItem(ctx, elsewhere.Key, g.ID)
	require.ErrorIs(t, err, inbox.ErrNoItem)

	taken, err := store.TakeInbox(ctx, scheme.Key, g.ID, "R01", today)
	require.NoError(t, err)
	require.Equal(t, "R01", taken.TakenBy)
	_, err = store.TakeInbox(ctx, scheme.Key, g.ID, "R01", today.Add(time.Hour))
	require.NoError(t, err)
	_, err = store.TakeInbox(ctx, scheme.Key, g.ID, "R02", today)
	require.ErrorIs(t, err, inbox.ErrTaken)
	_, err = store.TakeInbox(ctx, elsewhere.Key, g.ID, "R02", today)
	require.ErrorIs(t, err, inbox.ErrNoItem)

	how := inbox.Resolution{Outcome: inbox.Registered, By: "R01", Ref: "B1", Given: "Marie", Family: "Dupont", Class: 2}
	_, _, err = store.ResolveInbox(ctx, scheme.Key, g.ID, how, today)
	require.ErrorIs(t, err, inbox.ErrRefTaken)
	how.Ref = "B2"
	_, erase, err := store.ResolveInbox(ctx, scheme.Key, g.ID, how, today)
	require.NoError(t, err)
	require.Equal(t, []string{g.Name}, erase)
	_, erase, err = store.ResolveInbox(ctx, scheme.Key, g.ID, how, today.Add(time.Hour))
	require.NoError(t, err, "again")
	twin := registered(scheme.Key, "+32470000077", herself)
	require.NoError(t, store.SaveRegistration(ctx, twin))
	var clerks errgroup.Group
	var made atomic.Int32
	for _, ref := range []string{"T1", "T2", "T3"} {
		clerks.Go(func() error {
			_, _, err := store.ResolveInbox(ctx, scheme.Key, twin.ID,
				inbox.Resolution{Outcome: inbox.Registered, By: "R01", Ref: ref, Family: "Dupont"}, today)
			if err == nil {
				made.Add(1)
				return nil
			}
			if _, known := store.KeyOf(ctx, scheme.Key, ref); known == nil {
				return fmt.Errorf("%s is there, although: %w", ref, err)
			}
			if !errors.Is(err, inbox.ErrHandled) {
				return err
			}
			return nil
		})
	}
	require.NoError(t, clerks.Wait(), "of three who close it at once one makes a person of it")
	require.EqualValues(t, 1, made.Load())
	require.Empty(t, erase)
	how.Ref = "B3"
	_, _, err = store.ResolveInbox(ctx, scheme.Key, g.ID, how, today)
	require.ErrorIs(t, err, inbox.ErrHandled)
	b := found(t, store, scheme.Key, "B2")
	require.Equal(t, "Marie Dupont", b.Name())
	require.Equal(t, number, b.Numbers[0].E164)
	require.Equal(t, roster.ConsentGiven, b.Consent.State)
	require.Contains(t, b.Consent.How, g.ID, "the proof leads to what was read out")
	require.Equal(t, roster.SourceSelf, b.Source)
	require.Equal(t, 2, b.Agreement.PerWeek)
	require.Equal(t, roster.Clock(12*60), b.Agreement.Windows[0].End)
	item, err = store.InboxItem(ctx, scheme.Key, g.ID)
	require.NoError(t, err)
	require.Equal(t, "B2", item.Person)
	require.Equal(t, "R01", item.HandledBy)
	require.Empty(t, item.Recording)

	record, err := store.Record(ctx, scheme.Key, today)
	require.NoError(t, err)
	require.Equal(t, 1, record.Messages, "the wall counts what waits")
	// Of the unfinished one nothing stays.
	_, _, err = store.ResolveInbox(ctx, scheme.Key, other.ID, inbox.Resolution{Outcome: inbox.Done}, today)
	require.ErrorIs(t, err, inbox.ErrNotThis)
	_, _, err = store.ResolveInbox(ctx, scheme.Key, other.ID, inbox.Resolution{Outcome: inbox.Discarded, By: "R01"}, today)
	require.NoError(t, err)
	_, err = store.InboxItem(ctx, scheme.Key, other.ID)
	require.ErrorIs(t, err, inbox.ErrNoItem)
}

func found(t *testing.T, store *postgres.Store, scheme int64, ref string) roster.Beneficiary {
	t.Helper()
	for b, err := range store.Book(scheme, func() time.Time { return today }).Beneficiaries(t.Context()) {
		require.NoError(t, err)
		if b.Ref == ref {
			return b
		}
	}
	require.Fail(t, "nobody has the ref", ref)
	return roster.Beneficiary{}
}

// Somebody who was proposed is asked first; when she refuses, nothing stays by which she could be known.
func TestAProposalIsAskedForOrErased(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	url := postgrestest.URL(t)
	store := postgrestest.Open(t, url, withKey("k"))
	scheme := newScheme(t, store, "Namur")
	const number, yes = "+32470000001", "+32470000002"
	g, twice := registered(scheme.Key, number), registered(scheme.Key, number, func(g *callflow.Registration) { g.Name = "registrations/y-1" })
	agrees := registered(scheme.Key, yes)
	for _, one := range []callflow.Registration{g, twice, agrees} {
		require.NoError(t, store.SaveRegistration(ctx, one))
	}
	waits := registered(scheme.Key, "+32470000003")
	require.NoError(t, store.SaveRegistration(ctx, waits))
	how := inbox.Resolution{Outcome: inbox.Registered, By: "R01", Ref: "B9", Family: "Martin"}
	_, _, err := store.ResolveInbox(ctx, scheme.Key, waits.ID, how, today)
	require.NoError(t, err)
	require.Equal(t, roster.ConsentProposed, found(t, store, scheme.Key, "B9").Consent.State, "her first call asks her")
	how.Ref, how.Family, how.Agreed = "B2", "Dupont", "by telephone, to R01"
	_, _, err = store.ResolveInbox(ctx, scheme.Key, agrees.ID, how, today)
	require.NoError(t, err)
	b := found(t, store, scheme.Key, "B2")
	require.Equal(t, roster.Consent{State: roster.ConsentGiven, On: b.Consent.On, How: how.Agreed}, b.Consent)
	require.Equal(t, roster.SourceNeighbour, b.Source)

	booked, err := store.CallInbox(ctx, scheme.Key, g.ID, 0, today)
	require.NoError(t, err)
	require.True(t, booked)
	booked, err = store.CallInbox(ctx, scheme.Key, twice.ID, 0, today)
	require.NoError(t, err)
	require.False(t, booked, "one call is enough")
	list, err := store.Inbox(ctx, scheme.Key, false)
	require.NoError(t, err)
	require.Len(t, list, 3)

	// While she is in the call she is not erased from under it: if it broke, she would be rung again.
	state := func(is string) {
		_, err := postgrestest.Pool(t, url).Exec(ctx, `UPDATE occurrence SET state = $1 WHERE kind = 'callback'`, is)
		require.NoError(t, err)
	}
	state("live")
	_, _, err = store.ResolveInbox(ctx, scheme.Key, g.ID, inbox.Resolution{Outcome: inbox.Refused, By: "R01"}, today)
	require.ErrorIs(t, err, inbox.ErrInCall)
	state("open")
	_, erase, err := store.ResolveInbox(ctx, scheme.Key, g.ID, inbox.Resolution{Outcome: inbox.Refused, By: "R01"}, today)
	require.NoError(t, err)
	require.ElementsMatch(t, []string{g.Name, twice.Name}, erase)
	list, err = store.Inbox(ctx, scheme.Key, true)
	require.NoError(t, err)
	for _, i := range list {
		require.NotEqual(t, number, i.Number, "%+v", i)
	}
	nowhere(t, url, number[1:])
	require.ErrorIs(t, store.SaveRegistration(ctx, registered(scheme.Key, number)), roster.ErrNumberRefused)
	require.ErrorIs(t, put(store, scheme.Key, person("B9", number)), roster.ErrNumberRefused)

	refused := postgres.LineCallback{Number: number, Typed: true, Language: roster.Dutch, Asked: today}
	_, _, err = store.PromiseCallback(ctx, scheme.Key, refused, today)
	require.ErrorIs(t, err, callflow.ErrNotAllowed, "nobody has her rung by typing her number")

	// She herself may, and a registrar sees that she had refused.
	again := registered(scheme.Key, number, herself)
	require.NoError(t, store.SaveRegistration(ctx, again))
	item, err := store.InboxItem(ctx, scheme.Key, again.ID)
	require.NoError(t, err)
	require.True(t, item.Refused)
	broken := registered(scheme.Key, "", func(g *callflow.Registration) { g.CLI, g.Consent = number, "" })
	require.NoError(t, store.SaveRegistration(ctx, broken))
	for _, id := range []string{again.ID, broken.ID} {
		_, err = store.CallInbox(ctx, scheme.Key, id, 0, today)
		require.ErrorIs(t, err, inbox.ErrNotThis, "nobody rings a number that was refused, entered or rung from")
	}
	how = inbox.Resolution{Outcome: inbox.Registered, By: "R01", Ref: "B3", Family: "Dupont"}
	_, _, err = store.ResolveInbox(ctx, scheme.Key, again.ID, how, today)
	require.ErrorIs(t, err, roster.ErrNumberRefused)
	_, err = store.LiftRefusal(ctx, scheme.Key, number)
	require.NoError(t, err)
	_, _, err = store.ResolveInbox(ctx, scheme.Key, again.ID, how, today)
	require.NoError(t, err)

	// What is counted outlives everything, and names nobody.
	var counts string
	require.NoError(t, postgrestest.Pool(t, url).QueryRow(ctx, `SELECT string_agg(concat_ws(' ', source, outcome, count), ', ' ORDER BY source, outcome)
		FROM registration_count`).Scan(&counts))
	require.Equal(t, "neighbour finished 4, neighbour refused 2, neighbour registered 2, neighbour unfinished 1, self finished 1, self registered 1", counts)
}

// nowhere requires that no row of any table holds a text.
func nowhere(t *testing.T, url, text string) {
	t.Helper()
	pool := postgrestest.Pool(t, url)
	rows, err := pool.Query(t.Context(), `SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'`)
	require.NoError(t, err)
	var tables []string
	for rows.Next() {
		var name string
		require.NoError(t, rows.Scan(&name))
		tables = append(tables, name)
	}
	require.NoError(t, rows.Err())
	for _, table := range tables {
		var held int
		require.NoError(t, pool.QueryRow(t.Context(), `SELECT count(*) FROM `+table+` r WHERE strpos(r::text, $1) > 0`, text).Scan(&held))
		require.Zerof(t, held, "table %s holds it", table)
	}
	require.NotEmpty(t, strings.TrimSpace(text))
}

func TestAMessageAndACallbackAreClosed(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	store := postgrestest.Store(t)
	scheme := newScheme(t, store, "Namur")
	m := callflow.Message{
		ID: uuid.Must(uuid.NewV7()).String(), Scheme: scheme.Key, CLI: "+32470000001", Language: roster.French, Recording: "messages/x",
		Length: 5 * time.Second, At: today,
	}
	require.NoError(t, store.SaveMessage(ctx, m))
	_, booked, err := store.PromiseCallback(ctx, scheme.Key, postgres.LineCallback{Number: "+32470000002", Language: roster.French, Asked: today.Add(time.Minute)}, today)
	require.NoError(t, err)
	require.True(t, booked)
	list, err := store.Inbox(ctx, scheme.Key, false)
	require.NoError(t, err)
	require.Len(t, list, 2)
	require.Equal(t, []inbox.Kind{inbox.Message, inbox.Callback}, []inbox.Kind{list[0].Kind, list[1].Kind}, "the oldest first")
	require.Equal(t, 5*time.Second, list[0].Length)
	for _, i := range list {
		_, _, err = store.ResolveInbox(ctx, scheme.Key, i.ID, inbox.Resolution{Outcome: inbox.Refused}, today)
		require.ErrorIs(t, err, inbox.ErrNotThis)
		_, _, err = store.ResolveInbox(ctx, scheme.Key, i.ID, inbox.Resolution{Outcome: inbox.Done, By: "R01"}, today)
		require.NoError(t, err)
		_, _, err = store.ResolveInbox(ctx, scheme.Key, i.ID, inbox.Resolution{Outcome: inbox.Done, By: "R02"}, today)
		require.NoError(t, err, "again")
	}
	list, err = store.Inbox(ctx, scheme.Key, false)
	require.NoError(t, err)
	require.Empty(t, list)
	list, err = store.Inbox(ctx, scheme.Key, true)
	require.NoError(t, err)
	require.Len(t, list, 2)
	require.Equal(t, "R01", list[0].HandledBy)
}

// TestAKillInTheMiddleLeavesNothingHalf: the connection dies just before a registration would be committed with its person. Neither
// is there then, nor is it counted; asked again, all of it is.
func TestAKillInTheMiddleLeavesNothingHalf(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	address := postgrestest.URL(t)
	store, owner := postgrestest.Open(t, address, withKey("k")), postgrestest.Pool(t, address)
	scheme := newScheme(t, store, "Namur")
	g := registered(scheme.Key, "+32470000078", herself)
	require.NoError(t, store.SaveRegistration(ctx, g))
	before, err := store.LastEvent(ctx, scheme.Key)
	require.NoError(t, err)
	_, err = owner.Exec(ctx, `CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
		$$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$;
		CREATE TRIGGER die BEFORE INSERT ON event_batch FOR EACH ROW EXECUTE FUNCTION die()`)
	require.NoError(t, err)
	how := inbox.Resolution{Outcome: inbox.Registered, By: "R01", Ref: "B9", Given: "Marie", Family: "Dupont"}
	_, _, err = store.ResolveInbox(ctx, scheme.Key, g.ID, how, today)
	require.Error(t, err)
	_, err = store.KeyOf(ctx, scheme.Key, "B9")
	require.ErrorIs(t, err, postgres.ErrNoBeneficiary)
	item, err := store.InboxItem(ctx, scheme.Key, g.ID)
	require.NoError(t, err)
	require.Zero(t, item.HandledAt)
	require.Equal(t, g.Name, item.Recording)

	_, err = owner.Exec(ctx, `DROP TRIGGER die ON event_batch`)
	require.NoError(t, err)
	_, erase, err := store.ResolveInbox(ctx, scheme.Key, g.ID, how, today)
	require.NoError(t, err)
	require.Equal(t, []string{g.Name}, erase)
	found(t, store, scheme.Key, "B9")
	last, err := store.LastEvent(ctx, scheme.Key)
	require.NoError(t, err)
	events, err := store.Events(ctx, scheme.Key, before+1, last)
	require.NoError(t, err)
	var kinds []string
	for _, e := range events {
		kinds = append(kinds, e.Entity+"."+e.Kind)
	}
	require.Contains(t, kinds, "registration.handled")
	require.Contains(t, kinds, "scheme.roster")
}
