package figures

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats-server/v2/server"

	"github.com/rappel-tel/rappel/pkg/telephony"
	"github.com/rappel-tel/rappel/pkg/telephony/telephonytest"
	"github.com/rappel-tel/rappel/tests/bench/measure"
)

// faults is P9: a town is called while one fault after the other is done to the service. What happened is told by the far phones,
// which survive all of it, and only then held against the records. The PBX is the exchange: a real Asterisk takes seconds
// to come back from each of 200 faults; tests/crash kills a real one.
func faults(ctx context.Context, r *rig, rounds measure.Rounds) (Result, error) {
	count := cmp.Or(r.o.Faults, r.o.pick(len(kinds()), 200, 200))
	rng := rand.New(rand.NewPCG(uint64(count), 9))
	const every = 250 * time.Millisecond
	// As many calls as come due while the faults go on.
	window := time.Duration(r.o.pick(15, 30, 30)) * time.Second
	t := town{due: int((time.Duration(count)*faultPace + 5*time.Second) / every), every: every, callers: 40, ring: time.Second, window: window}
	b, err := r.build(ctx, t)
	if err != nil {
		return Result{}, err
	}
	var tally tally
	err = r.onFresh(ctx, b.template, func(url string) error {
		s, err := r.openStreet(ctx, t, b, url)
		if err != nil {
			return err
		}
		defer s.close()
		if err := s.suffer(ctx, rng, count, rounds); err != nil {
			return err
		}
		tally, err = s.judge(ctx)
		return err
	})
	if err != nil {
		return Result{}, err
	}
	wrong := tally.double + tally.lost + tally.outside
	return Result{
		Value: float64(count), Unit: "faults", Ratio: float64(wrong) / float64(count), Spread: []float64{},
		Met:   wrong == 0 && count >= 200,
		Limit: fmt.Sprintf("%d faults: %d rung twice, %d lost, %d outside the window%s", count, tally.double, tally.lost, tally.outside, tally.example),
		Details: map[string]float64{
			"double": float64(tally.double), "lost": float64(tally.lost), "outside": float64(tally.outside), "silent": float64(tally.silent),
			"calls": float64(t.due), "rings": float64(tally.rings), "kept": float64(tally.kept), "missed": float64(tally.missed),
			"talked_but_unknown": float64(tally.unsure), "callers_ready": float64(tally.ready), "lives": float64(tally.lives), "overtaken": float64(tally.overtaken),
		},
	}, nil
}

// faultPace is how long a fault with what follows it takes, on average.
const faultPace = 1700 * time.Millisecond

// kind is one kind of fault.
type kind struct {
	name string
	do   func(s *street, ctx context.Context, rng *rand.Rand) error
}

func kinds() []kind {
	return []kind{
		{"the service is killed", (*street).killService},
		{"the service stands still", (*street).freeze},
		{"PostgreSQL is stopped immediately", (*street).stopPostgres},
		{"the PBX answers late", (*street).slowPBX},
		{"NATS is cut", (*street).cutNATS},
		{"the way to the PBX is cut", (*street).cutPBX},
		{"the service stands still, is overtaken and wakes", (*street).overtake},
	}
}

// street is a town with its phones, and the service that calls it.
type street struct {
	*rig
	town
	built
	url      string
	exchange *exchange
	bus      *server.Server
	port     int // Of the bus.
	order    childOrder
	service  *child

	lives, overtaken int
	folder           int // Counts the folders that were given out, of which there are two.
}

