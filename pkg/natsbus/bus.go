package natsbus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
)

// Stream is the name of the stream that holds the events.
const Stream = "RAPPEL"

const (
	startLimit = 10 * time.Second // For the embedded server and the first connection.
	ackLimit   = 2 * time.Second  // For the stream's answer to one batch.
	batchSize  = 64               // Messages sent before their answers are waited for.
	retryFirst = 100 * time.Millisecond
	retryLast  = 5 * time.Second
)

// Bus publishes events and hands them to subscribers. Its methods are safe for use by several goroutines.
type Bus struct {
	opts   Options
	log    *zap.Logger
	met    *metrics
	server *server.Server // Nil with a cluster.
	conn   *nats.Conn
	js     jetstream.JetStream

	wake   chan struct{} // Size 1: one pending wake-up is enough.
	packer packer        // The publisher's.
	cancel context.CancelFunc
	done   chan struct{} // Closed when the publisher has returned.

	mu     sync.Mutex
	lanes  map[int64]*lane // By scheme key.
	queued int             // Events in them.
	closed bool
}

// New starts the embedded server or connects to the cluster, makes the stream and starts the publisher. A cluster that is
// out of reach is no error: the bus keeps trying. An embedded server that cannot start is one.
func New(ctx context.Context, opts Options) (*Bus, error) {
	opts, err := opts.validated()
	if err != nil {
		return nil, err
	}
	b := &Bus{
		opts: opts, log: opts.Logger,
		wake: make(chan struct{}, 1), done: make(chan struct{}), lanes: map[int64]*lane{},
	}
	if b.met, err = newMetrics(opts.Registerer, b); err != nil {
		return nil, err
	}
	if b.packer, err = newPacker(); err != nil {
		return nil, err
	}
	connect := []nats.Option{
		nats.Name("rappel"), nats.MaxReconnects(-1), nats.ReconnectWait(time.Second), nats.Timeout(startLimit),
		nats.RetryOnFailedConnect(true),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				b.log.Warn("lost the event bus", zap.Error(err))
			}
		}),
		nats.ConnectHandler(func(*nats.Conn) { b.poke() }),
		nats.ReconnectHandler(func(*nats.Conn) { b.poke() }),
	}
	if opts.URL == "" {
		if b.server, err = startServer(opts); err != nil {
			return nil, err
		}
		connect = append(connect, nats.InProcessServer(b.server))
	} else if opts.Credentials != "" {
		connect = append(connect, nats.UserCredentials(opts.Credentials))
	}
	if b.conn, err = nats.Connect(opts.URL, connect...); err != nil {
		b.stopServer()
		return nil, fmt.Errorf("connect to NATS: %w", err)
	}
	if b.js, err = jetstream.New(b.conn, jetstream.WithPublishAsyncMaxPending(2*batchSize)); err != nil {
		b.conn.Close()
		b.stopServer()
		return nil, fmt.Errorf("open JetStream: %w", err)
	}
	if !b.conn.IsConnected() {
		b.log.Warn("NATS is out of reach; events wait")
	} else if err = b.ensureStream(ctx); err != nil {
		if opts.URL == "" {
			b.conn.Close()
			b.stopServer()
			return nil, err
		}
		b.log.Warn("event stream not ready yet", zap.Error(err))
	}
	// The publisher ends with Close, not with the context of New.
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	b.cancel = cancel
	go b.publish(run)
	return b, nil
}

// ensureStream makes the stream when it is missing and applies the limits when they changed.
func (b *Bus) ensureStream(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, ackLimit)
	defer cancel()
	_, err := b.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		// What was published one by one before stays there until it is old.
		Name: Stream, Subjects: []string{Subject("*"), formerSubjects("*")}, Storage: jetstream.FileStorage,
		Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardOld,
		MaxBytes: b.opts.MaxBytes, MaxAge: b.opts.MaxAge, Replicas: b.opts.Replicas,
		Duplicates: 10 * time.Minute, AllowDirect: true,
	})
	if err != nil {
		return fmt.Errorf("make stream %s: %w", Stream, err)
	}
	return nil
}

