package figures

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"github.com/rappel-tel/rappel/tests/bench/measure"
)

// burnHorizon is how far ahead calls are held while they are burned down: the next one lies behind it.
const burnHorizon = 8 * time.Hour

// burnDown is P1: everything is due at once, each call is claimed with its caller, and then its outcome is recorded together
// with the next call of the agreement. Beside it run the raw statements that such a queue needs at least, and River, whose
// jobs carry their arguments and no next call.
func burnDown(ctx context.Context, r *rig, rounds measure.Rounds) (Result, error) {
	t := town{due: cmp.Or(r.o.Calls, r.o.pick(2000, 200_000, 200_000)), callers: cmp.Or(r.o.Callers, r.o.pick(100, 1000, 1000))}
	b, err := r.build(ctx, t)
	if err != nil {
		return Result{}, err
	}
	busy := ""
	var ours, theirs []float64 // Microseconds of processor time per call, by round.
	values, err := measure.Interleave(ctx, rounds,
		measure.Side{Name: "rappel", Run: func(ctx context.Context) (rate float64, err error) {
			err = r.onFresh(ctx, b.template, func(url string) error {
				var before, after usage
				burning := burn{town: t, scheme: b.scheme, horizon: burnHorizon, led: func() { before, err = r.used() }}
				if rate, err = burning.down(ctx, url); err != nil {
					return err
				}
				after, err = r.used()
				busy = after.since(before)
				ours = append(ours, 1e6*(after.bench-before.bench).Seconds()/float64(t.due))
				theirs = append(theirs, 1e6*(after.postgres-before.postgres).Seconds()/float64(t.due))
				return err
			})
			return rate, err
		}},
		measure.Side{Name: "raw", Run: func(ctx context.Context) (rate float64, err error) {
			err = r.onFresh(ctx, raw, func(url string) error {
				rate, err = rawStatements(ctx, url, t.due)
				return err
			})
			return rate, err
		}},
		measure.Side{Name: "river", Run: func(ctx context.Context) (rate float64, err error) {
			err = r.onFresh(ctx, raw, func(url string) error {
				numbers, err := r.peer(ctx, "-do", "burn", "-url", url, "-jobs", strconv.Itoa(t.due))
				rate = numbers["rate"]
				return err
			})
			return rate, err
		}},
	)
	if err != nil {
		return Result{}, err
	}
	ratios := measure.Ratios(values["rappel"], values["river"])
	ofRaw := measure.Median(measure.Ratios(values["rappel"], values["raw"]))
	river := measure.Median(values["river"])
	ratio := measure.Median(ratios)
	return Result{
		Value: measure.Median(values["rappel"]), Unit: "calls/s", Peer: &river, Ratio: ratio, Spread: measure.Spread(ratios),
		Met: ratio >= 3 && ofRaw >= 0.5,
		Limit: fmt.Sprintf("%.2f of the raw statements; %s: %.0f and %.0f µs per call; a call of ours is two transactions' worth of rows, "+
			"events and its next occurrence, a job of River one row", ofRaw, busy, measure.Median(theirs), measure.Median(ours)),
		Details: map[string]float64{
			"calls": float64(t.due), "callers": float64(t.callers), "raw": measure.Median(values["raw"]), "ratio_to_raw": ofRaw,
			"rappel_cpu_us_per_call": measure.Median(ours), "postgres_cpu_us_per_call": measure.Median(theirs),
		},
	}, nil
}

// Of the raw statements: what measured best on small machines.
const (
	rawConnections = 2
	rawBatch       = 500
)

// rawStatements do the least that a durable queue must, by somebody who knows every row beforehand: claim and complete in two
// transactions, found by key, in a table whose rows have room to change in place and no index besides.
func rawStatements(ctx context.Context, url string, calls int) (float64, error) {
	pool, err := pgxpool.New(ctx, url)
	if err != nil {
		return 0, fmt.Errorf("connect: %w", err)
	}
	defer pool.Close()
	_, err = pool.Exec(ctx, `CREATE TABLE call (id bigint PRIMARY KEY, due timestamptz NOT NULL, class smallint NOT NULL,
		state smallint NOT NULL DEFAULT 0, attempts smallint NOT NULL DEFAULT 0, caller integer, at timestamptz, person bigint NOT NULL,
		phone text NOT NULL) WITH (fillfactor = 45)`)
	if err != nil {
		return 0, fmt.Errorf("make table: %w", err)
	}
	_, err = pool.CopyFrom(ctx, pgx.Identifier{"call"}, []string{"id", "due", "class", "person", "phone"},
		pgx.CopyFromSlice(calls, func(i int) ([]any, error) {
			return []any{int64(i), morning(), int16(i % 4), int64(i), "+3281000000"}, nil
		}))
	if err != nil {
		return 0, fmt.Errorf("fill table: %w", err)
	}
	for _, statement := range []string{"VACUUM ANALYZE call", "CHECKPOINT"} {
		if _, err := pool.Exec(ctx, statement); err != nil {
			return 0, fmt.Errorf("settle table: %w", err)
		}
	}
	batches := make(chan []int64, (calls+rawBatch-1)/rawBatch) // All of them.
	for first := 0; first < calls; first += rawBatch {
		var ids []int64
		for id := first; id < min(first+rawBatch, calls); id++ {
			ids = append(ids, int64(id))
		}
		batches <- ids
	}
	close(batches)
	start := time.Now()
	work, ctx := errgroup.WithContext(ctx)
	for range rawConnections {
		work.Go(func() error {
			for ids := range batches {
				for _, statement := range []string{
					"UPDATE call SET state = 1, caller = 7, at = now() WHERE id = ANY ($1)",
					"UPDATE call SET state = 2, attempts = attempts + 1, at = now() WHERE id = ANY ($1)",
				} {
					if _, err := pool.Exec(ctx, statement, ids); err != nil {
						return fmt.Errorf("write calls: %w", err)
					}
				}
			}
			return nil
		})
	}
	if err := work.Wait(); err != nil {
		return 0, err
	}
	return float64(calls) / time.Since(start).Seconds(), nil
}
