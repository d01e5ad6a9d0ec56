package forecast

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/rappel-tel/rappel/pkg/roster"
)

// Advice says what to do about the promises that a day will miss.
type Advice struct {
	Target  float64 `json:"target"`  // How many missed promises are accepted.
	Callers int     `json:"callers"` // More callers; 0 means that none are needed, or that none help.
	From    int     `json:"from"`    // Local hours between which they are there, To excluded.
	To      int     `json:"to"`
	Saved   float64 `json:"saved"`  // Promises they save, on average.
	Missed  float64 `json:"missed"` // Promises that are missed all the same, on average.
	// Limit says why the target is out of reach whoever comes: LimitLines, LimitStrict or LimitTime. It is empty when it is
	// reached.
	Limit string `json:"limit,omitempty"`
	// Languages and Skills are those of the promises at risk, the most frequent first.
	Languages []roster.Language `json:"languages"`
	Skills    []string          `json:"skills"`
	Tried     []Trial           `json:"tried"` // What so many more for the whole day come to.
}

// Why more callers save no more promises.
const (
	LimitLines  = "lines"  // Every line that outbound calls may use is in use.
	LimitStrict = "strict" // What is left may be called by a reference caller or her deputy only.
	LimitTime   = "time"   // What is left has too little time: a short window, or one that ends soon.
)

// Trial is what so many more callers, there all day, come to.
type Trial struct {
	Callers int     `json:"callers"`
	Missed  float64 `json:"missed"` // On average.
	Runs    int     `json:"runs"`   // Few when it was clear soon.
}

// Target is how many missed promises a day of so many promises may have before Advise asks for more callers: one in two
// hundred, half a promise at least.
func Target(promises int) float64 { return max(float64(promises)/200, 0.5) }

// Advise looks for the fewest more callers who bring the missed promises of a day down to a target, and then for the fewest
// hours in which they have to be there. They are supposed to speak every language and have every skill that is needed. The
// outlook is that of the day under the same options. It tries rosters one after the other on the same days as the outlook,
// on as many of them as it takes to tell (three standard errors), so that a hint is got in about the time of the outlook.
func Advise(ctx context.Context, day *Day, outlook *Outlook, target float64, opts Options) (*Advice, error) {
	opts, err := opts.validate(len(day.Promises))
	if err != nil {
		return nil, err
	}
	if target < 0 || math.IsNaN(target) {
		return nil, fmt.Errorf("%w: the target is negative", ErrOptions)
	}
	a := &Advice{Target: target, Missed: outlook.Missed.Mean, Languages: []roster.Language{}, Skills: []string{}, Tried: []Trial{}}
	a.needed(outlook.AtRisk)
	if outlook.Missed.Mean <= target {
		return a, nil
	}
	hours, err := Hours(&day.Scheme, day.Date)
	if err != nil {
		return nil, err
	}
	s := &search{ctx: ctx, day: day, model: newModel(&day.History), hours: hours, opts: opts, target: target, known: map[addition]verdict{}}
	s.first, s.last = s.span()
	if s.first >= s.last {
		a.Limit = LimitTime
		return a, nil
	}
	n, err := s.fewest(a, outlook)
	if err != nil || n == 0 {
		return a, err
	}
	a.Callers, a.From, a.To = n, s.first, s.last
	if err := s.shorten(a); err != nil {
		return nil, err
	}
	v, err := s.enough(a.Callers, a.From, a.To)
	if err != nil {
		return nil, err
	}
	a.Missed = v.Missed
	a.Saved = outlook.missedIn(v.Runs) - a.Missed // On the same days.
	return a, nil
}

// missedIn is how many promises were missed on average in the first runs.
func (o *Outlook) missedIn(runs int) float64 {
	if len(o.missed) < runs {
		return o.Missed.Mean
	}
	sum := 0.0
	for _, n := range o.missed[:runs] {
		sum += float64(n)
	}
	return sum / float64(runs)
}

// needed collects what the promises at risk ask for.
func (a *Advice) needed(risks []Risk) {
	languages, skills := map[roster.Language]float64{}, map[string]float64{}
	for _, r := range risks {
		languages[r.Language] += r.Missed
		for _, s := range r.Skills {
			skills[s] += r.Missed
		}
	}
	a.Languages = mostFirst(a.Languages, languages)
	a.Skills = mostFirst(a.Skills, skills)
}

func mostFirst[T ~string](list []T, weights map[T]float64) []T {
	for w := range weights {
		list = append(list, w)
	}
	slices.SortFunc(list, func(x, y T) int {
		switch {
		case weights[x] > weights[y] || weights[x] == weights[y] && x < y:
			return -1
		default:
			return 1
		}
	})
	return list
}

// search tries rosters.
type search struct {
	ctx         context.Context
	day         *Day
	model       *Model
	hours       []Shift
	opts        Options
	target      float64
	first, last int                  // Local hours in which the scheme calls and the day is not over; last excluded.
	known       map[addition]verdict // Of the target.
}

// addition is so many more callers between two hours.
type addition struct{ n, from, to int }

// verdict is what was found out about one.
type verdict struct {
	enough bool
	Trial
	limit string
}

// span is the local hours that a further caller could work.
func (s *search) span() (first, last int) {
	st := stage{noon: noonOf(s.day)}
	first, last = 24, 0
	for _, h := range s.hours {
		if h.Ends.After(s.day.From) {
			first = min(first, st.hour(later(h.Begins, s.day.From)))
			last = max(last, st.hour(h.Ends.Add(-1))+1)
		}
	}
	return first, last
}