func (r *rig) openStreet(ctx context.Context, t town, b built, url string) (*street, error) {
	// The path of a socket is short.
	socket := filepath.Join(os.TempDir(), fmt.Sprintf("rappel-exchange-%d", os.Getpid()))
	if err := removeSocket(socket); err != nil {
		return nil, err
	}
	s := &street{rig: r, town: t, built: b, url: url}
	var err error
	if s.exchange, err = newExchange(ctx, socket); err != nil {
		return nil, err
	}
	if s.bus, err = startNATS(r.natsDir("faults"), server.RANDOM_PORT); err != nil {
		s.close()
		return nil, err
	}
	if err := s.plugIn(ctx); err != nil {
		s.close()
		return nil, err
	}
	s.order = childOrder{
		Role: "node", URL: url, Scheme: b.scheme, SchemeID: b.id, Horizon: burnHorizon, NATS: s.bus.ClientURL(), Node: "node", PBX: socket,
		Anchor: time.Now(), At: firstDue().Add(-3 * time.Second),
	}
	if err := s.live(ctx); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *street) close() {
	if s.service != nil {
		s.service.kill()
	}
	if s.bus != nil {
		s.bus.Shutdown()
		s.bus.WaitForShutdown()
	}
	s.exchange.close()
}

// plugIn gives everybody a phone: callers answer at once; most people answer soon and talk for a second or two, some are busy
// and some never answer.
func (s *street) plugIn(ctx context.Context) error {
	return connected(ctx, s.url, func(conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, "SELECT endpoint FROM caller")
		if err != nil {
			return fmt.Errorf("read endpoints: %w", err)
		}
		endpoints, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return fmt.Errorf("read endpoints: %w", err)
		}
		for _, e := range endpoints {
			s.exchange.pbx.SetPhone(e, telephonytest.Script{Answer: 50 * time.Millisecond})
		}
		for i := range s.due {
			script := telephonytest.Script{
				Answer: time.Duration(50+i%7*50) * time.Millisecond, HangUpBridged: time.Duration(500+i%11*150) * time.Millisecond,
			}
			switch i % 20 {
			case 7:
				script = telephonytest.Script{Refuse: telephony.CauseBusy}
			case 13:
				script = telephonytest.Script{Never: true}
			}
			s.exchange.pbx.SetPhone(fmt.Sprint(numberStart, firstNumber+i), script)
		}
		return nil
	})
}

// live starts the service and waits until it leads.
func (s *street) live(ctx context.Context) (err error) {
	s.order.Dir = s.natsDir(fmt.Sprintf("life%d", s.folder%2)) // Who is overtaken comes back as who overtakes next.
	if err := os.MkdirAll(s.order.Dir, 0o700); err != nil {
		return fmt.Errorf("make folder of the service: %w", err)
	}
	s.lives++
	if s.service, err = s.start(ctx, s.order); err != nil {
		return err
	}
	_, err = s.service.await(ctx, "leads", patience)
	return err
}

// suffer does one fault after the other, of every kind in turn, each a while after the service is back from the last.
func (s *street) suffer(ctx context.Context, rng *rand.Rand, count int, rounds measure.Rounds) error {
	all := kinds()
	began := time.Now()
	for i := range count {
		if i%20 == 0 {
			left := time.Duration(count) * faultPace
			if i > 0 {
				left = time.Since(began) / time.Duration(i) * time.Duration(count-i)
			}
			fmt.Fprintf(s.o.Progress, "%s fault %d of %d, %.0f s left\n", rounds.Name, i+1, count, left.Seconds())
		}
		if err := pause(ctx, time.Duration(200+rng.IntN(1000))*time.Millisecond); err != nil {
			return err
		}
		k := all[i%len(all)]
		if err := k.do(s, ctx, rng); err != nil {
			return fmt.Errorf("fault %d, %s: %w", i+1, k.name, err)
		}
	}
	return s.settle(ctx)
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *street) killService(ctx context.Context, rng *rand.Rand) error {
	s.service.kill()
	if err := pause(ctx, time.Duration(rng.IntN(500))*time.Millisecond); err != nil {
		return err
	}
	return s.live(ctx)
}

func (s *street) freeze(ctx context.Context, rng *rand.Rand) error {
	s.service.signal(syscall.SIGSTOP)
	defer s.service.signal(syscall.SIGCONT)
	return pause(ctx, time.Duration(200+rng.IntN(3000))*time.Millisecond)
}

