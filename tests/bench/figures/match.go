package figures

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/schedule"
	"github.com/rappel-tel/rappel/tests/bench/measure"
)

// match is P3: one decision under the full policy (continuity, holds, forty skills, eight languages, load, ageing) with four
// callers in five busy: a call ends, its caller and its occurrence come back, and the next pair is made. The same decisions
// are made by a naive scan over everything, which must choose the same.
//
// What counts is the decision (Plan), from the moment at which the board knows who and what came back. To file those two is
// measured beside it (filing) and counts in P1: it reads the records of both, which lie anywhere in memory, and files a caller in
// each of the lanes that she serves, eight at most.
func match(ctx context.Context, r *rig, rounds measure.Rounds) (Result, error) {
	sizes := []int{100, 1000, 10_000, 100_000}
	if r.o.Quick {
		sizes = []int{100, 1000}
	}
	turns := r.o.pick(2000, 50_000, 100_000)
	p99s, filing, naive, idle := map[int][]float64{}, map[int][]float64{}, map[int][]float64{}, []float64{}
	var sides []measure.Side
	compared := 0
	for _, callers := range sizes {
		sides = append(sides, measure.Side{Name: fmt.Sprint(callers), Run: func(ctx context.Context) (float64, error) {
			c := newCrowd(callers, uint64(1+len(p99s[callers])))
			c.settle()
			for range max(turns/10, callers) { // Until who is free has become so one after the other.
				c.turn()
			}
			took := make([]time.Duration, turns)
			var filed, decided time.Duration
			for i := range took {
				c.now = c.now.Add(time.Microsecond)
				began := time.Now()
				c.end()
				then := time.Now()
				c.board.Plan(c.now, &c.d)
				took[i] = time.Since(then)
				c.started()
				filed, decided = filed+then.Sub(began), decided+took[i]
			}
			clock := clockCost()
			mean := (decided.Seconds() / float64(turns)) - clock
			filing[callers] = append(filing[callers], 1e6*(filed.Seconds()/float64(turns)-clock))
			slices.Sort(took)
			p99s[callers] = append(p99s[callers], 1e6*measure.Quantile(took, 0.99).Seconds())
			scans := min(100, max(3, 100_000/callers))
			scan, err := c.compare(ctx, scans)
			compared += scans
			naive[callers] = append(naive[callers], 1e6*scan)
			idle = append(idle, float64(len(c.idle))/float64(callers))
			return 1e6 * mean, err
		}})
	}
	values, err := measure.Interleave(ctx, rounds, sides...)
	if err != nil {
		return Result{}, err
	}
	worst := 0.0
	details := map[string]float64{"skills": crowdSkills, "languages": crowdLanguages, "decisions_equal_to_naive": float64(compared),
		"share_of_callers_free": measure.Median(idle)}
	for _, callers := range sizes {
		p99 := measure.Median(p99s[callers])
		worst = max(worst, p99)
		details[fmt.Sprintf("p99_us_%d", callers)] = p99
		details[fmt.Sprintf("mean_us_%d", callers)] = measure.Median(values[fmt.Sprint(callers)])
		details[fmt.Sprintf("filing_mean_us_%d", callers)] = measure.Median(filing[callers])
		details[fmt.Sprintf("naive_us_%d", callers)] = measure.Median(naive[callers])
	}
	most := sizes[len(sizes)-1]
	ratios := measure.Ratios(values[fmt.Sprint(most)], values[fmt.Sprint(sizes[0])])
	ratio := measure.Median(ratios)
	scan := measure.Median(naive[most])
	return Result{
		Value: worst, Unit: "µs p99", Peer: &scan, Ratio: ratio, Spread: measure.Spread(ratios), Met: worst <= 5 && ratio <= 2, Details: details,
		Limit: fmt.Sprintf("a decision among %d callers and %d occurrences takes %.2f µs on average and %.2f among %d, besides %.1f and %.1f "+
			"to file who and what came back: the lines of the chosen caller are fetched from afar, and among few callers she serves fewer lanes",
			most, most, details[fmt.Sprintf("mean_us_%d", most)], details[fmt.Sprintf("mean_us_%d", sizes[0])], sizes[0],
			details[fmt.Sprintf("filing_mean_us_%d", most)], details[fmt.Sprintf("filing_mean_us_%d", sizes[0])]),
	}, nil
}