// missingStream reports whether the server says that there is no stream, or one that does not take our messages: whoever runs an
// older release beside us has made that. Unsure is not missing.
func (b *Bus) missingStream(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, ackLimit)
	defer cancel()
	s, err := b.js.Stream(ctx, Stream)
	if err == nil {
		return !slices.Contains(s.CachedInfo().Config.Subjects, Subject("*"))
	}
	return errors.Is(err, jetstream.ErrStreamNotFound)
}

// Subscribe calls fn for every event of the scheme (its id seen outside) published from now on, in order, on a goroutine of
// the bus; fn must be quick. The payload of each is a json.RawMessage. Events missed while the connection is cut are not
// delivered later: the numbers tell.
func (b *Bus) Subscribe(scheme string, fn func(call.Event)) (stop func(), err error) {
	return b.subscribe(Subject(scheme), func(m *nats.Msg) {
		events, err := Events(m)
		if err != nil {
			b.met.badEvents.Inc()
			return
		}
		for _, e := range events {
			fn(e)
		}
	})
}

// waitingSubject is where the dispatcher says by why promises wait. It is in no stream: what was said a second ago is of no
// use.
func waitingSubject(scheme string) string { return "rappel.waiting.v1." + scheme }

// SayWaiting tells whoever listens now by why due promises of the scheme (its id seen outside) wait.
func (b *Bus) SayWaiting(scheme string, w dispatch.Waiting) error {
	data, err := json.Marshal(w)
	if err != nil {
		return fmt.Errorf("encode those who wait: %w", err)
	}
	if err := b.conn.Publish(waitingSubject(scheme), data); err != nil {
		return fmt.Errorf("say who waits: %w", err)
	}
	return nil
}

// SubscribeWaiting calls fn for everything that SayWaiting says of the scheme from now on; fn must be quick.
func (b *Bus) SubscribeWaiting(scheme string, fn func(dispatch.Waiting)) (stop func(), err error) {
	return b.subscribe(waitingSubject(scheme), func(m *nats.Msg) {
		var w dispatch.Waiting
		if err := json.Unmarshal(m.Data, &w); err != nil {
			b.met.badEvents.Inc()
			return
		}
		fn(w)
	})
}

func (b *Bus) subscribe(subject string, fn nats.MsgHandler) (func(), error) {
	sub, err := b.conn.Subscribe(subject, fn)
	if err != nil {
		return nil, fmt.Errorf("subscribe to %s: %w", subject, err)
	}
	return func() {
		// An error means that the connection is closed, and the subscription with it.
		_ = sub.Unsubscribe()
	}, nil
}

// Check reports whether the bus can carry events now.
func (b *Bus) Check(ctx context.Context) error {
	if !b.conn.IsConnected() {
		return fmt.Errorf("reach NATS: %s", b.conn.Status())
	}
	ctx, cancel := context.WithTimeout(ctx, ackLimit)
	defer cancel()
	if _, err := b.js.Stream(ctx, Stream); err != nil {
		return fmt.Errorf("read stream %s: %w", Stream, err)
	}
	return nil
}

// Close publishes what still waits, as long as ctx allows, then ends the connection and the embedded server.
func (b *Bus) Close(ctx context.Context) error {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return nil
	}
	b.closed = true
	b.mu.Unlock()
	b.poke()
	var err error
	select {
	case <-b.done:
	case <-ctx.Done():
		err = fmt.Errorf("publish the last events: %w", ctx.Err())
	}
	b.cancel()
	<-b.done
	b.conn.Close()
	b.stopServer()
	return err
}

func (b *Bus) poke() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// lastNumber returns the number of the scheme's last event in the stream, 0 when it holds none, and the place of its last message
// there.
func (b *Bus) lastNumber(ctx context.Context, scheme string) (last int64, sequence uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, ackLimit)
	defer cancel()
	s, err := b.js.Stream(ctx, Stream)
	if err != nil {
		return 0, 0, fmt.Errorf("read stream %s: %w", Stream, err)
	}
	for _, subject := range []string{Subject(scheme), formerSubjects(scheme)} {
		m, err := s.GetLastMsgForSubject(ctx, subject)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			return 0, 0, fmt.Errorf("read the last event: %w", err)
		}
		if subject == Subject(scheme) {
			sequence = m.Sequence
		}
		number, err := lastOf(m.Header, m.Data)
		if err != nil {
			return 0, 0, fmt.Errorf("read the last event: %w", err)
		}
		last = max(last, number)
	}
	return last, sequence, nil
}
