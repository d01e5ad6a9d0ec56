package dispatch

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/schedule"
)

// longestSleep is the longest real time an engine sleeps without looking at its clock: somebody may set that clock.
const longestSleep = time.Minute

// Engine is the dispatcher of one scheme. One goroutine owns everything below "owner"; the others put messages into its
// inbox. The inbox grows and never refuses: a live call sends a handful of messages, so it is bounded by the calls under
// way.
type Engine struct {
	opts   Options
	scheme int64
	log    *zap.Logger
	meter  *meter
	wake   chan struct{}  // Size 1: a wake-up that is pending already need not be doubled.
	work   sync.WaitGroup // Orders on their way to the switchboard, and a refresh.

	simulated  bool        // By a Simulation: everything happens in the goroutine of its holder.
	admissions *admissions // To the PBXs.
	network    *trunks     // With the lines in use; shared by the schemes that are led here.

	mu     sync.Mutex
	inbox  []message
	deaf   bool  // Nobody reads the inbox any more.
	health error // Why the engine starts nothing now; nil while it does.

	// Owner.
	ctx         context.Context
	settings    Scheme
	calendar    *schedule.Calendar
	rules       schedule.Rules
	tried       map[int64]tries // By person; who was not tried in vain on her date is not in it, or not for long.
	board       *Board
	decision    Decision
	recorder    *recorder
	epoch       int64
	turn        uint64
	occurrences map[int64]*promise
	gone        map[int64]uint64 // Occurrences that ended, and the turn in which their end was committed (0: not yet).
	attempts    map[call.ID]*attempt
	staff       map[int64]*worker
	heldNumbers map[string]string  // By key.
	beside      map[string]*trunk  // Lines used for calls that are no promises, by key: see TakeLine.
	queue       map[string]*waiter // Parties who wait for a registrar or talk to one, by key.
	talks       []call.Talk        // Those who talked to one when the lead was taken.
	lost        []call.Live        // Attempts of a time that the store has lost.
	restored    bool               // The store was brought back to an earlier moment, and nobody has decided on that yet.
	callbacks   map[int64]struct{} // Occurrences that wait in the queue.
	handled     []time.Duration    // How long the last conversations kept a registrar.
	pledges     []pledge           // Calls today that were said yes to and may not be booked yet.
	alarms      []wakeUp
	lingering   []call.ID // Attempts of unknown fate that may still ring.
	down        bool      // The store is out of reach.
	fencedOff   bool
	draining    bool
	doubt       bool // Nobody knows what time it is: nothing starts.
	refreshing  bool
	again       bool // Somebody asked for another load meanwhile.
	planning    bool
	planAgain   bool // Somebody asked for another plan meanwhile.
	planNow     bool // What is left to be booked when the lead is taken is booked while calls start.
	refreshAt   time.Time
	until       time.Time // What opens before is held; zero means the horizon.
	holdOff     time.Time // Until when nothing starts, because the switchboard refused an order.
	drained     []chan struct{}
}

// message is what the owner is told.
type message any

type (
	fenced    struct{}
	storeDown bool
	recorded  []verdict
	loaded    struct {
		snap *Snapshot
		err  error
		turn uint64 // In which the load began.
		// unsure: operations were waiting to be committed then, so that counters may be behind.
		unsure bool
	}
	planned struct {
		booked int
		err    error
	}
	startFailed struct {
		order call.Order
		err   error
	}
	question func(now time.Time)
)

// promise is an occurrence with what the owner knows besides.
type promise struct {
	Occurrence
	touched uint64 // The last turn in which a change of it was made or committed.
	pending int    // Operations not committed yet.
}

func newEngine(opts Options, scheme int64, m *metrics) *Engine {
	return &Engine{
		opts: opts, scheme: scheme, log: opts.Logger.With(zap.Int64("scheme", scheme)), meter: m.scheme(scheme),
		wake: make(chan struct{}, 1), network: &trunks{}, admissions: &admissions{}, health: errors.New("not started"),
		occurrences: map[int64]*promise{}, gone: map[int64]uint64{}, attempts: map[call.ID]*attempt{},
		staff: map[int64]*worker{}, tried: map[int64]tries{}, heldNumbers: map[string]string{}, beside: map[string]*trunk{}, queue: map[string]*waiter{}, callbacks: map[int64]struct{}{},
	}
}

// put appends to the inbox. It never blocks. What comes after the owner has ended is for whoever leads next to find out.
func (e *Engine) put(m message) {
	e.mu.Lock()
	if e.deaf {
		e.mu.Unlock()
		e.meter.strays.Inc()
		return
	}
	e.inbox = append(e.inbox, m)
	e.mu.Unlock()
	e.poke()
}

