package phone

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"
	"go.uber.org/zap"
)

// TrunkOptions describe a [Trunk].
type TrunkOptions struct {
	// Listen is the trunk's address and port, such as "127.0.0.2:5060". Required:
	// a PBX knows a trunk by its address.
	Listen string
	// PBX is where [Trunk.Dial] places calls, "address:port"; empty: it cannot.
	PBX string
	// Answer chooses what the called party does; it is called once for each call,
	// by several goroutines at once. Required.
	Answer func(Ring) Behaviour
	// AttemptHeader carries the attempt's id; empty: "X-Rappel-Attempt".
	AttemptHeader string
	// Tones are the frequencies in Hz that the other parties may be heard as; each
	// call watches for all of them.
	Tones []float64
	// Ledger takes down what happens; nil: one of its own.
	Ledger *Ledger
	// Codecs in order of preference; empty: A-law, then μ-law.
	Codecs []Codec
	// Keep is how much received audio each live call keeps; zero: 60 s.
	Keep time.Duration
	// Pacer, when set, is shared and stays the caller's to close; nil: one of its own.
	Pacer *Pacer
	// OnCall, when set, is handed each answered call, in either direction, in the
	// call's own goroutine. It may say, listen and hang up; the behaviour goes
	// on when it returns. ctx ends when the trunk closes.
	OnCall func(ctx context.Context, ring Ring, c *Call)
	// Logger is required; it is told no numbers.
	Logger *zap.Logger
}

func (o *TrunkOptions) check() error {
	if o.Listen == "" || o.Answer == nil || o.Logger == nil {
		return errors.New("trunk options: listen, answer and logger are required")
	}
	if o.PBX != "" {
		if _, err := netip.ParseAddrPort(o.PBX); err != nil {
			return fmt.Errorf("trunk options: pbx: %w", err)
		}
	}
	if o.AttemptHeader == "" {
		o.AttemptHeader = "X-Rappel-Attempt"
	}
	if o.Ledger == nil {
		o.Ledger = NewLedger()
	}
	var err error
	o.Codecs, o.Keep, err = checkAudio(o.Codecs, o.Keep)
	return err
}

// Trunk is the simulated telephone network on one SIP socket: behind it stand any
// number of subscribers. It answers OPTIONS, so a PBX can qualify it.
type Trunk struct {
	*agent
	options TrunkOptions
	pbx     sip.Uri

	mu   sync.Mutex
	live map[string]int // calls by number
}

// NewTrunk makes a trunk that listens.
func NewTrunk(o TrunkOptions) (*Trunk, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	t := &Trunk{options: o, live: make(map[string]int)}
	if o.PBX != "" {
		host := netip.MustParseAddrPort(o.PBX)
		t.pbx = sip.Uri{Scheme: "sip", Host: host.Addr().String(), Port: int(host.Port())}
	}
	a, err := newAgent(agentOptions{
		listen: o.Listen, user: "trunk", codecs: o.Codecs, pacer: o.Pacer,
		keep: o.Keep, tones: o.Tones, log: o.Logger, answer: t.carry,
	})
	if err != nil {
		return nil, fmt.Errorf("make trunk: %w", err)
	}
	t.agent = a
	a.start()
	return t, nil
}

// Addr is where the trunk listens for SIP.
func (t *Trunk) Addr() netip.AddrPort { return t.local }

// Ledger is what happened.
func (t *Trunk) Ledger() *Ledger { return t.options.Ledger }

// Close hangs up every call without waiting for the other side, and waits for
// everything the trunk started.
func (t *Trunk) Close() { t.close() }

