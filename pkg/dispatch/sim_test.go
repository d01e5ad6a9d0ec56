package dispatch_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"pgregory.net/rapid"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/dispatch/dispatchtest"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// world is a town on a simulated day: a store that fails, a PBX that outlives the service, people who do not answer. What
// the phones do is the truth against which the dispatcher is held.
type world struct {
	t      *testing.T
	rng    *rand.Rand // Guarded by mu.
	store  *dispatchtest.Memory
	scheme int64
	lines  int

	mu      sync.Mutex
	front   *front
	calls   map[call.ID]*simCall
	posted  map[string]bool // Legs ever posted.
	rang    map[call.ID]int // How often her phone rang, by attempt.
	ringing map[string]bool // Numbers ringing or talking now.
	busy    map[int64]bool  // Callers' phones in use now.
	faults  int             // Percent of commits that fail.
	broken  []string        // What went wrong.
	bridged int
	running sync.WaitGroup
	days    map[int64]*simDay
	refused time.Time // When an order was last refused: nothing is started for a while after that.
}

// simCall is an attempt as the PBX sees it.
type simCall struct {
	order    call.Order
	state    call.State
	recalled chan struct{}
	over     bool
}

// front is one life of the service: its dispatcher, its view of the store, and its switchboard.
type front struct {
	w    *world
	desk *dispatch.Dispatcher
	dead bool // Guarded by world.mu.
}

func (w *world) fail(format string, args ...any) {
	w.broken = append(w.broken, time.Now().Format("15:04:05 ")+fmt.Sprintf(format, args...))
}

// chance must be called with the lock held.
func (w *world) chance(percent int) bool { return w.rng.IntN(100) < percent }

func (w *world) wait(from, to time.Duration) {
	w.mu.Lock()
	d := from + time.Duration(w.rng.Int64N(int64(to-from)+1))
	w.mu.Unlock()
	time.Sleep(d)
}

// Lead, Load, Plan and Apply make front the store as one life of the service sees it.
func (f *front) Lead(ctx context.Context, scheme int64, holder string, now time.Time) (int64, error) {
	return f.w.store.Lead(ctx, scheme, holder, now)
}

func (f *front) Load(ctx context.Context, scheme int64, now, until time.Time) (*dispatch.Snapshot, error) {
	if err := f.trouble(); err != nil {
		return nil, err
	}
	return f.w.store.Load(ctx, scheme, now, until)
}

func (f *front) Plan(ctx context.Context, scheme, epoch int64, now, until time.Time) (int, error) {
	return f.w.store.Plan(ctx, scheme, epoch, now, until)
}

func (f *front) trouble() error {
	f.w.mu.Lock()
	defer f.w.mu.Unlock()
	if f.dead || f.w.chance(f.w.faults) {
		return dispatch.ErrStoreDown
	}
	return nil
}

func (f *front) Apply(ctx context.Context, scheme, epoch int64, now time.Time, ops []dispatch.Op) ([]error, error) {
	f.w.wait(0, 3*time.Millisecond)
	if err := f.trouble(); err != nil {
		return nil, err
	}
	errs, err := f.w.store.Apply(ctx, scheme, epoch, now, ops)
	f.w.wait(0, 3*time.Millisecond)
	if lost := f.trouble(); lost != nil {
		return nil, lost // Committed, and the answer lost.
	}
	return errs, err
}

