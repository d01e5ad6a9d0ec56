package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"
)

// ordersName and toldName follow a node's name: where it takes orders, and where it hears how those go on that it placed elsewhere.
const (
	ordersName = ".orders"
	toldName   = ".told"
)

// registeredEvery is how often it is looked which phones are registered with the PBX, at the quickest and at the slowest: where
// the list takes long, less often. Real time.
const (
	registeredEvery = time.Second
	registeredLate  = 10 * time.Second
	// registeredShare is how many times as long as the look the pause after it is at least.
	registeredShare = 20
)

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

// handNode hands a handover to a node.
func (a *App) handNode(ctx context.Context, node string, h handover) error {
	text, err := json.Marshal(h)
	if err != nil {
		return fmt.Errorf("write order: %w", err)
	}
	_, err = a.bus.Ask(ctx, node+ordersName, text)
	return err
}

// tellLeader tells whoever leads a scheme how calls of it go on here.
func (a *App) tellLeader(node string, d deposition) {
	text, err := json.Marshal(d)
	if err == nil {
		err = a.bus.Tell(node+toldName, text)
	}
	if err != nil {
		a.log.Debug("say how calls go on", zap.Error(err)) // It asks.
	}
}

// answerNodes answers the other nodes: how the calls at this one's PBX go on, what callers wish there, which phones are registered;
// it takes their orders, and hears how its own go on.
func (a *App) answerNodes(ctx context.Context, here callers, board *switchboard) error {
	r := &respondent{node: a.node, witness: a.witness, calls: a.connector, start: board.startHere, records: a.store}
	answers := map[string]func(context.Context, []byte) ([]byte, error){
		a.node: func(ctx context.Context, question []byte) ([]byte, error) {
			var q inquiry
			if err := json.Unmarshal(question, &q); err != nil {
				return nil, errors.New("not an inquiry")
			}
			d, err := r.testify(ctx, q)
			if err != nil {
				a.log.Debug("say how calls go on", zap.Error(err))
				return nil, errors.New("the records are away")
			}
			return json.Marshal(d)
		},
		a.node + ordersName: func(ctx context.Context, question []byte) ([]byte, error) {
			var h handover
			if err := json.Unmarshal(question, &h); err != nil {
				return nil, errors.New("not an order")
			}
			if a.draining.Load() && !h.Recall {
				return nil, errors.New("it stops")
			}
			if err := a.clock.doubt(); err != nil && !h.Recall {
				return nil, err
			}
			return nil, r.take(ctx, h)
		},
		a.node + deskName:   func(ctx context.Context, question []byte) ([]byte, error) { return hear(ctx, here, question) },
		a.node + phonesName: func(_ context.Context, question []byte) ([]byte, error) { return a.fleet.phones(question) },
	}
	for name, answer := range answers {
		stop, err := a.bus.Answer(name, func(question []byte) ([]byte, error) {
			limited, cancel := context.WithTimeout(ctx, askLimit)
			defer cancel()
			return answer(limited, question)
		})
		if err != nil {
			return err
		}
		defer stop()
	}
	for name, listen := range map[string]func([]byte){
		a.node + toldName: board.elsewhere.hear,
		hailName:          func(what []byte) { a.fleet.hear(what, time.Now()) },
	} {
		stop, err := a.bus.Hear(name, listen)
		if err != nil {
			return err
		}
		defer stop()
	}
	<-ctx.Done()
	return nil
}

// hail tells the other nodes again and again that this one is there.
func (a *App) hail(ctx context.Context) error {
	return a.again(ctx, hailEvery, "say that this node is there; trying again", func(context.Context) error { return a.fleet.say() })
}

// lookForNodes learns of the other nodes' PBXs.
func (a *App) lookForNodes(ctx context.Context) error {
	tick := time.NewTicker(hailEvery)
	defer tick.Stop()
	quiet := false
	for {
		err := errors.Join(a.fleet.share(ctx, time.Now()), a.fleet.look(ctx, time.Now()))
		if err != nil && !quiet && ctx.Err() == nil {
			a.log.Warn("learn who is on the line at other PBXs, and which phones are registered there; trying again", zap.Error(err))
		}
		quiet = err != nil
		select {
		case <-tick.C:
		case <-a.fleet.wake:
		case <-ctx.Done():
			return nil
		}
	}
}

// lookForPhones learns which phones are registered with this node's PBX.
func (a *App) lookForPhones(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-ctx.Done():
			return nil
		}
		began := time.Now()
		if phones, err := a.registered(ctx); err == nil {
			a.fleet.register(phones, time.Now())
		} else if ctx.Err() == nil {
			a.log.Debug("look which phones are registered", zap.Error(err)) // The PBX is away, which is said elsewhere.
		}
		timer.Reset(min(max(registeredShare*time.Since(began), registeredEvery), registeredLate))
	}
}

func (a *App) registered(ctx context.Context) (map[string]bool, error) {
	if !a.pbx.Connected() {
		return nil, errors.New("the PBX is out of reach")
	}
	list, err := a.pbx.Endpoints(ctx)
	if err != nil {
		return nil, err
	}
	phones := map[string]bool{}
	for _, e := range list {
		if e.State == "online" {
			phones[e.Resource] = true
		}
	}
	return phones, nil
}
