package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rappel-tel/rappel/pkg/postgres/internal/sqldb"
)

// ErrNotShared means that there is no such trunk of another scheme, or that its operator does not permit the number.
var ErrNotShared = errors.New("no other scheme has such a trunk that permits this number")

// ShareTrunk lets a scheme call through the trunk of another one, presenting a number that its operator permits. An empty number
// ends that. Lines and calls per second stay those of the trunk, for all together. The error is ErrNotShared.
func (s *Store) ShareTrunk(ctx context.Context, scheme int64, endpoint, cli string, now time.Time) error {
	err := s.transact(ctx, scheme, func(q *sqldb.Queries, j *journal) error {
		var n int64
		var err error
		if cli == "" {
			n, err = q.DeleteTrunkShare(ctx, sqldb.DeleteTrunkShareParams{SchemeID: scheme, Endpoint: endpoint})
		} else {
			n, err = q.UpsertTrunkShare(ctx, sqldb.UpsertTrunkShareParams{SchemeID: scheme, Endpoint: endpoint, E164: cli})
		}
		if err == nil && n == 0 {
			err = ErrNotShared
		}
		if err != nil {
			return err
		}
		j.noteScheme("changed", now, changedData{})
		return nil
	})
	if err != nil {
		return fmt.Errorf("share trunk: %w", err)
	}
	return nil
}
