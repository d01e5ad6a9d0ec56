package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

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

// SetSettings changes how the line treats the person of a ref, from her next call on, or returns ErrNoBeneficiary.
func (s *Store) SetSettings(ctx context.Context, scheme int64, ref string, to callflow.Settings) error {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	n, err := s.query.WriteSettings(ctx, sqldb.WriteSettingsParams{
		SchemeID: scheme, Ref: ref, Language: string(to.Language), LongerWaits: to.LongerWaits, StraightToPerson: to.StraightToPerson,
		Simpler: to.Simpler,
	})
	switch {
	case err != nil:
		return fmt.Errorf("set settings: %w", storeError(err))
	case n == 0:
		return ErrNoBeneficiary
	}
	return nil
}
