package dispatch

import (
	"context"
	"fmt"
	"time"

	"github.com/rappel-tel/rappel/pkg/call"
)

// Simulation is the engine of one scheme on a clock that its holder moves. It is the engine that runs the real day, with
// its board, its settlements and what it makes of its callers; but it sleeps never, starts no goroutine, commits every operation
// to the Store at once, and hands an order to the Switchboard in the very turn in which it was decided. So a day passes in
// milliseconds. Store and Switchboard are the holder's: they say what is promised and remember what became of it, and the
// holder tells, in the order of time, what the telephones do.
//
// It is not safe for concurrent use; Store and Switchboard must not call it back.
type Simulation struct {
	e     *Engine
	now   time.Time
	batch []message
}

// NewSimulation takes the lead of a scheme at an instant: the Store's Lead, Plan and Load are called once. Of the options Now,
// RealNow, Speed and Refresh are not looked at: the clock is the holder's, and the records are read once.
func NewSimulation(ctx context.Context, scheme int64, begins time.Time, opts Options) (*Simulation, error) {
	s := &Simulation{now: begins}
	opts.Now = func() time.Time { return s.now }
	opts.RealNow, opts.Speed, opts.Refresh = opts.Now, 1, neverRefresh
	opts, err := opts.validate()
	if err != nil {
		return nil, err
	}
	m, err := newMetrics(nil)
	if err != nil {
		return nil, fmt.Errorf("make simulation metrics: %w", err)
	}
	s.e = newEngine(opts, scheme, m)
	s.e.simulated, s.e.ctx = true, ctx
	if err := s.e.lead(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// neverRefresh is longer than any simulation.
const neverRefresh = 10 * 365 * 24 * time.Hour

// Turn decides what starts at an instant, after what has come due by then, and returns when to take the next turn unless
// something is told before; zero means never. Whoever tells several things of one instant tells them all and then takes one
// turn.
func (s *Simulation) Turn(now time.Time) (again time.Time) {
	s.now = now
	for {
		s.batch = s.e.take(s.batch)
		again = s.e.act(now, s.batch)
		if len(s.e.inbox) == 0 {
			return again
		}
	}
}

// Step tells how an order gets on. Nothing starts by it, so that it needs no turn.
func (s *Simulation) Step(step call.Step, now time.Time) {
	s.now = now
	s.e.step(step, now)
}

// Ended tells the end of an offer or of an attempt.
func (s *Simulation) Ended(out call.Outcome, now time.Time) {
	s.now = now
	s.e.ended(out, now)
}

// SetState changes a caller's state at her own wish, as Dispatcher.SetState does; ErrCallerBusy means that she has to wait for
// the end of her call.
func (s *Simulation) SetState(caller int64, state call.CallerState, now time.Time) error {
	s.now = now
	return s.e.wish(caller, state, "", now)
}

// CloseCall records what a caller says of a call that has ended.
func (s *Simulation) CloseCall(c CloseCall, now time.Time) {
	s.now = now
	s.e.closeCall(c, now)
}

// aside does what may take its time in a goroutine of its own; on a simulated clock, at once.
func (e *Engine) aside(do func()) {
	if e.simulated {
		do()
		return
	}
	e.work.Go(do)
}

// commitNow is add on a simulated clock. The owner is told of what it waits for: claims, further offers, what was booked and
// what was refused; nobody else changes the records, so that it need not know what of the rest is committed.
func (r *recorder) commitNow(ops []Op) {
	errs, err := r.opts.Store.Apply(context.Background(), r.scheme, r.epoch, r.opts.Now(), ops)
	var verdicts recorded
	for i, op := range ops {
		v := verdict{op: op, err: err}
		if err == nil && i < len(errs) {
			v.err = errs[i]
		}
		awaited := v.err != nil
		switch op := op.(type) {
		case Claim, Offer:
			awaited = true
		case Finish:
			awaited = awaited || op.Settlement.Next != nil
		case Settle:
			awaited = awaited || op.Settlement.Next != nil
		default: // Nobody waits for it.
		}
		if awaited {
			verdicts = append(verdicts, v)
		}
	}
	if len(verdicts) > 0 {
		r.tell(verdicts)
	}
}