// Dial places a call from the given number (E.164; empty: withheld) to a number
// of the PBX, and returns when it is answered. The ledger takes it down as
// inbound. A refusal is a [*StatusError]; when ctx ends first the call is cancelled.
func (t *Trunk) Dial(ctx context.Context, from, to string, o DialOptions) (*Call, error) {
	if t.pbx.Host == "" {
		return nil, errors.New("dial: trunk has no pbx")
	}
	target, err := resolve(to, t.pbx)
	if err != nil {
		return nil, err
	}
	if !t.enter() {
		return nil, fmt.Errorf("dial: %w", ErrClosed)
	}
	defer t.leave()
	o.From = from
	if from == "" {
		o.From = "anonymous"
	}
	t.occupy(from, 1)
	e := t.options.Ledger.open(Record{Number: from, Inbound: true, Invited: time.Now()})
	progress := o.OnProgress
	o.OnProgress = func(code int, m *Media) {
		e.rang(time.Now())
		if progress != nil {
			progress(code, m)
		}
	}
	c, err := t.dial(ctx, target, o)
	if err != nil {
		t.occupy(from, -1)
		e.failed(time.Now(), err)
		return nil, err
	}
	e.answered(c)
	t.work.Go(func() { // this method holds the work group, so it cannot be at zero
		defer t.occupy(from, -1)
		defer e.ended(c)
		if t.options.OnCall != nil {
			t.options.OnCall(t.ctx, Ring{Number: from, At: c.Answered(), Header: c.Header}, c)
		}
		<-c.Done()
	})
	return c, nil
}

// occupy counts a number's calls and returns how many it had before.
func (t *Trunk) occupy(number string, by int) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	before := t.live[number]
	if t.live[number] += by; t.live[number] == 0 {
		delete(t.live, number)
	}
	return before
}

// carry takes one call from the PBX to its subscriber.
func (t *Trunk) carry(ctx context.Context, in *Incoming) {
	ring := Ring{
		Number: in.To, From: in.From, At: in.At,
		Attempt: in.Header(t.options.AttemptHeader), Header: in.Header,
	}
	ring.Live = t.occupy(ring.Number, 1)
	defer t.occupy(ring.Number, -1)
	b := t.options.Answer(ring)
	e := t.options.Ledger.open(Record{
		Attempt: ring.Attempt, Number: ring.Number, Invited: in.At, Tone: b.Tone, Machine: b.Machine,
	})
	c, err := t.pickUp(ctx, in, b, e)
	if err != nil {
		e.failed(time.Now(), err)
		return
	}
	e.answered(c)
	defer e.ended(c)
	c.Say(b.Say)
	if t.options.OnCall != nil {
		t.options.OnCall(ctx, ring, c)
	}
	t.talk(ctx, c, b.Talk)
}

// pickUp rings, waits and answers; every other end is an error.
func (t *Trunk) pickUp(ctx context.Context, in *Incoming, b Behaviour, e *entry) (*Call, error) {
	var said <-chan struct{}
	switch {
	case b.Announce != nil:
		var err error
		if said, err = in.Progress(b.Announce); err != nil {
			return nil, err
		}
		if !b.Announce.loop {
			b.After = 0
		} else {
			said = nil
		}
	case b.Refuse == 0 || b.After > 0 || b.Never:
		// Taken down before it is sent: a ring that was heard was surely counted.
		e.rang(time.Now())
		if err := in.Ring(); err != nil {
			return nil, err
		}
	}
	var due <-chan time.Time
	if said == nil && !b.Never {
		timer := time.NewTimer(b.After)
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-due:
	case <-said:
	case <-in.Done():
		return nil, ErrCancelled
	case <-ctx.Done():
		return nil, ErrClosed
	}
	if b.Refuse != 0 {
		if err := in.Reject(b.Refuse, ""); err != nil {
			return nil, err
		}
		return nil, &StatusError{Code: b.Refuse, Reason: phrase(b.Refuse)}
	}
	return in.Answer(ctx)
}

// talk waits for the end of the call, and makes it after talk if that is not zero.
func (t *Trunk) talk(ctx context.Context, c *Call, talk time.Duration) {
	var enough <-chan time.Time
	if talk > 0 {
		timer := time.NewTimer(talk)
		defer timer.Stop()
		enough = timer.C
	}
	select {
	case <-c.Done():
	case <-enough:
		bye, cancel := context.WithTimeout(ctx, 32*time.Second)
		defer cancel()
		if err := c.Hangup(bye); err != nil {
			t.options.Logger.Debug("hang-up of a subscriber was not confirmed", zap.Error(err))
		}
	case <-ctx.Done():
		<-c.Done() // a closing agent ends every call
	}
}
