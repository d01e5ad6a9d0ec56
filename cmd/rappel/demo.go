package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/demo"
)

func (p *program) demo() *cobra.Command {
	options := demo.Options{Stdout: p.out, Stderr: p.err}
	c := &cobra.Command{
		Use:   "demo",
		Short: "Play a whole scheme on this machine, with simulated phones and real audio",
		Long: `Sets up what is missing (in .rappel, nowhere else), starts a private PostgreSQL and Asterisk and the service, loads a
scheme of 241 people and 12 callers, and lets simulated phones work through its day. The wall shows it live. Ctrl-C stops
what was started and nothing else.`,
		Args: exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := checkDemo(c, options); err != nil {
				return usageError{err}
			}
			dir := options.Dir
			if options.Run != "" {
				dir = options.Run
			}
			log, path, err := demoLog(dir)
			if err != nil {
				return demoError{err, ""}
			}
			options.Logger = log
			_, err = demo.Run(c.Context(), options)
			if err = errors.Join(err, log.Sync()); err != nil {
				return demoError{err, path}
			}
			return nil
		},
	}
	flags := c.Flags()
	flags.StringVar(&options.Dir, "dir", ".rappel", "where everything is installed and run")
	flags.StringVar(&options.Run, "run", "", "where this run writes (default: as --dir); two with different ones run side by side")
	flags.IntVar(&options.Calls, "calls", 0, "end after so many attempts")
	flags.BoolVar(&options.JSON, "json", false, "print the result as one JSON object on standard output")
	flags.Float64Var(&options.Speed, "speed", 0, "seconds of the demonstration's clock per real one (default 30; with --calls what suits their number)")
	flags.Uint64Var(&options.Seed, "seed", 1, "of people and how they behave")
	flags.StringVar(&options.Listen, "listen", "127.0.0.1:8080", "where the wall is served")
	flags.StringVar(&options.Postgres, "postgres", "", "a PostgreSQL server that runs elsewhere (URL); a database is made there and dropped")
	flags.StringVar(&options.NATS, "nats", "", "a NATS server that runs elsewhere (URL)")
	flags.StringVar(&options.ARI, "ari", "", "an Asterisk that runs elsewhere: http://user:password@host:8088/ari?sip=…&accounts=…&trunks=…&sounds=…")
	return c
}

// demoError is a demonstration that failed: rappel doctor knows nothing of it.
type demoError struct {
	error
	log string // Where the service's log is; empty when there is none.
}

func (d demoError) Unwrap() error { return d.error }

// checkDemo looks at the flags before anything is set up.
func checkDemo(c *cobra.Command, o demo.Options) error {
	switch {
	case c.Flags().Changed("calls") && o.Calls < 1:
		return fmt.Errorf("--calls %d: write after how many attempts to end, 1 or more; without --calls it plays until Ctrl-C", o.Calls)
	case c.Flags().Changed("speed") && (o.Speed < 1 || o.Speed > 1000):
		return fmt.Errorf("--speed %g: write a number from 1 (real time) to 1000", o.Speed)
	case o.Dir == "":
		return errors.New("--dir: name a directory")
	}
	if o.Postgres != "" && !strings.HasPrefix(o.Postgres, "postgres://") && !strings.HasPrefix(o.Postgres, "postgresql://") {
		return errors.New("--postgres: write postgres://user:password@host:5432/database")
	}
	if _, _, err := net.SplitHostPort(o.Listen); err != nil {
		return fmt.Errorf("--listen %q: write an address and a port, such as 127.0.0.1:8081", o.Listen)
	}
	return nil
}

// demoLog writes the service's log into a file, so that the terminal stays readable.
func demoLog(dir string) (*zap.Logger, string, error) {
	// Asterisk and PostgreSQL run in it as other users.
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, "", fmt.Errorf("make %s: %w; choose a directory you may write to: --dir", dir, err)
	}
	path, err := filepath.Abs(filepath.Join(dir, "demo.log"))
	if err != nil {
		return nil, "", fmt.Errorf("open log: %w", err)
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, "", fmt.Errorf("open log: %w; choose a directory you may write to: --dir", err)
	}
	if err := errors.Join(file.Chmod(0o600), file.Close()); err != nil {
		return nil, "", fmt.Errorf("open log: %w", err)
	}
	config := zap.NewProductionConfig()
	config.OutputPaths, config.ErrorOutputPaths = []string{path}, []string{path}
	config.DisableStacktrace = true
	log, err := config.Build()
	if err != nil {
		return nil, "", fmt.Errorf("open log: %w", err)
	}
	return log, path, nil
}
