package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/phone"
	"github.com/rappel-tel/rappel/tests/bench/measure"
)

// LineOptions say what is measured of the line.
type LineOptions struct {
	Parties    int  // At once, walking its menus; 0 means 200.
	AtOnce     int  // Who dial at the same instant, for the first prompt; 0 means 50.
	Rounds     int  // Of those; 0 means 4, which is 200 first prompts.
	FirstStart bool // Also measure a service that has nothing spoken yet.
	Codecs     bool // Also measure what it saves that every prompt lies there in the codec of the trunk.
	Profile    string
	Keep       bool
	Progress   io.Writer
}

func (o *LineOptions) tell(format string, args ...any) { fmt.Fprintf(o.Progress, format+"\n", args...) }

// LineResult is what was measured, in milliseconds, by what the phones heard.
type LineResult struct {
	// FirstPrompt is from the answer to the first sound: warm, cold (a service that was just started, and none of the sentences
	// with variables spoken yet), and walking, while everybody else walks the menus.
	FirstPrompt map[string]Spread `json:"first_prompt_ms"`
	// LongestGap is the longest silence of ours that each party heard: see gaps. LongestSilence is the longest of all, the half
	// second after a key and the pauses of the voice before it included.
	LongestGap     map[string]Spread `json:"longest_gap_ms"`
	LongestSilence map[string]Spread `json:"longest_silence_ms"`
	FirstStart     *FirstStart       `json:"first_start,omitempty"`
	Parties        int               `json:"parties"`
	AtOnce         int               `json:"at_once"`
	Asterisk       float64           `json:"asterisk_ms_per_party"`
	Codecs         *Codecs           `json:"codecs,omitempty"`
	Service        float64           `json:"service_ms_per_party"` // With the voices that it runs.
	Postgres       float64           `json:"postgres_ms_per_party"`
	Phones         float64           `json:"phones_ms_per_party"` // Of the simulated telephones: a town has none.
	Seconds        float64           `json:"seconds_per_party"`   // On the line.
	Busy           float64           `json:"busy"`                // Part of the processors' time.
	Others         float64           `json:"busy_others"`
	Failed         int               `json:"failed"`
	Why            map[string]int    `json:"why,omitempty"`
	Processors     int               `json:"processors"`
	Load           float64           `json:"load_average_before"`
	Limits         string            `json:"limits"`
}

// Spread is the middle and the worst.
type Spread struct {
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

func spread(list []time.Duration) Spread {
	if len(list) == 0 {
		return Spread{}
	}
	slices.Sort(list)
	return Spread{
		P50: milliseconds(measure.Quantile(list, 0.5)), P99: milliseconds(measure.Quantile(list, 0.99)), Max: milliseconds(list[len(list)-1]),
	}
}

// step is a key of a walk, and how long the party listens before she presses it.
type step struct {
	listen time.Duration
	key    string // Empty hangs up.
}

// The walks. Each key is pressed while something is said, so that a party never hears the silence of a menu that waits.
func brief() []step { return []step{{3 * time.Second, "1"}, {3 * time.Second, ""}} }

func stroll() []step {
	return []step{
		{3 * time.Second, "1"}, {4 * time.Second, "9"}, {4 * time.Second, "1"}, {4 * time.Second, "1"}, {4 * time.Second, "4"}, {4 * time.Second, "2"}, {4 * time.Second, ""},
	}
}

// visit is what one party heard.
type visit struct {
	first, gap, silence, length time.Duration
	call                        *phone.Call
	err                         error
}

// gaps returns the longest silence of a call from its answer on: ours, and of all. A party who presses a key is owed half a second
// of silence from then on (ivr.AfterKey), and most often cuts a sentence off, sometimes in a pause between two of them. So a
// silence in which a key is pressed is two: what was silent before the key, as in any other place, and what is silent after it,
// of which the half second is not ours. Silences in which the line waits for a key are not owed to anybody either, but these
// walks press every key while something is said.
func gaps(c *phone.Call, pressed []time.Time, end time.Time) (ours, all time.Duration) {
	for _, s := range c.Pauses(c.Answered(), end) {
		all = max(all, s.To.Sub(s.From))
		begins, owed := s.From, time.Duration(0)
		for _, key := range pressed {
			if key.After(s.From) && key.Before(s.To) {
				ours = max(ours, key.Sub(begins)-owed)
				begins, owed = key, ivr.AfterKey
			}
		}
		ours = max(ours, s.To.Sub(begins)-owed)
	}
	return ours, all
}

var errCut = errors.New("the line hung up")

// visit dials, walks and hangs up.
func (r *lineRig) visit(ctx context.Context, from string, walk []step, jitter time.Duration) (v visit) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	v.call, v.err = r.trunk.Dial(ctx, from, r.number, phone.DialOptions{Say: phone.Silence()})
	if v.err != nil {
		return v
	}
	var pressed []time.Time
	for _, s := range walk {
		listen := time.NewTimer(s.listen + rand.N(jitter+1)) //nolint:gosec // People are not in step.
		select {
		case <-listen.C:
		case <-v.call.Done():
			listen.Stop()
			v.err = errCut
			return v
		}
		if s.key == "" {
			continue
		}
		if v.err = v.call.SendDTMF(ctx, s.key); v.err != nil {
			return v
		}
		pressed = append(pressed, time.Now()) // She has just let it go.
	}
	heard := v.call.Heard()
	v.length = time.Since(v.call.Answered())
	if heard.First.IsZero() {
		v.err = errors.New("nothing was heard")
	} else {
		v.first = heard.First.Sub(v.call.Answered())
		v.gap, v.silence = gaps(v.call, pressed, time.Now())
	}
	v.err = errors.Join(v.err, v.call.Hangup(ctx))
	return v
}

