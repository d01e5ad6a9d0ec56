package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/callflow"
	"github.com/rappel-tel/rappel/pkg/natsbus"
)

const (
	askEvery = time.Second     // How often a node is asked how its calls go on; real time.
	askLimit = 2 * time.Second // For its answer.
	// silenceLimit is how long a node that does not answer keeps its calls. A service that was killed is back within it.
	silenceLimit = time.Minute
	// leavingLimit is how long a caller whose call has ended counts as being on the line at a node that does not answer.
	leavingLimit = 10 * time.Second
	// estimatedTalkLimit bounds the talk time of a call whose end nobody saw, as in package callflow.
	estimatedTalkLimit = 30 * time.Minute
)

// elsewhere follows the calls of schemes that are led here and run at another node's PBX: they were placed there from here, or that
// node led when they were claimed. What happens is told by the node; besides, it is asked again and again, and what it says is
// handed to the dispatcher. Nothing is ever posted for such a call here.
//
//	the node answers                what it says: steps, outcome, the caller's keys, her leaving
//	it answers after a silence      the same; a service that started anew adopts them first
//	it is silent for ten seconds    a caller whose call has ended has left
//	 ... for a minute               bridged: answered, restart, end estimated
//	 ... and nothing can ring more  otherwise: unknown, restart, fault ours
type elsewhere struct {
	node    string // This one.
	ask     func(ctx context.Context, node string, q inquiry) (deposition, error)
	hand    func(ctx context.Context, node string, h handover) error
	desk    closer
	refused func(node string) // Notes that a node takes no orders now; nil tells nobody.
	log     *zap.Logger
	now     func() time.Time // The service's clock.
	real    func() time.Time // In which the instant to dial by is given.

	wg sync.WaitGroup

	mu        sync.Mutex
	followers map[string]*follower  // By node and scheme.
	places    map[call.ID]*follower // Of every call that is followed.
}

// follower follows the calls of one scheme at one node, in a goroutine of its own that ends with the last of them.
type follower struct {
	ctx   context.Context // Of the lead of the scheme.
	node  string
	wake  chan struct{} // Size 1: see Engine.wake.
	added []call.Live   // Guarded by elsewhere.mu, like what follows.
	heard []deposition
}

// closer is the dispatcher.
type closer interface {
	PlacedAt(node string, attempt call.ID, offer int, took time.Duration)
	Step(s call.Step)
	Answered(a call.Answer)
	Ended(o call.Outcome)
	CallerLeft(scheme, caller int64, attempt call.ID, at time.Time)
	CloseCall(ctx context.Context, c callflow.Closing) error
}

// told is how much of an account the dispatcher was told.
type told struct {
	live                              call.Live
	placed, steps, outcomes, closings int
	ended                             bool // It has an outcome.
}

// place hands an order to the node at whose PBX it is to be run, and follows it there. The node reads it from the records: nobody's
// number travels. An error says that nothing was posted. When no answer comes that is not known: the node is asked, and
// refuses an order that comes later.
func (e *elsewhere) place(ctx context.Context, o call.Order) error {
	limited, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	err := e.hand(limited, o.Node, handover{From: e.node, Scheme: o.Scheme, Attempt: o.Attempt, Offer: o.Offer})
	if err != nil && e.refused != nil {
		e.refused(o.Node)
	}
	if errors.Is(err, natsbus.ErrRefused) || errors.Is(err, natsbus.ErrNobody) {
		return fmt.Errorf("place a call at %s: %w", o.Node, err)
	}
	if err != nil {
		e.log.Warn("a node does not say whether it has taken an order", zap.String("node", o.Node), zap.String("attempt", string(o.Attempt)), zap.Error(err))
	}
	e.follow(ctx, o.Node, []call.Live{{Order: o, State: call.StateIntent, Node: o.Node}})
	return nil
}

