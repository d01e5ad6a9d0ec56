package report

import (
	"context"
	"reflect"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
)

const (
	checkEvery = 250 * time.Millisecond // How often the number of the last event is looked up; real time.
	showGap    = 100 * time.Millisecond // Viewers are told of changes no sooner after the last ones; real time.
	lingering  = time.Minute            // How long a feed goes on without a viewer; real time.
	readLimit  = 5 * time.Second
	readBatch  = 1000
	// inboxLimit is how many events may wait to be counted; more are read from the records instead.
	inboxLimit = 50_000
)

// Source is what a feed reads from the records. Package postgres implements it.
type Source interface {
	// Record reads what the figures of a scheme begin with, from one snapshot.
	Record(ctx context.Context, scheme int64, now time.Time) (Record, error)
	// LastEvent returns the number of the last event that was committed.
	LastEvent(ctx context.Context, scheme int64) (int64, error)
	// Events returns the scheme's events numbered first to last, both included, in order, as far as they are still kept.
	Events(ctx context.Context, scheme, first, last int64) ([]call.Event, error)
}

// Bus hands events over as they are published. Package natsbus implements it.
type Bus interface {
	// Subscribe calls fn, which is quick, for every event of the scheme (its id seen outside) from now on.
	Subscribe(scheme string, fn func(call.Event)) (stop func(), err error)
	// SubscribeWaiting does so for what the dispatcher says of those who wait.
	SubscribeWaiting(scheme string, fn func(dispatch.Waiting)) (stop func(), err error)
}

// feed keeps the figures of one scheme for everybody who looks at them. One goroutine owns the fold; the rest is guarded.
//
// Events come over the bus as they are published. Four times a second the number of the last committed one is looked up,
// and what is missing by then is read from the records: so a bus that is away, or lost some, costs a quarter of a second
// and no figure.
type feed struct {
	feeds  *Feeds
	scheme Scheme
	log    *zap.Logger
	wake   chan struct{} // Size 1: one pending wake-up is enough.

	mu      sync.Mutex
	inbox   []call.Event
	flooded bool // Events were dropped.
	said    dispatch.Waiting
	heard   time.Time // When that was said; real time.
	live    Live
	stale   bool
	ready   chan struct{} // Closed once there are figures.
	viewers map[*Viewer]struct{}
	left    time.Time // When the last viewer left; real time.

	// Owner.
	fold  *Fold
	asOf  time.Time
	quiet bool // The trouble with the records was logged.
}

