package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// EndSilent ends the sessions of processes of ours that keep others waiting in the middle of a transaction and have said
// nothing for so long; it returns how many there were. A process that is frozen (SIGSTOP, a swapped machine) or cut off within
// a batch would keep its scheme's lock for ever, and with it whoever is to lead next: its statements are sent without a
// Sync, so that for the database it is at work and idle_in_transaction_session_timeout does not count. What such a process
// had under way is undone; if it moves again it sees a lost connection and commits the same anew, or learns that it was overtaken.
//
// Only sessions of the same login can be ended. How long they have been silent is by the database's clock.
func (s *Store) EndSilent(ctx context.Context, silence time.Duration) (ended int, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		// The role of the service may not see sessions; the login, which all of them share, may.
		if _, err := tx.Exec(ctx, "SET LOCAL ROLE NONE"); err != nil {
			return err
		}
		return tx.QueryRow(ctx, endSilent, silence.Milliseconds()).Scan(&ended)
	})
	if err != nil {
		return 0, fmt.Errorf("end silent sessions: %w", storeError(err))
	}
	return ended, nil
}

// endSilent looks at nobody's records: it stands here because sqlc knows none of these views.
const endSilent = `
WITH silent AS MATERIALIZED (
    SELECT a.pid
    FROM pg_stat_activity a
    WHERE a.datname = current_database() AND a.usename = session_user AND a.application_name = 'rappel'
        AND a.wait_event_type = 'Client' AND a.xact_start IS NOT NULL
        AND greatest(a.query_start, a.state_change) < clock_timestamp() - $1::bigint * interval '1 millisecond'
        AND EXISTS (
            SELECT FROM pg_stat_activity w
            WHERE w.datname = current_database() AND w.wait_event_type = 'Lock' AND a.pid = ANY(pg_blocking_pids(w.pid)))
)
SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM silent`
