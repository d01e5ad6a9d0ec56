package natsbus

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/nats-io/nats.go"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"
)

// ErrNobody means that nobody answers to the name now.
var ErrNobody = errors.New("nobody answers")

// askSubject is followed by the name. No stream captures it: a question that nobody hears is asked again.
const askSubject = "rappel.ask."

// tellSubject is followed by the name. No stream captures it either.
const tellSubject = "rappel.tell."

// ErrRefused means that whoever was asked has heard the question and refuses it.
var ErrRefused = errors.New("it refuses")

// refused is the header of an answer that is none.
const refused = "Rappel-Refused"

// answersAtOnce is how many questions are answered at the same time; the others wait.
const answersAtOnce = 32

// Answer calls fn for every question asked of the name, several at once. Its error is told to whoever asked, so it must hold
// nothing that a log may not know. Stop waits for the answers under way.
func (b *Bus) Answer(name string, fn func(question []byte) ([]byte, error)) (stop func(), err error) {
	answer := func(m *nats.Msg) {
		reply := nats.NewMsg(m.Reply)
		answer, err := fn(m.Data)
		if err != nil {
			reply.Header.Set(refused, err.Error())
		} else {
			reply.Data = answer
		}
		if err := m.RespondMsg(reply); err != nil {
			b.log.Debug("answer a question", zap.Error(err))
		}
	}
	var under errgroup.Group
	under.SetLimit(answersAtOnce)
	var mu sync.Mutex
	stopped := false
	sub, err := b.conn.Subscribe(askSubject+name, func(m *nats.Msg) {
		mu.Lock()
		defer mu.Unlock()
		if !stopped {
			under.Go(func() error { answer(m); return nil })
		}
	})
	if err != nil {
		return nil, fmt.Errorf("answer to %s: %w", name, err)
	}
	return func() {
		// An error means that the connection is closed, and the subscription with it.
		_ = sub.Unsubscribe()
		mu.Lock()
		stopped = true
		mu.Unlock()
		_ = under.Wait() // Whoever asked is told of errors.
	}, nil
}

// Tell tells everybody who hears the name, now. Nobody need; what is lost is lost.
func (b *Bus) Tell(name string, what []byte) error {
	if err := b.conn.Publish(tellSubject+name, what); err != nil {
		return fmt.Errorf("tell %s: %w", name, err)
	}
	return nil
}

// Hear calls fn for everything that is told under the name, one after the other; fn must be quick.
func (b *Bus) Hear(name string, fn func(what []byte)) (stop func(), err error) {
	sub, err := b.conn.Subscribe(tellSubject+name, func(m *nats.Msg) { fn(m.Data) })
	if err != nil {
		return nil, fmt.Errorf("hear %s: %w", name, err)
	}
	return func() {
		// As in Answer.
		_ = sub.Unsubscribe()
	}, nil
}

// Ask asks whoever answers to the name, and waits for the answer as long as ctx allows. A lost question or answer is an error;
// whether the question was heard is then not known.
func (b *Bus) Ask(ctx context.Context, name string, question []byte) ([]byte, error) {
	m, err := b.conn.RequestWithContext(ctx, askSubject+name, question)
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return nil, fmt.Errorf("ask %s: %w", name, ErrNobody)
	case err != nil:
		return nil, fmt.Errorf("ask %s: %w", name, err)
	case m.Header.Get(refused) != "":
		return nil, fmt.Errorf("ask %s: %w: %s", name, ErrRefused, m.Header.Get(refused))
	}
	return m.Data, nil
}
