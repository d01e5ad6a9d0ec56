package forecast

import (
	"slices"
	"time"

	"github.com/rappel-tel/rappel/pkg/roster"
)

// Outlook is what is to be expected of a day. It names nobody but by the town's reference.
type Outlook struct {
	Date     string    `json:"date"` // 2026-11-24, of the scheme.
	From     time.Time `json:"from"` // What was before is in Settled.
	Runs     int       `json:"runs"`
	Seed     uint64    `json:"seed"`
	Promises int       `json:"promises"` // Open at From.
	Callers  int       `json:"callers"`  // Who have a shift that is not over.
	Supposed int       `json:"supposed"` // Of them without a recorded shift: taken as there in the scheme's hours.
	Settled  Settled   `json:"settled"`

	Kept      Expected `json:"kept"` // Reached or unreached.
	Reached   Expected `json:"reached"`
	Unreached Expected `json:"unreached"`
	Missed    Expected `json:"missed"`
	Hours     []Hour   `json:"hours"` // From the first in which something happens to the last.
	AtRisk    []Risk   `json:"at_risk"`

	WaitMedian float64 `json:"wait_median_s"` // Seconds from when a promise is due to when a caller's phone rings for it.
	WaitP90    float64 `json:"wait_p90_s"`
	Lines      int     `json:"lines"` // Most lines in use at once, in any run.
	Basis      Basis   `json:"basis"`

	missed []int32 // By run.
}

// Expected is what a number comes to on average, and in all but the lowest and the highest tenth of the runs.
type Expected struct {
	Mean float64 `json:"mean"`
	P10  float64 `json:"p10"`
	P90  float64 `json:"p90"`
}

// Hour is what is to be expected of a local hour. A promise counts in the hour in which it ends.
type Hour struct {
	Hour      int      `json:"hour"`
	Open      int      `json:"open"` // Promises whose window runs in it.
	Reached   Expected `json:"reached"`
	Unreached Expected `json:"unreached"`
	Missed    Expected `json:"missed"`
	Callers   float64  `json:"callers"`   // There, on average.
	Occupancy float64  `json:"occupancy"` // Part of their time in offers, calls and wrap-up; 0 when nobody is there.
	Wait      float64  `json:"wait_s"`    // Mean seconds from due to ringing a caller, of the calls begun in it.
	Begun     float64  `json:"begun"`     // Calls begun in it.
}

// Risk is a promise that may break.
type Risk struct {
	Ref       string          `json:"ref"`
	Class     int             `json:"class"`
	Opens     time.Time       `json:"opens"`
	Closes    time.Time       `json:"closes"`
	Language  roster.Language `json:"language"`
	Skills    []string        `json:"skills,omitempty"`
	Strict    bool            `json:"strict"`    // Only her reference caller or deputy may call.
	Missed    float64         `json:"missed"`    // Probability that nobody rings her.
	Unreached float64         `json:"unreached"` // Probability that she is rung and does not answer.
}

// risky is from which probability on a promise is listed.
const risky = 0.05

func (s *stage) outlook(plays []*tally, opts Options) *Outlook {
	o := &Outlook{
		Date: s.day.Date.Format(time.DateOnly), From: s.day.From, Runs: len(plays), Seed: opts.Seed, Promises: len(s.day.Promises),
		Settled: s.day.Settled, Basis: s.model.basis, Hours: []Hour{}, AtRisk: []Risk{},
	}
	for i := range s.callers {
		if len(s.callers[i].Shifts) > 0 && s.callers[i].Enabled {
			o.Callers++
			if s.callers[i].Supposed {
				o.Supposed++
			}
		}
	}
	o.Reached = expected(plays, func(t *tally) int32 { return t.sum(func(h *hourTally) int32 { return h.reached }) })
	o.Unreached = expected(plays, func(t *tally) int32 { return t.sum(func(h *hourTally) int32 { return h.unreached }) })
	o.Kept = expected(plays, func(t *tally) int32 { return t.sum(func(h *hourTally) int32 { return h.reached + h.unreached }) })
	o.Missed = expected(plays, missedOf)
	for _, t := range plays {
		o.missed = append(o.missed, missedOf(t))
	}
	s.hours(o, plays)
	s.risks(o, plays)
	var waits [waitBuckets]int64
	total := int64(0)
	for _, t := range plays {
		o.Lines = max(o.Lines, t.lines)
		for m, n := range t.waits {
			waits[m] += int64(n)
			total += int64(n)
		}
	}
	o.WaitMedian, o.WaitP90 = waitAt(&waits, (total+1)/2), waitAt(&waits, (9*total+9)/10)
	return o
}

