package figures

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/api"
	"github.com/rappel-tel/rappel/pkg/auth"
	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/natsbus"
	"github.com/rappel-tel/rappel/pkg/postgres"
	"github.com/rappel-tel/rappel/pkg/report"
	"github.com/rappel-tel/rappel/tests/bench/measure"
)

// liveFigures measures how far behind live figures are: calls come due one after the other at 500 per second and are dispatched
// as in P2, while 50 viewers follow the figures over HTTP. An event counts for a viewer from its commit until the figures that
// have it are read from her connection. At the end everybody must have been told everything.
func liveFigures(ctx context.Context, r *rig, rounds measure.Rounds) (Result, error) {
	t := town{
		due: cmp.Or(r.o.Calls, r.o.pick(500, 10_000, 30_000)), callers: cmp.Or(r.o.Callers, r.o.pick(100, 1000, 1000)),
		every: 2 * time.Millisecond,
	}
	b, err := r.build(ctx, t)
	if err != nil {
		return Result{}, err
	}
	var events, told float64
	var p50 []float64
	values, err := measure.Interleave(ctx, rounds, measure.Side{Name: "behind", Run: func(ctx context.Context) (p99 float64, err error) {
		err = r.onFresh(ctx, b.template, func(url string) error {
			f := following{town: t, built: b, url: url, dir: filepath.Join(r.dir, "live")}
			defer func() { _ = os.RemoveAll(f.dir) }() // The rig removes what is left.
			if err := f.run(ctx); err != nil {
				return err
			}
			events, told = events+float64(len(f.committed)), told+float64(f.told)
			slices.Sort(f.behind)
			p99 = measure.Quantile(f.behind, 0.99)
			p50 = append(p50, measure.Quantile(f.behind, 0.5))
			return nil
		})
		return p99, err
	}})
	if err != nil {
		return Result{}, err
	}
	p99 := measure.Median(values["behind"])
	return Result{
		Value: p99, Unit: "ms", Ratio: p99 / 1000, Spread: measure.Spread(values["behind"]), Met: p99 <= 1000,
		Limit: "dispatcher, database, event bus, web server and every viewer share the processors",
		Details: map[string]float64{
			"calls": float64(t.due), "viewers": listeners, "events": events, "told": told, "p50_ms": measure.Median(p50),
		},
	}, nil
}

// following is one round.
type following struct {
	town
	built
	url, dir string

	mu        sync.Mutex
	committed map[int64]time.Time // By number.
	behind    []float64           // Milliseconds, of every event at every viewer.
	told      int                 // Messages to viewers.
}

func (f *following) run(ctx context.Context) (err error) {
	f.committed = map[int64]time.Time{}
	var bus *natsbus.Bus
	ended, last := make(chan struct{}), int64(0)
	left := f.due
	store, err := postgres.New(ctx, postgres.Options{URL: f.url, Patience: time.Minute, Publish: func(events []call.Event) {
		now := time.Now()
		f.mu.Lock()
		for _, e := range events {
			f.committed[e.Number], last = now, max(last, e.Number)
			if e.Entity == "attempt" && e.Kind == "ended" {
				if left--; left == 0 {
					close(ended)
				}
			}
		}
		f.mu.Unlock()
		bus.Publish(events)
	}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if bus, err = natsbus.New(ctx, natsbus.Options{StoreDir: f.dir, Log: store}); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, bus.Close(context.WithoutCancel(ctx))) }()
	clock := &settable{at: morning(), real: time.Now()}
	phones := &phones{}
	d, err := dispatch.New(dispatch.Options{
		Store: store, Switchboard: phones, Logger: zap.NewNop(), Horizon: heldHorizon, Now: clock.now,
	})
	if err != nil {
		return err
	}
	defer d.Close()
	phones.ended = d.Ended
	if err := d.Lead(ctx, f.scheme); err != nil {
		return fmt.Errorf("%w: %w", errLead, err)
	}
	if _, err := heldAll(ctx, d, f.scheme, f.due); err != nil {
		return err
	}
	feeds, err := report.NewFeeds(report.Options{Records: store, Bus: bus, Now: clock.now})
	if err != nil {
		return err
	}
	defer feeds.Close()
	door := auth.NewDoor(store)
	programs, err := api.New(api.Options{
		Schemes: store, Live: feeds, Days: store, Inbox: store, Agenda: store, People: people{}, Questions: store, Outreach: store, Flows: flows{}, Lines: lines{}, Trunks: trunks{}, Recovery: recovery{}, Prompts: prompts{}, Consents: store, Surges: surges{}, Refusals: store, Door: door,
	})
	if err != nil {
		return err
	}
	server := httptest.NewServer(programs.Handler())
	defer server.Close()
	defer programs.Close()
	token, err := door.NewToken(ctx, auth.Token{Scheme: f.scheme, Name: "viewers"}, morning())
	if err != nil {
		return err
	}
	viewers := &viewers{following: f, address: server.URL + api.Prefix + "schemes/" + f.id + "/live/events", token: token}
	watching, leave := context.WithTimeout(ctx, time.Duration(f.due)*f.every+2*patience)
	defer leave()
	if err := viewers.come(watching); err != nil {
		return err
	}
	clock.set(firstDue())
	if _, err := d.Figures(ctx, f.scheme); err != nil { // So that it looks at the clock.
		return err
	}
	select {
	case <-ended:
	case <-watching.Done():
		return fmt.Errorf("%w: %w", errStill, d.Healthy())
	}
	if _, err := d.Waiting(ctx, f.scheme); err != nil {
		return err
	}
	return viewers.until(watching, func() int64 { f.mu.Lock(); defer f.mu.Unlock(); return last })
}

