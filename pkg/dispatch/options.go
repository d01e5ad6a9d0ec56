package dispatch

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
)

// Options says with what a Dispatcher works. Store, Switchboard, Logger and Now are required.
type Options struct {
	Store       Store
	Switchboard Switchboard
	Logger      *zap.Logger
	Registerer  prometheus.Registerer // nil counts nothing.
	Holder      string                // Names this process to the others; empty means "rappel".
	// Shares lets this node use the lines and calls per second of trunks only as far as other nodes do not: ShareTrunks must run
	// then. Nil means that no other node uses them.
	Shares Shares

	// Now is the service's clock, and Speed how many of its seconds pass in a real one (0 means 1). How long phones ring
	// and the instant to dial by are real time; everything else is the service's.
	Now   func() time.Time
	Speed float64
	// RealNow is the PBX's clock, in which the instant to dial by is given; nil means time.Now.
	RealNow func() time.Time
	// Doubt reports whether nobody knows what time it is: then nothing starts. It is asked at every turn; nil means never.
	Doubt func() bool

	// StartsPerSecond is how many calls are started at the PBX in a real second at first; the rate then follows how quickly
	// the PBX answers (see Throttle). 0 bounds nothing.
	StartsPerSecond float64

	MaxMissed     int           // Offers a caller may leave unanswered in a row before she is set aside; 0 means 1.
	Horizon       time.Duration // How far ahead occurrences are held in memory at most; 0 means 36 h.
	Ahead         time.Duration // How far ahead they are booked, Horizon at least; 0 means Horizon.
	Refresh       time.Duration // How often that is renewed, besides Changed; 0 means 15 min.
	DeclinePause  time.Duration // How long a caller who declined, could not be reached once, or whose call we broke off, is left alone; 0 means 30 s.
	PresenceLimit time.Duration // How long a caller may stay on the line in wrap-up; 0 means 10 min, real time.
	DialMargin    time.Duration // What an order may lose on its way besides the caller's ring time; 0 means 15 s, real time.
	Lead          time.Duration // No call starts later than this before its window's end; 0 means 10 s, real time.
	BatchOps      int           // Most operations committed at once; 0 means 2,000.
	// Gather is how long what has happened on the telephone waits for company before it is committed: a commit costs about
	// the same whether it holds one operation or fifty. Claims, offers and bridges do not gather; on a busy day they keep a
	// pace: the first goes at once, and those that come within half of this time from there, or within twice the time that it
	// takes if that is less, go together. 0 means 20 ms, less means that nothing waits; real time.
	Gather time.Duration
	// Together is how long starts wait for company when several occurrences and several callers could be paired, as at the
	// opening hour: they are then paired as well as possible. Where there are callers enough nobody waits. 0 means 5 ms, less means one by one; real time.
	Together   time.Duration
	FlushLimit time.Duration // How long Close tries to commit what is left; 0 means 5 s, real time.
}

func (o Options) validate() (Options, error) {
	switch {
	case o.Store == nil:
		return o, errors.New("dispatch options: Store is missing")
	case o.Switchboard == nil:
		return o, errors.New("dispatch options: Switchboard is missing")
	case o.Logger == nil:
		return o, errors.New("dispatch options: Logger is missing")
	case o.Now == nil:
		return o, errors.New("dispatch options: Now is missing")
	case o.StartsPerSecond < 0:
		return o, errors.New("dispatch options: StartsPerSecond is negative")
	case o.Speed < 0:
		return o, errors.New("dispatch options: Speed is negative")
	}
	orDefault(&o.Holder, "rappel")
	orDefault(&o.Speed, 1)
	orDefault(&o.MaxMissed, 1)
	orDefault(&o.Horizon, 36*time.Hour)
	o.Ahead = max(o.Ahead, o.Horizon)
	orDefault(&o.Refresh, 15*time.Minute)
	orDefault(&o.DeclinePause, 30*time.Second)
	orDefault(&o.PresenceLimit, 10*time.Minute)
	orDefault(&o.DialMargin, 15*time.Second)
	orDefault(&o.Lead, 10*time.Second)
	orDefault(&o.BatchOps, 2000)
	orDefault(&o.Gather, 20*time.Millisecond)
	orDefault(&o.Together, 5*time.Millisecond)
	orDefault(&o.FlushLimit, 5*time.Second)
	if o.RealNow == nil {
		o.RealNow = time.Now
	}
	return o, nil
}

func orDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// service turns a stretch of real time into the service's.
func (o *Options) service(d time.Duration) time.Duration { return time.Duration(float64(d) * o.Speed) }

// real turns a stretch of the service's time into real time.
func (o *Options) real(d time.Duration) time.Duration { return time.Duration(float64(d) / o.Speed) }