// shifts are the scheme's hours between two local hours.
func (s *search) shifts(from, to int) []Shift {
	noon := noonOf(s.day)
	begins, ends := time.Unix(0, noon+int64(from)*int64(time.Hour)), time.Unix(0, noon+int64(to)*int64(time.Hour))
	var list []Shift
	for _, h := range s.hours {
		if x := (Shift{Begins: later(h.Begins, begins), Ends: earlier(h.Ends, ends)}); x.Begins.Before(x.Ends) {
			list = append(list, x)
		}
	}
	return list
}

// glance is how many plays are looked at before it is asked whether more are needed.
const glance = 8

// enough finds out whether so many more callers between two hours reach the target.
func (s *search) enough(n, from, to int) (verdict, error) {
	key := addition{n, from, to}
	if v, ok := s.known[key]; ok {
		return v, nil
	}
	st, err := newStage(s.day, s.model, s.day.Helpers(n, s.shifts(from, to)))
	if err != nil {
		return verdict{}, err
	}
	var plays []*tally
	for {
		first := len(plays)
		more, err := st.playAll(s.ctx, first, min(first+glance, s.opts.Runs), s.opts)
		if err != nil {
			return verdict{}, err
		}
		plays = append(plays, more...)
		if mean := meanMissed(plays); len(plays) == s.opts.Runs || surely(plays, mean, s.target) {
			v := verdict{mean <= s.target, Trial{Callers: n, Missed: mean, Runs: len(plays)}, st.limit(plays)}
			s.known[key] = v
			return v, nil
		}
	}
}

// surely reports whether a mean is three standard errors away from a target. Of counts that are all alike so far the variance is
// taken to be that of rare events.
func surely(plays []*tally, mean, target float64) bool {
	square, k := 0.0, float64(len(plays))
	for _, p := range plays {
		square += (float64(len(p.missed)) - mean) * (float64(len(p.missed)) - mean)
	}
	return math.Abs(mean-target) > 3*math.Sqrt(max(square/max(k-1, 1), mean)/k)
}

func meanMissed(plays []*tally) float64 {
	sum := 0
	for _, p := range plays {
		sum += len(p.missed)
	}
	return float64(sum) / float64(len(plays))
}

// limit says what holds back those that are missed all the same.
func (s *stage) limit(plays []*tally) string {
	strict, missed, lines := 0, 0, 0
	for _, p := range plays {
		lines = max(lines, p.lines)
		missed += len(p.missed)
		for _, i := range p.missed {
			if r := &s.day.Promises[i]; r.Continuity == roster.Strict && (r.Reference != 0 || r.Deputy != 0) {
				strict++
			}
		}
	}
	reserve := s.snap.Scheme.InboundReserve
	if reserve <= 0 {
		reserve = max(1, s.snap.Scheme.Lines/5)
	}
	switch {
	case 2*strict >= missed && missed > 0:
		return LimitStrict
	case lines >= s.snap.Scheme.Lines-reserve:
		return LimitLines
	default:
		return LimitTime
	}
}

// fewest finds how many more callers, there all day, it takes. Where the target is out of reach it becomes what can be
// reached, and the advice says why; 0 means that nobody helps.
func (s *search) fewest(a *Advice, outlook *Outlook) (int, error) {
	best := outlook.Missed.Mean
	for n, below := 1, 0; ; n, below = 2*n, n {
		v, err := s.enough(n, s.first, s.last)
		if err != nil {
			return 0, err
		}
		a.Tried = append(a.Tried, v.Trial)
		helps := v.Missed < best-max(0.02*best, 0.1)
		if !v.enough && (helps || n < 4) && n < len(s.day.Promises) {
			best = min(best, v.Missed)
			continue
		}
		if !v.enough {
			a.Limit = v.limit
			clear(s.known) // They were held against another target.
			s.target = min(v.Missed, best) + max(0.05*best, 0.25)
			if s.target >= outlook.Missed.Mean {
				return 0, nil
			}
			below = 0
		}
		return s.between(a, below, n)
	}
}

// between finds the fewest of more than below and at most n callers.
func (s *search) between(a *Advice, below, n int) (int, error) {
	for n-below > 1 {
		middle := (n + below) / 2
		v, err := s.enough(middle, s.first, s.last)
		if err != nil {
			return 0, err
		}
		a.Tried = append(a.Tried, v.Trial)
		if v.enough {
			n = middle
		} else {
			below = middle
		}
	}
	slices.SortStableFunc(a.Tried, func(x, y Trial) int { return x.Callers - y.Callers })
	a.Tried = slices.CompactFunc(a.Tried, func(x, y Trial) bool { return x.Callers == y.Callers })
	return n, nil
}

// shorten finds the latest hour at which they may come, and the earliest at which they may go.
func (s *search) shorten(a *Advice) error {
	for late := a.To; late-a.From > 1; {
		middle := (a.From + late) / 2
		v, err := s.enough(a.Callers, middle, a.To)
		if err != nil {
			return err
		}
		if v.enough {
			a.From = middle
		} else {
			late = middle
		}
	}
	for early := a.From; a.To-early > 1; {
		middle := (early + a.To) / 2
		v, err := s.enough(a.Callers, a.From, middle)
		if err != nil {
			return err
		}
		if v.enough {
			a.To = middle
		} else {
			early = middle
		}
	}
	return nil
}
