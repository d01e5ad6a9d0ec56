package dispatch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/call"
)

// Dispatcher leads schemes, one Engine each. Its methods are safe for use by several goroutines. Step, Answered and Ended make it
// the desk of a switchboard.
type Dispatcher struct {
	opts       Options
	metrics    *metrics
	admissions *admissions // To the PBXs.

	mu      sync.Mutex
	engines map[int64]*running
	pbxs    []PBX               // At which calls may be placed; nil: at this node's.
	held    map[string]held     // Calls on the inbound line, by key, for schemes led later.
	online  map[string][]OnLine // By the node at whose PBX their phones are in use; empty is this one.
	network trunks
	closed  bool
}

// running is an engine with its two goroutines.
type running struct {
	*Engine
	stop context.CancelFunc
	done chan struct{} // Closed when both have ended.
}

// New returns a dispatcher that leads nothing yet.
func New(opts Options) (*Dispatcher, error) {
	opts, err := opts.validate()
	if err != nil {
		return nil, err
	}
	m, err := newMetrics(opts.Registerer)
	if err != nil {
		return nil, fmt.Errorf("register dispatch metrics: %w", err)
	}
	a, err := newAdmissions(opts)
	if err != nil {
		return nil, fmt.Errorf("register dispatch metrics: %w", err)
	}
	d := &Dispatcher{opts: opts, metrics: m, admissions: a, engines: map[int64]*running{}, held: map[string]held{}, online: map[string][]OnLine{}}
	d.network.short = make(chan struct{}, 1)
	if opts.Shares != nil {
		d.network.clock = opts.RealNow
	}
	return d, nil
}

// Lead takes the lead of a scheme, loads it, has its live attempts adopted and begins to dispatch. It returns once that has
// begun; the engine goes on until Close, or until another node takes the lead. An error leaves nothing behind and may
// be tried again.
func (d *Dispatcher) Lead(ctx context.Context, scheme int64) error {
	d.mu.Lock()
	former := d.engines[scheme]
	closed := d.closed
	d.mu.Unlock()
	if closed {
		return errors.New("lead scheme: the dispatcher is closed")
	}
	if former != nil {
		former.stop()
		<-former.done
	}
	e := newEngine(d.opts, scheme, d.metrics)
	e.admissions, e.network = d.admissions, &d.network
	if err := e.lead(ctx); err != nil {
		e.letGo()
		return err
	}
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	r := &running{Engine: e, stop: stop, done: make(chan struct{})}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		stop()
		e.letGo()
		return errors.New("lead scheme: the dispatcher is closed")
	}
	if d.pbxs != nil {
		e.board.UsePBXs(d.pbxs, d.opts.Now())
	}
	for key, h := range d.held {
		e.hold(h.number, key)
	}
	for _, list := range d.online {
		for _, who := range list {
			if who.Scheme == scheme {
				e.onLine(who.Caller, true, d.opts.Now())
			}
		}
	}
	d.engines[scheme] = r
	d.network.starve() // Calls that were adopted use lines.
	go func() {
		defer close(r.done)
		e.serve(run)
		e.letGo()
	}()
	return nil
}

// Resign gives up the lead of a scheme, or what is left of it after another node took it: the engine ends, and what it had
// decided is committed if the lead still allows. Calls go on by themselves; whoever leads next adopts them.
func (d *Dispatcher) Resign(scheme int64) {
	d.mu.Lock()
	r := d.engines[scheme]
	delete(d.engines, scheme)
	d.mu.Unlock()
	if r != nil {
		r.stop()
		<-r.done
	}
}

// Overtaken reports whether another node has taken the lead of a scheme that was led here.
func (d *Dispatcher) Overtaken(scheme int64) bool {
	r, err := d.engine(scheme)
	return err == nil && errors.Is(r.Healthy(), ErrFenced)
}

// serve runs the owner and the recorder. The recorder ends last: what the owner decided is still committed.
func (e *Engine) serve(ctx context.Context) {
	recording, stopRecording := context.WithCancel(context.WithoutCancel(ctx))
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := e.recorder.run(recording); err != nil {
			e.log.Warn("recorder stopped", zap.Error(err))
		}
	})
	owner, stopOwner := context.WithCancel(ctx)
	if err := e.run(owner); err != nil {
		e.log.Warn("dispatch stopped", zap.Error(err))
	}
	stopOwner()
	e.work.Wait()
	stopRecording()
	wg.Wait()
}

