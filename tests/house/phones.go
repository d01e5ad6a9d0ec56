package house

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/phone"
	"github.com/rappel-tel/rappel/pkg/setup"
)

// Caller is somebody who works for the scheme, with her phone.
type Caller struct {
	Ref      string
	Key      int64
	Endpoint string // Empty with an ordinary phone.
	Number   string // Of an ordinary phone.
	Phone    *phone.Phone
	Offers   chan *Offer // Every call that her phone rings for.

	house  *House
	secret string
}

// Offer is her phone ringing.
type Offer struct {
	*phone.Incoming
	once    sync.Once
	decided chan struct{}
}

// Take answers.
func (o *Offer) Take(ctx context.Context) (*phone.Call, error) {
	defer o.once.Do(func() { close(o.decided) })
	return o.Answer(ctx)
}

// Decline refuses with a status.
func (o *Offer) Decline(code int) error {
	defer o.once.Do(func() { close(o.decided) })
	return o.Reject(code, "")
}

// plugIn registers every SIP phone of the house.
func (h *House) plugIn() {
	for _, c := range append(append([]*Caller(nil), h.Callers...), h.Registrars...) {
		if c.Number != "" {
			h.subscribe(c.Number, func(phone.Ring, int) phone.Behaviour {
				return phone.Answers(100*time.Millisecond, CallerTone)
			}, nil)
			continue
		}
		c.Phone = h.PlugInto(c, h.Asterisk)
	}
}

// PlugInto gives a caller a phone at a PBX, beside those she has.
func (h *House) PlugInto(c *Caller, pbx *setup.Asterisk) *phone.Phone {
	h.t.Helper()
	p, err := phone.New(phone.Options{
		User: c.Endpoint, Secret: c.secret, Registrar: pbx.SIPAddr().String(), Pacer: h.pacer, Logger: zap.NewNop(),
		Tones: []float64{CallerTone, PersonTone}, OnCall: c.rings,
	})
	require.NoError(h.t, err)
	h.t.Cleanup(p.Close)
	Await(h.t, startLimit, "her phone to register", func(ctx context.Context) bool { return p.Register(ctx) == nil })
	return p
}

// rings hands an incoming call to the test.
func (c *Caller) rings(ctx context.Context, in *phone.Incoming) {
	if in.Ring() != nil {
		return // It was given up already.
	}
	o := &Offer{Incoming: in, decided: make(chan struct{})}
	select {
	case c.Offers <- o:
	default:
		return // Nobody wants so many.
	}
	select {
	case <-o.decided:
	case <-in.Done():
	case <-ctx.Done():
	}
}

// AwaitOffer waits until her phone rings.
func (h *House) AwaitOffer(c *Caller) *Offer {
	h.t.Helper()
	select {
	case o := <-c.Offers:
		return o
	case <-time.After(startLimit):
		require.Fail(h.t, "her phone did not ring", c.Ref)
		return nil
	}
}

// Take waits until her phone rings, answers, and is heard as the callers' tone. The call is hung up with the test.
func (h *House) Take(c *Caller) *phone.Call {
	h.t.Helper()
	taken, err := h.AwaitOffer(c).Take(h.t.Context())
	require.NoError(h.t, err)
	taken.Say(phone.Tone(CallerTone))
	return taken
}

// OrdinaryCall waits until a caller's ordinary phone has been picked up.
func (h *House) OrdinaryCall(c *Caller) *phone.Call {
	h.t.Helper()
	select {
	case taken := <-h.subscriberAt(c.Number).calls:
		return taken
	case <-time.After(startLimit):
		require.Fail(h.t, "her ordinary phone did not ring", c.Ref)
		return nil
	}
}

// Ready makes her ready by her phone's feature code, or by the keypad of the line when it has none. The dispatcher may not
// lead the scheme yet: then she tries again.
func (h *House) Ready(c *Caller) {
	h.t.Helper()
	Await(h.t, startLimit, "her to be ready", func(ctx context.Context) bool {
		if c.Number != "" {
			h.PressOnLine(ctx, c, "1")
		} else {
			h.Dial(c, "*1")
		}
		state := h.CallerState(c)
		// A call may have been due at once.
		return state != call.CallerOff && state != ""
	})
}

// Dial dials a feature code on her phone and hangs up once it has been answered and something is heard.
func (h *House) Dial(c *Caller, code string) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), startLimit)
	defer cancel()
	line, err := c.Phone.Dial(ctx, code, phone.DialOptions{Say: phone.Silence()})
	if err != nil {
		return // Refused: the PBX is not ready.
	}
	Await(h.t, startLimit, "a voice", func(context.Context) bool {
		select {
		case <-line.Done():
			return true
		default:
			return !line.Heard().First.IsZero()
		}
	})
	require.NoError(h.t, line.Hangup(ctx))
}

// DialLine dials the registration line from a number, saying something, and is answered. The PBX may not know the trunk yet:
// then it is dialled again.
func (h *House) DialLine(from string, say *phone.Source) *phone.Call {
	h.t.Helper()
	return h.DialLineBy(from, phone.DialOptions{Say: say})
}

// DialLineBy is DialLine with every detail of the call.
func (h *House) DialLineBy(from string, o phone.DialOptions) *phone.Call {
	h.t.Helper()
	return h.DialNumber(from, h.Line, o)
}

// DialNumber is DialLineBy to any number.
func (h *House) DialNumber(from, number string, o phone.DialOptions) *phone.Call {
	h.t.Helper()
	var party *phone.Call
	Await(h.t, startLimit, "the line to answer", func(ctx context.Context) bool {
		var err error
		party, err = h.Trunk.Dial(ctx, from, number, o)
		var refused *phone.StatusError
		if errors.As(err, &refused) && refused.Code == http.StatusUnauthorized {
			return false
		}
		require.NoError(h.t, err)
		return true
	})
	return party
}

// PressOnLine dials the line from her ordinary phone, presses a key once something is heard, and waits until the line has
// hung up, which it does when it could do what the key says; if not, she hangs up after a while.
func (h *House) PressOnLine(ctx context.Context, c *Caller, key string) {
	h.t.Helper()
	line := h.DialLine(c.Number, phone.Silence())
	Await(h.t, startLimit, "the greeting", func(context.Context) bool { return !line.Heard().First.IsZero() })
	require.NoError(h.t, line.SendDTMF(ctx, key))
	select {
	case <-line.Done():
	case <-time.After(stopLimit):
		h.HangUp(line)
	}
}

// HangUp ends a call.
func (h *House) HangUp(c *phone.Call) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), startLimit)
	defer cancel()
	require.NoError(h.t, c.Hangup(ctx))
}

// AwaitDone waits until a call has ended.
func (h *House) AwaitDone(c *phone.Call, limit time.Duration) {
	h.t.Helper()
	select {
	case <-c.Done():
	case <-time.After(limit):
		require.Fail(h.t, "the call goes on", limit.String())
	}
}
