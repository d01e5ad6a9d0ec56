package figures

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/natsbus"
	"github.com/rappel-tel/rappel/pkg/postgres"
	"github.com/rappel-tel/rappel/tests/bench/measure"
)

// listeners is how many subscribers there are.
const listeners = 50

// events is P7: P1 with its events published on NATS JetStream, to subscribers each of which is sent every one of them, against
// P1 without. Server and subscribers are a process of their own on the same machine. Every subscriber must be told each
// committed event once and in order; one of them looks away for a while, must notice by the numbers, and is given what it
// missed from the records.
func events(ctx context.Context, r *rig, rounds measure.Rounds) (Result, error) {
	t := town{
		due: cmp.Or(r.o.Calls, r.o.pick(1000, 50_000, 200_000)), callers: cmp.Or(r.o.Callers, r.o.pick(100, 1000, 1000)),
	}
	b, err := r.build(ctx, t)
	if err != nil {
		return Result{}, err
	}
	var heard heardEvents
	var behind, alone, together, server []float64 // The last three: microseconds of processor time per call, by round.
	perCall := func(d time.Duration) float64 { return 1e6 * d.Seconds() / float64(t.due) }
	busy := ""
	values, err := measure.Interleave(ctx, rounds,
		measure.Side{Name: "without", Run: func(ctx context.Context) (rate float64, err error) {
			err = r.onFresh(ctx, b.template, func(url string) error {
				var before, after usage
				burning := burn{town: t, scheme: b.scheme, horizon: burnHorizon, led: func() { before, err = r.used() }}
				if rate, err = burning.down(ctx, url); err != nil {
					return err
				}
				after, err = r.used()
				alone = append(alone, perCall(after.postgres-before.postgres+after.bench-before.bench))
				return err
			})
			return rate, err
		}},
		measure.Side{Name: "with", Run: func(ctx context.Context) (rate float64, err error) {
			err = r.onFresh(ctx, b.template, func(url string) error {
				p := publishing{rig: r, town: t, built: b, url: url}
				if rate, err = p.run(ctx); err != nil {
					return err
				}
				heard.add(p.heard)
				behind, busy = append(behind, p.behind.Seconds()), p.busy
				together, server = append(together, perCall(p.ours)), append(server, perCall(p.theirs))
				return nil
			})
			return rate, err
		}},
	)
	if err != nil {
		return Result{}, err
	}
	ratios := measure.Ratios(values["with"], values["without"])
	ratio, without := measure.Median(ratios), measure.Median(values["without"])
	right := heard.twice == 0 && heard.late == 0 && heard.disorder == 0 && heard.lost == 0 && heard.gapsFound == heard.gapsMade
	return Result{
		Value: measure.Median(values["with"]), Unit: "calls/s", Peer: &without, Ratio: ratio, Spread: measure.Spread(ratios),
		Met: ratio >= 0.9 && right,
		Limit: fmt.Sprintf("%.0f events are sent to %d subscribers each on the processors that also dispatch: %s; the last event arrived %.1f s after the last call",
			heard.events/float64(rounds.Count), listeners, busy, measure.Median(behind)),
		Details: map[string]float64{
			"calls": float64(t.due), "subscribers": listeners, "events": heard.events, "delivered": heard.delivered, "late": heard.late, "twice": heard.twice,
			"out_of_order": heard.disorder, "lost": heard.lost, "gaps_made": heard.gapsMade, "gaps_found": heard.gapsFound,
			"refilled": heard.refilled, "behind_s": measure.Median(behind),
			"cpu_us_per_call_without": measure.Median(alone), "cpu_us_per_call_with": measure.Median(together),
			"server_and_subscribers_cpu_us_per_call": measure.Median(server),
		},
	}, nil
}

// heardEvents is what became of the events.
type heardEvents struct {
	events, delivered, late, twice, disorder, lost float64
	gapsMade, gapsFound, refilled                  float64
}

func (h *heardEvents) add(x heardEvents) {
	h.events += x.events
	h.delivered += x.delivered
	h.late += x.late
	h.twice += x.twice
	h.disorder += x.disorder
	h.lost += x.lost
	h.gapsMade += x.gapsMade
	h.gapsFound += x.gapsFound
	h.refilled += x.refilled
}

// publishing is one round with events.
type publishing struct {
	*rig
	town
	built
	url    string
	heard  heardEvents
	behind time.Duration // From the last call to the last event, at the last of the subscribers.
	busy   string
	ours   time.Duration // Processor time of Rappel and PostgreSQL.
	theirs time.Duration // Of the NATS server and the subscribers.
}

