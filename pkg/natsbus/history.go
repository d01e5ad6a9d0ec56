package natsbus

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/rappel-tel/rappel/pkg/call"
)

// After returns the scheme's events (its id seen outside) that the stream holds with a number above the given one, in order,
// the newest limit of them. It returns none when the last one published is not above it. The log has all of them, unless it
// was brought back to an earlier moment.
func (b *Bus) After(ctx context.Context, scheme string, number int64, limit int) ([]call.Event, error) {
	if last, _, err := b.lastNumber(ctx, scheme); err != nil || last <= number {
		return nil, err
	}
	consumer, err := b.js.OrderedConsumer(ctx, Stream, jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{Subject(scheme), formerSubjects(scheme)}, DeliverPolicy: jetstream.DeliverAllPolicy,
	})
	if err != nil {
		return nil, fmt.Errorf("read stream %s: %w", Stream, err)
	}
	messages, err := consumer.Messages(jetstream.PullMaxMessages(batchSize))
	if err != nil {
		return nil, fmt.Errorf("read stream %s: %w", Stream, err)
	}
	defer messages.Stop()
	stop := context.AfterFunc(ctx, messages.Stop)
	defer stop()
	// A gap may have been filled late, so that numbers need not come in order.
	found := map[int64]call.Event{}
	for {
		m, err := messages.Next()
		if errors.Is(err, jetstream.ErrMsgIteratorClosed) && ctx.Err() != nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, fmt.Errorf("read stream %s: %w", Stream, err)
		}
		place, err := m.Metadata()
		if err != nil {
			return nil, fmt.Errorf("read stream %s: %w", Stream, err)
		}
		if last, err := lastOf(m.Headers(), m.Data()); err != nil {
			b.met.badEvents.Inc()
		} else if last > number {
			events, err := unpack(m.Headers(), m.Data())
			if err != nil {
				b.met.badEvents.Inc()
			}
			for _, e := range events {
				if e.Number > number {
					found[e.Number] = e
				}
			}
		}
		if place.NumPending == 0 {
			break
		}
	}
	numbers := slices.Sorted(maps.Keys(found))
	events := make([]call.Event, 0, min(len(numbers), limit))
	for _, n := range numbers[max(0, len(numbers)-limit):] {
		events = append(events, found[n])
	}
	return events, nil
}
