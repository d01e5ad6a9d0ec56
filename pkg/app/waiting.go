package app

import (
	"context"
	"time"

	"go.uber.org/zap"
)

// waitingEvery is how often the dispatcher says by why promises wait; real time.
const waitingEvery = 500 * time.Millisecond

// sayWaiting tells the pages and programs, wherever they are served, by why the due promises of the schemes that are led
// here wait. Nobody depends on it: what was not said is said again.
func (a *App) sayWaiting(ctx context.Context) error {
	tick := time.NewTicker(waitingEvery)
	defer tick.Stop()
	ids := map[int64]string{} // Of the schemes, seen outside.
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		for _, scheme := range a.dispatcher.Schemes() {
			if err := a.sayWaitingOf(ctx, scheme, ids); err != nil && ctx.Err() == nil {
				a.log.Debug("say who waits", zap.Error(err))
			}
		}
	}
}

func (a *App) sayWaitingOf(ctx context.Context, scheme int64, ids map[int64]string) error {
	ctx, cancel := context.WithTimeout(ctx, waitingEvery)
	defer cancel()
	if ids[scheme] == "" {
		schemes, err := a.store.Schemes(ctx)
		if err != nil {
			return err
		}
		for _, s := range schemes {
			ids[s.Key] = s.ID
		}
	}
	w, err := a.dispatcher.Waiting(ctx, scheme)
	if err != nil {
		return err
	}
	return a.bus.SayWaiting(ids[scheme], w)
}
