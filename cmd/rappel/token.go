package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/rappel-tel/rappel/pkg/auth"
)

func (p *program) token() *cobra.Command {
	c := &cobra.Command{Use: "token", Short: "Let programs read the scheme's figures over the API"}
	c.AddCommand(p.newToken(), p.listTokens(), p.revokeToken())
	return c
}

func (p *program) newToken() *cobra.Command {
	return p.inScheme(&cobra.Command{
		Use:   "new NAME",
		Short: "Make a token that reads this scheme, and print it once",
		Long: `Make a token that reads this scheme's figures, and nothing else, until it is revoked. It is printed now and kept
nowhere; the name says later what it is for.`,
		Example: `  rappel user token new "wallboard in the hall"
  curl -H "Authorization: Bearer $TOKEN" https://rappel.example/api/v1/schemes/$SCHEME/live`,
		Args: exactly(1),
	}, func(ctx context.Context, r records, args []string) error {
		name := strings.TrimSpace(args[0])
		if name == "" || utf8.RuneCountInString(name) > 80 || strings.ContainsFunc(name, unicode.IsControl) {
			return usageError{errors.New("write in a few words what the token is for: rappel user token new \"wallboard in the hall\"")}
		}
		token, err := auth.NewDoor(r.Store).NewToken(ctx, r.scheme.Key, name, time.Now())
		if errors.Is(err, auth.ErrTokenName) {
			return usageError{fmt.Errorf("%q is a token already; choose another name, or type: rappel user token revoke %q", name, name)}
		}
		if err != nil {
			return err
		}
		fmt.Fprintln(p.out, token)
		fmt.Fprintf(p.err, "It is shown this once. It reads %s/api/v1/schemes/%s/live\n", r.config.PublicURL(), r.scheme.ID)
		return nil
	})
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
		zone, err := time.LoadLocation(r.scheme.Zone)
		if err != nil {
			return fmt.Errorf("load zone of the scheme: %w", err)
		}
		w := tabwriter.NewWriter(p.out, 0, 4, 2, ' ', 0)
		fmt.Fprintln(w, "NAME\tMADE AT\tREVOKED AT\tID")
		for _, t := range tokens {
			revoked := "-"
			if !t.Revoked.IsZero() {
				revoked = t.Revoked.In(zone).Format("2006-01-02 15:04")
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", t.Name, t.Created.In(zone).Format("2006-01-02 15:04"), revoked, t.ID)
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
