package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/rappel-tel/rappel/pkg/postgres"
	"github.com/rappel-tel/rappel/pkg/roster"
)

func (p *program) caller() *cobra.Command {
	c := &cobra.Command{Use: "caller", Short: "Give callers and registrars their phones, or take them away"}
	c.AddCommand(p.handPhone(), p.listCallers(), p.switchCaller(true), p.switchCaller(false))
	return c
}

// withScheme opens the records and finds the scheme for a command.
func (p *program) withScheme(ctx context.Context, scheme string, do func(*postgres.Store, postgres.Scheme) error) (err error) {
	store, _, err := p.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	s, err := chosen(ctx, store, scheme)
	if err != nil {
		return err
	}
	return do(store, s)
}

func (p *program) handPhone() *cobra.Command {
	var scheme, language string
	var renew bool
	c := &cobra.Command{
		Use:   "phone REF",
		Short: "Print what a caller types into her SIP phone: server, user and secret; the secret is shown once",
		Long: `Prints what a caller or registrar types into her SIP phone. The secret was made at random when she was imported and is
shown once; --renew makes a new one and cuts the phone that still uses the old one, within seconds.`,
		Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) (err error) {
			store, cfg, err := p.open(c.Context())
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, store.Close()) }()
			s, err := chosen(c.Context(), store, scheme)
			if err != nil {
				return err
			}
			phone, err := store.HandPhone(c.Context(), s.Key, args[0], renew, time.Now())
			switch {
			case errors.Is(err, postgres.ErrNoCaller):
				return usageError{fmt.Errorf("%s: %w; rappel caller list shows the refs", args[0], postgres.ErrNoCaller)}
			case errors.Is(err, postgres.ErrOrdinary):
				return usageError{fmt.Errorf("%s: %w", args[0], postgres.ErrOrdinary)}
			case errors.Is(err, postgres.ErrHanded):
				return usageError{fmt.Errorf("%s: %w, on %s; add --renew to make a new one, which cuts the phone that uses the old one",
					args[0], postgres.ErrHanded, phone.HandedAt.Local().Format("2006-01-02 15:04"))}
			case err != nil:
				return err
			}
			if language == "" {
				language = string(s.Language)
			}
			return printPhone(p.out, phone, cfg.PhoneServer(), roster.Language(language))
		},
	}
	c.Flags().StringVar(&scheme, "scheme", "", "name or id of the scheme, when there are several")
	c.Flags().StringVar(&language, "language", "", "fr or en (default: the scheme's)")
	c.Flags().BoolVar(&renew, "renew", false, "make a new secret")
	return c
}

// printPhone writes the sheet for one phone. The names of its lines are those that SIP phones use.
func printPhone(out io.Writer, phone postgres.Phone, server string, language roster.Language) error {
	words := [...]string{
		"Server", "User", "Secret", "Transport",
		"Then dial *1 to be ready, *2 for one more call, *3 for a break, *4 to stop, *5 to hear who is next.",
		"She is disabled: the PBX refuses this phone until rappel caller enable " + phone.Ref,
		"This server is reached from this machine only; set asterisk.public_sip to the name that callers use from home.",
	}
	if language == roster.French {
		words = [...]string{
			"Serveur", "Utilisateur", "Mot de passe", "Transport",
			"Composez ensuite *1 pour être prêt(e), *2 pour un seul appel, *3 pour une pause, *4 pour arrêter, *5 pour savoir qui suit.",
			"Compte désactivé : le central refuse ce téléphone jusqu’à rappel caller enable " + phone.Ref,
			"Ce serveur n’est joignable que depuis cette machine ; mettez dans asterisk.public_sip le nom que l’on utilise de chez soi.",
		}
	}
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintf(w, "%s\t%s\n%s\t%s\n%s\t%s\n%s\t%s\n", words[0], server, words[1], phone.Endpoint, words[2], phone.Secret, words[3], "UDP")
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	text := "\n" + words[4] + "\n"
	if !phone.Enabled {
		text += words[5] + "\n"
	}
	if host, _, err := net.SplitHostPort(server); err == nil && net.ParseIP(host).IsLoopback() {
		text += words[6] + "\n"
	}
	_, err := io.WriteString(out, text)
	return err
}

func (p *program) listCallers() *cobra.Command {
	var scheme string
	c := &cobra.Command{
		Use:   "list",
		Short: "List callers and registrars by ref, with their phones; no secret is shown",
		Args:  exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			return p.withScheme(c.Context(), scheme, func(store *postgres.Store, s postgres.Scheme) error {
				phones, err := store.Phones(c.Context(), s.Key)
				if err != nil {
					return err
				}
				w := tabwriter.NewWriter(p.out, 0, 4, 2, ' ', 0)
				fmt.Fprintln(w, "REF\tPHONE\tUSER\tENABLED\tSECRET SHOWN")
				for _, f := range phones {
					enabled, shown := "yes", "never"
					if !f.Enabled {
						enabled = "no"
					}
					if !f.HandedAt.IsZero() {
						shown = f.HandedAt.Local().Format("2006-01-02 15:04")
					}
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", f.Ref, f.Kind, f.Endpoint, enabled, shown)
				}
				return w.Flush()
			})
		},
	}
	c.Flags().StringVar(&scheme, "scheme", "", "name or id of the scheme, when there are several")
	return c
}

// switchCaller makes the commands enable and disable.
func (p *program) switchCaller(on bool) *cobra.Command {
	var scheme string
	c := &cobra.Command{
		Use:   "disable REF",
		Short: "Cut a caller's phone within seconds; a call she is in goes on",
		Args:  exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			return p.withScheme(c.Context(), scheme, func(store *postgres.Store, s postgres.Scheme) error {
				return store.Book(s.Key, time.Now).Edit(c.Context(), func(page roster.Page) error {
					found, err := page.Find(c.Context(), args)
					if err != nil {
						return err
					}
					if len(found.Staff) == 0 {
						return usageError{fmt.Errorf("%s: %w; rappel caller list shows the refs", args[0], postgres.ErrNoCaller)}
					}
					if found.Staff[0].Disabled == !on {
						return nil
					}
					found.Staff[0].Disabled = !on
					return page.Put(c.Context(), roster.People{Staff: found.Staff})
				})
			})
		},
	}
	if on {
		c.Use, c.Short = "enable REF", "Let a disabled caller work again"
	}
	c.Flags().StringVar(&scheme, "scheme", "", "name or id of the scheme, when there are several")
	return c
}