// viewers follow the figures over connections of their own.
type viewers struct {
	*following
	address, token string
	seen           [listeners]int64 // Guarded by mu: the number of the last event that each was told of.
	work           sync.WaitGroup
	leave          context.CancelFunc
}

// come connects them, and returns once each was told of something.
func (v *viewers) come(ctx context.Context) error {
	ctx, v.leave = context.WithCancel(ctx)
	for i := range v.seen {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, v.address, http.NoBody)
		if err != nil {
			return fmt.Errorf("ask for figures: %w", err)
		}
		req.Header.Set("Authorization", "Bearer "+v.token)
		res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
		if err != nil {
			return fmt.Errorf("follow figures: %w", err)
		}
		v.work.Go(func() {
			defer res.Body.Close()
			lines := bufio.NewScanner(res.Body)
			lines.Buffer(nil, 1<<22)
			number := int64(0)
			for lines.Scan() {
				if id, ok := strings.CutPrefix(lines.Text(), "id: "); ok {
					number, _ = strconv.ParseInt(id, 10, 64) // What is no number is told of nothing.
				}
				if lines.Text() == "" {
					v.tell(i, number, time.Now())
				}
			}
		})
	}
	return v.until(ctx, func() int64 { return 1 })
}

// tell notes that a viewer has read the figures up to a number.
func (v *viewers) tell(i int, number int64, now time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.following.told++
	if v.seen[i] > 0 { // What was committed before she came does not count.
		for n := v.seen[i] + 1; n <= number; n++ {
			behind := 0.0 // She was told before the writer heard of its own commit.
			if at, heard := v.committed[n]; heard {
				behind = now.Sub(at).Seconds() * 1000
			}
			v.behind = append(v.behind, behind)
		}
	}
	v.seen[i] = max(v.seen[i], number)
}

// until waits until every viewer has been told of the event, and lets them go when it is the last.
func (v *viewers) until(ctx context.Context, last func() int64) error {
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for {
		want := last()
		v.mu.Lock()
		least := slices.Min(v.seen[:])
		v.mu.Unlock()
		if least >= want {
			if want > 1 {
				v.leave()
				v.work.Wait()
			}
			return nil
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			v.leave()
			v.work.Wait()
			return fmt.Errorf("a viewer was told up to event %d of %d: %w", least, want, ctx.Err())
		}
	}
}

// flows, lines, people, prompts, recovery, surges and trunks are asked for by nobody: programs only follow the figures here.
type (
	flows  struct{ api.Flows }
	lines  struct{ api.Lines }
	people struct{ api.People }

	network = api.Trunks
	trunks  struct{ network }

	recovery struct{ api.Recovery }

	catalogue = api.Prompts
	prompts   struct{ catalogue }

	wave   = api.Surges
	surges struct{ wave }
)
