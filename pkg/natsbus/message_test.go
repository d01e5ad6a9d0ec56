package natsbus_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/rappel-tel/rappel/pkg/natsbus"
)

// listen collects the messages of the scheme as a program of somebody else's does.
func listen(t *testing.T, s *server.Server) (next func() *nats.Msg) {
	t.Helper()
	conn, err := nats.Connect(s.ClientURL())
	require.NoError(t, err)
	t.Cleanup(conn.Close)
	sub, err := conn.SubscribeSync(natsbus.Subject(scheme))
	require.NoError(t, err)
	require.NoError(t, conn.Flush())
	return func() *nats.Msg {
		t.Helper()
		m, err := sub.NextMsg(time.Minute)
		require.NoError(t, err)
		return m
	}
}

// One transaction is one message, or a few of fixed bounds; all of them hold what was committed, whatever is left out of the log
// and published again.
func TestOneMessagePerTransaction(t *testing.T) {
	s := startServer(t)
	log := &ledger{}
	b := open(t, natsbus.Options{URL: s.ClientURL(), Log: log})
	next := listen(t, s)
	golden := goldenEvents()
	for i := range golden {
		golden[i].Number = int64(i + 1)
	}
	b.Publish(golden)
	m := next()
	first, last, err := natsbus.Numbers(m)
	require.NoError(t, err)
	require.Equal(t, []int64{1, int64(len(golden))}, []int64{first, last})
	events, err := natsbus.Events(m)
	require.NoError(t, err)
	for i := range golden {
		golden[i].SchemeKey = 0 // Inside the database only.
	}
	require.Equal(t, golden, events)
	require.Equal(t, "zstd", m.Header.Get(natsbus.EncodingHeader))

	log.commit(len(golden))
	b.Publish(log.commit(2300))
	b.Publish(log.commit(1))
	at := int64(len(golden))
	for _, n := range []int64{1000, 1000, 300, 1} {
		m := next()
		first, last, err := natsbus.Numbers(m)
		require.NoError(t, err)
		require.Equal(t, []int64{at + 1, at + n}, []int64{first, last})
		at = last
		events, err := natsbus.Events(m)
		require.NoError(t, err)
		require.Len(t, events, int(n))
		require.Equal(t, first, events[0].Number)
		require.Equal(t, n == 1, m.Header.Get(natsbus.EncodingHeader) == "", "what is small is not compressed")
	}

	require.NoError(t, b.Close(t.Context()), "until the stream has everything")

	// A crash in the middle of the long one: what follows is read from the log, in the same messages.
	conn, err := nats.Connect(s.ClientURL())
	require.NoError(t, err)
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	require.NoError(t, err)
	stream, err := js.Stream(t.Context(), natsbus.Stream)
	require.NoError(t, err)
	require.EqualValues(t, 5, stream.CachedInfo().State.Msgs)
	for _, message := range []uint64{4, 5} {
		require.NoError(t, stream.DeleteMsg(t.Context(), message))
	}
	require.NoError(t, stream.DeleteMsg(t.Context(), 3)) // From here on the stream holds less than half of it.
	again := open(t, natsbus.Options{URL: s.ClientURL(), Log: log})
	again.Lead(scheme, 1, at)
	require.NoError(t, again.Close(t.Context()))
	info, err := stream.Info(t.Context())
	require.NoError(t, err)
	// They were there not long ago, with the same ids.
	require.EqualValues(t, 2, info.State.Msgs, "the stream knows them by their ids")
}

// A server that takes only small messages gets more of them.
func TestMessagesAsLargeAsTheServerTakes(t *testing.T) {
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true, JetStream: true, StoreDir: t.TempDir(), MaxPayload: 8 << 10,
	})
	require.NoError(t, err)
	s.Start()
	require.True(t, s.ReadyForConnections(time.Minute))
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	log := &ledger{}
	b := open(t, natsbus.Options{URL: s.ClientURL(), Log: log})
	n := collect(t, b)
	b.Publish(log.commit(5000))
	n.wait(t, 5000)
}

// What was published one by one by an older release is read still, and what follows it is published together, also when that
// release has taken our subjects from the stream.
func TestMessagesOfAnOlderRelease(t *testing.T) {
	s := startServer(t)
	conn, err := nats.Connect(s.ClientURL())
	require.NoError(t, err)
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	require.NoError(t, err)
	former := jetstream.StreamConfig{Name: natsbus.Stream, Subjects: []string{"rappel.v1.>"}}
	_, err = js.CreateStream(t.Context(), former)
	require.NoError(t, err)
	log := &ledger{}
	events := log.commit(5)
	for _, e := range events {
		data, err := json.Marshal(e)
		require.NoError(t, err)
		data = append([]byte(`{"id":"0198a2f0-1111-7000-8000-000000000001",`), data[1:]...) // Events had ids.
		_, err = js.PublishMsg(t.Context(), &nats.Msg{
			Subject: fmt.Sprintf("rappel.v1.%s.%s.%s", scheme, e.Entity, e.Kind), Data: data, Header: nats.Header{nats.MsgIdHdr: {strconv.FormatInt(e.Number, 10)}},
		})
		require.NoError(t, err)
	}
	b := open(t, natsbus.Options{URL: s.ClientURL(), Log: log})
	n := collect(t, b)
	found, err := b.After(t.Context(), scheme, 2, 10)
	require.NoError(t, err)
	require.Len(t, found, 3)
	require.Equal(t, events[2].Number, found[0].Number)
	log.commit(2) // Never published.
	b.Lead(scheme, 1, 7)
	require.Eventually(t, func() bool {
		found, err = b.After(t.Context(), scheme, 2, 10)
		return err == nil && len(found) == 5
	}, time.Minute, 20*time.Millisecond)
	n.mu.Lock()
	require.Equal(t, []int64{6, 7}, n.seen, "what was there is not published again")
	n.mu.Unlock()

	_, err = js.UpdateStream(t.Context(), former)
	require.NoError(t, err)
	b.Publish(log.commit(3))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.NoError(t, b.Close(ctx), "closing waits until the stream has everything")
	stream, err := js.Stream(t.Context(), natsbus.Stream)
	require.NoError(t, err)
	require.Len(t, stream.CachedInfo().Config.Subjects, 2)
}

// Whatever comes over the bus is read or refused, and never taken for something else.
func TestRubbishIsRefused(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := nats.NewMsg(natsbus.Subject(scheme))
		m.Data = rapid.SliceOf(rapid.Byte()).Draw(t, "data")
		for _, name := range []string{natsbus.FirstHeader, natsbus.LastHeader, natsbus.EncodingHeader} {
			m.Header.Set(name, rapid.SampledFrom([]string{"", "0", "1", "7", "-1", "x", "zstd", "gzip"}).Draw(t, name))
		}
		if first, last, err := natsbus.Numbers(m); err == nil {
			require.Positive(t, first)
			require.GreaterOrEqual(t, last, first)
		}
		if events, err := natsbus.Events(m); err == nil {
			for _, e := range events {
				require.Empty(t, e.Scheme)
			}
		}
	})
}
