package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/rappel-tel/rappel/pkg/callflow"
	"github.com/rappel-tel/rappel/pkg/postgres/internal/sqldb"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// SettingsAt implements callflow.Records. Of several people behind one number, whoever needs more counts: longer waits and
// simpler words for one are so for all; a language, and the way straight to a person, have to be everybody's.
func (s *Store) SettingsAt(ctx context.Context, scheme int64, cli string) (callflow.Settings, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	rows, err := s.query.FindSettings(ctx, sqldb.FindSettingsParams{SchemeID: scheme, Cli: cli})
	switch {
	case err != nil:
		return callflow.Settings{}, fmt.Errorf("find settings: %w", storeError(err))
	case len(rows) == 0:
		return callflow.Settings{}, callflow.ErrNothing
	}
	found := callflow.Settings{Language: roster.Language(rows[0].Language), StraightToPerson: true}
	for _, r := range rows {
		if roster.Language(r.Language) != found.Language {
			found.Language = ""
		}
		found.LongerWaits = found.LongerWaits || r.LongerWaits
		found.Simpler = found.Simpler || r.Simpler
		found.StraightToPerson = found.StraightToPerson && r.StraightToPerson
	}
	return found, nil
}

// Settings returns how the line treats the person of a ref, or ErrNoBeneficiary.
func (s *Store) Settings(ctx context.Context, scheme int64, ref string) (callflow.Settings, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	r, err := s.query.ReadSettings(ctx, sqldb.ReadSettingsParams{SchemeID: scheme, Ref: ref})
	if errors.Is(err, pgx.ErrNoRows) {
		return callflow.Settings{}, ErrNoBeneficiary
	} else if err != nil {
		return callflow.Settings{}, fmt.Errorf("read settings: %w", storeError(err))
	}
	return callflow.Settings{
		Language: roster.Language(r.Language), LongerWaits: r.LongerWaits, StraightToPerson: r.StraightToPerson, Simpler: r.Simpler,
	}, nil
}

// ChangeSettings changes how the line treats the person of a ref, from her next call on, and returns how that is now; or
// ErrNoBeneficiary.
func (s *Store) ChangeSettings(ctx context.Context, scheme int64, ref string, change callflow.SettingsChange) (callflow.Settings, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	p := sqldb.ChangeSettingsParams{
		SchemeID: scheme, Ref: ref, LongerWaits: optional(change.LongerWaits), StraightToPerson: optional(change.StraightToPerson),
		Simpler: optional(change.Simpler),
	}
	if change.Language != nil {
		p.Language = pgtype.Text{String: string(*change.Language), Valid: true}
	}
	r, err := s.query.ChangeSettings(ctx, p)
	if errors.Is(err, pgx.ErrNoRows) {
		return callflow.Settings{}, ErrNoBeneficiary
	} else if err != nil {
		return callflow.Settings{}, fmt.Errorf("change settings: %w", storeError(err))
	}
	return callflow.Settings{
		Language: roster.Language(r.Language), LongerWaits: r.LongerWaits, StraightToPerson: r.StraightToPerson, Simpler: r.Simpler,
	}, nil
}

// optional is NULL for nil.
func optional(b *bool) pgtype.Bool {
	if b == nil {
		return pgtype.Bool{}
	}
	return pgtype.Bool{Bool: *b, Valid: true}
}
