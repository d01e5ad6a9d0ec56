package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/rappel-tel/rappel/pkg/postgres"
	"github.com/rappel-tel/rappel/pkg/roster/numbering"
)

func (p *program) refusal() *cobra.Command {
	c := &cobra.Command{
		Use:   "refusal",
		Short: "Numbers at which nobody is to be called, ever: kept as keyed hashes only",
	}
	for _, one := range []struct {
		use, short string
		do         func(context.Context, records, string) error
	}{
		{"add NUMBER", "Register nobody at this number any more", func(ctx context.Context, r records, number string) error {
			if err := r.Refuse(ctx, r.scheme.Key, []string{number}, postgres.RefusedToRegistrar, time.Now()); err != nil {
				return err
			}
			_, err := fmt.Fprintln(p.out, "Nobody can be registered at this number any more. Who is registered there stays: rappel refusal person REF erases her.")
			return err
		}},
		{"check NUMBER", "Say whether somebody has refused to be called at this number", func(ctx context.Context, r records, number string) error {
			refused, err := r.Refused(ctx, r.scheme.Key, []string{number})
			if err != nil {
				return err
			}
			answer := "no"
			if refused[number] {
				answer = "yes: nobody is to be called there"
			}
			_, err = fmt.Fprintln(p.out, answer)
			return err
		}},
		{"lift NUMBER", "Forget a refusal, at the wish of whoever is reached there", func(ctx context.Context, r records, number string) error {
			lifted, err := r.LiftRefusal(ctx, r.scheme.Key, number)
			if err != nil {
				return err
			}
			answer := "Lifted: she can be registered again."
			if !lifted {
				answer = "Nobody had refused at this number."
			}
			_, err = fmt.Fprintln(p.out, answer)
			return err
		}},
	} {
		c.AddCommand(p.inScheme(&cobra.Command{
			Use: one.use, Short: one.short, Example: "  rappel refusal " + one.use[:len(one.use)-len("NUMBER")] + "0199001234", Args: exactly(1),
		}, func(ctx context.Context, r records, args []string) error {
			number, err := numbering.Parse(args[0], r.scheme.Country)
			if err != nil {
				return usageError{fmt.Errorf("%q is no telephone number: %w", args[0], err)}
			}
			return one.do(ctx, r, number.E164)
		}))
	}
	c.AddCommand(p.refusePerson())
	return c
}

// refusePerson is for somebody on the town's list, as whoever was proposed by others and says no at the first call.
func (p *program) refusePerson() *cobra.Command {
	return p.inScheme(&cobra.Command{
		Use:   "person REF",
		Short: "Erase a person who will not be called, ever, with all but keyed hashes of her numbers",
		Long: `Erases a person of the list who has refused: her name, her numbers, where she was called, when she was away, what was registered of
her, and what she said to the line from numbers that are hers alone. Her calls are called off, and nobody can be registered at
her numbers any more. The audit keeps that something was done, and not to whom. It cannot be undone; the town's own list is
not touched.`,
		Example: "  rappel refusal person B017",
		Args:    exactly(1),
	}, func(ctx context.Context, r records, args []string) error {
		switch err := r.RefusePerson(ctx, r.scheme.Key, args[0], time.Now()); {
		case errors.Is(err, postgres.ErrNoBeneficiary):
			return usageError{fmt.Errorf("%w; rappel export shows the refs", err)}
		case err != nil:
			return err
		}
		fmt.Fprintln(p.out, "She is erased, and nobody can be registered at her numbers.")
		return eraseForgotten(ctx, r)
	})
}
