package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/dispatch/dispatchtest"
	"github.com/rappel-tel/rappel/pkg/natsbus"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// country is a scheme on several nodes, on a simulated clock: records that all share, and for each node a PBX that outlives
// its processes. What the PBXs do is the truth against which the records are held.
type country struct {
	t      *testing.T
	store  *dispatchtest.Memory
	scheme int64

	mu      sync.Mutex
	rng     *rand.Rand
	calls   map[call.ID]*exchangeCall
	posted  map[string]bool
	ringing map[string]call.ID // Numbers that ring or talk, by attempt.
	nodes   map[string]*process
	broken  []string
	running sync.WaitGroup
	several bool // Every node places calls at the PBXs of all.
	windows map[int64]dispatch.Occurrence
	// How far a node's machine has its clock ahead, which its PBX and its process read.
	ahead map[string]*atomic.Int64
}

// clockAt is what the clock of a node's machine shows at an instant.
func (c *country) clockAt(node string, at time.Time) time.Time {
	return at.Add(time.Duration(c.ahead[node].Load()))
}

// exchangeCall is a call at a PBX. What becomes of it is settled when it is posted; instants that it does not reach are zero.
type exchangeCall struct {
	node                             string
	order                            call.Order
	accepted, ringing, bridged, over time.Time
	result                           call.Result // Empty: the caller does not take the offer.
	follower                         *process
}

func (c *country) fail(format string, args ...any) {
	c.broken = append(c.broken, time.Now().Format("15:04:05 ")+fmt.Sprintf(format, args...))
}

// between must be called with the lock held.
func (c *country) between(from, to time.Duration) time.Duration {
	return from + time.Duration(c.rng.Int64N(int64(to-from)))
}

// process is one life of a node's service. It is its own store, its own PBX's switchboard and its own way to the bus.
type process struct {
	*dispatchtest.Memory
	c         *country
	name      string
	desk      *dispatch.Dispatcher
	witness   *witness
	answers   *respondent
	elsewhere *elsewhere
	clock     *steadyClock
	ctx       context.Context
	end       context.CancelFunc
	// Guarded by country.mu.
	dead, noBus, noRecords bool
}

// start begins a life of a node.
func (c *country) start(name string) *process {
	p := &process{Memory: c.store, c: c, name: name}
	p.ctx, p.end = context.WithCancel(c.t.Context())
	origin := time.Now()
	p.clock = &steadyClock{
		wall: func() time.Time { return c.clockAt(name, time.Now()) }, steady: func() time.Duration { return time.Since(origin) },
		shown: c.clockAt(name, origin),
	}
	p.clock.compare(origin, 0)
	p.witness = &witness{now: time.Now, accounts: map[call.ID]*account{}}
	p.elsewhere = &elsewhere{node: name, ask: p.ask, hand: p.hand, log: zap.NewNop(), now: p.clock.now, real: p.clock.now}
	p.witness.node, p.witness.told = name, p.tell
	board := &switchboard{
		gate: gate{records: &lists{}}, connector: p, witness: p.witness, elsewhere: p.elsewhere, node: name,
	}
	d, err := dispatch.New(dispatch.Options{
		Store: p, Switchboard: board, Logger: zap.NewNop(), Now: p.clock.now, Holder: name, StartsPerSecond: 20, MaxMissed: 1000,
		RealNow: p.clock.now, Doubt: p.clock.doubtful,
		FlushLimit: time.Millisecond,
	})
	require.NoError(c.t, err)
	p.desk, p.witness.desk, p.elsewhere.desk = d, d, leader{d}
	p.answers = &respondent{node: name, witness: p.witness, calls: p, start: board.startHere, records: p}
	c.mu.Lock()
	c.nodes[name] = p
	c.mu.Unlock()
	c.running.Go(func() {
		for p.ctx.Err() == nil {
			if d.Overtaken(c.scheme) {
				d.Resign(c.scheme)
			}
			if c.several {
				d.UsePBXs(c.pbxs(name))
			}
			p.clock.compare(time.Now(), 0)
			time.Sleep(time.Second)
		}
		d.Close()
		p.elsewhere.wait()
	})
	return p
}

// living is the latest life of a node.
func (c *country) living(name string) *process {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.nodes[name]
}

