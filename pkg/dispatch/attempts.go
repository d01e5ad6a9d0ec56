package dispatch

import (
	"errors"
	"time"

	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/call"
)

// staleClaim is how old a claim may be, in real time, when its commit is known. An older one rings nobody: the caller may
// have gone and the instant to dial by is near.
const staleClaim = 5 * time.Second

// pbxPause is how long, in real time, nothing is started after the switchboard has refused an order: whatever is
// wrong with it would use up every open occurrence's time.
const pbxPause = 2 * time.Second

// attempt is one try under way. The owner's.
type attempt struct {
	live       call.Live
	occurrence int64
	tried      []int64   // Callers who were offered it.
	placed     time.Time // Real time of the order.
	running    bool      // The order was handed over, or is about to be: the commit is known.
	recalled   bool
	elsewhere  bool // It was claimed by another node that led, and runs at its PBX.
	// unknown is its outcome when nobody knows what became of the order. The attempt is kept alive until nothing of it can
	// ring any more (until), in the records too: so nobody rings the number meanwhile, in no scheme and after no crash.
	unknown *call.Outcome
	until   time.Time
}

// claim starts what the board decided: the claim is committed first, the phones ring when that is known.
func (e *Engine) claim(s Start, now time.Time) {
	p, w := e.occurrences[s.Occurrence], e.staff[s.Caller]
	p.Deferred = s.Deferred
	if err := e.settings.Presentable(p.Kind); w == nil && err != nil {
		e.withhold(p, err, now)
		return
	}
	offer := 1
	if w == nil {
		offer = 0
	}
	order := e.order(p, w, call.NewID(), offer)
	a := &attempt{
		live: call.Live{Order: order, State: call.StateIntent, ClaimedAt: now}, occurrence: s.Occurrence,
		placed: e.opts.RealNow(),
	}
	if w != nil {
		a.tried = []int64{w.ID}
	}
	e.attempts[order.Attempt] = a
	e.admissions.at(order.Node).begin(order.Attempt.CallerLeg(offer), a.placed)
	p.State = call.OccurrenceClaimed
	e.record(Claim{Occurrence: s.Occurrence, Order: order, At: now})
	if w != nil {
		e.reserve(w, a, now)
	}
}

// reserve gives an attempt's caller to it.
func (e *Engine) reserve(w *worker, a *attempt, now time.Time) {
	w.once = w.State == call.CallerReadyOnce
	w.attempt = a.live.Order.Attempt
	w.readySince = w.Since
	e.setState(w, call.CallerReserved, "", now)
}

// briefing is how long a caller may listen, in real time, before a first call, to what she has to ask.
const briefing = 45 * time.Second

// order words the nth offer of an attempt; w is nil for a call that needs no caller.
func (e *Engine) order(p *promise, w *worker, id call.ID, offer int) call.Order {
	o := call.Order{
		Scheme: e.scheme, Attempt: id, Offer: offer, Kind: p.Kind, Node: e.board.NodeOf(p.ID),
		Number: NumberFor(&p.Occurrence), Trunk: e.board.TrunkOf(p.ID),
		Language: string(p.Language), CallerLanguage: string(p.Language),
		BeneficiaryRing: p.Ring, RungBefore: p.Rang,
	}
	o.CLI = e.settings.cli(o.Trunk, p.Kind)
	if w != nil {
		o.Caller, o.CallerEndpoint, o.CallerRing = w.ID, w.Endpoint, p.CallerRing
		if w.Endpoint == "" {
			o.CallerNumber = w.Number
		}
		if len(w.Languages) > 0 {
			o.CallerLanguage = string(w.Languages[0])
		}
		orDefault(&o.CallerRing, 20*time.Second)
	}
	orDefault(&o.BeneficiaryRing, time.Minute)
	// She may be rung until the window ends and not later; the PBX itself refuses after that.
	left := e.opts.real(p.Closes.Sub(e.opts.Now()))
	margin := e.opts.DialMargin
	if p.Kind == call.KindFirst {
		margin += briefing
	}
	o.DialBy = e.opts.RealNow().Add(min(o.CallerRing+margin, left))
	return o
}

