package dispatch

import (
	"math"
	"slices"
	"time"

	"github.com/rappel-tel/rappel/pkg/roster"
)

// Weights of Score. The relation weighs most: no number of hard calls that occurs in a day, and no idle time, outweighs a step
// from pool to deputy or from deputy to reference caller. A hard call outweighs any idle time.
const (
	scoreReference = 1000
	scoreDeputy    = 600
	scoreAgain     = -600 // Who had the person last, when the agreement says rotate.
	scoreHard      = -20  // Per hard call of the caller's day.
	scoreIdle      = 10   // Approached as she has been idle for ever.
	halfIdle       = 10 * time.Minute
)

// Score says how good it is that a caller takes an occurrence: the higher the better. It is meant to be summed over the
// pairs of an assignment. A pair that is not allowed (language, skills, Load, strictness) scores minus infinity; whether the
// caller is free, and holds, are not its concern.
func Score(o *Occurrence, c *Caller, scheme Load, now time.Time) float64 {
	load := c.Load.Within(scheme)
	if spent(load, c) || o.Hard && spares(load, c) || !slices.Contains(c.Languages, o.Language) {
		return math.Inf(-1)
	}
	for _, s := range o.Skills {
		if !slices.Contains(c.Skills, s) {
			return math.Inf(-1)
		}
	}
	tie := tieOf(o.Continuity == roster.Rotate, c.ID == o.LastCaller, c.ID == o.Reference, c.ID == o.Deputy)
	if o.Continuity == roster.Strict && (o.Reference != 0 || o.Deputy != 0) && tie == 0 {
		return math.Inf(-1)
	}
	return score(tie, c.HardToday, now.Sub(c.Since))
}

func tieOf(rotates, last, reference, deputy bool) float64 {
	switch {
	case rotates && last:
		return scoreAgain
	case rotates:
		return 0
	case reference:
		return scoreReference
	case deputy:
		return scoreDeputy
	default:
		return 0
	}
}

func score(tie float64, hardToday int, idle time.Duration) float64 {
	i := max(float64(idle), 0)
	return tie + scoreHard*float64(hardToday) + scoreIdle*i/(i+float64(halfIdle))
}

// scoreOf is Score by slots, for a pair that is allowed.
func (b *Board) scoreOf(it *item, k int32, now int64) float64 {
	p := &b.profiles[k]
	tie := tieOf(it.continuity == rotate, k == it.last, k == it.reference, k == it.deputy)
	return score(tie, int(p.hard), time.Duration(now-p.since))
}
