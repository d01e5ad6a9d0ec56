package app

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
)

// clockApart is how far this machine's clock may be from the database's, and jump at once, before nothing more is dialled. A third
// of what an order may lose on its way (dispatch.Options.DialMargin): the clocks of two nodes are at most twice as far apart.
const clockApart = 5 * time.Second

// errClock means that nobody knows what time it is.
var errClock = errors.New("the clock is in doubt")

// newClock returns the service's clock. With a start it shows that instant now and runs speed times as fast as the real
// one; otherwise it is the real time, as the machine's clock shows it and a steadyClock mends it.
func newClock(c ClockConfig, steady *steadyClock) func() time.Time {
	if c.Start.IsZero() && (c.Speed == 0 || c.Speed == 1) {
		return steady.now
	}
	origin, start := time.Now(), c.Start
	if start.IsZero() {
		start = origin
	}
	return func() time.Time {
		// Since uses the monotonic clock: a jump of the machine's clock does not move the demonstration's.
		return start.Add(time.Duration(float64(time.Since(origin)) * c.Speed))
	}
}

// steadyClock is the machine's clock, which somebody may set, and which stands still while the machine does. It follows small
// corrections. From a jump on it goes on from where it was, and is in doubt: nothing is dialled, no promise counts as missed an
// hour too soon, until the database's clock has said which is right.
//
//	jump of the machine's clock      in doubt at once; it goes on from where it was
//	 ... and the database agrees     the machine stood still, or was wrong before: the new time, no doubt
//	 ... and the database does not   in doubt until somebody sets the machine's clock right
//	the database's is another        in doubt likewise, whoever is wrong: another node may lead
type steadyClock struct {
	wall   func() time.Time     // What the machine's clock shows.
	steady func() time.Duration // Since some instant, without jumps.

	mu     sync.Mutex
	shown  time.Time     // What was shown when the machine's clock was followed last,
	at     time.Duration // and when that was.
	jumped bool          // Since, the machine's clock has.
	apart  time.Duration // How far it is ahead of the database's, as far as that is known for sure.
}

// newSteadyClock returns a clock that trusts the machine's until it is compared.
func newSteadyClock() *steadyClock {
	origin := time.Now()
	return &steadyClock{wall: time.Now, steady: func() time.Duration { return time.Since(origin) }, shown: origin}
}

// now is the real time as far as it is known.
func (c *steadyClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.look()
}

// look must be called with the lock held.
func (c *steadyClock) look() time.Time {
	wall, at := c.wall(), c.steady()
	shown := c.shown.Add(at - c.at)
	// Without their monotonic parts: what the two show, not how long it is in between.
	if c.jumped = wall.Round(0).Sub(shown.Round(0)).Abs() > clockApart; c.jumped {
		return shown
	}
	c.shown, c.at = wall, at
	return wall
}

// doubtful reports whether nobody knows what time it is.
func (c *steadyClock) doubtful() bool { return c.doubt() != nil }

// doubt says why nobody knows what time it is; the error wraps errClock. Nil means that all is well.
func (c *steadyClock) doubt() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.look()
	switch {
	case c.apart != 0:
		return fmt.Errorf("%w: this machine's is %s %s the database's, and nothing is dialled; timedatectl set-ntp true, on both machines",
			errClock, c.apart.Abs().Round(time.Second), map[bool]string{true: "ahead of", false: "behind"}[c.apart > 0])
	case c.jumped:
		return fmt.Errorf("%w: this machine's has just jumped", errClock)
	default:
		return nil
	}
}

// compare takes what the database's clock showed at some instant of a stretch that ends now and began as many steady moments ago. It
// returns how far the machine's clock is ahead.
func (c *steadyClock) compare(theirs time.Time, took time.Duration) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	wall, at := c.wall(), c.steady()
	ahead := wall.Round(0).Sub(theirs.Round(0).Add(took / 2))
	if max(0, ahead.Abs()-took/2) > clockApart {
		c.apart = ahead
		return ahead
	}
	c.apart, c.jumped = 0, false
	c.shown, c.at = wall, at
	return ahead
}

// compareClock compares this machine's clock with the database's, and says so when they part or agree again.
func (a *App) compareClock(ctx context.Context) error {
	before := a.clock.doubt()
	began := time.Now()
	theirs, err := a.store.Clock(ctx)
	if err != nil {
		return err
	}
	a.clockAhead.Set(a.clock.compare(theirs, time.Since(began)).Seconds())
	switch after := a.clock.doubt(); {
	case after != nil && (before == nil || before.Error() != after.Error()):
		a.log.Error("nothing is dialled", zap.Error(after))
	case after == nil && before != nil:
		a.log.Warn("the clock is in doubt no more; going on", zap.Time("now", a.now()))
	}
	return nil
}

func newClockGauge(r prometheus.Registerer) (prometheus.Gauge, error) {
	g := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "rappel_clock_ahead_seconds", Help: "How far this machine's clock is ahead of the database's; more than 5 either way, and nothing is dialled.",
	})
	return g, r.Register(g)
}
