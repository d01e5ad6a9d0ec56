package dispatch

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/schedule"
)

// TestBacklogIsAssignedWell compares what a board starts together, 200 by 200, with the optimum by Score. As many start as
// can at all; which ones is a matter of their order, not of the score, so the optimum is taken over those.
func TestBacklogIsAssignedWell(t *testing.T) {
	for seed := range uint64(8) {
		rng := rand.New(rand.NewPCG(seed, 7))
		now := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
		board := NewBoard(Limits{Lines: 1000, Gather: 1}, schedule.Rules{})
		const n = 200
		occurrences, callers := map[int64]*Occurrence{}, map[int64]*Caller{}
		for i := range int64(n) {
			c := &Caller{
				ID: i + 1, Roles: []roster.Role{roster.RoleCaller}, State: call.CallerReady, Enabled: true, Endpoint: "x",
				Languages: roster.Languages()[:1+rng.IntN(4)], HardToday: rng.IntN(6),
				Since: now.Add(-time.Duration(rng.IntN(7200)) * time.Second),
			}
			if rng.IntN(3) == 0 {
				c.Skills = []string{"dementia"}
			}
			callers[c.ID] = c
			board.SetCaller(c, now)
		}
		for i := range int64(n) {
			o := &Occurrence{
				ID: i + 1, Beneficiary: i + 1, State: call.OccurrenceOpen, Class: rng.IntN(4), Opens: now.Add(-time.Hour),
				Closes: now.Add(time.Duration(1+rng.IntN(300)) * time.Minute), Language: roster.Languages()[rng.IntN(4)],
				Reference: rng.Int64N(2*n) + 1, Deputy: rng.Int64N(2*n) + 1, LastCaller: rng.Int64N(n) + 1,
				Continuity: roster.Continuities()[1+rng.IntN(2)], Numbers: []string{fmt.Sprint(i)}, Hard: rng.IntN(2) == 0,
			}
			if rng.IntN(5) == 0 {
				o.Skills = []string{"dementia"}
			}
			occurrences[o.ID] = o
			board.Put(o, now)
		}
		var d Decision
		board.Plan(now, &d)
		require.Empty(t, d.Starts, "they gather")
		board.Plan(now.Add(1), &d)
		ours := 0.0
		for _, s := range d.Starts {
			ours += Score(occurrences[s.Occurrence], callers[s.Caller], Load{}, now)
		}
		_, pairs := optimum(occurrences, callers, now)
		require.Len(t, d.Starts, pairs, "as many as can be")
		started := map[int64]*Occurrence{}
		for i, s := range d.Starts {
			started[int64(i+1)] = occurrences[s.Occurrence]
		}
		best, _ := optimum(started, callers, now)
		require.GreaterOrEqual(t, ours, 0.95*best, "of %v", best)
	}
}

// optimum is the Hungarian method as every textbook has it, over a rectangle in which a pair that is not allowed costs more
// than all the others.
func optimum(occurrences map[int64]*Occurrence, callers map[int64]*Caller, now time.Time) (best float64, pairs int) {
	const forbidden = 1e7
	n, width := len(occurrences), len(callers)
	cost := func(i, j int) float64 {
		s := Score(occurrences[int64(i)], callers[int64(j)], Load{}, now)
		if math.IsInf(s, -1) {
			return forbidden
		}
		return -s
	}
	u, v := make([]float64, n+1), make([]float64, width+1)
	p, way := make([]int, width+1), make([]int, width+1)
	for i := 1; i <= n; i++ {
		p[0] = i
		j0 := 0
		least, used := make([]float64, width+1), make([]bool, width+1)
		for j := range least {
			least[j] = math.Inf(1)
		}
		for {
			used[j0] = true
			i0, delta, j1 := p[j0], math.Inf(1), 0
			for j := 1; j <= width; j++ {
				if used[j] {
					continue
				}
				if c := cost(i0, j) - u[i0] - v[j]; c < least[j] {
					least[j], way[j] = c, j0
				}
				if least[j] < delta {
					delta, j1 = least[j], j
				}
			}
			for j := 0; j <= width; j++ {
				if used[j] {
					u[p[j]] += delta
					v[j] -= delta
				} else {
					least[j] -= delta
				}
			}
			if j0 = j1; p[j0] == 0 {
				break
			}
		}
		for j0 != 0 {
			p[j0] = p[way[j0]]
			j0 = way[j0]
		}
	}
	for j := 1; j <= width; j++ {
		if p[j] == 0 {
			continue
		}
		if c := cost(p[j], j); c < forbidden {
			best -= c
			pairs++
		}
	}
	return best, pairs
}

// TestWorkIsSharedEvenly runs a day of a pool in which calls come in bursts, and compares how much the callers' idle time
// differs with what it would be if every call went to whoever has been idle longest.
func TestWorkIsSharedEvenly(t *testing.T) {
	const callers = 20
	spread := func(gather time.Duration) float64 {
		rng := rand.New(rand.NewPCG(5, 6))
		now := time.Date(2026, 11, 24, 9, 30, 0, 0, time.UTC)
		board := NewBoard(Limits{Lines: 100, Gather: gather}, schedule.Rules{})
		staff, until, busy := map[int64]*Caller{}, map[int64]time.Time{}, map[int64]time.Duration{}
		current := map[int64]*Occurrence{}
		for id := int64(1); id <= callers; id++ {
			staff[id] = &Caller{
				ID: id, Roles: []roster.Role{roster.RoleCaller}, State: call.CallerReady, Enabled: true, Endpoint: "x",
				Languages: []roster.Language{roster.French}, Since: now.Add(-time.Duration(id) * time.Minute),
			}
			board.SetCaller(staff[id], now)
		}
		var d Decision
		occurrences, next := map[int64]*Occurrence{}, int64(0)
		for range 450 {
			for id := int64(1); id <= callers; id++ {
				if o := current[id]; o != nil && !now.Before(until[id]) {
					delete(current, id)
					o.State = call.OccurrenceReached
					board.Release(o, now)
					staff[id].Since = until[id]
					board.SetCaller(staff[id], now)
				}
			}
			for range rng.IntN(3) * rng.IntN(3) {
				next++
				o := &Occurrence{
					ID: next, Beneficiary: next, State: call.OccurrenceOpen, Opens: now, Closes: now.Add(5 * time.Hour),
					Language: roster.French, Numbers: []string{fmt.Sprint(next)},
				}
				occurrences[o.ID] = o
				board.Put(o, now)
			}
			var starts []Start
			for range 2 {
				board.Plan(now, &d)
				starts = append(starts, d.Starts...)
				now = now.Add(1)
			}
			for _, s := range starts {
				length := time.Duration(5+rng.IntN(20)) * time.Minute
				current[s.Caller], until[s.Caller] = occurrences[s.Occurrence], now.Add(length)
				busy[s.Caller] += length
			}
			now = now.Add(time.Minute - 2)
		}
		least, most := math.Inf(1), 0.0
		for _, d := range busy {
			idle := 450 - d.Minutes()
			least, most = min(least, idle), max(most, idle)
		}
		require.Len(t, busy, callers)
		return most - least
	}
	longest, together := spread(0), spread(1)
	require.LessOrEqual(t, together, 1.1*longest, "minutes between the most and the least idle")
}
