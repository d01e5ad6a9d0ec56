package natsbus

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"go.uber.org/zap"
)

// ErrNobody means that nobody answers to the name now.
var ErrNobody = errors.New("nobody answers")

// askSubject is followed by the name. No stream captures it: a question that nobody hears is asked again.
const askSubject = "rappel.ask."

// refused is the header of an answer that is none.
const refused = "Rappel-Refused"

// Answer calls fn for every question asked of the name, one after the other; fn must be quick. Its error is told to whoever
// asked, so it must hold nothing that a log may not know.
func (b *Bus) Answer(name string, fn func(question []byte) ([]byte, error)) (stop func(), err error) {
	sub, err := b.conn.Subscribe(askSubject+name, func(m *nats.Msg) {
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
	})
	if err != nil {
		return nil, fmt.Errorf("answer to %s: %w", name, err)
	}
	return func() {
		// An error means that the connection is closed, and the subscription with it.
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
		return nil, fmt.Errorf("ask %s: it answers: %s", name, m.Header.Get(refused))
	}
	return m.Data, nil
}
