// Package postgrestest gives every test a database of its own, cloned from a template that was migrated once.
//
// The server is the one named by TEST_DATABASE_URL (its user must be allowed to create databases and roles), or a private
// one: a package that has many tests calls Main from its TestMain, so that they share it.
package postgrestest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"io/fs"
	"net/url"
	"os"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/postgres"
	"github.com/rappel-tel/rappel/pkg/setup"
	"github.com/rappel-tel/rappel/pkg/setup/setuptest"
)

// variable names the environment variable that holds the server's address.
const variable = "TEST_DATABASE_URL"

// patience bounds starting a server and migrating the template.
const patience = 3 * time.Minute

// Main runs the tests of a package on one server and returns their exit status. Where no server can be had it runs them
// all the same: those that need one skip, or fail with CI=true.
func Main(m *testing.M) int {
	stop, err := serve()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	defer stop()
	return m.Run()
}

// serve starts a private server and names it in the environment, unless one is named already.
func serve() (stop func(), err error) {
	stop = func() {}
	if os.Getenv(variable) != "" {
		return stop, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	inst, err := setuptest.Prepare(ctx, setup.Options{WithoutAsterisk: true})
	if err != nil {
		return stop, fmt.Errorf("prepare PostgreSQL: %w", err)
	}
	dir, err := inst.NewRunDir("postgrestest")
	if err != nil {
		return stop, fmt.Errorf("make run directory: %w", err)
	}
	server, err := setup.StartPostgres(ctx, setup.PostgresOptions{Installation: inst, RunDir: dir, Throwaway: true})
	if err != nil {
		return stop, err
	}
	if err := os.Setenv(variable, server.URL()); err != nil {
		return stop, fmt.Errorf("name the server: %w", err)
	}
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := server.Close(ctx); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		if err := os.RemoveAll(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}, nil
}

// server returns the address of a server for one test.
func server(t testing.TB) string {
	t.Helper()
	if address := os.Getenv(variable); address != "" {
		return address
	}
	return setuptest.Postgres(t).URL()
}

// URL makes a migrated database that ends with the test and returns its address, as the owner of the schema.
func URL(t testing.TB) string {
	t.Helper()
	return clone(t, template)
}

// Empty makes a database without a schema.
func Empty(t testing.TB) string {
	t.Helper()
	return clone(t, func(context.Context, *pgx.Conn, string) (string, error) { return "template0", nil })
}

// New makes a migrated database and returns a pool of connections to it, as the owner of the schema.
func New(t testing.TB) *pgxpool.Pool {
	t.Helper()
	return Pool(t, URL(t))
}

// Pool opens a pool that closes with the test.
func Pool(t testing.TB, address string) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), address)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}

// Store opens a store on a database of its own. Change may adapt the options; the URL is set.
func Store(t testing.TB, change ...func(*postgres.Options)) *postgres.Store {
	t.Helper()
	return Open(t, URL(t), change...)
}

// Open opens a store that closes with the test on the database at the address.
func Open(t testing.TB, address string, change ...func(*postgres.Options)) *postgres.Store {
	t.Helper()
	options := postgres.Options{URL: address}
	for _, f := range change {
		f(&options)
	}
	store, err := postgres.New(t.Context(), options)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	return store
}

func clone(t testing.TB, source func(context.Context, *pgx.Conn, string) (string, error)) string {
	t.Helper()
	address := server(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	admin, err := pgx.Connect(ctx, address)
	require.NoError(t, err)
	defer func() { require.NoError(t, admin.Close(ctx)) }()
	from, err := source(ctx, admin, address)
	require.NoError(t, err)
	name := "test_" + random(t)
	_, err = admin.Exec(ctx, "CREATE DATABASE "+quote(name)+" TEMPLATE "+quote(from))
	require.NoError(t, err)
	t.Cleanup(func() { drop(t, address, name) })
	return database(t, address, name)
}

func drop(t testing.TB, address, name string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
	defer cancel()
	admin, err := pgx.Connect(ctx, address)
	require.NoError(t, err)
	_, err = admin.Exec(ctx, "DROP DATABASE IF EXISTS "+quote(name)+" WITH (FORCE)")
	require.NoError(t, err)
	require.NoError(t, admin.Close(ctx))
}

// template returns the name of the template with the migrations of this program, and makes it if nobody has: one process
// at a time, under a lock of the server.
func template(ctx context.Context, admin *pgx.Conn, address string) (string, error) {
	name, err := templateName()
	if err != nil {
		return "", err
	}
	const lock = 3907022
	if _, err := admin.Exec(ctx, "SELECT pg_advisory_lock($1)", lock); err != nil {
		return "", fmt.Errorf("lock template: %w", err)
	}
	defer func() { _, _ = admin.Exec(ctx, "SELECT pg_advisory_unlock($1)", lock) }()
	var made bool
	if err := admin.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", name).Scan(&made); err != nil {
		return "", fmt.Errorf("look for template: %w", err)
	}
	if made {
		return name, nil
	}
	// It gets its name when it is complete.
	draft := name + "_draft"
	for _, statement := range []string{"DROP DATABASE IF EXISTS " + quote(draft) + " WITH (FORCE)", "CREATE DATABASE " + quote(draft)} {
		if _, err := admin.Exec(ctx, statement); err != nil {
			return "", fmt.Errorf("make template: %w", err)
		}
	}
	u, err := url.Parse(address)
	if err != nil {
		return "", fmt.Errorf("read address of the server: %w", err)
	}
	u.Path = "/" + draft
	if err := postgres.Migrate(ctx, u.String(), zap.NewNop()); err != nil {
		return "", err
	}
	if _, err := admin.Exec(ctx, "ALTER DATABASE "+quote(draft)+" RENAME TO "+quote(name)); err != nil {
		return "", fmt.Errorf("name template: %w", err)
	}
	return name, nil
}

// templateName tells templates of different migrations apart.
func templateName() (string, error) {
	sum := fnv.New64a()
	files := postgres.Migrations()
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		return "", fmt.Errorf("list migrations: %w", err)
	}
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return "", fmt.Errorf("read migration: %w", err)
		}
		_, _ = sum.Write([]byte(path.Base(name)))
		_, _ = sum.Write(text)
	}
	return fmt.Sprintf("rappel_template_%x", sum.Sum64()), nil
}

func database(t testing.TB, address, name string) string {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	u.Path = "/" + name
	return u.String()
}

func random(t testing.TB) string {
	t.Helper()
	var b [8]byte
	_, err := rand.Read(b[:])
	require.NoError(t, err)
	return hex.EncodeToString(b[:])
}

func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
