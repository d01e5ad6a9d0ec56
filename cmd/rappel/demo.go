package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

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
			log, closeLog, err := demoLog(options.Dir)
			if err != nil {
				return err
			}
			options.Logger = log
			_, err = demo.Run(c.Context(), options)
			return errors.Join(err, closeLog())
		},
	}
	flags := c.Flags()
	flags.StringVar(&options.Dir, "dir", ".rappel", "where everything is installed and run")
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

// demoLog writes the service's log into a file, so that the terminal stays readable.
func demoLog(dir string) (*zap.Logger, func() error, error) {
	// Asterisk and PostgreSQL run in it as other users.
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, nil, fmt.Errorf("make %s: %w", dir, err)
	}
	path, err := filepath.Abs(filepath.Join(dir, "demo.log"))
	if err != nil {
		return nil, nil, fmt.Errorf("open log: %w", err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, nil, fmt.Errorf("clear log: %w", err)
	}
	config := zap.NewProductionConfig()
	config.OutputPaths, config.ErrorOutputPaths = []string{path}, []string{path}
	config.DisableStacktrace = true
	log, err := config.Build()
	if err != nil {
		return nil, nil, fmt.Errorf("open log: %w", err)
	}
	return log, func() error {
		if err := log.Sync(); err != nil {
			return fmt.Errorf("close log: %w", err)
		}
		return nil
	}, nil
}