// Start, Recall and Adopt make front the switchboard.
func (f *front) Start(_ context.Context, o call.Order) error {
	w := f.w
	w.mu.Lock()
	defer w.mu.Unlock()
	if f.dead {
		return nil
	}
	leg := o.Attempt.CallerLeg(o.Offer)
	if w.posted[leg] {
		w.fail("%s started twice", leg)
	}
	a, ok := w.store.Attempt(o.Attempt)
	switch {
	case !ok || a.State == call.StateEnded:
		w.fail("%s started without a committed claim", leg)
	case a.Order.Offer != o.Offer || a.Order.Caller != o.Caller:
		w.fail("%s started for another offer than the committed one", leg)
	}
	if late := time.Since(a.ClaimedAt); o.Offer == 1 && late > 6*time.Second {
		w.fail("%s started %v after its claim", leg, late)
	}
	if w.chance(2) {
		w.refused = time.Now()
		return errors.New("no PBX")
	}
	w.posted[leg] = true
	c := &simCall{order: o, state: call.StateIntent, recalled: make(chan struct{})}
	w.calls[o.Attempt] = c
	out := 0
	for _, x := range w.calls {
		if !x.over {
			out++
		}
	}
	if out > w.lines {
		w.fail("%d lines in use, %d allowed", out, w.lines)
	}
	w.allowed(&o)
	if w.chance(2) { // The command was lost on its way, or its answer: her phone may ring until the instant to dial by.
		c.over = true
		w.running.Go(func() {
			time.Sleep(time.Second)
			w.mu.Lock()
			rings := w.chance(50) && !w.ringing[o.Number]
			w.mu.Unlock()
			if rings {
				w.running.Go(func() {
					time.Sleep(time.Until(o.DialBy))
					w.mu.Lock()
					w.rang[o.Attempt]++
					w.ringing[o.Number] = true
					w.mu.Unlock()
					time.Sleep(o.BeneficiaryRing)
					w.mu.Lock()
					w.ringing[o.Number] = false
					w.mu.Unlock()
				})
			}
			w.report(call.Outcome{
				Offer: o.Offer, Attempt: o.Attempt, OfferState: call.OfferFailed, Result: call.ResultUnknown, Fault: call.FaultOurs,
			})
		})
		return nil
	}
	w.running.Go(func() { w.ring(c) })
	return nil
}

func (f *front) Recall(id call.ID) {
	f.w.mu.Lock()
	defer f.w.mu.Unlock()
	if c := f.w.calls[id]; c != nil && !c.over && (c.state == call.StateIntent || c.state == call.StateOffered) {
		close(c.recalled)
	}
}

// AdoptTalks has nothing to do: nobody rings in.
func (f *front) AdoptTalks(context.Context, []call.Talk) {}

// Adopt answers for what ended while nobody looked; what lives goes on reporting.
func (f *front) Adopt(_ context.Context, live []call.Live) {
	f.w.mu.Lock()
	var ended []call.Outcome
	for _, l := range live {
		if c := f.w.calls[l.Order.Attempt]; c != nil && !c.over && c.order.Offer == l.Order.Offer {
			continue
		}
		out := call.Outcome{
			Attempt: l.Order.Attempt, Offer: l.Order.Offer, Result: call.ResultUnknown, Reason: call.ReasonRestart,
			Fault: call.FaultOurs, EndEstimated: true,
		}
		if l.State == call.StateBridged {
			out.Result, out.OfferState = call.ResultAnswered, call.OfferAccepted
		}
		ended = append(ended, out)
	}
	f.w.mu.Unlock()
	f.w.running.Go(func() {
		for _, out := range ended {
			f.w.report(out)
		}
	})
}

// report tells whoever lives.
func (w *world) report(out call.Outcome) {
	w.mu.Lock()
	out.Scheme, out.At = w.scheme, time.Now()
	f := w.front
	dead := f == nil || f.dead
	if !dead {
		w.talked(&out)
	}
	w.mu.Unlock()
	if !dead {
		f.desk.Ended(out)
	}
}

func (w *world) step(c *simCall, s call.State) {
	w.mu.Lock()
	c.state = s
	f := w.front
	dead := f == nil || f.dead
	w.mu.Unlock()
	if !dead {
		f.desk.Step(call.Step{Scheme: w.scheme, Attempt: c.order.Attempt, Offer: c.order.Offer, State: s, At: time.Now()})
	}
}

// start begins a life of the service.
func (w *world) start() {
	f := &front{w: w}
	d, err := dispatch.New(dispatch.Options{
		Store: f, Switchboard: f, Logger: zap.NewNop(), Now: time.Now, FlushLimit: time.Second,
	})
	require.NoError(w.t, err)
	f.desk = d
	w.mu.Lock()
	w.front = f
	w.morningAfter()
	w.mu.Unlock()
	for d.Lead(w.t.Context(), w.scheme) != nil {
		time.Sleep(time.Second)
	}
}

// crash ends a life: from this instant nothing of it reaches the store or the PBX.
func (w *world) crash() {
	w.mu.Lock()
	f := w.front
	f.dead = true
	w.mu.Unlock()
	f.desk.Close()
}

// helped brings callers back who were set aside or on a break, as people do.
func (w *world) helped(callers []int64) {
	for _, id := range callers {
		w.mu.Lock()
		f, lucky := w.front, w.chance(40)
		w.mu.Unlock()
		if state := w.store.Caller(id).State; lucky && (state == call.CallerSetAside || state == call.CallerBreak) {
			_ = f.desk.SetState(w.t.Context(), w.scheme, id, call.CallerReady, "")
		}
	}
}

