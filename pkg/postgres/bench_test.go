package postgres_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/postgres"
	"github.com/rappel-tel/rappel/pkg/postgres/postgrestest"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/setup"
	"github.com/rappel-tel/rappel/pkg/setup/setuptest"
)

// crew is a scheme with as many callers as people, each of whom has a call today.
type crew struct {
	server        *setup.Postgres
	store         *postgres.Store
	scheme, epoch int64
	callers       []int64
	calls         []dispatch.Occurrence
}

func newCrew(b *testing.B, size int, durable bool) *crew {
	b.Helper()
	ctx := context.Background()
	server := setuptest.Postgres(b, func(o *setup.PostgresOptions) {
		o.Throwaway = !durable
		o.Settings = map[string]string{"shared_buffers": "512MB", "max_wal_size": "4GB", "wal_compression": "on"}
	})
	require.NoError(b, postgres.Migrate(ctx, server.URL(), zap.NewNop()))
	store := postgrestest.Open(b, server.URL())
	c := &crew{server: server, store: store, scheme: newScheme(b, store, "bench").Key}
	var people roster.People
	for i := range size {
		people.Staff = append(people.Staff, roster.Staff{Ref: fmt.Sprintf("C%06d", i), Roles: []roster.Role{roster.RoleCaller}})
		people.Beneficiaries = append(people.Beneficiaries, roster.Beneficiary{
			Ref: fmt.Sprintf("B%06d", i), Numbers: []roster.Number{{E164: fmt.Sprintf("+3281%07d", i)}},
			Consent:   roster.Consent{State: roster.ConsentGiven},
			Agreement: roster.Agreement{Cadence: roster.Daily},
		})
	}
	putPeople(b, store.Book(c.scheme, clock), people)
	var err error
	c.epoch, err = store.Lead(ctx, c.scheme, "bench", today)
	require.NoError(b, err)
	_, err = store.Plan(ctx, c.scheme, c.epoch, today, today.AddDate(0, 0, 1))
	require.NoError(b, err)
	_, err = store.MakePartitions(ctx, today)
	require.NoError(b, err)
	snap, err := store.Load(ctx, c.scheme, today, today.Add(8*time.Hour))
	require.NoError(b, err)
	require.Len(b, snap.Occurrences, size)
	c.calls = snap.Occurrences
	for _, caller := range snap.Callers {
		c.callers = append(c.callers, caller.ID)
	}
	return c
}

func (c *crew) apply(b *testing.B, ops []dispatch.Op) {
	b.Helper()
	refused, err := c.store.Apply(context.Background(), c.scheme, c.epoch, today, ops)
	require.NoError(b, err)
	for _, err := range refused {
		require.NoError(b, err)
	}
}

// BenchmarkApply claims and finishes a batch of calls, two durable transactions per turn, each finish with the next call.
func BenchmarkApply(b *testing.B) {
	for _, size := range []int{1, 50, 500} {
		b.Run(fmt.Sprintf("batch=%d", size), func(b *testing.B) {
			c := newCrew(b, size, true)
			turn := func() {
				claims, ends := make([]dispatch.Op, size), make([]dispatch.Op, size)
				following := make([]dispatch.Occurrence, size)
				for i := range size {
					o, id := &c.calls[i], call.NewID()
					claims[i] = dispatch.Claim{Occurrence: o.ID, At: today, Order: call.Order{
						Scheme: c.scheme, Attempt: id, Offer: 1, Kind: o.Kind, Caller: c.callers[i], CallerEndpoint: "c-abcdefgh",
						CallerLanguage: "fr", Number: o.Numbers[0], Trunk: "trunk", CLI: "+3281990000", Language: "fr",
						CallerRing: 20 * time.Second, BeneficiaryRing: time.Minute, DialBy: today,
					}}
					following[i] = *o
					following[i].LocalDate = o.LocalDate.AddDate(0, 0, 1)
					following[i].Opens, following[i].Closes = o.Opens.AddDate(0, 0, 1), o.Closes.AddDate(0, 0, 1)
					ends[i] = dispatch.Finish{
						Outcome: call.Outcome{
							Scheme: c.scheme, Attempt: id, Offer: 1, OfferState: call.OfferAccepted, Result: call.ResultAnswered,
							Fault: call.FaultNone, Cause: 16, Talk: time.Minute, Rang: true, At: today,
						},
						Settlement: dispatch.Settlement{
							Occurrence: o.ID, State: call.OccurrenceReached, Attempts: 1, Rang: true, Next: &following[i], At: today,
						},
					}
				}
				c.apply(b, claims)
				c.apply(b, ends)
				copy(c.calls, following)
			}
			for range 5 {
				turn()
			}
			require.NoError(b, c.store.RefreshStatistics(context.Background()))
			before := serverTicks(b, c.server.PID())
			for b.Loop() {
				turn()
			}
			calls := float64(size) * float64(b.N)
			b.ReportMetric(calls/b.Elapsed().Seconds(), "calls/s")
			// The wall clock tells little on a busy machine: what the server spends is beside it.
			b.ReportMetric(float64(serverTicks(b, c.server.PID())-before)*10_000/calls, "server-µs/call")
		})
	}
}

