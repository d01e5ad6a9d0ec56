package callflow

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/telephony"
)

// ErrClosed means that the Connector takes nothing on any more.
var ErrClosed = errors.New("the switch role has stopped")

// Voice turns a text into something a channel can hear. Package speech implements it.
type Voice interface {
	// Media returns what says the text, spoken first if need be. An error means that no voice of the language speaks it now.
	Media(ctx context.Context, lang roster.Language, text string) (telephony.Media, error)
	// Ready returns what says a text that was spoken before, at once. Otherwise it reports false, and has it spoken for later.
	Ready(lang roster.Language, text string) (telephony.Media, bool)
	// Recorded is what the scheme has recorded to replace prompts, as it is now. It must not be changed.
	Recorded(scheme int64) map[ivr.Wording]telephony.Media
	// Length is how long a medium that Media returned lasts; 0 when it is not known.
	Length(m telephony.Media) time.Duration
	// Silence is so much of it, rounded up to what can be played.
	Silence(d time.Duration) telephony.Media
	// Music is what somebody hears who waits, and Tone who would else hear nothing.
	Music() telephony.Media
	Tone() telephony.Media
}

// Options is what a Connector is made of. All fields without "may" are required.
type Options struct {
	Switch  telephony.Switch
	Desk    Desk
	Callers Callers
	Records Records
	// Outreach is asked by outreach calls alone.
	Outreach Outreach
	Agenda   Agenda
	// Consents may be nil: then what people answer at their first call is told by nobody by keypad.
	Consents Consents
	Voice    Voice
	// Book returns the flows and prompts that a scheme speaks now, checked; 0 is no scheme's: those that ship. It answers at
	// once, to several goroutines. A call asks once, at its beginning, so that publishing disturbs nobody who is talking.
	Book   func(scheme int64) *ivr.Book
	Now    func() time.Time
	Logger *zap.Logger
	// Questions may be nil: then the line answers what ships.
	Questions Questions
	// Registerer may be nil: then nothing is counted.
	Registerer prometheus.Registerer
	// OrdinaryTrunk carries calls to callers with an ordinary phone; empty means the order's own trunk.
	OrdinaryTrunk string
	// SpoolDir holds messages and registrations that could not be written to the records yet, one file each. Empty means that
	// they are only retried while the process lives.
	SpoolDir string
	// Recordings may be nil: then messages that the dialplan takes by itself stay where it puts them.
	Recordings Recordings
	// Mend finishes the file of a recording during which the PBX was killed, and returns how long it is then; 0 means that it was
	// finished. It may be nil.
	Mend func(recording string) (time.Duration, error)
	// Full reports whether the disk of recordings is full, so that one that ended by itself may have been cut off. It may be nil.
	Full func() bool
	// NoWrapUp ends the caller's line when the beneficiary leaves, instead of offering to close the call by keypad.
	NoWrapUp bool
	// RegistrarRing is how long a registrar's phone rings; 0 means 20 s.
	RegistrarRing time.Duration
	// Patience is how long somebody on the line is kept waiting for the records, before the greeting and wherever the flow asks
	// them; then it goes on without. 0 means 700 ms. To recognise who rings they have half of it.
	Patience time.Duration
	// Fallback answers when the records cannot be read and the line was never seen; its Scheme may be 0.
	Fallback Line
}

func (o *Options) validate() error {
	var errs []error
	for name, missing := range map[string]bool{
		"Switch": o.Switch == nil, "Desk": o.Desk == nil, "Callers": o.Callers == nil, "Records": o.Records == nil,
		"Agenda": o.Agenda == nil, "Outreach": o.Outreach == nil,
		"Voice": o.Voice == nil, "Book": o.Book == nil, "Now": o.Now == nil, "Logger": o.Logger == nil,
	} {
		if missing {
			errs = append(errs, fmt.Errorf("%s is missing", name))
		}
	}
	if o.RegistrarRing < 0 {
		errs = append(errs, errors.New("RegistrarRing is negative"))
	}
	if o.Patience < 0 {
		errs = append(errs, errors.New("the Patience is negative"))
	}
	return errors.Join(errs...)
}

// Connector runs the calls of one PBX. It implements dispatch.Switchboard and answers what comes in. Each live call has a
// goroutine of its own; Close waits for all of them.
type Connector struct {
	o       Options
	metrics *metrics
	lines   *lineMemory
	// messages and registrations are kept on disk until the records have them.
	messages      *spool[Message]
	registrations *spool[Registration]
	stored        *stored
	probes        probes // Of appointments.
	knowing       probes // Of whether somebody is known, by the flows that branch on it: every call counts, so apart.
	answers       answersMemory
	quota         quota // Of what is left on the line.

	ctx    context.Context // Of every live call; ends with Close.
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu     sync.Mutex
	closed bool
	calls  map[string]*live
	talks  map[string]call.Talk // Adopted, by key; each is over when nobody follows its call any more.
	left   chan struct{}        // Replaced and closed whenever a call leaves; Drain waits on it.
}

// live is one call as the rest of the Connector sees it.
type live struct {
	key  string
	leg  bool // It is a stray leg, told good-bye; its attempt may still be adopted.
	box  *telephony.Mailbox
	wake chan struct{} // Size 1: a wake-up that is pending need not be doubled.

	mu     sync.Mutex
	recall bool
	recon  *telephony.Reconciliation
}

