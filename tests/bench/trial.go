package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/rappel-tel/rappel/tests/bench/measure"
)

// The modes: what places the calls.
const (
	modeDial      = "dial"      // A phone dials, the dialplan rings the other: Dial().
	modeOriginate = "originate" // One command rings the first phone, the dialplan the other: Dial().
	modeRappel    = "rappel"    // The service as it is shipped.
)

// Modes between the last two, only measured when they are named, to see what the parts of the last one cost.
const (
	modeCommand  = "command"  // The one command of Rappel's and its dialplan, nobody listening.
	modeListened = "listened" // The same with the event stream as the service reads it.
)

func modes() []string { return []string{modeDial, modeOriginate, modeRappel} }

const (
	setupLimit = 100 * time.Millisecond // For 99 of 100 calls, from the first command to the second phone's answer.
	rateLimit  = 0.95                   // Of the rate aimed at that must be reached.
	hold       = time.Second            // How long the second phone stays; its scenario says so.
	quietLimit = 12 * time.Second       // How long the PBX has to end everything after the last call.
	filesLimit = 2 * time.Second        // How long it then has to close descriptors.
	filesShare = 0.01                   // Of the calls may leave a descriptor behind before the trial is not clean: see Leaks.
)

// Trial is one rate tried in one mode.
type Trial struct {
	Mode     string  `json:"mode"`
	Rate     float64 `json:"rate"`
	Calls    int     `json:"calls"`
	Answered int     `json:"answered"` // By the second phones, counted by them.
	Failed   int     `json:"failed"`   // Not answered, rung twice, refused, ended in error at a phone, or recorded as anything but answered.
	Reached  float64 `json:"reached_cps"`
	P50      float64 `json:"setup_p50_ms"`
	P99      float64 `json:"setup_p99_ms"`
	Max      float64 `json:"setup_max_ms"`
	Repeated int     `json:"sip_retransmissions"` // By the phones.
	Leaked   Leaks   `json:"leaked"`
	CPU      CPU     `json:"cpu_ms_per_call"`
	Busy     float64 `json:"machine_busy"`      // Share of all processors that was used, by whomever.
	Others   float64 `json:"machine_others"`    // Share that was used by none of the parts measured.
	PhoneUse float64 `json:"busiest_sipp"`      // Share of one processor that the busiest generator used.
	Load     float64 `json:"load_average"`      // Over one minute, before the trial.
	Service  *Inner  `json:"service,omitempty"` // What the service and its database say.
	Clean    bool    `json:"clean"`
	Why      string  `json:"why,omitempty"` // It is not clean.
}

// Leaks is what was left in the PBX after the calls. Asterisk 22.10.1 now and then forgets to close the timer (timerfd) of a
// channel that played a tone when it was taken into another bridge; so a trial counts as clean while that concerns fewer
// than one call in a hundred, but every descriptor is counted and shown.
type Leaks struct {
	Channels int `json:"channels"`
	Bridges  int `json:"bridges"`
	Files    int `json:"descriptors"`
	Calls    int `json:"calls,omitempty"` // That the service still follows.
}

func (l Leaks) sum() int { return l.Channels + l.Bridges + l.Files + l.Calls }

// grave reports leaks that make a trial of so many calls not clean.
func (l Leaks) grave(calls int) bool {
	return l.Channels+l.Bridges+l.Calls > 0 || float64(l.Files) > filesShare*float64(calls)
}

// CPU is processor time in milliseconds per call.
type CPU struct {
	Asterisk float64 `json:"asterisk"`
	Postgres float64 `json:"postgres"`
	Service  float64 `json:"service"`
	Phones   float64 `json:"sipp"`
	Bench    float64 `json:"bench"`
}

// sum is what a call costs in all parts of the path, the benchmark's own bookkeeping aside.
func (c CPU) sum() float64 { return c.Asterisk + c.Postgres + c.Service + c.Phones }

// run is a trial under way.
type run struct {
	*rig
	trial *Trial
	dir   string
	begun map[string]time.Time // First command or INVITE, by number.

	second, first *sipp
	service       *service
	errors        int // Calls refused, whoever says so.
}

// try runs one trial, again with more patience when the service was not ready in time. Its error says that nothing was
// measured; a trial that is not clean is no error.
func (r *rig) try(ctx context.Context, mode string, rate float64) (Trial, error) {
	for {
		t, err := r.tryOnce(ctx, mode, rate)
		if err == nil {
			return t, nil
		}
		if !errors.Is(err, errLate) || r.lead > longest/2 {
			return t, fmt.Errorf("try %s at %.0f/s: %w", mode, rate, err)
		}
		r.lead *= 2
	}
}

