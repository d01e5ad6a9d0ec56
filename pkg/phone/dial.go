package phone

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"
)

// Header is one extra header of an INVITE.
type Header struct{ Name, Value string }

// DialOptions are the details of an outgoing call; the zero value is a plain one.
type DialOptions struct {
	// From is the user part of our address; empty: the phone's own user.
	From string
	// Display is the display name shown with it; empty: none.
	Display string
	// Headers are added to the INVITE.
	Headers []Header
	// Say is what to say from the moment audio flows; nil: silence.
	Say *Source
	// Keys is how this side sends the keys pressed; the zero value is RTP events.
	Keys KeyWay
	// Mute sends no audio at all, not even silence, as through a firewall that lets audio pass one way only. Keys as RTP events
	// are sent all the same.
	Mute bool
	// Hasty presses keys as a phone's memory does, one every 100 ms: 60 ms down and 40 ms up. It is for events and tones.
	Hasty bool
	// OnProgress, when set, is called for each provisional response but 100, with
	// the audio that will be the call's: early media can be heard on it. It must
	// return at once.
	OnProgress func(code int, m *Media)
}

// abandonTime is how long an abandoned INVITE is followed for its final response.
const abandonTime = 10 * time.Second

// dial places a call and returns when it is answered. When ctx ends first, it
// returns at once, and the CANCEL (or the BYE, when an answer crossed it) is sent
// by a goroutine of the agent.
func (a *agent) dial(ctx context.Context, target sip.Uri, o DialOptions) (*Call, error) {
	if !a.enter() {
		return nil, fmt.Errorf("dial: %w", ErrClosed)
	}
	defer a.leave()
	media, err := a.openMedia()
	if err != nil {
		return nil, fmt.Errorf("dial: %w", err)
	}
	media.keys, media.mute, media.hasty = o.Keys, o.Mute, o.Hasty
	media.Say(o.Say)
	d := &dialing{agent: a, media: media, req: a.invite(target, o, media), progress: o.OnProgress}
	if d.tx, err = a.begin(ctx, d.req); err != nil {
		media.close()
		return nil, fmt.Errorf("dial: %w", err)
	}
	for tries := 0; ; {
		select {
		case res := <-d.tx.Responses():
			switch {
			case res.IsProvisional():
				d.provisional(res)
			case res.IsSuccess():
				return d.answered(res)
			case tries < maxAuthTries && a.challenged(res):
				tries++
				if d.req, d.tx, err = a.retry(ctx, d.req, res); err != nil {
					media.close()
					return nil, fmt.Errorf("dial: %w", err)
				}
				d.ringing = false
			default:
				media.close()
				return nil, fmt.Errorf("dial: %w", statusError(res))
			}
		case <-d.tx.Done():
			media.close()
			return nil, fmt.Errorf("dial: %w", ended(d.tx))
		case <-ctx.Done():
			d.giveUp()
			return nil, fmt.Errorf("dial: %w", ctx.Err())
		case <-a.ctx.Done():
			d.giveUp()
			return nil, fmt.Errorf("dial: %w", ErrClosed)
		}
	}
}

func (a *agent) invite(target sip.Uri, o DialOptions, m *Media) *sip.Request {
	req := sip.NewRequest(sip.INVITE, target)
	user := o.From
	if user == "" {
		user = a.user
	}
	from := sip.FromHeader{
		DisplayName: o.Display,
		Address:     sip.Uri{Scheme: "sip", User: user, Host: a.local.Addr().String()},
		Params:      sip.NewParams(),
	}
	from.Params.Add("tag", newTag())
	to := sip.ToHeader{Address: sip.Uri{Scheme: "sip", User: target.User, Host: target.Host, Port: target.Port}}
	callID := sip.CallIDHeader(newTag())
	req.AppendHeader(&from)
	req.AppendHeader(&to)
	req.AppendHeader(&callID)
	req.AppendHeader(&sip.CSeqHeader{SeqNo: 1, MethodName: sip.INVITE})
	req.AppendHeader(a.contact())
	req.AppendHeader(sip.NewHeader("Allow", allowed))
	for _, h := range o.Headers {
		req.AppendHeader(sip.NewHeader(h.Name, h.Value))
	}
	req.AppendHeader(sip.NewHeader("Content-Type", "application/sdp"))
	req.SetBody(buildSDP(m.local, a.codecs, o.Keys.payload()))
	return a.finish(req)
}

// dialing is an INVITE under way; one goroutine at a time works on it.
type dialing struct {
	agent    *agent
	media    *Media
	req      *sip.Request
	tx       sip.ClientTransaction
	ringing  bool // a provisional response came, so a CANCEL may be sent
	progress func(int, *Media)
}

func (d *dialing) provisional(res *sip.Response) {
	d.ringing = true
	if res.StatusCode == sip.StatusTrying {
		return
	}
	if len(res.Body()) > 0 {
		if s, err := parseSDP(res.Body()); err == nil {
			// Without a common codec the final answer fails, and says so.
			_ = d.media.start(s, d.agent.codecs)
		}
	}
	if d.progress != nil {
		d.progress(res.StatusCode, d.media)
	}
}

