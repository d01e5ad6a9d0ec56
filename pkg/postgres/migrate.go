package postgres

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	"go.uber.org/zap"
)

// ErrOldSchema means that the database lacks migrations of this program, or was never migrated.
var ErrOldSchema = errors.New("the database lacks migrations: run rappel migrate")

//go:embed migrations/*.sql
var embedded embed.FS

// Migrations returns the files of the migrations.
func Migrations() fs.FS {
	files, err := fs.Sub(embedded, "migrations")
	if err != nil {
		panic(err) // The directory is embedded above.
	}
	return files
}

// Migrate brings the database at url to the schema of this program. It runs as the owner of the schema, not as AppRole, and
// may make that role. Two at once follow one another; migrating again changes nothing.
func Migrate(ctx context.Context, url string, log *zap.Logger) error {
	return withProvider(url, func(provider *goose.Provider) error {
		results, err := provider.Up(ctx)
		if err != nil {
			return fmt.Errorf("migrate database: %w", storeError(err))
		}
		for _, r := range results {
			log.Info("database migrated", zap.Int64("version", r.Source.Version), zap.Duration("took", r.Duration))
		}
		return nil
	})
}

// Rollback undoes the last migration, with the data it holds. It is there for tests and for a release taken back.
func Rollback(ctx context.Context, url string) error {
	return withProvider(url, func(provider *goose.Provider) error {
		if _, err := provider.Down(ctx); err != nil {
			return fmt.Errorf("roll database back: %w", storeError(err))
		}
		return nil
	})
}

// SchemaVersion returns the version of the database's schema and that of this program.
func (s *Store) SchemaVersion(ctx context.Context) (have, want int64, err error) {
	sources, err := fs.Glob(Migrations(), "*.sql")
	if err != nil {
		return 0, 0, fmt.Errorf("list migrations: %w", err)
	}
	want = int64(len(sources))
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	const latest = `SELECT coalesce(max(version_id), 0) FROM goose_db_version WHERE is_applied`
	if err := s.pool.QueryRow(ctx, latest).Scan(&have); err != nil {
		if isAway(err) {
			return 0, want, storeError(fmt.Errorf("read schema version: %w", err))
		}
		return 0, want, fmt.Errorf("%w: %w", ErrOldSchema, err)
	}
	if have < want {
		return have, want, ErrOldSchema
	}
	return have, want, nil
}

func withProvider(url string, work func(*goose.Provider) error) (err error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		// The error would repeat the address, password included.
		return errors.New("migrate database: not the address of a database (postgres://user:password@host:port/name)")
	}
	config.RuntimeParams["application_name"] = "rappel migrate"
	config.RuntimeParams["timezone"] = "UTC"
	config.RuntimeParams["search_path"] = "public"
	db := stdlib.OpenDB(*config)
	defer func() { err = errors.Join(err, db.Close()) }()
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return fmt.Errorf("make migration lock: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, Migrations(), goose.WithSessionLocker(locker), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	return work(provider)
}
