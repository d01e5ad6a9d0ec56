package natsbus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"
)

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
		finished := b.closed && len(b.waitingLocked()) == 0
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

// flush publishes until nothing waits, or something fails. Only the publisher calls it.
func (b *Bus) flush(ctx context.Context) error {
	for {
		b.mu.Lock()
		lanes := b.waitingLocked()
		b.mu.Unlock()
		if len(lanes) == 0 {
			return nil
		}
		var errs []error
		ready := lanes[:0]
		for _, l := range lanes {
			more, err := b.prepare(ctx, l)
			if err != nil {
				errs = append(errs, err) // The others go on.
			}
			if more {
				ready = append(ready, l)
			}
		}
		if err := errors.Join(append(errs, b.send(ctx, ready))...); err != nil {
			return err
		}
	}
}

// prepare has the next part of a lane be a message: the lane is compared with the stream if need be, and what was left out is read
// from the log. It reports false when nothing is left.
func (b *Bus) prepare(ctx context.Context, l *lane) (bool, error) {
	for {
		b.mu.Lock()
		compare, next, more := l.compare, part{}, len(l.parts) > 0
		if more {
			next = l.parts[0]
		}
		b.mu.Unlock()
		switch {
		case compare:
			if !b.conn.IsConnected() {
				return false, nats.ErrConnectionClosed
			}
			number, sequence, err := b.lastNumber(ctx, l.scheme)
			if err != nil {
				return false, err
			}
			b.mu.Lock()
			l.compared(number, sequence)
			b.mu.Unlock()
		case !more:
			return false, nil
		case next.events != nil:
			return true, nil
		default:
			if err := b.refill(ctx, l, next); err != nil {
				return false, err
			}
		}
	}
}

// refill reads the beginning of a part from the log.
func (b *Bus) refill(ctx context.Context, l *lane, gap part) error {
	upTo := min(gap.last, gap.first+mostEvents-1)
	read, cancel := context.WithTimeout(ctx, ackLimit)
	defer cancel()
	commits, err := b.opts.Log.Commits(read, l.key, gap.first, upTo)
	if err != nil {
		return fmt.Errorf("read events to fill a gap: %w", err)
	}
	var found []part
	n := 0
	for _, commit := range commits {
		for _, events := range split(commit) {
			if p := partOf(events); p.last >= gap.first { // A long commit may have been published in part.
				found = append(found, p)
				upTo = max(upTo, p.last)
				n += len(events)
			}
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.lanes[l.key] == l {
		b.met.refilled.Add(float64(n))
		b.queued += n
	}
	l.found(found, upTo)
	return nil
}

// send publishes the next message of each lane and waits until the stream has them. No lane has two under way: so none overtakes the
// one before it, whatever becomes of that. Sending one twice is harmless: the stream knows each by its id and its place.
func (b *Bus) send(ctx context.Context, lanes []*lane) error {
	if len(lanes) == 0 {
		return nil
	}
	if !b.conn.IsConnected() {
		return nats.ErrConnectionClosed
	}
	err := b.trySend(ctx, lanes)
	if err == nil || ctx.Err() != nil {
		return err
	}
	if mended, mendErr := b.mend(); mendErr != nil {
		return errors.Join(err, mendErr)
	} else if mended {
		return nil
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
	b.mu.Lock()
	for _, l := range b.lanes {
		l.sequence = unknownSequence
	}
	b.mu.Unlock()
	return nil
}

// sent is a message on its way to the stream.
type sent struct {
	lane   *lane
	events int
	ack    jetstream.PubAckFuture
}

func (b *Bus) trySend(ctx context.Context, lanes []*lane) error {
	var errs []error
	for len(lanes) > 0 {
		batch := lanes[:min(batchSize, len(lanes))]
		lanes = lanes[len(batch):]
		var under []sent
		for _, l := range batch {
			s, err := b.post(l)
			if err != nil {
				errs = append(errs, err)
			} else if s.ack != nil {
				under = append(under, s)
			}
		}
		limit := time.NewTimer(ackLimit)
		for _, s := range under {
			if err := b.acknowledged(ctx, s, limit.C); err != nil {
				errs = append(errs, err)
			}
		}
		limit.Stop()
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return errors.Join(errs...)
}

// post sends the next message of a lane. What the server would not take at once becomes two.
func (b *Bus) post(l *lane) (sent, error) {
	b.mu.Lock()
	events, sequence := l.parts[0].events, l.sequence
	b.mu.Unlock()
	for {
		m, err := b.packer.pack(events)
		if err != nil {
			b.met.badEvents.Inc()
			b.log.Error("events are not published", zap.Error(err))
		}
		if m == nil {
			b.taken(l, len(events), sequence)
			return sent{}, nil
		}
		if half := len(events) / 2; half > 0 && int64(m.Size()) > b.conn.MaxPayload() {
			b.mu.Lock()
			l.halve(half)
			b.mu.Unlock()
			events = events[:half]
			continue
		}
		var at []jetstream.PublishOpt
		if sequence != unknownSequence {
			at = append(at, jetstream.WithExpectLastSequencePerSubject(sequence))
		}
		ack, err := b.js.PublishMsgAsync(m, at...)
		if err != nil {
			return sent{}, fmt.Errorf("publish events: %w", err)
		}
		return sent{lane: l, events: len(events), ack: ack}, nil
	}
}

// acknowledged waits until the stream has a message.
func (b *Bus) acknowledged(ctx context.Context, s sent, limit <-chan time.Time) error {
	select {
	case ack := <-s.ack.Ok():
		b.taken(s.lane, s.events, ack.Sequence)
		b.met.published.Add(float64(s.events))
		return nil
	case err := <-s.ack.Err():
		if refused, ok := errors.AsType[*jetstream.APIError](err); ok && refused.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence {
			// Somebody else has published events of the scheme: who leads it now, or led it before.
			b.mu.Lock()
			s.lane.compare = true
			b.mu.Unlock()
			return nil
		}
		return fmt.Errorf("publish events: %w", err)
	case <-limit:
		return fmt.Errorf("publish events: no answer within %s", ackLimit)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// taken takes the next message out of a lane: the stream has it.
func (b *Bus) taken(l *lane, events int, sequence uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	l.sent, l.sequence = l.parts[0].last, sequence
	l.parts = l.parts[1:]
	if len(l.parts) == 0 {
		l.parts = nil
	}
	if b.lanes[l.key] == l {
		b.queued -= events
	}
}