// Schemes lists the schemes that are led, in order of their keys.
func (d *Dispatcher) Schemes() []int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	var keys []int64
	for k := range d.engines {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func (d *Dispatcher) engine(scheme int64) (*running, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.engines[scheme]
	if r == nil {
		return nil, fmt.Errorf("scheme %d: %w", scheme, ErrUnknownScheme)
	}
	return r, nil
}

func (d *Dispatcher) each(f func(*running)) {
	d.mu.Lock()
	all := make([]*running, 0, len(d.engines))
	for _, r := range d.engines {
		all = append(all, r)
	}
	d.mu.Unlock()
	for _, r := range all {
		f(r)
	}
}

// ask runs f in the owner's goroutine of a scheme and returns its error.
func (d *Dispatcher) ask(ctx context.Context, scheme int64, f func(e *Engine, now time.Time) error) error {
	r, err := d.engine(scheme)
	if err != nil {
		return err
	}
	var answer error
	done := make(chan struct{})
	r.put(question(func(now time.Time) {
		answer = f(r.Engine, now)
		close(done)
	}))
	select {
	case <-done:
		return answer
	case <-r.done:
		return fmt.Errorf("scheme %d: %w", scheme, ErrUnknownScheme)
	case <-ctx.Done():
		return fmt.Errorf("ask dispatcher: %w", ctx.Err())
	}
}

// Placed says how long the PBX took to answer the command that starts an offer of an attempt: from it follows how fast calls
// are started there.
func (d *Dispatcher) Placed(attempt call.ID, offer int, took time.Duration) {
	d.PlacedAt("", attempt, offer, took)
}

// PlacedAt says the same of another node's PBX.
func (d *Dispatcher) PlacedAt(node string, attempt call.ID, offer int, took time.Duration) {
	d.admissions.at(node).answered(attempt.CallerLeg(offer), took, d.opts.RealNow())
}

// UsePBXs says at which PBXs calls may be placed, for every scheme that is led here now or later; see Board.UsePBXs. It queues and
// returns.
func (d *Dispatcher) UsePBXs(list []PBX) {
	d.mu.Lock()
	d.pbxs = list
	d.mu.Unlock()
	d.each(func(r *running) { r.put(question(func(now time.Time) { r.board.UsePBXs(list, now) })) })
}

// Step takes a step of an attempt. It queues and returns. A step of a scheme not led here is ignored.
func (d *Dispatcher) Step(s call.Step) {
	if r, err := d.engine(s.Scheme); err == nil {
		r.put(s)
	}
}

// Answered takes what the person of a call without a caller has said by keypad. It queues and returns.
func (d *Dispatcher) Answered(a call.Answer) {
	if r, err := d.engine(a.Scheme); err == nil {
		r.put(a)
	}
}

// Ended takes the end of an offer or of an attempt. It queues and returns. Taking it twice is harmless.
func (d *Dispatcher) Ended(o call.Outcome) {
	if r, err := d.engine(o.Scheme); err == nil {
		r.put(o)
	}
}

// SetState changes a caller's or registrar's state at her own wish: off, ready, ready_once, break or debrief; the reason is
// a word of the catalogue. In a call or an offer it returns ErrCallerBusy, and nobody keeps the wish. In wrap-up while
// she is still on the line the wish is kept until CallerLeft.
func (d *Dispatcher) SetState(ctx context.Context, scheme, caller int64, state call.CallerState, reason string) error {
	return d.ask(ctx, scheme, func(e *Engine, now time.Time) error { return e.wish(caller, state, reason, now) })
}

// Next says what a caller would be given now if she were free, or what comes due first for her; ErrNothing when there is
// nothing within the horizon.
func (d *Dispatcher) Next(ctx context.Context, scheme, caller int64) (Upcoming, error) {
	var up Upcoming
	err := d.ask(ctx, scheme, func(e *Engine, now time.Time) (err error) {
		up, err = e.next(caller, now)
		return err
	})
	return up, err
}

// CloseCall records what a caller says of a call. A later one of the same attempt replaces the former.
func (d *Dispatcher) CloseCall(ctx context.Context, scheme int64, c CloseCall) error {
	return d.ask(ctx, scheme, func(e *Engine, now time.Time) error {
		e.closeCall(c, now)
		return nil
	})
}

// CallerLeft says that the caller of an attempt whose Outcome had CallerPresent set has left the line: her phone is free.
// It queues and returns.
func (d *Dispatcher) CallerLeft(scheme, caller int64, attempt call.ID) {
	if r, err := d.engine(scheme); err == nil {
		r.put(question(func(now time.Time) { r.left(caller, attempt, now) }))
	}
}

// JoinQueue puts an inbound party at the end of the registrars' queue. Her turn is told through tell, which must return at once:
// a registrar reserved for her, again and again until LeaveQueue or until she has talked. Whoever comes while nobody is on
// shift gets ErrNobodyFree and does not wait.
func (d *Dispatcher) JoinQueue(ctx context.Context, scheme int64, p Party, tell func(Turn)) error {
	return d.ask(ctx, scheme, func(e *Engine, now time.Time) error { return e.joinQueue(p, tell, now) })
}

// QueuePlace says where a party stands in the queue; ErrNothing when she is not in it.
func (d *Dispatcher) QueuePlace(ctx context.Context, scheme int64, key string) (Place, error) {
	var place Place
	err := d.ask(ctx, scheme, func(e *Engine, now time.Time) (err error) {
		place, err = e.place(key, now)
		return err
	})
	return place, err
}

// QueueLength is how many parties wait in the queue of a scheme.
func (d *Dispatcher) QueueLength(ctx context.Context, scheme int64) (int, error) {
	n := 0
	err := d.ask(ctx, scheme, func(e *Engine, now time.Time) error {
		n = len(e.line(now))
		return nil
	})
	return n, err
}

// LeaveQueue ends a party's wait. It queues and returns; a party who has talked to a registrar has left already.
func (d *Dispatcher) LeaveQueue(scheme int64, key string, why InboundReason) {
	if r, err := d.engine(scheme); err == nil {
		r.put(question(func(now time.Time) { r.leaveQueue(key, why, now) }))
	}
}

// RoomToday says at about what time a further call of a person could be made today without breaking a promise, and until when:
// see Today.Room. It counts as promised for a moment, in which it is to be booked.
func (d *Dispatcher) RoomToday(ctx context.Context, scheme int64, want Occurrence) (at, closes time.Time, err error) {
	err = d.ask(ctx, scheme, func(e *Engine, now time.Time) (err error) {
		at, closes, err = e.roomToday(want, now)
		return err
	})
	return at, closes, err
}

// Take takes over an occurrence that was booked just now. It queues and returns. A scheme that is led elsewhere learns of it
// by its records.
func (d *Dispatcher) Take(o Occurrence, scheme int64) {
	if r, err := d.engine(scheme); err == nil {
		r.put(question(func(now time.Time) { r.booked(&o, nil, now) }))
	}
}

// Joined says that a party and the registrar reserved for her talk. It queues and returns.
func (d *Dispatcher) Joined(scheme int64, key string) {
	if r, err := d.engine(scheme); err == nil {
		r.put(question(func(now time.Time) { r.joined(key, now) }))
	}
}

// ConfirmRegistrar says whether a reserved registrar who has answered may still take the call: ErrUnknownCaller when she left
// the scheme while her phone rang.
func (d *Dispatcher) ConfirmRegistrar(ctx context.Context, scheme, registrar int64, key string) error {
	return d.ask(ctx, scheme, func(e *Engine, _ time.Time) error { return e.confirmRegistrar(registrar, key) })
}

// ReleaseRegistrar ends a reservation: accepted when the two talked; timed_out, declined or failed when the registrar's
// phone was not answered; recalled when the inbound party left before.
func (d *Dispatcher) ReleaseRegistrar(
	ctx context.Context, scheme, registrar int64, key string, state call.OfferState,
) error {
	return d.ask(ctx, scheme, func(e *Engine, now time.Time) error {
		return e.releaseRegistrar(registrar, key, state, now)
	})
}

// held is a call on the inbound line. Which trunk it uses is not known of one at another node's PBX.
type held struct{ number, trunk, node string }

// HoldNumber marks a number (E.164, empty when withheld) as being on the inbound line, in every scheme: nobody rings it, and a
// line of the trunk through which it came is used; where that is not known (empty), one of each. Holding twice under a key is
// harmless.
func (d *Dispatcher) HoldNumber(number, key, trunk string) {
	d.mu.Lock()
	_, known := d.held[key]
	if !known {
		d.held[key] = held{number: number, trunk: trunk}
	}
	d.mu.Unlock()
	if known {
		return
	}
	d.network.ring(trunk, 1)
	d.each(func(r *running) { r.put(question(func(time.Time) { r.hold(number, key) })) })
}

// ReleaseNumber gives back what was held under the key.
func (d *Dispatcher) ReleaseNumber(key string) {
	d.mu.Lock()
	h, known := d.held[key]
	delete(d.held, key)
	d.mu.Unlock()
	if !known {
		return
	}
	d.network.ring(h.trunk, -1)
	d.each(func(r *running) { r.put(question(func(now time.Time) { r.unhold(key, now) })) })
}

// letGo gives the lines back that an engine has counted which decides no more.
func (e *Engine) letGo() {
	if e.board != nil {
		e.board.letGo()
	}
}

func (e *Engine) hold(number, key string) {
	if _, ok := e.heldNumbers[key]; !ok {
		e.heldNumbers[key] = number
		e.board.HoldNumber(number)
	}
}

func (e *Engine) unhold(key string, now time.Time) {
	if number, ok := e.heldNumbers[key]; ok {
		delete(e.heldNumbers, key)
		e.board.ReleaseNumber(number, now)
	}
}

// Changed says that the records of a scheme were changed by others (an import, an edit): what is held is loaded anew.
// It queues and returns.
func (d *Dispatcher) Changed(scheme int64) {
	if r, err := d.engine(scheme); err == nil {
		r.put(question(func(now time.Time) { r.refresh(now) }))
	}
}

// Figures says how a scheme stands.
func (d *Dispatcher) Figures(ctx context.Context, scheme int64) (Figures, error) {
	var f Figures
	err := d.ask(ctx, scheme, func(e *Engine, now time.Time) error {
		f = e.figures(now)
		return nil
	})
	return f, err
}

// Healthy says why something is not dispatched: an engine that cannot reach its store, or was overtaken by another node.
// It is nil when every scheme that was led still is.
func (d *Dispatcher) Healthy() error {
	var errs []error
	d.each(func(r *running) {
		if err := r.Healthy(); err != nil {
			errs = append(errs, fmt.Errorf("scheme %d: %w", r.scheme, err))
		}
	})
	return errors.Join(errs...)
}

// Drain stops claiming, takes back the offers nobody has answered, and waits until no call is under way. When the context
// ends before, it logs the attempts still going on and returns the context's error; they go on and are adopted by
// whoever leads next.
func (d *Dispatcher) Drain(ctx context.Context) error {
	var waits []chan struct{}
	var engines []*running
	d.each(func(r *running) {
		done := make(chan struct{})
		r.put(question(func(now time.Time) { r.drain(done) }))
		waits, engines = append(waits, done), append(engines, r)
	})
	var errs []error
	for i, done := range waits {
		select {
		case <-done:
		case <-engines[i].done:
		case <-ctx.Done():
			engines[i].put(question(func(time.Time) { engines[i].logLive() }))
			errs = append(errs, fmt.Errorf("drain scheme %d: %w", engines[i].scheme, ctx.Err()))
		}
	}
	return errors.Join(errs...)
}

func (e *Engine) drain(done chan struct{}) {
	e.draining = true
	e.drained = append(e.drained, done)
	e.halt()
	for id, a := range e.attempts {
		e.recall(id, a)
	}
}

// recall takes back what no caller has answered yet.
func (e *Engine) recall(id call.ID, a *attempt) {
	if a.running && (a.live.State == call.StateIntent || a.live.State == call.StateOffered) {
		a.recalled = true
		e.aside(func() { e.opts.Switchboard.Recall(id) })
	}
}

func (e *Engine) logLive() {
	for id, a := range e.attempts {
		e.log.Warn("call goes on after the drain limit", zap.String("attempt", string(id)),
			zap.String("state", string(a.live.State)))
	}
}

// Close ends every engine, commits what they decided, and waits for their goroutines. Calls go on by themselves.
func (d *Dispatcher) Close() {
	d.mu.Lock()
	d.closed = true
	d.mu.Unlock()
	d.each(func(r *running) { r.stop() })
	d.each(func(r *running) { <-r.done })
}
