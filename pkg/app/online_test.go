package app

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/dispatch/dispatchtest"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// heldNumbers are the records of who is on the line.
type heldNumbers struct {
	mu   sync.Mutex
	at   map[string][]string
	away error
}

func (h *heldNumbers) HoldNumbers(_ context.Context, node string, numbers []string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.away == nil {
		h.at[node] = numbers
	}
	return h.away
}

func (h *heldNumbers) HeldNumbers(_ context.Context, node string) ([]string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.at[node], h.away
}

func (h *heldNumbers) fail(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.away = err
}

// TestWhoIsOnTheLineElsewhere: whoever rings in at one PBX is rung by no leader at another, and a caller who dials a code there is
// offered nothing; both end with the call, and a minute after a node that has gone.
func TestWhoIsOnTheLineElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(82 * time.Hour) // Tuesday, ten o'clock: see TestACallerByTelephone.
		store := dispatchtest.NewMemory()
		scheme := store.AddScheme(dispatch.Scheme{Zone: time.UTC, Trunk: "trunk", Lines: 10, InboundReserve: 2})
		staff := func() int64 {
			return store.AddCaller(scheme, dispatch.Caller{
				Roles: []roster.Role{roster.RoleCaller}, Languages: []roster.Language{roster.French}, Enabled: true,
				Endpoint: "softphone", State: call.CallerReady, Since: time.Now(),
			})
		}
		anna, berta := staff(), staff()
		due := func(number string, reference int64) int64 {
			return store.AddOccurrence(scheme, dispatch.Occurrence{
				Kind: call.KindScheduled, Opens: time.Now(), Closes: time.Now().Add(5 * time.Hour), LocalDate: time.Now().Truncate(24 * time.Hour),
				Length: 20 * time.Minute, Language: roster.French, Continuity: roster.Strict, Numbers: []string{number}, Reference: reference,
				Terms: roster.Agreement{Cadence: roster.Weekly, Days: []time.Weekday{time.Tuesday}},
			})
		}
		records := &heldNumbers{at: map[string][]string{"east": {"+3281000009"}}}
		running, stop := context.WithCancel(t.Context())
		var work sync.WaitGroup
		fleets := map[string]*fleet{"west": newFleet("west", zap.NewNop()), "east": newFleet("east", zap.NewNop())}
		started := make(chan struct{}) // Closed once both are there.
		board := &dispatchtest.Switchboard{}
		node := func(name string) (callers, context.CancelFunc) {
			d, err := dispatch.New(dispatch.Options{Store: store, Switchboard: board, Logger: zap.NewNop(), Now: time.Now, Gather: -1, Together: -1})
			require.NoError(t, err)
			t.Cleanup(d.Close)
			living, kill := context.WithCancel(running)
			f := fleets[name]
			f.line, f.records, f.use, f.ready = d, records, func([]dispatch.PBX) {}, func() bool { return false }
			f.tell = func(_ string, what []byte) error {
				for other, g := range fleets {
					if other != name {
						g.hear(what, time.Now())
					}
				}
				return nil
			}
			a := &App{fleet: f, log: zap.NewNop()}
			work.Go(func() { <-started; _ = a.hail(living) }) // Both end with their context.
			work.Go(func() { <-started; _ = a.lookForNodes(living) })
			return callers{Dispatcher: d, fleet: f, log: zap.NewNop()}, kill
		}
		defer work.Wait()
		defer stop()
		west, _ := node("west")
		east, kill := node("east")
		close(started)
		hers, bertas := due("+3281000001", anna), due("+3281000002", berta)
		require.NoError(t, east.HoldNumber(t.Context(), "+3281000001", "1.1", "trunk"))
		east.OnLine(scheme, berta, true)
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
		require.NoError(t, west.Lead(t.Context(), scheme), "it has heard before it leads")
		begun := func(occurrence int64) bool {
			west.Changed(scheme)
			time.Sleep(3 * time.Second)
			synctest.Wait()
			return store.Occurrence(occurrence).State != call.OccurrenceOpen
		}
		require.False(t, begun(hers), "she is on the line elsewhere")
		require.False(t, begun(bertas), "her phone is in use elsewhere")
		waits, err := west.Waiting(t.Context(), scheme)
		require.NoError(t, err)
		require.Equal(t, dispatch.Waiting{InCall: 1, NoCaller: 1}, waits)

		// While the records are away nothing is forgotten, and nothing lost.
		records.fail(dispatch.ErrStoreDown)
		require.NoError(t, east.ReleaseNumber(t.Context(), "+3281000001", "1.1"))
		require.False(t, begun(hers))
		records.fail(nil)
		require.True(t, begun(hers))
		east.OnLine(scheme, berta, false)
		require.True(t, begun(bertas))

		// A node that dies is believed for a minute.
		carla := staff()
		require.NoError(t, east.HoldNumber(t.Context(), "+3281000003", "1.2", "trunk"))
		time.Sleep(time.Second)
		kill()
		third := due("+3281000003", carla)
		require.False(t, begun(third))
		time.Sleep(silenceLimit + time.Second)
		require.True(t, begun(third))
	})
}
