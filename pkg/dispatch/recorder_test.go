package dispatch

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/call"
)

// awayStore is out of reach while away is set, and notes what it was shown.
type awayStore struct {
	Store
	away  atomic.Bool
	takes time.Duration // A commit.

	mu    sync.Mutex
	shown [][]Op
}

func (s *awayStore) Apply(_ context.Context, _, _ int64, _ time.Time, ops []Op) ([]error, error) {
	s.mu.Lock()
	s.shown = append(s.shown, slices.Clone(ops))
	s.mu.Unlock()
	time.Sleep(s.takes)
	if s.away.Load() {
		return nil, ErrStoreDown
	}
	return make([]error, len(ops)), nil
}

// batches tells how many operations each batch held.
func (s *awayStore) batches() []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	var sizes []int
	for _, ops := range s.shown {
		sizes = append(sizes, len(ops))
	}
	return sizes
}

// TestRecorderShowsEverythingToAStoreOutOfReach: what happened on the telephone must reach a store at once that keeps it in
// a file of its own meanwhile, even behind a batch that waits and beyond the size of one.
func TestRecorderShowsEverythingToAStoreOutOfReach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, err := newMetrics(nil)
		require.NoError(t, err)
		store := &awayStore{}
		store.away.Store(true)
		recordedOps := 0
		r := &recorder{
			opts: &Options{Store: store, Now: time.Now, BatchOps: 2, FlushLimit: time.Second}, log: zap.NewNop(),
			meter: m.scheme(1), wake: make(chan struct{}, 1), tell: func(m message) {
				if v, ok := m.(recorded); ok {
					recordedOps += len(v)
				}
			},
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- r.run(ctx) }()
		op := func(id call.ID) Op { return Finish{Outcome: call.Outcome{Attempt: id}} }
		r.add(op("a"))
		synctest.Wait()
		time.Sleep(10 * time.Second) // Its waits are long by now.
		before := time.Now()
		r.add(op("b"), op("c"), op("d"))
		synctest.Wait()
		require.Equal(t, before, time.Now())
		shown := store.batches()
		require.Equal(t, 4, shown[len(shown)-1])
		store.away.Store(false)
		time.Sleep(lastRetry)
		synctest.Wait()
		require.Equal(t, 4, recordedOps)
		require.Zero(t, r.waiting())
		cancel()
		require.NoError(t, <-ended)
	})
}

// TestRecorderGathers: what has happened waits a moment for company; what a phone waits for goes at once and takes it along,
// and what comes right behind it keeps the pace.
func TestRecorderGathers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, err := newMetrics(nil)
		require.NoError(t, err)
		store := &awayStore{takes: 5 * time.Millisecond}
		r := &recorder{
			opts: &Options{
				Store: store, Now: time.Now, BatchOps: 500, FlushLimit: time.Second, Gather: 20 * time.Millisecond,
			},
			log: zap.NewNop(), meter: m.scheme(1), wake: make(chan struct{}, 1), tell: func(message) {},
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- r.run(ctx) }()
		after := func(wait time.Duration, want []int, ops ...Op) {
			t.Helper()
			r.add(ops...)
			time.Sleep(wait)
			synctest.Wait()
			require.Equal(t, want, store.batches())
		}

		after(10*time.Millisecond, nil, Finish{})
		after(9*time.Millisecond, nil, Finish{})
		after(time.Millisecond, []int{2})
		after(10*time.Millisecond, []int{2}, Finish{})
		after(0, []int{2, 2}, Claim{})
		after(4*time.Millisecond, []int{2, 2}, Claim{})
		after(5*time.Millisecond, []int{2, 2}, Progress{Step: call.Step{State: call.StateBridged}}, Finish{})
		after(time.Millisecond, []int{2, 2, 3})
		after(time.Second, []int{2, 2, 3})
		require.Zero(t, r.urgent)
		store.takes = time.Millisecond
		after(0, []int{2, 2, 3, 1}, Progress{Step: call.Step{State: call.StateBridged}})
		after(time.Millisecond, []int{2, 2, 3, 1}, Claim{})
		after(time.Millisecond, []int{2, 2, 3, 1, 1}) // Nor does it wait for longer than the store needs.

		r.add(Finish{})
		cancel()
		require.NoError(t, <-ended)
		require.Equal(t, []int{2, 2, 3, 1, 1, 1}, store.batches(), "nothing is left behind at the end")
	})
}
