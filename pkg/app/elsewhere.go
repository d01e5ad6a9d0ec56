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

// elsewhere follows the calls of schemes that are led here and run at another node's PBX: that node led when they were
// claimed. It asks the node again and again and tells the dispatcher what it says. Nothing is ever posted for such a call here.
//
//	the node answers                what it says: steps, outcome, the caller's keys, her leaving
//	it answers after a silence      the same; a service that started anew adopts them first
//	it is silent for ten seconds    a caller whose call has ended has left
//	 ... for a minute               bridged: answered, restart, end estimated
//	 ... and nothing can ring more  otherwise: unknown, restart, fault ours
type elsewhere struct {
	ask  func(ctx context.Context, node string, q inquiry) (deposition, error)
	desk closer
	log  *zap.Logger
	now  func() time.Time // The service's clock.

	wg sync.WaitGroup
}

// closer is the dispatcher.
type closer interface {
	Step(s call.Step)
	Answered(a call.Answer)
	Ended(o call.Outcome)
	CallerLeft(scheme, caller int64, attempt call.ID, at time.Time)
	CloseCall(ctx context.Context, c callflow.Closing) error
}

// told is how much of an account the dispatcher was told.
type told struct {
	live                      call.Live
	steps, outcomes, closings int
	ended                     bool // It has an outcome.
}

// follow follows calls at a node until they have ended, or ctx does: another node leads then. It returns at once.
func (e *elsewhere) follow(ctx context.Context, node string, live []call.Live) {
	e.log.Info("following calls at another node", zap.String("node", node), zap.Int("attempts", len(live)))
	calls := map[call.ID]*told{}
	for _, l := range live {
		calls[l.Order.Attempt] = &told{live: l}
	}
	e.wg.Go(func() {
		tick := time.NewTicker(askEvery)
		defer tick.Stop()
		heard := time.Now()
		for len(calls) > 0 {
			if err := e.inquire(ctx, node, calls); err == nil {
				heard = time.Now()
			} else {
				e.log.Debug("a node does not say how its calls go on", zap.String("node", node), zap.Error(err))
			}
			e.giveUp(node, calls, time.Since(heard))
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	})
}

// inquire asks once, and forgets the calls that are over.
func (e *elsewhere) inquire(ctx context.Context, node string, calls map[call.ID]*told) error {
	var q inquiry
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
	for id, a := range d.Accounts {
		if c := calls[id]; c != nil && e.tell(ctx, c, a) {
			delete(calls, id)
		}
	}
	return nil
}

// tell hands on what is new in an account, and reports whether nothing more will come. The dispatcher takes what it knows
// already without harm: a node that started anew begins its account anew.
func (e *elsewhere) tell(ctx context.Context, c *told, a account) (over bool) {
	if len(a.Steps) < c.steps || len(a.Outcomes) < c.outcomes || len(a.Closings) < c.closings {
		c.steps, c.outcomes, c.closings = 0, 0, 0
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
	case a.Left:
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
		case silent < silenceLimit, c.live.State != call.StateBridged && time.Now().Before(o.DialBy.Add(o.BeneficiaryRing)):
			continue
		default:
			e.log.Warn("a node is silent: its call is closed as far as it is known", zap.String("node", node), zap.String("attempt", string(id)))
			e.desk.Ended(e.lost(c.live))
		}
		delete(calls, id)
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

// askNode asks a node over the event bus.
func (a *App) askNode(ctx context.Context, node string, q inquiry) (deposition, error) {
	var d deposition
	question, err := json.Marshal(q)
	if err != nil {
		return d, fmt.Errorf("write inquiry: %w", err)
	}
	answer, err := a.bus.Ask(ctx, node, question)
	if err != nil {
		return d, err
	}
	if err := json.Unmarshal(answer, &d); err != nil {
		return d, fmt.Errorf("read answer of %s: %w", node, err)
	}
	return d, nil
}

// answerNodes lets other nodes ask for the calls at this one's PBX, and for what callers wish there.
func (a *App) answerNodes(ctx context.Context, here callers) error {
	r := &respondent{node: a.node, witness: a.witness, calls: a.connector, records: a.store}
	stop, err := a.bus.Answer(a.node, func(question []byte) ([]byte, error) {
		var q inquiry
		if err := json.Unmarshal(question, &q); err != nil {
			return nil, errors.New("not an inquiry")
		}
		limited, cancel := context.WithTimeout(ctx, askLimit)
		defer cancel()
		d, err := r.testify(limited, q)
		if err != nil {
			a.log.Debug("say how calls go on", zap.Error(err))
			return nil, errors.New("the records are away")
		}
		return json.Marshal(d)
	})
	if err != nil {
		return err
	}
	defer stop()
	hush, err := a.bus.Answer(a.node+deskName, func(question []byte) ([]byte, error) {
		limited, cancel := context.WithTimeout(ctx, askLimit)
		defer cancel()
		return hear(limited, here, question)
	})
	if err != nil {
		return err
	}
	defer hush()
	<-ctx.Done()
	return nil
}
