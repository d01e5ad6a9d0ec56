package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/rappel-tel/rappel/pkg/callflow"
	"github.com/rappel-tel/rappel/pkg/postgres"
)

func (p *program) appointment() *cobra.Command {
	c := &cobra.Command{
		Use: "appointment", Short: "Show somebody's next call; confirm, move or skip it for her",
		Long: `People confirm and change their next call on the line, by key. A number can be forged, so that what changes anything waits
there until they have been rung back and pressed a key. Here it happens at once: you have talked to them.`,
	}
	c.AddCommand(p.showAppointment(), p.confirmAppointment(), p.moveAppointment(), p.skipAppointment(), p.listChanges())
	return c
}

// slotText is how the commands write when somebody is called.
const slotText = "Mon 2006-01-02 15:04"

// nextCall is somebody's next agreed call.
type nextCall struct {
	callflow.Next
	ref  string
	zone *time.Location
}

func (n nextCall) String() string {
	return n.Opens.In(n.zone).Format(slotText) + n.Closes.In(n.zone).Format("-15:04")
}

// nextCall finds it; somebody without one is refused unless none will do.
func (p *program) nextCall(ctx context.Context, r records, ref string, now time.Time) (nextCall, error) {
	next, err := r.NextAppointment(ctx, r.scheme.Key, ref, now)
	if err != nil {
		return nextCall{}, noBeneficiary(ref, err)
	}
	zone, err := time.LoadLocation(r.scheme.Zone)
	if err != nil {
		return nextCall{}, err
	}
	return nextCall{next, ref, zone}, nil
}

// promisedCall is nextCall of somebody who has one.
func (p *program) promisedCall(ctx context.Context, r records, ref string, now time.Time) (nextCall, error) {
	next, err := p.nextCall(ctx, r, ref, now)
	if err == nil && next.Occurrence == 0 {
		err = p.refuse(fmt.Errorf("no call is planned for %s; rappel agreement show %s says what is agreed", ref, ref))
	}
	return next, err
}

// gone refuses what can no longer be done.
func (p *program) gone(next nextCall, err error) error {
	if errors.Is(err, callflow.ErrGone) {
		return p.refuse(fmt.Errorf("the call of %s has begun, or is none of those agreed; rappel appointment show %s", next, next.ref))
	}
	return err
}

func (p *program) showAppointment() *cobra.Command {
	return p.inScheme(&cobra.Command{
		Use: "show REF", Short: "Show somebody's next call, and to when it can be moved", Args: exactly(1),
		Example: "  rappel appointment show B017",
	}, func(ctx context.Context, r records, args []string) error {
		now := time.Now()
		next, err := p.nextCall(ctx, r, args[0], now)
		if err != nil {
			return err
		}
		if next.Pending != "" {
			fmt.Fprintf(p.out, "%s asked on the line for a change (%s), and is rung back to confirm it.\n", next.ref, next.Pending)
		}
		if next.Occurrence == 0 {
			_, err := fmt.Fprintf(p.out, "No call is planned for %s.\n", next.ref)
			return err
		}
		confirmed := ""
		if next.Confirmed {
			confirmed = ", which she has confirmed"
		}
		fmt.Fprintf(p.out, "%s will be called %s%s.\n", next.ref, next, confirmed)
		times, err := r.OtherTimes(ctx, r.scheme.Key, next.Occurrence, now)
		switch {
		case errors.Is(err, callflow.ErrGone):
			return nil
		case err != nil:
			return err
		case len(times) == 0:
			_, err := fmt.Fprintln(p.out, "No other time can be kept.")
			return err
		}
		fmt.Fprintf(p.out, "It can be moved, with rappel appointment move %s --to, to:\n", next.ref)
		for _, t := range times {
			fmt.Fprintf(p.out, "  %s\n", nextCall{callflow.Next{Appointment: callflow.Appointment{Opens: t.Opens, Closes: t.Closes}}, next.ref, next.zone})
		}
		return nil
	})
}

func (p *program) confirmAppointment() *cobra.Command {
	return p.inScheme(&cobra.Command{
		Use: "confirm REF", Short: "Note that somebody expects her next call", Args: exactly(1),
		Example: "  rappel appointment confirm B017",
	}, func(ctx context.Context, r records, args []string) error {
		now := time.Now()
		next, err := p.promisedCall(ctx, r, args[0], now)
		if err != nil {
			return err
		}
		if err := r.ConfirmAppointment(ctx, r.scheme.Key, next.Occurrence, postgres.ChannelRegistrar, now); err != nil {
			return p.gone(next, err)
		}
		_, err = fmt.Fprintf(p.out, "%s expects the call of %s.\n", next.ref, next)
		return err
	})
}

