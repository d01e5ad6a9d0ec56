package postgres_test

import (
	"context"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/dispatch/dispatchtest"
	"github.com/rappel-tel/rappel/pkg/postgres"
	"github.com/rappel-tel/rappel/pkg/postgres/postgrestest"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// fixture fills and reads a store past dispatch.
type fixture struct {
	*postgres.Store
	t        testing.TB
	pool     *pgxpool.Pool
	schemes  map[int64]dispatch.Scheme
	people   int
	endpoint map[int64]string // What the suite called a caller's softphone.
}

func newFixture(t testing.TB, change ...func(*postgres.Options)) *fixture {
	f, _ := newFixtureAt(t, change...)
	return f
}

// newFixtureAt says where its database is, too.
func newFixtureAt(t testing.TB, change ...func(*postgres.Options)) (*fixture, string) {
	url := postgrestest.URL(t)
	return &fixture{
		Store: postgrestest.Open(t, url, change...), t: t, pool: postgrestest.Pool(t, url),
		schemes: map[int64]dispatch.Scheme{}, endpoint: map[int64]string{},
	}, url
}

func TestStore(t *testing.T) {
	t.Parallel()
	dispatchtest.ExerciseStore(t, func(t *testing.T) dispatchtest.Fixture { return newFixture(t) })
}

func (f *fixture) one(sql string, args ...any) (key int64) {
	f.t.Helper()
	require.NoError(f.t, f.pool.QueryRow(context.Background(), sql, args...).Scan(&key))
	return key
}

func (f *fixture) AddScheme(s dispatch.Scheme) int64 {
	f.t.Helper()
	zone := s.Zone.String()
	made, err := f.CreateScheme(context.Background(), postgres.Scheme{
		Name: s.Name, Zone: zone, Country: s.Country, Opens: s.Opens, Closes: s.Closes, Hold: s.Hold, WrapUp: s.WrapUp,
		Retry: s.Retry.After, MaxAttempts: s.Retry.MaxAttempts, Load: s.Load,
	}, today)
	require.NoError(f.t, err)
	var permitted []string
	for _, number := range s.CLI {
		permitted = append(permitted, number)
	}
	require.NoError(f.t, f.SaveTrunk(context.Background(), made.Key, postgres.Trunk{
		Endpoint: "trunk_" + strconv.FormatInt(made.Key, 10), Kind: postgres.TrunkSimulated, Lines: s.Lines,
		InboundReserve: s.InboundReserve, CallsPerSecond: s.CallsPerSecond, PermittedCLI: permitted, CLI: s.CLI,
	}))
	f.schemes[made.Key] = s
	return made.Key
}

func (f *fixture) AddCaller(scheme int64, c dispatch.Caller) int64 {
	f.t.Helper()
	f.people++
	ref := "C" + strconv.Itoa(f.people)
	book := f.Book(scheme, clock)
	putPeople(f.t, book, roster.People{Staff: []roster.Staff{{
		Ref: ref, Roles: c.Roles, Languages: c.Languages, Skills: c.Skills, Load: c.Load, Number: roster.Number{E164: c.Number},
		Disabled: !c.Enabled,
	}}})
	key := f.one(`UPDATE caller_status SET state = $3, since = $4
		WHERE caller_id = (SELECT caller_id FROM caller WHERE scheme_id = $1 AND ref = $2) RETURNING caller_id`,
		scheme, ref, string(c.State), c.Since)
	f.endpoint[key] = c.Endpoint
	return key
}

func (f *fixture) AddOccurrence(scheme int64, o dispatch.Occurrence) int64 {
	f.t.Helper()
	if o.Agreement == 0 {
		f.people++
		ref := "B" + strconv.Itoa(f.people)
		o.Terms.Skills, o.Terms.Hard = o.Skills, o.Hard
		b := roster.Beneficiary{Ref: ref, Consent: roster.Consent{State: roster.ConsentGiven}, Language: o.Language, Class: o.Class, Agreement: o.Terms}
		for _, n := range o.Numbers {
			b.Numbers = append(b.Numbers, roster.Number{E164: n})
		}
		putPeople(f.t, f.Book(scheme, clock), roster.People{Beneficiaries: []roster.Beneficiary{b}})
		o.Beneficiary = f.one(`UPDATE beneficiary SET reference_id = nullif($3::bigint, 0), deputy_id = nullif($4::bigint, 0)
			WHERE scheme_id = $1 AND ref = $2 RETURNING beneficiary_id`, scheme, ref, o.Reference, o.Deputy)
		o.Agreement = f.one(`SELECT agreement_id FROM agreement WHERE beneficiary_id = $1`, o.Beneficiary)
	}
	notBefore := o.NotBefore
	if notBefore.IsZero() {
		notBefore = o.Opens
	}
	_ = f.one(`UPDATE scheme_lead SET load_from = least(load_from, $2) WHERE scheme_id = $1 RETURNING scheme_id`, scheme, o.Opens)
	return f.one(`INSERT INTO occurrence (scheme_id, uid, agreement_id, beneficiary_id, kind, sequence, local_date, opens_at,
			closes_at, length_ms, not_before, deferred, attempts)
		SELECT $1, gen_random_uuid(), $2, $3, $4, count(*), $5, $6, $7, $8, $9, $10, $11
		FROM occurrence WHERE agreement_id = $2 AND kind = $4 AND local_date = $5
		RETURNING occurrence_id`, scheme, o.Agreement, o.Beneficiary, string(o.Kind), o.LocalDate, o.Opens, o.Closes,
		o.Length.Milliseconds(), notBefore, o.Deferred, o.Attempts)
}

func (f *fixture) Occurrence(id int64) dispatch.Occurrence {
	f.t.Helper()
	var o dispatch.Occurrence
	var kind, state string
	var zone string
	require.NoError(f.t, f.pool.QueryRow(context.Background(), `
		SELECT o.occurrence_id, o.agreement_id, o.beneficiary_id, o.kind, o.state, o.not_before, o.attempts, o.deferred, o.rang,
			o.local_date, o.opens_at, o.closes_at, s.zone
		FROM occurrence o JOIN scheme s USING (scheme_id) WHERE o.occurrence_id = $1`, id).Scan(&o.ID, &o.Agreement,
		&o.Beneficiary, &kind, &state, &o.NotBefore, &o.Attempts, &o.Deferred, &o.Rang, &o.LocalDate, &o.Opens, &o.Closes, &zone))
	o.Kind, o.State = call.Kind(kind), call.OccurrenceState(state)
	o.Terms = roster.Agreement{Cadence: roster.Weekly, PerWeek: 1, Days: []time.Weekday{o.LocalDate.Weekday()}}
	return o
}

func (f *fixture) Welfare(id int64) int {
	return int(f.one(`SELECT count(*) FROM event e JOIN occurrence o ON o.scheme_id = e.scheme_id AND o.uid = e.entity_id
		WHERE o.occurrence_id = $1 AND e.entity = 'occurrence' AND e.kind = 'welfare'`, id))
}

func (f *fixture) Caller(id int64) dispatch.Caller {
	f.t.Helper()
	scheme := f.one(`SELECT scheme_id FROM caller WHERE caller_id = $1`, id)
	snap, err := f.Store.Load(context.Background(), scheme, today, today)
	require.NoError(f.t, err)
	for _, c := range snap.Callers {
		if c.ID == id {
			return c
		}
	}
	require.Fail(f.t, "no such caller")
	return dispatch.Caller{}
}

func (f *fixture) Attempt(id call.ID) (dispatchtest.Attempt, bool) {
	f.t.Helper()
	var a dispatchtest.Attempt
	var state, result, reason, fault string
	var talk int64
	err := f.pool.QueryRow(context.Background(), `
		SELECT state, offer, coalesce(caller_id, 0), occurrence_id, coalesce(result, ''), reason, coalesce(fault, ''), cause, talk_ms, number, scheme_id
		FROM attempt WHERE attempt_id = $1::uuid`, string(id)).Scan(&state, &a.Order.Offer, &a.Order.Caller, &a.Occurrence, &result,
		&reason, &fault, &a.Outcome.Cause, &talk, &a.Order.Number, &a.Order.Scheme)
	if err != nil {
		return a, false
	}
	a.State, a.Order.Attempt = call.State(state), id
	a.Outcome.Result, a.Outcome.Reason, a.Outcome.Fault = call.Result(result), call.Reason(reason), call.Fault(fault)
	a.Outcome.Talk = time.Duration(talk) * time.Millisecond
	rows, err := f.pool.Query(context.Background(), `SELECT state FROM offer WHERE attempt_id = $1::uuid ORDER BY offer`, string(id))
	require.NoError(f.t, err)
	defer rows.Close()
	for rows.Next() {
		require.NoError(f.t, rows.Scan(&state))
		a.Offers = append(a.Offers, call.OfferState(state))
	}
	require.NoError(f.t, rows.Err())
	return a, true
}

// Load gives callers' softphones and trunks the names that the suite gave them: the database wants random ones, unique in
// the installation.
func (f *fixture) Load(ctx context.Context, scheme int64, now, until time.Time) (*dispatch.Snapshot, error) {
	snap, err := f.Store.Load(ctx, scheme, now, until)
	if err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	for i, c := range snap.Callers {
		if name, ok := f.endpoint[c.ID]; ok && c.Endpoint != "" {
			snap.Callers[i].Endpoint = name
		}
	}
	return snap, nil
}