// kill ends a process; its PBX goes on.
func (p *process) kill() {
	p.c.mu.Lock()
	p.dead = true
	p.c.mu.Unlock()
	p.end()
}

// Apply makes process a store that can be out of reach, before or after it has committed.
func (p *process) Apply(ctx context.Context, scheme, epoch int64, now time.Time, ops []dispatch.Op) ([]error, error) {
	if p.away() {
		return nil, dispatch.ErrStoreDown
	}
	p.c.judge(p.name, ops)
	errs, err := p.Memory.Apply(ctx, scheme, epoch, now, ops)
	time.Sleep(5 * time.Millisecond)
	if p.away() {
		return nil, dispatch.ErrStoreDown
	}
	return errs, err
}

// judge looks for promises that are given up before their window has ended, and for people called outside of it.
func (c *country) judge(node string, ops []dispatch.Op) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	for _, op := range ops {
		switch op := op.(type) {
		case dispatch.Settle:
			if o := c.windows[op.Settlement.Occurrence]; op.Settlement.State == call.OccurrenceMissed && now.Before(o.Closes.Add(-11*time.Second)) {
				c.fail("%s gives a promise up at %s", node, o.Closes.Sub(now))
			}
		case dispatch.Claim:
			if o := c.windows[op.Occurrence]; now.Before(o.Opens) || now.After(o.Closes) {
				c.fail("%s calls outside the window from %s to %s", node, o.Opens.Format("15:04"), o.Closes.Format("15:04"))
			}
		}
	}
}

func (p *process) away() bool {
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	return p.dead || p.noRecords
}

// Live makes process the records of its respondent.
func (p *process) Live(ctx context.Context, scheme int64, _ ...call.ID) ([]dispatch.LiveAttempt, error) {
	if p.away() {
		return nil, dispatch.ErrStoreDown
	}
	snap, err := p.Load(ctx, scheme, time.Now(), time.Now())
	if err != nil {
		return nil, err
	}
	return snap.Live, nil
}

// ask is the bus: what is asked and answered goes through JSON.
func (p *process) ask(ctx context.Context, node string, q inquiry) (deposition, error) {
	p.c.mu.Lock()
	other := p.c.nodes[node]
	cut := p.dead || p.noBus || other == nil || other.dead || other.noBus
	lost := p.c.rng.IntN(10) == 0
	p.c.mu.Unlock()
	if cut {
		return deposition{}, natsbus.ErrNobody
	}
	d, err := other.answers.testify(ctx, q)
	if err != nil || lost {
		return deposition{}, errors.Join(err, errors.New("the answer is lost"))
	}
	text, err := json.Marshal(d)
	require.NoError(p.c.t, err)
	var copied deposition
	return copied, json.Unmarshal(text, &copied)
}

// hand is the bus for orders. They are lost, their answers are, and some come late.
func (p *process) hand(ctx context.Context, node string, h handover) error {
	p.c.mu.Lock()
	cut, dice, late := p.dead || p.noBus, p.c.rng.IntN(20), p.c.between(time.Second, 2*time.Minute)
	p.c.mu.Unlock()
	deliver := func(ctx context.Context) error {
		other := p.c.living(node)
		p.c.mu.Lock()
		cut := other == nil || other.dead || other.noBus
		p.c.mu.Unlock()
		if cut {
			return natsbus.ErrNobody
		}
		if err := other.clock.doubt(); err != nil {
			return fmt.Errorf("%w: %w", natsbus.ErrRefused, err)
		}
		if err := other.answers.take(ctx, h); err != nil {
			return fmt.Errorf("%w: %w", natsbus.ErrRefused, err)
		}
		return nil
	}
	switch {
	case cut:
		return natsbus.ErrNobody
	case dice == 0:
		p.c.running.Go(func() {
			time.Sleep(late)
			_ = deliver(p.c.t.Context()) // Nobody hears of it any more.
		})
		return context.DeadlineExceeded
	}
	err := deliver(ctx)
	if dice < 3 {
		return context.DeadlineExceeded
	}
	return err
}

