package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/rappel-tel/rappel/pkg/postgres"
	"github.com/rappel-tel/rappel/pkg/schedule"
)

func (p *program) absence() *cobra.Command {
	c := &cobra.Command{Use: "absence", Short: "Note when somebody is away or not to be called; her promises move at once"}
	c.AddCommand(p.addAbsence(), p.listAbsences(), p.endAbsence())
	return c
}

func (p *program) addAbsence() *cobra.Command {
	var from, until string
	var noCall, quiet bool
	c := p.inScheme(&cobra.Command{
		Use:   "add REF",
		Short: "Announce an absence: calls rest meanwhile, and she is welcomed back on the first day after it",
		Long: `Announces an absence. Open promises on its days are moved or cancelled at once; a call under way goes on. On the first day
after it on which she can be called there is a welcome-back call, unless --no-welcome-back says otherwise. With --no-call it
is a period in which she is not to be called though she is there, without a welcome-back call.`,
		Args: exactly(1),
	}, func(ctx context.Context, r records, args []string) error {
		now := time.Now()
		pause := postgres.Pause{Ref: args[0], First: r.today(now), NoCall: noCall, WelcomeBack: !noCall && !quiet}
		if err := readDate("--from", from, &pause.First); err != nil {
			return err
		}
		if err := readDate("--until", until, &pause.Last); err != nil {
			return err
		}
		noted, done, err := r.Announce(ctx, r.scheme.Key, pause, now)
		if err != nil {
			return noBeneficiary(args[0], err, postgres.ErrDatesBackward)
		}
		if noted.Known {
			fmt.Fprintln(p.err, "That was noted already; nothing was added.")
			return nil
		}
		p.tell(done)
		return nil
	})
	c.Flags().StringVar(&from, "from", "", "first day, such as 2026-12-24 (default: today)")
	c.Flags().StringVar(&until, "until", "", "last day (default: until further notice)")
	c.Flags().BoolVar(&noCall, "no-call", false, "she is there, and not to be called")
	c.Flags().BoolVar(&quiet, "no-welcome-back", false, "book no call of its own after it")
	return c
}

func (p *program) listAbsences() *cobra.Command {
	return p.inScheme(&cobra.Command{
		Use:   "list [REF]",
		Short: "List the absences and no-call periods that are not over",
		Args:  atMostOne,
	}, func(ctx context.Context, r records, args []string) error {
		if ref := only(args); ref != "" {
			if _, err := r.Settings(ctx, r.scheme.Key, ref); err != nil {
				return noBeneficiary(ref, err)
			}
		}
		list, err := r.Absences(ctx, r.scheme.Key, only(args), r.today(time.Now()))
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(p.out, 0, 4, 2, ' ', 0)
		fmt.Fprintln(w, "REF\tFROM\tUNTIL\tKIND\tWELCOME BACK")
		for _, a := range list {
			last, kind, back := "further notice", "absence", "no"
			if !a.Last.IsZero() {
				last = a.Last.Format(time.DateOnly)
			}
			if a.NoCall {
				kind = "no calls"
			}
			if a.WelcomeBack {
				back = "yes"
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", a.Ref, a.First.Format(time.DateOnly), last, kind, back)
		}
		return w.Flush()
	})
}

func (p *program) endAbsence() *cobra.Command {
	var back string
	c := p.inScheme(&cobra.Command{
		Use:   "end REF",
		Short: "She is back: end her absence, or take back one that has not begun",
		Args:  exactly(1),
	}, func(ctx context.Context, r records, args []string) error {
		now := time.Now()
		day := r.today(now)
		if err := readDate("--back", back, &day); err != nil {
			return err
		}
		_, done, err := r.EndAbsence(ctx, r.scheme.Key, args[0], day, now)
		if err != nil {
			return noBeneficiary(args[0], err, postgres.ErrNotAway)
		}
		p.tell(done)
		return nil
	})
	c.Flags().StringVar(&back, "back", "", "first day on which she is there again (default: today)")
	return c
}

// tell says what became of promises.
func (p *program) tell(done postgres.Replanned) {
	fmt.Fprintf(p.err, "Noted. Promises moved: %d, cancelled: %d, booked: %d.\n", done.Moved, done.Cancelled, done.Booked)
}

// today is the scheme's date.
func (r records) today(now time.Time) time.Time { return schedule.DateIn(now, r.zone()) }

// readDate reads a date of the command line, if there is one.
func readDate(name, text string, into *time.Time) error {
	if text == "" {
		return nil
	}
	date, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return usageError{fmt.Errorf("%s %s: is no date such as 2026-12-24", name, text)}
	}
	*into = date
	return nil
}

// mistake marks an error as one in typing when it is one of a few.
func mistake(err error, kinds ...error) error {
	for _, kind := range kinds {
		if errors.Is(err, kind) {
			return usageError{kind}
		}
	}
	return err
}

// noBeneficiary is mistake for a command about one person: it says whose ref nobody has.
func noBeneficiary(ref string, err error, kinds ...error) error {
	if errors.Is(err, postgres.ErrNoBeneficiary) {
		return usageError{fmt.Errorf("%s: %w; rappel export shows the refs", ref, postgres.ErrNoBeneficiary)}
	}
	return mistake(err, kinds...)
}
