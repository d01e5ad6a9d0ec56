package figures

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/postgres"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// town is the shape of a scheme that is measured. Everybody has a number and an agreement of her own.
type town struct {
	due     int           // People who are to be called today.
	every   time.Duration // Their calls come due one after the other from firstDue on; 0: all are due in the morning.
	held    int           // Calls of the working days after, of other people, each of whom is called once a day.
	callers int           // All of them ready.
	ring    time.Duration // How long a phone rings; 0: 20 s the caller's, 60 s the person's.
	window  time.Duration // From when a call of today comes due until it may no longer begin; 0: until eight in the evening.
}

// built is a town in a database, which is copied for every round.
type built struct {
	template string
	scheme   int64
	id       string // Of the scheme, seen outside.
}

// morning is when the service's clock begins: a Tuesday, long before the windows end.
func morning() time.Time { return time.Date(2026, time.November, 24, 10, 0, 0, 0, time.UTC) }

// firstDue is when the first call comes due in a town whose calls come one after the other.
func firstDue() time.Time { return morning().Add(time.Hour) }

// heldDays is on how many working days the held calls lie; heldHorizon reaches behind them, from the morning on.
const (
	heldDays    = 7
	heldHorizon = 9*24*time.Hour + 14*time.Hour
	trunkNumber = "+33199000000"
	numberStart = "+3281" // Of people's numbers; firstNumber is how the first one's goes on.
	firstNumber = 1_000_001
)

// build makes the database of a town, once.
func (r *rig) build(ctx context.Context, t town) (built, error) {
	if b, ok := r.towns[t]; ok {
		return b, nil
	}
	b := built{template: fmt.Sprintf("town%d", len(r.towns))}
	if t.held >= 1_000_000 {
		fmt.Fprintf(r.o.Progress, "a town of %d calls is built\n", t.due+t.held)
	}
	if err := r.admin(ctx, "CREATE DATABASE "+b.template); err != nil {
		return b, err
	}
	if err := t.write(ctx, r.server.DatabaseURL(b.template), &b); err != nil {
		return b, fmt.Errorf("build town: %w", err)
	}
	r.towns[t] = b
	return b, nil
}

func (t town) write(ctx context.Context, url string, b *built) (err error) {
	if err := postgres.Migrate(ctx, url, zap.NewNop()); err != nil {
		return err
	}
	store, err := postgres.New(ctx, postgres.Options{URL: url, Connections: 2, Patience: time.Minute})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	scheme, err := store.CreateScheme(ctx, postgres.Scheme{
		Name: "figures", Zone: "UTC", Country: "BE", Opens: 8 * 60, Closes: 20 * 60, MaxAttempts: 1,
	}, morning())
	if err != nil {
		return err
	}
	b.scheme, b.id = scheme.Key, scheme.ID
	if err := store.SaveTrunk(ctx, scheme.Key, postgres.Trunk{
		Endpoint: "trunk", Kind: postgres.TrunkAddress, Host: "127.0.0.1", Port: 5060, Lines: 1 << 20, InboundReserve: 1,
		CallsPerSecond: 1 << 20, PermittedCLI: []string{trunkNumber}, CLI: map[call.Kind]string{"": trunkNumber},
	}); err != nil {
		return err
	}
	if err := store.SetDestinations(ctx, scheme.Key, []string{"+32"}); err != nil {
		return err
	}
	var staff roster.People
	for i := range t.callers {
		staff.Staff = append(staff.Staff, roster.Staff{
			Ref: fmt.Sprintf("C%05d", i), Roles: []roster.Role{roster.RoleCaller}, Languages: roster.Languages(),
		})
	}
	if err := store.Book(scheme.Key, morning).Edit(ctx, func(p roster.Page) error { return p.Put(ctx, staff) }); err != nil {
		return err
	}
	if _, err := store.MakePartitions(ctx, morning()); err != nil {
		return err
	}
	return t.writePeople(ctx, url, scheme.Key)
}

