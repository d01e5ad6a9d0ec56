package app

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/dispatch/dispatchtest"
	"github.com/rappel-tel/rappel/pkg/natsbus"
	"github.com/rappel-tel/rappel/pkg/postgres"
	"github.com/rappel-tel/rappel/pkg/postgres/postgrestest"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// listening follows the numbers of a scheme's events as a program of somebody else's does, by the headers alone, and those of every
// entity.
type listening struct {
	mu       sync.Mutex
	last     int64
	again    int // Messages that came a second time.
	wrong    []string
	entities map[string]int64
}

func (l *listening) hear(m *nats.Msg) {
	first, last, err := natsbus.Numbers(m)
	events, unread := natsbus.Events(m)
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err != nil || unread != nil:
		l.wrong = append(l.wrong, "a message that cannot be read")
	case first > l.last+1:
		l.wrong = append(l.wrong, "a gap")
	case last <= l.last:
		l.again++
		return
	}
	for _, e := range events {
		key := e.Entity + e.EntityID
		if e.EntityNumber <= l.entities[key] {
			l.wrong = append(l.wrong, "two events of one "+e.Entity+" have changed places")
		}
		l.entities[key] = e.EntityNumber
	}
	l.last = last
}

// TestEventsComeInOrderWhoeverCommits: two nodes and a command line commit side by side, on a real database; the lead goes from one node to
// the other while they do, and the one overtaken does not know it at once. Whoever listens hears no event before the one in front of
// it, and the stream has each transaction once.
func TestEventsComeInOrderWhoeverCommits(t *testing.T) {
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true, JetStream: true, StoreDir: t.TempDir(),
	})
	require.NoError(t, err)
	s.Start()
	require.True(t, s.ReadyForConnections(time.Minute))
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	address := postgrestest.URL(t)
	ctx, stop := context.WithCancel(t.Context())
	var work sync.WaitGroup
	node := func() *App {
		a := &App{log: zap.NewNop(), now: time.Now, relay: newRelay()}
		a.cfg.NATS.URL = s.ClientURL()
		a.store = postgrestest.Open(t, address, func(o *postgres.Options) { o.Publish = a.publish })
		var err error
		a.bus, err = natsbus.New(t.Context(), natsbus.Options{URL: s.ClientURL(), Log: a.store, Queue: 200})
		require.NoError(t, err)
		t.Cleanup(func() {
			closing, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			require.NoError(t, a.bus.Close(closing))
		})
		a.dispatcher, err = dispatch.New(dispatch.Options{
			Store: a.store, Switchboard: &dispatchtest.Switchboard{}, Logger: zap.NewNop(), Now: time.Now,
		})
		require.NoError(t, err)
		t.Cleanup(a.dispatcher.Close)
		work.Go(func() { _ = a.relayOthers(ctx) }) // It ends with its context.
		return a
	}
	nodes := []*App{node(), node()}
	command := postgrestest.Open(t, address) // An import, for example.
	scheme, err := command.CreateScheme(t.Context(), postgres.Scheme{Name: "Namur", Zone: "Europe/Brussels", Country: "BE", Language: roster.French}, time.Now())
	require.NoError(t, err)
	heard := &listening{entities: map[string]int64{}}
	conn, err := nats.Connect(s.ClientURL())
	require.NoError(t, err)
	t.Cleanup(conn.Close)
	_, err = conn.Subscribe(natsbus.Subject(scheme.ID), heard.hear)
	require.NoError(t, err)
	require.NoError(t, conn.Flush())

	for turn := range 4 {
		leads, other := nodes[turn%2], nodes[1-turn%2]
		epoch, err := leads.store.Lead(t.Context(), scheme.Key, "node", time.Now())
		require.NoError(t, err)
		leads.catchUp(t.Context(), scheme)
		var writers sync.WaitGroup
		for range 3 { // Calls, each step a transaction of its own.
			writers.Go(func() {
				for range 25 {
					party := uuid.Must(uuid.NewV7()).String()
					for _, kind := range []dispatch.InboundKind{dispatch.InboundQueued, dispatch.InboundAnswered, dispatch.InboundEnded} {
						_, err := leads.store.Apply(t.Context(), scheme.Key, epoch, time.Now(), []dispatch.Op{
							dispatch.InboundStep{Party: party, Kind: kind, Language: roster.French, At: time.Now()},
						})
						if errors.Is(err, dispatch.ErrFenced) {
							return
						}
					}
				}
			})
		}
		for _, store := range []*postgres.Store{leads.store, other.store, command} {
			writers.Go(func() {
				for range 20 {
					_ = store.Pause(t.Context(), scheme.Key, time.Now()) // That it was committed is counted below.
				}
			})
		}
		writers.Go(func() { // Until now the other one may have led, and not have known that it does no more.
			other.relay.unfollow(scheme.Key)
			other.bus.Leave(scheme.Key)
		})
		if turn != 2 { // The next one takes the lead in the midst of it.
			writers.Wait()
		} else {
			work.Go(writers.Wait)
		}
	}
	require.Eventually(t, func() bool {
		last, err := command.LastEvent(t.Context(), scheme.Key)
		heard.mu.Lock()
		defer heard.mu.Unlock()
		return err == nil && heard.last == last
	}, time.Minute, 20*time.Millisecond)
	stop()
	work.Wait()
	heard.mu.Lock()
	require.Empty(t, heard.wrong)
	t.Logf("%d events, %d messages came a second time", heard.last, heard.again)
	heard.mu.Unlock()

	js, err := jetstream.New(conn)
	require.NoError(t, err)
	stream, err := js.Stream(t.Context(), natsbus.Stream)
	require.NoError(t, err)
	next := int64(1)
	for at := range stream.CachedInfo().State.LastSeq {
		m, err := stream.GetMsg(t.Context(), at+1)
		require.NoError(t, err)
		first, last, err := natsbus.Numbers(&nats.Msg{Header: m.Header})
		require.NoError(t, err)
		require.Equal(t, next, first)
		next = last + 1
	}
	require.Equal(t, heard.last+1, next)
}