// poke has the owner take a turn.
func (e *Engine) poke() {
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

func (e *Engine) take(into []message) []message {
	e.mu.Lock()
	defer e.mu.Unlock()
	into = append(into[:0], e.inbox...)
	clear(e.inbox)
	e.inbox = e.inbox[:0]
	return into
}

// Healthy says why the engine starts nothing now: ErrStoreDown, ErrFenced, or that it has not begun. Nil means it works.
func (e *Engine) Healthy() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.health
}

func (e *Engine) setHealth(err error) {
	e.mu.Lock()
	e.health = err
	e.mu.Unlock()
}

// silence ends the inbox.
func (e *Engine) silence() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.deaf, e.inbox = true, nil
	if e.health == nil {
		e.health = errors.New("stopped")
	}
}

// configure takes the scheme's settings over.
func (e *Engine) configure(s Scheme) error {
	if s.Zone == nil {
		s.Zone = time.UTC
	}
	if e.calendar == nil || s.Country != e.settings.Country || s.Region != e.settings.Region {
		calendar, err := s.Calendar()
		if err != nil {
			return fmt.Errorf("configure scheme: %w", err)
		}
		e.calendar = calendar
	}
	e.settings = s
	limits := Limits{Hold: s.Hold, Lead: e.opts.service(e.opts.Lead), Load: s.Load}
	if e.opts.Together > 0 {
		limits.Gather = e.opts.service(e.opts.Together)
	}
	// Half of what is left for outbound calls: neither people nor machines wait for the other to be done.
	for _, t := range s.ways() {
		limits.Lines += t.Lines
		limits.InboundReserve += t.reserve()
		interval, _ := e.paceOf(t)
		limits.Interval = max(limits.Interval, interval)
	}
	limits.Automatic = max(1, (limits.Lines-limits.InboundReserve+1)/2)
	e.rules = RulesOf(&s, e.calendar)
	if e.board == nil {
		e.board = NewBoard(limits, e.rules)
	} else {
		e.board.Configure(limits, e.rules)
	}
	e.useTrunks()
	e.halt()
	return nil
}

// run owns the state until the context ends or another node takes the lead (ErrFenced).
func (e *Engine) run(ctx context.Context) error {
	e.ctx = ctx
	var adopted []call.Live
	for _, a := range e.attempts {
		adopted = append(adopted, a.live)
	}
	e.opts.Switchboard.AdoptTalks(ctx, e.talks)
	e.opts.Switchboard.Adopt(ctx, append(adopted, e.lost...))
	e.setHealth(nil)
	defer e.silence()
	defer e.quit()

	timer := time.NewTimer(0)
	defer timer.Stop()
	var batch []message
	for {
		batch = e.take(batch)
		now := e.opts.Now()
		began := time.Now()
		wake := e.act(now, batch)
		clear(batch)
		e.meter.turn.Observe(time.Since(began).Seconds())
		if e.fencedOff {
			e.log.Error("another node leads this scheme: stopped acting for it")
			e.setHealth(ErrFenced)
			return ErrFenced
		}
		timer.Reset(e.sleep(now, wake))
		select {
		case <-ctx.Done():
			return nil
		case <-e.wake:
		case <-timer.C:
		}
	}
}

// sleep is the real time until an instant of the service's clock. A hair is added: a timer that fires early by rounding
// would only look again.
func (e *Engine) sleep(now, wake time.Time) time.Duration {
	if wake.IsZero() {
		return longestSleep
	}
	return min(max(e.opts.real(wake.Sub(now)), 0)+time.Microsecond, longestSleep)
}

// act is one turn: what has been told, what has come due, what starts. It returns when to look again.
func (e *Engine) act(now time.Time, batch []message) time.Time {
	e.turn++
	for _, m := range batch {
		e.hear(m, now)
	}
	if e.fencedOff {
		return time.Time{}
	}
	e.rouse(now)
	if !now.Before(e.refreshAt) {
		e.refresh(now)
	}
	if e.planNow {
		e.planNow = false
		e.plan(now)
	}
	wake := sooner(e.refreshAt, e.settleLingering(now))
	wake = sooner(wake, e.askClock(now))
	wake = sooner(wake, e.serveQueue(now)) // First: those who wait on the line hear how long it takes.
	if len(e.alarms) > 0 {
		wake = sooner(wake, e.alarms[0].at)
	}
	switch {
	case e.down: // Nothing new is claimed.
		e.admissions.leave(e)
	case now.Before(e.holdOff):
		e.admissions.leave(e)
		wake = sooner(wake, e.holdOff)
	default:
		wake = sooner(wake, e.decide(now))
	}
	e.meter.waiting.Set(float64(e.waitingParties()))
	e.meter.owed.Set(float64(len(e.callbacks)))
	e.meter.held.Set(float64(len(e.occurrences)))
	e.meter.live.Set(float64(len(e.attempts)))
	e.meter.free.Set(float64(max(e.board.lines(), 0)))
	if e.draining && !e.callsHere() {
		for _, done := range e.drained {
			close(done)
		}
		e.drained = nil
	}
	return wake
}

