package dispatchtest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/schedule"
)

// Backlog is a sampled state: everything is due and everybody is free, with several languages, a skill, people's own callers,
// hard calls and hard days.
type Backlog struct {
	board       *dispatch.Board
	now         time.Time
	Occurrences []dispatch.Occurrence
	callers     []dispatch.Caller
}

// NewBacklog samples as many occurrences as callers; the same seed gives the same.
func NewBacklog(seed uint64, size int) *Backlog {
	rng := rand.New(rand.NewPCG(seed, 7))
	b := &Backlog{board: dispatch.NewBoard(dispatch.Limits{Lines: 1000, Gather: 1}, schedule.Rules{}), now: morning()}
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
		b.Occurrences = append(b.Occurrences, o)
		b.board.Put(&o, b.now)
	}
	return b
}

// Start has the board decide once, and returns which occurrences it started and what their pairs score. The first time it
// starts none: they gather.
func (b *Backlog) Start() (started []dispatch.Occurrence, score float64) {
	var d dispatch.Decision
	b.board.Plan(b.now, &d)
	for _, s := range d.Starts {
		o := b.Occurrences[s.Occurrence-1]
		score += b.score(&o, int(s.Caller-1))
		started = append(started, o)
	}
	b.now = b.now.Add(1)
	return started, score
}

func (b *Backlog) score(o *dispatch.Occurrence, caller int) float64 {
	return dispatch.Score(o, &b.callers[caller], dispatch.Load{}, morning())
}

// Optimum is the best score of as many pairs of these occurrences with callers as are possible.
func (b *Backlog) Optimum(of []dispatch.Occurrence) (best float64, pairs int) {
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
