package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/postgres"
	"github.com/rappel-tel/rappel/pkg/schedule"
)

// longestWait bounds the wait before a further try: no window is longer than a day.
const longestWait = 24 * time.Hour

// retried are the results after which a person may be tried again.
func retried() []call.Result {
	return []call.Result{call.ResultBusy, call.ResultNoAnswer, call.ResultMachine, call.ResultCongestion, call.ResultFailed}
}

// flagOf is the flag that says when she is tried again after a result.
func flagOf(result call.Result) string { return strings.ReplaceAll(string(result), "_", "-") }

// retries are the flags that change a retry ladder; those not given stay as they were.
type retries struct {
	kind          call.Kind
	after         map[call.Result]*time.Duration
	tries, perDay int
	usual         bool
	given         func(flag string) bool
}

func (p *program) retries() *cobra.Command {
	r := retries{after: map[call.Result]*time.Duration{}}
	c := p.inScheme(&cobra.Command{
		Use:   "retries",
		Short: "Show or change when and how often somebody who was not reached is tried again",
		Long: `Shows when and how often somebody who was not reached is tried again, inside the agreed window and at her next number; with
flags it changes that first. The waits count from the end of the attempt; 0 means that she is not tried again after it. A
window of the same day that comes later has as many tries again, up to --per-day in vain over all her calls. What --kind
does not say is as for the other calls.

  rappel scheme retries --busy 5m --no-answer 30m --tries 3 --per-day 6
  rappel scheme retries --kind presence --no-answer 10m --tries 2
  rappel scheme retries --kind presence --usual`,
		Args: exactly(0),
	}, func(ctx context.Context, rec records, _ []string) error {
		changed, err := r.change(&rec.scheme)
		if err != nil {
			return usageError{err}
		}
		if changed {
			rec.scheme, err = rec.UpdateScheme(ctx, rec.scheme.Key, time.Now(), func(s *postgres.Scheme) error {
				_, err := r.change(s)
				return err
			})
			if err != nil {
				return err
			}
		}
		return p.printRetries(rec.scheme)
	})
	f := c.Flags()
	f.Var(&word[call.Kind]{&r.kind, call.Kinds()}, "kind", "only for calls of this kind: "+choice(call.Kinds()))
	for _, result := range retried() {
		name := flagOf(result)
		r.after[result] = f.Duration(name, 0, "wait after "+name+", such as "+schedule.DefaultAfter(result).String())
	}
	f.IntVar(&r.tries, "tries", 0, "how often she is tried in one window")
	f.IntVar(&r.perDay, "per-day", 0, "how often one person is tried in vain on a day, over all her calls; 0 is no bound")
	f.BoolVar(&r.usual, "usual", false, "forget what was set: with --kind what is its own, otherwise everything but --per-day")
	r.given = f.Changed
	return c
}

// change lays the flags over a scheme's ladder and reports whether there was one.
func (r *retries) change(s *postgres.Scheme) (bool, error) {
	ladder := schedule.Ladder{After: s.Retry, MaxAttempts: s.MaxAttempts}
	if r.kind != "" {
		ladder = s.Retries[r.kind]
	}
	changed := r.usual
	if r.usual {
		ladder = schedule.Ladder{}
	}
	waits := map[call.Result]time.Duration{}
	maps.Copy(waits, ladder.After)
	for result, after := range r.after {
		if !r.given(flagOf(result)) {
			continue
		}
		if *after < 0 || *after > longestWait || *after > 0 && *after < time.Second {
			return false, fmt.Errorf("--%s %s: write a wait of 1s to 24h, or 0 for no further try", flagOf(result), *after)
		}
		waits[result], changed = *after, true
	}
	ladder.After = waits
	if r.given("tries") {
		if r.tries < 1 || r.tries > 20 {
			return false, errors.New("--tries is 1 to 20")
		}
		ladder.MaxAttempts, changed = r.tries, true
	}
	if r.given("per-day") {
		if r.kind != "" {
			return false, errors.New("--per-day counts all her calls: it goes without --kind")
		}
		if r.perDay < 0 || r.perDay > 100 {
			return false, errors.New("--per-day is 1 to 100, or 0 for no bound")
		}
		if s.TriesPerDay = r.perDay; r.perDay == 0 {
			s.TriesPerDay = -1
		}
		changed = true
	}
	if r.kind == "" {
		s.Retry, s.MaxAttempts = ladder.After, ladder.MaxAttempts
		return changed, nil
	}
	own := map[call.Kind]schedule.Ladder{}
	maps.Copy(own, s.Retries)
	if own[r.kind] = ladder; len(ladder.After) == 0 && ladder.MaxAttempts == 0 {
		delete(own, r.kind)
	}
	s.Retries = own
	return changed, nil
}

func (p *program) printRetries(s postgres.Scheme) error {
	ladder := s.Ladder()
	w := tabwriter.NewWriter(p.out, 0, 4, 2, ' ', 0)
	fmt.Fprint(w, "KIND")
	for _, result := range retried() {
		fmt.Fprintf(w, "\t%s", flagOf(result))
	}
	fmt.Fprintln(w, "\ttries")
	row := func(kind string, l schedule.Ladder) {
		fmt.Fprint(w, kind)
		for _, result := range retried() {
			wait := "never"
			if after := l.Wait(result); after > 0 {
				wait = after.String()
			}
			fmt.Fprintf(w, "\t%s", wait)
		}
		fmt.Fprintf(w, "\t%d\n", l.Tries())
	}
	row("any", ladder)
	for _, kind := range slices.Sorted(maps.Keys(ladder.Kinds)) {
		row(string(kind), ladder.For(kind))
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	if ladder.PerDay == 0 {
		fmt.Fprintln(p.out, "In vain, per person and day: as often as that comes to")
		return nil
	}
	fmt.Fprintf(p.out, "In vain, per person and day: %d\n", ladder.PerDay)
	return nil
}
