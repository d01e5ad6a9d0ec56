package burndown

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/postgres"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// peopleDatabase is the template with the scheme, its callers and one call due per person.
const peopleDatabase = "people"

// morning is the instant at which everything is due: a Tuesday, long before the windows end.
func morning() time.Time { return time.Date(2026, time.November, 24, 10, 0, 0, 0, time.UTC) }

func (r *rig) writePeople(ctx context.Context) (err error) {
	admin, err := pgx.Connect(ctx, r.server.DatabaseURL("postgres"))
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer func() { err = errors.Join(err, admin.Close(context.WithoutCancel(ctx))) }()
	if _, err := admin.Exec(ctx, "CREATE DATABASE "+peopleDatabase); err != nil {
		return fmt.Errorf("make database: %w", err)
	}
	url := r.server.DatabaseURL(peopleDatabase)
	if err := postgres.Migrate(ctx, url, zap.NewNop()); err != nil {
		return err
	}
	store, err := postgres.New(ctx, postgres.Options{URL: url, Connections: 2, Patience: time.Minute})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	scheme, err := store.CreateScheme(ctx, postgres.Scheme{
		Name: "burn-down", Zone: "UTC", Country: "BE", Opens: 8 * 60, Closes: 20 * 60, MaxAttempts: 1,
	}, morning())
	if err != nil {
		return err
	}
	r.scheme = scheme.Key
	const cli = "+33199000000"
	if err := store.SaveTrunk(ctx, scheme.Key, postgres.Trunk{
		Endpoint: "trunk", Kind: postgres.TrunkAddress, Host: "127.0.0.1", Port: 5060, Lines: 1 << 20, InboundReserve: 1,
		CallsPerSecond: 1 << 20, PermittedCLI: []string{cli}, CLI: map[call.Kind]string{"": cli},
	}); err != nil {
		return err
	}
	if err := store.SetDestinations(ctx, scheme.Key, []string{"+32"}); err != nil {
		return err
	}
	var staff roster.People
	for i := range r.o.Callers {
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
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	// Every person her own number, one call today and a daily agreement.
	_, err = conn.Exec(ctx, fmt.Sprintf(`
		UPDATE caller_status SET state = 'ready', since = '2026-11-24 09:00Z';
		INSERT INTO person_ref (scheme_id, ref, staff) SELECT %[1]d, 'B' || i, false FROM generate_series(1, %[2]d) i;
		INSERT INTO beneficiary (scheme_id, uid, ref, class, created_at)
			SELECT %[1]d, gen_random_uuid(), 'B' || i, i %% 4, '2026-11-01' FROM generate_series(1, %[2]d) i;
		INSERT INTO contact_number (scheme_id, beneficiary_id, position, e164)
			SELECT scheme_id, beneficiary_id, 1, '+3281' || (1000000 + beneficiary_id) FROM beneficiary;
		INSERT INTO agreement (scheme_id, uid, beneficiary_id, cadence, days, begins, ends, length_ms, continuity, caller_ring_ms,
				ring_ms, created_at)
			SELECT scheme_id, gen_random_uuid(), beneficiary_id, 'daily', '{}', '{480}', '{1200}', 1200000, 'preferred', 20000,
				60000, '2026-11-01' FROM beneficiary;
		INSERT INTO occurrence (scheme_id, uid, agreement_id, beneficiary_id, kind, local_date, opens_at, closes_at, length_ms,
				not_before)
			SELECT scheme_id, gen_random_uuid(), agreement_id, beneficiary_id, 'scheduled', '2026-11-24', '2026-11-24 08:00Z',
				'2026-11-24 20:00Z', 1200000, '2026-11-24 08:00Z' FROM agreement;
		UPDATE scheme_lead SET load_from = '-infinity'`, r.scheme, r.o.Calls), pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		return fmt.Errorf("write %d people: %w", r.o.Calls, err)
	}
	if _, err := conn.Exec(ctx, "VACUUM ANALYZE"); err != nil {
		return fmt.Errorf("analyse people: %w", err)
	}
	return nil
}

// rappel burns down as serve does, but for the telephones: whoever is to be called answers and hangs up at once. A call counts
// once its outcome is committed.
func (r *rig) rappel(ctx context.Context, url string) (rate float64, err error) {
	var ended atomic.Int64
	done := make(chan struct{})
	store, err := postgres.New(ctx, postgres.Options{URL: url, Patience: time.Minute, Publish: func(events []call.Event) {
		for _, e := range events {
			if e.Entity == "attempt" && e.Kind == "ended" && ended.Add(1) == int64(r.o.Calls) {
				close(done)
			}
		}
	}})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	began := time.Now()
	phones := &phones{}
	d, err := dispatch.New(dispatch.Options{
		Store: store, Switchboard: phones, Logger: zap.NewNop(), Horizon: 8 * time.Hour,
		Now: func() time.Time { return morning().Add(time.Since(began)) },
	})
	if err != nil {
		return 0, err
	}
	defer d.Close()
	phones.ended = d.Ended
	if err := d.Lead(ctx, r.scheme); err != nil {
		return 0, err
	}
	start := time.Now()
	// No commit for so long means that something hangs.
	const patience = 30 * time.Second
	look := time.NewTicker(patience)
	defer look.Stop()
	for before := int64(0); ; {
		select {
		case <-done:
			return r.rate(time.Since(start)), r.check(ctx, url)
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-look.C:
			now := ended.Load()
			if now == before {
				return 0, fmt.Errorf("dispatch stands still after %d of %d calls: %w", now, r.o.Calls, d.Healthy())
			}
			before = now
		}
	}
}

// check counts in the records what was done.
func (r *rig) check(ctx context.Context, url string) (err error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	var reached, answered, next int
	err = conn.QueryRow(ctx, `SELECT (SELECT count(*) FROM occurrence WHERE state = 'reached'),
		(SELECT count(*) FROM attempt WHERE result = 'answered'),
		(SELECT count(*) FROM occurrence WHERE state = 'open' AND local_date > '2026-11-24')`).Scan(&reached, &answered, &next)
	if err != nil {
		return fmt.Errorf("count calls: %w", err)
	}
	if reached != r.o.Calls || answered != r.o.Calls || next != r.o.Calls {
		return fmt.Errorf("of %d calls %d are reached, %d attempts answered, %d next calls booked", r.o.Calls, reached, answered, next)
	}
	return nil
}

// phones answer and hang up at once.
type phones struct {
	ended func(call.Outcome)
}

// Start implements dispatch.Switchboard.
func (p *phones) Start(_ context.Context, o call.Order) error {
	p.ended(call.Outcome{
		Scheme: o.Scheme, Attempt: o.Attempt, Offer: o.Offer, OfferState: call.OfferAccepted, Result: call.ResultAnswered,
		Fault: call.FaultNone, Cause: 16, Talk: time.Minute, Rang: true,
	})
	return nil
}

// Recall implements dispatch.Switchboard.
func (*phones) Recall(call.ID) {}

// Adopt implements dispatch.Switchboard.
func (*phones) Adopt(context.Context, []call.Live) {}
