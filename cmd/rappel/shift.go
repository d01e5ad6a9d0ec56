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

func (p *program) shift() *cobra.Command {
	c := &cobra.Command{
		Use:   "shift",
		Short: "Say when callers work, week by week; the day plan reads it",
		Long: `Says when callers work, week by week. Only rappel plan reads it: whoever is ready gets calls, on shift or not. A caller
without any shift is taken as there in the scheme's hours.`,
	}
	c.AddCommand(p.addShift(), p.listShifts(), p.removeShifts())
	return c
}

func (p *program) addShift() *cobra.Command {
	var days, hours, from, until string
	c := p.inScheme(&cobra.Command{
		Use:     "add REF",
		Short:   "Add hours on some days of the week",
		Example: "  rappel shift add A01 --days mon,tue --hours 9:30-12:30",
		Args:    exactly(1),
	}, func(ctx context.Context, r records, args []string) error {
		shift := postgres.Shift{Ref: args[0]}
		var err error
		if shift.Days, err = schedule.ParseWeekdays(days); err != nil {
			return usageError{fmt.Errorf("--days: %w", err)}
		}
		if shift.Hours, err = schedule.ParseHours(hours); err != nil {
			return usageError{fmt.Errorf("--hours: %w", err)}
		}
		if err := readDate("--from", from, &shift.First); err != nil {
			return err
		}
		if err := readDate("--until", until, &shift.Last); err != nil {
			return err
		}
		return shiftMistake(args[0], r.AddShift(ctx, r.scheme.Key, shift))
	})
	c.Flags().StringVar(&days, "days", "mon-fri", "days of the week, such as mon-fri or tue,thu")
	c.Flags().StringVar(&hours, "hours", "", "hours, such as 9:30-12:30 or 9:30-12,14-17")
	c.Flags().StringVar(&from, "from", "", "first date, such as 2026-12-01 (default: from now on)")
	c.Flags().StringVar(&until, "until", "", "last date (default: until further notice)")
	_ = c.MarkFlagRequired("hours")
	return c
}

func (p *program) listShifts() *cobra.Command {
	return p.inScheme(&cobra.Command{
		Use:   "list [REF]",
		Short: "List shifts",
		Args:  atMostOne,
	}, func(ctx context.Context, r records, args []string) error {
		ref := only(args)
		shifts, err := r.Shifts(ctx, r.scheme.Key, ref)
		if err != nil {
			return err
		}
		if len(shifts) == 0 && ref != "" {
			fmt.Fprintf(p.err, "%s has no shift; rappel caller list shows the refs of callers\n", ref)
		}
		w := tabwriter.NewWriter(p.out, 0, 4, 2, ' ', 0)
		fmt.Fprintln(w, "REF\tDAYS\tHOURS\tFROM\tUNTIL")
		for _, s := range shifts {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", s.Ref, schedule.FormatWeekdays(s.Days), schedule.FormatHours(s.Hours), dateText(s.First), dateText(s.Last))
		}
		return w.Flush()
	})
}

func (p *program) removeShifts() *cobra.Command {
	var days string
	c := p.inScheme(&cobra.Command{
		Use:     "remove REF",
		Short:   "Take days out of a caller's shifts, or all of them",
		Example: "  rappel shift remove A01 --days tue",
		Args:    exactly(1),
	}, func(ctx context.Context, r records, args []string) error {
		set, err := schedule.ParseWeekdays(days)
		if err != nil {
			return usageError{fmt.Errorf("--days: %w", err)}
		}
		return shiftMistake(args[0], r.RemoveShifts(ctx, r.scheme.Key, args[0], set))
	})
	c.Flags().StringVar(&days, "days", "mon-sun", "days of the week to take out")
	return c
}

// shiftMistake says whose shift was typed wrongly, and how.
func shiftMistake(ref string, err error) error {
	switch {
	case errors.Is(err, postgres.ErrNoCaller):
		return usageError{fmt.Errorf("%s: %w; rappel caller list shows the refs", ref, postgres.ErrNoCaller)}
	case errors.Is(err, postgres.ErrNoShift):
		return usageError{fmt.Errorf("%s: %w; rappel shift list shows them", ref, postgres.ErrNoShift)}
	default:
		return mistake(err, postgres.ErrHours, postgres.ErrDatesBackward)
	}
}

func dateText(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Format(time.DateOnly)
}
