package phone

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// within bounds a test's waits; nothing here takes longer on a busy machine.
func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// newPhone makes a phone that needs no registrar.
func newPhone(t testing.TB, user string, onCall func(context.Context, *Incoming)) *Phone {
	t.Helper()
	p, err := New(Options{
		User: user, Registrar: "127.0.0.1:9", OnCall: onCall, Logger: zap.NewNop(),
	})
	require.NoError(t, err)
	t.Cleanup(p.Close)
	return p
}

func address(p *Phone) string { return "sip:" + p.User() + "@" + p.Addr().String() }

// answering is an OnCall that answers at once, says src and hands the call over.
func answering(src *Source, calls chan<- *Call) func(context.Context, *Incoming) {
	return func(ctx context.Context, in *Incoming) {
		if in.Ring() != nil {
			return
		}
		c, err := in.Answer(ctx)
		if err != nil {
			return
		}
		c.Say(src)
		calls <- c
	}
}

func TestTwoPhonesTalk(t *testing.T) {
	ctx := within(t)
	answered := make(chan *Call, 1)
	bob := newPhone(t, "bob", answering(Tone(1000), answered))
	alice := newPhone(t, "alice", nil)

	a, err := alice.Dial(ctx, address(bob), DialOptions{Say: Tone(600), Headers: []Header{{"X-Test", "7"}}})
	require.NoError(t, err)
	b := <-answered
	require.Equal(t, "7", b.Header("X-Test"))
	require.Equal(t, PCMA, a.Codec())

	_, err = a.HearTone(ctx, 1000)
	require.NoError(t, err)
	since, err := b.HearTone(ctx, 600)
	require.NoError(t, err)
	require.Less(t, since.Sub(b.Answered()), time.Second)
	_, heard := a.HeardTone(600)
	require.False(t, heard, "own tone must not come back")

	require.NoError(t, a.SendDTMF(ctx, "1*"))
	keys, err := b.AwaitKeys(ctx, 2)
	require.NoError(t, err)
	require.Equal(t, "1*", keys)

	require.NoError(t, a.Hangup(ctx))
	<-b.Done()
	require.Equal(t, SideLocal, a.Ending().By)
	require.Equal(t, SideRemote, b.Ending().By)
	require.Less(t, b.Heard().LongestSilence, time.Second)
}

func TestRefusal(t *testing.T) {
	bob := newPhone(t, "bob", func(_ context.Context, in *Incoming) { _ = in.Reject(486, "") })
	alice := newPhone(t, "alice", nil)
	_, err := alice.Dial(within(t), address(bob), DialOptions{})
	var status *StatusError
	require.ErrorAs(t, err, &status)
	require.Equal(t, 486, status.Code)
	require.Equal(t, "Busy Here", status.Reason)
}

func TestCancelWhileRinging(t *testing.T) {
	ctx, cancel := context.WithCancel(within(t))
	var seen sync.WaitGroup
	seen.Add(1)
	bob := newPhone(t, "bob", func(_ context.Context, in *Incoming) {
		defer seen.Done()
		_ = in.Ring()
		<-in.Done()
		_, err := in.Answer(context.Background())
		require.ErrorIs(t, err, ErrCancelled)
	})
	alice := newPhone(t, "alice", nil)
	_, err := alice.Dial(ctx, address(bob), DialOptions{OnProgress: func(int, *Media) { cancel() }})
	require.True(t, Cancelled(err))
	seen.Wait()
}