// clockCost is how many seconds a look at the clock takes: each measured time holds one.
func clockCost() float64 {
	const looks = 10_000
	began := time.Now()
	for range looks {
		_ = time.Now()
	}
	return time.Since(began).Seconds() / looks
}

const (
	crowdSkills    = 40
	crowdLanguages = 8
	crowdHold      = 20 * time.Minute
)

// crowd is a board with callers of whom four in five are in a call, and occurrences that are all due.
type crowd struct {
	board *dispatch.Board
	load  dispatch.Load
	rng   *rand.Rand
	now   time.Time
	all   []dispatch.Occurrence
	staff []dispatch.Caller
	busy  []dispatch.Start
	taken []bool // By occurrence.
	free  []bool // By caller.
	idle  []int  // Who is free, for a scan.
	d     dispatch.Decision
}

func newCrowd(callers int, seed uint64) *crowd {
	c := &crowd{
		rng: rand.New(rand.NewPCG(seed, 4)), now: morning(),
		load: dispatch.Load{Calls: 1 << 20, Hard: 1 << 20, HardInRow: 3},
		free: make([]bool, callers), taken: make([]bool, callers),
	}
	c.board = dispatch.NewBoard(dispatch.Limits{Lines: 1 << 30, Hold: crowdHold, Load: c.load}, schedule.Rules{})
	for i := range callers {
		x := dispatch.Caller{
			ID: int64(i + 1), Roles: []roster.Role{roster.RoleCaller}, State: call.CallerReady, Enabled: true, Endpoint: "x",
			HardToday: c.rng.IntN(4), HardInRow: c.rng.IntN(4), Since: c.now.Add(-time.Duration(c.rng.IntN(3600_000)) * time.Millisecond),
		}
		for _, s := range c.rng.Perm(crowdSkills)[:4] {
			x.Skills = append(x.Skills, fmt.Sprintf("skill%d", s))
		}
		for _, l := range c.rng.Perm(crowdLanguages)[:1+c.rng.IntN(2)] {
			x.Languages = append(x.Languages, roster.Language(fmt.Sprintf("l%d", l)))
		}
		c.staff, c.free[i] = append(c.staff, x), true
	}
	for i := range c.staff {
		c.board.SetCaller(&c.staff[i], c.now)
	}
	day := c.now.Truncate(24 * time.Hour)
	for i := range callers {
		reference := &c.staff[c.rng.IntN(callers)]
		o := dispatch.Occurrence{
			ID: int64(i + 1), Beneficiary: int64(i + 1), Kind: call.KindScheduled, State: call.OccurrenceOpen, Class: c.rng.IntN(4),
			Opens: day.Add(time.Duration(570+c.rng.IntN(30)) * time.Minute), Closes: day.Add(time.Duration(11*60+c.rng.IntN(360)) * time.Minute),
			Length: 20 * time.Minute, Language: reference.Languages[0], Skills: reference.Skills[c.rng.IntN(4):][:1],
			Continuity: roster.Continuities()[c.rng.IntN(3)], Reference: reference.ID, Deputy: c.rng.Int64N(int64(callers)) + 1,
			LastCaller: c.rng.Int64N(int64(callers)) + 1, Hard: c.rng.IntN(2) == 0, Numbers: []string{fmt.Sprintf("+32%d", i)},
		}
		c.all = append(c.all, o)
	}
	for i := range c.all {
		c.board.Put(&c.all[i], c.now)
	}
	return c
}

// settle lets everybody free start a call, then sets one in five free again.
func (c *crowd) settle() {
	c.plan()
	for range len(c.busy) / 5 {
		c.end()
	}
}

func (c *crowd) plan() {
	c.board.Plan(c.now, &c.d)
	c.started()
}

// started takes note of who is in a call since the last Plan.
func (c *crowd) started() {
	for _, s := range c.d.Starts {
		c.taken[s.Occurrence-1], c.free[s.Caller-1] = true, false
	}
	c.busy = append(c.busy, c.d.Starts...)
}

