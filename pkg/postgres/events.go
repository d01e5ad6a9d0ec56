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
	var events []call.Event
	for _, r := range rows {
		for i, kind := range r.Kinds {
			number := r.FirstNumber + int64(i)
			if number < first || number > last {
				continue
			}
			events = append(events, call.Event{
				ID: r.EventIds[i].String(), Scheme: r.Uid.String(), SchemeKey: scheme, Entity: r.Entities[i],
				EntityID: r.EntityIds[i].String(), EntityNumber: r.EntityNumbers[i], Number: number, Epoch: r.Epoch,
				At: when(r.Ats[i]), Version: int(r.Version), Kind: kind, Data: json.RawMessage(r.Data[i]),
			})
		}
	}
	return events, nil
}
