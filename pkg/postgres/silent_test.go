package postgres_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
)

// TestAFrozenLeaderDoesNotKeepTheLead: a process that was frozen within a batch holds its scheme's lock, as the database sees
// it in the middle of a statement. Whoever takes over ends its session; one that is slow without being in anybody's way goes on.
func TestAFrozenLeaderDoesNotKeepTheLead(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	f := newFixture(t)
	here, there := newWorld(f, 0).towns[0], newWorld(f, 1).towns[0]
	// freeze leaves a session as a batch leaves it whose process stands still between two answers.
	freeze := func(scheme int64) (*pgx.Conn, *pgconn.Pipeline) {
		config := f.pool.Config().ConnConfig
		config.RuntimeParams["application_name"] = "rappel"
		conn, err := pgx.ConnectConfig(ctx, config)
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close(ctx) }) // By the other side, of one of them.
		wire := conn.PgConn().StartPipeline(ctx)
		wire.SendQueryParams("BEGIN", nil, nil, nil, nil)
		wire.SendQueryParams("SELECT FROM scheme_lead WHERE scheme_id = $1 FOR UPDATE", [][]byte{{0, 0, 0, 0, 0, 0, 0, byte(scheme)}},
			[]uint32{20}, []int16{1}, nil)
		wire.SendFlushRequest()
		require.NoError(t, wire.Flush())
		for range 2 {
			answer, err := wire.GetResults()
			require.NoError(t, err)
			_, err = answer.(*pgconn.ResultReader).Close()
			require.NoError(t, err)
		}
		return conn, wire
	}
	_, frozen := freeze(here.scheme)
	slow, _ := freeze(there.scheme)

	taken := make(chan error, 1) // Room for the one answer.
	go func() {
		_, err := f.Lead(ctx, here.scheme, "another node", today)
		taken <- err
	}()
	ended := 0
	for ended == 0 {
		n, err := f.EndSilent(ctx, 100*time.Millisecond)
		require.NoError(t, err)
		ended += n
	}
	require.NoError(t, <-taken)
	require.Equal(t, 1, ended)
	frozen.SendQueryParams("COMMIT", nil, nil, nil, nil)
	err := frozen.Sync()
	if err == nil {
		_, err = frozen.GetResults()
	}
	require.Error(t, err, "it moves again, and what it had under way is undone")
	require.False(t, slow.IsClosed())
	n, err := f.EndSilent(ctx, 0)
	require.NoError(t, err)
	require.Zero(t, n, "it is in nobody's way")
}
