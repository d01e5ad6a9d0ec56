package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/postgres"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/schedule"
)

func (p *program) agreement() *cobra.Command {
	c := &cobra.Command{Use: "agreement", Short: "Show or change what was agreed with one person about her calls"}
	c.AddCommand(p.showAgreement(), p.setAgreement(), p.endAgreement())
	return c
}

// errNoAgreement means that a person is on the register and no calls were agreed.
var errNoAgreement = errors.New("no calls are agreed with her; name a --cadence")

func (p *program) showAgreement() *cobra.Command {
	return p.inScheme(&cobra.Command{
		Use: "show REF", Short: "Print what was agreed, about the calls of callers and those that a machine places", Args: exactly(1),
		Example: "  rappel agreement show B017",
	}, func(ctx context.Context, r records, args []string) error {
		var b roster.Beneficiary
		err := r.Book(r.scheme.Key, time.Now).Edit(ctx, func(page roster.Page) (err error) {
			b, err = beneficiary(ctx, page, args[0])
			return err
		})
		if err != nil {
			return err
		}
		if err := p.printAgreement(b); err != nil {
			return err
		}
		for _, kind := range automaticKinds() {
			a, err := r.Agreed(ctx, r.scheme.Key, args[0], kind)
			if err != nil {
				return err
			}
			if a.Cadence == "" {
				continue
			}
			fmt.Fprintf(p.out, "\n%s calls, placed by a machine\n", kind)
			if err := p.printAgreement(roster.Beneficiary{Zone: b.Zone, Agreement: a}); err != nil {
				return err
			}
		}
		return nil
	})
}

func (p *program) printAgreement(b roster.Beneficiary) error {
	a := b.Agreement
	w := tabwriter.NewWriter(p.out, 0, 4, 2, ' ', 0)
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(w, "%s\t%s\n", name, value)
		}
	}
	line("cadence", string(a.Cadence))
	if a.PerWeek > 0 {
		line("per week", fmt.Sprint(a.PerWeek))
	}
	line("days", schedule.FormatWeekdays(roster.WeekdaysOf(a.Days...)))
	if a.MonthDay > 0 {
		line("month day", fmt.Sprint(a.MonthDay))
	}
	if a.Nth != 0 {
		line("nth", fmt.Sprint(a.Nth))
	}
	for _, d := range a.Dates {
		line("date", d.Format(time.DateOnly))
	}
	for _, window := range a.Windows {
		line("window", strings.TrimSpace(schedule.FormatWeekdays(window.Days)+" "+schedule.FormatHours([]roster.Window{window})))
	}
	line("zone", b.Zone)
	line("length", a.Length.String())
	line("skills", strings.Join(a.Skills, ", "))
	if a.Hard {
		line("hard", "yes")
	}
	return w.Flush()
}

// terms are the flags that change an agreement; those not given stay as they were.
type terms struct {
	cadence                roster.Cadence
	days, zone, skills     string
	hard                   bool
	windows, dates         []string
	perWeek, monthDay, nth int
	given                  func(flag string) bool
}

func (p *program) setAgreement() *cobra.Command {
	var t terms
	var kind call.Kind
	c := p.inScheme(&cobra.Command{
		Use:   "set REF",
		Short: "Change what was agreed; promises to come move at once, what is due or under way stays",
		Long: `Changes what was agreed with one person; what no flag names stays as it was. Promises to come move at once or are
cancelled; what is due at this moment, was tried, or is under way stays.

  rappel agreement set B017 --cadence monthly --days tue --nth 2
  rappel agreement set B017 --cadence monthly --month-day 31          (the last day of a shorter month)
  rappel agreement set B017 --skills dementia --hard                  (who calls her needs that; hard calls are shared out)
  rappel agreement set B017 --window "mon 9:30-11:00" --window "tue-fri 14:00-16:00" --zone Indian/Reunion

Calls that a machine places are agreed beside those, by their kind; rappel agreement end takes that back:

  rappel agreement set B017 --kind presence --cadence daily --window 9:30-10:30`,
		Args: exactly(1),
	}, func(ctx context.Context, r records, args []string) error {
		if kind != "" {
			return p.agree(ctx, r, args[0], kind, t.changeAutomatic)
		}
		book := r.Book(r.scheme.Key, time.Now)
		var b roster.Beneficiary
		err := book.Edit(ctx, func(page roster.Page) (err error) {
			if b, err = beneficiary(ctx, page, args[0]); err != nil {
				return err
			}
			if err := t.change(&b); err != nil {
				return usageError{err}
			}
			return page.Put(ctx, roster.People{Beneficiaries: []roster.Beneficiary{b}})
		})
		if err != nil {
			return err
		}
		p.tell(book.Replanned())
		if err := p.tellNever(ctx, r, b); err != nil {
			return err
		}
		if err := unskilled(ctx, book, b); errors.Is(err, errNobodySkilled) {
			fmt.Fprintf(p.err, "Note: %s\n", err)
			return nil
		} else if err != nil {
			return err
		}
		return nil
	})
	f := c.Flags()
	f.Var(&word[call.Kind]{&kind, automaticKinds()}, "kind", "calls that a machine places: "+choice(automaticKinds())+" (default: those of callers)")
	f.Var(&word[roster.Cadence]{&t.cadence, roster.Cadences()}, "cadence", choice(roster.Cadences()))
	f.IntVar(&t.perWeek, "per-week", 0, "how often a week, with weekly")
	f.StringVar(&t.days, "days", "", `chosen days, such as mon,thu; "free" leaves them to the scheme`)
	f.StringArrayVar(&t.windows, "window", nil, `when she may be called, such as 9:30-11:00 or "mon 14-16"; may be given again; "any" is whenever the scheme calls`)
	f.IntVar(&t.monthDay, "month-day", 0, "day of the month, with monthly")
	f.IntVar(&t.nth, "nth", 0, "which of the chosen day in the month, 1 to 4 or -1 for the last, with monthly")
	f.StringSliceVar(&t.dates, "dates", nil, "dates, with once")
	f.StringVar(&t.zone, "zone", "", `time zone of her windows, such as Indian/Reunion; "scheme" is the scheme's`)
	f.StringVar(&t.skills, "skills", "", `skills that whoever calls her has to have, parted by commas; "" asks for none`)
	f.BoolVar(&t.hard, "hard", false, "her calls are expected to be hard; --hard=false takes it back")
	t.given = f.Changed
	return c
}