// end ends one of the calls under way, as one that has to be tried again: its caller is ready and it is open.
func (c *crowd) end() {
	if len(c.busy) == 0 {
		return
	}
	i := c.rng.IntN(len(c.busy))
	s := c.busy[i]
	c.busy[i] = c.busy[len(c.busy)-1]
	c.busy = c.busy[:len(c.busy)-1]
	c.taken[s.Occurrence-1], c.free[s.Caller-1] = false, true
	c.board.Release(&c.all[s.Occurrence-1], c.now)
	x := &c.staff[s.Caller-1]
	x.Since = c.now
	c.board.SetCaller(x, c.now)
}

func (c *crowd) turn() {
	c.now = c.now.Add(time.Microsecond)
	c.end()
	c.plan()
}

var errOtherChoice = errors.New("the naive scan chooses otherwise")

// compare makes further decisions beside a naive scan, and returns how many seconds a scan takes on average.
func (c *crowd) compare(ctx context.Context, turns int) (float64, error) {
	var scanning time.Duration
	for range turns {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		c.now = c.now.Add(time.Microsecond)
		c.end()
		began := time.Now()
		o, k := c.scan()
		scanning += time.Since(began)
		c.plan()
		switch {
		case o == nil && len(c.d.Starts) == 0:
		case o == nil || len(c.d.Starts) == 0:
			return 0, fmt.Errorf("%w: %d decided, scan %+v", errOtherChoice, len(c.d.Starts), o)
		case c.d.Starts[0].Occurrence != o.ID || c.d.Starts[0].Caller != k.ID:
			return 0, fmt.Errorf("%w: %+v decided, occurrence %d with caller %d scanned", errOtherChoice, c.d.Starts[0], o.ID, k.ID)
		}
	}
	return scanning.Seconds() / float64(turns), nil
}

// scan looks at every open occurrence for the foremost that somebody free may take, and for it at every free caller for the one
// who scores best. How often each was deferred it takes from the board.
func (c *crowd) scan() (*dispatch.Occurrence, *dispatch.Caller) {
	var best *dispatch.Occurrence
	var with *dispatch.Caller
	deferred := 0
	c.idle = c.idle[:0]
	for i, free := range c.free {
		if free {
			c.idle = append(c.idle, i)
		}
	}
	for i := range c.all {
		o := &c.all[i]
		if c.taken[i] || c.now.Before(o.Opens) {
			continue
		}
		d := c.board.Deferred(o.ID)
		if best != nil && !sooner(o, d, best, deferred) {
			continue
		}
		if k := c.bestFor(o); k != nil {
			best, with, deferred = o, k, d
		}
	}
	return best, with
}

// sooner is the order of the package doc: times deferred, class, slack, age.
func sooner(x *dispatch.Occurrence, xDeferred int, y *dispatch.Occurrence, yDeferred int) bool {
	xSlack, ySlack := x.Closes.Add(-x.Length), y.Closes.Add(-y.Length)
	switch {
	case xDeferred != yDeferred:
		return xDeferred > yDeferred
	case x.Class != y.Class:
		return x.Class > y.Class
	case !xSlack.Equal(ySlack):
		return xSlack.Before(ySlack)
	case !x.Opens.Equal(y.Opens):
		return x.Opens.Before(y.Opens)
	default:
		return x.ID < y.ID
	}
}

// bestFor is the free caller with the best score; while it is held nobody but the reference caller.
func (c *crowd) bestFor(o *dispatch.Occurrence) *dispatch.Caller {
	reference := &c.staff[o.Reference-1]
	may := func(k *dispatch.Caller) float64 { return dispatch.Score(o, k, c.load, c.now) }
	until := o.Opens.Add(crowdHold)
	if slack := o.Closes.Add(-o.Length); slack.Before(until) {
		until = slack
	}
	if o.Continuity != roster.Rotate && c.now.Before(until) && !math.IsInf(may(reference), -1) {
		if c.free[o.Reference-1] {
			return reference
		}
		return nil
	}
	var best *dispatch.Caller
	most := math.Inf(-1)
	if o.Continuity == roster.Strict { // Nobody else may.
		for _, id := range []int64{o.Reference, o.Deputy} {
			if k := &c.staff[id-1]; c.free[id-1] && may(k) > most {
				best, most = k, may(k)
			}
		}
		return best
	}
	for _, i := range c.idle {
		if s := may(&c.staff[i]); s > most {
			best, most = &c.staff[i], s
		}
	}
	return best
}
