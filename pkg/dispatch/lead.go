package dispatch

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/call"
)

// lead takes the lead and fills the board. Nothing starts yet.
func (e *Engine) lead(ctx context.Context) error {
	now := e.opts.Now()
	epoch, err := e.opts.Store.Lead(ctx, e.scheme, e.opts.Holder, now)
	if err != nil {
		return fmt.Errorf("lead scheme: %w", err)
	}
	snap, err := e.load(ctx, epoch, now)
	if err != nil {
		return err
	}
	if err := e.configure(snap.Scheme); err != nil {
		return err
	}
	e.epoch, e.recorder = epoch, newRecorder(e, epoch)
	e.reach(snap.Until, now)
	e.planNow = !snap.Until.IsZero()
	live := map[int64]*LiveAttempt{}
	for i := range snap.Live {
		live[snap.Live[i].Order.Caller] = &snap.Live[i]
	}
	talking := map[int64]bool{}
	for _, t := range snap.Talks {
		if snap.goesOn(t) {
			talking[t.Registrar] = true
		}
	}
	for _, c := range snap.Callers {
		e.enrol(c, live[c.ID], talking[c.ID], now)
	}
	for person, n := range snap.Tried {
		e.tried[person] = tries{at: now, n: n}
	}
	for _, o := range snap.Occurrences {
		e.spare(&o, now)
		p := &promise{Occurrence: o}
		e.keep(p)
		if p.State == call.OccurrenceOpen {
			e.board.Put(&p.Occurrence, now)
		}
	}
	for _, l := range snap.Live {
		e.adopt(l, now)
	}
	e.lost, e.restored = snap.Lost, snap.Restored
	for _, t := range snap.Talks {
		e.adoptTalk(t, snap.goesOn(t), now)
	}
	e.log.Info("leading scheme", zap.Int64("epoch", epoch), zap.Int("occurrences", len(snap.Occurrences)),
		zap.Int("callers", len(snap.Callers)), zap.Int("live", len(snap.Live)))
	return nil
}

// load reads the scheme. One that is held to its horizon is planned before; a larger one when it is led: that takes minutes
// where millions are called.
func (e *Engine) load(ctx context.Context, epoch int64, now time.Time) (*Snapshot, error) {
	for planned := false; ; {
		snap, err := e.opts.Store.Load(ctx, e.scheme, now, now.Add(e.opts.Horizon))
		if err != nil {
			return nil, fmt.Errorf("load scheme: %w", err)
		}
		if planned || !snap.Until.IsZero() {
			return snap, nil
		}
		booked, err := e.opts.Store.Plan(ctx, e.scheme, epoch, now, now.Add(e.opts.Ahead))
		if err != nil {
			return nil, fmt.Errorf("plan occurrences: %w", err)
		}
		if planned = true; booked == 0 {
			return snap, nil
		}
	}
}

// reach notes up to when what opens is held (zero means the horizon), and has more loaded in time.
func (e *Engine) reach(until, now time.Time) {
	e.until, e.refreshAt = until, now.Add(e.opts.Refresh)
	if !until.IsZero() {
		e.refreshAt = sooner(e.refreshAt, now.Add(until.Sub(now)/2))
	}
}

// within reports whether an occurrence that opens then is held now. While a load is under way nobody knows yet how far it
// reaches.
func (e *Engine) within(opens, now time.Time) bool {
	until := e.until
	if until.IsZero() || e.refreshing {
		until = now.Add(e.opts.Horizon)
	}
	return opens.Before(until)
}
