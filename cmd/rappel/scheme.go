package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/rappel-tel/rappel/pkg/app"
	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/postgres"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/roster/numbering"
)

func (p *program) scheme() *cobra.Command {
	c := &cobra.Command{Use: "scheme", Short: "Make a town's scheme, its trunks and its numbers"}
	c.AddCommand(p.createScheme(), p.listSchemes(), p.setGreeting(), p.retries(), p.welfare(), p.schemeLimits(), p.addTrunk(), p.shareTrunk(), p.destinations(), p.pauseScheme(),
		p.resumeScheme(), p.lostCalls())
	return c
}

func (p *program) createScheme() *cobra.Command {
	s := postgres.Scheme{Language: roster.French, Opens: 9*60 + 30, Closes: 17 * 60, Hold: 10 * time.Minute, WrapUp: 2 * time.Minute, MaxAttempts: 3}
	c := &cobra.Command{
		Use:   "create --name NAME",
		Short: "Make a scheme",
		Args:  exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			if !c.Flags().Changed("zone") && s.Country == "FR" {
				s.Zone = "Europe/Paris"
			}
			if err := s.Validate(); err != nil {
				return usageError{err}
			}
			return p.withStore(c.Context(), func(store *postgres.Store, _ app.Config) error {
				made, err := store.CreateScheme(c.Context(), s, time.Now())
				if errors.Is(err, postgres.ErrTaken) {
					return usageError{fmt.Errorf("there is a scheme %q already", s.Name)}
				}
				if err != nil {
					return err
				}
				fmt.Fprintf(p.out, "%s\n", made.ID)
				fmt.Fprintf(p.err, "Made. Next: rappel scheme trunk, rappel line add, rappel import FILE.csv\n")
				return nil
			})
		},
	}
	f := c.Flags()
	f.StringVar(&s.Name, "name", "", "name of the scheme")
	f.StringVar(&s.Spoken, "spoken", "", "what the line calls it in its greeting (default: a neutral greeting)")
	f.StringVar(&s.Country, "country", "BE", "country of its numbers and holidays: BE or FR")
	f.StringVar(&s.Zone, "zone", "Europe/Brussels", "time zone (with --country FR: Europe/Paris)")
	f.Var(language(&s.Language), "language", "main language: fr, nl, de or en")
	f.DurationVar(&s.Hold, "hold", s.Hold, "how long a call waits for its reference caller")
	f.DurationVar(&s.WrapUp, "wrap-up", s.WrapUp, "time for notes before a caller is ready again by herself")
	_ = c.MarkFlagRequired("name") // It fails for a flag that does not exist only.
	return c
}

func (p *program) listSchemes() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the schemes",
		Args:  exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			return p.withStore(c.Context(), func(store *postgres.Store, _ app.Config) error {
				schemes, err := store.Schemes(c.Context())
				if err != nil {
					return err
				}
				w := tabwriter.NewWriter(p.out, 0, 4, 2, ' ', 0)
				for _, s := range schemes {
					name := s.Name
					if s.Paused {
						name += "\tpaused: rappel scheme resume"
					}
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", s.ID, s.Country, s.Zone, name)
				}
				return w.Flush()
			})
		},
	}
}

func (p *program) setGreeting() *cobra.Command {
	return p.inScheme(&cobra.Command{
		Use:   `greeting "SPOKEN NAME"`,
		Short: `Say what the line calls the scheme in its greeting; "" is a neutral greeting`,
		Example: `  rappel scheme greeting "Gardons le contact"
  rappel scheme greeting ""`,
		Args: exactly(1),
	}, func(ctx context.Context, r records, args []string) error {
		err := r.SetGreeting(ctx, r.scheme.Key, args[0], time.Now())
		if errors.Is(err, postgres.ErrGreeting) {
			return usageError{err}
		}
		if err != nil {
			return err
		}
		prompts, err := r.prompts()
		if err != nil {
			return err
		}
		said, err := prompts.Catalogue(ctx, r.scheme.Key)
		if err != nil {
			return err
		}
		key := "line.greeting"
		if strings.TrimSpace(args[0]) != "" {
			key = "line.greeting_named"
		}
		_, err = fmt.Fprintf(p.out, "The line says: %s\n", said.Text(r.scheme.Language, key, ivr.Vars{"scheme": strings.TrimSpace(args[0])}))
		return err
	})
}

// e164 reads a number of our own as people write it. Nobody is reached at an extension of a trunk's own number.
func e164(what, text, country string) (string, error) {
	n, err := numbering.Parse(text, country)
	if err == nil && n.Extension != "" {
		err = errors.New("it has an extension")
	}
	if err != nil {
		return "", usageError{fmt.Errorf("%s %s: %w; write it with its country, such as +3281247454", what, text, err)}
	}
	return n.E164, nil
}

// trunkSecret is the password of a trunk, which no process list shows.
func trunkSecret() string { return os.Getenv("RAPPEL_TRUNK_SECRET") }

func (p *program) destinations() *cobra.Command {
	var ordinary bool
	c := p.inScheme(&cobra.Command{
		Use:   "destinations [PREFIX…]",
		Short: "Show or replace the numbers that the scheme may ring",
		Long: `Without prefixes of its own a scheme may ring the geographic, mobile and home-line numbers of its country. Prefixes such
as +32 or +3281 replace that; premium-rate and shared-cost numbers stay refused whatever they say. A number outside the list
is refused by import, and never rung if it came in before; a change counts within seconds.`,
		Args: cobra.ArbitraryArgs,
	}, func(ctx context.Context, r records, prefixes []string) error {
		if len(prefixes) > 0 || ordinary {
			if len(prefixes) > 0 && ordinary {
				return usageError{errors.New("--ordinary goes without prefixes")}
			}
			if _, err := numbering.NewDestinations(numbering.DestinationOptions{Region: r.scheme.Country, Prefixes: prefixes}); err != nil {
				return usageError{err}
			}
			if err := r.SetDestinations(ctx, r.scheme.Key, prefixes); err != nil {
				return err
			}
		}
		list, err := r.Destinations(ctx, r.scheme.Key)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			list = []string{"the ordinary numbers of " + r.scheme.Country}
		}
		_, err = fmt.Fprintln(p.out, strings.Join(list, "\n"))
		return err
	})
	c.Flags().BoolVar(&ordinary, "ordinary", false, "back to the ordinary numbers of the scheme's country")
	return c
}