// claimed learns whether a claim is committed, and rings if so.
func (e *Engine) claimed(op Claim, err error, now time.Time) {
	a := e.attempts[op.Order.Attempt]
	if a == nil {
		return
	}
	if err != nil {
		e.claimRefused(op, err, now)
		return
	}
	if left := e.callerLeft(a); left || e.draining || e.opts.RealNow().Sub(a.placed) > staleClaim {
		reason := call.ReasonDialBy
		switch {
		case e.draining:
			reason = call.ReasonDrained
		case left:
			reason = call.ReasonNoCaller
		}
		e.finish(a, call.Outcome{
			OfferState: call.OfferRecalled, Result: call.ResultCancelled, Reason: reason, Fault: call.FaultOurs,
		}, now)
		return
	}
	e.start(a)
}

// claimRefused undoes a claim that was not committed.
func (e *Engine) claimRefused(op Claim, err error, now time.Time) {
	delete(e.attempts, op.Order.Attempt)
	e.admissions.at(op.Order.Node).end(op.Order.Attempt.CallerLeg(op.Order.Offer)) // 0 for a call that needs no caller.
	p, w := e.occurrences[op.Occurrence], e.staff[op.Order.Caller]
	cause := causeOf(err)
	e.meter.refused(cause)
	switch {
	case w == nil:
	case cause == causeCallerReserved:
		e.pause(w, e.opts.DeclinePause, reasonElsewhere, now)
	default:
		e.restore(w, now)
	}
	p.State = call.OccurrenceOpen
	switch cause {
	case causeNumberBusy:
		p.NotBefore = now.Add(pauseAfterRefusal)
	case causeCallerReserved:
	case causeStale:
		// Somebody changed it behind our back: the records know.
		p.State = call.OccurrenceCancelled
		e.board.Release(&p.Occurrence, now)
		delete(e.occurrences, op.Occurrence)
		e.refresh(now)
		return
	default:
		p.NotBefore = now.Add(pauseAfterFault)
	}
	e.board.Release(&p.Occurrence, now)
}

// Why the store refused a claim or an offer, as counted.
const (
	causeNumberBusy     = "number_busy"
	causeCallerReserved = "caller_reserved"
	causeStale          = "stale"
	causeNotPresentable = "not_presentable"
	causeError          = "error"
)

func causeOf(err error) string {
	switch {
	case errors.Is(err, ErrNumberBusy):
		return causeNumberBusy
	case errors.Is(err, ErrCallerReserved):
		return causeCallerReserved
	case errors.Is(err, ErrStale):
		return causeStale
	default:
		return causeError
	}
}

// start hands an order over, in a goroutine of its own: the switchboard may take its time.
func (e *Engine) start(a *attempt) {
	a.running = true
	order, ctx := a.live.Order, e.ctx
	e.meter.starts.Inc()
	e.aside(func() {
		if err := e.opts.Switchboard.Start(ctx, order); err != nil {
			e.put(startFailed{order: order, err: err})
		}
	})
}

// notStarted ends an attempt whose order was not taken on: nothing rang.
func (e *Engine) notStarted(m startFailed, now time.Time) {
	e.log.Warn("order not taken on", zap.String("attempt", string(m.order.Attempt)), zap.Error(m.err))
	reason := call.ReasonNotPermitted
	if !errors.Is(m.err, ErrNotPermitted) {
		reason = call.ReasonPBXLost
		if m.order.Node != "" {
			e.board.Avoid(m.order.Node, now) // The others go on.
		} else {
			e.holdOff = now.Add(e.opts.service(pbxPause))
		}
	}
	e.ended(call.Outcome{
		Scheme: e.scheme, Attempt: m.order.Attempt, Offer: m.order.Offer, OfferState: call.OfferRecalled,
		Result: call.ResultFailed, Reason: reason, Fault: call.FaultOurs, At: now,
	}, now)
}

// step records that an attempt got further.
func (e *Engine) step(s call.Step, now time.Time) {
	a := e.attempts[s.Attempt]
	if a == nil || s.Offer != a.live.Order.Offer {
		e.meter.strays.Inc()
		return
	}
	if !a.live.State.CanBecome(s.State) {
		return
	}
	e.admissions.at(a.live.Order.Node).end(s.Attempt.CallerLeg(s.Offer))
	a.live.State = s.State
	s.Scheme = e.scheme
	if s.At.IsZero() {
		s.At = now
	}
	p, w := e.occurrences[a.occurrence], e.staff[a.live.Order.Caller]
	switch s.State {
	case call.StateRinging:
		p.Rang = true
		a.live.Channel = s.Channel
	case call.StateBridged:
		p.Rang = true
		p.State = call.OccurrenceLive
		a.live.BridgedAt = s.At
	default:
	}
	e.record(Progress{Step: s})
	if s.State != call.StateOffered && w != nil && w.State == call.CallerReserved {
		w.heard()
		e.setState(w, call.CallerInCall, "", now)
	}
}

