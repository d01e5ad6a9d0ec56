package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/postgres"
)

func (p *program) today() *cobra.Command {
	return p.inScheme(&cobra.Command{
		Use:   "today REF",
		Short: "Call somebody today who asks for it, if no promise suffers",
		Long: `Books a call today for a beneficiary, if the callers who are there now can make it beside all that is promised today, and
says at about what time. Otherwise it says no and changes nothing. She is called at most once a day for having asked.`,
		Example: "  rappel today B017",
		Args:    exactly(1),
	}, func(ctx context.Context, r records, args []string) error {
		if r.scheme.Paused {
			return p.refuse(errors.New("the scheme is paused and calls nobody until rappel scheme resume"))
		}
		at, err := r.CallToday(ctx, r.scheme.Key, args[0], time.Now())
		switch {
		case errors.Is(err, dispatch.ErrNoRoom):
			return p.refuse(fmt.Errorf("%w; rappel plan shows what is left of the day", err))
		case errors.Is(err, dispatch.ErrAlready):
			return p.refuse(err)
		case errors.Is(err, postgres.ErrNotAgreed):
			return p.refuse(fmt.Errorf("%w; rappel consent agreed %s says that she has", err, args[0]))
		case err != nil:
			return noBeneficiary(args[0], err)
		}
		zone, err := time.LoadLocation(r.scheme.Zone)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(p.out, "%s will be called today at about %s.\n", args[0], at.In(zone).Format("15:04"))
		return err
	})
}

// refuse says no to what was typed well: the exit status is 1.
func (p *program) refuse(err error) error {
	fmt.Fprintf(p.err, "No: %s\n", err)
	return silentError{}
}
