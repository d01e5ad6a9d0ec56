package main

import (
	"context"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/rappel-tel/rappel/pkg/postgres"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// toNobody is the word for an overflow that no role beside the registrars helps with.
const toNobody roster.Role = "nobody"

func (p *program) overflow() *cobra.Command {
	var after time.Duration
	var to roster.Role
	helpers := []roster.Role{roster.RoleCaller, roster.RoleCoordinator, toNobody}
	c := p.inScheme(&cobra.Command{
		Use:   "overflow",
		Short: "Show or change when somebody on the line waits no longer for a registrar who speaks her language",
		Long: `Shows how long somebody on the line waits for a registrar who speaks her language, while one is on shift; with flags it
changes that first. After it any registrar who is free takes the call, and so does whoever has the role of --to and takes
calls just then; registrars come first. It counts within seconds.

  rappel line overflow --after 2m --to caller
  rappel line overflow --to nobody`,
		Args: exactly(0),
	}, func(ctx context.Context, r records, _ []string) error {
		now := postgres.Overflow{After: r.scheme.Overflow, To: r.scheme.OverflowTo}
		if after != 0 || to != "" {
			var err error
			now, err = r.SetOverflow(ctx, r.scheme.Key, func(o *postgres.Overflow) {
				if after != 0 {
					o.After = after
				}
				switch to {
				case "":
				case toNobody:
					o.To = ""
				default:
					o.To = to
				}
			}, time.Now())
			if err != nil {
				return err
			}
		}
		takes := "any registrar"
		if now.To != "" {
			takes += ", then whoever has the role " + string(now.To)
		}
		w := tabwriter.NewWriter(p.out, 0, 4, 2, ' ', 0)
		fmt.Fprintf(w, "after\t%s\nto\t%s\n", now.After, takes)
		return w.Flush()
	})
	c.PreRunE = func(c *cobra.Command, _ []string) error {
		if c.Flags().Changed("after") && (after < time.Second || after > time.Hour || after%time.Second != 0) {
			return usageError{fmt.Errorf("--after %s: write whole seconds from 1s to 1h, such as 2m", after)}
		}
		return nil
	}
	c.Flags().DurationVar(&after, "after", 0, "how long, such as 2m")
	c.Flags().Var(&word[roster.Role]{&to, helpers}, "to", "who helps the registrars then: "+choice(helpers))
	return c
}