func (p *publishing) run(ctx context.Context) (rate float64, err error) {
	dir, err := os.MkdirTemp(p.dir, "nats-")
	if err != nil {
		return 0, fmt.Errorf("make folder for NATS: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }() // The rig removes what is left.
	c, err := p.start(ctx, childOrder{Role: "subscribers", SchemeID: p.id, Dir: dir, Count: listeners})
	if err != nil {
		return 0, err
	}
	defer c.kill()
	ready, err := c.await(ctx, "ready", patience)
	if err != nil {
		return 0, err
	}
	log, err := postgres.New(ctx, postgres.Options{URL: p.url, Connections: 2, Patience: time.Minute})
	if err != nil {
		return 0, err
	}
	defer func() { _ = log.Close() }() // It only reads.
	bus, err := natsbus.New(ctx, natsbus.Options{URL: ready.Text, Log: log, Queue: 1 << 20})
	if err != nil {
		return 0, err
	}
	var mu sync.Mutex
	last := int64(0)
	var before, after usage
	var theirs time.Duration
	rate, err = burn{
		town: p.town, scheme: p.scheme, horizon: burnHorizon,
		led: func() { // Only for what is told beside the figure.
			before, _ = p.used()
			theirs, _ = measure.OfProcess(c.cmd.Process.Pid)
		},
		publish: func(events []call.Event) {
			mu.Lock()
			last = max(last, events[len(events)-1].Number)
			mu.Unlock()
			bus.Publish(events)
		},
	}.down(ctx, p.url)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	if after, err = p.used(); err != nil {
		return 0, err
	}
	p.busy, p.ours = after.since(before), after.postgres-before.postgres+after.bench-before.bench
	closing, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	if err := bus.Close(closing); err != nil {
		return 0, err
	}
	// What the scheme was told while it was set up came before anybody listened.
	if _, err := fmt.Fprintln(c.in, last); err != nil {
		return 0, fmt.Errorf("ask the subscribers: %w", err)
	}
	report, err := c.await(ctx, "heard", 10*time.Minute)
	if err != nil {
		return 0, err
	}
	p.behind = time.Since(began)
	if p.theirs, err = measure.OfProcess(c.cmd.Process.Pid); err != nil {
		return 0, err
	}
	p.theirs -= theirs
	n := report.Numbers
	p.heard = heardEvents{
		events: n["events"], delivered: n["delivered"], late: n["late"], twice: n["twice"], disorder: n["disorder"], lost: n["lost"],
		gapsMade: n["gaps_made"], gapsFound: n["gaps_found"],
	}
	if n["gaps_found"] > 0 {
		missed, err := log.Events(ctx, p.scheme, int64(n["gap_first"]), int64(n["gap_last"]))
		if err != nil {
			return 0, err
		}
		p.heard.refilled = float64(len(missed))
		if want := n["gap_last"] - n["gap_first"] + 1; p.heard.refilled != want {
			return 0, fmt.Errorf("of %.0f events that a subscriber missed the records have %.0f", want, p.heard.refilled)
		}
	}
	return rate, nil
}

// subscribe runs a NATS server and subscribers, until its parent says which event is the last; then it says what they heard.
func (o *childOrder) subscribe(ctx context.Context, say *reporter) error {
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true, JetStream: true, StoreDir: o.Dir,
	})
	if err != nil {
		return fmt.Errorf("make NATS server: %w", err)
	}
	s.Start()
	defer s.Shutdown()
	if !s.ReadyForConnections(patience) {
		return fmt.Errorf("start NATS server: not ready within %s", patience)
	}
	all := make([]*listener, o.Count)
	for i := range all {
		all[i] = &listener{full: i == 0, changed: make(chan struct{}, 1), entities: map[string]int64{}, away: i == 1}
		conn, err := nats.Connect(s.ClientURL())
		if err != nil {
			return fmt.Errorf("connect to NATS: %w", err)
		}
		defer conn.Close()
		sub, err := conn.Subscribe(natsbus.Subject(o.SchemeID), all[i].hear)
		if err != nil {
			return fmt.Errorf("subscribe: %w", err)
		}
		if err := sub.SetPendingLimits(-1, -1); err != nil { // Slow is not lost.
			return fmt.Errorf("subscribe: %w", err)
		}
		if err := conn.Flush(); err != nil {
			return fmt.Errorf("subscribe: %w", err)
		}
	}
	say.say(said{About: "ready", Text: s.ClientURL()})
	var last int64
	if _, err := fmt.Fscanln(os.Stdin, &last); err != nil {
		if errors.Is(err, io.EOF) {
			return nil
		}
		return fmt.Errorf("read which event is the last: %w", err)
	}
	numbers := map[string]float64{}
	for _, l := range all {
		if err := l.until(ctx, last); err != nil {
			return err
		}
		l.mu.Lock()
		numbers["events"] = max(numbers["events"], float64(last-all[0].first+1))
		numbers["delivered"] += float64(l.heard)
		numbers["twice"] += float64(l.twice)
		numbers["disorder"] += float64(l.disorder)
		numbers["late"] += float64(l.late)
		if l.away {
			numbers["gaps_made"], numbers["gaps_found"] = 1, float64(len(l.gaps))
			if len(l.gaps) > 0 {
				numbers["gap_first"], numbers["gap_last"] = float64(l.gaps[0].first), float64(l.gaps[0].last)
			}
		} else {
			numbers["lost"] += float64(last-l.first+1) - float64(l.heard)
		}
		l.mu.Unlock()
	}
	say.say(said{About: "heard", Numbers: numbers})
	<-ctx.Done()
	return nil
}

