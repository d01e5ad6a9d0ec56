package figures

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/schedule"
	"github.com/rappel-tel/rappel/tests/bench/measure"
)

// quality is P8: what a board starts together, 200 occurrences and 200 callers at a time, against the best pairing that there
// is by the published Score; and how evenly a day's calls are shared among the callers, against a pool in which every call
// goes to whoever has been idle longest. The optimum is free to leave out whom it likes; we serve those first who come first.
func quality(ctx context.Context, r *rig, rounds measure.Rounds) (Result, error) {
	samples, size, days := r.o.pick(3, 20, 40), r.o.pick(40, 200, 200), r.o.pick(5, 50, 100)
	seed := uint64(0)
	var shares, sameRows, ours, optima, fewer []float64
	values, err := measure.Interleave(ctx, rounds,
		measure.Side{Name: "assignment", Run: func(context.Context) (float64, error) {
			var round []float64
			for range samples {
				seed++
				b := newBacklog(seed, size)
				started, score := b.start()
				best, pairs := b.optimum(b.occurrences)
				if len(started) > pairs {
					return 0, fmt.Errorf("%d were paired where %d can be", len(started), pairs)
				}
				bestOfSame, _ := b.optimum(started)
				sameRows = append(sameRows, score/bestOfSame)
				round, fewer = append(round, score/best), append(fewer, float64(pairs-len(started)))
				ours, optima = append(ours, score), append(optima, best)
			}
			shares = append(shares, round...)
			return measure.Median(round), nil
		}},
		measure.Side{Name: "idle", Run: func(context.Context) (float64, error) {
			// One day says little: who is given the long calls is chance.
			ours, longest := 0.0, 0.0
			for range days {
				seed++
				ours, longest = ours+idleSpread(seed, 1), longest+longestIdleFirst(seed)
			}
			return ours / longest, nil
		}},
	)
	if err != nil {
		return Result{}, err
	}
	share, idle := measure.Median(shares), measure.Median(values["idle"])
	best := measure.Median(optima)
	least := measure.Spread(shares)[0]
	return Result{
		Value: measure.Median(ours), Unit: "score", Peer: &best, Ratio: share, Spread: measure.Spread(shares),
		Met: share >= 0.95 && idle <= 1.1,
		Limit: fmt.Sprintf("who comes first (times deferred, class, slack, age) is served first, also where another would score better: "+
			"the worst of %d samples reaches %.3f; idle shares spread %.2f times", len(shares), least, idle),
		Details: map[string]float64{
			"samples": float64(len(shares)), "size": float64(size), "days": float64(days * rounds.Count), "pairs_fewer_than_possible": measure.Median(fewer),
			"idle_share_spread": idle, "of_the_best_for_those_served": measure.Median(sameRows),
		},
	}, nil
}

// backlog is a sampled state: everything is due and everybody is free, with several languages, a skill, people's own callers,
// hard calls and hard days.
type backlog struct {
	board       *dispatch.Board
	now         time.Time
	occurrences []dispatch.Occurrence
	callers     []dispatch.Caller
}

