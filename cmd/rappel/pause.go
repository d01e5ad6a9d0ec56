package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
)

func (p *program) pauseScheme() *cobra.Command {
	return p.inScheme(&cobra.Command{
		Use:   "pause",
		Short: "Dial nobody until resume; the line still answers, and calls go on",
		Args:  exactly(0),
	}, func(ctx context.Context, r records, _ []string) error {
		if err := r.Pause(ctx, r.scheme.Key, time.Now()); err != nil {
			return err
		}
		fmt.Fprintf(p.err, "Paused. Promises go on becoming due; next: rappel scheme resume\n")
		return nil
	})
}

func (p *program) resumeScheme() *cobra.Command {
	var asLost, again bool
	c := p.inScheme(&cobra.Command{
		Use:   "resume",
		Short: "Let a paused scheme dial again",
		Long: `Let a paused scheme dial again. A scheme whose database was brought back to an earlier moment is paused by itself;
then say what becomes of the calls that "rappel scheme lost" lists: --as-lost keeps them as they were closed, --call-again
has those people called again.`,
		Args: exactly(0),
	}, func(ctx context.Context, r records, _ []string) error {
		lost, err := r.Lost(ctx, r.scheme.Key)
		if err != nil {
			return err
		}
		if !lost.Found.IsZero() && !asLost && !again {
			return usageError{errors.New("the database was brought back to an earlier moment: look at rappel scheme lost, " +
				"then type rappel scheme resume --as-lost or rappel scheme resume --call-again")}
		}
		closed, err := r.Resume(ctx, r.scheme.Key, asLost, time.Now())
		if err != nil {
			return err
		}
		fmt.Fprintf(p.err, "Resumed; %d calls closed as they were before.\n", closed)
		return nil
	})
	c.Flags().BoolVar(&asLost, "as-lost", false, "close what was closed in the time that was lost")
	c.Flags().BoolVar(&again, "call-again", false, "call again whoever was called in the time that was lost")
	c.MarkFlagsMutuallyExclusive("as-lost", "call-again")
	return c
}

func (p *program) lostCalls() *cobra.Command {
	return p.inScheme(&cobra.Command{
		Use:   "lost",
		Short: "List the calls of which a database brought back to an earlier moment knows nothing",
		Args:  exactly(0),
	}, func(ctx context.Context, r records, _ []string) error {
		lost, err := r.Lost(ctx, r.scheme.Key)
		if err != nil {
			return err
		}
		if lost.Found.IsZero() {
			fmt.Fprintf(p.err, "Nothing was lost.\n")
			return nil
		}
		w := tabwriter.NewWriter(p.out, 0, 4, 2, ' ', 0)
		fmt.Fprintf(w, "WHEN\tREF\tTHEN\tNOW\tCALL\n")
		reopened, unknown := 0, 0
		for _, l := range lost.Calls {
			ref, state := l.Ref, string(l.State)
			if state == "" {
				ref, state, unknown = "?", "unknown", unknown+1
			}
			if l.Reopened() {
				reopened++
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", r.clock(l.At), ref, l.Then, state, l.ID)
		}
		if err := w.Flush(); err != nil {
			return err
		}
		fmt.Fprintf(p.err, "Found on %s: events %d to %d were lost. %d people would be called again, %d calls are of promises made since. "+
			"Compare with the operator's bill and with whoever made calls; then type rappel scheme resume --as-lost or --call-again\n",
			r.clock(lost.Found), lost.From+1, lost.To, reopened, unknown)
		return nil
	})
}
