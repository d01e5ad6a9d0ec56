package figures

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/telephony"
	"github.com/rappel-tel/rappel/pkg/telephony/telephonytest"
)

// exchange is the PBX with all the phones behind it, in a process that survives what is done to the service: its nodes reach it
// over a socket. It plays the dialplan's part as the conformance suite of package telephony demands, refuses to ring whoever
// is no longer to be rung (dial-by), and writes down what every phone has seen.
type exchange struct {
	pbx      *telephonytest.Fake
	listener net.Listener
	work     sync.WaitGroup

	mu    sync.Mutex
	ended bool
	nodes map[*node]struct{}
	boxes map[string]*telephony.Mailbox // By attempt.
	slow  []slowness                    // For the next calls, in order.
	seen  []*ringing
	alive map[string]*ringing // By leg.
	ask   map[string]string   // Numbers by attempt.
}

// ringing is one time that a person's phone was called.
type ringing struct {
	attempt, number       string
	began, bridged, ended time.Time
}

// slowness says how a command is dawdled over: before or after it is carried out.
type slowness struct{ before, after time.Duration }

// request is a command of a node.
type request struct {
	ID       int64              `json:"id"`
	Command  string             `json:"command"`
	Channel  string             `json:"channel,omitempty"`
	Cause    telephony.Cause    `json:"cause,omitempty"`
	Playback string             `json:"playback,omitempty"`
	Media    []telephony.Media  `json:"media,omitempty"`
	For      time.Duration      `json:"for,omitempty"`
	Connect  *telephony.Connect `json:"connect,omitempty"`
}

// response is an answer, or an event when Event is set.
type response struct {
	ID       int64               `json:"id,omitempty"`
	Error    string              `json:"error,omitempty"`
	Channels []telephony.Channel `json:"channels,omitempty"`
	Event    *telephony.Event    `json:"event,omitempty"`
}

// node is one connection of the service.
type node struct {
	conn net.Conn
	mu   sync.Mutex
	to   *json.Encoder
}

// writeLimit is how long a node may not read: one that stands still loses its connection, as with any PBX.
const writeLimit = 5 * time.Second

func (n *node) send(r response) {
	n.mu.Lock()
	defer n.mu.Unlock()
	err := n.conn.SetWriteDeadline(time.Now().Add(writeLimit))
	if err == nil {
		err = n.to.Encode(r)
	}
	if err != nil {
		_ = n.conn.Close() // Its reader ends with it.
	}
}

func newExchange(ctx context.Context, socket string) (*exchange, error) {
	var c net.ListenConfig
	l, err := c.Listen(ctx, "unix", socket)
	if err != nil {
		return nil, fmt.Errorf("open the exchange: %w", err)
	}
	x := &exchange{
		pbx: telephonytest.New(telephonytest.Options{Prompt: 200 * time.Millisecond}), listener: l, nodes: map[*node]struct{}{},
		boxes: map[string]*telephony.Mailbox{}, alive: map[string]*ringing{}, ask: map[string]string{},
	}
	x.work.Go(x.accept)
	x.work.Go(func() { // Nothing arrives but what belongs to a call, whose box is open.
		for range x.pbx.Arrivals() {
			continue
		}
	})
	return x, nil
}

func (x *exchange) close() {
	_ = x.listener.Close() // Nobody asks any more.
	x.mu.Lock()
	x.ended = true
	for n := range x.nodes {
		_ = n.conn.Close()
	}
	for _, box := range x.boxes {
		box.Put(telephony.Event{}) // Wakes its reader, who sees the end.
	}
	x.mu.Unlock()
	x.pbx.Close()
	x.work.Wait()
}

func (x *exchange) accept() {
	for {
		conn, err := x.listener.Accept()
		if err != nil {
			return
		}
		n := &node{conn: conn, to: json.NewEncoder(conn)}
		x.mu.Lock()
		x.nodes[n] = struct{}{}
		x.mu.Unlock()
		x.work.Go(func() {
			x.serve(n)
			x.mu.Lock()
			delete(x.nodes, n)
			x.mu.Unlock()
		})
	}
}

// serve carries out what a node commands, each command on its own, as a PBX does.
func (x *exchange) serve(n *node) {
	defer func() { _ = n.conn.Close() }() // It may be closed already.
	from := json.NewDecoder(n.conn)
	for {
		var r request
		if err := from.Decode(&r); err != nil {
			return
		}
		x.work.Go(func() {
			dawdle := x.slowness(r)
			wait(dawdle.before)
			answer := x.carryOut(r)
			wait(dawdle.after)
			n.send(answer)
		})
	}
}

