package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/rappel-tel/rappel/pkg/postgres"
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
	var closing []string
	c := p.inScheme(&cobra.Command{
		Use:   "lost",
		Short: "List the calls of which a database brought back to an earlier moment knows nothing",
		Long: `Lists the calls of which a database brought back to an earlier moment knows nothing, and what has happened on the telephone
since that its records would not take: they never heard of the call. Such facts stay until somebody closes them.`,
		Example: "  rappel scheme lost\n  rappel scheme lost --close all          (or the facts' ids, separated by commas)",
		Args:    exactly(0),
	}, func(ctx context.Context, r records, _ []string) error {
		if len(closing) > 0 {
			return p.closeFacts(ctx, r, closing)
		}
		lost, err := r.Lost(ctx, r.scheme.Key)
		if err != nil {
			return err
		}
		facts, err := r.RefusedFacts(ctx, r.scheme.Key)
		if err != nil {
			return err
		}
		if err := p.listFacts(r, facts); err != nil {
			return err
		}
		if lost.Found.IsZero() {
			if len(facts) == 0 {
				fmt.Fprintf(p.err, "Nothing was lost.\n")
			}
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
	c.Flags().StringSliceVar(&closing, "close", nil, "ids of facts that you have seen; all for every one")
	return c
}

// listFacts lists what the records would not take.
func (p *program) listFacts(r records, facts []postgres.RefusedFact) error {
	if len(facts) == 0 {
		return nil
	}
	w := tabwriter.NewWriter(p.out, 0, 4, 2, ' ', 0)
	fmt.Fprintf(w, "WHEN\tREF\tHAPPENED\tOF CALL\tFACT\n")
	for _, f := range facts {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", r.clock(f.At), cmp.Or(f.Ref, "?"), strings.TrimSpace(f.Kind+" "+f.What), cmp.Or(string(f.Attempt), "-"), f.ID)
	}
	fmt.Fprintf(w, "\n")
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(p.err, "The records would not take these %d facts: they know no such call. When you have seen to them: rappel scheme lost --close all\n", len(facts))
	return nil
}

func (p *program) closeFacts(ctx context.Context, r records, ids []string) error {
	if slices.Contains(ids, "all") {
		ids = nil
	}
	n, err := r.CloseRefusedFacts(ctx, r.scheme.Key, ids, time.Now())
	if errors.Is(err, postgres.ErrNoFact) {
		return usageError{fmt.Errorf("%w; none was closed; rappel scheme lost lists them", err)}
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(p.err, "%d facts closed.\n", n)
	return nil
}