// run is the goroutine of a feed. It ends with the context, or when nobody has looked for a while.
func (f *feed) run(ctx context.Context) {
	if bus := f.feeds.opts.Bus; bus != nil {
		for _, subscribe := range []func() (func(), error){
			func() (func(), error) { return bus.Subscribe(f.scheme.ID, f.take) },
			func() (func(), error) { return bus.SubscribeWaiting(f.scheme.ID, f.hear) },
		} {
			stop, err := subscribe()
			if err != nil {
				f.log.Warn("follow a scheme without the event bus", zap.Error(err))
				continue
			}
			defer stop()
		}
	}
	check := time.NewTicker(checkEvery)
	defer check.Stop()
	for look := true; ; {
		f.turn(ctx, look)
		gap := time.NewTimer(showGap)
		select {
		case <-gap.C:
		case <-ctx.Done():
			gap.Stop()
			return
		}
		select {
		case <-f.wake:
			look = false
		case <-check.C:
			if look = true; f.feeds.retire(f) {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// take puts an event into the inbox.
func (f *feed) take(e call.Event) {
	f.mu.Lock()
	if len(f.inbox) < inboxLimit {
		f.inbox = append(f.inbox, e)
	} else {
		f.flooded = true
	}
	f.mu.Unlock()
	f.poke()
}

func (f *feed) hear(w dispatch.Waiting) {
	f.mu.Lock()
	f.said, f.heard = w, time.Now()
	f.mu.Unlock()
	f.poke()
}

func (f *feed) poke() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// turn takes what has come, looks for what is missing when asked to, and shows the figures.
func (f *feed) turn(ctx context.Context, look bool) {
	f.mu.Lock()
	batch, said, heard := f.inbox, f.said, f.heard
	if f.inbox = nil; f.flooded {
		f.flooded, look = false, true
		f.feeds.met.flooded.Inc()
	}
	f.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	if err := f.follow(ctx, batch, look); err != nil {
		if !f.quiet && ctx.Err() == nil {
			f.log.Warn("follow a scheme's figures; trying again", zap.Error(err))
		}
		f.quiet = true
		if f.fold == nil {
			return
		}
	} else {
		f.quiet = false
	}
	if f.fold == nil {
		return
	}
	live := f.fold.Live(f.feeds.opts.Now())
	live.AsOf, live.Waiting, live.WaitingAt = f.asOf, said, heard
	f.show(live)
}

// follow brings the fold up to date.
func (f *feed) follow(ctx context.Context, batch []call.Event, look bool) error {
	if f.fold == nil || !f.fold.Today(f.feeds.opts.Now()) {
		return f.begin(ctx)
	}
	gap := false
	for i := range batch {
		taken, err := f.fold.Apply(&batch[i])
		if err != nil {
			f.log.Warn("an event cannot be read; reading the records instead", zap.Error(err))
		}
		switch taken {
		case TakenUnclear:
			return f.begin(ctx)
		case TakenGap:
			gap = true
		case TakenApplied, TakenKnown:
		}
	}
	if !gap && !look {
		return nil
	}
	asked := time.Now()
	last, err := f.feeds.opts.Records.LastEvent(ctx, f.scheme.Key)
	if err != nil {
		return err
	}
	switch missing := last - f.fold.Number(); {
	case missing < 0: // The database was brought back to an earlier moment.
		return f.begin(ctx)
	case missing > readBatch:
		return f.begin(ctx)
	case missing > 0:
		f.feeds.met.refilled.Add(float64(missing))
		if again, err := f.refill(ctx, last); err != nil || again {
			return err
		}
	}
	f.asOf = asked
	return nil
}

// refill reads the events up to last. It reports true when it began anew instead.
func (f *feed) refill(ctx context.Context, last int64) (anew bool, err error) {
	events, err := f.feeds.opts.Records.Events(ctx, f.scheme.Key, f.fold.Number()+1, last)
	if err != nil {
		return false, err
	}
	for i := range events {
		if taken, err := f.fold.Apply(&events[i]); err != nil || taken == TakenUnclear || taken == TakenGap {
			return true, f.begin(ctx)
		}
	}
	if f.fold.Number() < last { // They are kept no more.
		return true, f.begin(ctx)
	}
	return false, nil
}

// begin reads the records anew.
func (f *feed) begin(ctx context.Context) error {
	asked := time.Now()
	r, err := f.feeds.opts.Records.Record(ctx, f.scheme.Key, f.feeds.opts.Now())
	if err != nil {
		return err
	}
	fold, err := NewFold(r)
	if err != nil {
		return err
	}
	f.feeds.met.begun.Inc()
	f.fold, f.asOf = fold, asked
	return nil
}

// show hands figures to the viewers, and wakes them when something has changed.
func (f *feed) show(live Live) {
	f.mu.Lock()
	defer f.mu.Unlock()
	first := f.live.Version == 0
	stale := live.Age(time.Now()) > StaleAfter
	changed := first || stale != f.stale || live.Number != f.live.Number || live.Today != f.live.Today || !reflect.DeepEqual(live.Queues, f.live.Queues) ||
		live.Waiting != f.live.Waiting
	live.Version = f.live.Version
	if changed {
		live.Version++
	}
	f.live, f.stale = live, stale
	if first {
		close(f.ready)
	}
	if !changed {
		return
	}
	for v := range f.viewers {
		v.tell()
	}
}
