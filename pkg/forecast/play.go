package forecast

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
)

// play is one day being played. It is the Store and the Switchboard of its simulation.
type play struct {
	*stage
	sim      *dispatch.Simulation
	dice     chance
	now      time.Time
	events   eventHeap
	calls    []ring
	spare    []int32
	attempts map[call.ID]int32 // To the promise.
	promises []promised
	moved    map[int64]int32 // What was booked for a further window of the day: to the promise.
	staff    []attendant
	open     int
	live     int
	tally    *tally
	err      error
}

// promised is how a promise stands.
type promised struct {
	due    time.Time
	rings  uint32 // How often her phone was to ring, and
	starts uint32 // how many offers were made for her.
	ended  bool
}

// attendant is how a caller stands.
type attendant struct {
	state   call.CallerState
	since   time.Time
	here    bool // Her shift runs.
	leaving bool // It is over, or a break is due, but she is in a call.
	pausing bool
	breaks  uint64
	shift   int
}

// ring is an order under way.
type ring struct {
	order   call.Order
	promise int32
	caller  int32 // -1 for none.
	out     call.Outcome
	hard    bool
}

// What happens by itself.
const (
	shiftBegins = iota // Of a caller.
	shiftEnds
	breakDue
	comesBack // From a break, or after an offer she missed.
	picksUp   // Of an order: the caller answers, and the person's phone rings.
	hangsUp
)

// tally is what came of one play.
type tally struct {
	hours  [24]hourTally
	missed []int32 // Promises, by index.
	wasted []int32 // Promises that ended unreached.
	waits  [waitBuckets]int32
	lines  int // Most lines in use at once.
}

type hourTally struct {
	reached, unreached, missed, cancelled int32
	starts                                int32
	waited, busy, duty                    time.Duration
}

// waitBuckets are minutes; the last one holds all that is longer.
const waitBuckets = 241

// playOnce plays the day once.
func (s *stage) playOnce(ctx context.Context, dice chance) (*tally, error) {
	p := &play{
		stage: s, dice: dice, now: s.day.From, attempts: map[call.ID]int32{}, promises: make([]promised, len(s.snap.Occurrences)),
		staff: make([]attendant, len(s.callers)), open: len(s.snap.Occurrences), tally: &tally{},
	}
	for i := range p.promises {
		p.promises[i].due = later(s.snap.Occurrences[i].Opens, s.snap.Occurrences[i].NotBefore)
		if p.promises[i].due.Before(p.now) {
			p.promises[i].due = p.now
		}
	}
	sim, err := dispatch.NewSimulation(ctx, s.snap.Scheme.ID, p.now, dispatch.Options{
		Store: p, Switchboard: p, Logger: zap.NewNop(), Lead: s.lead, Horizon: 10 * longestDay,
	})
	if err != nil {
		return nil, fmt.Errorf("simulate day: %w", err)
	}
	p.sim = sim
	for k := range s.callers {
		p.staff[k] = attendant{state: call.CallerOff, since: p.now}
		if shifts := s.callers[k].Shifts; len(shifts) > 0 {
			p.events.push(shifts[0].Begins, shiftBegins, int32(k))
		}
	}
	p.run()
	for k := range p.staff {
		p.changed(int32(k), call.CallerOff)
	}
	if p.open > 0 && p.err == nil {
		p.err = fmt.Errorf("%d promises of a simulated day never ended", p.open)
	}
	return p.tally, p.err
}

func (p *play) run() {
	again := p.sim.Turn(p.now)
	for p.err == nil {
		next, some := p.events.next()
		if !again.IsZero() && (!some || again.Before(next)) {
			next = again
		} else if !some {
			return
		}
		if next.After(p.most) || !some && p.open == 0 && p.live == 0 {
			return
		}
		if next.After(p.now) {
			p.now = next
		}
		turn := !again.IsZero() && !again.After(p.now)
		for {
			at, some := p.events.next()
			if !some || at.After(p.now) {
				break
			}
			e := p.events.pop()
			p.happen(e)
			turn = turn || e.kind != picksUp
		}
		if turn {
			again = p.sim.Turn(p.now)
		}
	}
}

func (p *play) happen(e event) {
	switch e.kind {
	case shiftBegins:
		p.begin(e.of)
	case shiftEnds:
		p.end(e.of)
	case breakDue:
		p.rest(e.of)
	case comesBack:
		if a := &p.staff[e.of]; a.here && (a.state == call.CallerBreak || a.state == call.CallerSetAside) {
			p.wish(e.of, call.CallerReady)
			p.nextBreak(e.of)
		}
	case picksUp:
		p.pickUp(e.of)
	case hangsUp:
		p.hangUp(e.of)
	}
}

// wish is a caller's own change of state; it reports false when she has to end her call first.
func (p *play) wish(k int32, state call.CallerState) bool {
	err := p.sim.SetState(p.callers[k].ID, state, p.now)
	if err != nil && !errors.Is(err, dispatch.ErrCallerBusy) && p.err == nil {
		p.err = fmt.Errorf("simulate caller: %w", err)
	}
	return err == nil
}

