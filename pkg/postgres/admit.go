package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Admit lets the login of the address take AppRole, as which the service works: the migrations make the role, and a login
// that made it may not take it of itself. It signs in as the owner of the schema; a login that may take the role already
// needs nothing, so that again changes nothing. The error names the statement that an administrator can type instead.
func Admit(ctx context.Context, owner, login string) (err error) {
	config, err := pgx.ParseConfig(login)
	if err != nil {
		return errors.New("admit login: not the address of a database (postgres://user:password@host:port/name)")
	}
	user := config.User
	conn, err := pgx.Connect(ctx, owner)
	if err != nil {
		return fmt.Errorf("admit login: %w", storeError(err))
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	// From PostgreSQL 16 on, a member may be forbidden to take the role.
	const may = `SELECT pg_has_role($1, $2, CASE WHEN current_setting('server_version_num')::int < 160000 THEN 'MEMBER' ELSE 'SET' END)`
	var admitted bool
	if err := conn.QueryRow(ctx, may, user, AppRole).Scan(&admitted); err != nil {
		return fmt.Errorf("look at the role of %s: %w", user, storeError(err))
	}
	if admitted {
		return nil
	}
	grant := "GRANT " + AppRole + " TO " + pgx.Identifier{user}.Sanitize()
	if _, err := conn.Exec(ctx, grant); err != nil {
		return fmt.Errorf("let %s work as %s: %w; type it as the administrator of the database: sudo -u postgres psql -c '%s'", user, AppRole, storeError(err), grant)
	}
	return nil
}
