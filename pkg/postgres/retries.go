package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/postgres/internal/sqldb"
	"github.com/rappel-tel/rappel/pkg/schedule"
)

// writeRetry replaces the retry ladders of a scheme.
func writeRetry(ctx context.Context, q *sqldb.Queries, scheme Scheme) error {
	waits, tries := sqldb.InsertRetryParams{SchemeID: scheme.Key}, sqldb.InsertTriesParams{SchemeID: scheme.Key}
	add := func(kind call.Kind, after map[call.Result]time.Duration) {
		for result, wait := range after {
			waits.Kinds = append(waits.Kinds, string(kind))
			waits.Results = append(waits.Results, string(result))
			waits.Afters = append(waits.Afters, wait.Milliseconds())
		}
	}
	add("", scheme.Retry)
	for kind, ladder := range scheme.Retries {
		add(kind, ladder.After)
		if ladder.MaxAttempts > 0 {
			tries.Kinds, tries.Tries = append(tries.Kinds, string(kind)), append(tries.Tries, int16(ladder.MaxAttempts))
		}
	}
	for _, write := range []func() error{
		func() error { return q.DeleteRetry(ctx, scheme.Key) },
		func() error { return q.InsertRetry(ctx, waits) },
		func() error { return q.DeleteTries(ctx, scheme.Key) },
		func() error { return q.InsertTries(ctx, tries) },
	} {
		if err := write(); err != nil {
			return fmt.Errorf("write retry ladder: %w", err)
		}
	}
	return nil
}

// laddersOf puts the retry ladders of schemes together, by scheme: waits and, for kinds, how often.
func laddersOf(waits []sqldb.ListRetryRow, tries []sqldb.SchemeTry) map[int64]schedule.Ladder {
	ladders := map[int64]schedule.Ladder{}
	of := func(scheme int64) schedule.Ladder {
		l, ok := ladders[scheme]
		if !ok {
			l = schedule.Ladder{After: map[call.Result]time.Duration{}, Kinds: map[call.Kind]schedule.Ladder{}}
			ladders[scheme] = l
		}
		return l
	}
	kind := func(l schedule.Ladder, k call.Kind) schedule.Ladder {
		own := l.Kinds[k]
		if own.After == nil {
			own.After = map[call.Result]time.Duration{}
		}
		return own
	}
	for _, w := range waits {
		l, wait := of(w.SchemeID), milliseconds(w.AfterMs)
		if k := call.Kind(w.Kind); k != "" {
			own := kind(l, k)
			own.After[call.Result(w.Result)] = wait
			l.Kinds[k] = own
			continue
		}
		l.After[call.Result(w.Result)] = wait
	}
	for _, t := range tries {
		l, k := of(t.SchemeID), call.Kind(t.Kind)
		own := kind(l, k)
		own.MaxAttempts = int(t.MaxAttempts)
		l.Kinds[k] = own
	}
	return ladders
}

// ladders reads the retry ladders of every scheme.
func (s *Store) ladders(ctx context.Context) (map[int64]schedule.Ladder, error) {
	waits, err := s.query.ListRetry(ctx)
	if err != nil {
		return nil, fmt.Errorf("list retry ladders: %w", storeError(err))
	}
	tries, err := s.query.ListTries(ctx)
	if err != nil {
		return nil, fmt.Errorf("list tries of retry ladders: %w", storeError(err))
	}
	return laddersOf(waits, tries), nil
}

// readLadder reads the retry ladder of one scheme, without how often it tries by default.
func readLadder(ctx context.Context, q *sqldb.Queries, scheme int64) (schedule.Ladder, error) {
	rows, err := q.ReadRetry(ctx, scheme)
	if err != nil {
		return schedule.Ladder{}, fmt.Errorf("read retry ladder: %w", err)
	}
	often, err := q.ReadTries(ctx, scheme)
	if err != nil {
		return schedule.Ladder{}, fmt.Errorf("read tries of the retry ladder: %w", err)
	}
	waits, tries := make([]sqldb.ListRetryRow, len(rows)), make([]sqldb.SchemeTry, len(often))
	for i, r := range rows {
		waits[i] = sqldb.ListRetryRow{SchemeID: scheme, Kind: r.Kind, Result: r.Result, AfterMs: r.AfterMs}
	}
	for i, t := range often {
		tries[i] = sqldb.SchemeTry{SchemeID: scheme, Kind: t.Kind, MaxAttempts: t.MaxAttempts}
	}
	return laddersOf(waits, tries)[scheme], nil
}

// readTried counts how often each person was tried in vain today, on her date.
func readTried(ctx context.Context, q *sqldb.Queries, now time.Time, snap *dispatch.Snapshot) error {
	if snap.Scheme.Retry.PerDay <= 0 {
		return nil
	}
	// A day is 25 hours at the longest, and an attempt is claimed a little before it ends.
	rows, err := q.ReadVain(ctx, sqldb.ReadVainParams{SchemeID: snap.Scheme.ID, Since: instant(now.Add(-26 * time.Hour))})
	if err != nil {
		return fmt.Errorf("read attempts of the day: %w", err)
	}
	snap.Tried = make(map[int64]int, len(rows))
	known := zones{}
	for _, r := range rows {
		rules := schedule.Rules{Zone: snap.Scheme.Zone, PersonZone: known.find(r.Zone)}
		if rules.DateIn(when(r.EndedAt)).Equal(rules.DateIn(now)) {
			snap.Tried[r.BeneficiaryID]++
		}
	}
	return nil
}
