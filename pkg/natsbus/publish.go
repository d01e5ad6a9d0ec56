package natsbus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/call"
)

// catchUpLimit is how many events CatchUp and a wiped stream read back at most: the stream serves live pages and
// consumers that were away for minutes, not history, which stays in Postgres.
const catchUpLimit = 10_000

// eventSize is how many bytes nearly every event takes.
const eventSize = 512

// Publish hands committed events to the publisher and returns at once. What does not fit into the queue is counted, and
// read from the log again once the stream takes events.
func (b *Bus) Publish(events []call.Event) {
	if len(events) == 0 {
		return
	}
	b.mu.Lock()
	room := min(max(0, b.opts.Queue-len(b.queue)), len(events))
	if b.closed {
		room = 0
	}
	b.queue = append(b.queue, events[:room]...)
	for _, e := range events[room:] {
		b.widenLocked(e.SchemeKey, e.Number, e.Number)
	}
	b.mu.Unlock()
	b.met.overflowed.Add(float64(len(events) - room))
	b.poke()
}

// CatchUp compares the stream with the log: the scheme's events after the last one in the stream, up to last, are
// published again. It is called when a process takes up a scheme, because a crash may fall between commit and publishing.
func (b *Bus) CatchUp(ctx context.Context, scheme string, key, last int64) error {
	have, err := b.lastNumber(ctx, scheme)
	if err != nil {
		return err
	}
	if have >= last {
		return nil
	}
	b.mu.Lock()
	b.widenLocked(key, max(have+1, last-catchUpLimit+1), last)
	b.mu.Unlock()
	b.poke()
	return nil
}

// widenLocked adds numbers to the scheme's gap. A gap is one run: what lies between is published twice at worst, and the
// stream drops the second by its id.
func (b *Bus) widenLocked(scheme, first, last int64) {
	if b.opts.Log == nil || first < 1 {
		return
	}
	g, ok := b.gaps[scheme]
	if !ok {
		b.gaps[scheme] = gap{first: first, last: last}
		return
	}
	b.gaps[scheme] = gap{first: min(g.first, first), last: max(g.last, last)}
}

// publish is the goroutine that owns the way to the stream.
func (b *Bus) publish(ctx context.Context) {
	defer close(b.done)
	wait := time.Duration(0)
	for {
		if wait > 0 {
			if !b.pause(ctx, wait) {
				return
			}
		} else {
			select {
			case <-b.wake:
			case <-ctx.Done():
				return
			}
		}
		err := b.flush(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			b.met.failures.Inc()
			if wait == 0 {
				b.log.Warn("publish events", zap.Error(err))
			}
			wait = min(retryLast, max(retryFirst, 2*wait))
			continue
		}
		if wait > 0 {
			b.log.Info("events are published again")
			wait = 0
		}
		b.mu.Lock()
		finished := b.closed && len(b.queue) == 0 && len(b.gaps) == 0
		b.mu.Unlock()
		if finished {
			return
		}
	}
}

func (b *Bus) pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// flush publishes until queue and gaps are empty, or something fails. Only the publisher calls it.
func (b *Bus) flush(ctx context.Context) error {
	for {
		b.mu.Lock()
		batch := b.queue[:min(batchSize, len(b.queue))]
		b.mu.Unlock()
		if len(batch) > 0 {
			// The batch stays in the queue until the stream has it: Publish only appends behind it.
			if err := b.send(ctx, batch); err != nil {
				return err
			}
			b.mu.Lock()
			b.queue = b.queue[len(batch):]
			if len(b.queue) == 0 {
				b.queue = nil
			}
			b.mu.Unlock()
			continue
		}
		done, err := b.refill(ctx)
		if err != nil || done {
			return err
		}
	}
}

// refill publishes the next part of one gap from the log. It reports true when no gap is left.
func (b *Bus) refill(ctx context.Context) (bool, error) {
	b.mu.Lock()
	var scheme int64
	var g gap
	found := false
	for scheme, g = range b.gaps {
		found = true
		break
	}
	b.mu.Unlock()
	if !found {
		return true, nil
	}
	upTo := min(g.last, g.first+batchSize-1)
	read, cancel := context.WithTimeout(ctx, ackLimit)
	events, err := b.opts.Log.Events(read, scheme, g.first, upTo)
	cancel()
	if err != nil {
		return false, fmt.Errorf("read events to fill a gap: %w", err)
	}
	if err := b.send(ctx, events); err != nil {
		return false, err
	}
	b.met.refilled.Add(float64(len(events)))
	b.mu.Lock()
	switch now := b.gaps[scheme]; {
	case now.first < g.first: // Widened downwards meanwhile: begin again.
	case upTo >= now.last:
		delete(b.gaps, scheme)
	default:
		b.gaps[scheme] = gap{first: upTo + 1, last: now.last}
	}
	b.mu.Unlock()
	return false, nil
}

// send publishes a batch and waits until the stream has all of it. Sending a batch twice is harmless: the stream knows
// each event by its id.
func (b *Bus) send(ctx context.Context, events []call.Event) error {
	if !b.conn.IsConnected() {
		return nats.ErrConnectionClosed
	}
	err := b.trySend(ctx, events)
	if err == nil {
		b.met.published.Add(float64(len(events)))
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	// A stream that was deleted does not always say so: with a subscriber on the subject there is simply no answer.
	if missing := b.missingStream(ctx); !missing {
		return err
	}
	b.met.remade.Inc()
	if makeErr := b.ensureStream(ctx); makeErr != nil {
		return errors.Join(err, makeErr)
	}
	b.log.Warn("the event stream had gone and was made anew")
	if err := b.trySend(ctx, events); err != nil {
		return err
	}
	b.met.published.Add(float64(len(events)))
	return nil
}

func (b *Bus) trySend(ctx context.Context, events []call.Event) error {
	futures := make([]jetstream.PubAckFuture, 0, len(events))
	for i := range events {
		e := &events[i]
		data, err := e.AppendJSON(make([]byte, 0, eventSize))
		if err != nil {
			b.met.badEvents.Inc()
			b.log.Error("encode event", zap.String("kind", e.Kind), zap.String("id", e.ID), zap.Error(err))
			continue
		}
		m := &nats.Msg{Subject: e.Subject(), Data: data, Header: nats.Header{nats.MsgIdHdr: {e.ID}}}
		f, err := b.js.PublishMsgAsync(m)
		if err != nil {
			return fmt.Errorf("publish event: %w", err)
		}
		futures = append(futures, f)
	}
	limit := time.NewTimer(ackLimit)
	defer limit.Stop()
	for _, f := range futures {
		select {
		case <-f.Ok():
		case err := <-f.Err():
			return fmt.Errorf("publish event: %w", err)
		case <-limit.C:
			return fmt.Errorf("publish events: no answer within %s", ackLimit)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
