package dispatch_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/dispatch/dispatchtest"
)

// carrier counts the calls that two nodes have on one trunk.
type carrier struct {
	mu     sync.Mutex
	live   map[string]int
	most   int
	starts []time.Time
	talk   atomic.Int64
	calls  sync.WaitGroup
}

func (c *carrier) add(node string, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.live[node] += n
	if n > 0 {
		c.starts = append(c.starts, time.Now())
	}
	c.most = max(c.most, c.live["one"]+c.live["two"])
}

func (c *carrier) of(node string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.live[node]
}

// branch is a node that leads a scheme of its own on the common trunk, with more to do than there are lines.
func branch(t *testing.T, c *carrier, store *dispatchtest.Memory, shares *dispatchtest.Shares, node string, pace float64) *dispatch.Dispatcher {
	t.Helper()
	h := &house{t: t, store: store}
	h.scheme = store.AddScheme(dispatch.Scheme{Zone: time.UTC, Trunk: "trunk", Lines: 10, InboundReserve: 2, CallsPerSecond: pace})
	for n := range 40 {
		h.caller(func(k *dispatch.Caller) { k.Endpoint = fmt.Sprint(node, n) })
	}
	for n := range 400 {
		h.occurrence(fmt.Sprintf("+336%s%05d", map[string]string{"one": "1", "two": "2"}[node], n))
	}
	var d *dispatch.Dispatcher
	board := &dispatchtest.Switchboard{OnStart: func(o call.Order) error {
		c.add(node, 1)
		c.calls.Go(func() {
			time.Sleep(time.Duration(c.talk.Load()))
			c.add(node, -1)
			d.Ended(call.Outcome{
				Scheme: o.Scheme, Attempt: o.Attempt, Offer: o.Offer, OfferState: call.OfferAccepted, Result: call.ResultAnswered, At: time.Now(),
			})
		})
		return nil
	}}
	d, err := dispatch.New(dispatch.Options{
		Store: store, Switchboard: board, Logger: zap.NewNop(), Now: time.Now, Holder: node, Shares: shares, Gather: -1, Together: -1,
	})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	var shared sync.WaitGroup
	shared.Go(func() { _ = d.ShareTrunks(ctx, func(error) {}) })
	t.Cleanup(func() { cancel(); shared.Wait(); d.Close(); c.calls.Wait() })
	require.NoError(t, d.Lead(t.Context(), h.scheme))
	return d
}

// TestTwoNodesShareATrunk: the lines of a trunk and its calls per second hold for both together, whoever wants them, each gets its
// part, and what one does not use or leaves behind is the other's.
func TestTwoNodesShareATrunk(t *testing.T) {
	for _, pace := range []float64{0, 2} {
		t.Run(fmt.Sprint(pace), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Until(morning))
				c, shares, store := &carrier{live: map[string]int{}}, &dispatchtest.Shares{}, dispatchtest.NewMemory()
				c.talk.Store(int64(20 * time.Second))
				var away, overtaken atomic.Bool
				shares.Leads = func(node string) bool { return node != "one" || !overtaken.Load() }
				shares.Away = func(node string) error {
					if node == "one" && away.Load() {
						return errors.New("it stands still")
					}
					return nil
				}
				branch(t, c, store, shares, "one", pace)
				time.Sleep(10 * time.Second)
				synctest.Wait()
				require.Equal(t, 8, c.of("one"), "all of them while it is alone")
				branch(t, c, store, shares, "two", pace)
				time.Sleep(time.Minute)
				synctest.Wait()
				for _, node := range []string{"one", "two"} {
					require.GreaterOrEqual(t, c.of(node), 3, "%s has its part: %v", node, shares.Uses())
				}
				away.Store(true) // It can claim nothing either: the records are away for it. Here it would, had it lines.
				time.Sleep(40 * time.Second)
				synctest.Wait()
				require.Zero(t, c.of("one"))
				require.LessOrEqual(t, c.of("two"), 5, "nobody has taken its calls over")
				overtaken.Store(true)
				time.Sleep(10 * time.Second)
				synctest.Wait()
				require.Equal(t, 8, c.of("two"), "what the other has left behind")
				away.Store(false)
				overtaken.Store(false)
				time.Sleep(time.Minute)
				synctest.Wait()
				require.GreaterOrEqual(t, c.of("one"), 3)
				c.mu.Lock()
				defer c.mu.Unlock()
				require.LessOrEqual(t, c.most, 8, "lines in use at once")
				if pace == 0 {
					return
				}
				for i := range c.starts {
					for j := i; j < len(c.starts); j++ {
						most := pace*c.starts[j].Sub(c.starts[i]).Seconds() + 2 // One at once by each.
						require.LessOrEqual(t, float64(j-i), most, "calls per second")
					}
				}
			})
		})
	}
}
