package app

import (
	"context"
	"maps"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/call"
)

const (
	relayEvery = 2 * time.Second // Real time: how soon a change made by another process is known here.
	relayBatch = 500
)

// relay publishes committed events, those of this process as they come and those that other processes committed (an import
// from the command line) as they are found: the numbers of a scheme have no gaps, so what is missing is known.
type relay struct {
	mu   sync.Mutex
	last map[int64]int64 // By scheme: everything up to this number was published.
}

// publish hands committed events to the bus and returns at once.
func (a *App) publish(events []call.Event) {
	a.relay.mu.Lock()
	for _, e := range events {
		if last, known := a.relay.last[e.SchemeKey]; known && e.Number == last+1 {
			a.relay.last[e.SchemeKey] = e.Number
		}
	}
	a.relay.mu.Unlock()
	if a.bus != nil {
		a.bus.Publish(events)
	}
}

// follow begins to relay the scheme's events after the number.
func (r *relay) follow(scheme, after int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last[scheme] = after
}

// unfollow ends that: another process leads the scheme.
func (r *relay) unfollow(scheme int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.last, scheme)
}

func (r *relay) schemes() map[int64]int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.last)
}

// relayOthers looks for what other processes committed.
func (a *App) relayOthers(ctx context.Context) error {
	tick := time.NewTicker(relayEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		for scheme, last := range a.relay.schemes() {
			if err := a.relayScheme(ctx, scheme, last); err != nil && ctx.Err() == nil {
				a.log.Debug("look for others' events", zap.Error(err))
			}
		}
	}
}

func (a *App) relayScheme(ctx context.Context, scheme, last int64) error {
	commits, err := a.store.Commits(ctx, scheme, last+1, last+relayBatch)
	if err != nil || len(commits) == 0 {
		return err
	}
	newest := commits[len(commits)-1]
	a.relay.mu.Lock()
	now := a.relay.last[scheme]
	a.relay.last[scheme] = max(now, newest[len(newest)-1].Number)
	a.relay.mu.Unlock()
	changed := false
	for _, commit := range commits {
		if commit[len(commit)-1].Number <= now {
			continue // Our own, published meanwhile.
		}
		a.bus.Publish(commit)
		for _, e := range commit {
			// Who is called, by whom and when was changed; attempts and callers' states are this process's own.
			changed = changed || (e.Entity == "scheme" && (e.Kind == "roster" || e.Kind == "changed"))
		}
	}
	if changed {
		a.log.Info("the records were changed by another process")
		_ = a.updateAccounts(ctx) // As in leadAll.
		a.dispatcher.Changed(scheme)
	}
	return nil
}
