package app

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/postgres"
	"github.com/rappel-tel/rappel/pkg/roster/numbering"
)

// listKept is how long an allow-list is believed before it is read again: a change counts for every call from then on.
const listKept = 5 * time.Second

// gate lets an order through when every number that it rings is on the allow-list of its scheme. An import refuses others
// too; the gate is what stands between a number that came in before the list was narrowed, or by another way, and the bill.
type gate struct {
	records allowLists

	mu    sync.Mutex
	lists map[int64]allowList
}

// allowLists are kept by the records.
type allowLists interface {
	// Schemes lists the schemes with their countries.
	Schemes(ctx context.Context) ([]postgres.Scheme, error)
	// Destinations lists the prefixes that a scheme may ring; none stands for the ordinary numbers of its country.
	Destinations(ctx context.Context, scheme int64) ([]string, error)
}

type allowList struct {
	numbering.Destinations
	read time.Time
}

// pass returns an error that wraps dispatch.ErrNotPermitted for an order that must not ring.
func (g *gate) pass(ctx context.Context, order call.Order, now time.Time) error {
	list, err := g.list(ctx, order.Scheme, now)
	if err != nil {
		return fmt.Errorf("read allow-list: %w", err)
	}
	for _, number := range []string{order.Number, order.CallerNumber} {
		if number != "" && !list.Allowed(number) {
			return fmt.Errorf("start attempt: %w", dispatch.ErrNotPermitted)
		}
	}
	return nil
}

// list returns the scheme's allow-list. While the records are away the last one holds.
func (g *gate) list(ctx context.Context, scheme int64, now time.Time) (allowList, error) {
	g.mu.Lock()
	known, ok := g.lists[scheme]
	g.mu.Unlock()
	if ok && now.Sub(known.read) < listKept {
		return known, nil
	}
	fresh, err := g.read(ctx, scheme)
	if err != nil && ok {
		return known, nil //nolint:nilerr // See above.
	} else if err != nil {
		return allowList{}, err
	}
	fresh.read = now
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.lists == nil {
		g.lists = map[int64]allowList{}
	}
	g.lists[scheme] = fresh
	return fresh, nil
}

func (g *gate) read(ctx context.Context, scheme int64) (allowList, error) {
	schemes, err := g.records.Schemes(ctx)
	if err != nil {
		return allowList{}, err
	}
	prefixes, err := g.records.Destinations(ctx, scheme)
	if err != nil {
		return allowList{}, err
	}
	for _, s := range schemes {
		if s.Key == scheme {
			list, err := numbering.NewDestinations(numbering.DestinationOptions{Region: s.Country, Prefixes: prefixes})
			return allowList{Destinations: list}, err
		}
	}
	return allowList{}, fmt.Errorf("scheme %d: %w", scheme, dispatch.ErrUnknownScheme)
}
