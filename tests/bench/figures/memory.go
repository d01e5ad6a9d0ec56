package figures

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/postgres"
	"github.com/rappel-tel/rappel/tests/bench/measure"
)

// heldTown is the town of the figures about what is held: P4, P5 and P6 share it, because it takes minutes to build.
func (r *rig) heldTown() town {
	return town{due: r.o.pick(500, 20_000, 20_000), held: r.o.pick(5000, 1_000_000, 10_000_000), callers: r.o.pick(50, 1000, 1000)}
}

// memory is P4: how much a process's heap grows with every occurrence that it answers for, from an empty dispatcher to one that
// leads the scheme, and how many bytes the records need for it, beside a scheduled job of River; indexes included, both
// freshly built. Of a large scheme only what opens soon is loaded, the rest waits in the records: how many are in memory, and
// what each of those takes, is told beside.
func memory(ctx context.Context, r *rig, rounds measure.Rounds) (Result, error) {
	large := r.heldTown()
	towns := []town{large}
	if r.o.Full {
		towns = []town{{due: large.due, held: 1_000_000, callers: large.callers}, large}
	}
	details, limit := map[string]float64{}, ""
	sides := []measure.Side{{Name: "river", Run: func(ctx context.Context) (bytes float64, err error) {
		err = r.onFresh(ctx, raw, func(url string) error {
			numbers, err := r.peer(ctx, "-do", "hold", "-url", url, "-jobs", strconv.Itoa(min(large.held, 200_000)))
			bytes = numbers["bytes"]
			return err
		})
		return bytes, err
	}}}
	for _, t := range towns {
		b, err := r.build(ctx, t)
		if err != nil {
			return Result{}, err
		}
		url := r.server.DatabaseURL(b.template)
		if details[fmt.Sprintf("postgres_bytes_%d", t.held)], err = bytesPerOccurrence(ctx, url); err != nil {
			return Result{}, err
		}
		sides = append(sides, measure.Side{Name: t.heapName(), Run: func(ctx context.Context) (float64, error) {
			if limit != "" {
				return 0, nil // It did not fit in the round before.
			}
			// Before the scheme's hours nothing starts, so that the records stay as they are.
			c, err := r.start(ctx, childOrder{
				Role: "hold", URL: url, Scheme: b.scheme, Horizon: heldHorizon, Held: t.due + t.held,
				Anchor: time.Now(), At: morning().Add(-4 * time.Hour),
			})
			if err != nil {
				return 0, err
			}
			defer c.kill()
			s, err := c.await(ctx, "heap", 10*time.Minute)
			if errors.Is(err, errChild) {
				limit = fmt.Sprintf("%d occurrences cannot be held: %s", t.held, err)
				return 0, nil
			}
			details[fmt.Sprintf("loaded_of_%d", t.held)] = s.Numbers["loaded"]
			details[fmt.Sprintf("heap_bytes_per_loaded_of_%d", t.held)] = s.Numbers["bytes_loaded"]
			return s.Numbers["bytes"], err
		}})
	}
	values, err := measure.Interleave(ctx, rounds, sides...)
	if err != nil {
		return Result{}, err
	}
	worst := 0.0
	for _, t := range towns {
		heap := measure.Median(values[t.heapName()])
		details[t.heapName()] = heap
		worst = max(worst, heap)
	}
	river := measure.Median(values["river"])
	var ratios []float64
	for _, bytes := range values["river"] {
		ratios = append(ratios, details[fmt.Sprintf("postgres_bytes_%d", large.held)]/bytes)
	}
	ratio := measure.Median(ratios)
	details["river_bytes"] = river
	if limit == "" {
		limit = fmt.Sprintf("an occurrence of the scheme takes %.0f B of heap; its row with all indexes takes %.0f B in PostgreSQL, a job of River's %.0f",
			worst, details[fmt.Sprintf("postgres_bytes_%d", large.held)], river)
	}
	return Result{
		Value: worst, Unit: "B of heap per occurrence of the scheme", Peer: &river, Ratio: ratio, Spread: measure.Spread(ratios),
		Met: worst > 0 && worst <= 45 && ratio <= 0.5, Details: details, Limit: limit,
	}, nil
}

func (t town) heapName() string { return fmt.Sprintf("heap_bytes_%d", t.held) }

// bytesPerOccurrence is what the records of one occurrence take, indexes included.
func bytesPerOccurrence(ctx context.Context, url string) (bytes float64, err error) {
	err = connected(ctx, url, func(conn *pgx.Conn) error {
		return conn.QueryRow(ctx, `SELECT pg_total_relation_size('occurrence')::float8 / count(*) FROM occurrence`).Scan(&bytes)
	})
	if err != nil {
		return 0, fmt.Errorf("weigh occurrences: %w", err)
	}
	return bytes, nil
}

// hold leads the scheme, waits until everything is held, and says how much heap that takes. When the machine's memory runs
// short this process is the one to go.
func (o *childOrder) hold(ctx context.Context, say *reporter) (err error) {
	if err := os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0o600); err != nil {
		return fmt.Errorf("offer to be killed first: %w", err)
	}
	d, closing, err := o.dispatcher(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closing()) }()
	before := heap()
	watching, stop := context.WithCancel(ctx)
	defer stop()
	go exitWhenShort(watching)
	if err := d.Lead(ctx, o.Scheme); err != nil {
		return err
	}
	f, err := heldAll(ctx, d, o.Scheme, o.Held)
	if err != nil {
		return err
	}
	grown := float64(heap() - before)
	loaded := heldOf(f)
	say.say(said{About: "heap", Numbers: map[string]float64{
		"bytes": grown / float64(o.Held), "loaded": float64(loaded), "bytes_loaded": grown / float64(max(1, loaded)),
	}})
	<-ctx.Done()
	return nil
}

// heap is what is in use after everything that is not has been collected.
func heap() int64 {
	var m runtime.MemStats
	for range 3 {
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// spare is how much memory of the machine stays free: others work on it.
const spare = 1 << 30

// exitWhenShort ends this process before the machine runs out of memory.
func exitWhenShort(ctx context.Context) {
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		}
		if free, err := available(); err == nil && free < spare {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			fmt.Fprintf(os.Stderr, "the machine's memory runs short with %d MB of heap in use\n", m.HeapAlloc>>20)
			os.Exit(3)
		}
	}
}

// available is how much memory the machine can still give, in bytes.
func available() (int64, error) {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, fmt.Errorf("read free memory: %w", err)
	}
	for line := range strings.SplitSeq(string(text), "\n") {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "MemAvailable:" {
			kilobytes, err := strconv.ParseInt(fields[1], 10, 64)
			if err != nil {
				return 0, fmt.Errorf("read free memory: %w", err)
			}
			return kilobytes << 10, nil
		}
	}
	return 0, errors.New("read free memory: the system does not say")
}

// dispatcher makes what dispatches a child's scheme. A nil switchboard has nobody answer.
func (o *childOrder) dispatcher(ctx context.Context, board dispatch.Switchboard) (*dispatch.Dispatcher, func() error, error) {
	store, err := postgres.New(ctx, postgres.Options{URL: o.URL, Patience: time.Minute})
	if err != nil {
		return nil, nil, err
	}
	if board == nil {
		board = &phones{}
	}
	d, err := dispatch.New(dispatch.Options{
		Store: store, Switchboard: board, Logger: zap.NewNop(), Horizon: o.Horizon, Now: o.now,
	})
	if err != nil {
		return nil, nil, errors.Join(err, store.Close())
	}
	return d, func() error {
		d.Close()
		return store.Close()
	}, nil
}