// recall takes back an offer at another node's PBX, and reports whether the call is at one.
func (e *elsewhere) recall(ctx context.Context, attempt call.ID) bool {
	e.mu.Lock()
	f := e.places[attempt]
	e.mu.Unlock()
	if f == nil {
		return false
	}
	limited, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	if err := e.hand(limited, f.node, handover{From: e.node, Attempt: attempt, Recall: true}); err != nil {
		e.log.Debug("a node does not take an offer back", zap.String("node", f.node), zap.Error(err)) // Her phone rings to its end.
	}
	return true
}

// follow follows calls at a node until they have ended, or ctx does: another node leads then. It returns at once.
func (e *elsewhere) follow(ctx context.Context, node string, live []call.Live) {
	if len(live) == 0 {
		return
	}
	key := fmt.Sprintf("%s %d", node, live[0].Order.Scheme)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.followers == nil {
		e.followers, e.places = map[string]*follower{}, map[call.ID]*follower{}
	}
	f := e.followers[key]
	if f == nil || f.ctx != ctx {
		f = &follower{ctx: ctx, node: node, wake: make(chan struct{}, 1)}
		e.followers[key] = f
		e.wg.Go(func() { e.run(f, key) })
	}
	for _, l := range live {
		e.places[l.Order.Attempt] = f
	}
	f.added = append(f.added, live...)
	f.poke()
}

func (f *follower) poke() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// hear takes what a node tells by itself.
func (e *elsewhere) hear(text []byte) {
	var d deposition
	if json.Unmarshal(text, &d) != nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if f := e.followers[fmt.Sprintf("%s %d", d.Node, d.Scheme)]; f != nil {
		f.heard = append(f.heard, d)
		f.poke()
	}
}

// run follows until nothing is left.
func (e *elsewhere) run(f *follower, key string) {
	calls := map[call.ID]*told{}
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	defer func() { e.forget(f, key, calls) }()
	heard, due := time.Now(), true
	for {
		e.mu.Lock()
		added, accounts := f.added, f.heard
		f.added, f.heard = nil, nil
		if len(calls)+len(added) == 0 && e.followers[key] == f {
			delete(e.followers, key)
		}
		e.mu.Unlock()
		for _, l := range added {
			calls[l.Order.Attempt] = &told{live: l}
		}
		if len(calls) == 0 || f.ctx.Err() != nil {
			return
		}
		for _, d := range accounts {
			heard = time.Now()
			e.take(f.ctx, f.node, calls, d)
		}
		if due {
			if err := e.inquire(f.ctx, f.node, calls); err == nil {
				heard = time.Now()
			} else {
				e.log.Debug("a node does not say how its calls go on", zap.String("node", f.node), zap.Error(err))
			}
			e.giveUp(f.node, calls, time.Since(heard))
		}
		due = false
		if len(calls) == 0 {
			continue
		}
		select {
		case <-tick.C:
			due = true
		case <-f.wake:
		case <-f.ctx.Done():
		}
	}
}

// forget drops what a follower had when it ended.
func (e *elsewhere) forget(f *follower, key string, calls map[call.ID]*told) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.followers[key] == f {
		delete(e.followers, key)
	}
	for id := range calls {
		if e.places[id] == f {
			delete(e.places, id)
		}
	}
}

// inquire asks once.
func (e *elsewhere) inquire(ctx context.Context, node string, calls map[call.ID]*told) error {
	q := inquiry{From: e.node}
	for id, c := range calls {
		q.Scheme = c.live.Order.Scheme
		q.Attempts = append(q.Attempts, id)
	}
	limited, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	d, err := e.ask(limited, node, q)
	if err != nil {
		return err
	}
	e.take(ctx, node, calls, d)
	return nil
}

// take hands on what a node has said, and forgets the calls that are over.
func (e *elsewhere) take(ctx context.Context, node string, calls map[call.ID]*told, d deposition) {
	for id, a := range d.Accounts {
		if c := calls[id]; c != nil && e.tell(ctx, node, c, a) {
			e.drop(calls, id)
		}
	}
}

func (e *elsewhere) drop(calls map[call.ID]*told, id call.ID) {
	delete(calls, id)
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.places, id)
}