// crowd is so many visits, the nth of which begins after n times apart.
func (r *lineRig) crowd(ctx context.Context, n int, apart time.Duration, walk []step, jitter time.Duration) []visit {
	visits := make([]visit, n)
	var all sync.WaitGroup
	start := time.Now().Add(200 * time.Millisecond)
	for i := range n {
		all.Go(func() {
			sleepUntil(ctx, start.Add(time.Duration(i)*apart))
			visits[i] = r.visit(ctx, lineParty(i), walk, jitter)
		})
	}
	all.Wait()
	return visits
}

// judge adds visits to a result: what was recognised of what they heard, how soon, and the longest silence.
func (x *LineResult) judge(name string, visits []visit, first, last []int16) {
	var firsts, ours, all []time.Duration
	fail := func(why string) {
		x.Failed++
		x.Why[why]++
	}
	for _, v := range visits {
		if v.err != nil {
			fail(v.err.Error())
			continue
		}
		for _, want := range [][]int16{first, last} {
			if want == nil {
				continue
			}
			if m, err := v.call.Compare(want); err != nil || m.Score < phone.HearScore {
				fail("what was heard is not what should be")
				break
			}
		}
		firsts, ours, all = append(firsts, v.first), append(ours, v.gap), append(all, v.silence)
	}
	x.FirstPrompt[name], x.LongestGap[name], x.LongestSilence[name] = spread(firsts), spread(ours), spread(all)
}

// MeasureLine measures the line. It sets everything up and takes it down again.
func MeasureLine(ctx context.Context, o LineOptions) (result *LineResult, err error) {
	r, err := buildLine(ctx, o)
	defer func() { err = errors.Join(err, r.close(context.WithoutCancel(ctx))) }()
	if err != nil {
		return nil, err
	}
	x := &LineResult{
		FirstPrompt: map[string]Spread{}, LongestGap: map[string]Spread{}, LongestSilence: map[string]Spread{}, Why: map[string]int{}, Parties: o.Parties, AtOnce: o.AtOnce,
		Processors: runtime.NumCPU(), Load: measure.LoadAverage(),
	}
	if o.FirstStart {
		if x.FirstStart, err = r.firstStart(ctx); err != nil {
			return nil, err
		}
		o.tell("first start: %+v", *x.FirstStart)
	}
	var cold, warm []visit
	for round := range o.Rounds {
		if err := r.restart(ctx, true); err != nil {
			return nil, err
		}
		visits := r.crowd(ctx, o.AtOnce, 0, brief(), 0)
		cold = append(cold, visits...)
		// Now that every sentence was spoken once.
		more := r.crowd(ctx, o.AtOnce, 0, brief(), 0)
		warm = append(warm, more...)
		o.tell("round %d: first prompt cold %+v, warm %+v", round+1, firstOf(visits), firstOf(more))
	}
	x.judge("cold", cold, r.greeting, nil)
	x.judge("warm", warm, r.greeting, nil)
	before, err := r.used()
	if err != nil {
		return nil, err
	}
	walked := r.crowd(ctx, o.Parties, 10*time.Second/time.Duration(o.Parties), stroll(), time.Second)
	after, err := r.used()
	if err != nil {
		return nil, err
	}
	x.weigh(before, after, walked)
	x.judge("walking", walked, r.greeting, r.dutch)
	if o.Codecs {
		x.Codecs, err = r.codecs(ctx, x)
	}
	return x, err
}

