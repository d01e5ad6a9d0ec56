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

	"github.com/rappel-tel/rappel/pkg/postgres"
	"github.com/rappel-tel/rappel/pkg/roster"
)

func (p *program) welfare() *cobra.Command {
	var within time.Duration
	c := p.inScheme(&cobra.Command{
		Use:   "welfare",
		Short: "Show or change how soon somebody who was not reached is looked after, before the wall raises the alarm",
		Long: `When somebody is not reached as she was promised, though she was tried as often as rappel scheme retries says and at each of her
numbers, or was not called in time, that is an item of rappel inbox. A registrar takes it, calls her again or those whom she has
named, and closes it. While nobody takes it in time, or whoever has it needs longer, the wall says so until somebody does.
It ends by itself when a call reaches her, and when she announces an absence.

  rappel scheme welfare
  rappel scheme welfare --within 30m`,
		Args: exactly(0),
	}, func(ctx context.Context, r records, _ []string) error {
		if within != 0 {
			var err error
			r.scheme, err = r.UpdateScheme(ctx, r.scheme.Key, time.Now(), func(s *postgres.Scheme) error {
				s.Welfare = within
				return nil
			})
			if err != nil {
				return err
			}
		}
		fmt.Fprintf(p.out, "Looked after within %s.\n", r.scheme.Welfare)
		return nil
	})
	c.PreRunE = func(c *cobra.Command, _ []string) error {
		if c.Flags().Changed("within") && (within < time.Minute || within > 24*time.Hour || within%time.Second != 0) {
			return usageError{fmt.Errorf("--within %s: write 1m to 24h, such as 30m", within)}
		}
		return nil
	}
	c.Flags().DurationVar(&within, "within", 0, "how soon somebody takes it, and is done after that, such as 30m")
	return c
}

func (p *program) contactPeople() *cobra.Command {
	var add, remove string
	c := p.inScheme(&cobra.Command{
		Use:   "contacts REF",
		Short: "List, add or remove who is asked after her when she is not reached: family, a neighbour, a doctor",
		Long: `Lists whom a person has named to be asked after her when she is not reached, in the order in which they are asked. A registrar
rings them (rappel inbox call ID --contact 1), never a machine. Nobody is named but by her.

  rappel person contacts B017
  rappel person contacts B017 --add "Marie Dupont, neighbour, +33199001234"
  rappel person contacts B017 --remove +33199001234`,
		Args: exactly(1),
	}, func(ctx context.Context, r records, args []string) error {
		change, err := contactChange(add, remove, r.scheme.Country)
		if err != nil {
			return usageError{err}
		}
		if _, err := r.Settings(ctx, r.scheme.Key, args[0]); err != nil {
			return noBeneficiary(args[0], err)
		}
		var list []roster.ContactPerson
		if add == "" && remove == "" {
			list, err = r.ContactPeople(ctx, r.scheme.Key, args[0])
		} else {
			list, err = r.ChangeContactPeople(ctx, r.scheme.Key, args[0], func(list []roster.ContactPerson) ([]roster.ContactPerson, error) {
				known := func(c roster.ContactPerson) bool { return slices.Contains(change.Remove, c.Number) }
				if remove != "" && !slices.ContainsFunc(list, known) {
					return nil, fmt.Errorf("%w: --remove %s: nobody with this number is named", roster.ErrContactPerson, remove)
				}
				return change.To(list)
			})
		}
		if errors.Is(err, roster.ErrContactPerson) {
			return usageError{err}
		} else if err != nil {
			return noBeneficiary(args[0], err)
		}
		w := tabwriter.NewWriter(p.out, 0, 4, 2, ' ', 0)
		for n, c := range list {
			fmt.Fprintf(w, "%d\t%s\t%s\t%s\n", n+1, c.Name, c.Relation, c.Number)
		}
		return w.Flush()
	})
	c.Flags().StringVar(&add, "add", "", `"NAME, RELATION, NUMBER"; the relation is `+choice(roster.Relations()))
	c.Flags().StringVar(&remove, "remove", "", "the number of one who is asked no longer")
	return c
}

// contactChange is what the flags ask for.
func contactChange(add, remove, country string) (c roster.ContactChange, err error) {
	if remove != "" {
		number, err := e164("--remove", remove, country)
		if err != nil {
			return c, err
		}
		c.Remove = []string{number}
	}
	if add == "" {
		return c, nil
	}
	parts := strings.Split(add, ",")
	if len(parts) != 3 {
		return c, errors.New(`--add: write it as "Marie Dupont, neighbour, +33199001234"`)
	}
	p := roster.ContactPerson{Name: strings.TrimSpace(parts[0]), Relation: roster.Relation(strings.TrimSpace(parts[1]))}
	if p.Number, err = e164("--add", strings.TrimSpace(parts[2]), country); err != nil {
		return c, err
	}
	c.Add = []roster.ContactPerson{p}
	return c, nil
}
