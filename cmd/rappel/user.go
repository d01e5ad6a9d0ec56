package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rappel-tel/rappel/pkg/auth"
	"github.com/rappel-tel/rappel/pkg/roster"
)

func (p *program) user() *cobra.Command {
	c := &cobra.Command{Use: "user", Short: "Let people sign in, and programs read"}
	var name string
	role := roster.RoleCoordinator
	link := p.inScheme(&cobra.Command{
		Use:   "link",
		Short: "Print a link that signs one person in once, within 30 minutes",
		Args:  exactly(0),
	}, func(ctx context.Context, r records, _ []string) error {
		if name = strings.TrimSpace(name); name == "" {
			return usageError{errors.New("--name: write who signs in")}
		}
		now := time.Now()
		account, err := r.EnsureAccount(ctx, r.scheme.ID, name, role, now)
		if err != nil {
			return err
		}
		token, err := auth.NewDoor(r.Store).Link(ctx, account, now)
		if err != nil {
			return err
		}
		fmt.Fprintf(p.out, "%s/sign-in?link=%s\n", r.config.PublicURL(), token)
		return nil
	})
	link.Flags().StringVar(&name, "name", "Coordinator", "who signs in; made when new")
	link.Flags().Var(&word[roster.Role]{&role, roster.Roles()}, "role", "role of a new account: caller, registrar or coordinator")
	c.AddCommand(link, p.token())
	return c
}
