package phone

import (
	"bytes"
	"context"
	"crypto/md5"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"
)

// TestCancelCrossesAnswer lets both happen at once, a little apart by turns:
// whoever wins, both sides must agree and nobody is left in a call.
func TestCancelCrossesAnswer(t *testing.T) {
	ctx := within(t)
	outcomes := make(chan *Call)
	ringing := make(chan chan struct{})
	bob := newPhone(t, "bob", func(_ context.Context, in *Incoming) {
		_ = in.Ring()
		<-<-ringing
		c, _ := in.Answer(context.Background())
		outcomes <- c
	})
	alice := newPhone(t, "alice", nil)
	answered, cancelled, crossed := 0, 0, 0
	for i := range 100 {
		dialing, cancel := context.WithCancel(ctx)
		go func() {
			start := make(chan struct{})
			ringing <- start
			if i%2 == 0 {
				close(start)
			}
			for range i * 20 {
				runtime.Gosched()
			}
			cancel()
			if i%2 == 1 {
				close(start)
			}
		}()
		a, err := alice.Dial(dialing, address(bob), DialOptions{})
		b := <-outcomes
		switch {
		case err == nil:
			answered++
			require.NotNil(t, b)
			require.NoError(t, a.Hangup(ctx))
			<-b.Done()
		case b == nil:
			cancelled++
		default:
			crossed++
			<-b.Done() // by alice's BYE
			require.Equal(t, SideRemote, b.Ending().By)
		}
	}
	t.Logf("%d answered, %d cancelled, %d crossed", answered, cancelled, crossed)
}

func TestBothHangUp(t *testing.T) {
	ctx := within(t)
	calls := make(chan *Call, 1)
	bob := newPhone(t, "bob", answering(nil, calls))
	alice := newPhone(t, "alice", nil)
	crossed := 0
	for range 50 {
		a, err := alice.Dial(ctx, address(bob), DialOptions{})
		require.NoError(t, err)
		b := <-calls
		var both sync.WaitGroup
		both.Go(func() { require.NoError(t, a.Hangup(ctx)) })
		both.Go(func() { require.NoError(t, b.Hangup(ctx)) })
		both.Wait()
		<-a.Done()
		<-b.Done()
		require.True(t, a.Ending().By == SideLocal || b.Ending().By == SideLocal)
		if a.Ending().Crossed || b.Ending().Crossed {
			crossed++
		}
		require.Nil(t, bob.find(a.request(sip.BYE)))
	}
	t.Logf("%d crossed", crossed)
}

// loseFirst drops every datagram the first time it is sent.
func loseFirst(c *sipConn) {
	var mu sync.Mutex
	seen := make(map[[md5.Size]byte]bool)
	lose := func(b []byte) bool {
		mu.Lock()
		defer mu.Unlock()
		sum := md5.Sum(b)
		lost := !seen[sum] && !bytes.HasPrefix(b, []byte("SIP/2.0 1")) // a lost 180 is not repeated
		seen[sum] = true
		return lost
	}
	c.filter.Store(&lose)
}

func TestEverythingIsSentTwice(t *testing.T) {
	t.Parallel()
	ctx := within(t)
	calls := make(chan *Call, 1)
	bob := newPhone(t, "bob", answering(Tone(1000), calls))
	alice := newPhone(t, "alice", nil)
	loseFirst(bob.conn)
	loseFirst(alice.conn)
	a, err := alice.Dial(ctx, address(bob), DialOptions{Say: Tone(600)})
	require.NoError(t, err)
	b := <-calls
	_, err = b.HearTone(ctx, 600)
	require.NoError(t, err)
	require.NoError(t, b.Hangup(ctx), "the callee waits for the ACK, then its BYE is lost and repeated")
	<-a.Done()
	require.Equal(t, SideRemote, a.Ending().By)
}

