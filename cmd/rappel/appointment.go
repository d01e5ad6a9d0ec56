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
		Use: "appointment", Short: "Show somebody's next call; confirm, move or skip it for her, and settle what she asked for on the line",
		Long: `People confirm and change their next call on the line, by key. A number can be forged, so that what changes anything waits
there until they have been rung back and pressed a key. Here it happens at once: you have talked to them. When somebody is away
for a while, that is rappel absence add.`,
	}
	c.AddCommand(p.showAppointment(), p.confirmAppointment(), p.moveAppointment(), p.skipAppointment(),
		p.settleChange("agree", true), p.settleChange("refuse", false), p.listChanges())
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
		if next.Pending.ID != "" {
			fmt.Fprintf(p.out, "A change waits for the word of %s: %s. rappel appointment agree %s, or refuse, once you have talked to her.\n",
				next.ref, next.asked(), next.ref)
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
		if to == "" {
			return usageError{fmt.Errorf("--to is missing; rappel appointment show %s lists the times", next.ref)}
		}
		if next.begins(next.Opens, to) {
			_, err := fmt.Fprintf(p.out, "%s is called %s already.\n", next.ref, next)
			return err
		}
		times, err := r.OtherTimes(ctx, r.scheme.Key, next.Occurrence, now)
		if err != nil {
			return p.gone(next, err)
		}
		var fits []callflow.Proposal
		for _, t := range times {
			if next.begins(t.Opens, to) {
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
	var which string
	c := p.inScheme(&cobra.Command{
		Use: "skip REF --call DATE", Short: "Call somebody's next call off; those after it stay", Args: exactly(1),
		Long: `Calls off somebody's next call, which is named by its day, so that the same typed twice skips one call and not two.
rappel appointment show REF says which it is.`,
		Example: "  rappel appointment skip B017 --call 2026-11-27",
	}, func(ctx context.Context, r records, args []string) error {
		now := time.Now()
		next, err := p.nextCall(ctx, r, args[0], now)
		if err != nil {
			return err
		}
		if next.Occurrence == 0 || !next.begins(next.Opens, which) {
			return p.skipped(ctx, r, next, which)
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
		if after.Occurrence == 0 {
			_, err = fmt.Fprintf(p.out, "%s is not called %s. No other call is planned.\n", next.ref, next)
			return err
		}
		_, err = fmt.Fprintf(p.out, "%s is not called %s. The next call is %s.\n", next.ref, next, after)
		return err
	})
	c.Flags().StringVar(&which, "call", "", "the call's day, such as 2026-11-27 or \"2026-11-27 09:30\"")
	return c
}

// begins reports whether a call is the one that somebody has named by its day, or by its day and hour.
func (n nextCall) begins(opens time.Time, named string) bool {
	return len(named) >= len(time.DateOnly) && strings.HasPrefix(opens.In(n.zone).Format("2006-01-02 15:04"), strings.Replace(named, "T", " ", 1))
}

// skipped says that a call was called off already, or which call there is to call off.
func (p *program) skipped(ctx context.Context, r records, next nextCall, which string) error {
	list, err := r.Changes(ctx, r.scheme.Key, next.ref, time.Now().AddDate(0, 0, -30))
	if err != nil {
		return err
	}
	for _, n := range list {
		if n.Kind == callflow.ChangeSkip && n.State == callflow.ChangeDone && next.begins(n.Promised.Opens, which) {
			_, err := fmt.Fprintf(p.out, "That call of %s was called off already.\n", next.ref)
			return err
		}
	}
	if next.Occurrence == 0 {
		return p.refuse(fmt.Errorf("no call is planned for %s; rappel agreement show %s says what is agreed", next.ref, next.ref))
	}
	return usageError{fmt.Errorf("--call %q is not the next call of %s; to call that off: rappel appointment skip %s --call %s",
		which, next.ref, next.ref, next.Opens.In(next.zone).Format(time.DateOnly))}
}

// asked is the change that waits for somebody's word, in words.
func (n nextCall) asked() string {
	at := func(t time.Time) string { return t.In(n.zone).Format(slotText) }
	switch c := n.Pending; c.Kind {
	case callflow.ChangeMove:
		return "the call of " + at(c.Promised.Opens) + " to " + at(c.To.Opens)
	case callflow.ChangeAway:
		return "away from " + c.From.Format(time.DateOnly) + ", back " + c.Back.Format(time.DateOnly)
	default:
		return "no call " + at(c.Promised.Opens)
	}
}

func (p *program) settleChange(use string, agreed bool) *cobra.Command {
	short := "Make the change that somebody asked for on the line: she has told you that it was she"
	if !agreed {
		short = "Drop the change that somebody asked for on the line: she has told you that it was not she, or that she wants it no more"
	}
	return p.inScheme(&cobra.Command{
		Use: use + " REF", Short: short, Args: exactly(1), Example: "  rappel appointment " + use + " B017",
	}, func(ctx context.Context, r records, args []string) error {
		now := time.Now()
		next, err := p.nextCall(ctx, r, args[0], now)
		if err != nil {
			return err
		}
		if next.Pending.ID == "" {
			return p.refuse(fmt.Errorf("no change waits for the word of %s; rappel appointment changes %s lists what was asked", next.ref, next.ref))
		}
		err = r.SettleChange(ctx, r.scheme.Key, callflow.Told{
			Beneficiary: next.Beneficiary, Change: next.Pending.ID, Agreed: agreed,
		}, now)
		switch {
		case errors.Is(err, callflow.ErrGone), errors.Is(err, callflow.ErrNothing):
			return p.refuse(fmt.Errorf("it is no longer possible; rappel appointment show %s says what is planned", next.ref))
		case err != nil:
			return err
		case agreed:
			_, err = fmt.Fprintf(p.out, "Done for %s: %s.\n", next.ref, next.asked())
		default:
			_, err = fmt.Fprintf(p.out, "Dropped: %s. Her calls stay as planned.\n", next.asked())
		}
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