func wait(d time.Duration) {
	if d > 0 {
		<-time.After(d)
	}
}

func (x *exchange) slowness(r request) (s slowness) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if r.Command == "connect" && len(x.slow) > 0 {
		s, x.slow = x.slow[0], x.slow[1:]
	}
	return s
}

// dawdle makes the next calls slow.
func (x *exchange) dawdle(s ...slowness) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.slow = append(x.slow, s...)
}

// cut ends every connection; the phones go on.
func (x *exchange) cut() {
	x.mu.Lock()
	defer x.mu.Unlock()
	for n := range x.nodes {
		_ = n.conn.Close()
	}
}

func (x *exchange) carryOut(r request) response {
	ctx := context.Background() // The PBX does what it was told, whoever has gone meanwhile.
	answer := response{ID: r.ID}
	var err error
	switch r.Command {
	case "connect":
		x.follow(r.Connect)
		err = x.pbx.Connect(ctx, *r.Connect)
	case "hangup":
		err = x.pbx.Hangup(ctx, r.Channel, r.Cause)
	case "play":
		err = x.pbx.Play(ctx, r.Channel, r.Playback, r.Media...)
	case "stop":
		err = x.pbx.StopPlay(ctx, r.Playback)
	case "guard":
		err = x.guard(ctx, r)
	case "channel":
		var c telephony.Channel
		c, err = x.pbx.Channel(ctx, r.Channel)
		answer.Channels = []telephony.Channel{c}
	case "channels":
		answer.Channels, err = x.pbx.Channels(ctx)
	default:
		err = telephony.ErrRefused
	}
	for word, known := range switchErrors() {
		if errors.Is(err, known) {
			answer.Error = word
		}
	}
	if err != nil && answer.Error == "" {
		answer.Error = err.Error()
	}
	return answer
}

// guard refuses what the fake PBX takes for an error of the program: a guard set while something is played. Here it is none: a
// killed service leaves its playback on the line, of which the next one knows nothing. Asterisk would set it afterwards.
func (x *exchange) guard(ctx context.Context, r request) (err error) {
	defer func() {
		if recover() != nil {
			err = telephony.ErrRefused
		}
	}()
	return x.pbx.Guard(ctx, r.Channel, r.For)
}

// switchErrors are the errors that both ends of the socket know.
func switchErrors() map[string]error {
	return map[string]error{
		"no channel": telephony.ErrNoChannel, "exists": telephony.ErrExists, "refused": telephony.ErrRefused,
	}
}

// follow passes on, and writes down, what happens to the legs of an attempt.
func (x *exchange) follow(c *telephony.Connect) {
	key := call.Of(c.Channel)
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.boxes[key] != nil || x.ended {
		return
	}
	box := x.pbx.Open(key)
	x.boxes[key], x.ask[key] = box, c.Number
	x.work.Go(func() {
		for range box.Wake() {
			for _, e := range box.Take() {
				if !x.note(e) {
					return
				}
			}
		}
	})
}

// note writes down what a person's phone sees, and sends it on. It reports false at the end.
func (x *exchange) note(e telephony.Event) bool {
	x.mu.Lock()
	if x.ended {
		x.mu.Unlock()
		return false
	}
	if _, side, _, err := call.ParseLeg(e.Leg); err == nil && side == call.SideBeneficiary {
		switch r := x.alive[e.Channel]; {
		case e.Type == telephony.EventDialling:
			r = &ringing{attempt: e.Key, number: x.ask[e.Key], began: e.Time}
			x.seen, x.alive[e.Channel] = append(x.seen, r), r
		case r == nil:
		case e.Type == telephony.EventBridged:
			r.bridged = e.Time
		case e.Type == telephony.EventGone:
			r.ended = e.Time
			delete(x.alive, e.Channel)
		}
	}
	nodes := make([]*node, 0, len(x.nodes))
	for n := range x.nodes {
		nodes = append(nodes, n)
	}
	x.mu.Unlock()
	for _, n := range nodes {
		n.send(response{Event: &e})
	}
	return true
}

// rung is what the phones have seen, in order.
func (x *exchange) rung() []ringing {
	x.mu.Lock()
	defer x.mu.Unlock()
	all := make([]ringing, len(x.seen))
	for i, r := range x.seen {
		all[i] = *r
	}
	return all
}

// removeSocket makes room for a socket.
func removeSocket(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("make room for the exchange: %w", err)
	}
	return nil
}