func (p *program) moveAppointment() *cobra.Command {
	var to string
	c := p.inScheme(&cobra.Command{
		Use: "move REF --to TIME", Short: "Move somebody's next call to another time that can be kept", Args: exactly(1),
		Example: "  rappel appointment move B017 --to \"2026-11-27 09:30\"",
	}, func(ctx context.Context, r records, args []string) error {
		now := time.Now()
		next, err := p.promisedCall(ctx, r, args[0], now)
		if err != nil {
			return err
		}
		times, err := r.OtherTimes(ctx, r.scheme.Key, next.Occurrence, now)
		if err != nil {
			return p.gone(next, err)
		}
		var fits []callflow.Proposal
		for _, t := range times {
			if to != "" && strings.HasPrefix(t.Opens.In(next.zone).Format("2006-01-02 15:04"), strings.Replace(to, "T", " ", 1)) {
				fits = append(fits, t)
			}
		}
		if len(fits) != 1 {
			return usageError{fmt.Errorf("--to %q is none of the times; rappel appointment show %s lists them", to, next.ref)}
		}
		err = r.ChangeNow(ctx, r.scheme.Key, callflow.Change{
			Kind: callflow.ChangeMove, Beneficiary: next.Beneficiary, Occurrence: next.Occurrence, To: fits[0],
		}, postgres.ChannelRegistrar, now)
		if err != nil {
			return p.gone(next, err)
		}
		_, err = fmt.Fprintf(p.out, "%s will be called %s instead of %s.\n", next.ref, fits[0].Opens.In(next.zone).Format(slotText), next)
		return err
	})
	c.Flags().StringVar(&to, "to", "", "when its window opens, such as 2026-11-27 or \"2026-11-27 09:30\"")
	return c
}

func (p *program) skipAppointment() *cobra.Command {
	return p.inScheme(&cobra.Command{
		Use: "skip REF", Short: "Call somebody's next call off; those after it stay", Args: exactly(1),
		Example: "  rappel appointment skip B017",
	}, func(ctx context.Context, r records, args []string) error {
		now := time.Now()
		next, err := p.promisedCall(ctx, r, args[0], now)
		if err != nil {
			return err
		}
		err = r.ChangeNow(ctx, r.scheme.Key, callflow.Change{
			Kind: callflow.ChangeSkip, Beneficiary: next.Beneficiary, Occurrence: next.Occurrence,
		}, postgres.ChannelRegistrar, now)
		if err != nil {
			return p.gone(next, err)
		}
		after, err := p.nextCall(ctx, r, next.ref, now)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(p.out, "%s is not called %s. The next call is %s.\n", next.ref, next, after)
		return err
	})
}

func (p *program) listChanges() *cobra.Command {
	return p.inScheme(&cobra.Command{
		Use: "changes [REF]", Short: "List what was asked of people's next calls in the last thirty days, and what became of it", Args: atMostOne,
		Long: `Lists what was asked of people's next calls in the last thirty days, the latest first. A change that is pending waits until
she has pressed a key when she is rung back; refused means that she said no, so that somebody else may use her number; lapsed,
that she said nothing, or that it was too late: her calls stay as promised.`,
		Example: "  rappel appointment changes B017",
	}, func(ctx context.Context, r records, args []string) error {
		if ref := only(args); ref != "" {
			if _, err := p.nextCall(ctx, r, ref, time.Now()); err != nil {
				return err
			}
		}
		list, err := r.Changes(ctx, r.scheme.Key, only(args), time.Now().AddDate(0, 0, -30))
		if err != nil {
			return err
		}
		zone, err := time.LoadLocation(r.scheme.Zone)
		if err != nil {
			return err
		}
		at := func(t time.Time) string {
			if t.IsZero() {
				return "-"
			}
			return t.In(zone).Format(slotText)
		}
		w := tabwriter.NewWriter(p.out, 0, 4, 2, ' ', 0)
		fmt.Fprintln(w, "ASKED\tREF\tCHANGE\tCALL\tTO\tSTATE\tBY")
		for _, n := range list {
			to := at(n.To.Opens)
			if !n.Back.IsZero() {
				to = "away from " + n.From.Format(time.DateOnly) + ", back " + n.Back.Format(time.DateOnly)
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", at(n.At), n.Ref, n.Kind, at(n.Promised.Opens), to, n.State, n.Channel)
		}
		return w.Flush()
	})
}
