package demo

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/phone"
)

// Account is the SIP account of one member of staff.
type Account struct {
	Endpoint string
	Secret   string
	// Registrar marks a phone that answers the registration line and is never offered calls.
	Registrar bool
}

// FieldOptions say which telephones are played.
type FieldOptions struct {
	Seed     uint64
	PBX      string   // "address:port" of the PBX's SIP; required.
	Trunk    string   // The simulated network's own "address:port"; the PBX knows it by that. Required.
	Line     string   // The registration number.
	Visitors []string // Numbers that dial the line now and then; empty: nobody does.
	Logger   *zap.Logger
}

// Field is every telephone of the demonstration: the staff's own ones, registered at the PBX, and behind the simulated trunk
// everybody else.
type Field struct {
	options FieldOptions
	pacer   *phone.Pacer
	ledger  *phone.Ledger
	trunk   *phone.Trunk
	desks   []*desk
	work    sync.WaitGroup

	mu    sync.Mutex
	rings map[string]int // How often each number has rung.
}

// OpenField opens the simulated network. The staff's telephones follow with Staff.
func OpenField(options FieldOptions) (*Field, error) {
	if options.Logger == nil {
		return nil, errors.New("field options: a logger is required")
	}
	f := &Field{options: options, pacer: phone.NewPacer(), ledger: phone.NewLedger(), rings: map[string]int{}}
	if err := f.open(); err != nil {
		f.Close()
		return nil, fmt.Errorf("open the simulated network: %w", err)
	}
	return f, nil
}

func (f *Field) open() error {
	greeting := beep()
	trunk, err := phone.NewTrunk(phone.TrunkOptions{
		Listen: f.options.Trunk, PBX: f.options.PBX, Tones: staffTones(), Ledger: f.ledger, Pacer: f.pacer,
		Keep: 5 * time.Second, Logger: f.options.Logger,
		Answer: func(ring phone.Ring) phone.Behaviour {
			if ring.Live > 0 {
				return phone.Busy()
			}
			f.mu.Lock()
			count := f.rings[ring.Number]
			f.rings[ring.Number]++
			f.mu.Unlock()
			return temper(f.options.Seed, ring.Number, count, greeting)
		},
	})
	if err != nil {
		return err
	}
	f.trunk = trunk
	return nil
}

// TrunkAddr is where the simulated network listens.
func (f *Field) TrunkAddr() netip.AddrPort { return f.trunk.Addr() }

// Staff makes the staff's telephones, at most one per tone, and registers them. It returns when all of them are registered; a
// PBX that does not know them yet is asked again until ctx ends.
func (f *Field) Staff(ctx context.Context, accounts []Account) error {
	if len(accounts) > Callers+Registrars {
		return errors.New("open telephones: more accounts than tones")
	}
	for i, account := range accounts {
		d, err := f.newDesk(i, account)
		if err != nil {
			return err
		}
		f.desks = append(f.desks, d)
	}
	for _, d := range f.desks {
		for {
			err := d.phone.Register(ctx)
			if err == nil {
				break
			}
			if !pause(ctx, 200*time.Millisecond) {
				return fmt.Errorf("register desk %d: %w", d.index, err)
			}
		}
	}
	return nil
}

// Ledger is what the far ends saw and heard.
func (f *Field) Ledger() *phone.Ledger { return f.ledger }

// Work sends the staff to work and lets people dial the line, until ctx ends. It returns at once; Close waits.
func (f *Field) Work(ctx context.Context) {
	for _, d := range f.desks {
		f.work.Go(func() { d.work(ctx) })
	}
	if len(f.options.Visitors) > 0 && f.options.Line != "" {
		f.work.Go(func() { f.visits(ctx) })
	}
}

// Close hangs up every call and waits for every telephone. The context of Work must have ended.
func (f *Field) Close() {
	f.work.Wait()
	for _, d := range f.desks {
		d.phone.Close()
	}
	if f.trunk != nil {
		f.trunk.Close()
	}
	f.pacer.Close()
}

// visits lets somebody dial the registration line every minute or so: to hear when the next call is, to speak to a person,
// or by mistake.
func (f *Field) visits(ctx context.Context) {
	for count := 0; ; count++ {
		r := draw(f.options.Seed, "visit", count)
		if !pause(ctx, between(r, 20*time.Second, 60*time.Second)) {
			return
		}
		from := f.options.Visitors[r.IntN(len(f.options.Visitors))]
		if r.IntN(100) < 40 {
			from = fmt.Sprintf("+3363998%04d", 9000+r.IntN(1000)) // Somebody unknown.
		}
		if err := f.visit(ctx, r, from); err != nil && ctx.Err() == nil {
			f.options.Logger.Debug("inbound party was not answered", zap.Error(err))
		}
	}
}

func (f *Field) visit(ctx context.Context, r *rand.Rand, from string) error {
	dialling, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	c, err := f.trunk.Dial(dialling, from, f.options.Line, phone.DialOptions{Say: phone.Tone(personTones()[0])})
	if err != nil {
		return err
	}
	defer func() { f.hangUp(ctx, c) }()
	key, stay := "1", 14*time.Second
	switch n := r.IntN(100); {
	case n < 15: // A wrong number.
		f.stay(ctx, c, 2*time.Second)
		return nil
	case n < 45:
		key, stay = "2", 30*time.Second
	}
	if f.stay(ctx, c, between(r, 4*time.Second, 9*time.Second)) {
		if err := c.SendDTMF(ctx, key); err != nil {
			return err
		}
		f.stay(ctx, c, stay)
	}
	return nil
}

// stay waits on the line and reports whether it is still up.
func (f *Field) stay(ctx context.Context, c *phone.Call, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-c.Done():
	case <-ctx.Done():
	}
	return false
}

func (f *Field) hangUp(ctx context.Context, c *phone.Call) {
	bye, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
	defer cancel()
	if err := c.Hangup(bye); err != nil {
		f.options.Logger.Debug("phone could not hang up", zap.Error(err))
	}
}

// pause reports false when ctx ends first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