// change lays the flags over what was agreed.
func (t *terms) change(b *roster.Beneficiary) error {
	a := &b.Agreement
	if t.given("cadence") && a.Cadence != t.cadence {
		a.Cadence, a.PerWeek, a.MonthDay, a.Nth, a.Dates = t.cadence, 0, 0, 0, nil
	}
	if a.Cadence == "" {
		return errNoAgreement
	}
	if t.given("days") {
		a.Days = nil
		if t.days != "free" {
			set, err := schedule.ParseWeekdays(t.days)
			if err != nil {
				return err
			}
			for d := time.Sunday; d <= time.Saturday; d++ {
				if set.Has(d) {
					a.Days = append(a.Days, d)
				}
			}
		}
		a.PerWeek = 0
	}
	if t.given("per-week") {
		a.PerWeek = t.perWeek
	}
	if t.given("month-day") {
		a.MonthDay, a.Nth = t.monthDay, 0
	}
	if t.given("nth") {
		a.Nth, a.MonthDay = t.nth, 0
	}
	if t.given("skills") {
		a.Skills = roster.Skills(t.skills)
	}
	if t.given("hard") {
		a.Hard = t.hard
	}
	if t.given("zone") {
		if b.Zone = t.zone; t.zone == "scheme" {
			b.Zone = ""
		}
		if _, err := time.LoadLocation(b.Zone); err != nil {
			return fmt.Errorf("%q is no time zone such as Europe/Brussels", b.Zone)
		}
	}
	if err := t.changeWindows(a); err != nil {
		return err
	}
	return t.changeDates(a)
}

// tellNever warns when no call comes of an agreement at all.
func (p *program) tellNever(ctx context.Context, r records, b roster.Beneficiary) error {
	if b.Agreement.Cadence == "" {
		return nil
	}
	ever, err := r.Comes(ctx, r.scheme.Key, b, time.Now())
	if err == nil && !ever {
		fmt.Fprintln(p.err, "Note: no call comes of it, as no window and date of it to come is within the hours in which the scheme calls (rappel hours show).")
	}
	return err
}

func (t *terms) changeWindows(a *roster.Agreement) error {
	if !t.given("window") {
		return nil
	}
	a.Windows = nil
	for _, text := range t.windows {
		if text == "any" {
			continue
		}
		var on roster.Weekdays
		if days, hours, ok := strings.Cut(strings.TrimSpace(text), " "); ok {
			set, err := schedule.ParseWeekdays(days)
			if err != nil {
				return err
			}
			on, text = set, hours
		}
		windows, err := schedule.ParseHours(text)
		if err != nil {
			return err
		}
		for _, w := range windows {
			w.Days = on
			a.Windows = append(a.Windows, w)
		}
	}
	switch {
	case roster.Overlap(a.Windows):
		return errors.New("two of the windows overlap")
	case len(a.Windows) > roster.MostWindows:
		return fmt.Errorf("an agreement has %d windows at most", roster.MostWindows)
	}
	return nil
}

// changeDates reads the dates, and holds what belongs together to it.
func (t *terms) changeDates(a *roster.Agreement) error {
	if t.given("dates") {
		a.Dates = nil
		for _, text := range t.dates {
			var date time.Time
			if err := readDate("--dates", text, &date); err != nil {
				return err
			}
			a.Dates = append(a.Dates, date)
		}
		// The dates say when; a first or last day of before does not bear on them.
		a.ValidFrom, a.ValidUntil = slices.MinFunc(a.Dates, time.Time.Compare), time.Time{}
	}
	switch {
	case a.Cadence == roster.Once && len(a.Dates) == 0 && a.ValidFrom.IsZero():
		return errors.New("calls on dates need --dates")
	case a.Cadence != roster.Once && len(a.Dates) > 0:
		return errors.New("--dates goes with --cadence once")
	case a.Cadence != roster.Monthly && (a.MonthDay != 0 || a.Nth != 0):
		return errors.New("--month-day and --nth go with --cadence monthly")
	case a.MonthDay < 0 || a.MonthDay > 31:
		return errors.New("--month-day is 1 to 31")
	case a.Nth < -1 || a.Nth > 4 || a.Nth != 0 && len(a.Days) != 1:
		return errors.New("--nth is 1 to 4 or -1, of one day: --days tue --nth 2")
	case a.PerWeek < 0 || a.PerWeek > 7 || a.PerWeek > 0 && a.Cadence != roster.Weekly:
		return errors.New("--per-week is 1 to 7, with --cadence weekly")
	}
	return nil
}

// beneficiary finds one person by her ref.
func beneficiary(ctx context.Context, page roster.Page, ref string) (roster.Beneficiary, error) {
	found, err := page.Find(ctx, []string{ref})
	if err != nil {
		return roster.Beneficiary{}, err
	}
	if len(found.Beneficiaries) == 0 {
		return roster.Beneficiary{}, noBeneficiary(ref, postgres.ErrNoBeneficiary)
	}
	return found.Beneficiaries[0], nil
}
