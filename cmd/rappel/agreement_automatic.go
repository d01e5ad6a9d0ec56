package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// automaticKinds are the calls without a caller that may be agreed with one person.
func automaticKinds() []call.Kind {
	return []call.Kind{call.KindPresence, call.KindReminder, call.KindSurvey}
}

// changeAutomatic lays the flags over what was agreed about calls without a caller.
func (t *terms) changeAutomatic(a *roster.Agreement) error {
	for _, flag := range []string{"zone", "skills", "hard"} {
		if t.given(flag) {
			return errors.New("--" + flag + " goes without --kind")
		}
	}
	b := roster.Beneficiary{Agreement: *a}
	err := t.change(&b)
	*a = b.Agreement
	return err
}

// agree changes what was agreed with a person about calls of a kind that need no caller.
func (p *program) agree(ctx context.Context, r records, ref string, kind call.Kind, change func(*roster.Agreement) error) error {
	a, err := r.Agreed(ctx, r.scheme.Key, ref, kind)
	if err != nil {
		return noBeneficiary(ref, err)
	}
	if err := change(&a); err != nil {
		return usageError{err}
	}
	done, err := r.Agree(ctx, r.scheme.Key, ref, kind, a, time.Now())
	if err != nil {
		return noBeneficiary(ref, ownCLI(err, kind))
	}
	p.tell(done)
	return p.tellNever(ctx, r, roster.Beneficiary{Agreement: a})
}

func (p *program) endAgreement() *cobra.Command {
	var kind call.Kind
	c := p.inScheme(&cobra.Command{
		Use:   "end REF --kind KIND",
		Short: "End what was agreed about calls that a machine places",
		Long: `Ends what was agreed with one person about calls that a machine places; open ones are cancelled, those under way go on.

  rappel agreement end B017 --kind presence`,
		Args: exactly(1),
	}, func(ctx context.Context, r records, args []string) error {
		return p.agree(ctx, r, args[0], kind, func(a *roster.Agreement) error {
			if a.Cadence == "" {
				return fmt.Errorf("no %s calls are agreed with her; rappel agreement show %s says what is", kind, args[0])
			}
			*a = roster.Agreement{}
			return nil
		})
	})
	c.Flags().Var(&word[call.Kind]{&kind, automaticKinds()}, "kind", choice(automaticKinds()))
	_ = c.MarkFlagRequired("kind") // It fails for a flag that does not exist only.
	return c
}
