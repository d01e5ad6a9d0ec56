package phone

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"
)

// Side says who ended a call.
type Side uint8

const (
	// SideNone is the zero value: the call goes on.
	SideNone Side = iota
	// SideLocal is this phone.
	SideLocal
	// SideRemote is the other side, by BYE.
	SideRemote
	// SideNetwork means that no ACK came for our answer (RFC 3261, 13.3.1.4).
	SideNetwork
)

// String returns a lower-case word.
func (s Side) String() string {
	switch s {
	case SideLocal:
		return "local"
	case SideRemote:
		return "remote"
	case SideNetwork:
		return "network"
	case SideNone:
	}
	return "none"
}

// Ending is how a call ended.
type Ending struct {
	By Side
	At time.Time
	// Crossed means that both sides hung up at once: By is SideLocal, and the
	// other's BYE came before the answer to ours.
	Crossed bool
	// Cause is the Q.850 cause of the other side's Reason header; 0: none came.
	Cause int
	// Text is that header's text, such as "Normal Clearing".
	Text string
}

// Call is one established call. It is safe for concurrent use.
type Call struct {
	*Media

	agent     *agent
	key       dialogKey
	remoteTag string
	answered  time.Time
	from, to  sip.Header // of our requests
	routes    []sip.Header
	nextHop   string // host:port of the first route; empty: the target itself
	header    func(name string) string

	mu       sync.Mutex
	target   sip.Uri
	cseq     uint32
	acks     map[uint32]pendingACK // by CSeq: 2xx of ours that wait for one
	ending   bool
	vanished bool
	end      Ending
	done     chan struct{}
}

// pendingACK is a 2xx of ours that has not been acknowledged yet.
type pendingACK struct {
	came    chan struct{}
	offered bool // the 2xx carried an offer, which the ACK answers
}

// Done is closed when the call has ended, whoever ended it.
func (c *Call) Done() <-chan struct{} { return c.done }

// Ending says how the call ended; the zero value while it goes on.
func (c *Call) Ending() Ending {
	select {
	case <-c.done:
	default:
		return Ending{}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.end
}

// Answered is when the 200 OK was sent or received.
func (c *Call) Answered() time.Time { return c.answered }

// ID is the SIP Call-ID.
func (c *Call) ID() string { return c.key.callID }

// Header returns a header of the message that the other side made the call with:
// its INVITE for an incoming call, its 200 OK for an outgoing one. Empty: absent.
func (c *Call) Header(name string) string { return c.header(name) }

// Hangup ends the call by BYE and returns when the other side has confirmed it.
// On a call that has ended already it does nothing. Audio stops at once, also when
// ctx ends first; the call is then over for this side. An answering side
// waits for the ACK before its BYE (RFC 3261, 15).
func (c *Call) Hangup(ctx context.Context) error {
	if !c.startEnding() {
		select {
		case <-c.done:
			return nil
		case <-ctx.Done():
			return fmt.Errorf("hang up: %w", ctx.Err())
		}
	}
	if !c.agent.enter() {
		c.finish(Ending{By: SideLocal})
		return fmt.Errorf("hang up: %w", ErrClosed)
	}
	defer c.agent.leave()
	defer c.finish(Ending{By: SideLocal})
	c.hush()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(c.agent.ctx, cancel)()

	if err := c.awaitACK(ctx); err != nil {
		return fmt.Errorf("hang up: await ack: %w", err)
	}
	res, err := c.agent.do(ctx, c.request(sip.BYE))
	if err != nil {
		return fmt.Errorf("hang up: %w", err)
	}
	// 481 and 408 mean that the other side has no such call any more.
	if !res.IsSuccess() && res.StatusCode != 481 && res.StatusCode != 408 {
		return fmt.Errorf("hang up: %w", statusError(res))
	}
	return nil
}

// Vanish makes the phone lose its power: no more audio, and no answer to
// anything, without a word to the other side. On a [Phone] it darkens the whole
// phone, as [Phone.Vanish] does; on a [Trunk] only this call.
func (c *Call) Vanish() {
	if c.agent.powerCut != nil {
		c.agent.powerCut()
		return
	}
	c.cut()
}

func (c *Call) cut() {
	c.mu.Lock()
	c.vanished = true
	c.mu.Unlock()
	c.vanish()
	c.agent.keepDark(c.Media)
	if c.startEnding() {
		c.finishKeeping(Ending{By: SideLocal})
	}
}

func (c *Call) gone() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.vanished
}

// startEnding reports whether the caller is the one to end the call.
func (c *Call) startEnding() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ending {
		return false
	}
	c.ending = true
	return true
}