// overtake has another process take the lead while the first stands still between any two of its steps; when that one wakes it
// must notice, and do no more harm.
func (s *street) overtake(ctx context.Context, _ *rand.Rand) error {
	former := s.service
	former.signal(syscall.SIGSTOP)
	s.overtaken++
	s.folder++
	err := s.live(ctx)
	former.signal(syscall.SIGCONT)
	defer former.kill()
	if err != nil {
		return err
	}
	if _, err := former.await(ctx, "overtaken", patience); err != nil {
		return fmt.Errorf("it goes on leading: %w", err)
	}
	for { // It ends by itself: what it had learned is kept in its spool.
		select {
		case _, more := <-former.lines:
			if !more {
				return nil
			}
		case <-time.After(patience):
			return errors.New("the overtaken process does not end")
		}
	}
}

func (s *street) stopPostgres(ctx context.Context, rng *rand.Rand) error {
	if err := s.server.StopImmediate(ctx); err != nil {
		return err
	}
	if err := pause(ctx, time.Duration(rng.IntN(1000))*time.Millisecond); err != nil {
		return err
	}
	return s.server.Start(ctx)
}

// slowPBX has the next calls' commands answered after nobody waits any more: some are carried out at once, some only then.
func (s *street) slowPBX(context.Context, *rand.Rand) error {
	late := commandLimit + 500*time.Millisecond
	s.exchange.dawdle(slowness{before: late}, slowness{after: late}, slowness{before: 3 * late})
	return nil
}

func (s *street) cutNATS(ctx context.Context, rng *rand.Rand) error {
	if s.port == 0 {
		var err error
		if s.port, err = portOf(s.bus); err != nil {
			return err
		}
	}
	s.bus.Shutdown()
	s.bus.WaitForShutdown()
	if err := pause(ctx, time.Duration(rng.IntN(1000))*time.Millisecond); err != nil {
		return err
	}
	bus, err := startNATS(s.natsDir("faults"), s.port)
	if err != nil {
		return err
	}
	s.bus = bus
	return nil
}

func (s *street) cutPBX(context.Context, *rand.Rand) error {
	s.exchange.cut()
	return nil
}

