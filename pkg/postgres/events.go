package postgres

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/postgres/internal/sqldb"
)

// Events returns the scheme's events numbered first to last, both included, in order, as far as they are still kept.
func (s *Store) Events(ctx context.Context, scheme, first, last int64) ([]call.Event, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	rows, err := s.query.ReadEvents(ctx, sqldb.ReadEventsParams{SchemeID: scheme, First: first, Last: last})
	if err != nil {
		return nil, fmt.Errorf("read events: %w", storeError(err))
	}
	events := make([]call.Event, len(rows))
	for i, r := range rows {
		events[i] = call.Event{
			ID: r.EventID.String(), Scheme: r.Uid.String(), SchemeKey: scheme, Entity: r.Entity, EntityID: r.EntityID.String(),
			EntityNumber: r.EntityNumber, Number: r.Number, Epoch: r.Epoch, At: when(r.At), Version: int(r.Version),
			Kind: r.Kind, Data: json.RawMessage(r.Data),
		}
	}
	return events, nil
}
