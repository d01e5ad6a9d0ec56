package main

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/postgres"
	"github.com/rappel-tel/rappel/pkg/setup"
)

// database is the records of a rig, and what has to be stopped at its end, the last first.
type database struct {
	pg    *setup.Postgres
	store *postgres.Store
	pool  *pgxpool.Pool
	stops []func(context.Context) error
}

// openDatabase starts a database as durable as a town's: fsync and synchronous_commit are on.
func (d *database) openDatabase(ctx context.Context, inst *setup.Installation, dir string) error {
	var err error
	d.pg, err = setup.StartPostgres(ctx, setup.PostgresOptions{Installation: inst, RunDir: filepath.Join(dir, "postgres")})
	if err != nil {
		return err
	}
	d.stops = append(d.stops, d.pg.Close)
	if err := postgres.Migrate(ctx, d.pg.URL(), zap.NewNop()); err != nil {
		return err
	}
	if d.store, err = postgres.New(ctx, postgres.Options{URL: d.pg.URL(), Connections: 2}); err != nil {
		return err
	}
	d.stops = append(d.stops, func(context.Context) error { return d.store.Close() })
	if d.pool, err = pgxpool.New(ctx, d.pg.URL()); err != nil {
		return fmt.Errorf("open records: %w", err)
	}
	d.stops = append(d.stops, func(context.Context) error { d.pool.Close(); return nil })
	return nil
}