// isHere reports whether an attempt is at this node's PBX. Another caller is offered only such a one: one that is elsewhere ends
// when its caller does not take it, and the next attempt is made wherever there is room.
func (e *Engine) isHere(a *attempt) bool {
	return !a.elsewhere && (a.live.Order.Node == "" || a.live.Order.Node == e.opts.Holder)
}

// callsHere reports whether a call is under way at this node's PBX.
func (e *Engine) callsHere() bool {
	for _, a := range e.attempts {
		if a.unknown == nil && e.isHere(a) {
			return true
		}
	}
	return false
}

func (e *Engine) hear(m message, now time.Time) {
	switch m := m.(type) {
	case call.Step:
		e.step(m, now)
	case call.Outcome:
		e.ended(m, now)
	case call.Answer:
		e.answered(m, now)
	case recorded:
		for _, v := range m {
			e.confirmed(v, now)
		}
	case startFailed:
		e.notStarted(m, now)
	case loaded:
		e.merge(m, now)
	case planned:
		e.bookedAhead(m, now)
	case question:
		m(now)
	case storeDown:
		e.down = bool(m)
		if e.down {
			e.log.Warn("store out of reach: nothing new is claimed")
			e.setHealth(ErrStoreDown)
			return
		}
		e.log.Info("store reached again")
		e.setHealth(nil)
	case fenced:
		e.fencedOff = true
	}
}

// record hands operations to the recorder and remembers which promises they change.
func (e *Engine) record(ops ...Op) {
	for _, op := range ops {
		if p := e.occurrences[occurrenceOf(op)]; p != nil {
			p.pending++
			p.touched = e.turn
		}
	}
	e.recorder.add(ops...)
}

// occurrenceOf is the occurrence an operation changes; 0 when it changes none that is held.
func occurrenceOf(op Op) int64 {
	switch op := op.(type) {
	case Claim:
		return op.Occurrence
	case Finish:
		return op.Settlement.Occurrence
	case Settle:
		return op.Settlement.Occurrence
	default:
		return 0
	}
}

// confirmed is told what became of one operation.
func (e *Engine) confirmed(v verdict, now time.Time) {
	id := occurrenceOf(v.op)
	if p := e.occurrences[id]; p != nil {
		p.pending--
		p.touched = e.turn
	} else if _, ok := e.gone[id]; ok {
		e.gone[id] = e.turn
	}
	switch op := v.op.(type) {
	case Claim:
		e.claimed(op, v.err, now)
	case Offer:
		e.offered(op, v.err, now)
	case Finish:
		e.booked(op.Settlement.Next, v.err, now)
	case Settle:
		e.booked(op.Settlement.Next, v.err, now)
	case Answer:
		e.booked(op.Callback, v.err, now)
	case CloseCall:
		// The call that follows may have moved, and both days may lie within the horizon: the records know.
		if op.DayLater && v.err == nil {
			e.refresh(now)
		}
	}
}

// booked takes an occurrence over that was booked with the end of another, if it lies within the horizon.
func (e *Engine) booked(next *Occurrence, err error, now time.Time) {
	switch {
	case next == nil:
	case next.ID == 0:
		// Refused, or recorded by a batch whose answer was lost: the records know.
		e.refresh(now)
	case err == nil && e.within(next.Opens, now):
		if _, known := e.occurrences[next.ID]; known {
			return
		}
		if _, ended := e.gone[next.ID]; ended {
			return
		}
		e.spare(next, now)
		p := &promise{Occurrence: *next, touched: e.turn}
		e.keep(p)
		e.board.Put(&p.Occurrence, now)
	}
}

// lapse ends an occurrence whose window has closed.
func (e *Engine) lapse(id int64, now time.Time) {
	p := e.occurrences[id]
	if p == nil {
		return
	}
	p.Deferred = e.board.Deferred(id)
	s := LapsedSettlement(&p.Occurrence, now, e.termsOf(p, now))
	e.record(Settle{Settlement: s})
	e.board.Remove(id)
	e.forget(id)
	e.meter.settled(s.State)
}

// keep takes a promise over.
func (e *Engine) keep(p *promise) {
	e.occurrences[p.ID] = p
	if p.Queued {
		e.callbacks[p.ID] = struct{}{}
	}
}

// forget drops a promise that has ended; a load that began before its end was committed must not bring it back.
func (e *Engine) forget(id int64) {
	delete(e.occurrences, id)
	e.gone[id] = 0
}

// callbackTries is how often a callback of the line is tried.
const callbackTries = 2

func (e *Engine) termsOf(p *promise, now time.Time) Terms {
	t := Terms{Ladder: e.settings.Retry, Rules: e.rules, Tried: e.triedToday(&p.Occurrence, now)}
	if p.Queued {
		t.Ladder.MaxAttempts = callbackTries
	}
	return t
}
