package figures

import (
	"context"
	"fmt"

	"github.com/rappel-tel/rappel/pkg/dispatch/dispatchtest"
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
				b := dispatchtest.NewBacklog(seed, size)
				_, _ = b.Start() // They gather.
				started, score := b.Start()
				best, pairs := b.Optimum(b.Occurrences)
				if len(started) > pairs {
					return 0, fmt.Errorf("%d were paired where %d can be", len(started), pairs)
				}
				bestOfSame, _ := b.Optimum(started)
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
				ours, longest = ours+dispatchtest.IdleSpread(seed, 1), longest+dispatchtest.LongestIdleFirst(seed)
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
