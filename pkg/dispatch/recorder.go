package dispatch

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/call"
)

// The waits between two tries to reach the store, real time.
const (
	firstRetry = 50 * time.Millisecond
	lastRetry  = 2 * time.Second
)

// verdict is what became of one operation.
type verdict struct {
	op  Op
	err error
}

// recorder commits operations in the order in which they were added, as many at once as have gathered while the commit
// before was under way (group commit). It never drops one: it keeps them while the store is out of reach and commits
// them again when an answer was lost, which a Store lets pass. Its queue is bounded by the attempts under way; its length is
// a metric.
type recorder struct {
	opts   *Options
	scheme int64
	epoch  int64
	tell   func(message) // Into the owner's inbox; never blocks.
	log    *zap.Logger
	meter  *meter
	wake   chan struct{} // Size 1: a wake-up that is pending already need not be doubled.

	simulated bool // By a Simulation: add commits.

	mu     sync.Mutex // Guards queue and urgent.
	queue  []Op
	urgent int // How many of the queue do not wait for company.

	// Only the recorder's own goroutine touches these.
	down  bool
	wait  time.Duration
	begun time.Time     // The last commit,
	took  time.Duration // and how long it took.
}

func newRecorder(e *Engine, epoch int64) *recorder {
	return &recorder{
		opts: &e.opts, scheme: e.scheme, epoch: epoch, tell: e.put, log: e.log, meter: e.meter,
		wake: make(chan struct{}, 1), simulated: e.simulated,
	}
}

// add appends operations. It never blocks.
func (r *recorder) add(ops ...Op) {
	if r.simulated {
		r.commitNow(ops)
		return
	}
	r.mu.Lock()
	r.queue = append(r.queue, ops...)
	r.urgent += countUrgent(ops)
	n := len(r.queue)
	r.mu.Unlock()
	r.meter.queue.Set(float64(n))
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// waiting counts the operations not yet committed.
func (r *recorder) waiting() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.queue)
}

// batch copies the front of the queue; it is cut off only once it is committed. While the store is out of reach it copies
// all of it: a store may keep what has happened on the telephone in a file of its own, and can keep only what it is shown.
func (r *recorder) batch(into []Op) []Op {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := len(r.queue)
	if !r.down {
		n = min(n, r.opts.BatchOps)
	}
	return append(into[:0], r.queue[:n]...)
}

func (r *recorder) cut(n int) {
	r.mu.Lock()
	r.urgent -= countUrgent(r.queue[:n])
	rest := copy(r.queue, r.queue[n:])
	clear(r.queue[rest:])
	r.queue = r.queue[:rest]
	r.mu.Unlock()
	r.meter.queue.Set(float64(rest))
}

// run commits until the context ends; then it flushes what is left, for FlushLimit at most. It returns ErrFenced as soon
// as another node leads the scheme: what is left is then the other's to record.
func (r *recorder) run(ctx context.Context) error {
	var ops []Op
	for {
		select {
		case <-ctx.Done():
			flush, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.opts.FlushLimit)
			defer cancel()
			for r.waiting() > 0 && flush.Err() == nil {
				ops = r.batch(ops)
				if _, err := r.commit(flush, ops); err != nil {
					return err
				}
			}
			if n := r.waiting(); n > 0 {
				r.log.Error("operations left unrecorded", zap.Int("operations", n))
			}
			return nil
		case <-r.wake:
		}
		for r.gather(ctx) {
			ops = r.batch(ops)
			if _, err := r.commit(ctx, ops); err != nil {
				return err
			}
		}
	}
}