// serverTicks sums the processor time of a server's processes in hundredths of a second (proc(5), USER_HZ).
func serverTicks(b *testing.B, pid int) (ticks int64) {
	b.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	require.NoError(b, err)
	for _, stat := range stats {
		text, err := os.ReadFile(stat)
		if err != nil {
			continue // It has ended meanwhile.
		}
		_, after, _ := strings.Cut(string(text), ") ")
		fields := strings.Fields(after)
		if len(fields) < 13 || fields[1] != strconv.Itoa(pid) {
			continue
		}
		for _, field := range fields[11:13] {
			n, err := strconv.ParseInt(field, 10, 64)
			require.NoError(b, err)
			ticks += n
		}
	}
	return ticks
}

// BenchmarkLoad loads a scheme with a million open calls of fifty thousand people, and as many that have ended.
func BenchmarkLoad(b *testing.B) {
	const people, days = 50_000, 20
	ctx := context.Background()
	server := setuptest.Postgres(b, func(o *setup.PostgresOptions) {
		o.Settings = map[string]string{"shared_buffers": "512MB", "max_wal_size": "4GB"}
	})
	require.NoError(b, postgres.Migrate(ctx, server.URL(), zap.NewNop()))
	store := postgrestest.Open(b, server.URL())
	scheme := newScheme(b, store, "bench").Key
	_, err := postgrestest.Pool(b, server.URL()).Exec(ctx, fmt.Sprintf(`
		INSERT INTO person_ref (scheme_id, ref, staff) SELECT %[1]d, 'B' || i, false FROM generate_series(1, %[2]d) i;
		INSERT INTO beneficiary (scheme_id, uid, ref, created_at)
			SELECT %[1]d, gen_random_uuid(), 'B' || i, '2026-11-24' FROM generate_series(1, %[2]d) i;
		INSERT INTO contact_number (scheme_id, beneficiary_id, position, e164)
			SELECT scheme_id, beneficiary_id, 1, '+3281' || (1000000 + beneficiary_id) FROM beneficiary;
		INSERT INTO agreement (scheme_id, uid, beneficiary_id, cadence, days, begins, ends, length_ms, continuity, caller_ring_ms,
				ring_ms, created_at)
			SELECT scheme_id, gen_random_uuid(), beneficiary_id, 'daily', '{1,2}', '{570}', '{1020}', 1200000, 'preferred', 20000,
				60000, '2026-11-24' FROM beneficiary;
		INSERT INTO occurrence (scheme_id, uid, agreement_id, beneficiary_id, kind, local_date, opens_at, closes_at, length_ms,
				not_before, state, ended_at)
			SELECT scheme_id, gen_random_uuid(), agreement_id, beneficiary_id, 'scheduled', d, d + interval '9 hours',
				d + interval '17 hours', 1200000, d + interval '9 hours',
				CASE WHEN d < '2026-11-24' THEN 'reached' ELSE 'open' END, CASE WHEN d < '2026-11-24' THEN d END
			FROM agreement, generate_series('2026-11-04'::timestamptz, '2026-12-13', interval '1 day') d;
		ANALYZE`, scheme, people))
	require.NoError(b, err)
	var loaded int
	for b.Loop() {
		snap, err := store.Load(ctx, scheme, today.AddDate(0, 0, 60), today.AddDate(0, 0, 60))
		require.NoError(b, err)
		loaded = len(snap.Occurrences)
	}
	require.Equal(b, people*days, loaded)
	b.ReportMetric(float64(loaded)*float64(b.N)/b.Elapsed().Seconds(), "calls/s")
}

