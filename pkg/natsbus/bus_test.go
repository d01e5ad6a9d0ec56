package natsbus_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/natsbus"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const scheme = "0198a2f0-0000-7000-8000-000000000001"

// ledger is a Log that holds every event, as Postgres does.
type ledger struct {
	mu      sync.Mutex
	last    int
	commits [][]call.Event
}

func (l *ledger) Commits(_ context.Context, key, first, last int64) ([][]call.Event, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found [][]call.Event
	for _, c := range l.commits {
		if c[0].SchemeKey == key && c[len(c)-1].Number >= first && c[0].Number <= last {
			found = append(found, c)
		}
	}
	return found, nil
}

// commit makes n further events, in one transaction.
func (l *ledger) commit(n int) []call.Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	events := made(l.last, n)
	l.last += n
	l.commits = append(l.commits, events)
	return events
}

// number is that of the last event.
func (l *ledger) number() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return int64(l.last)
}

// made makes n events after one that is numbered so.
func made(after, n int) []call.Event {
	events := make([]call.Event, n)
	for i := range events {
		number := int64(after + i + 1)
		events[i] = call.Event{
			Scheme: scheme, SchemeKey: 1, Entity: "attempt",
			EntityID: "0198a2f0-0000-7000-8000-0000000000aa", EntityNumber: number, Number: number, Epoch: 3,
			At: time.Date(2026, 3, 2, 8, 30, 0, 0, time.UTC), Version: 1, Kind: "ringing", Data: json.RawMessage(`{"offer":1}`),
		}
	}
	return events
}

func open(t *testing.T, o natsbus.Options) *natsbus.Bus {
	t.Helper()
	if o.StoreDir == "" && o.URL == "" {
		o.StoreDir = t.TempDir()
	}
	b, err := natsbus.New(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		require.NoError(t, b.Close(ctx))
	})
	return b
}

// numbers collects the numbers of the events a bus delivers and waits for the one asked for.
type numbers struct {
	mu   sync.Mutex
	seen []int64
	came chan struct{} // Size 1: a wake-up.
}

func collect(t *testing.T, b *natsbus.Bus) *numbers {
	n := &numbers{came: make(chan struct{}, 1)}
	stop, err := b.Subscribe(scheme, func(e call.Event) {
		n.mu.Lock()
		n.seen = append(n.seen, e.Number)
		n.mu.Unlock()
		select {
		case n.came <- struct{}{}:
		default:
		}
	})
	require.NoError(t, err)
	t.Cleanup(stop)
	return n
}

func (n *numbers) wait(t *testing.T, all int64) {
	t.Helper()
	limit := time.After(time.Minute)
	for {
		n.mu.Lock()
		have := slices.Clone(n.seen)
		n.mu.Unlock()
		slices.Sort(have)
		have = slices.Compact(have)
		if int64(len(have)) == all && have[len(have)-1] == all {
			return
		}
		select {
		case <-n.came:
		case <-limit:
			require.Len(t, have, int(all), "every number up to %d should have been delivered", all)
			return
		}
	}
}

func TestWhoWaitsIsSaidAndNotKept(t *testing.T) {
	b := open(t, natsbus.Options{})
	require.NoError(t, b.SayWaiting(scheme, dispatch.Waiting{NoCaller: 1}), "nobody listens, which is no error")
	heard := make(chan dispatch.Waiting, 1) // Room for the one thing said.
	stop, err := b.SubscribeWaiting(scheme, func(w dispatch.Waiting) { heard <- w })
	require.NoError(t, err)
	defer stop()
	require.NoError(t, b.SayWaiting("0198a2f0-0000-7000-8000-00000000000f", dispatch.Waiting{Held: 9}))
	require.NoError(t, b.SayWaiting(scheme, dispatch.Waiting{Lines: 2}))
	select {
	case w := <-heard:
		require.Equal(t, dispatch.Waiting{Lines: 2}, w)
	case <-time.After(30 * time.Second):
		require.Fail(t, "not heard")
	}
}

func TestEventsArriveInOrder(t *testing.T) {
	log := &ledger{}
	b := open(t, natsbus.Options{Log: log})
	n := collect(t, b)
	for range 10 {
		b.Publish(log.commit(100))
	}
	n.wait(t, 1000)
	require.True(t, slices.IsSorted(n.seen), "in order")
	require.NoError(t, b.Check(t.Context()))
}

func TestAFullQueueIsFilledAgainFromTheLog(t *testing.T) {
	log, reg := &ledger{}, prometheus.NewRegistry()
	b := open(t, natsbus.Options{Log: log, Queue: 10, Registerer: reg})
	n := collect(t, b)
	b.Publish(log.commit(2500)) // One call: a message fits, whatever the publisher does meanwhile.
	n.wait(t, 2500)
	require.InDelta(t, 1500, counter(t, reg, "rappel_events_overflowed_total"), 0)
}

func TestAWipedStreamIsMadeAnew(t *testing.T) {
	s := startServer(t)
	log := &ledger{}
	b := open(t, natsbus.Options{URL: s.ClientURL(), Log: log})
	n := collect(t, b)
	b.Publish(log.commit(5))
	n.wait(t, 5)
	conn, err := nats.Connect(s.ClientURL())
	require.NoError(t, err)
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	require.NoError(t, err)
	require.NoError(t, js.DeleteStream(t.Context(), natsbus.Stream))
	require.Error(t, b.Check(t.Context()))
	b.Publish(log.commit(5))
	n.wait(t, 10)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.NoError(t, b.Close(ctx), "closing waits until the stream has everything")
	stream, err := js.Stream(t.Context(), natsbus.Stream)
	require.NoError(t, err)
	// Two when the stream was wiped before it had acknowledged the first five, which were delivered already.
	require.Contains(t, []uint64{1, 2}, stream.CachedInfo().State.Msgs)
}

