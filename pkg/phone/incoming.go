package phone

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/emiago/sipgo/sip"
)

// States of an incoming call; it leaves open exactly once.
const (
	callOpen uint32 = iota
	callAnswered
	callRejected
	callCancelled
)

// Incoming is a call that has not been answered yet.
type Incoming struct {
	// From is the user part of the caller's address: a number or an account.
	From string
	// Display is the caller's display name, often empty.
	Display string
	// To is the user part of the request address: the number or account called.
	To string
	// At is when the INVITE arrived.
	At time.Time

	agent *agent
	req   *sip.Request
	tx    sip.ServerTransaction
	offer *session // nil: the INVITE carried none
	state atomic.Uint32
	done  chan struct{}
	media *Media // opened by Progress or Answer; owned by the handler
	call  *Call
}

// Done is closed when the other side cancels before an answer.
func (in *Incoming) Done() <-chan struct{} { return in.done }

// Header returns the first value of a header of the INVITE, or "".
func (in *Incoming) Header(name string) string { return headerValue(in.req, name) }

// ID is the SIP Call-ID.
func (in *Incoming) ID() string { return in.req.CallID().Value() }

// Ring sends 180 Ringing.
func (in *Incoming) Ring() error { return in.provisional(180, "Ringing", nil) }

// Progress sends 183 with early media and says src (nil: silence) to the caller,
// who has not been answered. The returned channel is [Media.Say]'s.
func (in *Incoming) Progress(src *Source) (<-chan struct{}, error) {
	body, err := in.openAudio()
	if err != nil {
		return nil, fmt.Errorf("send early media: %w", err)
	}
	said := in.media.Say(src)
	if err := in.provisional(183, "Session Progress", body); err != nil {
		return nil, err
	}
	return said, nil
}

func (in *Incoming) provisional(code int, reason string, body []byte) error {
	if err := in.undecided(callOpen); err != nil {
		return fmt.Errorf("send %d: %w", code, err)
	}
	if err := in.tx.Respond(in.response(code, reason, body)); err != nil {
		return fmt.Errorf("send %d: %w", code, in.crossed(err))
	}
	return nil
}

// Answer sends 200 OK; audio flows and the call is established when it returns,
// although the ACK is still on its way. It fails with [ErrCancelled] when the
// other side gave up first. A CANCEL that crosses the 200 OK on the wire finds the
// call answered: the other side then sends BYE. ctx bounds nothing but its start.
func (in *Incoming) Answer(ctx context.Context) (*Call, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("answer call: %w", err)
	}
	if err := in.undecided(callAnswered); err != nil {
		return nil, fmt.Errorf("answer call: %w", err)
	}
	body, err := in.openAudio()
	if err != nil {
		in.final(488, "Not Acceptable Here")
		return nil, fmt.Errorf("answer call: %w", err)
	}
	res := in.response(200, "OK", body)
	c := in.dialog(res)
	c.ears.answered(c.answered)
	acked := c.expectACK(in.req.CSeq().SeqNo, in.offer == nil)
	// Known before the 200 leaves: the ACK may be faster than this goroutine.
	if !in.agent.add(c) {
		in.final(480, "Temporarily Unavailable")
		return nil, fmt.Errorf("answer call: %w", ErrClosed)
	}
	if err := in.tx.Respond(res); err != nil {
		in.agent.drop(c)
		return nil, fmt.Errorf("answer call: %w", in.crossed(err))
	}
	in.call = c
	if in.agent.enter() {
		go func() {
			defer in.agent.leave()
			c.keepAnswering(in.tx, res, acked)
		}()
	}
	return c, nil
}

// Reject refuses the call with a status of 300 to 699; an empty reason is the
// code's own phrase.
func (in *Incoming) Reject(code int, reason string) error {
	if code < 300 || code > 699 {
		return fmt.Errorf("reject call: status %d is no refusal", code)
	}
	if err := in.undecided(callRejected); err != nil {
		return fmt.Errorf("reject call: %w", err)
	}
	if reason == "" {
		reason = phrase(code)
	}
	if err := in.tx.Respond(in.response(code, reason, nil)); err != nil {
		return fmt.Errorf("reject call: %w", in.crossed(err))
	}
	return nil
}

func phrase(code int) string {
	switch code {
	case 404:
		return "Not Found"
	case 480:
		return "Temporarily Unavailable"
	case 486:
		return "Busy Here"
	case 488:
		return "Not Acceptable Here"
	case 503:
		return "Service Unavailable"
	case 603:
		return "Decline"
	}
	return "Refused"
}