func (r *rig) tryOnce(ctx context.Context, mode string, rate float64) (Trial, error) {
	r.trials++
	t := Trial{Mode: mode, Rate: rate, Calls: int(math.Round(rate * r.options.Length.Seconds())), Load: measure.LoadAverage()}
	if t.Calls > r.options.people()-warm {
		return t, fmt.Errorf("%d calls are more than there are people", t.Calls)
	}
	x := &run{rig: r, trial: &t, dir: filepath.Join(r.dir, fmt.Sprintf("%03d-%s", r.trials, mode)), begun: map[string]time.Time{}}
	err := x.perform(ctx)
	return t, err
}

func (x *run) perform(ctx context.Context) (err error) {
	if x.second, err = startPhones(ctx, x.inst.SIPp, x.dir, "answered", x.beneficiaries); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, x.abandon(x.second)) }()
	if err := x.second.listening(ctx, x.beneficiaries); err != nil {
		return err
	}
	if x.trial.Mode != modeDial {
		if x.first, err = startPhones(ctx, x.inst.SIPp, x.dir, "caller", x.callers); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, x.abandon(x.first)) }()
		if err := x.first.listening(ctx, x.callers); err != nil {
			return err
		}
	}
	switch x.trial.Mode {
	case modeDial:
		return x.dial(ctx)
	case modeOriginate, modeCommand:
		return x.originate(ctx)
	case modeListened:
		return x.listened(ctx)
	default:
		return x.whole(ctx)
	}
}

// abandon stops phones that an error has left.
func (x *run) abandon(s *sipp) error {
	if s.over {
		return nil
	}
	_, err := s.stop()
	return err
}

// dial has phones dial.
func (x *run) dial(ctx context.Context) error {
	var list []byte
	list = append(list, "SEQUENTIAL\n"...)
	for i := range x.trial.Calls {
		list = append(append(list, number(i+1)...), '\n')
	}
	numbers := filepath.Join(x.dir, "numbers.csv")
	if err := writeFile(numbers, list); err != nil {
		return err
	}
	before, err := x.used(0)
	if err != nil {
		return err
	}
	// Calls per second as a whole number, the rest by the period: SIPp takes no fractions.
	n := strconv.Itoa(x.trial.Calls)
	s, err := startPhones(ctx, x.inst.SIPp, x.dir, "dialler", x.diallers, "-inf", numbers, "-m", n, "-r", n,
		"-rp", strconv.FormatInt(x.options.Length.Milliseconds(), 10), "-l", strconv.Itoa(inFlight(x.trial.Rate)), x.pbx.SIPAddr().String())
	if err != nil {
		return err
	}
	x.first = s
	if _, err := s.await(ctx, x.options.Length+quietLimit); err != nil {
		return err
	}
	return x.weigh(ctx, before)
}

// inFlight bounds calls under way when a rate is too high, so that the PBX is not driven out of descriptors.
func inFlight(rate float64) int { return max(50, int(3*rate)) }

func sleepUntil(ctx context.Context, at time.Time) {
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// weigh waits until the PBX is quiet, stops the phones and judges the trial.
func (x *run) weigh(ctx context.Context, before processor) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	leaks, err := x.settle(ctx)
	if err != nil {
		return err
	}
	t := x.trial
	t.Leaked.Channels, t.Leaked.Bridges, t.Leaked.Files = leaks.Channels, leaks.Bridges, leaks.Files
	pid := 0
	if x.service != nil {
		pid = x.service.pid()
	}
	after, err := x.used(pid)
	if err != nil {
		return err
	}
	first, err := x.first.stop()
	if err != nil {
		return err
	}
	second, err := x.second.stop()
	if err != nil {
		return err
	}
	answered, doubles, err := x.second.noted()
	if err != nil {
		return err
	}
	if t.Mode == modeDial {
		if x.begun, _, err = x.first.noted(); err != nil {
			return err
		}
	}
	x.charge(before, after, first.used, second.used)
	t.Repeated = first.repeated + second.repeated
	x.time(answered)
	t.Failed = max(t.Calls-t.Answered, x.errors) + doubles + first.failed + second.failed
	x.judge()
	return nil
}

