package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/app"
	"github.com/rappel-tel/rappel/pkg/postgres"
)

// records is what a command works on beside the service: one scheme in the database that the configuration names.
type records struct {
	*postgres.Store
	scheme postgres.Scheme
	config app.Config
}

// zone is the scheme's time zone.
func (r records) zone() *time.Location {
	zone, err := time.LoadLocation(r.scheme.Zone)
	if err != nil {
		return time.UTC // A scheme with an unknown zone cannot be made.
	}
	return zone
}

// clock writes an instant as the scheme's clocks show it.
func (r records) clock(t time.Time) string { return t.In(r.zone()).Format("2006-01-02 15:04") }

// inScheme gives c the flag that chooses a scheme, and makes it do its work on that scheme's records, which it opens and closes.
func (p *program) inScheme(c *cobra.Command, do func(ctx context.Context, r records, args []string) error) *cobra.Command {
	var name string
	c.Flags().StringVar(&name, "scheme", "", "name or id of the scheme, when there are several")
	c.RunE = func(c *cobra.Command, args []string) error {
		return p.withStore(c.Context(), func(store *postgres.Store, cfg app.Config) error {
			scheme, err := chosen(c.Context(), store, name)
			if err != nil {
				return err
			}
			return do(c.Context(), records{store, scheme, cfg}, args)
		})
	}
	return c
}

// withStore opens the database that the configuration names, whatever schemes it holds, and closes it afterwards.
func (p *program) withStore(ctx context.Context, do func(*postgres.Store, app.Config) error) (err error) {
	cfg, err := app.Read(p.config)
	if err != nil {
		return err
	}
	store, err := postgres.New(ctx, postgres.Options{
		URL: cfg.Postgres.URL.Value(), Role: cfg.Postgres.Role, Connections: 2, Patience: cfg.Postgres.Patience, Logger: zap.NewNop(),
		RefusalKey: cfg.RefusalKey(),
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if _, _, err := store.SchemaVersion(ctx); err != nil {
		return err
	}
	return do(store, cfg)
}

// chosen returns the scheme of the name or id, or the only one.
func chosen(ctx context.Context, store *postgres.Store, wanted string) (postgres.Scheme, error) {
	schemes, err := store.Schemes(ctx)
	if err != nil {
		return postgres.Scheme{}, err
	}
	var names []string
	for _, s := range schemes {
		if wanted != "" && (s.ID == wanted || strings.EqualFold(s.Name, wanted)) {
			return s, nil
		}
		names = append(names, fmt.Sprintf("%q", s.Name))
	}
	switch {
	case len(schemes) == 0:
		return postgres.Scheme{}, usageError{errors.New(`there is no scheme yet; make one: rappel scheme create --name "…" --country BE`)}
	case wanted != "":
		return postgres.Scheme{}, usageError{fmt.Errorf("there is no scheme %q; there are %s", wanted, strings.Join(names, ", "))}
	case len(schemes) > 1:
		return postgres.Scheme{}, usageError{fmt.Errorf("there are several schemes; choose one with --scheme: %s", strings.Join(names, ", "))}
	}
	return schemes[0], nil
}
