package figures

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/rappel-tel/rappel/pkg/telephony"
)

// remote is the exchange as a node sees it: a telephony.Switch over a socket.
type remote struct {
	telephony.Switch // Nil: what no call of this figure needs.

	socket     string
	arrivals   chan telephony.Event
	reconciled chan telephony.Reconciliation

	mu      sync.Mutex
	conn    net.Conn // Nil while there is no way to the exchange.
	to      *json.Encoder
	next    int64
	waiting map[int64]chan response
	boxes   map[string]*telephony.Mailbox
}

var _ telephony.Switch = (*remote)(nil)

// Of the way to the exchange; real time. A command has as long as a PBX on the same machine may take.
const (
	commandLimit = time.Second
	dialAgain    = 50 * time.Millisecond
)

func newRemote(socket string) *remote {
	return &remote{
		socket: socket, waiting: map[int64]chan response{}, boxes: map[string]*telephony.Mailbox{},
		arrivals:   make(chan telephony.Event, 4096), // More than ever wait; see deliver.
		reconciled: make(chan telephony.Reconciliation, 1),
	}
}

// run keeps the connection until the context ends.
func (r *remote) run(ctx context.Context) {
	for ctx.Err() == nil {
		var d net.Dialer
		conn, err := d.DialContext(ctx, "unix", r.socket)
		if err == nil {
			r.converse(ctx, conn)
		}
		again := time.NewTimer(dialAgain)
		select {
		case <-again.C:
		case <-ctx.Done():
		}
		again.Stop()
	}
}

// converse reads what the exchange says until the connection ends.
func (r *remote) converse(ctx context.Context, conn net.Conn) {
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	r.mu.Lock()
	r.conn, r.to = conn, json.NewEncoder(conn)
	r.mu.Unlock()
	var list sync.WaitGroup
	list.Go(func() {
		at := time.Now()
		channels, err := r.Channels(ctx)
		if err != nil {
			_ = conn.Close() // Then it is tried again.
			return
		}
		select {
		case <-r.reconciled:
		default:
		}
		r.reconciled <- telephony.Reconciliation{Channels: channels, At: at}
	})
	defer list.Wait()
	from := json.NewDecoder(conn)
	for {
		var a response
		if err := from.Decode(&a); err != nil {
			break
		}
		if a.Event != nil {
			r.deliver(*a.Event)
			continue
		}
		r.mu.Lock()
		answer := r.waiting[a.ID]
		delete(r.waiting, a.ID)
		r.mu.Unlock()
		if answer != nil {
			answer <- a
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	_ = conn.Close() // It is broken.
	r.conn = nil
	for id, answer := range r.waiting {
		close(answer)
		delete(r.waiting, id)
	}
}

func (r *remote) deliver(e telephony.Event) {
	r.mu.Lock()
	box := r.boxes[e.Key]
	r.mu.Unlock()
	if box != nil && box.Put(e) || e.Type != telephony.EventEntered {
		return
	}
	r.arrivals <- e
}

func (r *remote) connected() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.conn != nil
}

// command gives a command and waits for its answer.
func (r *remote) command(ctx context.Context, q request) (response, error) {
	answer := make(chan response, 1)
	r.mu.Lock()
	if r.conn == nil {
		r.mu.Unlock()
		return response{}, fmt.Errorf("%s: %w", q.Command, telephony.ErrDown)
	}
	r.next++
	q.ID = r.next
	r.waiting[q.ID] = answer
	err := r.conn.SetWriteDeadline(time.Now().Add(commandLimit))
	if err == nil {
		err = r.to.Encode(q)
	}
	r.mu.Unlock()
	if err != nil {
		return response{}, fmt.Errorf("%s: %w", q.Command, telephony.ErrUnanswered)
	}
	limit := time.NewTimer(commandLimit)
	defer limit.Stop()
	select {
	case a, ok := <-answer:
		if !ok {
			break
		}
		if known := switchErrors()[a.Error]; known != nil {
			return a, fmt.Errorf("%s: %w", q.Command, known)
		} else if a.Error != "" {
			return a, errors.New(a.Error)
		}
		return a, nil
	case <-limit.C:
	case <-ctx.Done():
	}
	r.mu.Lock()
	delete(r.waiting, q.ID)
	r.mu.Unlock()
	return response{}, fmt.Errorf("%s: %w", q.Command, telephony.ErrUnanswered)
}

func (r *remote) tell(ctx context.Context, q request) error {
	_, err := r.command(ctx, q)
	return err
}

// Connect implements telephony.Switch.
func (r *remote) Connect(ctx context.Context, c telephony.Connect) error {
	return r.tell(ctx, request{Command: "connect", Connect: &c})
}

// Hangup implements telephony.Switch.
func (r *remote) Hangup(ctx context.Context, channel string, cause telephony.Cause) error {
	return r.tell(ctx, request{Command: "hangup", Channel: channel, Cause: cause})
}

// Play implements telephony.Switch.
func (r *remote) Play(ctx context.Context, channel, playback string, media ...telephony.Media) error {
	return r.tell(ctx, request{Command: "play", Channel: channel, Playback: playback, Media: media})
}

// StopPlay implements telephony.Switch.
func (r *remote) StopPlay(ctx context.Context, playback string) error {
	return r.tell(ctx, request{Command: "stop", Playback: playback})
}

// Guard implements telephony.Switch.
func (r *remote) Guard(ctx context.Context, channel string, d time.Duration) error {
	return r.tell(ctx, request{Command: "guard", Channel: channel, For: d})
}

// Channel implements telephony.Switch.
func (r *remote) Channel(ctx context.Context, channel string) (telephony.Channel, error) {
	a, err := r.command(ctx, request{Command: "channel", Channel: channel})
	if err != nil {
		return telephony.Channel{}, err
	}
	return a.Channels[0], nil
}

// Channels implements telephony.Switch.
func (r *remote) Channels(ctx context.Context) ([]telephony.Channel, error) {
	a, err := r.command(ctx, request{Command: "channels"})
	return a.Channels, err
}

// Open implements telephony.Switch.
func (r *remote) Open(key string) *telephony.Mailbox {
	box := telephony.NewMailbox(key, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.boxes, key)
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	r.boxes[key] = box
	return box
}

// Arrivals implements telephony.Switch.
func (r *remote) Arrivals() <-chan telephony.Event { return r.arrivals }

// Reconciled implements telephony.Switch.
func (r *remote) Reconciled() <-chan telephony.Reconciliation { return r.reconciled }