// charge shares the processor time out.
func (x *run) charge(before, after processor, phones ...time.Duration) {
	t, wall := x.trial, after.at.Sub(before.at)
	per := func(d time.Duration) float64 { return round(d.Seconds() * 1000 / float64(t.Calls)) }
	sum, busiest := time.Duration(0), time.Duration(0)
	for _, p := range phones {
		sum += p
		busiest = max(busiest, p)
	}
	service := after.service
	if x.service != nil {
		service -= before.service
	}
	t.CPU = CPU{
		Asterisk: per(after.asterisk - before.asterisk), Postgres: per(after.postgres - before.postgres),
		Service: per(service), Phones: per(sum), Bench: per(after.bench - before.bench),
	}
	all := max(after.all-before.all, measure.Tick)
	ours := after.asterisk - before.asterisk + after.postgres - before.postgres + after.bench - before.bench + service + sum
	t.Busy = round((after.busy - before.busy).Seconds() / all.Seconds())
	t.Others = round(max(0, after.busy-before.busy-ours).Seconds() / all.Seconds())
	t.PhoneUse = round(busiest.Seconds() / wall.Seconds())
}

// time computes how long the calls took to set up, and the rate that was reached: from the first answer to the last.
func (x *run) time(answered map[string]time.Time) {
	var took []time.Duration
	var first, last time.Time
	for i := range x.trial.Calls {
		at, ok := answered[number(i+1)]
		if !ok {
			continue
		}
		x.trial.Answered++
		if first.IsZero() || at.Before(first) {
			first = at
		}
		if at.After(last) {
			last = at
		}
		if begun, ok := x.begun[number(i+1)]; ok {
			took = append(took, at.Sub(begun))
		}
	}
	if len(took) == 0 {
		return
	}
	slices.Sort(took)
	x.trial.P50, x.trial.P99 = milliseconds(measure.Quantile(took, 0.5)), milliseconds(measure.Quantile(took, 0.99))
	x.trial.Max = milliseconds(took[len(took)-1])
	if span := last.Sub(first).Seconds(); span > 0 {
		x.trial.Reached = round(float64(x.trial.Answered-1) / span)
	}
}

func milliseconds(d time.Duration) float64 { return round(d.Seconds() * 1000) }

// round keeps two decimals: the figures deserve no more.
func round(f float64) float64 { return math.Round(f*100) / 100 }

// judge says whether the trial is clean.
func (x *run) judge() {
	t := x.trial
	switch {
	case t.Failed > 0:
		t.Why = fmt.Sprintf("%d calls failed", t.Failed)
	case t.Leaked.grave(t.Calls):
		t.Why = fmt.Sprintf("leaked %+v", t.Leaked)
	case t.P99 >= milliseconds(setupLimit):
		t.Why = fmt.Sprintf("setup p99 %.0f ms", t.P99)
	case t.Reached < rateLimit*t.Rate:
		t.Why = fmt.Sprintf("only %.0f calls/s", t.Reached)
	default:
		t.Clean = true
	}
}

// settle waits until the PBX holds nothing more, and returns what is left when it does not come to that. Descriptors are
// those above the number at rest before; afterwards the number at rest is the present one, so that each trial answers for
// itself.
func (r *rig) settle(ctx context.Context) (Leaks, error) {
	var left Leaks
	files := 0
	look := func(enough func() bool) func() (bool, error) {
		return func() (done bool, err error) {
			if left.Channels, left.Bridges, err = r.ari.alive(ctx); err != nil {
				return false, err
			}
			if files, err = measure.OpenFiles(r.pbx.PID()); err != nil {
				return false, err
			}
			left.Files = max(0, files-r.files)
			return enough(), nil
		}
	}
	for _, step := range []struct {
		limit  time.Duration
		enough func() bool
	}{
		{quietLimit, func() bool { return left.Channels+left.Bridges == 0 }},
		{filesLimit, func() bool { return left.sum() == 0 }},
	} {
		err := wait(ctx, step.limit, "the PBX to be quiet", look(step.enough))
		if err != nil && (ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded)) {
			return left, err
		}
	}
	if left.Channels == 0 {
		r.files = files
	}
	return left, nil
}

// rest brings the PBX to rest after a trial that was not clean.
func (r *rig) rest(ctx context.Context) error {
	if _, err := r.pbx.Console(ctx, "channel request hangup all"); err != nil {
		return err
	}
	_, err := r.settle(ctx)
	return err
}
