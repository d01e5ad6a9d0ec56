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

func (p *program) shareTrunk() *cobra.Command {
	var cli string
	var end bool
	c := p.inScheme(&cobra.Command{
		Use:   "share-trunk NAME --cli +3281…",
		Short: "Call through the trunk of another scheme as well",
		Long: `Lets the scheme call through a trunk that another scheme has, presenting a number that the trunk's operator permits. The trunk
has its lines, those kept for people who ring in, and its calls per second once, for all schemes together. A scheme's own
trunks are tried first. In France calls without a caller do not go through it: they show a number that is for such calls only.`,
		Example: "  rappel scheme share-trunk namur --cli +3281247454 --scheme Jambes",
		Args:    exactly(1),
	}, func(ctx context.Context, r records, args []string) (err error) {
		switch {
		case end == (cli != ""):
			return usageError{errors.New("write --cli with the number to present, or --end")}
		case cli != "":
			if cli, err = e164("--cli", cli, r.scheme.Country); err != nil {
				return err
			}
			if err := numbering.Presentable(cli, r.scheme.Country, false); err != nil {
				return usageError{err}
			}
		}
		err = r.ShareTrunk(ctx, r.scheme.Key, args[0], cli, time.Now())
		if errors.Is(err, postgres.ErrNotShared) && end {
			return usageError{fmt.Errorf("%s: no other scheme's trunk of this name is shared with this one", args[0])}
		}
		if errors.Is(err, postgres.ErrNotShared) {
			return usageError{fmt.Errorf("%w; rappel scheme trunk %s --permit NUMBER permits one, in the scheme whose trunk it is", postgres.ErrNotShared, args[0])}
		}
		return err
	})
	c.Flags().StringVar(&cli, "cli", "", "number presented, which the operator permits (E.164)")
	c.Flags().BoolVar(&end, "end", false, "share it no longer")
	return c
}