func (p *play) begin(k int32) {
	a, c := &p.staff[k], &p.callers[k]
	a.here, a.leaving = true, false
	p.events.push(c.Shifts[a.shift].Ends, shiftEnds, k)
	if c.Enabled {
		p.wish(k, call.CallerReady)
	}
	p.nextBreak(k)
}

func (p *play) end(k int32) {
	a, c := &p.staff[k], &p.callers[k]
	a.here = false
	a.leaving = c.Enabled && !p.wish(k, call.CallerOff)
	if a.shift++; a.shift < len(c.Shifts) {
		p.events.push(c.Shifts[a.shift].Begins, shiftBegins, k)
	}
}

// nextBreak has a caller take a break after some work, unless her shift is nearly over then.
func (p *play) nextBreak(k int32) {
	if p.model.work <= 0 || p.model.rest <= 0 {
		return
	}
	a, c := &p.staff[k], &p.callers[k]
	a.breaks++
	dice := p.dice.with(diceBreaks).with(uint64(c.ID)).with(a.breaks)
	at := p.now.Add(time.Duration((0.75 + 0.5*dice.unit()) * float64(p.model.work)))
	if at.Add(2 * p.model.rest).Before(c.Shifts[a.shift].Ends) {
		p.events.push(at, breakDue, k)
	}
}

func (p *play) rest(k int32) {
	a := &p.staff[k]
	switch {
	case !a.here || a.state == call.CallerSetAside || a.state == call.CallerBreak:
	case p.wish(k, call.CallerBreak):
		a.pausing = false
		p.events.push(p.now.Add(p.model.rest), comesBack, k)
	default:
		a.pausing = true
	}
}

// What dice are thrown for.
const (
	diceRing = iota
	diceOffer
	diceBreaks
)

// pickUp has the caller answer, if the order is for one, and the person's phone ring.
func (p *play) pickUp(slot int32) {
	r := &p.calls[slot]
	o, person := &r.order, &p.promises[r.promise]
	p.sim.Step(call.Step{Scheme: o.Scheme, Attempt: o.Attempt, Offer: o.Offer, State: call.StateRinging, At: p.now}, p.now)
	dice := p.dice.with(diceRing).with(uint64(p.snap.Occurrences[r.promise].ID)).with(uint64(person.rings))
	person.rings++
	took := 2 * time.Second
	result := p.model.resultOf(p.hour(p.now), &dice)
	r.out = call.Outcome{OfferState: call.OfferAccepted, Result: results()[result], Fault: call.FaultTheirs, Rang: true}
	switch result {
	case answered:
		took = p.model.answer
		r.out.Talk = p.model.talkOf(p.snap.Occurrences[r.promise].Length, &dice)
		if r.caller < 0 {
			r.out.Talk = machineTalk
		}
		r.out.Fault = call.FaultNone
		r.hard = dice.unit() < p.model.hard
	case noAnswer:
		took = o.BeneficiaryRing
	case machine:
		took = p.model.answer
	case failed:
		r.out.Reason, r.out.Rang = call.ReasonInvalidNumber, false
	case congestion:
		r.out.Fault, r.out.Rang = call.FaultNetwork, false
	}
	p.events.push(p.now.Add(took+r.out.Talk), hangsUp, slot)
}

// hangUp ends an order, or an offer that was not taken.
func (p *play) hangUp(slot int32) {
	r := p.calls[slot]
	p.spare = append(p.spare, slot)
	p.live--
	out := r.out
	out.Scheme, out.Attempt, out.Offer, out.At = r.order.Scheme, r.order.Attempt, r.order.Offer, p.now
	p.sim.Ended(out, p.now)
	if r.caller < 0 {
		return
	}
	if r.hard {
		p.sim.CloseCall(dispatch.CloseCall{
			Attempt: out.Attempt, Caller: r.order.Caller, Disposition: call.DispositionDifficult, At: p.now,
		}, p.now)
	}
	switch a := &p.staff[r.caller]; {
	case a.leaving:
		a.leaving = !p.wish(r.caller, call.CallerOff)
	case a.pausing && p.wish(r.caller, call.CallerBreak):
		a.pausing = false
		p.events.push(p.now.Add(p.snap.Scheme.WrapUp+p.model.rest), comesBack, r.caller)
	}
}

// Start implements dispatch.Switchboard.
func (p *play) Start(_ context.Context, o call.Order) error {
	slot := int32(len(p.calls))
	if n := len(p.spare); n > 0 {
		slot, p.spare = p.spare[n-1], p.spare[:n-1]
	} else {
		p.calls = append(p.calls, ring{})
	}
	r := &p.calls[slot]
	*r = ring{order: o, promise: p.attempts[o.Attempt], caller: -1}
	p.live++
	p.tally.lines = max(p.tally.lines, p.live)
	if o.Caller == 0 {
		p.events.push(p.now, picksUp, slot)
		return nil
	}
	r.caller = p.caller[o.Caller]
	person := &p.promises[r.promise]
	dice := p.dice.with(diceOffer).with(uint64(p.snap.Occurrences[r.promise].ID)).with(uint64(person.starts))
	person.starts++
	switch u := dice.unit(); {
	case u < p.model.offers[0]:
		r.out.OfferState = call.OfferDeclined
		p.events.push(p.now.Add(min(p.model.pickUp, o.CallerRing)), hangsUp, slot)
	case u < p.model.offers[1]:
		r.out.OfferState = call.OfferTimedOut
		p.events.push(p.now.Add(o.CallerRing), hangsUp, slot)
	case u < p.model.offers[2]:
		r.out.OfferState = call.OfferFailed
		p.events.push(p.now.Add(time.Second), hangsUp, slot)
	default:
		p.events.push(p.now.Add(min(p.model.pickUp, o.CallerRing)), picksUp, slot)
	}
	return nil
}