func (l *live) signal(set func()) {
	l.mu.Lock()
	set()
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// signals takes what was signalled since the last time.
func (l *live) signals() (recall bool, recon *telephony.Reconciliation) {
	l.mu.Lock()
	defer l.mu.Unlock()
	recall, recon = l.recall, l.recon
	l.recall, l.recon = false, nil
	return recall, recon
}

// New makes a Connector that has nothing to do yet. Run makes it answer; Close ends it.
func New(o Options) (*Connector, error) {
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("set up call flows: %w", err)
	}
	if o.RegistrarRing == 0 {
		o.RegistrarRing = 20 * time.Second
	}
	if o.Patience == 0 {
		o.Patience = 700 * time.Millisecond
	}
	m, err := newMetrics(o.Registerer)
	if err != nil {
		return nil, fmt.Errorf("set up call flows: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	c := &Connector{
		o: o, metrics: m, lines: newLineMemory(&o),
		ctx: ctx, cancel: cancel, calls: map[string]*live{}, talks: map[string]call.Talk{}, left: make(chan struct{}),
	}
	c.messages = newSpool(spoolFiles{o.SpoolDir, ".json"}, c.saveMessage, o.Logger)
	c.registrations = newSpool(spoolFiles{o.SpoolDir, ".registration"}, c.saveRegistration, o.Logger)
	c.stored = newStored(o.Recordings, c.lines, c.messages, o.Logger)
	return c, nil
}

// Run answers arrivals and passes reconciliations on, until ctx ends or the Switch is closed. It does not end live calls.
func (c *Connector) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var keepers sync.WaitGroup
	keepers.Go(func() { c.messages.run(ctx) })
	keepers.Go(func() { c.registrations.run(ctx) })
	keepers.Go(func() { c.stored.run(ctx) })
	defer keepers.Wait()
	defer cancel()
	sweep, late := time.NewTimer(sweepAfter), time.NewTimer(sweepAttemptsAfter)
	defer sweep.Stop()
	defer late.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-c.ctx.Done():
			return nil
		case <-sweep.C:
			c.sweep(false)
		case <-late.C:
			c.sweep(true)
		case e, open := <-c.o.Switch.Arrivals():
			if !open {
				return nil
			}
			c.arrive(e)
		case r, open := <-c.o.Switch.Reconciled():
			if !open {
				return nil
			}
			c.reconcile(r)
		}
	}
}

func (c *Connector) reconcile(r telephony.Reconciliation) {
	c.o.Logger.Info("reconcile live calls", zap.Bool("fresh", r.Fresh), zap.Int("channels", len(r.Channels)))
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range c.calls {
		l.signal(func() { l.recon = &r })
	}
}

// Start takes an order on; see dispatch.Switchboard.
func (c *Connector) Start(_ context.Context, order call.Order) error {
	l, err := c.open(string(order.Attempt))
	if err != nil {
		return fmt.Errorf("start attempt: %w", err)
	}
	go func() {
		defer c.wg.Done()
		if order.Caller == 0 {
			c.announce(l, order)
			return
		}
		c.connect(l, order)
	}()
	return nil
}

// Recall takes an offer back that nobody has taken yet; see dispatch.Switchboard.
func (c *Connector) Recall(attempt call.ID) {
	c.mu.Lock()
	l := c.calls[string(attempt)]
	c.mu.Unlock()
	if l != nil {
		l.signal(func() { l.recall = true })
	}
}

// open makes a live call with its mailbox. The caller starts its goroutine, which ends with wg.Done.
func (c *Connector) open(key string) (*live, error) { return c.openAs(key, false) }

func (c *Connector) openAs(key string, leg bool) (*live, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, ErrClosed
	}
	if c.calls[key] != nil {
		return nil, fmt.Errorf("call %s is running: %w", key, telephony.ErrExists)
	}
	l := &live{key: key, leg: leg, box: c.o.Switch.Open(key), wake: make(chan struct{}, 1)}
	c.calls[key] = l
	c.wg.Add(1)
	c.metrics.live.Inc()
	return l, nil
}

// forget closes the mailbox; the key may be opened again afterwards. Forgetting twice is harmless.
func (c *Connector) forget(l *live) {
	defer c.talkOver(l.key)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.calls[l.key] != l {
		return
	}
	l.box.Close()
	delete(c.calls, l.key)
	c.metrics.live.Dec()
	close(c.left)
	c.left = make(chan struct{})
}

// Live counts the calls under way.
func (c *Connector) Live() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.calls)
}

// Drain waits until no call is under way, or ctx ends. New calls are still taken on meanwhile: whoever stops dispatching
// does so first.
func (c *Connector) Drain(ctx context.Context) error {
	for {
		c.mu.Lock()
		n, left := len(c.calls), c.left
		c.mu.Unlock()
		if n == 0 {
			return nil
		}
		select {
		case <-left:
		case <-ctx.Done():
			return fmt.Errorf("drain %d calls: %w", n, ctx.Err())
		}
	}
}

// Close lets go of every live call and waits for its goroutine. The calls themselves go on at the PBX, to be adopted later.
func (c *Connector) Close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.cancel()
	c.wg.Wait()
}
