package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/report"
	"github.com/rappel-tel/rappel/pkg/roster/numbering"
	"github.com/rappel-tel/rappel/pkg/roster/sheet"
)

func (p *program) outreach() *cobra.Command {
	c := &cobra.Command{
		Use:   "outreach",
		Short: "Introduce the scheme by telephone to people on a list, who agree or are never called again",
		Long: `Rings everybody of a list once, without a caller: who calls and why, "press one if that interests you, two never to be called
again". Whoever presses one waits for the registrars in rappel inbox; of whoever presses two, and two again, nothing is kept but that
nobody calls that number. The list is a register of its own: nobody on it is called for anything else before she agrees.

  rappel outreach import list.csv --dry-run
  rappel outreach import list.csv
  rappel outreach start --dry-run       how many, and on how many days
  rappel outreach start
  rappel outreach show
  rappel outreach stop                  calls under way go on
  rappel outreach end                   erase who was on it; a list whose last call was 30 days ago ends by itself`,
	}
	c.AddCommand(p.importOutreach(), p.startOutreach(), p.showOutreach(), p.stopOutreach(), p.endOutreach())
	return c
}

func (p *program) importOutreach() *cobra.Command {
	var dry bool
	c := p.inScheme(&cobra.Command{
		Use:   "import FILE.csv",
		Short: "Put people on the list; whoever is known, or has refused, is left out",
		Long: `Reads telephone numbers and, where the file has such columns, names and the language. Headings may be French, Dutch, German or
English. Whoever is reached at a number that the scheme knows already is left out, and so is whoever will not be called.

  rappel outreach import list.csv --dry-run
  rappel outreach import - < list.csv`,
		Args: exactly(1),
	}, func(ctx context.Context, r records, args []string) error { return p.addOutreach(ctx, r, args[0], dry) })
	c.Flags().BoolVar(&dry, "dry-run", false, "report the same and keep nothing")
	return c
}

func (p *program) addOutreach(ctx context.Context, r records, name string, dry bool) error {
	file := os.Stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return usageError{fmt.Errorf("open file: %w", err)}
		}
		defer func() { _ = f.Close() }() // It was only read.
		file = f
	}
	prefixes, err := r.Destinations(ctx, r.scheme.Key)
	if err != nil {
		return err
	}
	destinations, err := numbering.NewDestinations(numbering.DestinationOptions{Region: r.scheme.Country, Prefixes: prefixes})
	if err != nil {
		return err
	}
	people, rows, err := sheet.List(file, sheet.ImportOptions{
		Region: r.scheme.Country, Destinations: destinations, Language: r.scheme.Language,
		Report: func(problem sheet.Problem) {
			fmt.Fprintf(p.err, "line %d: left out: %s\n", problem.Line, problem.In(r.scheme.Language))
		},
	})
	if err != nil {
		if file, ok := errors.AsType[*fs.PathError](err); (ok && file.Op == "read") || errors.Is(err, sheet.ErrNoNumbers) {
			return usageError{err}
		}
		return err
	}
	done, err := r.AddOutreach(ctx, r.scheme.Key, people, time.Now(), dry)
	fmt.Fprintf(p.out, "%d rows: %d added, %d known already, %d will not be called, %d unreadable\n",
		rows, done.Added, done.Known, done.Refused, rows-len(people)+done.NotAllowed)
	switch {
	case err != nil:
		return fmt.Errorf("%w; the same file may be imported again", err)
	case dry:
		fmt.Fprintln(p.out, "Nothing was kept. Type the same without --dry-run to keep it.")
	case done.Added > 0:
		fmt.Fprintln(p.err, "Nobody is called yet: rappel outreach start --dry-run.")
	}
	if rows > len(people) {
		return silentError{}
	}
	return nil
}

func (p *program) startOutreach() *cobra.Command {
	var rehearse bool
	c := p.inScheme(&cobra.Command{
		Use:   "start",
		Short: "Book one call for everybody of the list who was not called yet",
		Long: `Books one call for everybody of the list who was not called yet: within the scheme's hours, on as many days as the lines need.
Whoever does not answer is tried again as rappel scheme retries says, and then left alone. Typed again, it adds whoever came in
since; nobody is called twice.

  rappel outreach start --dry-run
  rappel outreach start`,
		Args: exactly(0),
	}, func(ctx context.Context, r records, _ []string) error {
		done, err := r.StartOutreach(ctx, r.scheme.Key, time.Now(), rehearse)
		if err != nil {
			return ownCLI(err, call.KindOutreach)
		}
		return p.tellOutreach(r, done, rehearse)
	})
	c.Flags().BoolVar(&rehearse, "dry-run", false, "book nothing; say how many, and on how many days")
	return c
}