// answered takes a 2xx: it is acknowledged whatever it says, and hung up at once
// when it cannot be talked on.
func (d *dialing) answered(res *sip.Response) (*Call, error) {
	a, c := d.agent, d.dialog(res)
	known := a.add(c)
	ack := c.build(sip.ACK, d.req.CSeq().SeqNo, c.target)
	for _, name := range []string{"Authorization", "Proxy-Authorization"} { // RFC 3261, 13.2.2.4
		if h := d.req.GetHeader(name); h != nil {
			ack.AppendHeader(sip.HeaderClone(h))
		}
	}
	err := nameless(a.client.WriteRequest(ack, sipgo.ClientRequestAddVia))
	// A repeated 2xx means that the ACK was lost.
	repeat := ack.Clone()
	d.tx.OnRetransmission(func(*sip.Response) {
		if !c.gone() {
			_ = a.client.WriteRequest(repeat.Clone(), func(*sipgo.Client, *sip.Request) error { return nil })
		}
	})
	var s session
	if err == nil {
		s, err = parseSDP(res.Body())
	}
	if err == nil {
		err = d.media.start(s, a.codecs)
	}
	if err == nil && !known {
		err = ErrClosed
	}
	if err != nil {
		if known {
			ctx, cancel := context.WithTimeout(a.ctx, abandonTime)
			defer cancel()
			err = errors.Join(err, c.Hangup(ctx))
		} else {
			c.abandon()
		}
		return nil, fmt.Errorf("dial: %w", err)
	}
	return c, nil
}

// dialog builds the calling side of the dialog (RFC 3261, 12.1.2).
func (d *dialing) dialog(res *sip.Response) *Call {
	localTag, _ := d.req.From().Params.Get("tag")
	remoteTag, _ := res.To().Params.Get("tag")
	c := &Call{
		Media:     d.media,
		agent:     d.agent,
		key:       dialogKey{d.req.CallID().Value(), localTag},
		remoteTag: remoteTag,
		answered:  time.Now(),
		from:      sip.HeaderClone(d.req.From()),
		to:        sip.HeaderClone(res.To()),
		target:    d.req.Recipient,
		cseq:      d.req.CSeq().SeqNo,
		acks:      make(map[uint32]pendingACK),
		done:      make(chan struct{}),
		header:    func(name string) string { return headerValue(res, name) },
	}
	if contact := res.Contact(); contact != nil {
		c.target = contact.Address
	}
	c.routes, c.nextHop = routeSet(res.GetHeaders("Record-Route"), true)
	c.ears.answered(c.answered)
	return c
}

// giveUp hands the INVITE to a goroutine that cancels it.
func (d *dialing) giveUp() {
	d.media.close()
	d.agent.work.Go(d.abandon) // dial holds the work group, so it cannot be at zero
}

// abandon cancels the INVITE as RFC 3261, 9.1 has it: not before a provisional
// response, and with an eye on the 2xx that may cross the CANCEL.
func (d *dialing) abandon() {
	var (
		cancelled bool
		sent      sip.ClientTransaction
		timer     = time.NewTimer(abandonTime)
		closing   = d.agent.ctx.Done()
	)
	defer timer.Stop()
	defer func() {
		if sent != nil {
			sent.Terminate()
		}
	}()
	for {
		if d.ringing && !cancelled {
			cancelled = true
			sent = d.cancel()
		}
		select {
		case res := <-d.tx.Responses():
			switch {
			case res.IsProvisional():
				d.ringing = true
			case res.IsSuccess():
				if c, err := d.answered(res); err == nil {
					c.abandon()
				}
				return
			default:
				return
			}
		case <-cancelResponses(sent):
			sent.Terminate()
			sent = nil
		case <-d.tx.Done():
			return
		case <-timer.C:
			d.tx.Terminate()
			return
		case <-closing:
			// The CANCEL has left, if one was due; the rest is the other side's timers.
			return
		}
	}
}

func cancelResponses(tx sip.ClientTransaction) <-chan *sip.Response {
	if tx == nil {
		return nil
	}
	return tx.Responses()
}

// cancel sends the CANCEL of the INVITE: same Via, same CSeq number.
func (d *dialing) cancel() sip.ClientTransaction {
	req := sip.NewRequest(sip.CANCEL, *d.req.Recipient.Clone())
	for _, h := range []sip.Header{d.req.Via(), d.req.From(), d.req.To(), d.req.CallID()} {
		req.AppendHeader(sip.HeaderClone(h))
	}
	req.AppendHeader(&sip.CSeqHeader{SeqNo: d.req.CSeq().SeqNo, MethodName: sip.CANCEL})
	sip.CopyHeaders("Route", d.req, req)
	d.agent.finish(req)
	tx, err := d.agent.client.TransactionRequest(context.WithoutCancel(d.agent.ctx), req,
		func(*sipgo.Client, *sip.Request) error { return nil })
	if err != nil {
		return nil // the INVITE's own timers end it
	}
	return tx
}

// Cancelled reports whether err means that the other side, or our own context,
// ended a call before it was answered.
func Cancelled(err error) bool {
	return errors.Is(err, ErrCancelled) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