func TestTheSameEventTwiceIsKeptOnce(t *testing.T) {
	s := startServer(t)
	log := &ledger{}
	b := open(t, natsbus.Options{URL: s.ClientURL(), Log: log})
	n := collect(t, b)
	events := log.commit(3)
	b.Publish(events)
	b.Publish(events)
	b.Publish(log.commit(1))
	n.wait(t, 4)
	require.NoError(t, b.Close(t.Context()), "closing waits until the stream has everything")
	conn, err := nats.Connect(s.ClientURL())
	require.NoError(t, err)
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	require.NoError(t, err)
	stream, err := js.Stream(t.Context(), natsbus.Stream)
	require.NoError(t, err)
	require.EqualValues(t, 2, stream.CachedInfo().State.Msgs, "one of each transaction")
}

// What a log that was brought back has lost is read from the stream, whatever the order in which it came.
func TestAfter(t *testing.T) {
	s := startServer(t)
	b := open(t, natsbus.Options{URL: s.ClientURL()})
	events := made(0, 7)
	conn, err := nats.Connect(s.ClientURL())
	require.NoError(t, err)
	t.Cleanup(conn.Close)
	for _, part := range [][]call.Event{events[:3], events[4:6], events[3:4], events[6:]} { // One late, as releases before published.
		data, err := json.Marshal(part)
		require.NoError(t, err)
		m := nats.NewMsg(natsbus.Subject(scheme))
		m.Header.Set(natsbus.FirstHeader, strconv.FormatInt(part[0].Number, 10))
		m.Header.Set(natsbus.LastHeader, strconv.FormatInt(part[len(part)-1].Number, 10))
		m.Data = data
		_, err = conn.RequestMsg(m, time.Minute)
		require.NoError(t, err)
	}
	for after, want := range map[int64][]int64{2: {3, 4, 5, 6, 7}, 6: {7}, 7: nil, 100: nil} {
		var got []int64
		found, err := b.After(t.Context(), scheme, after, 10)
		require.NoError(t, err)
		for _, e := range found {
			got = append(got, e.Number)
		}
		require.Equal(t, want, got, "after %d", after)
	}
	found, err := b.After(t.Context(), scheme, 0, 2)
	require.NoError(t, err)
	require.Len(t, found, 2, "the newest")
	require.Equal(t, int64(6), found[0].Number)
	require.Equal(t, events[5].EntityNumber, found[0].EntityNumber)
	require.Equal(t, int64(3), found[0].Epoch)
}

func TestCatchUpAfterACrashBetweenCommitAndPublish(t *testing.T) {
	dir, log := t.TempDir(), &ledger{}
	first := open(t, natsbus.Options{StoreDir: dir, Log: log})
	n := collect(t, first)
	first.Publish(log.commit(4))
	n.wait(t, 4)
	require.NoError(t, first.Close(t.Context()))
	log.commit(3) // Committed, never published.

	second := open(t, natsbus.Options{StoreDir: dir, Log: log})
	n = collect(t, second)
	second.Lead(scheme, 1, 7)
	stop := time.After(time.Minute)
	for {
		n.mu.Lock()
		seen := slices.Clone(n.seen)
		n.mu.Unlock()
		if slices.Equal(seen, []int64{5, 6, 7}) {
			break
		}
		select {
		case <-n.came:
		case <-stop:
			require.Equal(t, []int64{5, 6, 7}, seen)
		}
	}
	second.Lead(scheme, 1, 7)
	require.NoError(t, second.Close(t.Context()))
	require.Equal(t, []int64{5, 6, 7}, n.seen, "nothing was left to do")
}

func TestAClusterAwayStopsNobody(t *testing.T) {
	log := &ledger{}
	b, err := natsbus.New(t.Context(), natsbus.Options{URL: "nats://127.0.0.1:1", Log: log})
	require.NoError(t, err)
	b.Publish(log.commit(50_000))
	require.Error(t, b.Check(t.Context()))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, b.Close(ctx), context.DeadlineExceeded)
}

func TestOptionsAreChecked(t *testing.T) {
	for name, o := range map[string]natsbus.Options{
		"no store":          {},
		"negative":          {StoreDir: "x", MaxAge: -1},
		"stream over store": {StoreDir: "x", MaxStore: 1, MaxBytes: 2},
	} {
		_, err := natsbus.New(t.Context(), o)
		require.Error(t, err, name)
	}
}

// TestGoldenEvents holds the published form of each kind to a file: fields are only ever added.
func TestGoldenEvents(t *testing.T) {
	for _, e := range goldenEvents() {
		t.Run(e.Entity+"."+e.Kind, func(t *testing.T) {
			got, err := json.MarshalIndent(e, "", "  ")
			require.NoError(t, err)
			file := filepath.Join("testdata", e.Entity+"."+e.Kind+".json")
			if os.Getenv("RAPPEL_GOLDEN") == "write" {
				require.NoError(t, os.WriteFile(file, append(got, '\n'), 0o644))
			}
			want, err := os.ReadFile(file)
			require.NoError(t, err, "run the test with RAPPEL_GOLDEN=write and look at the difference")
			require.JSONEq(t, string(want), string(got))
		})
	}
}

func startServer(t *testing.T) *server.Server {
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true, JetStream: true, StoreDir: t.TempDir(),
	})
	require.NoError(t, err)
	s.Start()
	require.True(t, s.ReadyForConnections(time.Minute))
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	return s
}

func counter(t *testing.T, reg *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := reg.Gather()
	require.NoError(t, err)
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	require.Fail(t, "no metric "+name)
	return 0
}
