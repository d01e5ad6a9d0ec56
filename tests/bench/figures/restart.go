package figures

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats-server/v2/server"
	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/natsbus"
	"github.com/rappel-tel/rappel/pkg/postgres"
	"github.com/rappel-tel/rappel/tests/bench/measure"
)

// restart is P6: a process that dispatches a scheme is killed, another with the same node name is started at once, takes its own
// lease back, and leads with a new epoch. How long is it until the first due call is claimed and committed? And how long
// until everything is in memory that a leader holds, beside the plain reading of the same rows? Of a large scheme that is what
// opens soon.
func restart(ctx context.Context, r *rig, rounds measure.Rounds) (Result, error) {
	t := r.heldTown()
	b, err := r.build(ctx, t)
	if err != nil {
		return Result{}, err
	}
	s, err := startNATS(r.natsDir("restart"), server.RANDOM_PORT)
	if err != nil {
		return Result{}, err
	}
	defer s.Shutdown()
	var first, index, read, whole, ratios []float64
	limit, loaded, until := "", 0.0, morning().Add(heldHorizon)
	err = r.onFresh(ctx, b.template, func(url string) error {
		// The calls of a life end with it, so that the next one finds free callers and calls that are due.
		order := childOrder{
			Role: "node", URL: url, Scheme: b.scheme, SchemeID: b.id, Horizon: heldHorizon, Held: t.held, Anchor: time.Now(), At: morning(),
			NATS: s.ClientURL(), Node: "restart",
		}
		c, err := r.start(ctx, order)
		if err != nil {
			return err
		}
		defer func() { c.kill() }()
		if _, err := c.await(ctx, "claimed", restartLimit); err != nil {
			limit = fmt.Sprintf("%d planned calls cannot be led: %s", t.held, err)
			return nil
		}
		_, err = measure.Interleave(ctx, rounds,
			measure.Side{Name: "restart", Run: func(ctx context.Context) (float64, error) {
				began := time.Now()
				c.kill()
				if c, err = r.start(ctx, order); err != nil {
					return 0, err
				}
				if _, err := c.await(ctx, "claimed", restartLimit); err != nil {
					return 0, err
				}
				took := time.Since(began).Seconds()
				held, err := c.await(ctx, "held", restartLimit)
				first, index = append(first, took), append(index, held.Numbers["seconds"])
				loaded, until = held.Numbers["held"], time.Unix(int64(held.Numbers["until"]), 0)
				return took, err
			}},
			measure.Side{Name: "read", Run: func(ctx context.Context) (float64, error) {
				seconds, rows, err := readRaw(ctx, url, until)
				if err == nil && rows == 0 {
					err = errors.New("the plain reading finds nothing")
				}
				read = append(read, seconds)
				return seconds, err
			}},
			measure.Side{Name: "read all", Run: func(ctx context.Context) (float64, error) {
				seconds, rows, err := readRaw(ctx, url, morning().AddDate(1, 0, 0))
				if err == nil && rows < t.held {
					err = fmt.Errorf("%d rows were read of at least %d", rows, t.held)
				}
				whole = append(whole, seconds)
				return seconds, err
			}})
		return err
	})
	if err != nil {
		return Result{}, err
	}
	ratios = measure.Ratios(index, read)
	seconds, ratio, reading := measure.Median(first), measure.Median(ratios), measure.Median(read)
	if limit == "" {
		limit = fmt.Sprintf("of %d planned calls %.0f are in memory %.2f s after the lead was asked for, the first is dispatched %.2f s after the "+
			"kill; those rows alone are read in %.3f s, but people, numbers, agreements and pauses are read too", t.held, loaded,
			measure.Median(index), seconds, reading)
	}
	return Result{
		Value: seconds, Unit: "s to the first dispatch", Peer: &reading, Ratio: ratio, Spread: measure.Spread(ratios),
		Met:   len(first) > 0 && seconds <= 3 && ratio <= 2,
		Limit: limit,
		Details: map[string]float64{"planned": float64(t.held), "index_s": measure.Median(index), "raw_select_s": reading,
			"loaded": loaded, "raw_select_of_all_s": measure.Median(whole)},
	}, nil
}

// restartLimit is how long a restart is waited for.
const restartLimit = 10 * time.Minute

// portOf is the port on which a server listens.
func portOf(s *server.Server) (int, error) {
	at, ok := s.Addr().(*net.TCPAddr)
	if !ok {
		return 0, errors.New("the NATS server listens nowhere")
	}
	return at.Port, nil
}