// tell is the bus for what nodes tell by themselves.
func (p *process) tell(leader string, d deposition) {
	text, err := json.Marshal(d)
	require.NoError(p.c.t, err)
	p.c.mu.Lock()
	other := p.c.nodes[leader]
	cut := p.dead || p.noBus || other == nil || other.dead || other.noBus || p.c.rng.IntN(10) == 0
	p.c.mu.Unlock()
	if !cut {
		other.elsewhere.hear(text)
	}
}

// pbxs are those at which a node may place calls: its own, and most others.
func (c *country) pbxs(name string) []dispatch.PBX {
	c.mu.Lock()
	defer c.mu.Unlock()
	phones := map[string]bool{"softphone": true}
	list := []dispatch.PBX{{Phones: phones}}
	for _, other := range []string{"one", "two", "three"} {
		if other != name && c.rng.IntN(5) > 0 {
			list = append(list, dispatch.PBX{Node: other, Phones: phones})
		}
	}
	return list
}

// Start, Recall and Adopt make process its connector.
func (p *process) Start(_ context.Context, o call.Order) error {
	c := p.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if p.dead {
		return nil
	}
	if call := c.calls[o.Attempt]; call != nil && call.follower == p && time.Now().Before(call.over) {
		return errors.New("it is followed already")
	}
	leg := o.Attempt.CallerLeg(o.Offer)
	if c.posted[leg] {
		c.fail("%s posted twice", leg)
	}
	c.posted[leg] = true
	at := time.Now()
	call := &exchangeCall{node: p.name, order: o, follower: p}
	c.calls[o.Attempt] = call
	call.settle(c, at)
	c.running.Go(func() { c.happen(call) })
	c.running.Go(func() { p.follow(call) })
	return nil
}

// settle throws the dice.
func (x *exchangeCall) settle(c *country, at time.Time) {
	dice := c.rng.IntN(100)
	if dice < 15 {
		x.over = at.Add(x.order.CallerRing)
		return
	}
	x.accepted = at.Add(c.between(time.Second, 10*time.Second))
	if c.clockAt(x.node, x.accepted).After(x.order.DialBy) { // The PBX reads its machine's clock.
		x.over, x.result = x.accepted, call.ResultCancelled
		return
	}
	x.ringing = x.accepted.Add(100 * time.Millisecond)
	if dice < 30 {
		x.over, x.result = x.ringing.Add(x.order.BeneficiaryRing), call.ResultNoAnswer
		return
	}
	x.bridged = x.ringing.Add(c.between(time.Second, 30*time.Second))
	x.over, x.result = x.bridged.Add(c.between(5*time.Second, 4*time.Minute)), call.ResultAnswered
}

// happen is what the PBX does, whoever follows.
func (c *country) happen(x *exchangeCall) {
	if x.ringing.IsZero() {
		return
	}
	time.Sleep(time.Until(x.ringing))
	c.mu.Lock()
	if other := c.ringing[x.order.Number]; other != "" {
		// Two who talk beside a silent node are given up: her line is busy, and nothing rings.
		a, _ := c.store.Attempt(other)
		if y := c.calls[other]; !a.Outcome.EndEstimated || y.bridged.IsZero() || time.Now().Before(y.bridged) {
			c.fail("%s rung by %s while %s rings or talks: %+v", x.order.Number, x.order.Attempt, other, a)
		}
	}
	c.ringing[x.order.Number] = x.order.Attempt
	c.mu.Unlock()
	time.Sleep(time.Until(x.over))
	c.mu.Lock()
	if c.ringing[x.order.Number] == x.order.Attempt {
		delete(c.ringing, x.order.Number)
	}
	c.mu.Unlock()
}

// follow tells what happens, as long as the process lives.
func (p *process) follow(x *exchangeCall) {
	o := x.order
	for _, s := range []struct {
		at    time.Time
		state call.State
	}{{x.accepted, call.StateAccepted}, {x.ringing, call.StateRinging}, {x.bridged, call.StateBridged}} {
		if s.at.IsZero() {
			continue
		}
		if !p.sleepUntil(s.at) {
			return
		}
		p.witness.Step(call.Step{Scheme: o.Scheme, Attempt: o.Attempt, Offer: o.Offer, State: s.state, At: s.at})
	}
	if !p.sleepUntil(x.over) {
		return
	}
	out := call.Outcome{
		Scheme: o.Scheme, Attempt: o.Attempt, Offer: o.Offer, OfferState: call.OfferTimedOut, At: time.Now(), Result: x.result,
		Fault: call.FaultNone, Rang: !x.ringing.IsZero(),
	}
	if x.result != "" {
		out.OfferState = call.OfferAccepted
	}
	if x.result == call.ResultAnswered {
		out.Talk, out.CallerPresent = x.over.Sub(x.bridged), true
	}
	p.witness.Ended(out)
	if out.CallerPresent && p.sleepUntil(x.over.Add(7*time.Second)) {
		callers{Dispatcher: p.desk, witness: p.witness}.CallerLeft(o.Scheme, o.Caller, o.Attempt, time.Now())
	}
}

