package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/rappel-tel/rappel/pkg/callflow"
)

func (p *program) message() *cobra.Command {
	c := &cobra.Command{Use: "message", Short: "List the messages that people left on the line, and mark them as handled"}
	c.AddCommand(p.listMessages(), p.handleMessage())
	return c
}

func (p *program) listMessages() *cobra.Command {
	var all bool
	c := p.inScheme(&cobra.Command{
		Use:   "list",
		Short: "List the messages that nobody has handled, the newest first, a hundred at most, with the file to listen to",
		Args:  exactly(0),
	}, func(ctx context.Context, r records, _ []string) error {
		messages, err := r.Messages(ctx, r.scheme.Key, all)
		if err != nil {
			return err
		}
		zone, err := time.LoadLocation(r.scheme.Zone)
		if err != nil {
			return fmt.Errorf("load zone of the scheme: %w", err)
		}
		w := tabwriter.NewWriter(p.out, 0, 4, 2, ' ', 0)
		fmt.Fprintln(w, "LEFT AT\tNUMBER\tLANGUAGE\tLENGTH\tID\tFILE")
		for _, m := range messages {
			number, length := m.CLI, "unknown"
			if number == "" {
				number = "withheld"
			}
			if m.Length > 0 {
				length = m.Length.Round(time.Second).String()
			}
			file := filepath.Join(r.config.Asterisk.Recordings, m.Recording+".wav")
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", m.At.In(zone).Format("2006-01-02 15:04"), number, m.Language, length, m.ID, file)
		}
		return w.Flush()
	})
	c.Flags().BoolVar(&all, "all", false, "handled ones too")
	return c
}

func (p *program) handleMessage() *cobra.Command {
	return p.inScheme(&cobra.Command{
		Use:   "done ID",
		Short: "Mark a message as handled",
		Args:  exactly(1),
	}, func(ctx context.Context, r records, args []string) error {
		err := r.HandleMessage(ctx, r.scheme.Key, args[0], 0, time.Now())
		if errors.Is(err, callflow.ErrNothing) {
			return usageError{fmt.Errorf("%s: no message of this id waits; rappel message list shows those that do", args[0])}
		}
		return err
	})
}
