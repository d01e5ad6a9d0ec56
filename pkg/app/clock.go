package app

import "time"

// newClock returns the service's clock. With a start it shows that instant now and runs speed times as fast as the real
// one; otherwise it is the real time.
func newClock(c ClockConfig) func() time.Time {
	if c.Start.IsZero() && (c.Speed == 0 || c.Speed == 1) {
		return time.Now
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