// sleepUntil reports whether the process lives then.
func (p *process) sleepUntil(at time.Time) bool {
	select {
	case <-time.After(time.Until(at)):
	case <-p.ctx.Done():
	}
	return p.ctx.Err() == nil
}

// Recall leaves every offer alone: it is taken, or not.
func (p *process) Recall(call.ID) {}

// AdoptTalks has nothing to do: nobody rings in.
func (p *process) AdoptTalks(context.Context, []call.Talk) {}

// Adopt follows what lives at the PBX, as package callflow does.
func (p *process) Adopt(_ context.Context, live []call.Live) {
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	for _, l := range live {
		x := p.c.calls[l.Order.Attempt]
		switch {
		case x != nil && x.node != p.name:
			p.c.fail("%s adopted at another PBX than its own", l.Order.Attempt)
		case x != nil && x.follower == p && time.Now().Before(x.over): // What it followed to its end it does not know any more.
		case x != nil && time.Now().Before(x.over) && x.order.Offer == l.Order.Offer:
			x.follower = p
			p.c.running.Go(func() { p.follow(x) })
		case l.State == call.StateBridged:
			out := p.elsewhere.lost(l)
			p.c.running.Go(func() { p.witness.Ended(out) })
		default:
			out := p.elsewhere.lost(l)
			p.c.running.Go(func() {
				if p.sleepUntil(l.Order.DialBy.Add(l.Order.BeneficiaryRing)) {
					p.witness.Ended(out)
				}
			})
		}
	}
}

// TestCallsSurviveTheirLeader: for an hour nodes are killed, cut off from the bus and from the records, their machines' clocks jump
// an hour forward or backward, and the lead moves, in order or not. Nobody is ever rung by two calls, no leg is posted twice, every attempt ends once, and what was talked is
// recorded exactly unless the node at whose PBX it was said nothing for a minute, or nobody asked it until it had forgotten.
func TestCallsSurviveTheirLeader(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				survive(t, seed, seed%2 == 1)
			})
		})
	}
}

