package figures

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strconv"
	"time"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/schedule"
	"github.com/rappel-tel/rappel/tests/bench/measure"
)

// growth is P5: what it costs that much is held. On a board, calls come due one after the other, each is given to somebody, ends,
// and is put back for the week after; and a town's due calls are burned down as in P1 while few or very many others are
// held.
func growth(ctx context.Context, r *rig, rounds measure.Rounds) (Result, error) {
	few, many := r.o.pick(1000, 10_000, 10_000), r.heldTown()
	details := map[string]float64{"few": float64(few), "many": float64(many.held)}
	pops, err := r.popGrowth(ctx, rounds, few, many.held)
	if err != nil {
		return Result{}, err
	}
	dispatched, slow, err := r.dispatchGrowth(ctx, rounds, few, many)
	if err != nil {
		return Result{}, err
	}
	ratios := measure.Ratios(pops["many"], pops["few"])
	share := measure.Ratios(dispatched["many"], dispatched["few"])
	small, ratio, ofFew := measure.Median(pops["few"]), measure.Median(ratios), measure.Median(share)
	details["dispatch_few"], details["dispatch_many"] = measure.Median(dispatched["few"]), measure.Median(dispatched["many"])
	details["dispatch_ratio"] = ofFew
	for i, v := range measure.Spread(share) {
		details["dispatch_ratio_"+[]string{"least", "most"}[i]] = v
	}
	limit := fmt.Sprintf("a pop with its way back takes %.0f ns where %d are held and %.0f where %d are; dispatch then reaches %.2f of its rate",
		measure.Median(pops["many"]), many.held, small, few, ofFew)
	if slow != "" {
		limit = slow
	}
	return Result{
		Value: measure.Median(pops["many"]), Unit: "ns per pop and put back", Peer: &small, Ratio: ratio, Spread: measure.Spread(ratios),
		Met: ratio > 0 && ratio <= 4 && ofFew >= 0.8, Details: details, Limit: limit,
	}, nil
}

// popGrowth measures boards that hold few and many, in nanoseconds per pop.
func (r *rig) popGrowth(ctx context.Context, rounds measure.Rounds, few, many int) (map[string][]float64, error) {
	turns := r.o.pick(500, 20_000, 20_000)
	side := func(name string, held int) measure.Side {
		var f *future
		return measure.Side{Name: name, Run: func(context.Context) (float64, error) {
			if f == nil {
				f = newFuture(held)
			}
			runtime.GC()
			return f.pop(turns)
		}}
	}
	rounds.Name += " board"
	return measure.Interleave(ctx, rounds, side("few", few), side("many", many))
}

// week is how far a call is put back.
const week = 7 * 24 * time.Hour

// future is a board on which nothing is due yet: calls of a week, all of them in the hours of its days.
type future struct {
	board *dispatch.Board
	rng   *rand.Rand
	now   time.Time
	opens []int64 // By occurrence, Unix nanoseconds.
	staff dispatch.Caller
	d     dispatch.Decision
}

func newFuture(held int) *future {
	f := &future{
		board: dispatch.NewBoard(dispatch.Limits{Lines: 100}, schedule.Rules{}), rng: rand.New(rand.NewPCG(8, 9)),
		now: morning(), opens: make([]int64, held),
		staff: dispatch.Caller{
			ID: 1, Roles: []roster.Role{roster.RoleCaller}, Languages: []roster.Language{roster.French}, Enabled: true, Endpoint: "x",
			State: call.CallerReady, Since: morning(),
		},
	}
	f.board.SetCaller(&f.staff, f.now)
	day := morning().Truncate(24 * time.Hour)
	for i := range f.opens {
		at := day.AddDate(0, 0, 1+f.rng.IntN(7)).Add(9*time.Hour + 30*time.Minute).Add(time.Duration(f.rng.Int64N(int64(450 * time.Minute))))
		f.opens[i] = at.UnixNano()
		o := f.occurrence(i)
		f.board.Put(&o, f.now)
	}
	return f
}

func (f *future) occurrence(i int) dispatch.Occurrence {
	opens := time.Unix(0, f.opens[i])
	return dispatch.Occurrence{
		ID: int64(i + 1), Beneficiary: int64(i + 1), Kind: call.KindScheduled, State: call.OccurrenceOpen, Class: i % 4, Opens: opens,
		NotBefore: opens, Closes: opens.Add(2 * time.Hour), Length: 20 * time.Minute, Language: roster.French,
		Numbers: []string{strconv.Itoa(i)},
	}
}

var errNothingDue = errors.New("a board that holds calls says that nothing comes due")

// pop lets calls come due, starts and ends each, and puts it back by a week. It returns nanoseconds per call.
func (f *future) pop(turns int) (float64, error) {
	began := time.Now()
	for done := 0; done < turns; {
		f.board.Plan(f.now, &f.d)
		for _, s := range f.d.Starts {
			i := int(s.Occurrence - 1)
			f.opens[i] += int64(week)
			o := f.occurrence(i)
			f.board.Release(&o, f.now)
			f.staff.Since = f.now
			f.board.SetCaller(&f.staff, f.now)
			done++
		}
		if len(f.d.Starts) == 0 {
			if !f.d.Again.After(f.now) {
				return 0, errNothingDue
			}
			f.now = f.d.Again
		}
	}
	return float64(time.Since(began).Nanoseconds()) / float64(turns), nil
}

// dispatchGrowth burns down due calls while few and while many others are held. What the many are too many for is no error
// but the limit that is returned.
func (r *rig) dispatchGrowth(ctx context.Context, rounds measure.Rounds, few int, many town) (values map[string][]float64, limit string, err error) {
	side := func(name string, t town) measure.Side {
		return measure.Side{Name: name, Run: func(ctx context.Context) (rate float64, err error) {
			if limit != "" {
				return 0, nil // It did not in the round before.
			}
			b, err := r.build(ctx, t)
			if err != nil {
				return 0, err
			}
			err = r.onFresh(ctx, b.template, func(url string) error {
				rate, err = burn{town: t, scheme: b.scheme, horizon: heldHorizon}.down(ctx, url)
				return err
			})
			if errors.Is(err, errLead) && ctx.Err() == nil {
				limit, err = fmt.Sprintf("with %d held the scheme cannot be led: %s", t.held, err), nil
			}
			return rate, err
		}}
	}
	rounds.Name += " dispatch"
	values, err = measure.Interleave(ctx, rounds, side("few", town{due: many.due, held: few, callers: many.callers}), side("many", many))
	return values, limit, err
}
