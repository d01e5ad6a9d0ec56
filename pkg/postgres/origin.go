package postgres

import (
	"context"
	"fmt"

	"github.com/rappel-tel/rappel/pkg/report"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// Origins lists who registers people, and what came of it, by month, the latest first. It names nobody.
func (s *Store) Origins(ctx context.Context, scheme int64) ([]report.Origin, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	rows, err := s.query.ReadOrigins(ctx, scheme)
	if err != nil {
		return nil, fmt.Errorf("read where registrations come from: %w", storeError(err))
	}
	list := make([]report.Origin, len(rows))
	for i, r := range rows {
		list[i] = report.Origin{Month: dateOf(r.Month), Source: roster.Source(r.Source), Outcome: r.Outcome, Count: int(r.Count)}
	}
	return list, nil
}
