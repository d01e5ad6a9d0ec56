package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/rappel-tel/rappel/pkg/callflow"
	"github.com/rappel-tel/rappel/pkg/postgres/internal/sqldb"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// Outcomes of registrations as they are counted, besides those of package inbox.
const (
	countFinished   = "finished"
	countUnfinished = "unfinished"
)

// SaveRegistration implements callflow.Records. Nothing is kept while the database is away: whoever has it tries again.
func (s *Store) SaveRegistration(ctx context.Context, g callflow.Registration) error {
	id, err := uuid.Parse(g.ID)
	if err != nil {
		return fmt.Errorf("read registration id: %w", err)
	}
	p := sqldb.InsertRegistrationParams{
		SchemeID: g.Scheme, RegistrationID: pgtype.UUID{Bytes: id, Valid: true}, Cli: g.CLI, Number: g.Number, Recording: g.Name,
		Source: string(g.Source), Language: string(g.Language), Cadence: string(g.Cadence), PerWeek: int16(g.PerWeek),
		Part: string(g.Part), Consent: string(g.Consent), Wording: g.Wording, LeftAt: instant(g.At), Days: []int16{},
	}
	for _, d := range g.Days {
		p.Days = append(p.Days, int16(d))
	}
	count := countFinished
	if g.Consent == "" {
		count = countUnfinished
	}
	err = s.transact(ctx, g.Scheme, func(q *sqldb.Queries, j *journal) error {
		// Whoever has refused is registered again by nobody but herself: not even the attempt is kept.
		if g.Source != roster.SourceSelf && g.Number != "" && g.Number != g.CLI {
			refused, err := s.refusedAmong(ctx, q, g.Scheme, []string{g.Number})
			if err != nil {
				return err
			}
			if refused[g.Number] {
				return roster.ErrNumberRefused
			}
		}
		_, err := q.InsertRegistration(ctx, p)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil // It was saved before.
		} else if err != nil {
			return fmt.Errorf("insert registration: %w", err)
		}
		if err := countRegistration(ctx, q, counting{g.Scheme, g.At, string(g.Source), count}); err != nil {
			return err
		}
		j.note("registration", id, 1, "left", g.At, registrationData{
			Language: string(g.Language), Source: string(g.Source), Consent: string(g.Consent),
		})
		return nil
	})
	if err != nil {
		return fmt.Errorf("save registration: %w", err)
	}
	return nil
}

// counting is a registration that is counted.
type counting struct {
	scheme  int64
	at      time.Time
	source  string
	outcome string
}

// countRegistration counts it in its month, so that the figures keep where registrations come from and nobody's.
func countRegistration(ctx context.Context, q *sqldb.Queries, c counting) error {
	month := time.Date(c.at.UTC().Year(), c.at.UTC().Month(), 1, 0, 0, 0, 0, time.UTC)
	err := q.CountRegistration(ctx, sqldb.CountRegistrationParams{
		SchemeID: c.scheme, Month: localDate(month), Source: c.source, Outcome: c.outcome,
	})
	if err != nil {
		return fmt.Errorf("count registration: %w", err)
	}
	return nil
}