// settle waits until every promise has ended, and has what was kept in either folder while the records were away handed in.
func (s *street) settle(ctx context.Context) error {
	end := firstDue().Add(time.Duration(s.due)*s.every + s.window)
	left := time.Until(s.order.Anchor.Add(end.Sub(s.order.At)))
	fmt.Fprintf(s.o.Progress, "the last window closes in %.0f s\n", max(0, left.Seconds()))
	limit := time.Now().Add(max(left, 0) + patience)
	handed := false
	for time.Now().Before(limit) {
		open := 0
		err := connected(ctx, s.url, func(conn *pgx.Conn) error {
			return conn.QueryRow(ctx, `SELECT (SELECT count(*) FROM occurrence WHERE local_date = '2026-11-24' AND ended_at IS NULL)
				+ (SELECT count(*) FROM attempt WHERE result IS NULL)`).Scan(&open)
		})
		switch {
		case err != nil:
			return fmt.Errorf("count what is open: %w", err)
		case open == 0 && handed:
			return nil
		case open == 0:
			handed = true
			for range 2 {
				s.service.kill()
				s.folder++
				if err := s.live(ctx); err != nil {
					return err
				}
			}
		}
		if err := pause(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
	return nil // What is open is counted as lost.
}

// tally is what became of the promises, by the far phones and the records.
type tally struct {
	double, lost, outside, silent int
	rings, kept, missed, unsure   int
	ready                         int // Callers at work in the end.
	lives, overtaken              int
	example                       string
}

// promise is what the records say of one person's call today.
type promise struct {
	Number        string
	Opens, Closes time.Time
	State         string
	Next          int // Calls booked after it.
}

// judge compares what the phones have seen with what was promised and what was written down.
//
// Twice: a phone is rung while another call of the service is at it, by an attempt that has rung it before, or after a call in
// which the two talked and that was recorded as answered. Lost: a promise that has not ended, or without a next one; a phone
// that rang without an attempt in the records; two who talked while the records say that nobody answered. Where the end of
// a talk was seen by nobody the records say unknown, and she is tried again by design; these are counted apart.
func (s *street) judge(ctx context.Context) (t tally, err error) {
	results, err := s.results(ctx)
	if err != nil {
		return t, err
	}
	promises, err := s.promises(ctx)
	if err != nil {
		return t, err
	}
	wrong := func(count *int, format string, args ...any) {
		*count++
		if t.example == "" {
			t.example = "; the first: " + fmt.Sprintf(format, args...)
		}
	}
	seen := map[string][]ringing{}
	for _, r := range s.exchange.rung() {
		seen[r.number] = append(seen[r.number], r)
	}
	for _, p := range promises {
		switch p.State {
		case "reached", "unreached":
			t.kept++
		case "missed":
			t.missed++
		default:
			wrong(&t.lost, "a promise is %s", p.State)
		}
		if p.Next != 1 {
			wrong(&t.lost, "a promise that is %s has %d next ones", p.State, p.Next)
		}
		slices.SortFunc(seen[p.Number], func(x, y ringing) int { return x.began.Compare(y.began) })
		for i, r := range seen[p.Number] {
			t.rings++
			at := s.order.At.Add(r.began.Sub(s.order.Anchor))
			if at.Before(p.Opens) || at.After(p.Closes) {
				wrong(&t.outside, "rung %s after her window opened, which was open for %s", at.Sub(p.Opens), p.Closes.Sub(p.Opens))
			}
			result, known := results[r.attempt]
			switch talked := !r.bridged.IsZero(); {
			case !known:
				wrong(&t.lost, "a phone rang that the records know nothing of")
			case talked && result == "unknown":
				t.unsure++
			case talked && result != "answered":
				wrong(&t.lost, "two talked, recorded is %s", result)
			}
			for _, earlier := range seen[p.Number][:i] {
				switch {
				case earlier.attempt == r.attempt:
					wrong(&t.double, "rung twice by one attempt")
				case earlier.ended.IsZero() || r.began.Before(earlier.ended):
					wrong(&t.double, "rung while another call was at her phone")
				case results[earlier.attempt] == "answered":
					wrong(&t.double, "rung again after a call that is recorded as answered")
				}
			}
		}
	}
	err = connected(ctx, s.url, func(conn *pgx.Conn) error {
		return conn.QueryRow(ctx, "SELECT count(*) FROM caller_status WHERE state = 'ready'").Scan(&t.ready)
	})
	if err != nil {
		return t, fmt.Errorf("count callers: %w", err)
	}
	t.silent, t.lives, t.overtaken = len(s.exchange.pbx.Silent()), s.lives, s.overtaken
	return t, nil
}

// results are those of the attempts, by their ids.
func (s *street) results(ctx context.Context) (map[string]string, error) {
	results := map[string]string{}
	err := connected(ctx, s.url, func(conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, "SELECT replace(attempt_id::text, '-', ''), coalesce(result, '') FROM attempt")
		if err != nil {
			return fmt.Errorf("read attempts: %w", err)
		}
		var id, result string
		_, err = pgx.ForEachRow(rows, []any{&id, &result}, func() error {
			results[id] = result
			return nil
		})
		return err
	})
	return results, err
}

func (s *street) promises(ctx context.Context) (all []promise, err error) {
	err = connected(ctx, s.url, func(conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, `SELECT n.e164 AS number, o.opens_at AS opens, o.closes_at AS closes, o.state,
				(SELECT count(*) FROM occurrence f WHERE f.agreement_id = o.agreement_id AND f.scheme_id = o.scheme_id
					AND f.local_date > o.local_date AND f.kind = 'scheduled') AS next
			FROM occurrence o JOIN contact_number n USING (scheme_id, beneficiary_id)
			WHERE o.local_date = '2026-11-24' AND o.kind = 'scheduled'`)
		if err != nil {
			return fmt.Errorf("read promises: %w", err)
		}
		all, err = pgx.CollectRows(rows, pgx.RowToStructByName[promise])
		return err
	})
	return all, err
}