func TestVanish(t *testing.T) {
	ctx := within(t)
	calls := make(chan *Call, 1)
	bob := newPhone(t, "bob", answering(Tone(1000), calls))
	alice := newPhone(t, "alice", nil)
	a, err := alice.Dial(ctx, address(bob), DialOptions{})
	require.NoError(t, err)
	_, err = a.HearTone(ctx, 1000)
	require.NoError(t, err)
	(<-calls).Vanish()
	sent := a.Heard().Packets
	short, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
	defer cancel()
	_, err = alice.Dial(short, address(bob), DialOptions{})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.LessOrEqual(t, a.Heard().Packets, sent+1)
	require.Error(t, a.Hangup(short), "nobody confirms")
	<-a.Done()

	// On a trunk only the one call goes dark.
	tr := newTrunk(t, func(Ring) Behaviour { return Answers(0, 1000) }, func(o *TrunkOptions) {
		o.OnCall = func(_ context.Context, r Ring, c *Call) {
			if r.Number == "1" {
				c.Vanish()
			}
		}
	})
	gone, err := alice.Dial(ctx, number(tr, "1"), DialOptions{})
	require.NoError(t, err)
	stays, err := alice.Dial(ctx, number(tr, "2"), DialOptions{})
	require.NoError(t, err)
	_, err = stays.HearTone(ctx, 1000)
	require.NoError(t, err)
	require.NoError(t, stays.Hangup(ctx))
	short, cancel = context.WithTimeout(ctx, 200*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, gone.Hangup(short), context.DeadlineExceeded)
}

// TestReinvite moves the audio to another port in mid-call.
func TestReinvite(t *testing.T) {
	ctx := within(t)
	calls := make(chan *Call, 1)
	bob := newPhone(t, "bob", answering(Tone(1000), calls))
	alice := newPhone(t, "alice", nil)
	a, err := alice.Dial(ctx, address(bob), DialOptions{})
	require.NoError(t, err)
	<-calls

	other, err := alice.openMedia()
	require.NoError(t, err)
	defer other.close()
	res := invite(t, alice, a, buildSDP(other.local, []Codec{PCMU}, 0), nil)
	s, err := parseSDP(res.Body())
	require.NoError(t, err)
	require.NoError(t, other.start(s, []Codec{PCMU}))
	_, err = other.HearTone(ctx, 1000)
	require.NoError(t, err)
	require.NoError(t, a.Hangup(ctx))
}

// TestLateOffer: an INVITE without a session, whose ACK brings it.
func TestLateOffer(t *testing.T) {
	ctx := within(t)
	calls := make(chan *Call, 1)
	bob := newPhone(t, "bob", answering(Tone(1000), calls))
	alice := newPhone(t, "alice", nil)
	a, err := alice.Dial(ctx, address(bob), DialOptions{})
	require.NoError(t, err)
	<-calls

	other, err := alice.openMedia()
	require.NoError(t, err)
	defer other.close()
	res := invite(t, alice, a, nil, buildSDP(other.local, []Codec{PCMU}, 0))
	s, err := parseSDP(res.Body())
	require.NoError(t, err)
	require.NoError(t, other.start(s, []Codec{PCMU}))
	_, err = other.HearTone(ctx, 1000)
	require.NoError(t, err)
	require.NoError(t, a.Hangup(ctx))
}

// invite sends a re-INVITE with an offer, or acknowledges with an answer.
func invite(t *testing.T, p *Phone, c *Call, offer, answer []byte) *sip.Response {
	t.Helper()
	req := c.request(sip.INVITE)
	if offer != nil {
		req.AppendHeader(sip.NewHeader("Content-Type", "application/sdp"))
		req.SetBody(offer)
	}
	tx, err := p.begin(within(t), req)
	require.NoError(t, err)
	res, err := finalResponse(within(t), tx)
	require.NoError(t, err)
	require.Equal(t, 200, res.StatusCode)
	ack := c.build(sip.ACK, req.CSeq().SeqNo, c.target)
	ack.SetBody(answer)
	require.NoError(t, p.client.WriteRequest(ack, sipgo.ClientRequestAddVia))
	return res
}

