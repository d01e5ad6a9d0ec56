package natsbus_test

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/natsbus"
)

// stored reads the numbers of the messages that the stream holds, in its order.
func stored(t require.TestingT, url string) (spans [][2]int64) {
	conn, err := nats.Connect(url)
	require.NoError(t, err)
	defer conn.Close()
	js, err := jetstream.New(conn)
	require.NoError(t, err)
	stream, err := js.Stream(context.Background(), natsbus.Stream)
	require.NoError(t, err)
	info, err := stream.Info(context.Background())
	require.NoError(t, err)
	for at := info.State.FirstSeq; at <= info.State.LastSeq; at++ {
		m, err := stream.GetMsg(context.Background(), at)
		if err != nil {
			continue // Of another round.
		}
		first, err := strconv.ParseInt(m.Header.Get(natsbus.FirstHeader), 10, 64)
		require.NoError(t, err)
		last, err := strconv.ParseInt(m.Header.Get(natsbus.LastHeader), 10, 64)
		require.NoError(t, err)
		spans = append(spans, [2]int64{first, last})
	}
	return spans
}

// TestTheStreamHoldsEachTransactionOnceAndInOrder: whoever of several processes commits, what each of them publishes or leaves out,
// how often the lead goes from one to the other, and whatever a process that was overtaken sends when it wakes.
func TestTheStreamHoldsEachTransactionOnceAndInOrder(t *testing.T) {
	s := startServer(t)
	conn, err := nats.Connect(s.ClientURL())
	require.NoError(t, err)
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	require.NoError(t, err)
	rapid.Check(t, func(rt *rapid.T) {
		log := &ledger{}
		queue := rapid.SampledFrom([]int{1, 5, 1000}).Draw(rt, "queue")
		start := func() *natsbus.Bus {
			b, err := natsbus.New(t.Context(), natsbus.Options{URL: s.ClientURL(), Log: log, Queue: queue})
			require.NoError(rt, err)
			return b
		}
		buses := []*natsbus.Bus{start(), start()}
		leads := rapid.IntRange(0, 1).Draw(rt, "first")
		buses[leads].Lead(scheme, 1, 0)
		var late [][]call.Event // Of who was overtaken and does not know it.
		for range rapid.IntRange(1, 25).Draw(rt, "steps") {
			switch rapid.SampledFrom([]string{"commit", "commit", "commit", "many", "elsewhere", "lead", "wakes"}).Draw(rt, "step") {
			case "commit":
				buses[leads].Publish(log.commit(rapid.IntRange(1, 4).Draw(rt, "events")))
			case "many":
				var work sync.WaitGroup
				for _, c := range [][]call.Event{log.commit(2), log.commit(1), log.commit(3)} {
					work.Go(func() { buses[leads].Publish(c) }) // In any order; only what is behind waits.
				}
				work.Wait()
			case "elsewhere": // An import from the command line, a page on another node: the leader finds it.
				log.commit(rapid.IntRange(1, 3).Draw(rt, "events"))
			case "lead":
				late = append(late, log.commit(1))
				leads = 1 - leads
				buses[leads].Lead(scheme, 1, log.number())
			case "wakes":
				for _, c := range late {
					buses[1-leads].Publish(c)
				}
			}
		}
		buses[leads].Publish(log.commit(1))
		for _, b := range []*natsbus.Bus{buses[1-leads], buses[leads]} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			require.NoError(rt, b.Close(ctx))
			cancel()
		}
		next := int64(1)
		spans := stored(rt, s.ClientURL())
		for _, span := range spans {
			require.Equal(rt, next, span[0], "%v", spans)
			next = span[1] + 1
		}
		require.Equal(rt, log.number()+1, next, "%v", spans)
		stream, err := js.Stream(t.Context(), natsbus.Stream)
		require.NoError(rt, err)
		require.NoError(rt, stream.Purge(t.Context()))
		require.NoError(rt, js.DeleteStream(t.Context(), natsbus.Stream)) // With the ids that it remembers.
	})
}

// TestASubscriberHearsThemInOrder: the same for who listens without the stream, while several schemes are published side by side.
func TestASubscriberHearsThemInOrder(t *testing.T) {
	log := &ledger{}
	b := open(t, natsbus.Options{Log: log, Queue: 50})
	n := collect(t, b)
	b.Lead(scheme, 1, 0)
	var work sync.WaitGroup
	for range 4 {
		work.Go(func() {
			for range 100 {
				b.Publish(log.commit(2))
			}
		})
	}
	work.Wait()
	b.Publish(log.commit(1))
	n.wait(t, 801)
	n.mu.Lock()
	defer n.mu.Unlock()
	require.True(t, slices.IsSorted(n.seen))
}
