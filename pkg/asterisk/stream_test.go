package asterisk_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"github.com/rappel-tel/rappel/pkg/asterisk"
	"github.com/rappel-tel/rappel/pkg/telephony"
	"github.com/rappel-tel/rappel/pkg/telephony/telephonytest"
)

// quiet logs warnings and worse into the test's own log.
func quiet(t *testing.T) *zap.Logger {
	return zaptest.NewLogger(t, zaptest.Level(zap.WarnLevel))
}

// A second service of the same name takes the calls over; the first one stops and says so.
func TestOwnershipIsLostLoudly(t *testing.T) {
	l := newLab(t)
	first, err := asterisk.New(asterisk.Options{
		URL: l.pbx.ARIURL(), User: l.pbx.ARIUser(), Password: l.pbx.ARIPassword(), App: "rappel", Logger: quiet(t),
	})
	require.NoError(t, err)
	ended := run(t, first)
	<-first.Reconciled()
	second := l.connect()
	require.True(t, second.Connected())
	require.ErrorIs(t, <-ended, asterisk.ErrReplaced)
	_, open := <-first.Arrivals()
	require.False(t, open)
	err = first.Originate(t.Context(), telephony.Originate{Channel: "x", Endpoint: "caller-1", Ring: time.Second})
	require.ErrorIs(t, err, telephony.ErrDown)
}

// After a restart of the PBX the stream comes back by itself, says Fresh, and calls can be placed.
func TestRestartOfThePBX(t *testing.T) {
	l := newLab(t)
	require.NoError(t, l.pbx.Kill())
	require.Eventually(t, func() bool { return !l.sw.Connected() }, time.Minute, 20*time.Millisecond)
	require.ErrorIs(t, l.sw.Hangup(t.Context(), "x", telephony.CauseNormal), telephony.ErrDown)
	require.NoError(t, l.pbx.Start(t.Context()))
	select {
	case r := <-l.sw.Reconciled():
		require.True(t, r.Fresh)
		require.Empty(t, r.Channels)
	case <-time.After(time.Minute):
		require.FailNow(t, "the stream did not come back")
	}
	p := l.caller(t, telephonytest.Script{})
	id, o := order(p.User(), l.beneficiary(telephonytest.Script{HangUpBridged: time.Second}))
	w := telephonytest.NewWatch(t, l.sw, string(id), 0)
	require.NoError(t, l.sw.Connect(t.Context(), o))
	w.Until(o.BeneficiaryLeg, telephony.EventBridged)
	w.Until(o.BeneficiaryLeg, telephony.EventGone)
}

// A stream whose packets go nowhere is noticed within 5 s, and what ended meanwhile is missing in the listing after it.
func TestHalfOpenStream(t *testing.T) {
	l := newLab(t)
	target, err := url.Parse(l.pbx.ARIURL())
	require.NoError(t, err)
	relay := newRelay(t, target.Host)
	sw := l.connect(func(o *asterisk.Options) { o.URL = "http://" + relay.addr + "/ari" })
	p := l.caller(t, telephonytest.Script{})
	id, o := order(p.User(), l.beneficiary(telephonytest.Script{}))
	w := telephonytest.NewWatch(t, sw, string(id), 0)
	require.NoError(t, sw.Connect(t.Context(), o))
	b := w.Until(o.BeneficiaryLeg, telephony.EventBridged).Channel
	relay.freeze()
	begin := time.Now()
	require.Eventually(t, func() bool { return !sw.Connected() }, time.Minute, 10*time.Millisecond)
	t.Logf("noticed after %s", time.Since(begin).Round(time.Millisecond))
	p.Close()
	relay.thaw()
	r := <-sw.Reconciled()
	require.False(t, r.Fresh)
	var ids []string
	for _, c := range r.Channels {
		ids = append(ids, c.ID)
		if c.ID == b {
			require.Equal(t, o.BeneficiaryLeg, c.Leg)
		}
	}
	require.Contains(t, ids, b)
}

// relay is a TCP relay that can stop forwarding without closing anything.
type relay struct {
	addr string

	mu     sync.Mutex
	frozen bool
	epoch  int // Connections of an earlier epoch stay dead.
	open   []net.Conn
}

func newRelay(t *testing.T, target string) *relay {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	r := &relay{addr: listener.Addr().String()}
	var work sync.WaitGroup
	work.Go(func() {
		for {
			in, err := listener.Accept()
			if err != nil {
				return
			}
			r.mu.Lock()
			epoch := r.epoch
			r.mu.Unlock()
			out, err := (&net.Dialer{}).DialContext(context.WithoutCancel(t.Context()), "tcp", target)
			if err != nil {
				_ = in.Close()
				continue
			}
			r.mu.Lock()
			r.open = append(r.open, in, out)
			r.mu.Unlock()
			work.Go(func() { r.copy(in, out, epoch) })
			work.Go(func() { r.copy(out, in, epoch) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		r.mu.Lock()
		for _, c := range r.open {
			_ = c.Close()
		}
		r.mu.Unlock()
		work.Wait()
	})
	return r
}

func (r *relay) copy(from, to net.Conn, epoch int) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		r.mu.Lock()
		dead := r.frozen || epoch != r.epoch
		r.mu.Unlock()
		if dead && err == nil {
			continue // Swallowed.
		}
		if n > 0 {
			if _, werr := to.Write(buf[:n]); werr != nil {
				return
			}
		}
		if err != nil {
			if errors.Is(err, io.EOF) && !dead {
				_ = to.Close()
			}
			return
		}
	}
}

func (r *relay) freeze() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.frozen = true
}

func (r *relay) thaw() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.frozen = false
	r.epoch++
}
