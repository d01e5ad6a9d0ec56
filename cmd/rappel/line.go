package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/rappel-tel/rappel/pkg/app"
	"github.com/rappel-tel/rappel/pkg/postgres"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/schedule"
)

func (p *program) line() *cobra.Command {
	c := &cobra.Command{
		Use:   "line",
		Short: "Say how people reach the scheme: numbers, when somebody answers, who helps the registrars",
		Long: `Says how people reach the scheme: which numbers they dial, in which language and by which flow each is answered, when somebody
answers, and who helps the registrars. It counts from the next call on.

  rappel line add +3281000000 --languages fr,nl
  rappel line pools
  rappel line hours mon-fri 13:30-17:00
  rappel line close 2026-12-24
  rappel line overflow --after 2m --to caller`,
	}
	c.AddCommand(p.addLine(), p.removeLine(), p.listLines(), p.lineHours())
	c.AddCommand(p.exceptions(exceptions{
		of: "line", shown: "rappel line hours",
		close: "Close the line on a date, or until another one",
		open:  "Answer the line on a date in other hours than usual, a public holiday included",
		except: func(ctx context.Context, r records, e schedule.Exception, now time.Time) error {
			if err := r.ExceptLine(ctx, r.scheme.Key, e, now); err != nil {
				return err
			}
			return p.tellLineHours(ctx, r, now)
		},
		revoke: func(ctx context.Context, r records, e schedule.Exception, now time.Time) error {
			if err := r.RevokeLineException(ctx, r.scheme.Key, e, now); err != nil {
				return err
			}
			return p.tellLineHours(ctx, r, now)
		},
	})...)
	c.AddCommand(p.pools(), p.overflow())
	return c
}

func (p *program) removeLine() *cobra.Command {
	return p.inScheme(&cobra.Command{
		Use:     "remove NUMBER",
		Short:   "Take a number away: whoever dials it from then on is told that it is nobody's",
		Example: "  rappel line remove +33199001000",
		Args:    exactly(1),
	}, func(ctx context.Context, r records, args []string) error {
		number, err := e164("NUMBER", args[0], r.scheme.Country)
		if err != nil {
			return err
		}
		if err := r.RemoveDID(ctx, r.scheme.Key, number); errors.Is(err, postgres.ErrNoDID) {
			return usageError{fmt.Errorf("%s: %w; rappel line list shows those there are", number, postgres.ErrNoDID)}
		} else if err != nil {
			return err
		}
		fmt.Fprintf(p.out, "%s is nobody's number now.\n", number)
		left, err := r.DIDs(ctx, r.scheme.Key)
		if err == nil && len(left) == 0 {
			fmt.Fprintln(p.out, "Nobody can ring the scheme; rappel line add gives it a number.")
		}
		return err
	})
}

func (p *program) pools() *cobra.Command {
	return p.inScheme(&cobra.Command{
		Use:   "pools",
		Short: "List who there is to take calls of the line, by role and language, and when they are rung",
		Long: `Lists who there is to take calls of the line, by role and language; whoever has several is counted in each. Whoever rings is
given to a registrar who speaks her language; after the time of rappel line overflow to any registrar, and to whoever helps them.
rappel caller set changes what somebody does and speaks.`,
		Example: "  rappel line pools", Args: exactly(0),
	}, func(ctx context.Context, r records, _ []string) error {
		pools, err := r.Pools(ctx, r.scheme.Key)
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(p.out, 0, 4, 2, ' ', 0)
		fmt.Fprintln(w, "ROLE\tLANGUAGE\tPEOPLE\tON SHIFT\tRUNG")
		registrars := 0
		for _, pool := range pools {
			var rung string
			switch pool.Role {
			case roster.RoleRegistrar:
				rung = fmt.Sprintf("at once, for other languages after %s", r.scheme.Overflow)
				registrars += pool.People
			case r.scheme.OverflowTo:
				rung = fmt.Sprintf("after %s, while a registrar is on shift", r.scheme.Overflow)
			case roster.RoleCaller, roster.RoleCoordinator:
				rung = "never"
			}
			fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%s\n", pool.Role, pool.Language, pool.People, pool.OnShift, rung)
		}
		if err := w.Flush(); err != nil {
			return err
		}
		if registrars == 0 {
			fmt.Fprintln(p.out, "nobody is a registrar, so nobody takes the line's calls; rappel import gives somebody the role")
		}
		return nil
	})
}

