package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/rappel-tel/rappel/tests/bench/measure"
)

// Options say what is measured.
type Options struct {
	Quick   bool          // One short trial per mode.
	Rounds  int           // At most; 0 means 3; one when Quick.
	Limit   time.Duration // No further round begins that would probably end later than this; 0 means 11 min.
	Only    []string      // Modes; empty means all.
	Length  time.Duration
	Rate    float64 // Tries this rate only; 0 ramps.
	Profile string  // Folder for profiles of the service; empty makes none.
	Keep    bool    // Keeps the run folder.
	// Starts is how many calls per second the service's admission to the PBX begins with; 0 means 2000, which bounds nothing
	// unless the PBX is slow, and less bounds nothing at all.
	Starts   int
	Progress io.Writer
}

const quickRate = 12

func (o *Options) fill() error {
	if o.Rounds <= 0 || o.Quick || o.Rate > 0 && o.Rounds == 0 {
		o.Rounds = map[bool]int{true: 1, false: 3}[o.Quick]
	}
	if o.Length <= 0 {
		o.Length = map[bool]time.Duration{true: 3 * time.Second, false: 6 * time.Second}[o.Quick]
	}
	if o.Quick && o.Rate == 0 {
		o.Rate = quickRate
	}
	if o.Starts == 0 {
		o.Starts = 2000
	}
	if o.Limit <= 0 {
		o.Limit = 11 * time.Minute
	}
	if len(o.Only) == 0 {
		o.Only = modes()
	}
	for _, mode := range o.Only {
		if !slices.Contains(append(modes(), modeCommand, modeListened), mode) {
			return fmt.Errorf("%w: %q is no mode", errUsage, mode)
		}
	}
	if o.Progress == nil {
		o.Progress = io.Discard
	}
	return nil
}

// callers is how many have a phone: far more than the fastest trial keeps busy.
func (o *Options) callers() int { return map[bool]int{true: 100, false: 1500}[o.Quick] }

// people is how many may be called in one trial.
func (o *Options) people() int { return map[bool]int{true: 200, false: 8000}[o.Quick] }

// rtpPorts are how many UDP ports the PBX is given: the first run of them that is free.
func (o *Options) rtpPorts() []int {
	if o.Quick {
		return []int{400}
	}
	return []int{8000, 5000, 3600}
}

func (o *Options) tell(format string, args ...any) {
	fmt.Fprintf(o.Progress, format+"\n", args...)
}

// Result is what was measured. Rates are calls per second.
type Result struct {
	Dial      float64 `json:"dial_cps"` // Medians of the rounds' highest clean rates.
	Originate float64 `json:"originate_dial_cps"`
	Rappel    float64 `json:"rappel_cps"`
	Ratio     float64 `json:"ratio"` // Median of the rounds' rappel/dial.
	// RatioSpread are the least and the greatest of the rounds' ratios.
	RatioSpread    [2]float64         `json:"ratio_spread"`
	OriginateRatio float64            `json:"originate_ratio"` // Median of originate/dial.
	Asterisk       map[string]float64 `json:"asterisk_ms_per_call"`
	CPU            map[string]CPU     `json:"cpu"`    // Milliseconds per call at the highest clean rate, by mode.
	Leaked         int                `json:"leaked"` // Channels, bridges, descriptors and calls, in all clean trials together.
	LeakedFiles    int                `json:"leaked_descriptors"`
	LeakedBeyond   int                `json:"leaked_beyond"` // The same in the trials that were not clean.
	Limits         string             `json:"limits"`        // What limits the rate, in words.
	Best           map[string]Trial   `json:"best"`          // The highest clean trial of each mode, or the last one.
	Rounds         []Round            `json:"rounds"`
	Trials         []Trial            `json:"trials"`
	LoadBefore     float64            `json:"load_average_before"`
	LoadAfter      float64            `json:"load_average_after"`
	Processors     int                `json:"processors"`
	Callers        int                `json:"callers"` // Static contacts in generated accounts.
	AsteriskIs     string             `json:"asterisk"`
	PostgresIs     string             `json:"postgres"`
	Seconds        float64            `json:"seconds"`
}

// Round is the highest clean rate of each mode.
type Round map[string]float64

// Calls measures calls per second. It sets everything up and takes it down again.
func Calls(ctx context.Context, o Options) (result *Result, err error) {
	if err := o.fill(); err != nil {
		return nil, err
	}
	began := time.Now()
	r, err := build(ctx, o)
	defer func() { err = errors.Join(err, r.close(context.WithoutCancel(ctx))) }()
	if err != nil {
		return nil, err
	}
	result = &Result{
		LoadBefore: measure.LoadAverage(), Processors: runtime.NumCPU(), Callers: len(r.endpoints), AsteriskIs: r.inst.AsteriskVersion(),
		PostgresIs: r.inst.PostgresVersion(), Best: map[string]Trial{}, Asterisk: map[string]float64{}, CPU: map[string]CPU{},
	}
	ready := time.Now()
	for round := range o.Rounds {
		rates := Round{}
		// The order turns, so that no mode always comes after the same other one.
		for i := range o.Only {
			mode := o.Only[(i+round)%len(o.Only)]
			if rates[mode], err = r.measure(ctx, result, mode); err != nil {
				return nil, err
			}
			o.tell("round %d: %s %.0f calls/s", round+1, mode, rates[mode])
		}
		result.Rounds = append(result.Rounds, rates)
		if spent := time.Since(ready); time.Since(began)+spent/time.Duration(round+1) > o.Limit {
			break
		}
	}
	result.LoadAfter, result.Seconds = measure.LoadAverage(), round(time.Since(began).Seconds())
	result.sum()
	return result, nil
}