func (p *program) tellOutreach(r records, done report.OutreachBooked, rehearse bool) error {
	w := tabwriter.NewWriter(p.out, 0, 4, 2, ' ', 0)
	booked := "booked"
	if rehearse {
		booked = "would be booked"
	}
	fmt.Fprintf(w, "%s\t%d\n", booked, done.Booked)
	fmt.Fprintf(w, "refused meanwhile\t%d\n", done.Refused)
	if done.Booked > 0 {
		fmt.Fprintf(w, "days\t%d\n", done.Days)
		fmt.Fprintf(w, "from\t%s\n", done.Opens.In(r.zone()).Format("2006-01-02 15:04"))
		fmt.Fprintf(w, "until\t%s\n", done.Closes.In(r.zone()).Format("2006-01-02 15:04"))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	switch {
	case done.Booked == 0:
		fmt.Fprintln(p.err, "Everybody of the list was called, or has a call already: rappel outreach show.")
	case !done.Lines:
		fmt.Fprintln(p.err, "No trunk has a line for calls out: nobody is called until one has (rappel scheme trunk NAME --host … --cli …).")
	}
	if r.scheme.Paused && done.Booked > 0 {
		fmt.Fprintln(p.err, "The scheme is paused: nobody is called until rappel scheme resume.")
	}
	return nil
}

func (p *program) showOutreach() *cobra.Command {
	return p.inScheme(&cobra.Command{
		Use: "show", Short: "Show how the list stands: counts, nobody's name", Args: exactly(0),
		Long: "Shows how the list stands.\n\n  rappel outreach show",
	}, func(ctx context.Context, r records, _ []string) error {
		o, err := r.Outreach(ctx, r.scheme.Key)
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(p.out, 0, 4, 2, ' ', 0)
		for _, line := range []struct {
			what string
			n    int
		}{
			{"on the list", o.Listed}, {"without a call (rappel outreach start)", o.NotBooked}, {"waiting or under way", o.Open},
			{"not reached", o.Unreached}, {"interested", o.Answers[call.AnswerRegister]},
			{"to be called back", o.Answers[call.AnswerCallBack]}, {"declined", o.Answers[call.AnswerDeclined]},
			{"never again, erased", o.Answers[call.AnswerNever]},
		} {
			fmt.Fprintf(w, "%s\t%d\n", line.what, line.n)
		}
		return w.Flush()
	})
}

func (p *program) stopOutreach() *cobra.Command {
	return p.inScheme(&cobra.Command{
		Use: "stop", Short: "Cancel the outreach calls that have not begun; calls under way go on", Args: exactly(0),
		Long: "Cancels the outreach calls that have not begun; calls under way go on. Start books them again.\n\n  rappel outreach stop",
	}, func(ctx context.Context, r records, _ []string) error {
		n, err := r.StopOutreach(ctx, r.scheme.Key, time.Now())
		if err != nil {
			return mistake(err, report.ErrNoOutreach)
		}
		fmt.Fprintf(p.err, "Stopped. Calls cancelled: %d.\n", n)
		return nil
	})
}

func (p *program) endOutreach() *cobra.Command {
	return p.inScheme(&cobra.Command{
		Use: "end", Short: "End the list: cancel what waits, and erase who is on it", Args: exactly(0),
		Long: `Cancels the outreach calls that have not begun, and erases who the people of the list are, called or not: names, numbers, and where
they were called. What stays are counts (rappel outreach show), who has refused, and who wants to be registered (rappel inbox). It
cannot be taken back.

  rappel outreach end`,
	}, func(ctx context.Context, r records, _ []string) error {
		done, err := r.EndOutreach(ctx, r.scheme.Key, time.Now())
		if err != nil {
			return err
		}
		fmt.Fprintf(p.err, "Ended. Calls cancelled: %d; people erased: %d.\n", done.Cancelled, done.Erased)
		if done.Left > 0 {
			fmt.Fprintf(p.err, "%d are being called just now: type it again when their calls have ended.\n", done.Left)
		}
		return nil
	})
}