// startNATS runs a NATS server in this process.
func startNATS(dir string, port int) (*server.Server, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make folder for NATS: %w", err)
	}
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: port, NoSigs: true, NoLog: true, JetStream: true, StoreDir: dir,
	})
	if err != nil {
		return nil, fmt.Errorf("make NATS server: %w", err)
	}
	s.Start()
	if !s.ReadyForConnections(patience) {
		s.Shutdown()
		return nil, fmt.Errorf("start NATS server: not ready within %s", patience)
	}
	return s, nil
}

// slot is what a plain reading keeps of an occurrence.
type slot struct {
	id    int64
	opens int64
}

// readRaw reads every occurrence that is open and opens in time, with nothing but what an index of them needs.
func readRaw(ctx context.Context, url string, until time.Time) (seconds float64, rows int, err error) {
	err = connected(ctx, url, func(conn *pgx.Conn) error {
		began := time.Now()
		found, err := conn.Query(ctx, "SELECT occurrence_id, opens_at FROM occurrence WHERE state = 'open' AND opens_at < $1", until)
		if err != nil {
			return fmt.Errorf("read occurrences: %w", err)
		}
		defer found.Close()
		var all []slot
		for found.Next() {
			values := found.RawValues()
			all = append(all, slot{id: number64(values[0]), opens: number64(values[1])})
		}
		seconds, rows = time.Since(began).Seconds(), len(all)
		return found.Err()
	})
	return seconds, rows, err
}

// number64 decodes Postgres's binary eight-byte integer.
func number64(b []byte) (n int64) {
	for _, c := range b {
		n = n<<8 | int64(c)
	}
	return n
}

// serve dispatches a scheme as `rappel serve` does: it takes the lease of the scheme, leads it, publishes what it commits. It
// says when it leads, when the first call is claimed, and when everything is held.
func (o *childOrder) serve(ctx context.Context, say *reporter) (err error) {
	if o.PBX != "" {
		return o.serveCalls(ctx, say)
	}
	var bus *natsbus.Bus
	var once sync.Once
	store, err := postgres.New(ctx, postgres.Options{URL: o.URL, Patience: time.Minute, Publish: func(events []call.Event) {
		bus.Publish(events)
		for _, e := range events {
			if e.Entity == "attempt" && e.Kind == "claimed" {
				once.Do(func() { say.say(said{About: "claimed"}) })
			}
		}
	}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if bus, err = natsbus.New(ctx, natsbus.Options{URL: o.NATS, Log: store}); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, bus.Close(context.WithoutCancel(ctx))) }()
	board := &longCalls{}
	d, err := dispatch.New(dispatch.Options{
		Store: store, Switchboard: board, Logger: zap.NewNop(), Horizon: o.Horizon, Now: o.now, Holder: o.Node,
	})
	if err != nil {
		return err
	}
	defer d.Close()
	board.ended = d.Ended
	leases := bus.Leases(o.Node, standbyTerm)
	if o.Standby {
		renewing, stop := context.WithCancel(ctx)
		var renewal sync.WaitGroup
		defer renewal.Wait()
		defer stop()
		renewal.Go(func() { _ = leases.Run(renewing) }) // It ends with its context.
		if err := o.elect(ctx, leases, store, say); err != nil {
			return err
		}
	} else if mine, err := leases.Claim(ctx, o.SchemeID, 0); err != nil || !mine {
		return errors.Join(errors.New("the lease is another's"), err)
	}
	began := time.Now()
	if err := d.Lead(ctx, o.Scheme); err != nil {
		return err
	}
	say.say(said{About: "leads", Numbers: map[string]float64{"seconds": time.Since(began).Seconds()}})
	f, err := heldAll(ctx, d, o.Scheme, o.Held)
	if err != nil {
		return err
	}
	took := time.Since(began)
	until := f.Until
	if until.IsZero() {
		until = o.At.Add(o.Horizon)
	}
	say.say(said{About: "held", Numbers: map[string]float64{
		"seconds": took.Seconds(), "until": float64(until.Unix()), "held": float64(heldOf(f)),
	}})
	<-ctx.Done()
	return nil
}

// longCalls are phones on which people talk for longer than the process lives; what an earlier one left has ended.
type longCalls struct{ phones }

// Start implements dispatch.Switchboard.
func (*longCalls) Start(context.Context, call.Order) error { return nil }

// Adopt implements dispatch.Switchboard.
func (l *longCalls) Adopt(_ context.Context, live []call.Live) {
	for _, a := range live {
		l.ended(answered(a.Order))
	}
}
