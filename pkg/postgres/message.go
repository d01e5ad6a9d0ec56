package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/postgres/internal/sqldb"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// voiceMessage is what an inbound party left, as the database and the spool keep it.
type voiceMessage struct {
	ID        string
	CLI       string
	Language  roster.Language
	Recording string
	Length    time.Duration
	At        time.Time
}

// saveMessage keeps a message in the database, or in the spool while that is away.
func (s *Store) saveMessage(ctx context.Context, scheme int64, m voiceMessage) error {
	if _, err := uuid.Parse(m.ID); err != nil {
		return fmt.Errorf("read message id: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.opts.Patience)
	defer cancel()
	err := s.replay(ctx)
	if err == nil {
		err = s.insertMessage(ctx, scheme, m)
	}
	if errors.Is(err, dispatch.ErrStoreDown) && s.spool != nil {
		return s.spool.keep([]fact{{Scheme: scheme, Now: m.At, Message: &m}})
	}
	return err
}

func (s *Store) insertMessage(ctx context.Context, scheme int64, m voiceMessage) error {
	id, err := uuid.Parse(m.ID)
	if err != nil {
		return fmt.Errorf("read message id: %w", err)
	}
	return s.transact(ctx, scheme, func(q *sqldb.Queries, j *journal) error {
		_, err := q.InsertMessage(ctx, sqldb.InsertMessageParams{
			SchemeID: scheme, MessageID: pgtype.UUID{Bytes: id, Valid: true}, Cli: m.CLI, Language: string(m.Language),
			Recording: m.Recording, LengthMs: m.Length.Milliseconds(), LeftAt: instant(m.At),
		})
		if errors.Is(err, pgx.ErrNoRows) {
			return nil // It was saved before.
		} else if err != nil {
			return fmt.Errorf("insert message: %w", err)
		}
		j.note("message", id, 1, "left", m.At, messageData{Language: string(m.Language), LengthMS: m.Length.Milliseconds()})
		return nil
	})
}
