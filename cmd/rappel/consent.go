package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/rappel-tel/rappel/pkg/app"
	"github.com/rappel-tel/rappel/pkg/callflow"
	"github.com/rappel-tel/rappel/pkg/postgres"
	"github.com/rappel-tel/rappel/pkg/report"
	"github.com/rappel-tel/rappel/pkg/roster"
)

func (p *program) consent() *cobra.Command {
	c := &cobra.Command{
		Use:   "consent",
		Short: "Whoever was proposed by others: who has not answered yet, and what she answered",
		Long: `Whoever was registered by somebody else, or is "proposed" on the town's list, is asked first: a caller's first call is the only one
she gets until she has agreed. The caller keys the answer after the call; what nobody keyed is told here. Whoever was
called and gave no answer within 30 days (rappel consent rules) is erased, and only counted.`,
	}
	c.AddCommand(p.listConsents(), p.consentRules(), p.consentScript(), p.origins())
	for _, one := range []struct {
		answer                    roster.ConsentAnswer
		use, short, long, example string
		done                      string
	}{
		{
			roster.AnswerAgreed, "agreed REF", "Write down that somebody agrees to be called; her calls are planned at once",
			"--how is the proof of consent, such as the letter in which she said so; without it that is the first call.",
			`rappel consent agreed B017 --how "letter of 3 November"`, "Her calls are planned.",
		},
		{
			roster.AnswerRefused, "refused REF", "Erase somebody who refuses, for ever, with all but keyed hashes of her numbers",
			"It cannot be undone; the town's own list is not touched.", "rappel consent refused B017",
			"She is erased, and nobody can be registered at her numbers.",
		},
		{
			roster.AnswerLater, "later REF", "Have somebody asked again on another day",
			"Her next first call is booked, as often as was proposed for her, once a week at least.", "rappel consent later B017",
			"She will be asked again.",
		},
	} {
		how := ""
		command := p.inScheme(&cobra.Command{
			Use: one.use, Short: one.short, Long: one.long, Example: "  " + one.example, Args: exactly(1),
		}, func(ctx context.Context, r records, args []string) error {
			if len(how) > roster.MaxHow {
				return usageError{fmt.Errorf("--how is longer than %d letters", roster.MaxHow)}
			}
			err := r.AnswerConsent(ctx, r.scheme.Key, roster.Answered{Ref: args[0], Answer: one.answer, How: how}, time.Now())
			switch {
			case errors.Is(err, postgres.ErrNoBeneficiary):
				return noBeneficiary(args[0], err)
			case errors.Is(err, callflow.ErrNothing):
				return p.refuse(fmt.Errorf("%s was not proposed, or has answered otherwise; rappel consent list shows who is asked", args[0]))
			case err != nil:
				return err
			}
			fmt.Fprintln(p.out, one.done)
			return eraseForgotten(ctx, r)
		})
		if one.answer == roster.AnswerAgreed {
			command.Flags().StringVar(&how, "how", "", "how she agreed, as the proof of consent")
		}
		c.AddCommand(command)
	}
	return c
}

func (p *program) listConsents() *cobra.Command {
	return p.inScheme(&cobra.Command{
		Use: "list", Short: "List whoever was proposed and has not answered yet, the oldest first", Args: exactly(0),
		Long: `Lists whoever was proposed and has not answered yet: by whom, since when, when she is called, and when she is erased without an
answer. ASKED names the caller of a first call whose answer nobody has told: nobody rings her again before that is done, with
rappel consent agreed, refused or later.`,
		Example: "  rappel consent list",
	}, func(ctx context.Context, r records, _ []string) error {
		list, err := r.Proposals(ctx, r.scheme.Key)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			_, err := fmt.Fprintln(p.out, "Nobody waits to be asked.")
			return err
		}
		w := tabwriter.NewWriter(p.out, 0, 4, 2, ' ', 0)
		fmt.Fprintln(w, "PERSON\tBY\tSINCE\tCALLS\tNEXT\tASKED\tERASED AFTER")
		for _, one := range list {
			next, asked := "-", "-"
			if !one.Opens.IsZero() {
				next = r.clock(one.Opens)
			}
			if !one.Asked.IsZero() {
				asked = r.clock(one.Asked) + " by " + cmp.Or(one.AskedBy, "somebody")
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%s\t%s\n", one.Ref, one.Source, r.clock(one.Since), one.Calls, next, asked, r.clock(one.Until))
		}
		return w.Flush()
	})
}