// writePeople fills the tables in bulk: their indexes are built, and what they refer to is known to be there, afterwards.
func (t town) writePeople(ctx context.Context, url string, scheme int64) error {
	people := t.due + (t.held+heldDays-1)/heldDays
	callerRing, ring := 20*time.Second, time.Minute
	if t.ring > 0 {
		callerRing, ring = t.ring, t.ring
	}
	// Who has calls on the days after has none today, and whoever is called today in a town that holds more has her next
	// one behind them: so that nothing is booked but with the ends of calls. No day is left free, so all have their place.
	ends := 1200
	if t.window > 0 { // Whoever is not reached in her window has no later one today.
		ends = 540
	}
	agreements := fmt.Sprintf(`
		INSERT INTO agreement (scheme_id, uid, beneficiary_id, cadence, days, begins, ends, length_ms, continuity, caller_ring_ms,
				ring_ms, valid_from, created_at, place_days)
			SELECT %[1]d, gen_random_uuid(), beneficiary_id, CASE WHEN n <= %[2]d AND %[3]d > 0 THEN 'fortnightly' ELSE 'daily' END,
				CASE WHEN n <= %[2]d AND %[3]d > 0 THEN '{2}'::smallint[] ELSE '{}' END, ARRAY[CASE WHEN n <= %[2]d THEN 480 ELSE 480 + n %% 36 * 15 END],
				ARRAY[CASE WHEN n <= %[2]d THEN %[6]d ELSE 600 + n %% 36 * 15 END], 1200000, 'preferred', %[4]d, %[5]d,
				CASE WHEN n <= %[2]d THEN date '2026-11-24' ELSE date '2026-11-25' END, '2026-11-01', 0
			FROM (SELECT beneficiary_id, row_number() OVER (ORDER BY beneficiary_id) AS n FROM beneficiary) b ORDER BY beneficiary_id`,
		scheme, t.due, t.held, callerRing.Milliseconds(), ring.Milliseconds(), ends)
	opens := "timestamptz '2026-11-24 08:00Z'"
	if t.every > 0 {
		opens = fmt.Sprintf("timestamptz '%s' + (n - 1) * interval '%d microseconds'", firstDue().Format(time.RFC3339), t.every.Microseconds())
	}
	closes := "'2026-11-24 20:00Z'"
	if t.window > 0 {
		closes = fmt.Sprintf("%s + interval '%d microseconds'", opens, t.window.Microseconds())
	}
	occurrences := fmt.Sprintf(`
		INSERT INTO occurrence (scheme_id, uid, agreement_id, beneficiary_id, kind, local_date, opens_at, closes_at, length_ms, not_before)
			SELECT %[1]d, gen_random_uuid(), agreement_id, beneficiary_id, 'scheduled', '2026-11-24', %[2]s, %[4]s, 1200000, %[2]s
			FROM (SELECT agreement_id, beneficiary_id, row_number() OVER (ORDER BY agreement_id) AS n FROM agreement) a
			WHERE n <= %[3]d ORDER BY n`, scheme, opens, t.due, closes)
	held := fmt.Sprintf(`
		INSERT INTO occurrence (scheme_id, uid, agreement_id, beneficiary_id, kind, local_date, opens_at, closes_at, length_ms, not_before)
			SELECT %[1]d, gen_random_uuid(), agreement_id, beneficiary_id, 'scheduled', day, day + begins[1] * interval '1 minute',
				day + ends[1] * interval '1 minute', 1200000, day + begins[1] * interval '1 minute'
			FROM (SELECT agreement_id, beneficiary_id, begins, ends, row_number() OVER (ORDER BY agreement_id) AS n FROM agreement) a,
				unnest(ARRAY['2026-11-25Z', '2026-11-26Z', '2026-11-27Z', '2026-11-30Z', '2026-12-01Z', '2026-12-02Z', '2026-12-03Z']::timestamptz[]) day
			WHERE n > %[2]d LIMIT %[3]d`, scheme, t.due, t.held)
	return execute(ctx, url,
		"SET session_replication_role = replica", "SET synchronous_commit = off", "SET work_mem = '256MB'",
		fmt.Sprintf(`UPDATE caller_status SET state = 'ready', since = '2026-11-24 09:00Z';
		INSERT INTO person_ref (scheme_id, ref, staff) SELECT %[1]d, 'B' || i, false FROM generate_series(1, %[2]d) i;
		INSERT INTO beneficiary (scheme_id, uid, ref, class, created_at)
			SELECT %[1]d, gen_random_uuid(), 'B' || i, i %% 4, '2026-11-01' FROM generate_series(1, %[2]d) i;
		INSERT INTO contact_number (scheme_id, beneficiary_id, position, e164)
			SELECT scheme_id, beneficiary_id, 1, '+3281' || (1000000 + beneficiary_id) FROM beneficiary;
		INSERT INTO consent (scheme_id, beneficiary_id, purpose, state, recorded_at)
			SELECT scheme_id, beneficiary_id, purpose, 'given', created_at FROM beneficiary`, scheme, people),
		agreements,
		"UPDATE pg_index SET indisready = false WHERE indrelid = 'occurrence'::regclass", occurrences, held,
		"UPDATE pg_index SET indisready = true WHERE indrelid = 'occurrence'::regclass", "REINDEX TABLE occurrence",
		"UPDATE scheme_lead SET load_from = '-infinity'", "VACUUM ANALYZE")
}

// counts are what the records say of the calls that were due.
type counts struct{ reached, answered, next int }

// check holds the records against what was done: every call of today ended, was answered once, and has a next one.
func (t town) check(ctx context.Context, url string) error {
	return connected(ctx, url, func(conn *pgx.Conn) error {
		var c counts
		err := conn.QueryRow(ctx, `SELECT (SELECT count(*) FROM occurrence WHERE state = 'reached'),
			(SELECT count(*) FROM attempt WHERE result = 'answered'),
			(SELECT count(*) FROM occurrence n WHERE n.state = 'open' AND n.local_date > '2026-11-24' AND EXISTS (
				SELECT FROM occurrence o WHERE o.agreement_id = n.agreement_id AND o.scheme_id = n.scheme_id AND o.state = 'reached'))`).
			Scan(&c.reached, &c.answered, &c.next)
		if err != nil {
			return fmt.Errorf("count calls: %w", err)
		}
		if want := (counts{t.due, t.due, t.due}); c != want {
			return fmt.Errorf("of %d calls %d are reached, %d attempts answered, %d next calls booked", t.due, c.reached, c.answered, c.next)
		}
		return nil
	})
}
