package report_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/report"
)

// town is records to which messages are left, and a bus that brings the events as long as it works.
type town struct {
	mu     sync.Mutex
	err    error
	cut    bool // The bus brings nothing.
	first  int64
	events []call.Event
	read   int // How often the records were read whole.
	takers map[int]func(call.Event)
	say    func(dispatch.Waiting)
	ahead  time.Duration // Of the clock, for the rest of the test.
}

func newTown() *town { return &town{first: 100, takers: map[int]func(call.Event){}} }

func (w *town) Scheme(context.Context, string) (report.Scheme, error) { return report.Scheme{}, nil }

func (w *town) Roll(context.Context, int64, time.Time) (report.Roll, error) {
	return report.Roll{Names: map[string]string{id(2, 0): "Anne"}}, nil
}

func (w *town) Record(_ context.Context, _ int64, now time.Time) (report.Record, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.read++
	r := day(1)
	r.At, r.Number, r.Messages = now, w.first+int64(len(w.events)), len(w.events)
	return r, w.err
}

func (w *town) LastEvent(context.Context, int64) (int64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.first + int64(len(w.events)), w.err
}

func (w *town) Events(_ context.Context, _, first, last int64) ([]call.Event, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]call.Event(nil), w.events[first-w.first-1:last-w.first]...), w.err
}

func (w *town) Subscribe(_ string, fn func(call.Event)) (func(), error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := len(w.takers)
	w.takers[n] = fn
	return func() { w.mu.Lock(); defer w.mu.Unlock(); delete(w.takers, n) }, nil
}

func (w *town) SubscribeWaiting(_ string, fn func(dispatch.Waiting)) (func(), error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.say = fn
	return func() {}, nil
}

// leave leaves a message.
func (w *town) leave() {
	w.mu.Lock()
	defer w.mu.Unlock()
	e := *event(w.first+int64(len(w.events))+1, "message", id(4, len(w.events)), "left", `{}`)
	w.events = append(w.events, e)
	for _, take := range w.takers {
		if !w.cut {
			take(e)
		}
	}
}

func (w *town) set(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
}

// reads is how often the records were read whole.
func (w *town) reads() (n int) {
	w.set(func() { n = w.read })
	return n
}

// later lets time pass, and whatever happens at that instant happen.
func later(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// watched runs a test with a feed and a viewer, in a bubble of time.
func watched(t *testing.T, test func(t *testing.T, w *town, feeds *report.Feeds, v *report.Viewer)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w, began := newTown(), time.Now()
		feeds, err := report.NewFeeds(report.Options{Records: w, Bus: w, Now: func() (now time.Time) {
			w.set(func() { now = nine.Add(w.ahead).Add(time.Since(began)) })
			return now
		}})
		require.NoError(t, err)
		defer feeds.Close()
		v := feeds.View(report.Scheme{Key: 1, ID: "x"})
		defer v.Leave()
		synctest.Wait()
		test(t, w, feeds, v)
	})
}

func TestAFeedFollows(t *testing.T) {
	watched(t, func(t *testing.T, w *town, _ *report.Feeds, v *report.Viewer) {
		shown := func() report.Live {
			l, err := v.Live(t.Context())
			require.NoError(t, err)
			return l
		}
		require.EqualValues(t, 100, shown().Number)
		for range 10 {
			w.leave()
		}
		later(110 * time.Millisecond)
		require.Equal(t, 10, shown().Messages, "as they come")
		select {
		case <-v.News:
		default:
			require.Fail(t, "a viewer is told")
		}

		// What the bus loses is found in the records.
		w.set(func() { w.cut = true })
		w.leave()
		later(110 * time.Millisecond)
		require.Equal(t, 10, shown().Messages)
		later(300 * time.Millisecond)
		require.Equal(t, 11, shown().Messages)
		w.leave()
		w.set(func() { w.cut = false })
		w.leave()
		later(110 * time.Millisecond)
		require.Equal(t, 13, shown().Messages, "a gap shows when the next one comes")
		require.Equal(t, 1, w.reads())
		require.Less(t, shown().Age(time.Now()), 500*time.Millisecond)

		// Without the records the figures grow old, and a viewer is told.
		w.set(func() { w.err = errors.New("away") })
		later(400 * time.Millisecond)
		for len(v.News) > 0 {
			<-v.News
		}
		later(time.Second)
		require.Greater(t, shown().Age(time.Now()), report.StaleAfter)
		require.Len(t, v.News, 1)
		w.set(func() { w.err = nil })
		later(400 * time.Millisecond)
		require.Less(t, shown().Age(time.Now()), report.StaleAfter)

		// A database that was brought back to an earlier moment is believed.
		w.set(func() { w.events = w.events[:4] })
		later(400 * time.Millisecond)
		require.Equal(t, 4, shown().Messages)
		require.EqualValues(t, 104, shown().Number)
		require.Equal(t, 2, w.reads())

		require.True(t, shown().WaitingStale(time.Now()), "nothing was said")
		var say func(dispatch.Waiting)
		w.set(func() { say = w.say })
		say(dispatch.Waiting{Lines: 3})
		later(110 * time.Millisecond)
		require.Equal(t, dispatch.Waiting{Lines: 3}, shown().Waiting)
		require.False(t, shown().WaitingStale(time.Now()))
		later(report.WaitingStaleAfter)
		require.True(t, shown().WaitingStale(time.Now()))

		// At midnight the day begins anew.
		w.set(func() { w.ahead = 15 * time.Hour })
		later(time.Second)
		require.Zero(t, shown().Today)
	})
}

func TestAFeedEndsWhenNobodyLooks(t *testing.T) {
	watched(t, func(t *testing.T, w *town, feeds *report.Feeds, v *report.Viewer) {
		woken := make(chan struct{}, 1) // Room for one.
		stop := feeds.Watch(report.Scheme{Key: 1, ID: "x"}, func() {
			select {
			case woken <- struct{}{}:
			default:
			}
		})
		<-woken
		wall, err := feeds.Wall(t.Context(), report.Scheme{Key: 1, ID: "x"})
		require.NoError(t, err)
		require.Equal(t, "Anne", wall.Names[wall.Callers[0].ID])
		require.False(t, wall.Stale)
		require.Equal(t, 1, w.reads(), "one feed for all who look")
		stop()
		v.Leave()
		later(2 * time.Minute)
		w.set(func() { require.Empty(t, w.takers) })
		_, err = feeds.Live(t.Context(), report.Scheme{Key: 1, ID: "x"})
		require.NoError(t, err)
		require.Equal(t, 2, w.reads(), "the next one begins anew")
	})
}