func newBacklog(seed uint64, size int) *backlog {
	rng := rand.New(rand.NewPCG(seed, 7))
	b := &backlog{board: dispatch.NewBoard(dispatch.Limits{Lines: 1000, Gather: 1}, schedule.Rules{}), now: morning()}
	for i := range int64(size) {
		c := dispatch.Caller{
			ID: i + 1, Roles: []roster.Role{roster.RoleCaller}, State: call.CallerReady, Enabled: true, Endpoint: "x",
			Languages: roster.Languages()[:1+rng.IntN(4)], HardToday: rng.IntN(6),
			Since: b.now.Add(-time.Duration(rng.IntN(7200)) * time.Second),
		}
		if rng.IntN(3) == 0 {
			c.Skills = []string{"dementia"}
		}
		b.callers = append(b.callers, c)
		b.board.SetCaller(&c, b.now)
	}
	for i := range int64(size) {
		o := dispatch.Occurrence{
			ID: i + 1, Beneficiary: i + 1, State: call.OccurrenceOpen, Class: rng.IntN(4), Opens: b.now.Add(-time.Hour),
			Closes: b.now.Add(time.Duration(1+rng.IntN(300)) * time.Minute), Language: roster.Languages()[rng.IntN(4)],
			// Half of the people's own callers are not there today.
			Reference: rng.Int64N(2*int64(size)) + 1, Deputy: rng.Int64N(2*int64(size)) + 1, LastCaller: rng.Int64N(int64(size)) + 1,
			Continuity: roster.Continuities()[1+rng.IntN(2)], Numbers: []string{fmt.Sprint(i)}, Hard: rng.IntN(2) == 0,
		}
		if rng.IntN(5) == 0 {
			o.Skills = []string{"dementia"}
		}
		b.occurrences = append(b.occurrences, o)
		b.board.Put(&o, b.now)
	}
	return b
}

// start has the board pair them, and returns which occurrences it started and what their pairs score.
func (b *backlog) start() (started []dispatch.Occurrence, score float64) {
	var d dispatch.Decision
	for range 2 { // The first time they gather.
		b.board.Plan(b.now, &d)
		for _, s := range d.Starts {
			o := b.occurrences[s.Occurrence-1]
			score += b.score(&o, int(s.Caller-1))
			started = append(started, o)
		}
		b.now = b.now.Add(1)
	}
	return started, score
}

func (b *backlog) score(o *dispatch.Occurrence, caller int) float64 {
	return dispatch.Score(o, &b.callers[caller], dispatch.Load{}, morning())
}

// optimum is the best score of as many pairs of these occurrences with callers as are possible.
func (b *backlog) optimum(of []dispatch.Occurrence) (best float64, pairs int) {
	// One pair more outweighs every score; a pair that is not allowed stands for none.
	const pair = 1e6
	columns := hungarian(len(of), len(b.callers), func(i, j int) float64 {
		if s := b.score(&of[i], j); !math.IsInf(s, -1) {
			return -pair - s
		}
		return 0
	})
	for i, j := range columns {
		if s := b.score(&of[i], j); !math.IsInf(s, -1) {
			best += s
			pairs++
		}
	}
	return best, pairs
}

// hungarian returns for each of n rows its column (of at least as many) in the cheapest pairing: the shortest augmenting paths of
// Jonker and Volgenant (1987), as every textbook has them, and none of our own code.
func hungarian(n, columns int, cost func(i, j int) float64) []int {
	u, v := make([]float64, n+1), make([]float64, columns+1)
	rowOf, way := make([]int, columns+1), make([]int, columns+1)
	for i := 1; i <= n; i++ {
		rowOf[0] = i
		at := 0
		least, used := make([]float64, columns+1), make([]bool, columns+1)
		for j := range least {
			least[j] = math.Inf(1)
		}
		for {
			used[at] = true
			row, delta, next := rowOf[at], math.Inf(1), 0
			for j := 1; j <= columns; j++ {
				if used[j] {
					continue
				}
				if c := cost(row-1, j-1) - u[row] - v[j]; c < least[j] {
					least[j], way[j] = c, at
				}
				if least[j] < delta {
					delta, next = least[j], j
				}
			}
			for j := 0; j <= columns; j++ {
				if used[j] {
					u[rowOf[j]] += delta
					v[j] -= delta
				} else {
					least[j] -= delta
				}
			}
			if at = next; rowOf[at] == 0 {
				break
			}
		}
		for at != 0 {
			rowOf[at] = rowOf[way[at]]
			at = way[at]
		}
	}
	of := make([]int, n)
	for j := 1; j <= columns; j++ {
		if rowOf[j] > 0 {
			of[rowOf[j]-1] = j - 1
		}
	}
	return of
}

// Of a day of a pool: calls come in bursts.
const (
	poolCallers = 20
	poolMinutes = 450
)