// idle finds an occurrence that should have started: open, due, somebody free, a line free.
func (w *world) idle(callers []int64) string {
	snap, err := w.store.Load(w.t.Context(), w.scheme, time.Now(), time.Now())
	require.NoError(w.t, err)
	w.mu.Lock()
	refused := w.refused
	w.mu.Unlock()
	if len(snap.Live) >= w.lines || time.Since(refused) < 4*time.Second || time.Now().UTC().Hour() >= 17 {
		return ""
	}
	people, numbers := map[int64]bool{}, map[string]bool{}
	for _, l := range snap.Live {
		people[w.store.Occurrence(l.Occurrence).Beneficiary], numbers[l.Order.Number] = true, true
	}
	for _, o := range snap.Occurrences {
		now := time.Now()
		// A second of grace on both sides: its commit may be under way.
		if o.State != call.OccurrenceOpen || now.Before(o.NotBefore.Add(time.Second)) || !now.Before(o.Closes.Add(-11*time.Second)) ||
			people[o.Beneficiary] || numbers[dispatch.NumberFor(&o)] || w.vain(o.Beneficiary) >= perDay {
			continue
		}
		held := o.Reference != 0 && o.Continuity != roster.Rotate && now.Before(o.Opens.Add(20*time.Minute+time.Second))
		for _, id := range callers {
			c := w.store.Caller(id)
			mine := id == o.Reference || id == o.Deputy || o.Continuity != roster.Strict || o.Reference == 0 && o.Deputy == 0
			w.mu.Lock()
			d := *w.day(id)
			w.mu.Unlock()
			if o.Kind == call.KindPresence || !has(c.Skills, o.Skills) || d.calls >= 12 || d.talk >= 3*time.Hour ||
				o.Hard && (d.hard >= 4 || d.inRow >= 2) || now.Before(d.rest.Add(time.Second)) {
				continue
			}
			if c.State == call.CallerReady && now.Sub(c.Since) > time.Second && slices.Contains(c.Languages, o.Language) && mine &&
				(!held || id == o.Reference) {
				return fmt.Sprintf("%d waits although %d is ready", o.ID, id)
			}
		}
	}
	return ""
}

func TestADayWithCrashesAndFaults(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		seed := rapid.Uint64().Draw(rt, "seed")
		nCallers, nPeople := rapid.IntRange(1, 8).Draw(rt, "callers"), rapid.IntRange(1, 40).Draw(rt, "people")
		lines, faults := rapid.IntRange(1, 6).Draw(rt, "lines"), rapid.SampledFrom([]int{0, 3, 20}).Draw(rt, "faults")
		crashes := rapid.IntRange(0, 4).Draw(rt, "crashes")
		var broken []string
		synctest.Test(t, func(t *testing.T) {
			broken = simulate(t, seed, nCallers, nPeople, lines, faults, crashes)
		})
		if len(broken) > 0 {
			rt.Fatalf("%d broken, first: %s", len(broken), broken[0])
		}
	})
}

