package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/dispatch"
)

const (
	hailEvery = time.Second     // How often a node says that it is there; real time.
	hailKept  = 4 * time.Second // How long that is believed; real time.
	// refusedFor is how long a node that has refused an order, or was not there to take it, is given no other; real time.
	refusedFor = 5 * time.Second
	phonesPage = 20_000 // Endpoints told at once: NATS carries a megabyte.

	hailName   = "fleet"
	phonesName = ".phones" // Follows a node's name where it says which phones are registered with its PBX.
)

// hail is what a node says to all others. It names nobody.
type hail struct {
	Node   string `json:"node"`
	Ready  bool   `json:"ready"`  // Calls can be placed at its PBX.
	Phones int64  `json:"phones"` // The version of its registrations; another one means that they have changed.
	// Numbers is the version of the numbers that are on the line there, which are in the records: nobody's number travels.
	Numbers int64             `json:"numbers,omitempty"`
	OnLine  []dispatch.OnLine `json:"on_line,omitempty"` // Callers whose own phones are in use there.
}

// phonesQuestion asks for the endpoints registered with a PBX, after one, in order.
type phonesQuestion struct {
	After string `json:"after,omitempty"`
}

type phonesAnswer struct {
	Version int64    `json:"version"`
	Phones  []string `json:"phones"`
	More    bool     `json:"more,omitempty"`
}

// registrations are the phones that are registered with this node's PBX.
type registrations struct {
	version int64
	phones  map[string]bool
}

// fleet is the nodes that share an event bus, as this one sees them: at whose PBXs calls may be placed, and which phones are
// registered there. A caller whose phone is registered nowhere is offered nothing.
type fleet struct {
	node  string
	ask   func(ctx context.Context, name string, question []byte) ([]byte, error)
	tell  func(name string, what []byte) error
	use   func([]dispatch.PBX)
	ready func() bool // Calls can be placed at this node's PBX.
	log   *zap.Logger
	// line is the dispatcher, which is told who is on the line at other PBXs; records keep the numbers.
	line interface {
		OnLineAt(node string, list []dispatch.OnLine)
		HoldNumbersAt(node string, numbers []string)
	}
	records interface {
		HoldNumbers(ctx context.Context, node string, numbers []string) error
		HeldNumbers(ctx context.Context, node string) ([]string, error)
	}
	wake chan struct{} // Size 1: who is on the line here has changed, or elsewhere.

	mu     sync.Mutex
	own    registrations
	here   onLine
	others map[string]*member
	used   string // What use was told last.
}

// newFleet returns a fleet of one node. Its other fields must be set before it is used.
func newFleet(node string, log *zap.Logger) *fleet {
	return &fleet{node: node, log: log, wake: make(chan struct{}, 1), others: map[string]*member{}, here: onLine{numbers: map[string]string{}, changed: true}}
}

// member is another node.
type member struct {
	hail    hail
	heard   time.Time // Real time.
	refused time.Time // When it refused an order.
	known   registrations
	numbers int64 // The version of those that the dispatcher was told.
}

