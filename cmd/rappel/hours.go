package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/rappel-tel/rappel/pkg/postgres"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/schedule"
)

func (p *program) hours() *cobra.Command {
	c := &cobra.Command{Use: "hours", Short: "Say when the scheme calls: hours per weekday, closed days, extra hours, holidays (rappel line hours: when it answers)"}
	c.AddCommand(p.showHours(), p.setHours())
	c.AddCommand(p.exceptions(exceptions{
		of: "hours", shown: "rappel hours show",
		close: "Close on a date, or until another one; promises move at once",
		open:  "Call on a date in other hours than usual, a public holiday included",
		except: func(ctx context.Context, r records, e schedule.Exception, now time.Time) error {
			return p.told(r.Except(ctx, r.scheme.Key, e, now))
		},
		revoke: func(ctx context.Context, r records, e schedule.Exception, now time.Time) error {
			return p.told(r.RevokeException(ctx, r.scheme.Key, e, now))
		},
	})...)
	c.AddCommand(p.setRegion())
	return c
}

func (p *program) showHours() *cobra.Command {
	return p.inScheme(&cobra.Command{
		Use:   "show",
		Short: "Print the hours of the week and the dates with other hours",
		Args:  exactly(0),
	}, func(ctx context.Context, r records, _ []string) error {
		hours, err := r.Hours(ctx, r.scheme, r.today(time.Now()))
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(p.out, 0, 4, 2, ' ', 0)
		for i := 1; i <= 7; i++ {
			d := time.Weekday(i % 7)
			fmt.Fprintf(w, "%s\t%s\n", d.String()[:3], schedule.FormatHours(hours.Week[d]))
		}
		tellExceptions(w, hours)
		holidays := r.scheme.Country
		if r.scheme.Region != "" {
			holidays = r.scheme.Region
		}
		fmt.Fprintf(w, "holidays\t%s\n", holidays)
		return w.Flush()
	})
}

func (p *program) setHours() *cobra.Command {
	return p.inScheme(&cobra.Command{
		Use:   "set DAYS HOURS",
		Short: "Change the hours of some days of the week: rappel hours set mon-fri 9:30-12:00,13:30-17:00",
		Long: `Changes the hours of some days of the week, "mon-fri" or "tue,thu"; HOURS may be "closed". The other days stay as they are.
Open promises that no longer fit move at once; calls under way go on.`,
		Args: exactly(2),
	}, func(ctx context.Context, r records, args []string) error {
		days, windows, err := weekdayHours(args)
		if err != nil {
			return err
		}
		done, err := r.ChangeHours(ctx, r.scheme.Key, time.Now(), func(w *schedule.Week) error {
			w.Set(days, windows)
			if w.Closed() {
				return errNeverOpen
			}
			return nil
		})
		if err != nil {
			return mistake(err, postgres.ErrHours, errNeverOpen)
		}
		p.tell(done)
		return nil
	})
}

// errNeverOpen means that no day of the week would have hours.
var errNeverOpen = errors.New("no day would be open; to stop calling, type rappel scheme pause")

// weekdayHours reads DAYS and HOURS.
func weekdayHours(args []string) (roster.Weekdays, []roster.Window, error) {
	days, err := schedule.ParseWeekdays(args[0])
	if err != nil {
		return 0, nil, usageError{err}
	}
	windows, err := schedule.ParseHours(args[1])
	return days, windows, usage(err)
}

func (p *program) setRegion() *cobra.Command {
	return p.inScheme(&cobra.Command{
		Use:   "holidays CODE",
		Short: "Keep the public holidays of the country (BE, FR) or of Alsace-Moselle (FR-57, FR-67, FR-68)",
		Args:  exactly(1),
	}, func(ctx context.Context, r records, args []string) error {
		_, err := r.UpdateScheme(ctx, r.scheme.Key, time.Now(), func(s *postgres.Scheme) error {
			if s.Region = args[0]; s.Region == s.Country {
				s.Region = ""
			}
			return usage(s.Validate())
		})
		return err
	})
}

// told is tell, unless there is an error.
func (p *program) told(done postgres.Replanned, err error) error {
	if err == nil {
		p.tell(done)
	}
	return err
}
