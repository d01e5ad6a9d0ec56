package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/rappel-tel/rappel/pkg/auth"
)

func (p *program) token() *cobra.Command {
	c := &cobra.Command{Use: "token", Short: "Let programs read the scheme's figures over the API, or work with its records"}
	c.AddCommand(p.newToken(), p.listTokens(), p.revokeToken(), p.listActs())
	return c
}

func (p *program) newToken() *cobra.Command {
	var write bool
	c := p.inScheme(&cobra.Command{
		Use:   "new NAME",
		Short: "Make a token that reads this scheme, and print it once",
		Long: `Make a token that reads this scheme's figures, which name nobody, until it is revoked. With --write it reads who people
are too, and changes what a coordinator may change; whatever it does is kept, and shown by rappel user token acts. The token is
printed now and kept nowhere; the name says later what it is for.`,
		Example: `  rappel user token new "wallboard in the hall"
  curl -H "Authorization: Bearer $TOKEN" https://rappel.example/api/v1/schemes/$SCHEME/live
  rappel user token new "registrars' desk" --write`,
		Args: exactly(1),
	}, func(ctx context.Context, r records, args []string) error {
		name := strings.TrimSpace(args[0])
		if name == "" || utf8.RuneCountInString(name) > 80 || strings.ContainsFunc(name, unicode.IsControl) {
			return usageError{errors.New("write in a few words what the token is for: rappel user token new \"wallboard in the hall\"")}
		}
		scope := auth.ScopeRead
		if write {
			scope = auth.ScopeWrite
		}
		token, err := auth.NewDoor(r.Store).NewToken(ctx, auth.Token{Scheme: r.scheme.Key, Name: name, Scope: scope}, time.Now())
		if errors.Is(err, auth.ErrTokenName) {
			return usageError{fmt.Errorf("%q is a token already; choose another name, or type: rappel user token revoke %q", name, name)}
		}
		if err != nil {
			return err
		}
		fmt.Fprintln(p.out, token)
		fmt.Fprintf(p.err, "It is shown this once. It reads %s/api/v1/schemes/%s/live\n", r.config.PublicURL(), r.scheme.ID)
		if write {
			fmt.Fprintf(p.err, "and works with the records of this scheme: give it to nobody who may not.\n")
		}
		return nil
	})
	c.Flags().BoolVar(&write, "write", false, "it reads who people are too, and changes what a coordinator may change")
	return c
}

func (p *program) listTokens() *cobra.Command {
	return p.inScheme(&cobra.Command{
		Use:     "list",
		Short:   "List the tokens of this scheme, never their text",
		Example: `  rappel user token list`,
		Args:    exactly(0),
	}, func(ctx context.Context, r records, _ []string) error {
		tokens, err := r.Tokens(ctx, r.scheme.Key)
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(p.out, 0, 4, 2, ' ', 0)
		fmt.Fprintln(w, "NAME\tSCOPE\tMADE AT\tREVOKED AT\tID")
		for _, t := range tokens {
			revoked := "-"
			if !t.Revoked.IsZero() {
				revoked = r.clock(t.Revoked)
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", t.Name, t.Scope, r.clock(t.Created), revoked, t.ID)
		}
		return w.Flush()
	})
}

func (p *program) revokeToken() *cobra.Command {
	return p.inScheme(&cobra.Command{
		Use:     "revoke NAME",
		Short:   "End a token: it reads nothing more",
		Example: `  rappel user token revoke "wallboard in the hall"`,
		Args:    exactly(1),
	}, func(ctx context.Context, r records, args []string) error {
		err := r.RevokeToken(ctx, r.scheme.Key, strings.TrimSpace(args[0]), time.Now())
		if errors.Is(err, auth.ErrNoToken) {
			return usageError{fmt.Errorf("%q is no valid token; rappel user token list shows them", args[0])}
		}
		return err
	})
}

func (p *program) listActs() *cobra.Command {
	return p.inScheme(&cobra.Command{
		Use:   "acts [NAME]",
		Short: "List what was changed, and who was looked up, over the API: the last first, 200 at most",
		Long: `List what was changed, and who was looked up, over the API: by everybody, or by the tokens of one name. The status is that
of the answer (200 and 204 are done); "-" means that none was noted, so that it is not known whether it was done.`,
		Example: `  rappel user token acts "registrars' desk"`,
		Args:    atMostOne,
	}, func(ctx context.Context, r records, args []string) error {
		acts, err := r.Acts(ctx, r.scheme.Key, strings.Join(args, ""))
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(p.out, 0, 4, 2, ' ', 0)
		fmt.Fprintln(w, "AT\tWHO\tSTATUS\tWHAT")
		for _, a := range acts {
			status := "-"
			if a.Status != 0 {
				status = strconv.Itoa(a.Status)
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", r.clock(a.At), cmp.Or(a.Name, a.Who), status, a.What)
		}
		return w.Flush()
	})
}
