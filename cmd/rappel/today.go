package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/rappel-tel/rappel/pkg/call"
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
		now := time.Now()
		person, err := r.KeyOf(ctx, r.scheme.Key, args[0])
		if err != nil {
			return mistake(err, postgres.ErrNoBeneficiary)
		}
		want, err := r.Wanted(ctx, r.scheme.Key, person)
		if err != nil {
			return err
		}
		at, closes, err := r.RoomToday(ctx, r.scheme.Key, want, now)
		switch {
		case errors.Is(err, dispatch.ErrNoRoom):
			return usageError{fmt.Errorf("no: %w; rappel plan says how many more callers the day needs", err)}
		case errors.Is(err, dispatch.ErrAlready):
			return usageError{err}
		case err != nil:
			return err
		}
		booked, err := r.BookCallback(ctx, r.scheme.Key, postgres.Callback{
			Beneficiary: person, Kind: call.KindCallToday, Opens: now, Closes: closes,
		}, now)
		if err != nil {
			return err
		}
		if booked.Before {
			return usageError{dispatch.ErrAlready}
		}
		zone, err := time.LoadLocation(r.scheme.Zone)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(p.out, "%s will be called today at about %s.\n", args[0], at.In(zone).Format("15:04"))
		return err
	})
}