func survive(t *testing.T, seed uint64, several bool) {
	time.Sleep(82 * time.Hour) // Tuesday, ten o'clock: see TestACallerByTelephone.
	c := &country{
		t: t, store: dispatchtest.NewMemory(), rng: rand.New(rand.NewPCG(seed, 7)), calls: map[call.ID]*exchangeCall{},
		ahead: map[string]*atomic.Int64{"one": {}, "two": {}, "three": {}}, posted: map[string]bool{}, ringing: map[string]call.ID{}, windows: map[int64]dispatch.Occurrence{}, nodes: map[string]*process{}, several: several,
	}
	c.store.AddScheme(dispatch.Scheme{Zone: time.UTC}) // The first has an allow-list: see lists.
	c.scheme = c.store.AddScheme(dispatch.Scheme{
		Zone: time.UTC, Trunk: "trunk", Lines: 20, InboundReserve: 1, WrapUp: 5 * time.Second,
		Retry: dispatch.RetryLadder{MaxAttempts: 50, After: map[call.Result]time.Duration{
			call.ResultNoAnswer: time.Minute, call.ResultUnknown: time.Second, call.ResultCancelled: time.Second,
		}},
	})
	for range 5 {
		c.store.AddCaller(c.scheme, dispatch.Caller{
			Roles: []roster.Role{roster.RoleCaller}, Languages: []roster.Language{roster.French}, Enabled: true,
			Endpoint: "softphone", State: call.CallerReady, Since: time.Now(),
		})
	}
	day := time.Now().UTC().Truncate(24 * time.Hour)
	for n := range 120 {
		opens := day.Add(570 * time.Minute)
		if n%3 == 0 { // A clock that is an hour ahead would call them now.
			opens = day.Add(11*time.Hour + 15*time.Minute)
		}
		o := dispatch.Occurrence{
			Kind: call.KindScheduled, Opens: opens, Closes: day.Add(17 * time.Hour), LocalDate: day,
			Length: 5 * time.Minute, Language: roster.French, Continuity: roster.Preferred, Numbers: []string{fmt.Sprintf("+3319900%04d", n)},
			Terms: roster.Agreement{Cadence: roster.Weekly, Days: []time.Weekday{time.Tuesday}},
		}
		c.windows[c.store.AddOccurrence(c.scheme, o)] = o
	}
	names := []string{"one", "two", "three"}
	for _, n := range names {
		c.start(n)
	}
	lead := func(p *process) {
		if p.clock.doubtful() {
			return
		}
		if err := p.desk.Lead(t.Context(), c.scheme); err != nil {
			require.ErrorIs(t, err, dispatch.ErrStoreDown)
		}
	}
	lead(c.living("one"))
	for until := time.Now().Add(time.Hour); time.Now().Before(until); {
		c.mu.Lock()
		p := c.nodes[names[c.rng.IntN(len(names))]]
		what, rest, pause := c.rng.IntN(7), c.between(time.Second, 100*time.Second), c.between(time.Second, 40*time.Second)
		set := func(flag *bool) {
			*flag = true
			c.running.Go(func() {
				time.Sleep(rest)
				c.mu.Lock()
				defer c.mu.Unlock()
				*flag = false
			})
		}
		usable := !p.dead && !p.noRecords
		switch {
		case p.dead:
		case what == 0:
			set(&p.noBus)
		case what == 1:
			set(&p.noRecords)
		case what == 6:
			clock, jump := c.ahead[p.name], int64(time.Hour)*int64(1-2*c.rng.IntN(2))
			clock.Store(jump)
			c.running.Go(func() {
				time.Sleep(rest)
				clock.Store(0)
			})
		}
		c.mu.Unlock()
		switch {
		case !usable:
		case what == 2:
			p.kill()
			c.running.Go(func() {
				time.Sleep(rest)
				c.start(p.name)
			})
		case what == 3: // In order: whoever leads gives it away first.
			for _, other := range names {
				c.living(other).desk.Resign(c.scheme)
			}
			lead(p)
		case what == 4, what == 5:
			lead(p)
		}
		time.Sleep(pause)
	}
	// All is well again, and somebody leads.
	time.Sleep(2 * time.Minute)
	lead(c.living("two"))
	time.Sleep(6 * time.Hour)
	for _, n := range names {
		c.living(n).kill()
	}
	c.running.Wait()
	require.Empty(t, c.broken)
	exact, estimated, unknown := 0, 0, 0
	for _, a := range c.store.Attempts() {
		require.Equal(t, call.StateEnded, a.State, "%s", a.Order.Attempt)
		require.Equal(t, 1, a.Finishes)
		x := c.calls[a.Order.Attempt]
		switch {
		case a.Outcome.Result == call.ResultAnswered && !a.Outcome.EndEstimated:
			exact++
			require.Equal(t, call.ResultAnswered, x.result)
			require.Equal(t, x.over.Sub(x.bridged), a.Outcome.Talk)
		case a.Outcome.EndEstimated && x != nil && x.result == call.ResultAnswered:
			estimated++
		case a.Outcome.Result == call.ResultUnknown:
			unknown++
		}
	}
	reached := 0
	for _, o := range c.store.Occurrences(c.scheme) {
		if o.State == call.OccurrenceReached {
			reached++
		}
	}
	away := 0
	for _, a := range c.store.Attempts() {
		if a.Order.Node != "" {
			away++
		}
	}
	require.Equal(t, several, away > 20, "%d calls placed at another node's PBX", away)
	t.Logf("%d calls placed elsewhere", away)
	t.Logf("%d reached, talks %d exact, %d estimated, %d unknown, %d legs", reached, exact, estimated, unknown, len(c.posted))
	require.Equal(t, 120, reached)
	require.Greater(t, exact, 2*estimated, "most ends are seen")
}
