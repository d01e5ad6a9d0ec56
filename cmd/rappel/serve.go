package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/rappel-tel/rappel/deploy"
	"github.com/rappel-tel/rappel/pkg/app"
	"github.com/rappel-tel/rappel/pkg/postgres"
)

func (p *program) serve() *cobra.Command {
	var roles []string
	c := &cobra.Command{
		Use:   "serve",
		Short: "Run the service until SIGTERM; a second signal stops it at once",
		Args:  exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := app.Read(p.config)
			if err != nil {
				return err
			}
			if err := cfg.SetRoles(roles); err != nil {
				return usageError{err}
			}
			return p.work(c.Context(), cfg)
		},
	}
	c.Flags().StringSliceVar(&roles, "roles", nil, "what this process does: switch,dispatch for calls, web for pages (default: as configured)")
	return c
}

// work builds and runs the service.
func (p *program) work(ctx context.Context, cfg app.Config) error {
	log, err := app.NewLogger(cfg.Log)
	if err != nil {
		return err
	}
	defer func() { _ = log.Sync() }() // Standard error cannot be synced on every system.
	a, err := app.New(ctx, cfg, log)
	if err != nil {
		return err
	}
	return a.Run(ctx, p.abort)
}

func (p *program) configure() *cobra.Command {
	c := &cobra.Command{Use: "config", Short: "Check the configuration, or print an example"}
	c.AddCommand(&cobra.Command{
		Use:   "check [FILE]",
		Short: "Read a configuration and build everything short of listening",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			file := p.config
			if len(args) == 1 {
				file = args[0]
			}
			cfg, err := app.Read(file)
			if err != nil {
				return err
			}
			if err := app.Check(c.Context(), cfg); err != nil {
				return err
			}
			fmt.Fprintf(p.out, "%s is good. Type rappel doctor --config %s to see whether everything it names is there.\n", file, file)
			return nil
		},
	}, &cobra.Command{
		Use:   "example",
		Short: "Print a configuration with every key, its default and what it means",
		Args:  exactly(0),
		RunE: func(*cobra.Command, []string) error {
			fmt.Fprint(p.out, deploy.Example())
			return nil
		},
	})
	return c
}

func (p *program) migrate() *cobra.Command {
	return &cobra.Command{
		Use:   "migrate",
		Short: "Bring the database to the schema of this program; again changes nothing",
		Args:  exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := app.Read(p.config)
			if err != nil {
				return err
			}
			log, err := app.NewLogger(app.LogConfig{Level: "warn", Format: "console"})
			if err != nil {
				return err
			}
			if err := app.Migrate(c.Context(), cfg, log); err != nil {
				return err
			}
			return p.withStore(c.Context(), func(store *postgres.Store, _ app.Config) error {
				have, _, err := store.SchemaVersion(c.Context())
				if err != nil {
					return err
				}
				fmt.Fprintf(p.out, "The database has version %d of the schema.\n", have)
				return nil
			})
		},
	}
}
