package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/rappel-tel/rappel/pkg/callflow"
	"github.com/rappel-tel/rappel/pkg/roster"
)

func (p *program) person() *cobra.Command {
	c := &cobra.Command{
		Use:   "person",
		Short: "Say how the line treats one person, and who is asked after her when she is not reached",
	}
	c.AddCommand(p.showPerson(), p.setPerson(), p.contactPeople())
	return c
}

func (p *program) showPerson() *cobra.Command {
	return p.inScheme(&cobra.Command{
		Use: "show REF", Short: "Print how the line treats her", Args: exactly(1), Example: "  rappel person show B017",
	}, func(ctx context.Context, r records, args []string) error {
		s, err := r.Settings(ctx, r.scheme.Key, args[0])
		if err != nil {
			return noBeneficiary(args[0], err)
		}
		return p.tellSettings(s)
	})
}

// tellSettings prints how the line treats somebody.
func (p *program) tellSettings(s callflow.Settings) error {
	yes := map[bool]string{true: "yes", false: "no"}
	w := tabwriter.NewWriter(p.out, 0, 4, 2, ' ', 0)
	fmt.Fprintf(w, "language\t%s\nlonger waits\t%s\nsimpler words\t%s\nstraight to a person\t%s\n", s.Language, yes[s.LongerWaits], yes[s.Simpler], yes[s.StraightToPerson])
	return w.Flush()
}

func (p *program) setPerson() *cobra.Command {
	var lang roster.Language
	var longer, simpler, straight bool
	c := &cobra.Command{
		Use:   "set REF",
		Short: "Change how the line treats her, from her next call on; what no flag names stays as it was",
		Long: `Changes how the line treats one person who rings from a number that the scheme calls her at. What no flag names stays as it
was. A number can be forged: whoever does so hears another language, or somebody sooner, and learns nothing.`,
		Example: `  rappel person set B017 --language nl
  rappel person set B017 --longer-waits --simpler
  rappel person set B017 --straight-to-person=false`,
		Args: exactly(1),
	}
	f := c.Flags()
	f.Var(language(&lang), "language", "what she is spoken to in: fr, nl, de or en")
	f.BoolVar(&longer, "longer-waits", false, "wait twice as long for every key")
	f.BoolVar(&simpler, "simpler", false, "say everything in simpler words, sentence by sentence, from the first time on")
	f.BoolVar(&straight, "straight-to-person", false, "ring a registrar at once, without a menu")
	return p.inScheme(c, func(ctx context.Context, r records, args []string) error {
		if !slices.ContainsFunc([]string{"language", "longer-waits", "simpler", "straight-to-person"}, f.Changed) {
			return usageError{errors.New("name what changes: --language, --longer-waits, --simpler or --straight-to-person")}
		}
		var change callflow.SettingsChange
		if f.Changed("language") {
			change.Language = &lang
		}
		if f.Changed("longer-waits") {
			change.LongerWaits = &longer
		}
		if f.Changed("simpler") {
			change.Simpler = &simpler
		}
		if f.Changed("straight-to-person") {
			change.StraightToPerson = &straight
		}
		now, err := r.ChangeSettings(ctx, r.scheme.Key, args[0], change)
		if err != nil {
			return noBeneficiary(args[0], err)
		}
		return p.tellSettings(now)
	})
}