// gather waits until there is something to commit that must not wait: a phone rings only after its claim, so claims and
// offers do not gather, like the bridge, and take along what has gathered; they only keep the pace, which leaves the store
// as much time as the last commit took. Everything goes at once while the store is out of reach, since it may keep it
// elsewhere. It reports false when there is nothing left, or the context has ended.
func (r *recorder) gather(ctx context.Context) bool {
	seen := time.Now()
	for ctx.Err() == nil {
		waiting, urgent := r.pressing()
		if waiting == 0 {
			return false
		}
		if r.down || waiting >= r.opts.BatchOps {
			return true
		}
		at := r.begun.Add(min(r.opts.Gather/2, 2*r.took))
		if late := seen.Add(r.opts.Gather); !urgent && late.After(at) {
			at = late
		}
		left := time.Until(at)
		if left <= 0 {
			return true
		}
		t := time.NewTimer(left)
		select {
		case <-ctx.Done():
		case <-r.wake:
		case <-t.C:
		}
		t.Stop()
	}
	return false
}

// pressing counts the operations that wait, and reports whether one of them does not wait for company.
func (r *recorder) pressing() (waiting int, urgent bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.queue), r.urgent > 0
}

// countUrgent counts the operations that do not wait for company: those for which a phone waits, and the bridge and an
// answer by keypad, because whether they talk decides, after a crash, whether she is rung again.
func countUrgent(ops []Op) (n int) {
	for _, op := range ops {
		switch op := op.(type) {
		case Claim, Offer, Answer:
			n++
		case Progress:
			if op.Step.State == call.StateBridged {
				n++
			}
		}
	}
	return n
}

// commit applies a batch and reports whether it was committed. When the store is out of reach it waits a while, or until
// more operations come, and leaves the batch in the queue.
func (r *recorder) commit(ctx context.Context, ops []Op) (bool, error) {
	r.begun = time.Now()
	errs, err := r.opts.Store.Apply(ctx, r.scheme, r.epoch, r.opts.Now(), ops)
	r.took = time.Since(r.begun)
	r.meter.commit.Observe(r.took.Seconds())
	switch {
	case err == nil:
		r.meter.batch.Observe(float64(len(ops)))
		r.setDown(false)
		r.wait = 0
		r.done(ops, errs)
		return true, nil
	case errors.Is(err, ErrFenced):
		r.tell(fenced{})
		return false, err
	case errors.Is(err, ErrStoreDown) || ctx.Err() != nil:
		r.setDown(true)
		r.meter.storeErrors.Inc()
		r.pause(ctx)
		return false, nil
	case len(ops) > 1:
		// One of them is at fault: the others must not suffer.
		r.log.Error("batch refused, committing one by one", zap.Error(err))
		for i := range ops {
			if committed, err := r.commit(ctx, ops[i:i+1]); err != nil || !committed {
				return false, err
			}
		}
		return true, nil
	default:
		r.log.Error("operation refused", zap.String("operation", nameOf(ops[0])), zap.Error(err))
		r.done(ops, []error{err})
		return true, nil
	}
}

// pause waits before the store is tried again, longer each time; new operations are shown to it at once.
func (r *recorder) pause(ctx context.Context) {
	r.wait = min(max(2*r.wait, firstRetry), lastRetry)
	t := time.NewTimer(r.wait)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-r.wake:
	case <-t.C:
	}
}

// done cuts committed operations off and reports what became of them.
func (r *recorder) done(ops []Op, errs []error) {
	verdicts := make([]verdict, len(ops))
	for i, op := range ops {
		verdicts[i] = verdict{op: op}
		if i < len(errs) {
			verdicts[i].err = errs[i]
		}
	}
	r.cut(len(ops))
	r.tell(recorded(verdicts))
}

func (r *recorder) setDown(down bool) {
	if r.down != down {
		r.down = down
		r.tell(storeDown(down))
	}
}

// nameOf names an operation in logs and metrics.
func nameOf(op Op) string {
	switch op.(type) {
	case Claim:
		return "claim"
	case Offer:
		return "offer"
	case OfferEnd:
		return "offer_end"
	case Progress:
		return "progress"
	case Answer:
		return "answer"
	case Finish:
		return "finish"
	case Settle:
		return "settle"
	case CallerChange:
		return "caller_change"
	case CloseCall:
		return "close_call"
	case InboundStep:
		return "inbound_step"
	default:
		return "unknown"
	}
}
