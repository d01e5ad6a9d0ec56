package app

import (
	"context"
	"errors"
	"time"

	"github.com/rappel-tel/rappel/pkg/api"
	"github.com/rappel-tel/rappel/pkg/postgres"
)

// programRecovery is what a database has lost as programs see it: api.Recovery.
type programRecovery struct{ *postgres.Store }

// Lost implements api.Recovery.
func (p programRecovery) Lost(ctx context.Context, scheme int64) (api.Lost, error) {
	lost, err := p.Store.Lost(ctx, scheme)
	if err != nil {
		return api.Lost{}, err
	}
	facts, err := p.RefusedFacts(ctx, scheme)
	if err != nil {
		return api.Lost{}, err
	}
	told := api.Lost{Found: lost.Found, From: lost.From, To: lost.To}
	for _, c := range lost.Calls {
		told.Calls = append(told.Calls, api.LostCall{ID: c.ID, Ref: c.Ref, Then: c.Then, At: c.At, State: string(c.State)})
	}
	for _, f := range facts {
		told.Facts = append(told.Facts, api.RefusedFact{ID: f.ID, At: f.At, Kind: f.Kind, Attempt: string(f.Attempt), What: f.What, Why: f.Why, Ref: f.Ref})
	}
	return told, nil
}

// CloseRefused implements api.Recovery.
func (p programRecovery) CloseRefused(ctx context.Context, scheme int64, ids []string, now time.Time) (int, error) {
	n, err := p.CloseRefusedFacts(ctx, scheme, ids, now)
	if errors.Is(err, postgres.ErrNoFact) {
		return 0, api.ErrNoFact
	}
	return n, err
}