// listener is one subscriber. It follows the scheme's numbers, as somebody who only looks for gaps does; a full one reads every
// event, and follows the numbers of every entity too.
type listener struct {
	full bool
	away bool // Looks away for a while.

	mu              sync.Mutex
	changed         chan struct{} // Size 1: there may be something new.
	messages        int
	first, last     int64
	heard           int64
	late            int64 // Of these, behind what was committed after them: there must be none.
	twice, disorder int64
	gaps            []span // What was not told, in order.
	entities        map[string]int64
}

// span is the numbers of events that follow one another, from the first to the last.
type span struct{ first, last int64 }

// Of the listener that looks away: behind which message, and for how many.
const (
	awayAfter = 3
	awayFor   = 2
)

func (l *listener) hear(m *nats.Msg) {
	first, last, err := natsbus.Numbers(m)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.messages++
	if err != nil {
		l.disorder++
		return
	}
	if l.first == 0 {
		l.first, l.last = first, first-1
	}
	if l.away && l.messages > awayAfter && l.messages <= awayAfter+awayFor {
		return
	}
	told := last - first + 1
	switch {
	case first > l.last+1:
		l.gaps = append(l.gaps, span{l.last + 1, first - 1})
	case first <= l.last && !l.fill(span{first, last}):
		l.twice += told
		return
	case first <= l.last:
		l.late += told
	}
	if l.full {
		l.read(m, first, last)
	}
	l.heard += told
	l.last = max(l.last, last)
	select {
	case l.changed <- struct{}{}:
	default:
	}
}

// fill takes a message that comes late out of what was not told, and reports false when all of it was told before.
func (l *listener) fill(late span) bool {
	for i, gap := range l.gaps {
		if late.first < gap.first || late.last > gap.last {
			continue
		}
		var left []span
		if gap.first < late.first {
			left = append(left, span{gap.first, late.first - 1})
		}
		if late.last < gap.last {
			left = append(left, span{late.last + 1, gap.last})
		}
		l.gaps = slices.Replace(l.gaps, i, i+1, left...)
		return true
	}
	return false
}

// read holds every event of a message against what its header says and against those before.
func (l *listener) read(m *nats.Msg, first, last int64) {
	events, err := natsbus.Events(m)
	if err != nil || int64(len(events)) != last-first+1 {
		l.disorder++
		return
	}
	for i, e := range events {
		key := e.Entity + e.EntityID
		if before, known := l.entities[key]; e.Number != first+int64(i) || known && e.EntityNumber != before+1 {
			l.disorder++
		}
		l.entities[key] = e.EntityNumber
	}
}

// until waits until an event was heard.
func (l *listener) until(ctx context.Context, last int64) error {
	still := time.NewTimer(patience)
	defer still.Stop()
	for {
		l.mu.Lock()
		at := l.last
		l.mu.Unlock()
		if at >= last {
			return nil
		}
		select {
		case <-l.changed:
			still.Reset(patience)
		case <-still.C:
			return fmt.Errorf("nothing is heard any more after event %d of %d", at, last)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// natsDir is where a server keeps its streams.
func (r *rig) natsDir(name string) string { return filepath.Join(r.dir, name) }