func (p *program) consentRules() *cobra.Command {
	var days int
	var c *cobra.Command
	c = p.inScheme(&cobra.Command{
		Use: "rules", Short: "Show or change how long a proposal waits", Args: exactly(0),
		Long: `Without flags it shows the rules. A proposal, and a registration that nobody has made anything of, waits so many days for an
answer; then it is erased, and counted.`,
		Example: "  rappel consent rules --days 30",
	}, func(ctx context.Context, r records, _ []string) error {
		rules, err := r.ProposalRules(ctx, r.scheme.Key)
		if err != nil {
			return err
		}
		if c.Flags().Changed("days") {
			rules.Days = days
			if err := rules.Check(); err != nil {
				return usageError{err}
			}
			if err := r.SetProposalRules(ctx, r.scheme.Key, rules); err != nil {
				return err
			}
		}
		_, err = fmt.Fprintf(p.out, "A proposal waits %d days for an answer.\n", rules.Days)
		return err
	})
	c.Flags().IntVar(&days, "days", 0, "how many days a proposal waits for an answer, 1 to 365")
	return c
}

func (p *program) consentScript() *cobra.Command {
	c := &cobra.Command{
		Use: "script", Short: "Show what a caller may say at a first call, in all four languages", Args: exactly(0),
		Example: "  rappel consent script",
	}
	c.RunE = func(*cobra.Command, []string) error {
		cfg, err := app.Read(p.config)
		if err != nil {
			return err
		}
		texts, err := app.ConsentScript(cfg)
		if err != nil {
			return err
		}
		for _, lang := range roster.Languages() {
			fmt.Fprintf(p.out, "%s: %s\n", lang, texts[lang])
		}
		return nil
	}
	return c
}

func (p *program) origins() *cobra.Command {
	var month string
	c := p.inScheme(&cobra.Command{
		Use: "figures", Short: "Count who registers people, and what came of it", Args: exactly(0),
		Long: `Counts who registers people (themselves, family, neighbours, pharmacists, nurses, shops, the town), and what came of it: FINISHED and
UNFINISHED are registrations on the line, REGISTERED and DISCARDED what registrars made of them, and AGREED, REFUSED and LAPSED what people
answered whom others had proposed. Only these counts outlive whoever is erased.`,
		Example: "  rappel consent figures\n  rappel consent figures --month 2026-11",
	}, func(ctx context.Context, r records, _ []string) error {
		if _, err := time.Parse("2006-01", month); month != "" && err != nil {
			return usageError{fmt.Errorf("--month %q is no month; write 2026-11, for example", month)}
		}
		list, err := r.Origins(ctx, r.scheme.Key)
		if err != nil {
			return err
		}
		counts := map[roster.Source]map[string]int{}
		for _, o := range list {
			if month != "" && o.Month.Format("2006-01") != month {
				continue
			}
			if counts[o.Source] == nil {
				counts[o.Source] = map[string]int{}
			}
			counts[o.Source][o.Outcome] += o.Count
		}
		if len(counts) == 0 {
			_, err := fmt.Fprintln(p.out, "Nobody has registered anybody on the line yet, or answered whether she agrees.")
			return err
		}
		w := tabwriter.NewWriter(p.out, 0, 4, 2, ' ', 0)
		fmt.Fprintf(w, "BY\t%s\n", strings.ToUpper(strings.Join(report.Outcomes(), "\t")))
		for _, source := range append(roster.Sources(), "") {
			if counts[source] == nil {
				continue
			}
			fmt.Fprint(w, cmp.Or(source, "not said"))
			for _, outcome := range report.Outcomes() {
				fmt.Fprintf(w, "\t%d", counts[source][outcome])
			}
			fmt.Fprintln(w)
		}
		return w.Flush()
	})
	c.Flags().StringVar(&month, "month", "", "of one month only, such as 2026-11")
	return c
}

// eraseForgotten erases the files of recordings of whoever was erased, as far as they are at this machine's PBX. The service does
// so with the others.
func eraseForgotten(ctx context.Context, r records) error {
	_, err := app.EraseForgotten(ctx, r.Store, r.scheme.Key, r.config.Asterisk.Recordings, time.Now())
	return err
}