// tell hands on what is new in an account, and reports whether nothing more will come. The dispatcher takes what it knows
// already without harm: a node that started anew begins its account anew.
func (e *elsewhere) tell(ctx context.Context, node string, c *told, a account) (over bool) {
	if len(a.Placed) < c.placed || len(a.Steps) < c.steps || len(a.Outcomes) < c.outcomes || len(a.Closings) < c.closings {
		c.placed, c.steps, c.outcomes, c.closings = 0, 0, 0, 0
	}
	for ; c.placed < len(a.Placed); c.placed++ {
		e.desk.PlacedAt(node, c.live.Order.Attempt, a.Placed[c.placed].Offer, a.Placed[c.placed].Took)
	}
	for ; c.steps < len(a.Steps); c.steps++ {
		s := a.Steps[c.steps]
		if c.live.State.CanBecome(s.State) {
			c.live.State = s.State
			if s.State == call.StateBridged {
				c.live.BridgedAt = s.At
			}
		}
		e.desk.Step(s)
	}
	for _, n := range a.Answers { // The dispatcher tells those it knows by their number.
		e.desk.Answered(n)
	}
	for ; c.outcomes < len(a.Outcomes); c.outcomes++ {
		o := a.Outcomes[c.outcomes]
		c.ended = c.ended || o.AttemptEnded()
		e.desk.Ended(o)
	}
	for ; c.closings < len(a.Closings); c.closings++ {
		if err := e.desk.CloseCall(ctx, a.Closings[c.closings]); err != nil {
			e.log.Warn("what the caller said of a call is not kept", zap.String("attempt", string(c.live.Order.Attempt)), zap.Error(err))
		}
	}
	switch {
	case a.Unknown && !c.ended:
		e.desk.Ended(e.lost(c.live))
	case a.Left, a.Unknown: // Started anew, nobody there would say that she has left.
		e.desk.CallerLeft(c.live.Order.Scheme, c.live.Order.Caller, c.live.Order.Attempt, e.now())
	}
	return a.over()
}

// giveUp ends the calls of a node that has been silent for too long, as far as nothing of them can ring any more.
func (e *elsewhere) giveUp(node string, calls map[call.ID]*told, silent time.Duration) {
	for id, c := range calls {
		o := c.live.Order
		switch {
		case c.ended:
			if silent < leavingLimit {
				continue
			}
			e.desk.CallerLeft(o.Scheme, o.Caller, id, e.now())
		case silent < silenceLimit, c.live.State != call.StateBridged && e.real().Before(o.DialBy.Add(o.BeneficiaryRing)):
			continue
		default:
			e.log.Warn("a node is silent: its call is closed as far as it is known", zap.String("node", node), zap.String("attempt", string(id)))
			e.desk.Ended(e.lost(c.live))
		}
		e.drop(calls, id)
	}
}

// lost is the outcome of a call of which nothing more will be known.
func (e *elsewhere) lost(l call.Live) call.Outcome {
	o := call.Outcome{
		Scheme: l.Order.Scheme, Attempt: l.Order.Attempt, Offer: l.Order.Offer, OfferState: call.OfferAccepted,
		Result: call.ResultUnknown, Reason: call.ReasonRestart, Fault: call.FaultOurs, At: e.now(), EndEstimated: true,
		Rang: l.State == call.StateRinging,
	}
	switch l.State { //nolint:exhaustive // In the other states she has taken it.
	case call.StateIntent, call.StateOffered:
		o.OfferState = call.OfferRecalled // It is not for her to answer for.
	case call.StateBridged:
		o.Result, o.Fault, o.Rang = call.ResultAnswered, call.FaultNone, true
		// The service's clock may run faster than real time; the attempt's id holds its real time of birth.
		o.Talk = max(0, min(o.At.Sub(l.BridgedAt), time.Since(l.Order.Attempt.Time()), estimatedTalkLimit))
	}
	return o
}

// wait returns once nothing is followed any more.
func (e *elsewhere) wait() { e.wg.Wait() }