// begin gives a mode a PBX that was just started: one that was driven too fast before, by whichever mode, needs up to
// twice the processor time per call for about a minute. Then it has the PBX start its threads and open what it keeps open.
func (r *rig) begin(ctx context.Context) error {
	if r.driven && r.options.Quick {
		return nil // It was not driven at all.
	}
	if r.driven {
		if err := r.pbx.Restart(ctx); err != nil {
			return err
		}
		r.ari.client.CloseIdleConnections()
	}
	r.driven = true
	length := r.options.Length
	r.options.Length = 2 * time.Second
	defer func() { r.options.Length = length }()
	if _, err := r.try(ctx, modeDial, quickRate); err != nil {
		return err
	}
	return nil
}

// firstRate is where the first round's ramp begins.
func firstRate(mode string) float64 {
	return map[string]float64{modeDial: 300, modeOriginate: 200, modeCommand: 160, modeListened: 140, modeRappel: 130}[mode]
}

// measure ramps one mode, or tries the one rate that was asked for.
func (r *rig) measure(ctx context.Context, result *Result, mode string) (float64, error) {
	try := func(rate float64) (bool, error) {
		t, err := r.try(ctx, mode, rate)
		if err != nil {
			return false, err
		}
		result.add(t)
		r.options.tell("%-9s %5.0f/s  p50 %6.1f  p99 %7.1f ms  reached %6.1f  asterisk %.2f ms/call  busy %.0f%% (others %.0f%%)  load %.1f  %s",
			mode, rate, t.P50, t.P99, t.Reached, t.CPU.Asterisk, 100*t.Busy, 100*t.Others, t.Load, t.verdict())
		if !t.Clean {
			err = r.rest(ctx)
		}
		return t.Clean, err
	}
	if err := r.begin(ctx); err != nil {
		return 0, err
	}
	if r.options.Rate > 0 {
		clean, err := try(r.options.Rate)
		if !clean {
			return 0, err
		}
		return r.options.Rate, err
	}
	start, by := firstRate(mode), wide()
	if n := len(result.Rounds); n > 0 && result.Rounds[n-1][mode] > 0 {
		start, by = result.Rounds[n-1][mode], narrow()
	}
	return ramp(start, float64(r.options.people()-warm)/r.options.Length.Seconds()-1, by, try)
}

func (t Trial) verdict() string {
	if t.Clean {
		return "clean"
	}
	return t.Why
}

// add keeps a trial, and remembers the best of its mode.
func (x *Result) add(t Trial) {
	x.Trials = append(x.Trials, t)
	if t.Clean {
		x.Leaked += t.Leaked.sum()
		x.LeakedFiles += t.Leaked.Files
	} else {
		x.LeakedBeyond += t.Leaked.sum()
	}
	best, known := x.Best[t.Mode]
	if !known || t.Clean && (!best.Clean || t.Rate > best.Rate) || !t.Clean && !best.Clean {
		x.Best[t.Mode] = t
	}
}

// sum draws the rounds together.
func (x *Result) sum() {
	of := func(mode string) float64 {
		var rates []float64
		for _, r := range x.Rounds {
			rates = append(rates, r[mode])
		}
		return round(measure.Median(rates))
	}
	x.Dial, x.Originate, x.Rappel = of(modeDial), of(modeOriginate), of(modeRappel)
	ratios := func(mode string) (list []float64) {
		for _, r := range x.Rounds {
			if r[modeDial] > 0 && r[mode] > 0 {
				list = append(list, r[mode]/r[modeDial])
			}
		}
		return list
	}
	if list := ratios(modeRappel); len(list) > 0 {
		x.Ratio, x.RatioSpread = round(measure.Median(list)), [2]float64{round(slices.Min(list)), round(slices.Max(list))}
	}
	x.OriginateRatio = round(measure.Median(ratios(modeOriginate)))
	for mode, t := range x.Best {
		x.Asterisk[mode], x.CPU[mode] = t.CPU.Asterisk, t.CPU
	}
	x.Limits = x.limits()
}

// limits says what a call costs, and how much of the processors the best trials used.
func (x *Result) limits() string {
	var parts []string
	for _, mode := range slices.Sorted(maps.Keys(x.Best)) {
		t := x.Best[mode]
		parts = append(parts, fmt.Sprintf("%s at %.0f/s costs %.1f ms of processor per call (Asterisk %.1f, PostgreSQL %.1f, service %.1f, "+
			"phones %.1f) and keeps the machine %.0f %% busy, %.0f %% by others", mode, t.Rate, t.CPU.sum(), t.CPU.Asterisk, t.CPU.Postgres,
			t.CPU.Service, t.CPU.Phones, 100*t.Busy, 100*t.Others))
	}
	return fmt.Sprintf("%d processors have %d ms a second: %s", x.Processors, 1000*x.Processors, strings.Join(parts, "; "))
}

// tell writes the result for a person.
func (x *Result) tell(out io.Writer) {
	fmt.Fprintf(out, "dial %.0f, originate %.0f, rappel %.0f calls/s; rappel/dial %.2f (%.2f to %.2f); leaked %d; load %.1f to %.1f\n",
		x.Dial, x.Originate, x.Rappel, x.Ratio, x.RatioSpread[0], x.RatioSpread[1], x.Leaked, x.LoadBefore, x.LoadAfter)
	fmt.Fprintln(out, x.Limits)
	for _, mode := range slices.Sorted(maps.Keys(x.CPU)) {
		fmt.Fprintf(out, "%-9s at %.0f/s: setup p50 %.1f, p99 %.1f ms; ms per call: %+v\n", mode, x.Best[mode].Rate, x.Best[mode].P50,
			x.Best[mode].P99, x.CPU[mode])
	}
}