// undecided moves from open to next; callOpen as next only looks.
func (in *Incoming) undecided(next uint32) error {
	if next == callOpen {
		if in.state.Load() == callOpen {
			return nil
		}
	} else if in.state.CompareAndSwap(callOpen, next) {
		return nil
	}
	if in.state.Load() == callCancelled {
		return ErrCancelled
	}
	return ErrDecided
}

// cancelled is called by the transaction, which holds its lock: it must not call back.
func (in *Incoming) cancelled() {
	if in.state.CompareAndSwap(callOpen, callCancelled) {
		close(in.done)
	}
}

// crossed looks at a response that could not be sent because a CANCEL came first.
// sipgo 1.7.2 has by then put our response in the place of its own 487 and would
// repeat it, so the 487 is put back.
func (in *Incoming) crossed(err error) error {
	if !errors.Is(err, sip.ErrTransactionCanceled) {
		return nameless(err)
	}
	_ = in.tx.Respond(in.response(sip.StatusRequestTerminated, "Request Terminated", nil))
	if old := in.state.Swap(callCancelled); old != callCancelled {
		close(in.done)
	}
	return ErrCancelled
}

// final refuses after the decision to answer was already taken.
func (in *Incoming) final(code int, reason string) {
	if err := in.tx.Respond(in.response(code, reason, nil)); err != nil {
		_ = in.crossed(err)
	}
}

// conclude is what happens when the handler has returned.
func (in *Incoming) conclude() {
	if in.undecided(callRejected) == nil {
		in.final(480, "Temporarily Unavailable")
	}
	if in.call == nil && in.media != nil {
		in.media.close()
	}
}

// openAudio opens the audio once and returns our session description.
func (in *Incoming) openAudio() ([]byte, error) {
	if in.media == nil {
		m, err := in.agent.openMedia()
		if err != nil {
			return nil, err
		}
		in.media = m
		if in.offer != nil {
			if err := m.start(*in.offer, in.agent.codecs); err != nil {
				return nil, err
			}
		}
	}
	if in.offer == nil {
		return buildSDP(in.media.local, in.agent.codecs, dtmfPayload), nil
	}
	codec, keys := in.media.agreed()
	return buildSDP(in.media.local, []Codec{codec}, keys), nil
}

func (in *Incoming) response(code int, reason string, body []byte) *sip.Response {
	res := sip.NewResponseFromRequest(in.req, code, reason, nil)
	res.AppendHeader(in.agent.contact())
	res.AppendHeader(sip.NewHeader("Allow", allowed))
	if len(body) > 0 {
		res.AppendHeader(sip.NewHeader("Content-Type", "application/sdp"))
	}
	res.SetBody(body)
	return res
}

// dialog builds the callee's side of the dialog (RFC 3261, 12.1.1).
func (in *Incoming) dialog(res *sip.Response) *Call {
	localTag, _ := res.To().Params.Get("tag")
	remoteTag, _ := in.req.From().Params.Get("tag")
	from, to := res.To().AsFrom(), in.req.From().AsTo()
	c := &Call{
		Media:     in.media,
		agent:     in.agent,
		key:       dialogKey{in.ID(), localTag},
		remoteTag: remoteTag,
		answered:  time.Now(),
		from:      &from,
		to:        &to,
		target:    in.req.Recipient,
		acks:      make(map[uint32]pendingACK),
		done:      make(chan struct{}),
		header:    in.Header,
	}
	if contact := in.req.Contact(); contact != nil {
		c.target = contact.Address
	}
	c.routes, c.nextHop = routeSet(in.req.GetHeaders("Record-Route"), false)
	return c
}

// routeSet turns Record-Route headers into our Route headers (RFC 3261, 12.1) and
// says where requests go first; the calling side reverses them.
func routeSet(recorded []sip.Header, reverse bool) (routes []sip.Header, nextHop string) {
	for _, r := range recorded {
		routes = append(routes, sip.NewHeader("Route", r.Value()))
	}
	if reverse {
		slices.Reverse(routes)
	}
	if len(routes) == 0 {
		return nil, ""
	}
	var first sip.RouteHeader
	params := sip.NewParams()
	if _, err := sip.ParseAddressValue(routes[0].Value(), &first.Address, &params); err != nil {
		return routes, ""
	}
	if first.Address.Port == 0 {
		first.Address.Port = sip.DefaultUdpPort
	}
	return routes, first.Address.HostPort()
}

func headerValue(msg interface{ GetHeader(string) sip.Header }, name string) string {
	if h := msg.GetHeader(name); h != nil {
		return h.Value()
	}
	return ""
}