func (p *program) addLine() *cobra.Command {
	var flow, delivered string
	var languages []string
	var c *cobra.Command
	c = p.inScheme(&cobra.Command{
		Use:     "add NUMBER",
		Short:   "Say which number people dial to reach the scheme, or change how it is answered",
		Long:    "Says which number people dial to reach the scheme. Of a number that is there, what no flag names stays as it was.",
		Example: "  rappel line add +33199001000\n  rappel line add +3281000001 --languages de,fr --flow registration",
		Args:    exactly(1),
	}, func(ctx context.Context, r records, args []string) error {
		number, err := e164("NUMBER", args[0], r.scheme.Country)
		if err != nil {
			return err
		}
		var spoken []roster.Language
		if c.Flags().Changed("languages") {
			if spoken, err = languagesOf("--languages", languages); err != nil {
				return err
			}
		}
		flows, err := app.NewFlows(r.config, r.Store)
		if err != nil {
			return err
		}
		line, err := flows.ChangeLine(ctx, r.scheme.Key, number, func(d *postgres.DID) {
			if len(spoken) > 0 {
				d.Languages = spoken
			}
			if c.Flags().Changed("flow") {
				d.Flow = flow
			}
			if c.Flags().Changed("delivered") {
				d.Delivered = delivered
			}
		})
		if errors.Is(err, app.ErrNoFlow) {
			return usageError{err}
		}
		if errors.Is(err, postgres.ErrTaken) {
			return usageError{fmt.Errorf("%s, or the same as the trunk delivers it, is another line already, of this scheme (rappel line list) or of another", number)}
		}
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(p.out, "%s is answered in %s, by %s.\n", line.Number, spokenIn(line.Languages), line.Flow)
		return err
	})
	f := c.Flags()
	f.StringVar(&flow, "flow", "registration", "name of a flow of dialplans/")
	f.StringVar(&delivered, "delivered", "", "the number as the trunk delivers it, when it is not E.164")
	f.StringSliceVar(&languages, "languages", nil, "languages in the order in which they are offered (default: fr)")
	return c
}

// spokenIn lists languages as the command line takes them.
func spokenIn(languages []roster.Language) string {
	list := make([]string, len(languages))
	for i, l := range languages {
		list[i] = string(l)
	}
	return strings.Join(list, ",")
}

func (p *program) listLines() *cobra.Command {
	return p.inScheme(&cobra.Command{
		Use: "list", Short: "List the numbers that people dial, and how each is answered", Example: "  rappel line list", Args: exactly(0),
	}, func(ctx context.Context, r records, _ []string) error {
		numbers, err := r.DIDs(ctx, r.scheme.Key)
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(p.out, 0, 4, 2, ' ', 0)
		fmt.Fprintln(w, "NUMBER\tLANGUAGES\tFLOW\tDELIVERED AS")
		for _, d := range numbers {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", d.Number, spokenIn(d.Languages), d.Flow, d.Delivered)
		}
		return w.Flush()
	})
}

func (p *program) lineHours() *cobra.Command {
	return p.inScheme(&cobra.Command{
		Use:   "hours [DAYS HOURS]",
		Short: "Show when somebody answers the line, or change some days of the week",
		Long: `Shows when somebody answers the line; with DAYS ("mon-fri", "tue,thu") and HOURS (or "closed") it changes some days of the week
first. The line has hours of its own, beside those in which the scheme calls. Without any it is never closed by the clock. With
them it is closed on public holidays too, and on dates on which the scheme is closed; rappel line open makes an exception.`,
		Example: "  rappel line hours mon-fri 13:30-17:00\n  rappel line hours mon-sun closed      # back to no hours of its own",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return exactly(2)(c, args)
		},
	}, func(ctx context.Context, r records, args []string) error {
		now := time.Now()
		if len(args) == 2 {
			days, windows, err := weekdayHours(args)
			if err != nil {
				return err
			}
			err = r.ChangeLineHours(ctx, r.scheme.Key, now, func(w *schedule.Week) error {
				w.Set(days, windows)
				return nil
			})
			if err != nil {
				return mistake(err, postgres.ErrHours)
			}
		}
		return p.tellLineHours(ctx, r, now)
	})
}

// tellLineHours prints when somebody answers the line.
func (p *program) tellLineHours(ctx context.Context, r records, now time.Time) error {
	hours, err := r.LineHours(ctx, r.scheme.Key, r.today(now))
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(p.out, 0, 4, 2, ' ', 0)
	tellWeek(w, hours)
	tellExceptions(w, hours)
	return w.Flush()
}

// tellWeek prints the days of the week, if there are hours at all.
func tellWeek(w *tabwriter.Writer, hours postgres.Hours) {
	if hours.Week.Closed() {
		fmt.Fprintln(w, "always\tunless nobody is on shift")
		return
	}
	for i := 1; i <= 7; i++ {
		d := time.Weekday(i % 7)
		fmt.Fprintf(w, "%s\t%s\n", d.String()[:3], schedule.FormatHours(hours.Week[d]))
	}
}

// tellExceptions prints the dates with other hours.
func tellExceptions(w *tabwriter.Writer, hours postgres.Hours) {
	for _, e := range hours.Exceptions {
		dates := e.First.Format(time.DateOnly)
		if !e.Last.Equal(e.First) {
			dates += " to " + e.Last.Format(time.DateOnly)
		}
		fmt.Fprintf(w, "%s\t%s\n", dates, schedule.FormatHours(e.Hours))
	}
}