// ended learns that an offer or a whole attempt has ended.
func (e *Engine) ended(out call.Outcome, now time.Time) {
	a := e.attempts[out.Attempt]
	if a == nil && e.restored && out.AttemptEnded() {
		// It was begun in the time that the store has lost: a person has to hear what came of it.
		if out.At.IsZero() {
			out.At = now
		}
		out.Scheme = e.scheme
		e.record(Finish{Outcome: out})
		return
	}
	if a == nil || !a.running || out.Offer != a.live.Order.Offer {
		e.meter.strays.Inc()
		return
	}
	switch until := e.ringsUntil(a, now); {
	case out.Result == call.ResultUnknown && now.Before(until):
		e.linger(a, out, until, now)
	case out.AttemptEnded():
		e.finish(a, out, now)
	default:
		e.offerEnded(a, out, now)
	}
}

// ringsUntil is the last instant, by the service's clock, at which an attempt's order can have the phone ring.
func (e *Engine) ringsUntil(a *attempt, now time.Time) time.Time {
	o := &a.live.Order
	return now.Add(e.opts.service(o.DialBy.Add(o.BeneficiaryRing).Sub(e.opts.RealNow())))
}

// linger releases the caller of an attempt whose fate is unknown and keeps everything else until nothing can ring.
func (e *Engine) linger(a *attempt, out call.Outcome, until, now time.Time) {
	a.running, a.unknown, a.until = false, &out, until
	e.admissions.at(a.live.Order.Node).end(out.Attempt.CallerLeg(out.Offer))
	id := a.live.Order.Attempt
	e.lingering = append(e.lingering, id)
	state := out.OfferState
	if state == "" {
		state = call.OfferFailed
	}
	if out.Offer > 0 {
		e.record(OfferEnd{Attempt: id, Offer: out.Offer, State: state, At: now})
	}
	if w := e.staff[a.live.Order.Caller]; w != nil && w.attempt == id {
		e.afterAttempt(w, out, now)
	}
}

// settleLingering ends the attempts of which nothing can ring any more, and returns when the next one is due.
func (e *Engine) settleLingering(now time.Time) (next time.Time) {
	kept := e.lingering[:0]
	for _, id := range e.lingering {
		a := e.attempts[id]
		if now.Before(a.until) {
			kept = append(kept, id)
			next = sooner(next, a.until)
			continue
		}
		out := *a.unknown
		out.At = now
		e.finish(a, out, now)
	}
	e.lingering = kept
	return next
}

// offerEnded goes on with another caller, or ends the attempt when there is none.
func (e *Engine) offerEnded(a *attempt, out call.Outcome, now time.Time) {
	e.meter.offer(out.OfferState)
	p, w := e.occurrences[a.occurrence], e.staff[a.live.Order.Caller]
	none := call.Outcome{
		Offer: out.Offer, OfferState: out.OfferState, Result: call.ResultCancelled, Reason: call.ReasonNoCaller,
		Fault: call.FaultNone, Cause: out.Cause,
	}
	if e.draining {
		none.Reason = call.ReasonDrained
		e.finish(a, none, now)
		return
	}
	next := int64(0)
	if !a.recalled && e.isHere(a) && !e.down && out.OfferState != call.OfferRecalled {
		next = e.board.Another(a.occurrence, a.tried, now)
	}
	if next == 0 {
		e.finish(a, none, now)
		return
	}
	e.record(OfferEnd{Attempt: out.Attempt, Offer: out.Offer, State: out.OfferState, At: now})
	e.afterOffer(w, out.OfferState, now)
	w = e.staff[next]
	order := e.order(p, w, out.Attempt, out.Offer+1)
	a.live.Order, a.live.State = order, call.StateIntent
	a.tried = append(a.tried, next)
	a.placed, a.running = e.opts.RealNow(), false
	e.admissions.at(order.Node).end(out.Attempt.CallerLeg(out.Offer))
	e.admissions.at(order.Node).begin(out.Attempt.CallerLeg(order.Offer), a.placed)
	e.record(Offer{Occurrence: a.occurrence, Order: order, At: now})
	e.reserve(w, a, now)
}