// hear takes another node's hail.
func (f *fleet) hear(what []byte, now time.Time) {
	var h hail
	if json.Unmarshal(what, &h) != nil || h.Node == "" || h.Node == f.node {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	m := f.others[h.Node]
	if m == nil {
		m = &member{}
		f.others[h.Node] = m
	}
	m.hail, m.heard = h, now
	f.line.OnLineAt(h.Node, h.OnLine)
	if h.Numbers != m.numbers {
		f.poke()
	}
}

// register notes which phones are registered with this node's PBX.
func (f *fleet) register(phones map[string]bool, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.own.version == 0 || !maps.Equal(f.own.phones, phones) {
		f.own = registrations{version: now.UnixNano(), phones: phones}
	}
}

// say says that this node is there.
func (f *fleet) say() error {
	f.mu.Lock()
	h := hail{
		Node: f.node, Ready: f.ready() && f.own.version != 0, Phones: f.own.version, Numbers: f.here.version, OnLine: slices.Clone(f.here.callers),
	}
	f.mu.Unlock()
	text, err := json.Marshal(h)
	if err != nil {
		return fmt.Errorf("write hail: %w", err)
	}
	return f.tell(hailName, text)
}

// phones answers another node's question for what is registered here.
func (f *fleet) phones(question []byte) ([]byte, error) {
	var q phonesQuestion
	if err := json.Unmarshal(question, &q); err != nil {
		return nil, fmt.Errorf("read question: %w", err)
	}
	f.mu.Lock()
	own := f.own
	f.mu.Unlock()
	a := phonesAnswer{Version: own.version, Phones: slices.Sorted(maps.Keys(own.phones))}
	from, found := slices.BinarySearch(a.Phones, q.After)
	if found {
		from++
	}
	a.Phones = a.Phones[from:]
	if len(a.Phones) > phonesPage {
		a.Phones, a.More = a.Phones[:phonesPage], true
	}
	return json.Marshal(a)
}

// refusal notes that a node took no order.
func (f *fleet) refusal(node string, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if m := f.others[node]; m != nil {
		m.refused = now
	}
}

// look learns what has changed and has the dispatcher use it.
func (f *fleet) look(ctx context.Context, now time.Time) error {
	var failed error
	for node, version := range f.stale(now) {
		known, err := f.learn(ctx, node)
		if err != nil {
			failed = err
			continue
		}
		f.mu.Lock()
		if known.version >= version {
			f.others[node].known = known
		}
		f.mu.Unlock()
	}
	f.choose(now)
	return errors.Join(failed, f.learnNumbers(ctx, now))
}

// stale lists the nodes that are there and whose registrations have changed.
func (f *fleet) stale(now time.Time) map[string]int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := map[string]int64{}
	for node, m := range f.others {
		if now.Sub(m.heard) > hailKept {
			continue
		}
		if m.hail.Ready && m.hail.Phones != m.known.version {
			list[node] = m.hail.Phones
		}
	}
	return list
}

// learn asks a node for its registrations.
func (f *fleet) learn(ctx context.Context, node string) (registrations, error) {
	known := registrations{phones: map[string]bool{}}
	after := ""
	for {
		question, err := json.Marshal(phonesQuestion{After: after})
		if err != nil {
			return known, fmt.Errorf("write question: %w", err)
		}
		limited, cancel := context.WithTimeout(ctx, askLimit)
		text, err := f.ask(limited, node+phonesName, question)
		cancel()
		if err != nil {
			return known, err
		}
		var a phonesAnswer
		if err := json.Unmarshal(text, &a); err != nil {
			return known, fmt.Errorf("read registrations of %s: %w", node, err)
		}
		for _, p := range a.Phones {
			known.phones[p] = true
			after = p
		}
		known.version = a.Version
		if !a.More || len(a.Phones) == 0 {
			return known, nil
		}
	}
}

// choose tells the dispatcher at which PBXs calls may be placed, when that has changed.
func (f *fleet) choose(now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var list []dispatch.PBX
	var told strings.Builder
	for _, node := range slices.Sorted(maps.Keys(f.others)) {
		m := f.others[node]
		if m.hail.Ready && m.known.version != 0 && now.Sub(m.heard) <= hailKept && now.Sub(m.refused) > refusedFor {
			list = append(list, dispatch.PBX{Node: node, Phones: m.known.phones})
			fmt.Fprintf(&told, "%s %d;", node, m.known.version)
		}
	}
	if f.ready() && f.own.version != 0 {
		list = append([]dispatch.PBX{{Phones: f.own.phones}}, list...)
		fmt.Fprintf(&told, "here %d", f.own.version)
	}
	if told.String() == f.used {
		return
	}
	f.used = told.String()
	f.log.Info("calls are placed at these PBXs", zap.Int("of_other_nodes", len(f.others)), zap.Int("used", max(1, len(list))))
	f.use(list)
}