// Codecs is what Asterisk takes for a party who walks the menus, in milliseconds of processor: while every prompt lies there in the codec
// of the trunk, and while there is only a WAV file, which it converts for each party.
type Codecs struct {
	With    float64 `json:"asterisk_ms_per_party_with"`
	Without float64 `json:"asterisk_ms_per_party_without"`
	Ratio   float64 `json:"ratio"` // With to without.
}

// codecs has everybody walk again, in turn without and with the files in the codec of the trunk, twice each.
func (r *lineRig) codecs(ctx context.Context, x *LineResult) (*Codecs, error) {
	var used [2]time.Duration // Without, with.
	const rounds = 2
	for range rounds {
		for i, hide := range []bool{true, false} {
			took, err := r.walked(ctx, x, hide)
			if err != nil {
				return nil, err
			}
			used[i] += took
			r.options.tell("hidden %v: %.1f ms of Asterisk per party", hide, milliseconds(took)/float64(x.Parties))
		}
	}
	each := func(d time.Duration) float64 { return round(milliseconds(d) / float64(rounds*x.Parties)) }
	return &Codecs{With: each(used[1]), Without: each(used[0]), Ratio: round(float64(used[1]) / float64(used[0]))}, nil
}

// walked is what Asterisk takes while everybody walks the menus.
func (r *lineRig) walked(ctx context.Context, x *LineResult, hide bool) (took time.Duration, err error) {
	if hide {
		back, hideErr := r.hideCodecs()
		defer func() { err = errors.Join(err, back()) }()
		if hideErr != nil {
			return 0, hideErr
		}
	}
	before, err := r.used()
	if err != nil {
		return 0, err
	}
	visits := r.crowd(ctx, x.Parties, 10*time.Second/time.Duration(x.Parties), stroll(), time.Second)
	after, err := r.used()
	for _, v := range visits {
		if v.err != nil {
			x.Failed++
			x.Why[v.err.Error()]++
		}
	}
	return after.asterisk - before.asterisk, err
}

func firstOf(visits []visit) Spread {
	var list []time.Duration
	for _, v := range visits {
		if v.err == nil {
			list = append(list, v.first)
		}
	}
	return spread(list)
}

// weigh computes the processor time of a party.
func (x *LineResult) weigh(before, after processor, visits []visit) {
	n := float64(len(visits))
	each := func(a, b time.Duration) float64 { return round(float64((b - a).Milliseconds()) / n) }
	x.Asterisk, x.Service = each(before.asterisk, after.asterisk), each(before.service, after.service)
	x.Postgres, x.Phones = each(before.postgres, after.postgres), each(before.bench, after.bench)
	all := after.all - before.all
	ours := after.asterisk + after.service + after.postgres + after.bench - before.asterisk - before.service - before.postgres - before.bench
	if all > 0 {
		x.Busy = round(float64(after.busy-before.busy) / float64(all))
		x.Others = round(max(0, float64(after.busy-before.busy-ours)/float64(all)))
	}
	var length time.Duration
	for _, v := range visits {
		length += v.length
	}
	x.Seconds = round(length.Seconds() / n)
	if x.Seconds > 0 {
		perSecond := (x.Asterisk + x.Service + x.Postgres) / x.Seconds
		withPhones := perSecond + x.Phones/x.Seconds
		x.Limits = fmt.Sprintf("a party walking the menus costs %.1f ms of processor per second (Asterisk %.1f, service %.1f, PostgreSQL %.1f), and its "+
			"simulated telephone %.1f: %d processors carry about %.0f such parties with their telephones, or %.0f without, were all of their time ours",
			perSecond, x.Asterisk/x.Seconds, x.Service/x.Seconds, x.Postgres/x.Seconds, x.Phones/x.Seconds, x.Processors,
			float64(x.Processors)*1000/withPhones, float64(x.Processors)*1000/perSecond)
	}
}

// used reads the processor time of everything.
func (r *lineRig) used() (processor, error) {
	p := processor{at: time.Now()}
	var errs [5]error
	p.asterisk, errs[0] = measure.OfProcess(r.pbx.PID())
	p.postgres, errs[1] = measure.OfFamily(r.pg.PID())
	p.service, errs[2] = measure.OfFamily(r.service.pid())
	p.bench, errs[3] = measure.OfProcess(os.Getpid())
	p.busy, p.all, errs[4] = measure.OfMachine()
	return p, errors.Join(errs[:]...)
}
