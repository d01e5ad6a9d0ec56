// Package figures measures what is promised of the dispatcher, figure by figure (P1 to P9, and two more): speed, lateness, memory, growth,
// restart, quality and safety, each beside a peer or a bound that is measured in the same run. One file per figure.
package figures

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/rappel-tel/rappel/tests/bench/measure"
)

// Options say what is measured. The zero value of a number means its default.
type Options struct {
	Root     string   // Of the module; its .rappel holds the programs and what is run. Required.
	Only     []string // Figures, "P1" to "P9", "takeover" and "live"; none means all.
	Quick    bool     // A small form of each: shows that it works, measures nothing.
	Full     bool     // What is held grows to ten million instead of one.
	Rounds   int      // 5 by default, 1 when Quick.
	Calls    int      // Due at once in P1 and P7; 200,000 by default.
	Callers  int      // Ready in P1 and P7; 1,000 by default.
	Faults   int      // Of P9; 200 by default.
	Progress io.Writer
}

// Result is one figure.
type Result struct {
	Value  float64   `json:"value"`
	Unit   string    `json:"unit"`
	Peer   *float64  `json:"peer"`  // The same of the peer, in the same unit; null when there is none.
	Ratio  float64   `json:"ratio"` // The one that the goal bounds: the median of the rounds' ratios.
	Spread []float64 `json:"spread"`
	Goal   string    `json:"goal"`
	Met    bool      `json:"met"`
	// Limit says what keeps it from its goal; empty when it is met.
	Limit   string             `json:"limit,omitempty"`
	Details map[string]float64 `json:"details"` // Sizes, the other ratios, counts.
}

// figure is one row of the table.
type figure struct {
	name, what, goal string
	measure          func(ctx context.Context, r *rig, rounds measure.Rounds) (Result, error)
}

// table holds the figures, as issue and README tell them.
func table() []figure {
	return []figure{
		{"P1", "durable dispatch of everything that is due at once", "≥ 3 × River's burn-down and ≥ 0.5 × the raw statements", burnDown},
		{"P2", "lateness from due to durably assigned", "p99 ≤ 1/3 of River tuned and ≤ 1/50 of River's defaults", lateness},
		{"P3", "one decision under the full policy", "p99 ≤ 5 µs from 100 to 100,000 callers, 100,000 ≤ 2 × 100, equal to a naive scan", match},
		{"P4", "memory per held occurrence", "≤ 45 B of heap; ≤ 1/2 of River's row in PostgreSQL", memory},
		{"P5", "growth from 10,000 held to all", "pop and put back ≤ 4 ×, dispatch ≥ 0.8 ×", growth},
		{"P6", "kill -9 to the first due dispatch", "≤ 3 s, and the full index ≤ 2 × the raw SELECT", restart},
		{"P7", "events on NATS with 50 subscribers", "≥ 0.9 × dispatch without; once, in order per call, gaps detectable", events},
		{"P8", "assignment of a backlog", "≥ 0.95 of the Hungarian optimum on 200 × 200; idle shares spread ≤ 1.1 × longest idle first", quality},
		{"P9", "safety under faults, counted at the far phones", "≥ 200 faults: 0 double, 0 lost, 0 outside the window", faults},
		{"takeover", "the leading node is killed, or frozen, to the other's first dispatch", "≤ 10 s", takeover},
		{"live", "how far live figures are behind: 500 calls/s, 50 viewers", "p99 ≤ 1 s", liveFigures},
	}
}

// Names lists the figures.
func Names() []string {
	var names []string
	for _, f := range table() {
		names = append(names, f.name)
	}
	return names
}

// ErrUnknown means that there is no figure of that name.
var ErrUnknown = errors.New("no such figure")

func (o Options) filled() (Options, error) {
	if o.Root == "" {
		return o, errors.New("measure figures: the module's folder is not given")
	}
	if o.Calls < 0 || o.Callers < 0 || o.Rounds < 0 || o.Faults < 0 {
		return o, errors.New("measure figures: a number is negative")
	}
	if len(o.Only) == 0 {
		o.Only = Names()
	}
	for _, name := range o.Only {
		if !slices.Contains(Names(), name) {
			return o, fmt.Errorf("%w: %q; there are %s", ErrUnknown, name, strings.Join(Names(), ", "))
		}
	}
	if o.Progress == nil {
		o.Progress = io.Discard
	}
	if o.Rounds == 0 {
		o.Rounds = 5
		if o.Quick {
			o.Rounds = 1
		}
	}
	return o, nil
}

// Run measures the figures one after the other. What it starts is stopped again. With an error come the figures that were
// measured before; the others can be measured with Only.
func Run(ctx context.Context, o Options) (results map[string]Result, err error) {
	if o, err = o.filled(); err != nil {
		return nil, err
	}
	r, err := newRig(ctx, o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.close(context.WithoutCancel(ctx))) }()
	results = map[string]Result{}
	for _, f := range table() {
		if !slices.Contains(o.Only, f.name) {
			continue
		}
		began := time.Now()
		fmt.Fprintf(o.Progress, "%s: %s\n", f.name, f.what)
		result, err := f.measure(ctx, r, measure.Rounds{Name: f.name, Count: o.Rounds, Progress: o.Progress})
		if err != nil {
			return results, fmt.Errorf("%s: %w", f.name, err)
		}
		results[f.name] = f.finish(result)
		fmt.Fprintf(o.Progress, "%s: %v %s, ratio %v, met: %t, took %.0f s\n", f.name, results[f.name].Value, result.Unit,
			results[f.name].Ratio, result.Met, time.Since(began).Seconds())
	}
	return results, nil
}

// finish rounds the numbers and sees to it that a figure says nothing of a limit that it does not have.
func (f figure) finish(x Result) Result {
	x.Goal = f.goal
	x.Value, x.Ratio = measure.Round(x.Value), measure.Round(x.Ratio)
	if x.Peer != nil {
		peer := measure.Round(*x.Peer)
		x.Peer = &peer
	}
	for i := range x.Spread {
		x.Spread[i] = measure.Round(x.Spread[i])
	}
	for name := range x.Details {
		x.Details[name] = measure.Round(x.Details[name])
	}
	if x.Met {
		x.Limit = ""
	}
	return x
}

// pick chooses the size of something.
func (o Options) pick(quick, normal, full int) int {
	switch {
	case o.Quick:
		return quick
	case o.Full:
		return full
	default:
		return normal
	}
}
