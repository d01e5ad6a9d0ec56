package postgres_test

import (
	"bytes"
	"context"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/callflow"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/postgres"
	"github.com/rappel-tel/rappel/pkg/postgres/postgrestest"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/setup/setuptest"
)

// TestOutcomesSurviveAnOutage stops Postgres during a call, and the service before it is back.
func TestOutcomesSurviveAnOutage(t *testing.T) {
	t.Parallel()
	server := setuptest.Postgres(t)
	ctx := context.Background()
	require.NoError(t, postgres.Migrate(ctx, server.URL(), zap.NewNop()))
	spool := filepath.Join(t.TempDir(), "spool")
	open := func() *postgres.Store {
		store, err := postgres.New(ctx, postgres.Options{URL: server.URL(), Spool: spool, Patience: 3 * time.Second})
		require.NoError(t, err)
		return store
	}
	store := open()
	f := &fixture{
		Store: store, t: t, pool: postgrestest.Pool(t, server.URL()), schemes: map[int64]dispatch.Scheme{},
		endpoint: map[int64]string{},
	}
	w := newWorld(f, 0)
	here := w.towns[0]
	claim := func(n int) dispatch.Claim {
		return dispatch.Claim{Occurrence: here.calls[n], At: today, Order: call.Order{
			Attempt: call.NewID(), Offer: 1, Kind: call.KindScheduled, Caller: here.callers[n], Number: w.numbers[n], DialBy: today,
		}}
	}
	running, later := claim(0), claim(1)
	_, err := store.Apply(ctx, here.scheme, here.epoch, today, []dispatch.Op{running})
	require.NoError(t, err)

	require.NoError(t, server.StopImmediate(ctx))
	ops := []dispatch.Op{
		dispatch.Progress{Step: call.Step{Attempt: running.Order.Attempt, Offer: 1, State: call.StateBridged, At: today}},
		later,
		dispatch.Finish{
			Outcome: call.Outcome{Attempt: running.Order.Attempt, Offer: 1, Result: call.ResultAnswered, Talk: time.Minute, At: today},
			Settlement: dispatch.Settlement{
				Occurrence: running.Occurrence, State: call.OccurrenceReached, Attempts: 1, Rang: true, At: today,
			},
		},
	}
	// Of this one the database will have lost the claim: it comes back as it was some minutes before.
	ghost := call.NewID()
	ops = append(ops, dispatch.Finish{Outcome: call.Outcome{
		Attempt: ghost, Offer: 1, Result: call.ResultAnswered, Talk: 4*time.Minute + 2*time.Second, At: today,
	}})
	for range 3 { // The dispatcher tries again and again.
		_, err = store.Apply(ctx, here.scheme, here.epoch, today, ops)
		require.ErrorIs(t, err, dispatch.ErrStoreDown)
		require.NotErrorIs(t, err, postgres.ErrCommitUnknown)
	}
	require.Equal(t, 3, store.Spooled(), "the facts, once; the claim is no fact")
	message := callflow.Message{
		ID: uuid.Must(uuid.NewV7()).String(), Scheme: here.scheme, Language: roster.French, Recording: "m", At: today,
	}
	require.NoError(t, store.SaveMessage(ctx, message))
	stray := message
	stray.ID, stray.Scheme = uuid.Must(uuid.NewV7()).String(), 4711 // A scheme that was made since, too.
	require.NoError(t, store.SaveMessage(ctx, stray))
	_, err = store.Load(ctx, here.scheme, today, today)
	require.ErrorIs(t, err, dispatch.ErrStoreDown)
	_, err = store.Roll(ctx, here.scheme, today)
	require.ErrorIs(t, err, dispatch.ErrStoreDown)
	_, err = store.Record(ctx, here.scheme, today)
	require.ErrorIs(t, err, dispatch.ErrStoreDown)

	// The service dies: nothing but the file is left of it.
	require.NoError(t, store.Close())
	store = open()
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	require.Equal(t, 5, store.Spooled())
	_, err = store.Lead(ctx, here.scheme, "test", today)
	require.ErrorIs(t, err, dispatch.ErrStoreDown)

	require.NoError(t, server.Start(ctx))
	f.pool.Reset() // Its connections are of the server that died.
	epoch, err := store.Lead(ctx, here.scheme, "test", today)
	require.NoError(t, err)
	require.Zero(t, store.Spooled())
	snap, err := store.Load(ctx, here.scheme, today, today.AddDate(0, 0, 1))
	require.NoError(t, err)
	require.Empty(t, snap.Live, "the outcome is known before anybody asks for live calls")
	var state, result string
	var talk int64
	require.NoError(t, f.pool.QueryRow(ctx, `SELECT state, result, talk_ms FROM attempt WHERE attempt_id = $1::uuid`,
		string(running.Order.Attempt)).Scan(&state, &result, &talk))
	require.Equal(t, []any{"ended", "answered", int64(60000)}, []any{state, result, talk})
	require.Equal(t, call.OccurrenceReached, f.Occurrence(running.Occurrence).State)
	messages, err := store.Messages(ctx, here.scheme, false)
	require.NoError(t, err)
	require.Equal(t, []callflow.Message{message}, messages)

	// The former dispatcher's batch comes again, under the new lead: nothing is recorded twice.
	before := f.one(`SELECT event_number FROM scheme_lead WHERE scheme_id = $1`, here.scheme)
	refused, err := store.Apply(ctx, here.scheme, epoch, today, []dispatch.Op{ops[0], ops[2]})
	require.NoError(t, err)
	require.NoError(t, refused[0])
	require.ErrorIs(t, refused[1], dispatch.ErrStale)
	require.Equal(t, before, f.one(`SELECT event_number FROM scheme_lead WHERE scheme_id = $1`, here.scheme))

	// What the records never heard of waits for a person. It is found however often the service dies, and once.
	left, err := postgres.RefusedIn(spool + postgres.RefusedSuffix)
	require.NoError(t, err)
	require.Equal(t, 2, left)
	kept, err := os.ReadFile(spool + postgres.RefusedSuffix)
	require.NoError(t, err)
	for range 2 {
		running, stop := context.WithCancel(ctx)
		ended := make(chan error, 1) // Room for the one answer.
		go func() { ended <- store.Run(running, func() time.Time { return today }) }()
		require.Eventually(t, func() bool {
			n, err := postgres.RefusedIn(spool + postgres.RefusedSuffix)
			return err == nil && n == 1
		}, time.Minute, 20*time.Millisecond)
		stop()
		require.NoError(t, <-ended)
		list, err := store.RefusedFacts(ctx, here.scheme)
		require.NoError(t, err)
		require.Len(t, list, 1)
		fact := list[0]
		require.Equal(t, postgres.RefusedFact{ID: fact.ID, At: today, Kind: "ended", Attempt: ghost, What: "answered, 4m2s", Why: fact.Why}, fact)
		require.NoError(t, store.Close())
		require.NoError(t, os.WriteFile(spool+postgres.RefusedSuffix, kept, 0o600)) // As if it had died before the file was changed.
		store = open()
	}
	list, err := store.RefusedFacts(ctx, here.scheme)
	require.NoError(t, err)
	_, err = store.CloseRefusedFacts(ctx, here.scheme, []string{list[0].ID, uuid.NewString()}, today)
	require.ErrorIs(t, err, postgres.ErrNoFact)
	n, err := store.CountRefusedFacts(ctx)
	require.NoError(t, err)
	require.Equal(t, 1, n, "all or nothing")
	n, err = store.CloseRefusedFacts(ctx, here.scheme, []string{list[0].ID}, today)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	list, err = store.RefusedFacts(ctx, here.scheme)
	require.NoError(t, err)
	require.Empty(t, list)
}