// waitAt is the middle of the minute in which the nth shortest wait lies, in seconds.
func waitAt(waits *[waitBuckets]int64, nth int64) float64 {
	sum := int64(0)
	for m, n := range waits {
		if sum += n; n > 0 && sum >= nth {
			return float64(m)*60 + 30
		}
	}
	return 0
}

func missedOf(t *tally) int32 { return int32(len(t.missed)) }

func (t *tally) sum(of func(*hourTally) int32) (n int32) {
	for i := range t.hours {
		n += of(&t.hours[i])
	}
	return n
}

func expected(plays []*tally, of func(*tally) int32) Expected {
	values := make([]int32, len(plays))
	sum := int64(0)
	for i, t := range plays {
		values[i] = of(t)
		sum += int64(values[i])
	}
	slices.Sort(values)
	return Expected{
		Mean: float64(sum) / float64(len(values)), P10: float64(values[(len(values)-1)/10]),
		P90: float64(values[(9*len(values)-1)/10]),
	}
}

func (s *stage) hours(o *Outlook, plays []*tally) {
	var open [24]int
	for i := range s.day.Promises {
		p := &s.day.Promises[i]
		for h := s.hour(later(p.Opens, s.day.From)); h <= s.hour(p.Closes.Add(-1)); h++ {
			open[h]++
		}
	}
	for h := range 24 {
		hour := Hour{
			Hour: h, Open: open[h],
			Reached:   expected(plays, func(t *tally) int32 { return t.hours[h].reached }),
			Unreached: expected(plays, func(t *tally) int32 { return t.hours[h].unreached }),
			Missed:    expected(plays, func(t *tally) int32 { return t.hours[h].missed }),
		}
		var busy, duty, waited time.Duration
		starts := 0
		for _, t := range plays {
			busy, duty, waited = busy+t.hours[h].busy, duty+t.hours[h].duty, waited+t.hours[h].waited
			starts += int(t.hours[h].starts)
		}
		hour.Callers = duty.Hours() / float64(len(plays))
		hour.Begun = float64(starts) / float64(len(plays))
		if duty > 0 {
			hour.Occupancy = float64(busy) / float64(duty)
		}
		if starts > 0 {
			hour.Wait = waited.Seconds() / float64(starts)
		}
		o.Hours = append(o.Hours, hour)
	}
	quiet := func(h Hour) bool { return h.Open == 0 && h.Callers == 0 && h.Begun == 0 && h.Missed.Mean == 0 }
	for len(o.Hours) > 0 && quiet(o.Hours[0]) {
		o.Hours = o.Hours[1:]
	}
	for len(o.Hours) > 0 && quiet(o.Hours[len(o.Hours)-1]) {
		o.Hours = o.Hours[:len(o.Hours)-1]
	}
}

// risks lists what may break, the likeliest first.
func (s *stage) risks(o *Outlook, plays []*tally) {
	missed, wasted := make([]int32, len(s.day.Promises)), make([]int32, len(s.day.Promises))
	for _, t := range plays {
		for _, i := range t.missed {
			missed[i]++
		}
		for _, i := range t.wasted {
			wasted[i]++
		}
	}
	n := float64(len(plays))
	for i := range missed {
		if float64(missed[i]) < risky*n {
			continue
		}
		p := &s.day.Promises[i]
		o.AtRisk = append(o.AtRisk, Risk{
			Ref: p.Ref, Class: p.Class, Opens: p.Opens, Closes: p.Closes, Language: p.Language, Skills: p.Skills,
			Strict: p.Continuity == roster.Strict && (p.Reference != 0 || p.Deputy != 0),
			Missed: float64(missed[i]) / n, Unreached: float64(wasted[i]) / n,
		})
	}
	slices.SortStableFunc(o.AtRisk, func(a, b Risk) int {
		switch {
		case a.Missed != b.Missed && a.Missed > b.Missed:
			return -1
		case a.Missed != b.Missed:
			return 1
		default:
			return b.Class - a.Class
		}
	})
}