// TestNoACK: an answer that nobody acknowledges is repeated, then hung up.
func TestNoACK(t *testing.T) {
	t.Parallel()
	ctx := within(t)
	calls := make(chan *Call, 1)
	bob := newPhone(t, "bob", func(ctx context.Context, in *Incoming) {
		in.agent.ackWait = 600 * time.Millisecond // of 32 s
		answering(nil, calls)(ctx, in)
	})
	alice := newPhone(t, "alice", nil)
	var acks atomic.Int32
	lose := func(b []byte) bool {
		lost := bytes.HasPrefix(b, []byte("ACK"))
		if lost {
			acks.Add(1)
		}
		return lost
	}
	alice.conn.filter.Store(&lose)
	a, err := alice.Dial(ctx, address(bob), DialOptions{})
	require.NoError(t, err)
	b := <-calls
	<-b.Done()
	<-a.Done()
	require.Equal(t, SideNetwork, b.Ending().By)
	require.Equal(t, SideRemote, a.Ending().By)
	require.Greater(t, acks.Load(), int32(1), "the repeated answer was acknowledged again")
}

func TestPing(t *testing.T) {
	bob, alice := newPhone(t, "bob", nil), newPhone(t, "alice", nil)
	code, _, err := alice.Ping(within(t), bob.Addr().String())
	require.NoError(t, err)
	require.Equal(t, 200, code)
	bob.Vanish()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, _, err = alice.Ping(ctx, bob.Addr().String())
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestStrayRequests(t *testing.T) {
	ctx := within(t)
	bob := newPhone(t, "bob", nil)
	alice := newPhone(t, "alice", nil)
	stray := func(method sip.RequestMethod, change func(*sip.Request)) *sip.Response {
		target, err := resolve(address(bob), sip.Uri{})
		require.NoError(t, err)
		m, err := alice.openMedia()
		require.NoError(t, err)
		defer m.close()
		req := alice.invite(target, DialOptions{}, m)
		req.Method, req.CSeq().MethodName = method, method
		if change != nil {
			change(req)
		}
		res, err := alice.do(ctx, req)
		require.NoError(t, err)
		return res
	}
	inDialog := func(req *sip.Request) { req.To().Params.Add("tag", "nowhere") }
	require.Equal(t, 481, stray(sip.BYE, inDialog).StatusCode)
	require.Equal(t, 481, stray(sip.INVITE, inDialog).StatusCode)
	require.Equal(t, 481, stray(sip.CANCEL, nil).StatusCode)
	require.Equal(t, 405, stray(sip.PUBLISH, nil).StatusCode)
	require.Equal(t, 480, stray(sip.INVITE, nil).StatusCode, "nobody takes the call")
	require.Equal(t, 488, stray(sip.INVITE, func(r *sip.Request) {
		r.SetBody([]byte(strings.ReplaceAll(string(r.Body()), "RTP/AVP 8 0 101", "RTP/AVP 9")))
	}).StatusCode)
	res := stray(sip.INVITE, func(r *sip.Request) { r.AppendHeader(sip.NewHeader("Require", "100rel")) })
	require.Equal(t, 420, res.StatusCode)
	require.Equal(t, "100rel", res.GetHeader("Unsupported").Value())
	options := stray(sip.OPTIONS, nil)
	require.Equal(t, 200, options.StatusCode)
	require.Contains(t, options.GetHeader("Allow").Value(), "BYE")
}

func TestReasonCause(t *testing.T) {
	cause, text := reasonCause([]sip.Header{
		sip.NewHeader("Reason", `SIP;cause=200;text="x"`),
		sip.NewHeader("Reason", `Q.850 ;cause=16;text="Normal Clearing"`),
	})
	require.Equal(t, 16, cause)
	require.Equal(t, "Normal Clearing", text)
}
