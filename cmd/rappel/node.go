package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/rappel-tel/rappel/pkg/app"
	"github.com/rappel-tel/rappel/pkg/postgres"
)

func (p *program) node() *cobra.Command {
	c := &cobra.Command{Use: "node", Short: "See the nodes of the installation"}
	c.AddCommand(p.listNodes())
	return c
}

func (p *program) listNodes() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the nodes, whether they are there, and how many schemes each leads",
		Long: `Lists the nodes that were there within a month. A node has its name in the file "node" of its data folder; it says every ten
seconds that it is there, and counts as gone after a minute.`,
		Example: "  rappel node list",
		Args:    exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			return p.withStore(c.Context(), func(store *postgres.Store, _ app.Config) error {
				nodes, err := store.Nodes(c.Context())
				if err != nil {
					return err
				}
				if len(nodes) == 0 {
					fmt.Fprintf(p.err, "None was ever there; next: rappel serve\n")
					return nil
				}
				w := tabwriter.NewWriter(p.out, 0, 4, 2, ' ', 0)
				fmt.Fprintf(w, "NODE\tSEEN\tLEADS\n")
				for _, n := range nodes {
					seen := "there"
					if !n.Here() {
						seen = n.Silent.Round(time.Second).String() + " ago"
					}
					fmt.Fprintf(w, "%s\t%s\t%d\n", n.Name, seen, n.Leads)
				}
				return w.Flush()
			})
		},
	}
}

// checkNodes refuses nodes that nobody knows, and says which of them are not there.
func (p *program) checkNodes(ctx context.Context, store *postgres.Store, names []string) error {
	if len(names) == 0 {
		return nil
	}
	nodes, err := store.Nodes(ctx)
	if err != nil {
		return err
	}
	silent, err := app.CheckNodes(nodes, names)
	if err != nil {
		return usageError{fmt.Errorf("--nodes %w; rappel node list shows them", err)}
	}
	if len(silent) == len(names) {
		fmt.Fprintf(p.err, "Nobody can be called by it now: %s is not there.\n", strings.Join(silent, ", "))
	}
	return nil
}
