package setup_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/setup"
	"github.com/rappel-tel/rappel/pkg/setup/setuptest"
)

// TestPostgresLifecycle stops the server in every way and finds what was
// committed after each, on the same port.
func TestPostgresLifecycle(t *testing.T) {
	pg := setuptest.Postgres(t, func(o *setup.PostgresOptions) {
		o.Throwaway = false
		// As in a checkout below a home directory of mode 0700.
		home := filepath.Join(t.TempDir(), "home")
		require.NoError(t, os.Mkdir(home, 0o700))
		o.RunDir = filepath.Join(home, "rappel", "postgres")
	})
	requireUnprivileged(t, pg.PID())
	requireOwnMounts(t, pg.PID())
	requireNoMount(t, pg.RunDir())
	info, err := os.Stat(filepath.Join(pg.RunDir(), "password"))
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), info.Mode().Perm())

	execute(t, pg, "CREATE TABLE kept (n int)")
	port := pg.Port()
	for i, stop := range []func(context.Context) error{
		pg.Stop,
		pg.StopImmediate,
		func(context.Context) error { return pg.Kill() },
		// A lock file that names a living process which is not a server.
		func(ctx context.Context) error {
			if err := pg.Stop(ctx); err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(pg.RunDir(), "data", "postmaster.pid"), fmt.Appendf(nil, "%d\n/mnt/rappel/data\n", os.Getppid()), 0o600)
		},
	} {
		execute(t, pg, "INSERT INTO kept VALUES (1)")
		require.NoError(t, stop(t.Context()))
		require.Zero(t, pg.PID())
		_, err := pgx.Connect(t.Context(), pg.URL())
		require.Error(t, err)
		require.NoError(t, pg.Start(t.Context()))
		require.Equal(t, port, pg.Port())
		require.Equal(t, i+1, count(t, pg))
	}
	var commit, fsync, encoding string
	conn := connect(t, pg)
	require.NoError(t, conn.QueryRow(t.Context(),
		"SELECT current_setting('synchronous_commit'), current_setting('fsync'), current_setting('server_encoding')").
		Scan(&commit, &fsync, &encoding))
	require.Equal(t, []string{"on", "on", "UTF8"}, []string{commit, fsync, encoding})
}

// TestPostgresInUse keeps two processes off one cluster.
func TestPostgresInUse(t *testing.T) {
	pg := setuptest.Postgres(t)
	_, err := setup.StartPostgres(t.Context(), setup.PostgresOptions{
		Installation: setuptest.Installation(t), RunDir: pg.RunDir(),
	})
	require.ErrorIs(t, err, setup.ErrInUse)
	require.ErrorContains(t, err, "choose another run directory")
	execute(t, pg, "SELECT 1") // The first one was not disturbed.
}

// TestPostgresTornCluster makes a new cluster where the making of one was cut.
func TestPostgresTornCluster(t *testing.T) {
	pg := setuptest.Postgres(t, func(o *setup.PostgresOptions) {
		require.NoError(t, os.MkdirAll(filepath.Join(o.RunDir, "data.making", "base"), 0o700))
		require.NoError(t, os.MkdirAll(filepath.Join(o.RunDir, "data"), 0o700))
	})
	execute(t, pg, "SELECT 1")
}

// TestPostgresProblems checks that errors name the remedy.
func TestPostgresProblems(t *testing.T) {
	inst := setuptest.Installation(t)
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	newer := filepath.Join(t.TempDir(), "newer")
	require.NoError(t, os.MkdirAll(filepath.Join(newer, "data"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(newer, "data", "PG_VERSION"), []byte("99\n"), 0o600))
	for name, c := range map[string]struct {
		options setup.PostgresOptions
		want    string
	}{
		"no installation": {setup.PostgresOptions{}, "call Prepare first"},
		"not a directory": {setup.PostgresOptions{Installation: inst, RunDir: filepath.Join(file, "postgres")}, "choose a directory"},
		"other version":   {setup.PostgresOptions{Installation: inst, RunDir: newer}, "install postgresql-99"},
		"bad setting": {setup.PostgresOptions{
			Installation: inst, RunDir: filepath.Join(t.TempDir(), "bad"), Settings: map[string]string{"shared_buffers": "much"},
		}, "shared_buffers"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := setup.StartPostgres(t.Context(), c.options)
			require.ErrorContains(t, err, c.want)
		})
	}
}

// TestPostgresOfItsOwn runs the server from a root file system, as on a
// machine without PostgreSQL.
func TestPostgresOfItsOwn(t *testing.T) {
	setuptest.NeedRoot(t)
	dir, err := setuptest.Dir()
	require.NoError(t, err)
	inst, err := setup.Prepare(t.Context(), setup.Options{Dir: dir, WithoutAsterisk: true}.IgnoringMachine())
	require.NoError(t, err)
	pg := setuptest.Postgres(t, func(o *setup.PostgresOptions) { o.Installation = inst })
	requireUnprivileged(t, pg.PID())
	execute(t, pg, "SELECT 1")
}

func connect(t *testing.T, pg *setup.Postgres) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), pg.URL())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}

func execute(t *testing.T, pg *setup.Postgres, sql string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), pg.URL())
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), sql)
	require.NoError(t, err)
	require.NoError(t, conn.Close(t.Context()))
}

func count(t *testing.T, pg *setup.Postgres) int {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), pg.URL())
	require.NoError(t, err)
	var n int
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT count(*) FROM kept").Scan(&n))
	require.NoError(t, conn.Close(t.Context()))
	return n
}
