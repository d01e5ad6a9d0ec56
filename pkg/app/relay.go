package app

import (
	"context"
	"maps"
	"strconv"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/call"
)

const (
	relayEvery = 2 * time.Second // Real time: how soon a change made by another process is known here.
	relayBatch = 500
)

// writtenName is where a node says that it has committed events of a scheme that another one leads.
const writtenName = "written"

// relay publishes committed events of the schemes that are led here, those of this process as they come and those that other
// processes committed (a page on another node, an import from the command line) as they are found: the numbers of a scheme have no
// gaps, so what is missing is known. Nobody else publishes them: so they come in order.
type relay struct {
	wake chan struct{} // Size 1: another node has written.

	mu      sync.Mutex
	last    map[int64]int64    // By scheme that is led here: everything up to this number was published.
	epochs  map[int64]int64    // The epoch of its lead.
	written map[int64]struct{} // Schemes of which another node has committed events since they were looked at.
}

func newRelay() relay {
	return relay{wake: make(chan struct{}, 1), last: map[int64]int64{}, epochs: map[int64]int64{}, written: map[int64]struct{}{}}
}

// publish hands the committed events of a transaction to the bus, or to whoever leads their scheme, and returns at once.
func (a *App) publish(events []call.Event) {
	switch {
	case len(events) == 0 || a.bus == nil:
	case a.relay.take(events):
		a.bus.Publish(events)
	case a.cfg.NATS.URL != "":
		if err := a.bus.Tell(writtenName, strconv.AppendInt(nil, events[0].SchemeKey, 10)); err != nil {
			a.log.Debug("say that events of a scheme were committed", zap.Error(err)) // Its leader looks every other second.
		}
	}
}

// take notes what this process has committed, and reports whether it publishes that: it leads the scheme, and nobody has overtaken it.
func (r *relay) take(events []call.Event) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	scheme := events[0].SchemeKey
	for _, e := range events {
		if e.Entity == "scheme" && e.Kind == "lead" {
			r.epochs[scheme] = e.Epoch
		}
	}
	last, led := r.last[scheme]
	if !led || events[0].Epoch != r.epochs[scheme] {
		return false
	}
	for _, e := range events {
		if e.Number == last+1 {
			last = e.Number
		}
	}
	r.last[scheme] = last
	return true
}

// follow begins to relay the scheme's events after the number.
func (r *relay) follow(scheme, after int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last[scheme] = after
}

// hear is told that another node has committed events of a scheme.
func (r *relay) hear(what []byte) {
	scheme, err := strconv.ParseInt(string(what), 10, 64)
	if err != nil {
		return
	}
	r.mu.Lock()
	r.written[scheme] = struct{}{}
	r.mu.Unlock()
	select {
	case r.wake <- struct{}{}:
	default:
	}
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

// writtenTo are the schemes that are led here and of which another node has committed events.
func (r *relay) writtenTo() map[int64]int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	schemes := map[int64]int64{}
	for scheme := range r.written {
		if last, led := r.last[scheme]; led {
			schemes[scheme] = last
		}
	}
	clear(r.written)
	return schemes
}

// relayOthers looks for what other processes committed.
func (a *App) relayOthers(ctx context.Context) error {
	tick := time.NewTicker(relayEvery)
	defer tick.Stop()
	if a.cfg.NATS.URL != "" {
		stop, err := a.bus.Hear(writtenName, a.relay.hear)
		if err != nil {
			return err
		}
		defer stop()
	}
	for {
		schemes := a.relay.schemes
		select {
		case <-tick.C:
		case <-a.relay.wake:
			schemes = a.relay.writtenTo
		case <-ctx.Done():
			return nil
		}
		for scheme, last := range schemes() {
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
	now, led := a.relay.last[scheme]
	if led {
		a.relay.last[scheme] = max(now, newest[len(newest)-1].Number)
	}
	a.relay.mu.Unlock()
	if !led {
		return nil // Another process leads it meanwhile, and publishes.
	}
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