// shift is one such day, the same for whoever assigns: how many calls come in each minute, and how long each takes.
type shift struct {
	arrivals []int
	lengths  []time.Duration
}

func newShift(seed uint64) shift {
	rng := rand.New(rand.NewPCG(seed, 6))
	var s shift
	for range poolMinutes {
		n := rng.IntN(3) * rng.IntN(3)
		s.arrivals = append(s.arrivals, n)
		for range n {
			s.lengths = append(s.lengths, time.Duration(5+rng.IntN(20))*time.Minute)
		}
	}
	return s
}

// spreadOf is the difference between the idlest and the busiest share of a day.
func spreadOf(busy map[int64]time.Duration) float64 {
	least, most := math.Inf(1), math.Inf(-1)
	for id := int64(1); id <= poolCallers; id++ {
		idle := 1 - busy[id].Minutes()/poolMinutes
		least, most = min(least, idle), max(most, idle)
	}
	return most - least
}

// longestIdleFirst gives every call, in the order of arrival, to whoever has been idle longest.
func longestIdleFirst(seed uint64) float64 {
	s := newShift(seed)
	since, until, busy := map[int64]int{}, map[int64]int{}, map[int64]time.Duration{}
	for id := int64(1); id <= poolCallers; id++ {
		since[id] = -int(id)
	}
	waiting, next := 0, 0
	for minute, n := range s.arrivals {
		for waiting += n; waiting > 0; waiting-- {
			longest := int64(0)
			for id := int64(1); id <= poolCallers; id++ {
				if until[id] <= minute && (longest == 0 || since[id] < since[longest]) {
					longest = id
				}
			}
			if longest == 0 {
				break
			}
			length := s.lengths[next]
			next++
			until[longest] = minute + int(length.Minutes())
			since[longest] = until[longest]
			busy[longest] += length
		}
	}
	return spreadOf(busy)
}

// idleSpread has a board share the same day's calls.
func idleSpread(seed uint64, gather time.Duration) float64 {
	s := newShift(seed)
	now := morning()
	board := dispatch.NewBoard(dispatch.Limits{Lines: 100, Gather: gather}, schedule.Rules{})
	staff, until, busy := map[int64]*dispatch.Caller{}, map[int64]time.Time{}, map[int64]time.Duration{}
	current, occurrences := map[int64]*dispatch.Occurrence{}, map[int64]*dispatch.Occurrence{}
	for id := int64(1); id <= poolCallers; id++ {
		staff[id] = &dispatch.Caller{
			ID: id, Roles: []roster.Role{roster.RoleCaller}, State: call.CallerReady, Enabled: true, Endpoint: "x",
			Languages: []roster.Language{roster.French}, Since: now.Add(-time.Duration(id) * time.Minute),
		}
		board.SetCaller(staff[id], now)
	}
	var d dispatch.Decision
	next := 0
	for _, n := range s.arrivals {
		for id := int64(1); id <= poolCallers; id++ {
			if o := current[id]; o != nil && !now.Before(until[id]) {
				delete(current, id)
				o.State = call.OccurrenceReached
				board.Release(o, now)
				staff[id].Since = until[id]
				board.SetCaller(staff[id], now)
			}
		}
		for range n {
			id := int64(len(occurrences) + 1)
			o := &dispatch.Occurrence{
				ID: id, Beneficiary: id, State: call.OccurrenceOpen, Opens: now, Closes: now.Add(12 * time.Hour),
				Language: roster.French, Numbers: []string{fmt.Sprint(id)},
			}
			occurrences[id] = o
			board.Put(o, now)
		}
		began := now
		for range 2 {
			board.Plan(now, &d)
			for _, start := range d.Starts {
				length := s.lengths[next]
				next++
				current[start.Caller], until[start.Caller] = occurrences[start.Occurrence], began.Add(length)
				busy[start.Caller] += length
			}
			now = now.Add(1)
		}
		now = began.Add(time.Minute)
	}
	return spreadOf(busy)
}
