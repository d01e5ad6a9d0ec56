package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/rappel-tel/rappel/pkg/postgres"
	"github.com/rappel-tel/rappel/pkg/schedule"
)

// exceptions are dates with other hours than usual: of the line, or of the scheme's own calls.
type exceptions struct {
	of          string // The command that they belong to.
	shown       string // The command that shows them.
	close, open string // What each does.

	except, revoke func(ctx context.Context, r records, e schedule.Exception, now time.Time) error
}

// exceptions makes the commands close, open and usual.
func (p *program) exceptions(of exceptions) []*cobra.Command {
	closing := p.onDates(&cobra.Command{
		Use: "close DATE", Short: of.close, Example: fmt.Sprintf("  rappel %s close 2026-12-24", of.of), Args: exactly(1),
	}, func(ctx context.Context, r records, e schedule.Exception, _ []string) error {
		return of.except(ctx, r, e, time.Now())
	})
	opening := p.onDates(&cobra.Command{
		Use: "open DATE HOURS", Short: of.open, Example: fmt.Sprintf("  rappel %s open 2026-12-26 10:00-12:00", of.of), Args: exactly(2),
	}, func(ctx context.Context, r records, e schedule.Exception, args []string) error {
		var err error
		if e.Hours, err = schedule.ParseHours(args[1]); err != nil {
			return usageError{err}
		}
		if len(e.Hours) == 0 {
			return usageError{fmt.Errorf("to close, type rappel %s close %s", of.of, args[0])}
		}
		return of.except(ctx, r, e, time.Now())
	})
	usual := p.onDates(&cobra.Command{
		Use: "usual DATE", Short: "Take back what open or close said of a date",
		Example: fmt.Sprintf("  rappel %s usual 2026-12-24", of.of), Args: exactly(1),
	}, func(ctx context.Context, r records, e schedule.Exception, _ []string) error {
		err := of.revoke(ctx, r, e, time.Now())
		if errors.Is(err, postgres.ErrNoException) {
			return usageError{fmt.Errorf("%w; %s shows them, and --until is as it was given", postgres.ErrNoException, of.shown)}
		}
		return err
	})
	return []*cobra.Command{closing, opening, usual}
}

// onDates gives c the flag --until, and has it work on the dates that the first argument and the flag name.
func (p *program) onDates(c *cobra.Command, do func(context.Context, records, schedule.Exception, []string) error) *cobra.Command {
	var until string
	p.inScheme(c, func(ctx context.Context, r records, args []string) error {
		var e schedule.Exception
		if err := readDate("date", args[0], &e.First); err != nil {
			return err
		}
		if err := readDate("--until", until, &e.Last); err != nil {
			return err
		}
		return mistake(do(ctx, r, e, args), postgres.ErrDatesBackward)
	})
	c.Flags().StringVar(&until, "until", "", "last date (default: the date alone)")
	return c
}
