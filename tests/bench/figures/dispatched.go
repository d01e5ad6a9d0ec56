package figures

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/postgres"
)

// burn is how a town's due calls are dispatched, all of them.
type burn struct {
	town
	scheme  int64
	horizon time.Duration             // How far ahead calls are held.
	publish func(events []call.Event) // Takes the committed events too; nil when nobody does.
	led     func()                    // Called once everything is held and before the first call is counted; nil for nothing.
}

// errStill means that nothing was committed for so long that something hangs.
var errStill = errors.New("dispatch stands still")

// errLead means that a scheme could not be led.
var errLead = errors.New("lead the scheme")

// patience is how long nothing may be committed.
const patience = 60 * time.Second

// down dispatches as serve does, but for the telephones: whoever is to be called answers and hangs up at once. A call counts
// once its outcome is committed, with the next one. It returns how many there were per second from the lead on.
func (b burn) down(ctx context.Context, url string) (rate float64, err error) {
	var ended atomic.Int64
	done := make(chan struct{})
	store, err := postgres.New(ctx, postgres.Options{URL: url, Patience: time.Minute, Publish: func(events []call.Event) {
		if b.publish != nil {
			b.publish(events)
		}
		for _, e := range events {
			if e.Entity == "attempt" && e.Kind == "ended" && ended.Add(1) == int64(b.due) {
				close(done)
			}
		}
	}})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	began := time.Now()
	phones := &phones{}
	d, err := dispatch.New(dispatch.Options{
		Store: store, Switchboard: phones, Logger: zap.NewNop(), Horizon: b.horizon,
		Now: func() time.Time { return morning().Add(time.Since(began)) },
	})
	if err != nil {
		return 0, err
	}
	defer d.Close()
	phones.ended = d.Ended
	if err := d.Lead(ctx, b.scheme); err != nil {
		return 0, fmt.Errorf("%w: %w", errLead, err)
	}
	start := time.Now()
	if b.led != nil {
		b.led()
	}
	look := time.NewTicker(patience)
	defer look.Stop()
	for before := int64(0); ; {
		select {
		case <-done:
			took := time.Since(start)
			return float64(b.due) / took.Seconds(), b.check(ctx, url)
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-look.C:
			now := ended.Load()
			if now == before {
				return 0, fmt.Errorf("%w after %d of %d calls: %w", errStill, now, b.due, d.Healthy())
			}
			before = now
		}
	}
}

// phones answer and hang up at once.
type phones struct {
	ended func(call.Outcome)
}

// Start implements dispatch.Switchboard.
func (p *phones) Start(_ context.Context, o call.Order) error {
	p.ended(answered(o))
	return nil
}

// Recall implements dispatch.Switchboard.
func (*phones) Recall(call.ID) {}

// Adopt implements dispatch.Switchboard.
func (*phones) Adopt(context.Context, []call.Live) {}

// AdoptTalks implements dispatch.Switchboard: there is no line.
func (*phones) AdoptTalks(context.Context, []call.Talk) {}

// answered is the outcome of a call that was answered and ended as it should.
func answered(o call.Order) call.Outcome {
	return call.Outcome{
		Scheme: o.Scheme, Attempt: o.Attempt, Offer: o.Offer, OfferState: call.OfferAccepted, Result: call.ResultAnswered,
		Fault: call.FaultNone, Cause: 16, Talk: time.Minute, Rang: true,
	}
}
