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
	commits, err := s.Commits(ctx, scheme, first, last)
	if err != nil {
		return nil, err
	}
	var events []call.Event
	for _, commit := range commits {
		from := max(0, first-commit[0].Number)
		to := min(int64(len(commit)), last-commit[0].Number+1)
		events = append(events, commit[from:to]...)
	}
	return events, nil
}

// Commits returns the scheme's events numbered first to last, both included, by the transaction in which they were committed: each
// of these whole, in order, as far as they are still kept.
func (s *Store) Commits(ctx context.Context, scheme, first, last int64) ([][]call.Event, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	rows, err := s.query.ReadEvents(ctx, sqldb.ReadEventsParams{SchemeID: scheme, First: first, Last: last})
	if err != nil {
		return nil, fmt.Errorf("read events: %w", storeError(err))
	}
	var commits [][]call.Event
	for _, r := range rows {
		if r.FirstNumber > last {
			continue
		}
		commit := make([]call.Event, len(r.Kinds))
		for i, kind := range r.Kinds {
			commit[i] = call.Event{
				Scheme: r.Uid.String(), SchemeKey: scheme, Entity: r.Entities[i],
				EntityID: r.EntityIds[i].String(), EntityNumber: r.EntityNumbers[i], Number: r.FirstNumber + int64(i), Epoch: r.Epoch,
				At: when(r.Ats[i]), Version: int(r.Version), Kind: kind, Data: json.RawMessage(r.Data[i]),
			}
		}
		commits = append(commits, commit)
	}
	return commits, nil
}