// Recall implements dispatch.Switchboard: nothing is drained in a simulation.
func (p *play) Recall(call.ID) {}

// Adopt implements dispatch.Switchboard: nothing lives when a simulation begins.
func (p *play) Adopt(context.Context, []call.Live) {}

// AdoptTalks implements dispatch.Switchboard.
func (p *play) AdoptTalks(context.Context, []call.Talk) {}

// Lead implements dispatch.Store.
func (p *play) Lead(context.Context, int64, string, time.Time) (int64, error) { return 1, nil }

// Load implements dispatch.Store.
func (p *play) Load(context.Context, int64, time.Time, time.Time) (*dispatch.Snapshot, error) {
	return &p.snap, nil
}

// Plan implements dispatch.Store: the day holds what is booked and what will be.
func (p *play) Plan(context.Context, int64, int64, time.Time, time.Time) (int, error) { return 0, nil }

// Apply implements dispatch.Store. It refuses nothing.
func (p *play) Apply(_ context.Context, _, _ int64, _ time.Time, ops []dispatch.Op) ([]error, error) {
	for _, op := range ops {
		switch op := op.(type) {
		case dispatch.Claim:
			i := p.indexOf(op.Occurrence)
			p.attempts[op.Order.Attempt] = i
			p.started(i)
			if p.seen != nil {
				p.seen(p, i, &op.Order)
			}
		case dispatch.Finish:
			delete(p.attempts, op.Outcome.Attempt)
			p.settled(op.Settlement)
		case dispatch.Settle:
			p.settled(op.Settlement)
		case dispatch.CallerChange:
			p.changed(p.caller[op.Caller], op.State)
		}
	}
	return nil, nil
}

func (p *play) started(i int32) {
	waited := p.now.Sub(p.promises[i].due)
	h := &p.tally.hours[p.hour(p.now)]
	h.starts++
	h.waited += waited
	p.tally.waits[min(max(int(waited/time.Minute), 0), waitBuckets-1)]++
}

// firstMoved is beyond the key of every promise.
const firstMoved = 1 << 61

// indexOf finds the promise of an occurrence.
func (p *play) indexOf(occurrence int64) int32 {
	if i, ok := p.moved[occurrence]; ok {
		return i
	}
	return p.promise[occurrence]
}

func (p *play) settled(s dispatch.Settlement) {
	i := p.indexOf(s.Occurrence)
	person := &p.promises[i]
	switch {
	case s.State == call.OccurrenceOpen:
		person.due = later(s.NotBefore, p.now)
		return
	case s.State == call.OccurrenceMoved && s.Next != nil:
		if p.moved == nil {
			p.moved = map[int64]int32{}
		}
		s.Next.ID = firstMoved + int64(len(p.moved))
		p.moved[s.Next.ID] = i
		person.due = later(s.Next.NotBefore, s.Next.Opens)
		return
	}
	if person.ended && p.err == nil {
		p.err = fmt.Errorf("promise %d of a simulated day ended twice", s.Occurrence)
	}
	person.ended = true
	p.open--
	h := &p.tally.hours[p.hour(p.now)]
	switch s.State {
	case call.OccurrenceReached:
		h.reached++
	case call.OccurrenceUnreached:
		h.unreached++
		p.tally.wasted = append(p.tally.wasted, i)
	case call.OccurrenceMissed:
		// It broke in the last hour of its window.
		p.tally.hours[p.hour(p.now.Add(-1))].missed++
		p.tally.missed = append(p.tally.missed, i)
	default:
		h.cancelled++
	}
}

// changed counts the time that a caller spent in the state she leaves.
func (p *play) changed(k int32, state call.CallerState) {
	a := &p.staff[k]
	if a.state != call.CallerOff {
		working := a.state == call.CallerReserved || a.state == call.CallerInCall || a.state == call.CallerWrapUp
		for from := a.since; from.Before(p.now); {
			hour := p.hour(from)
			to := p.now
			if end := time.Unix(0, p.noon+int64(hour+1)*int64(time.Hour)); hour < 23 && end.Before(to) {
				to = end
			}
			h := &p.tally.hours[hour]
			h.duty += to.Sub(from)
			if working {
				h.busy += to.Sub(from)
			}
			from = to
		}
	}
	a.state, a.since = state, p.now
	if state == call.CallerSetAside {
		p.events.push(p.now.Add(setAside), comesBack, k)
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