// offered learns whether a further offer is committed.
func (e *Engine) offered(op Offer, err error, now time.Time) {
	a := e.attempts[op.Order.Attempt]
	if a == nil || a.running || a.live.Order.Offer != op.Order.Offer {
		return
	}
	left := e.callerLeft(a)
	if err == nil && !left && !e.draining && e.opts.RealNow().Sub(a.placed) <= staleClaim {
		e.start(a)
		return
	}
	reason := call.ReasonNoCaller
	switch {
	case err != nil:
		e.meter.refused(causeOf(err))
	case e.draining:
		reason = call.ReasonDrained
	case left:
	default:
		reason = call.ReasonDialBy
	}
	out := call.Outcome{
		OfferState: call.OfferRecalled, Result: call.ResultCancelled, Reason: reason, Fault: call.FaultOurs,
	}
	if err != nil {
		out.Offer = op.Order.Offer - 1 // This one was never made.
	}
	e.finish(a, out, now)
}

// finish ends an attempt: outcome, settlement and the caller's next state are recorded together, and everything it held is
// free from now on, since what is claimed next is committed after it.
func (e *Engine) finish(a *attempt, out call.Outcome, now time.Time) {
	id := a.live.Order.Attempt
	out.Scheme, out.Attempt = e.scheme, id
	if out.Offer == 0 && out.OfferState == "" {
		out.Offer = a.live.Order.Offer
	}
	if out.At.IsZero() {
		out.At = now
	}
	if out.Fault == "" {
		out.Fault = call.FaultNone
	}
	p, w := e.occurrences[a.occurrence], e.staff[a.live.Order.Caller]
	p.Deferred = max(p.Deferred, e.board.Deferred(a.occurrence))
	out.Rang = out.Rang || out.Result == call.ResultAnswered || a.live.State == call.StateRinging || a.live.State == call.StateBridged
	terms := e.termsOf(p, now)
	terms.UnknownUntil = e.ringsUntil(a, now)
	s := SettlementOf(&p.Occurrence, out, terms)
	delete(e.attempts, id)
	e.admissions.at(a.live.Order.Node).end(id.CallerLeg(a.live.Order.Offer))
	f := Finish{Outcome: out, Settlement: s, Hard: p.Hard, Talk: e.opts.service(out.Talk)}
	e.record(f)
	e.meter.attempt(out.Result)

	vain := f.Vain(&p.Occurrence)
	p.State, p.Attempts, p.Rang = s.State, s.Attempts, s.Rang
	if s.State == call.OccurrenceOpen {
		p.NotBefore = s.NotBefore
	}
	if out.Result == call.ResultAnswered && a.live.Order.Caller != 0 {
		p.LastCaller = a.live.Order.Caller
	}
	if vain && p.Kind != call.KindConfirmation { // Who forges her number must not use her tries up.
		e.triedInVain(&p.Occurrence, now)
	}
	e.board.Release(&p.Occurrence, now)
	if s.State.Ended() {
		e.meter.settled(s.State)
		e.forget(a.occurrence)
	}
	if w != nil && w.attempt == id {
		w.expected = p.Hard
		if out.Result == call.ResultAnswered && p.Queued {
			w.keptFrom = now.Add(-e.opts.service(out.Talk))
		}
		e.afterAttempt(w, out, now)
	}
}

// adopt takes an attempt over that an earlier process left.
func (e *Engine) adopt(l LiveAttempt, now time.Time) {
	p := e.occurrences[l.Occurrence]
	if p == nil {
		e.log.Error("live attempt without its occurrence", zap.String("attempt", string(l.Order.Attempt)))
		return
	}
	if p.State == call.OccurrenceOpen {
		p.State = call.OccurrenceClaimed
	}
	e.board.Adopt(&p.Occurrence, l.Order.Caller, l.Order.Number, now)
	if l.Order.Trunk != "" {
		e.board.rehome(p.ID, e.network.get(l.Order.Trunk))
	}
	if l.Node != e.opts.Holder {
		e.board.move(p.ID, l.Node)
	}
	e.attempts[l.Order.Attempt] = &attempt{
		live: l.Live, occurrence: l.Occurrence, tried: []int64{l.Order.Caller}, running: true,
		elsewhere: l.Node != "" && l.Node != e.opts.Holder,
	}
	if w := e.staff[l.Order.Caller]; w != nil {
		w.attempt = l.Order.Attempt
	}
}