// BenchmarkOtherTimes looks for other times of a call among a hundred thousand, on days as full as two hundred and sixty callers can bear: a
// party waits on the line for the answer, six seconds at most (package app).
func BenchmarkOtherTimes(b *testing.B) {
	const people, callers = 5_000, 260
	ctx := context.Background()
	address := postgrestest.URL(b)
	store := postgrestest.Open(b, address)
	scheme := newScheme(b, store, "bench").Key
	_, err := postgrestest.Pool(b, address).Exec(ctx, fmt.Sprintf(`
		INSERT INTO person_ref (scheme_id, ref, staff) SELECT %[1]d, 'B' || i, false FROM generate_series(1, %[2]d) i;
		INSERT INTO person_ref (scheme_id, ref, staff) SELECT %[1]d, 'C' || i, true FROM generate_series(1, %[3]d) i;
		INSERT INTO beneficiary (scheme_id, uid, ref, created_at)
			SELECT %[1]d, gen_random_uuid(), 'B' || i, '2026-11-20' FROM generate_series(1, %[2]d) i;
		INSERT INTO contact_number (scheme_id, beneficiary_id, position, e164)
			SELECT scheme_id, beneficiary_id, 1, '+3281' || (1000000 + beneficiary_id) FROM beneficiary;
		INSERT INTO agreement (scheme_id, uid, beneficiary_id, cadence, per_week, days, begins, ends, length_ms, continuity, caller_ring_ms,
				ring_ms, created_at)
			SELECT scheme_id, gen_random_uuid(), beneficiary_id, 'weekly', 1, '{3}', '{570}', '{1020}', 1200000, 'preferred', 20000,
				60000, '2026-11-20' FROM beneficiary;
		INSERT INTO occurrence (scheme_id, uid, agreement_id, beneficiary_id, kind, local_date, opens_at, closes_at, length_ms, not_before,
				state)
			SELECT scheme_id, gen_random_uuid(), agreement_id, beneficiary_id, 'scheduled', d, d + interval '8 hours 30 minutes',
				d + interval '16 hours', 1200000, d + interval '8 hours 30 minutes', 'open'
			FROM agreement, generate_series('2026-11-25'::timestamptz, '2026-12-14', interval '1 day') d;
		DELETE FROM occurrence WHERE local_date <> '2026-11-25' AND beneficiary_id = (SELECT beneficiary_id FROM beneficiary WHERE ref = 'B17');
		ANALYZE`, scheme, people, callers))
	require.NoError(b, err)
	var staff roster.People
	for i := range callers {
		staff.Staff = append(staff.Staff, roster.Staff{Ref: fmt.Sprintf("C%d", i+1), Roles: []roster.Role{roster.RoleCaller}})
	}
	putPeople(b, store.Book(scheme, clock), staff)
	next, err := store.NextAppointment(ctx, scheme, "B17", today)
	require.NoError(b, err)
	require.NotZero(b, next.Occurrence)
	var slowest time.Duration
	found := 0
	for b.Loop() {
		begun := time.Now()
		times, err := store.OtherTimes(ctx, scheme, next.Occurrence, today)
		require.NoError(b, err)
		found = len(times)
		slowest = max(slowest, time.Since(begun))
	}
	b.ReportMetric(slowest.Seconds()*1000, "slowest-ms")
	b.ReportMetric(float64(found), "times")
}
