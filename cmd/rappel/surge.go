package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/postgres"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// surgeKinds are the calls that a whole register may get on one day.
func surgeKinds() []call.Kind {
	return []call.Kind{call.KindPresence, call.KindScheduled, call.KindReminder, call.KindSurvey}
}

func (p *program) surge() *cobra.Command {
	s := postgres.Surge{Purpose: roster.PurposeCallingScheme}
	var rehearse bool
	var languages []string
	c := p.inScheme(&cobra.Command{
		Use:   "surge --kind KIND",
		Short: "Call a whole register today: a heatwave, a storm, an evaluation",
		Long: `Books one call for everybody of a register who may be called: from now until the scheme closes, or the next time it is
open. Presence checks, reminders and surveys are placed by the machine and use half of the outbound lines at most; scheduled
calls need callers. Typed again, it adds whoever came in since; nobody is called twice a day for it.

  rappel surge --kind presence --class 2,3 --dry-run      how many, and how long it takes
  rappel surge --kind presence --class 2,3
  rappel surge show                                       how it stands
  rappel surge stop                                       calls under way go on`,
		Args: exactly(0),
	}, func(ctx context.Context, r records, _ []string) (err error) {
		if s.Languages, err = languagesOf("--language", languages); err != nil {
			return err
		}
		for _, class := range s.Classes {
			if class < 0 || class > 3 {
				return usageError{fmt.Errorf("--class %d: classes are 0 to 3; 3 is the most vulnerable", class)}
			}
		}
		done, err := r.Surge(ctx, r.scheme.Key, s, time.Now(), rehearse)
		if err != nil {
			return ownCLI(err, s.Kind)
		}
		return p.tellSurge(r, s.Kind, done, rehearse)
	})
	f := c.Flags()
	f.Var(&word[call.Kind]{&s.Kind, surgeKinds()}, "kind", choice(surgeKinds()))
	f.Var(&word[roster.Purpose]{&s.Purpose, roster.Purposes()}, "register", "which register: "+choice(roster.Purposes()))
	f.IntSliceVar(&s.Classes, "class", nil, "only these classes, such as 2,3 (default: all)")
	f.StringSliceVar(&languages, "language", nil, "only people who speak these, such as fr,nl (default: all)")
	f.BoolVar(&rehearse, "dry-run", false, "book nothing; say how many and how long")
	_ = c.MarkFlagRequired("kind") // It fails for a flag that does not exist only.
	c.AddCommand(p.showSurges(), p.stopSurge())
	return c
}

// tellSurge says what was booked, or would be, and how long it takes.
func (p *program) tellSurge(r records, kind call.Kind, done postgres.Surged, rehearse bool) error {
	zone, err := time.LoadLocation(r.scheme.Zone)
	if err != nil {
		zone = time.UTC // A scheme with an unknown zone cannot be made.
	}
	w := tabwriter.NewWriter(p.out, 0, 4, 2, ' ', 0)
	fmt.Fprintf(w, "people\t%d\n", done.People)
	fmt.Fprintf(w, "away\t%d\n", done.Away)
	fmt.Fprintf(w, "have one on that day\t%d\n", done.Before)
	booked := "booked"
	if rehearse {
		booked = "would be booked"
	}
	fmt.Fprintf(w, "%s\t%d\n", booked, done.Booked)
	fmt.Fprintf(w, "from\t%s\n", done.Opens.In(zone).Format("2006-01-02 15:04"))
	fmt.Fprintf(w, "until\t%s\n", done.Closes.In(zone).Format("2006-01-02 15:04"))
	if err := w.Flush(); err != nil {
		return err
	}
	switch room := done.Closes.Sub(done.Opens); {
	case done.People == 0:
		fmt.Fprintln(p.err, "Nobody of that register, with those classes and languages, may be called.")
	case done.Booked == 0:
	case done.Lasts == 0 && (kind.Automatic() || done.Callers > 0):
		fmt.Fprintf(p.err, "No trunk has a line for calls out: nobody is called until one has (rappel scheme trunk NAME --host … --cli …).\n")
	case done.Lasts == 0:
		fmt.Fprintf(p.err, "No caller works now: %s calls wait until somebody does.\n", kind)
	case done.Lasts > room:
		fmt.Fprintf(p.err, "With the lines there are it takes about %s, and the scheme closes %s earlier: add lines, or choose by --class.\n",
			done.Lasts.Round(time.Minute), (done.Lasts - room).Round(time.Minute))
	default:
		fmt.Fprintf(p.err, "With the lines there are it takes about %s.\n", done.Lasts.Round(time.Minute))
	}
	if done.Booked > 0 && done.Opens.After(time.Now()) {
		fmt.Fprintf(p.err, "The scheme is closed now: they are called from %s on.\n", r.clock(done.Opens))
	}
	if r.scheme.Paused && done.Booked > 0 {
		fmt.Fprintln(p.err, "The scheme is paused: nobody is called until rappel scheme resume.")
	}
	return nil
}

func (p *program) showSurges() *cobra.Command {
	return p.inScheme(&cobra.Command{
		Use: "show", Short: "Show how today's surges stand", Args: exactly(0),
		Long: "Shows how the surges of today and later stand.\n\n  rappel surge show",
	}, func(ctx context.Context, r records, _ []string) error {
		list, err := r.Surges(ctx, r.scheme.Key, r.today(time.Now()))
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(p.out, 0, 4, 2, ' ', 0)
		fmt.Fprintln(w, "DAY\tKIND\tCALLS\tSTATES\tANSWERS\tSTOPPED")
		for _, g := range list {
			var states, answers []string
			for _, s := range call.OccurrenceStates() {
				if n := g.ByState[s]; n > 0 {
					states = append(states, fmt.Sprintf("%s %d", s, n))
				}
			}
			for _, a := range slices.Sorted(maps.Keys(g.ByAnswer)) {
				answers = append(answers, fmt.Sprintf("%s %d", a, g.ByAnswer[a]))
			}
			stopped := "no"
			if !g.Stopped.IsZero() {
				stopped = "yes"
			}
			fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\t%s\n", g.Day.Format(time.DateOnly), g.Kind, g.Calls, strings.Join(states, ", "),
				strings.Join(answers, ", "), stopped)
		}
		return w.Flush()
	})
}

func (p *program) stopSurge() *cobra.Command {
	var kind call.Kind
	c := p.inScheme(&cobra.Command{
		Use: "stop", Short: "Stop today's surges: what has not begun is cancelled, calls under way go on", Args: exactly(0),
		Long: "Stops the surges of today and later: what has not begun is cancelled, calls under way go on.\n\n  rappel surge stop --kind presence",
	}, func(ctx context.Context, r records, _ []string) error {
		now := time.Now()
		n, err := r.StopSurge(ctx, r.scheme.Key, kind, r.today(now), now)
		if err != nil {
			return mistake(err, postgres.ErrNoSurge)
		}
		fmt.Fprintf(p.err, "Stopped. Calls cancelled: %d.\n", n)
		return nil
	})
	c.Flags().Var(&word[call.Kind]{&kind, surgeKinds()}, "kind", "only this kind: "+choice(surgeKinds())+" (default: all)")
	return c
}
