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
	c := &cobra.Command{Use: "caller", Short: "Give callers and registrars their phones, or take them away; say what a caller can and may do"}
	c.AddCommand(p.handPhone(), p.listCallers(), p.setCaller(), p.switchCaller(true), p.switchCaller(false))
	return c
}

func (p *program) handPhone() *cobra.Command {
	var speak roster.Language
	var renew bool
	c := p.inScheme(&cobra.Command{
		Use:   "phone REF",
		Short: "Print what a caller types into her SIP phone: server, user and secret; the secret is shown once",
		Long: `Prints what a caller or registrar types into her SIP phone. The secret was made at random when she was imported and is
shown once; --renew makes a new one and cuts the phone that still uses the old one, within seconds.`,
		Args: exactly(1),
	}, func(ctx context.Context, r records, args []string) error {
		phone, err := r.HandPhone(ctx, r.scheme.Key, args[0], renew, time.Now())
		switch {
		case errors.Is(err, postgres.ErrNoCaller):
			return usageError{fmt.Errorf("%s: %w; rappel caller list shows the refs", args[0], postgres.ErrNoCaller)}
		case errors.Is(err, postgres.ErrOrdinary):
			return usageError{fmt.Errorf("%s: %w", args[0], postgres.ErrOrdinary)}
		case errors.Is(err, postgres.ErrHanded):
			return usageError{fmt.Errorf("%s: %w, on %s; add --renew to make a new one, which cuts the phone that uses the old one",
				args[0], postgres.ErrHanded, r.clock(phone.HandedAt))}
		case err != nil:
			return err
		}
		if speak == "" {
			speak = r.scheme.Language
		}
		return printPhone(p.out, phone, r.config.PhoneServer(), speak)
	})
	c.Flags().Var(&word[roster.Language]{&speak, []roster.Language{roster.French, roster.English}}, "language", "fr or en (default: the scheme's)")
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
	return p.inScheme(&cobra.Command{
		Use:   "list",
		Short: "List callers and registrars by ref, with their phones; no secret is shown",
		Args:  exactly(0),
	}, func(ctx context.Context, r records, _ []string) error {
		phones, err := r.Phones(ctx, r.scheme.Key)
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
				shown = r.clock(f.HandedAt)
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", f.Ref, f.Kind, f.Endpoint, enabled, shown)
		}
		return w.Flush()
	})
}

// switchCaller makes the commands enable and disable.
func (p *program) switchCaller(on bool) *cobra.Command {
	use, short := "disable REF", "Cut a caller's phone within seconds; a call she is in goes on"
	if on {
		use, short = "enable REF", "Let a disabled caller work again"
	}
	return p.inScheme(&cobra.Command{Use: use, Short: short, Args: exactly(1)}, func(ctx context.Context, r records, args []string) error {
		return r.Book(r.scheme.Key, time.Now).Edit(ctx, func(page roster.Page) error {
			found, err := page.Find(ctx, args)
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
			return page.Put(ctx, roster.People{Staff: found.Staff})
		})
	})
}