// TestFactsOutliveTheLead keeps the outcome of a call whose dispatcher was overtaken meanwhile.
func TestFactsOutliveTheLead(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := context.Background()
	w := newWorld(f, 0)
	here := w.towns[0]
	id := call.NewID()
	_, err := f.Apply(ctx, here.scheme, here.epoch, today, []dispatch.Op{dispatch.Claim{
		Occurrence: here.calls[0], At: today, Order: call.Order{
			Attempt: id, Offer: 1, Kind: call.KindScheduled, Caller: here.callers[0], Number: w.numbers[0], DialBy: today,
		},
	}})
	require.NoError(t, err)
	former := here.epoch
	w.lead(here)
	finish := dispatch.Finish{
		Outcome:    call.Outcome{Attempt: id, Offer: 1, Result: call.ResultNoAnswer, At: today},
		Settlement: dispatch.Settlement{Occurrence: here.calls[0], State: call.OccurrenceOpen, Attempts: 1, NotBefore: today, At: today},
	}
	settle := dispatch.Settle{Settlement: dispatch.Settlement{Occurrence: here.calls[1], State: call.OccurrenceMissed, At: today}}
	refused, err := f.Apply(ctx, here.scheme, former, today, []dispatch.Op{settle, finish})
	require.ErrorIs(t, err, dispatch.ErrFenced)
	require.ErrorIs(t, refused[0], dispatch.ErrFenced)
	require.NoError(t, refused[1])
	require.Equal(t, call.OccurrenceOpen, f.Occurrence(here.calls[1]).State)
	a, ok := f.Attempt(id)
	require.True(t, ok)
	require.Equal(t, call.ResultNoAnswer, a.Outcome.Result)
}

