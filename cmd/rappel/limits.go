package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/rappel-tel/rappel/pkg/postgres"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// limits are the flags that change what a caller is given on a day; those not given stay as they were.
type limits struct {
	load  roster.Load
	given func(flag string) bool
}

func (l *limits) flags(f *pflag.FlagSet, none string) {
	f.DurationVar(&l.load.Talk, "talk", 0, "time of talk after which she is given no further call that day; 0 is "+none)
	f.IntVar(&l.load.Calls, "calls", 0, "answered calls after which she is given no further one; 0 is "+none)
	f.IntVar(&l.load.Hard, "hard", 0, "hard calls after which she is given courtesy calls only; 0 is "+none)
	f.IntVar(&l.load.HardInRow, "in-a-row", 0, "hard calls in a row after which a courtesy call comes first; 0 is "+none)
	f.DurationVar(&l.load.Breather, "breather", 0, "how long she is left alone after a hard call; 0 is "+none)
	l.given = f.Changed
}

// change lays the flags over a load and reports whether there was one.
func (l *limits) change(load *roster.Load) (bool, error) {
	changed := false
	for _, d := range []struct {
		flag     string
		from, to *time.Duration
	}{{"talk", &l.load.Talk, &load.Talk}, {"breather", &l.load.Breather, &load.Breather}} {
		if !l.given(d.flag) {
			continue
		}
		if *d.from < 0 || *d.from > 16*time.Hour || *d.from%time.Minute != 0 {
			return false, fmt.Errorf("--%s %s: write whole minutes up to 16h, such as 1h30m, or 0", d.flag, *d.from)
		}
		*d.to, changed = *d.from, true
	}
	for _, n := range []struct {
		flag     string
		from, to *int
	}{{"calls", &l.load.Calls, &load.Calls}, {"hard", &l.load.Hard, &load.Hard}, {"in-a-row", &l.load.HardInRow, &load.HardInRow}} {
		if !l.given(n.flag) {
			continue
		}
		if *n.from < 0 || *n.from > 1000 {
			return false, fmt.Errorf("--%s %d: write 1 to 1000, or 0", n.flag, *n.from)
		}
		*n.to, changed = *n.from, true
	}
	return changed, nil
}

// loadLines writes a load; own is what a caller's own say, of which what is missing is the scheme's.
func loadLines(w *tabwriter.Writer, load roster.Load, own *roster.Load) {
	line := func(name, value string, set, hers bool) {
		switch {
		case !set:
			value = "no bound"
		case own != nil && !hers:
			value += " (the scheme's)"
		}
		fmt.Fprintf(w, "%s\t%s\n", name, value)
	}
	var o roster.Load
	if own != nil {
		o = *own
	}
	line("talk", load.Talk.String(), load.Talk > 0, o.Talk > 0)
	line("calls", fmt.Sprint(load.Calls), load.Calls > 0, o.Calls > 0)
	line("hard calls", fmt.Sprint(load.Hard), load.Hard > 0, o.Hard > 0)
	line("in a row", fmt.Sprint(load.HardInRow), load.HardInRow > 0, o.HardInRow > 0)
	line("breather", load.Breather.String(), load.Breather > 0, o.Breather > 0)
}

func (p *program) schemeLimits() *cobra.Command {
	var l limits
	c := p.inScheme(&cobra.Command{
		Use:   "limits",
		Short: "Show or change what one caller is given on a day: talk, calls, hard calls, a breather after a hard one",
		Long: `Shows what one caller is given on a day at most; with flags it changes that first. A call counts as hard when its caller says
so with the key or on the form; one that is expected to be hard (rappel agreement set REF --hard) is not given to whoever had
enough of them. A caller may have limits of her own: rappel caller set REF.

  rappel scheme limits --talk 3h --calls 12 --hard 4 --in-a-row 2 --breather 10m`,
		Args: exactly(0),
	}, func(ctx context.Context, r records, _ []string) error {
		changed, err := l.change(&r.scheme.Load)
		if err != nil {
			return usageError{err}
		}
		if changed {
			r.scheme, err = r.UpdateScheme(ctx, r.scheme.Key, time.Now(), func(s *postgres.Scheme) error {
				_, err := l.change(&s.Load)
				return err
			})
			if err != nil {
				return err
			}
		}
		w := tabwriter.NewWriter(p.out, 0, 4, 2, ' ', 0)
		loadLines(w, r.scheme.Load, nil)
		return w.Flush()
	})
	l.flags(c.Flags(), "no bound")
	return c
}

func (p *program) setCaller() *cobra.Command {
	var l limits
	var skills string
	c := p.inScheme(&cobra.Command{
		Use:   "set REF",
		Short: "Show or change a caller's skills and what she is given on a day",
		Long: `Shows a caller's skills and what she is given on a day at most; with flags it changes that first. What she has no limit of her
own for is as rappel scheme limits says. Skills are words of your own choice, the same that agreements ask for.

  rappel caller set A01 --skills "dementia, bereavement" --calls 6 --breather 20m`,
		Args: exactly(1),
	}, func(ctx context.Context, r records, args []string) error {
		return r.Book(r.scheme.Key, time.Now).Edit(ctx, func(page roster.Page) error {
			found, err := page.Find(ctx, args)
			if err != nil {
				return err
			}
			if len(found.Staff) == 0 {
				return usageError{fmt.Errorf("%s: %w; rappel caller list shows the refs", args[0], postgres.ErrNoCaller)}
			}
			s := found.Staff[0]
			changed, err := l.change(&s.Load)
			if err != nil {
				return usageError{err}
			}
			if l.given("skills") {
				s.Skills, changed = roster.Skills(skills), true
			}
			if changed {
				if err := page.Put(ctx, roster.People{Staff: []roster.Staff{s}}); err != nil {
					return err
				}
			}
			return p.printCaller(s, r.scheme)
		})
	})
	c.Flags().StringVar(&skills, "skills", "", `her skills, parted by commas; "" is none`)
	l.flags(c.Flags(), "the scheme's")
	return c
}

func (p *program) printCaller(s roster.Staff, scheme postgres.Scheme) error {
	w := tabwriter.NewWriter(p.out, 0, 4, 2, ' ', 0)
	skills := "none"
	if len(s.Skills) > 0 {
		skills = strings.Join(s.Skills, ", ")
	}
	fmt.Fprintf(w, "skills\t%s\n", skills)
	loadLines(w, s.Load.Within(scheme.Load), &s.Load)
	return w.Flush()
}

// unskilled says which of the skills an agreement asks for no enabled caller who speaks the person's language has, together.
func unskilled(ctx context.Context, book roster.Book, b roster.Beneficiary) error {
	if len(b.Agreement.Skills) == 0 {
		return nil
	}
	for s, err := range book.Staff(ctx) {
		if err != nil {
			return err
		}
		if s.Serves(b) {
			return nil
		}
	}
	return errNobodySkilled
}

// errNobodySkilled means that nobody could make somebody's calls.
var errNobodySkilled = errors.New("no caller who speaks her language has these skills: she will not be called until one has (rappel caller set REF --skills …)")