func simulate(t *testing.T, seed uint64, nCallers, nPeople, lines, faults, crashes int) []string {
	time.Sleep(time.Until(morning.Add(-35 * time.Minute)))
	w := &world{
		t: t, rng: rand.New(rand.NewPCG(seed, 1)), store: dispatchtest.NewMemory(), lines: lines, calls: map[call.ID]*simCall{},
		posted: map[string]bool{}, rang: map[call.ID]int{}, ringing: map[string]bool{}, busy: map[int64]bool{}, faults: faults,
		days: map[int64]*simDay{},
	}
	w.scheme = w.store.AddScheme(dispatch.Scheme{
		Zone: time.UTC, Trunk: "trunk", Lines: lines + 2, InboundReserve: 2, Hold: 20 * time.Minute, WrapUp: time.Minute,
		Load:  dispatch.Load{Calls: 12, Hard: 4, HardInRow: 2, Breather: 10 * time.Minute, Talk: 3 * time.Hour},
		Retry: dispatch.RetryLadder{PerDay: perDay},
	})
	skills := [][]string{nil, nil, nil, {"dementia"}}
	languages := [][]roster.Language{{roster.French}, {roster.Dutch}, {roster.French, roster.Dutch}}
	var callers []int64
	for range nCallers {
		callers = append(callers, w.store.AddCaller(w.scheme, dispatch.Caller{
			Roles: []roster.Role{roster.RoleCaller}, Languages: languages[w.rng.IntN(3)], Enabled: true, Endpoint: "softphone",
			State: call.CallerReady, Since: time.Now(), Skills: skills[w.rng.IntN(4)],
		}))
	}
	day := morning.Truncate(24 * time.Hour)
	some := func() int64 {
		if w.rng.IntN(2) == 0 {
			return 0
		}
		return callers[w.rng.IntN(len(callers))]
	}
	for i := range nPeople {
		opens := day.Add(time.Duration(570+w.rng.IntN(400)) * time.Minute)
		closes := opens.Add(time.Duration(20+w.rng.IntN(200)) * time.Minute)
		if last := day.Add(17 * time.Hour); closes.After(last) {
			closes = last
		}
		kind := call.KindScheduled
		if w.rng.IntN(6) == 0 {
			kind = call.KindPresence
		}
		terms := roster.Agreement{Cadence: roster.Weekly, Days: []time.Weekday{day.Weekday()}}
		if later := closes.Add(30 * time.Minute); w.rng.IntN(2) == 0 && later.Before(day.Add(16*time.Hour)) {
			terms.Windows = []roster.Window{clockWindow(day, opens, closes), clockWindow(day, later, later.Add(time.Hour))}
		}
		w.store.AddOccurrence(w.scheme, dispatch.Occurrence{
			Kind: kind, Class: w.rng.IntN(4), Opens: opens, Closes: closes, LocalDate: day, Length: 15 * time.Minute,
			Skills: skills[w.rng.IntN(4)], Hard: w.rng.IntN(3) == 0, Language: roster.Languages()[w.rng.IntN(2)], Continuity: roster.Continuities()[w.rng.IntN(3)],
			Reference: some(), Deputy: some(), Numbers: []string{fmt.Sprintf("+32%d", i*2/3), fmt.Sprintf("+33%d", i)},
			Beneficiary: int64(1000 + i*3/4), Agreement: int64(2000 + i),
			Terms: terms,
		})
	}
	crashAt := map[int]bool{}
	for range crashes {
		crashAt[w.rng.IntN(480)] = true
	}
	w.start()
	calm := time.Now()
	for minute := range 500 {
		time.Sleep(time.Minute)
		if crashAt[minute] {
			w.mu.Lock()
			offset := time.Duration(w.rng.IntN(60000)) * time.Millisecond
			w.mu.Unlock()
			time.Sleep(offset)
			w.crash()
			w.wait(0, 5*time.Minute)
			w.start()
			calm = time.Now().Add(time.Minute)
		}
		synctest.Wait()
		w.helped(callers)
		if faults == 0 && time.Now().After(calm) {
			synctest.Wait()
			if s := w.idle(callers); s != "" {
				w.mu.Lock()
				w.fail("%s", s)
				w.mu.Unlock()
			}
		}
	}
	// The town sleeps; by ten in the evening everything of the day has ended.
	time.Sleep(time.Until(day.Add(22 * time.Hour)))
	w.mu.Lock()
	w.faults = 0
	w.mu.Unlock()
	time.Sleep(time.Minute)
	w.running.Wait()
	synctest.Wait()
	if err := w.front.desk.Drain(t.Context()); err != nil {
		w.fail("drain: %v", err)
	}
	w.front.desk.Close()
	for _, o := range w.store.Occurrences(w.scheme) {
		switch {
		case o.LocalDate.Equal(day) && !o.State.Ended():
			w.fail("%d is %s in the evening", o.ID, o.State)
		case o.State == call.OccurrenceUnreached && !o.Rang && w.vain(o.Beneficiary) < perDay, o.State == call.OccurrenceMissed && o.Rang:
			w.fail("%d is %s, rang: %v", o.ID, o.State, o.Rang)
		}
		if n := w.store.Welfare(o.ID); n > 1 || n == 1 != o.Kind.Welfare(o.State) {
			w.fail("%d is %s, and the welfare ladder began %d times", o.ID, o.State, n)
		}
	}
	for _, a := range w.store.Attempts() {
		if a.State != call.StateEnded || a.Finishes != 1 {
			w.fail("attempt %s is %s with %d outcomes", a.Order.Attempt, a.State, a.Finishes)
		}
	}
	return w.broken
}