// cutter passes a connection on until it sees a commit; then it may lose the answer.
type cutter struct {
	listener net.Listener
	server   string
	wg       sync.WaitGroup
	mu       sync.Mutex
	armed    bool // The answer to the next commit is lost.
	deaf     bool // Nobody gets through afterwards.
	clients  []net.Conn
}

func newCutter(t *testing.T, server string) *cutter {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	c := &cutter{listener: listener, server: server}
	c.wg.Go(c.accept)
	t.Cleanup(func() {
		require.NoError(t, listener.Close())
		c.wg.Wait()
	})
	return c
}

func (c *cutter) arm(deaf bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.armed, c.deaf = true, deaf
}

func (c *cutter) accept() {
	for {
		client, err := c.listener.Accept()
		if err != nil {
			return
		}
		c.mu.Lock()
		refuse := c.deaf && !c.armed
		c.clients = append(c.clients, client)
		c.mu.Unlock()
		if refuse {
			_ = client.Close()
			continue
		}
		server, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", c.server)
		if err != nil {
			_ = client.Close()
			continue
		}
		lost := make(chan struct{})
		c.wg.Go(func() { c.pass(server, client, lost, true) })
		c.wg.Go(func() { c.pass(client, server, lost, false) })
	}
}

// commitMessage is what the wire carries when a commit is sent among other statements: its text, behind the empty name of a
// statement.
func commitMessage() []byte { return []byte("\x00commit\x00") }

// pass copies from one side to the other. On the way to the server it watches for a commit.
func (c *cutter) pass(to, from net.Conn, lost chan struct{}, watch bool) {
	defer func() { _, _ = to.Close(), from.Close() }()
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		if watch && bytes.Contains(buffer[:n], commitMessage()) {
			c.mu.Lock()
			if c.armed {
				c.armed = false
				close(lost)
				for _, client := range c.clients {
					if c.deaf && client != from {
						_ = client.Close()
					}
				}
			}
			c.mu.Unlock()
		}
		select {
		case <-lost:
			if !watch {
				return // The answer is lost, and the connection with it.
			}
		default:
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}

func TestALostAnswerToACommitIsFoundOut(t *testing.T) {
	t.Parallel()
	address := postgrestest.URL(t)
	u, err := url.Parse(address)
	require.NoError(t, err)
	cut := newCutter(t, u.Host)
	f := &fixture{
		Store: postgrestest.Open(t, address), t: t, pool: postgrestest.Pool(t, address), schemes: map[int64]dispatch.Scheme{},
		endpoint: map[int64]string{},
	}
	w := newWorld(f, 0)
	here := w.towns[0]
	u.Host = cut.listener.Addr().String()
	published := 0
	store := postgrestest.Open(t, u.String(), func(o *postgres.Options) {
		o.Patience = 2 * time.Second
		o.Publish = func(events []call.Event) { published += len(events) }
	})
	claim := func(n int) []dispatch.Op {
		return []dispatch.Op{dispatch.Claim{Occurrence: here.calls[n], At: today, Order: call.Order{
			Attempt: call.NewID(), Offer: 1, Kind: call.KindScheduled, Caller: here.callers[n], Number: w.numbers[n], DialBy: today,
		}}}
	}
	cut.arm(false)
	refused, err := store.Apply(context.Background(), here.scheme, here.epoch, today, claim(0))
	require.NoError(t, err, "it was committed, and found to be")
	require.NoError(t, refused[0])
	require.Equal(t, call.OccurrenceClaimed, f.Occurrence(here.calls[0]).State)
	require.Equal(t, 1, published)

	cut.arm(true)
	ops := claim(1)
	_, err = store.Apply(context.Background(), here.scheme, here.epoch, today, ops)
	require.ErrorIs(t, err, dispatch.ErrStoreDown)
	require.ErrorIs(t, err, postgres.ErrCommitUnknown)
	refused, err = f.Apply(context.Background(), here.scheme, here.epoch, today, ops)
	require.NoError(t, err)
	require.NoError(t, refused[0], "applying it again is harmless")
	require.Equal(t, int64(2), f.one(`SELECT count(*) FROM attempt`))
}
