package dispatch_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/dispatch/dispatchtest"
)

// short is a store whose scheme has too much: of what lies ahead it loads half an hour.
type short struct{ *dispatchtest.Memory }

func (s short) Load(ctx context.Context, scheme int64, now, _ time.Time) (*dispatch.Snapshot, error) {
	until := now.Add(30 * time.Minute)
	snap, err := s.Memory.Load(ctx, scheme, now, until)
	if err == nil {
		snap.Until = until
	}
	return snap, err
}

// Whoever is not held yet is loaded before her window opens, and is called at once when it does.
func TestWhatLiesBehindTheLoadIsLoadedInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.opts.Store = short{h.store}
		h.caller()
		for i, number := range []string{"+3281000001", "+3281000002", "+3281000003"} {
			h.occurrence(number, func(o *dispatch.Occurrence) { o.Opens = morning.Add(time.Duration(i) * 50 * time.Minute) })
		}
		h.open()
		for i, number := range []string{"+3281000001", "+3281000002", "+3281000003"} {
			time.Sleep(time.Until(morning.Add(time.Duration(i) * 50 * time.Minute)))
			synctest.Wait()
			time.Sleep(time.Microsecond) // The engine's timer adds a hair.
			synctest.Wait()
			require.Equal(t, number, h.last().Number)
			h.end(h.last(), answered)
		}
	})
}

// slow is such a store, whose plan takes as long as the test likes.
type slow struct {
	short
	booked chan int // Of a plan that ends now.
}

func (s slow) Plan(ctx context.Context, _, _ int64, _, _ time.Time) (int, error) {
	select {
	case n := <-s.booked:
		return n, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// A plan that takes hours keeps nobody waiting; what it has booked is held once it has ended.
func TestAPlanHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		store := slow{short{h.store}, make(chan int)}
		h.opts.Store = store
		h.caller()
		called := func(number string, opens time.Time) {
			t.Helper()
			time.Sleep(time.Until(opens))
			synctest.Wait()
			time.Sleep(time.Microsecond) // The engine's timer adds a hair.
			synctest.Wait()
			require.Equal(t, number, h.last().Number)
			h.end(h.last(), answered)
		}
		for i, number := range []string{"+3281000001", "+3281000002"} {
			h.occurrence(number, func(o *dispatch.Occurrence) { o.Opens = morning.Add(time.Duration(i) * 50 * time.Minute) })
		}
		h.open()
		called("+3281000001", morning)
		called("+3281000002", morning.Add(50*time.Minute))
		soon := time.Now().Add(time.Minute)
		h.occurrence("+3281000003", func(o *dispatch.Occurrence) { o.Opens = soon })
		store.booked <- 1
		called("+3281000003", soon)
	})
}