// finish records the end once, releases the audio and forgets the dialog.
func (c *Call) finish(e Ending) {
	c.agent.drop(c)
	c.finishKeeping(e)
	c.close()
}

// finishKeeping is finish for a vanished call, whose dialog stays so that
// requests in it find nobody rather than a refusal.
func (c *Call) finishKeeping(e Ending) {
	c.mu.Lock()
	select {
	case <-c.done:
		c.mu.Unlock()
		return
	default:
	}
	e.At = time.Now()
	e.Crossed = c.end.Crossed
	if c.end.Cause != 0 {
		e.Cause, e.Text = c.end.Cause, c.end.Text
	}
	c.ending = true
	c.end = e
	close(c.done)
	c.mu.Unlock()
	c.hush()
}

// abandon is the end by a closing agent: one BYE, nobody waits.
func (c *Call) abandon() {
	if c.startEnding() && !c.gone() {
		_ = c.agent.client.WriteRequest(c.request(sip.BYE), sipgo.ClientRequestAddVia)
	}
	c.finish(Ending{By: SideLocal})
}

// remoteBye takes the other side's BYE.
func (c *Call) remoteBye(req *sip.Request) {
	cause, text := reasonCause(req.GetHeaders("Reason"))
	c.mu.Lock()
	crossed := c.ending
	if crossed {
		c.end.Crossed, c.end.Cause, c.end.Text = true, cause, text
	}
	c.ending = true
	c.mu.Unlock()
	if !crossed {
		c.finish(Ending{By: SideRemote, Cause: cause, Text: text})
	}
}

// request builds the next request of this side in the dialog (RFC 3261, 12.2.1.1).
func (c *Call) request(method sip.RequestMethod) *sip.Request {
	c.mu.Lock()
	c.cseq++
	seq, target := c.cseq, c.target
	c.mu.Unlock()
	return c.build(method, seq, target)
}

func (c *Call) build(method sip.RequestMethod, seq uint32, target sip.Uri) *sip.Request {
	req := sip.NewRequest(method, *target.Clone())
	callID := sip.CallIDHeader(c.key.callID)
	req.AppendHeader(sip.HeaderClone(c.from))
	req.AppendHeader(sip.HeaderClone(c.to))
	req.AppendHeader(&callID)
	req.AppendHeader(&sip.CSeqHeader{SeqNo: seq, MethodName: method})
	for _, r := range c.routes {
		req.AppendHeader(sip.HeaderClone(r))
	}
	if c.nextHop != "" {
		req.SetDestination(c.nextHop)
	}
	req.AppendHeader(c.agent.contact())
	return c.agent.finish(req)
}

// expectACK opens the wait for the ACK of our 2xx to the INVITE with this CSeq.
func (c *Call) expectACK(seq uint32, offered bool) <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := pendingACK{came: make(chan struct{}), offered: offered}
	c.acks[seq] = p
	return p.came
}

// ack takes an ACK; its body answers an offer that our 2xx made.
func (c *Call) ack(seq uint32, body []byte) {
	c.mu.Lock()
	p, ok := c.acks[seq]
	if ok {
		delete(c.acks, seq)
		close(p.came)
	}
	c.mu.Unlock()
	if p.offered && len(body) > 0 {
		if s, err := parseSDP(body); err == nil {
			// A refused answer leaves the call silent, which the ledger shows.
			_ = c.start(s, c.agent.codecs)
		}
	}
}

func (c *Call) awaitACK(ctx context.Context) error {
	for {
		c.mu.Lock()
		var wait <-chan struct{}
		for _, p := range c.acks {
			wait = p.came
		}
		c.mu.Unlock()
		if wait == nil {
			return nil
		}
		select {
		case <-wait:
		case <-c.done:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// keepAnswering repeats a 2xx until its ACK comes (RFC 3261, 13.3.1.4); without
// one after the agent's ackWait it hangs up. The agent's work group owns it.
func (c *Call) keepAnswering(tx sip.ServerTransaction, res *sip.Response, acked <-chan struct{}) {
	interval := sip.T1
	timer := time.NewTimer(interval)
	defer timer.Stop()
	for deadline := time.Now().Add(c.agent.ackWait); ; {
		select {
		case <-acked:
			return
		case <-c.done:
			return
		case <-c.agent.ctx.Done():
			return
		case now := <-timer.C:
			if c.gone() {
				return
			}
			if now.After(deadline) {
				if c.startEnding() {
					_ = c.agent.client.WriteRequest(c.request(sip.BYE), sipgo.ClientRequestAddVia)
				}
				c.finish(Ending{By: SideNetwork})
				return
			}
			_ = tx.Respond(res) // the next turn tries again
			interval = min(2*interval, sip.T2)
			timer.Reset(interval)
		}
	}
}
