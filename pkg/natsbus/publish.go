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

// Publish hands the committed events of one transaction to the publisher and returns at once. They go out together, in one
// message as a rule. What does not fit into the queue is counted, and read from the log again once the stream takes events.
func (b *Bus) Publish(commit []call.Event) {
	if len(commit) == 0 {
		return
	}
	over := 0
	b.mu.Lock()
	for _, events := range split(commit) {
		if b.closed || b.queued >= b.opts.Queue {
			over += len(events)
			b.widenLocked(events[0].SchemeKey, events[0].Number, events[len(events)-1].Number)
			continue
		}
		b.queue = append(b.queue, events)
		b.queued += len(events)
	}
	b.mu.Unlock()
	b.met.overflowed.Add(float64(over))
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
			b.queued -= count(batch)
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
	upTo := min(g.last, g.first+mostEvents-1)
	read, cancel := context.WithTimeout(ctx, ackLimit)
	commits, err := b.opts.Log.Commits(read, scheme, g.first, upTo)
	cancel()
	if err != nil {
		return false, fmt.Errorf("read events to fill a gap: %w", err)
	}
	var batch [][]call.Event
	for _, commit := range commits {
		for _, events := range split(commit) {
			if last := events[len(events)-1].Number; last >= g.first { // A long commit may have been published in part.
				batch = append(batch, events)
				upTo = max(upTo, last)
			}
		}
	}
	if err := b.send(ctx, batch); err != nil {
		return false, err
	}
	b.met.refilled.Add(float64(count(batch)))
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

func count(batch [][]call.Event) (n int) {
	for _, events := range batch {
		n += len(events)
	}
	return n
}

// send publishes a batch and waits until the stream has all of it. Sending a batch twice is harmless: the stream knows
// each message by its id.
func (b *Bus) send(ctx context.Context, batch [][]call.Event) error {
	if !b.conn.IsConnected() {
		return nats.ErrConnectionClosed
	}
	err := b.trySend(ctx, batch)
	if err == nil {
		b.met.published.Add(float64(count(batch)))
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
	if err := b.trySend(ctx, batch); err != nil {
		return err
	}
	b.met.published.Add(float64(count(batch)))
	return nil
}

func (b *Bus) trySend(ctx context.Context, batch [][]call.Event) error {
	s := sending{bus: b}
	for _, events := range batch {
		if err := s.put(ctx, events); err != nil {
			return err
		}
	}
	return s.settle(ctx)
}

// sending is a batch on its way to the stream.
type sending struct {
	bus  *Bus
	sent []jetstream.PubAckFuture // The stream has not been heard to take these.
}

// put sends events as one message, or as several where the server takes only smaller ones.
func (s *sending) put(ctx context.Context, events []call.Event) error {
	m, err := s.bus.packer.pack(events)
	if err != nil {
		s.bus.met.badEvents.Inc()
		s.bus.log.Error("events are not published", zap.Error(err))
	}
	if m == nil {
		return nil
	}
	if half := len(events) / 2; half > 0 && int64(m.Size()) > s.bus.conn.MaxPayload() {
		if err := s.put(ctx, events[:half]); err != nil {
			return err
		}
		return s.put(ctx, events[half:])
	}
	if len(s.sent) == batchSize {
		if err := s.settle(ctx); err != nil {
			return err
		}
	}
	f, err := s.bus.js.PublishMsgAsync(m)
	if err != nil {
		return fmt.Errorf("publish events: %w", err)
	}
	s.sent = append(s.sent, f)
	return nil
}

// settle waits until the stream has what was sent.
func (s *sending) settle(ctx context.Context) error {
	limit := time.NewTimer(ackLimit)
	defer limit.Stop()
	for _, f := range s.sent {
		select {
		case <-f.Ok():
		case err := <-f.Err():
			return fmt.Errorf("publish events: %w", err)
		case <-limit.C:
			return fmt.Errorf("publish events: no answer within %s", ackLimit)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	s.sent = s.sent[:0]
	return nil
}
