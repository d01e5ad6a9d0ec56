package natsbus_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/natsbus"
)

// leaseTerm is long enough that a machine which stands still for seconds renews in time. It is waited for: the tests run side
// by side.
const leaseTerm = 8 * time.Second

// renewed is so long that what is not renewed is lost by then.
const renewed = leaseTerm * 5 / 4

// node is a process of a cluster, as far as its leases go.
func node(t *testing.T, url, name string) (l *natsbus.Leases, crash func()) {
	t.Helper()
	l = open(t, natsbus.Options{URL: url}).Leases(name, leaseTerm)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1) // Room for the one answer.
	go func() { done <- l.Run(ctx) }()
	stopped := false
	crash = func() {
		if !stopped {
			stopped = true
			cancel()
			require.NoError(t, <-done)
		}
	}
	t.Cleanup(crash)
	return l, crash
}

// claims claims until the node holds the name.
func claims(t *testing.T, l *natsbus.Leases) {
	t.Helper()
	require.Eventually(t, func() bool {
		mine, err := l.Claim(t.Context(), scheme, 0)
		return err == nil && mine
	}, time.Minute, 20*time.Millisecond)
}

func TestLeases(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	a, crashA := node(t, s.ClientURL(), "a")
	b, _ := node(t, s.ClientURL(), "b")
	claims(t, a)
	require.Equal(t, []string{scheme}, a.Held())
	refused := func() {
		t.Helper()
		mine, err := b.Claim(t.Context(), scheme, 0)
		require.NoError(t, err)
		require.False(t, mine)
	}
	// It is renewed for as long as its node lives.
	refused()
	held := time.Now()
	require.Eventually(t, func() bool { refused(); return time.Since(held) > renewed }, time.Minute, 50*time.Millisecond)
	require.Equal(t, "a", b.Holder(scheme))

	// A node that comes back takes what was its own at once.
	crashA()
	again, crashAgain := node(t, s.ClientURL(), "a")
	mine, err := again.Claim(t.Context(), scheme, 0)
	require.NoError(t, err)
	require.True(t, mine)
	last := time.Now()
	refused()

	// One that does not come back loses it after the term; when it wakes, it hears of it.
	crashAgain()
	claims(t, b)
	require.GreaterOrEqual(t, time.Since(last), leaseTerm)
	require.Equal(t, []string{scheme}, again.Held(), "it does not know yet")
	woken, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1) // Room for the one answer.
	go func() { ended <- again.Run(woken) }()
	require.Eventually(t, func() bool { return len(again.Held()) == 0 }, time.Minute, 20*time.Millisecond)
	stop()
	require.NoError(t, <-ended)
	require.Equal(t, "b", again.Holder(scheme))

	// What is given back is taken at once.
	require.NoError(t, b.Release(t.Context(), scheme))
	mine, err = again.Claim(t.Context(), scheme, 0)
	require.NoError(t, err)
	require.True(t, mine)
}

func TestLeasesOfThoseWhoAreThere(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	a, crashA := node(t, s.ClientURL(), "a")
	b, _ := node(t, s.ClientURL(), "b.example")
	for name, l := range map[string]*natsbus.Leases{"node.a": a, "node.b.example": b, "scheme": b} {
		mine, err := l.Claim(t.Context(), name, 0)
		require.NoError(t, err)
		require.True(t, mine)
	}
	there := func() []string {
		list, err := b.Alive(t.Context(), "node.")
		require.NoError(t, err)
		return list
	}
	began := time.Now()
	require.Eventually(t, func() bool {
		// One that stood still for so long is back once it goes on; one that is not renewed never is.
		return slices.Equal([]string{"node.a", "node.b.example"}, there()) && time.Since(began) > renewed
	}, time.Minute, 50*time.Millisecond)
	crashA()
	require.Eventually(t, func() bool { return len(there()) == 1 }, time.Minute, 50*time.Millisecond)

	// One that lets others go first takes what is free only when nobody else has.
	require.NoError(t, b.Release(t.Context(), "scheme"))
	freed := time.Now()
	require.Eventually(t, func() bool {
		mine, err := b.Claim(t.Context(), "scheme", leaseTerm)
		require.NoError(t, err)
		return mine
	}, time.Minute, 20*time.Millisecond)
	require.GreaterOrEqual(t, time.Since(freed), leaseTerm)
}

// A bus that is away takes nobody's lease: the records fence.
func TestLeasesWithoutABus(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	a, _ := node(t, s.ClientURL(), "a")
	claims(t, a)
	s.Shutdown()
	s.WaitForShutdown()
	cut := time.Now()
	require.Eventually(t, func() bool { return time.Since(cut) > renewed }, time.Minute, 50*time.Millisecond)
	require.Equal(t, []string{scheme}, a.Held())
	mine, err := a.Claim(t.Context(), scheme, 0)
	require.NoError(t, err)
	require.True(t, mine)
	_, err = a.Claim(t.Context(), "another", 0)
	require.Error(t, err)
}
