package figures

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/postgres"
	"github.com/rappel-tel/rappel/tests/bench/measure"
)

// lateRate is how many calls come due per second.
const lateRate = 500

// lateness is P2: calls come due one after the other while very many are held and callers are free. How late is the order, given
// once the claim with its caller is committed? River's jobs are late by when their work begins, with its own settings
// and with those that measured best.
func lateness(ctx context.Context, r *rig, rounds measure.Rounds) (Result, error) {
	calls, held := lateRate*r.o.pick(2, 10, 20), r.o.pick(5000, 1_000_000, 1_000_000)
	t := town{due: calls, every: time.Second / lateRate, held: held, callers: 200}
	b, err := r.build(ctx, t)
	if err != nil {
		return Result{}, err
	}
	const holding = "river_holding"
	if err := r.copyOf(ctx, raw, holding); err != nil {
		return Result{}, err
	}
	if _, err := r.peer(ctx, "-do", "hold", "-url", r.server.DatabaseURL(holding), "-jobs", strconv.Itoa(held)); err != nil {
		return Result{}, err
	}
	var p50, tuned50, default50 []float64
	river := func(p50 *[]float64, more ...string) func(context.Context) (float64, error) {
		return func(ctx context.Context) (p99 float64, err error) {
			err = r.onFresh(ctx, holding, func(url string) error {
				args := append([]string{"-do", "late", "-url", url, "-jobs", strconv.Itoa(calls), "-rate", strconv.Itoa(lateRate)}, more...)
				numbers, err := r.peer(ctx, args...)
				p99 = numbers["p99"]
				*p50 = append(*p50, numbers["p50"])
				return err
			})
			return p99, err
		}
	}
	values, err := measure.Interleave(ctx, rounds,
		measure.Side{Name: "rappel", Run: func(ctx context.Context) (p99 float64, err error) {
			err = r.onFresh(ctx, b.template, func(url string) error {
				late, err := t.dispatchLate(ctx, url, b.scheme)
				if err != nil {
					return err
				}
				slices.Sort(late)
				p50 = append(p50, measure.Quantile(late, 0.5))
				p99 = measure.Quantile(late, 0.99)
				return nil
			})
			return p99, err
		}},
		measure.Side{Name: "tuned", Run: river(&tuned50, "-tuned")},
		measure.Side{Name: "default", Run: river(&default50)},
	)
	if err != nil {
		return Result{}, err
	}
	ratios := measure.Ratios(values["rappel"], values["tuned"])
	ratio, tuned := measure.Median(ratios), measure.Median(values["tuned"])
	ofDefault := measure.Median(measure.Ratios(values["rappel"], values["default"]))
	return Result{
		Value: measure.Median(values["rappel"]), Unit: "ms p99", Peer: &tuned, Ratio: ratio, Spread: measure.Spread(ratios),
		Met: ratio <= 1.0/3 && ofDefault <= 1.0/50,
		Limit: fmt.Sprintf("half of the calls are %.1f ms late, which is a group commit; the slowest of a hundred wait for two of them",
			measure.Median(p50)),
		Details: map[string]float64{
			"calls": float64(calls), "held": float64(held), "due_per_second": lateRate, "p50_ms": measure.Median(p50),
			"river_default_p99_ms": measure.Median(values["default"]), "ratio_to_default": ofDefault,
			"river_tuned_p50_ms": measure.Median(tuned50), "river_default_p50_ms": measure.Median(default50),
		},
	}, errors.Join(r.admin(ctx, "DROP DATABASE "+holding))
}

// settable is a clock that goes on from wherever it is set.
type settable struct {
	mu       sync.Mutex
	at, real time.Time
}

func (c *settable) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at.Add(time.Since(c.real))
}

func (c *settable) set(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at, c.real = at, time.Now()
}

// dispatchLate dispatches what comes due and returns how late each order was, in milliseconds.
func (t town) dispatchLate(ctx context.Context, url string, scheme int64) (_ []float64, err error) {
	store, err := postgres.New(ctx, postgres.Options{URL: url, Patience: time.Minute})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	clock := &settable{at: morning(), real: time.Now()}
	watch := &stopwatch{town: t, now: clock.now, late: make([]float64, t.due), done: make(chan struct{}), left: t.due}
	d, err := dispatch.New(dispatch.Options{
		Store: store, Switchboard: watch, Logger: zap.NewNop(), Horizon: heldHorizon, Now: clock.now,
	})
	if err != nil {
		return nil, err
	}
	defer d.Close()
	watch.ended = d.Ended
	if err := d.Lead(ctx, scheme); err != nil {
		return nil, err
	}
	if _, err := heldAll(ctx, d, scheme, t.due+t.held); err != nil {
		return nil, err
	}
	const before = 2 * time.Second
	clock.set(firstDue().Add(-before))
	if _, err := d.Figures(ctx, scheme); err != nil { // So that it looks at the clock.
		return nil, err
	}
	limit := time.NewTimer(before + time.Duration(t.due)*t.every + patience)
	defer limit.Stop()
	select {
	case <-watch.done:
		return watch.late, nil
	case <-limit.C:
		return nil, fmt.Errorf("%w: %d calls are left: %w", errStill, watch.remaining(), d.Healthy())
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// heldAll waits until a scheme holds so many occurrences, or as many as it holds of them, and says how it stands then.
func heldAll(ctx context.Context, d *dispatch.Dispatcher, scheme int64, want int) (dispatch.Figures, error) {
	limit := time.NewTimer(5 * time.Minute)
	defer limit.Stop()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for {
		f, err := d.Figures(ctx, scheme)
		if err != nil {
			return f, err
		}
		if heldOf(f) >= want || !f.Until.IsZero() {
			return f, nil
		}
		select {
		case <-look.C:
		case <-limit.C:
			return f, fmt.Errorf("wait until %d occurrences are held: %+v", want, f)
		case <-ctx.Done():
			return f, ctx.Err()
		}
	}
}

// heldOf is how many occurrences are in memory.
func heldOf(f dispatch.Figures) int {
	return f.Future + f.Held + f.Waiting + f.Parked + f.Lapsed + f.Claimed + f.Live
}

// stopwatch is phones that note when they were given an order.
type stopwatch struct {
	town
	phones
	now  func() time.Time
	done chan struct{}

	mu   sync.Mutex
	late []float64 // Milliseconds, by who was called.
	left int
}

// Start implements dispatch.Switchboard.
func (w *stopwatch) Start(ctx context.Context, o call.Order) error {
	at := w.now()
	n, err := strconv.Atoi(strings.TrimPrefix(o.Number, numberStart))
	if err != nil {
		return fmt.Errorf("read number: %w", err)
	}
	i := n - firstNumber
	w.mu.Lock()
	w.late[i] = at.Sub(firstDue().Add(time.Duration(i)*w.every)).Seconds() * 1000
	if w.left--; w.left == 0 {
		close(w.done)
	}
	w.mu.Unlock()
	return w.phones.Start(ctx, o)
}

func (w *stopwatch) remaining() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.left
}
