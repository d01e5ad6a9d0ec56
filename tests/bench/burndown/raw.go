package burndown

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"
)

// Of the raw statements: what measured best on small machines.
const (
	rawConnections = 2
	rawBatch       = 500
)

// raw does the least that a durable queue must, by somebody who knows every row beforehand: claim and complete in two
// transactions, found by key, in a table whose rows have room to change in place and no index besides.
func (r *rig) raw(ctx context.Context, url string) (float64, error) {
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
		pgx.CopyFromSlice(r.o.Calls, func(i int) ([]any, error) {
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
	batches := make(chan []int64, (r.o.Calls+rawBatch-1)/rawBatch) // All of them.
	for first := 0; first < r.o.Calls; first += rawBatch {
		var ids []int64
		for id := first; id < min(first+rawBatch, r.o.Calls); id++ {
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
	return r.rate(time.Since(start)), nil
}
