package demo

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/phone"
)

// desk is one member of staff with a SIP phone and no screen: she goes ready by dialling *1, takes most of the calls she is
// offered, and closes them by keypad when the other one has hung up.
type desk struct {
	field   *Field
	index   int
	account Account
	phone   *phone.Phone
	// missed wakes her up when she let a call pass: she notices after a while and goes ready again. One place, since once
	// is enough.
	missed chan struct{}
	line   chan struct{} // Holds one token: a phone on one call refuses another.
	waits  chan struct{} // A call waits while she listens to a feature code's answer, which she then cuts short.
	offers int           // Only touched with the token.
}

func (f *Field) newDesk(index int, account Account) (*desk, error) {
	d := &desk{field: f, index: index, account: account, missed: make(chan struct{}, 1),
		line: make(chan struct{}, 1), waits: make(chan struct{})}
	p, err := phone.New(phone.Options{
		User: account.Endpoint, Secret: account.Secret, Registrar: f.options.PBX, Tones: personTones(), Keep: 5 * time.Second,
		Pacer: f.pacer, Logger: f.options.Logger, OnCall: d.offered,
	})
	if err != nil {
		return nil, fmt.Errorf("desk %d: %w", index, err)
	}
	d.phone = p
	return d, nil
}

// take takes the phone; it reports false when it is in use.
func (d *desk) take() bool {
	select {
	case d.line <- struct{}{}:
		return true
	default:
		return false
	}
}

func (d *desk) put() { <-d.line }

// work goes ready in the morning and again after each call that she let pass.
func (d *desk) work(ctx context.Context) {
	r := draw(d.field.options.Seed, "desk", d.index)
	if !pause(ctx, between(r, 0, 3*time.Second)) {
		return
	}
	for {
		if !d.ready(ctx) {
			if !pause(ctx, 2*time.Second) {
				return
			}
			continue
		}
		select {
		case <-d.missed:
			if !pause(ctx, between(r, 10*time.Second, 25*time.Second)) {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// ready dials *1 and listens to the answer. It reports whether somebody answered.
func (d *desk) ready(ctx context.Context) bool {
	if !d.take() {
		return false
	}
	defer d.put()
	dialling, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	c, err := d.phone.Dial(dialling, "*1", phone.DialOptions{})
	if err != nil {
		if ctx.Err() == nil {
			d.field.options.Logger.Warn("feature code was not answered", zap.Int("desk", d.index), zap.Error(err))
		}
		return false
	}
	timer := time.NewTimer(15 * time.Second)
	defer timer.Stop()
	select {
	case <-c.Done():
	case <-timer.C:
	case <-d.waits:
	case <-ctx.Done():
	}
	d.field.hangUp(ctx, c)
	return true
}

// free takes the phone for a call that rings, and cuts short what she listens to for it. It reports false when she is talking.
func (d *desk) free(ctx context.Context) bool {
	if d.take() {
		return true
	}
	timer := time.NewTimer(time.Second)
	defer timer.Stop()
	for listening := d.waits; ; {
		select {
		case d.line <- struct{}{}:
			return true
		case listening <- struct{}{}:
			listening = nil
		case <-timer.C:
			return false
		case <-ctx.Done():
			return false
		}
	}
}

// offered is what she does when her phone rings.
func (d *desk) offered(ctx context.Context, in *phone.Incoming) {
	if !d.free(ctx) {
		_ = in.Reject(486, "") // The other side may have given up meanwhile.
		return
	}
	defer d.put()
	d.offers++
	r := draw(d.field.options.Seed, "offer "+strconv.Itoa(d.index), d.offers)
	if err := in.Ring(); err != nil {
		return
	}
	chance := r.IntN(100)
	after := between(r, 500*time.Millisecond, 3*time.Second)
	if chance < 4 && !d.account.Registrar { // She is at the door and lets it ring.
		<-in.Done()
		select {
		case d.missed <- struct{}{}:
		default: // She knows.
		}
		return
	}
	timer := time.NewTimer(after)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-in.Done():
		return
	case <-ctx.Done():
		return
	}
	if chance < 7 && !d.account.Registrar {
		_ = in.Reject(486, "") // As above.
		return
	}
	c, err := in.Answer(ctx)
	if err != nil {
		return // Cancelled in that instant.
	}
	c.Say(phone.Tone(staffTone(d.index)))
	followed := make(chan struct{})
	go func() {
		defer close(followed)
		d.field.ledger.Follow(ctx, c, d.account.Endpoint, staffTone(d.index))
	}()
	d.talk(ctx, c, between(r, 8*time.Second, 22*time.Second))
	d.field.hangUp(ctx, c)
	<-followed
}

// talk waits until the other one is heard, talks, and says goodbye; when the other one was first, it closes the call by
// keypad.
func (d *desk) talk(ctx context.Context, c *phone.Call, length time.Duration) {
	tone, met := d.meet(ctx, c)
	if !met {
		return
	}
	if !d.field.stay(ctx, c, length) {
		return
	}
	listening, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
	defer cancel()
	if _, err := c.HearToneAfter(listening, tone, time.Now()); err == nil || ctx.Err() != nil {
		return // Still there: the caller hangs up first.
	}
	key := "1"
	if length%5 == 0 {
		key = "2"
	}
	if err := c.SendDTMF(ctx, key); err == nil {
		d.field.stay(ctx, c, 6*time.Second)
	}
}

// meet waits until somebody's tone is heard. A machine or a prompt has none: she leaves it alone until the PBX or the machine
// hangs up, and puts the phone down herself in the end.
func (d *desk) meet(ctx context.Context, c *phone.Call) (tone float64, met bool) {
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	patience := time.NewTimer(ringTime + 30*time.Second)
	defer patience.Stop()
	for {
		select {
		case <-ticker.C:
			for tone := range c.Heard().Tones {
				return tone, true
			}
		case <-patience.C:
			return 0, false
		case <-c.Done():
			return 0, false
		case <-ctx.Done():
			return 0, false
		}
	}
}
