package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/rappel-tel/rappel/pkg/auth"
	"github.com/rappel-tel/rappel/pkg/postgres/internal/sqldb"
	"github.com/rappel-tel/rappel/pkg/report"
	"github.com/rappel-tel/rappel/pkg/roster"
)

var _ auth.Store = (*Store)(nil)

// EnsureAccount implements auth.Store.
func (s *Store) EnsureAccount(ctx context.Context, scheme, name string, role roster.Role, now time.Time) (auth.Account, error) {
	key, err := s.schemeKey(ctx, scheme)
	if err != nil {
		return auth.Account{}, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return auth.Account{}, fmt.Errorf("make account id: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	err = s.query.InsertAccount(ctx, sqldb.InsertAccountParams{
		SchemeID: key, Uid: pgtype.UUID{Bytes: id, Valid: true}, Name: name, Role: string(role), Now: instant(now),
	})
	if err != nil {
		return auth.Account{}, fmt.Errorf("make account: %w", storeError(err))
	}
	row, err := s.query.FindAccount(ctx, sqldb.FindAccountParams{SchemeID: key, Name: name})
	if err != nil {
		return auth.Account{}, fmt.Errorf("find account: %w", storeError(err))
	}
	return accountOf(key, sqldb.ListAccountsOfRow(row)), nil
}

// schemeKey returns the key of a scheme given by its id seen outside, or of the only one.
func (s *Store) schemeKey(ctx context.Context, id string) (int64, error) {
	if id != "" {
		found, err := s.Scheme(ctx, id)
		if errors.Is(err, report.ErrNoScheme) {
			return 0, auth.ErrNoAccount
		}
		return found.Key, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	rows, err := s.query.FindOnlyScheme(ctx)
	if err != nil {
		return 0, fmt.Errorf("find scheme: %w", storeError(err))
	}
	if len(rows) != 1 {
		return 0, auth.ErrNoAccount
	}
	return rows[0].SchemeID, nil
}

func accountOf(scheme int64, r sqldb.ListAccountsOfRow) auth.Account {
	return auth.Account{
		Key: r.AccountID, ID: r.Uid.String(), Scheme: scheme, SchemeID: r.SchemeUid.String(), Name: r.Name,
		Role: roster.Role(r.Role), Language: roster.Language(r.Language), Disabled: r.Disabled,
	}
}

// SignIns lists who may sign in to the pages of a scheme, by name, the disabled included.
func (s *Store) SignIns(ctx context.Context, scheme int64) ([]auth.Account, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	rows, err := s.query.ListAccountsOf(ctx, scheme)
	if err != nil {
		return nil, fmt.Errorf("list accounts: %w", storeError(err))
	}
	list := make([]auth.Account, len(rows))
	for i, r := range rows {
		list[i] = accountOf(scheme, r)
	}
	return list, nil
}

// DisableAccount disables an account, which ends its sessions at once, or enables it again. ErrNoAccount means that there is none
// of that name.
func (s *Store) DisableAccount(ctx context.Context, scheme int64, name string, disabled bool) error {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	n, err := s.query.DisableAccount(ctx, sqldb.DisableAccountParams{SchemeID: scheme, Name: name, Disabled: disabled})
	if err != nil {
		return fmt.Errorf("disable account: %w", storeError(err))
	}
	if n == 0 {
		return auth.ErrNoAccount
	}
	return nil
}

// AddLink implements auth.Store.
func (s *Store) AddLink(ctx context.Context, account int64, link auth.Hash, expires, now time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	n, err := s.query.InsertLink(ctx, sqldb.InsertLinkParams{
		LinkHash: link[:], AccountID: account, Now: instant(now), ExpiresAt: instant(expires),
	})
	if err != nil {
		return fmt.Errorf("write link: %w", storeError(err))
	}
	if n == 0 {
		return auth.ErrNoAccount
	}
	return nil
}

// TakeLink implements auth.Store.
func (s *Store) TakeLink(ctx context.Context, link, session auth.Hash, expires, now time.Time) (auth.Account, error) {
	var account auth.Account
	err := s.inTx(ctx, s.pool, func(q *sqldb.Queries) error {
		r, err := q.TakeLink(ctx, sqldb.TakeLinkParams{LinkHash: link[:], Now: instant(now)})
		if errors.Is(err, pgx.ErrNoRows) {
			return auth.ErrNoLink
		} else if err != nil {
			return fmt.Errorf("use link: %w", err)
		}
		account = accountOf(r.SchemeID, sqldb.ListAccountsOfRow{
			AccountID: r.AccountID, Uid: r.Uid, Name: r.Name, Role: r.Role, Language: r.Language, SchemeUid: r.SchemeUid,
		})
		err = q.InsertSession(ctx, sqldb.InsertSessionParams{
			SessionHash: session[:], SchemeID: r.SchemeID, AccountID: r.AccountID, Now: instant(now), ExpiresAt: instant(expires),
		})
		if err != nil {
			return fmt.Errorf("open session: %w", err)
		}
		return nil
	})
	if err != nil {
		return auth.Account{}, storeError(err)
	}
	return account, nil
}

// Session implements auth.Store.
func (s *Store) Session(ctx context.Context, session auth.Hash, now time.Time) (auth.Session, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	r, err := s.query.FindSession(ctx, sqldb.FindSessionParams{SessionHash: session[:], Now: instant(now)})
	if errors.Is(err, pgx.ErrNoRows) {
		return auth.Session{}, auth.ErrNoSession
	} else if err != nil {
		return auth.Session{}, fmt.Errorf("find session: %w", storeError(err))
	}
	return auth.Session{Expires: when(r.ExpiresAt), Account: accountOf(r.SchemeID, sqldb.ListAccountsOfRow{
		AccountID: r.AccountID, Uid: r.Uid, Name: r.Name, Role: r.Role, Language: r.Language, SchemeUid: r.SchemeUid,
	})}, nil
}

// EndSession implements auth.Store.
func (s *Store) EndSession(ctx context.Context, session auth.Hash, now time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	err := s.query.EndSession(ctx, sqldb.EndSessionParams{SessionHash: session[:], Now: instant(now)})
	if err != nil {
		return fmt.Errorf("end session: %w", storeError(err))
	}
	return nil
}

// AddToken implements auth.Store.
func (s *Store) AddToken(ctx context.Context, t auth.Token, token auth.Hash) error {
	id, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("make token id: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	n, err := s.query.InsertToken(ctx, sqldb.InsertTokenParams{
		TokenHash: token[:], SchemeID: t.Scheme, Uid: pgtype.UUID{Bytes: id, Valid: true}, Name: t.Name, Scope: string(t.Scope),
		Now: instant(t.Created),
	})
	if err != nil {
		return fmt.Errorf("write token: %w", storeError(err))
	}
	if n == 0 {
		return auth.ErrTokenName
	}
	return nil
}

// Token implements auth.Store.
func (s *Store) Token(ctx context.Context, token auth.Hash) (auth.Token, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	r, err := s.query.FindToken(ctx, token[:])
	if errors.Is(err, pgx.ErrNoRows) {
		return auth.Token{}, auth.ErrNoToken
	} else if err != nil {
		return auth.Token{}, fmt.Errorf("find token: %w", storeError(err))
	}
	return auth.Token{
		ID: r.Uid.String(), Scheme: r.SchemeID, SchemeID: r.SchemeUid.String(), Name: r.Name, Scope: auth.Scope(r.Scope),
		Created: when(r.CreatedAt),
	}, nil
}

// Tokens lists the tokens of a scheme, the oldest first, the revoked included.
func (s *Store) Tokens(ctx context.Context, scheme int64) ([]auth.Token, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	rows, err := s.query.ListTokens(ctx, scheme)
	if err != nil {
		return nil, fmt.Errorf("list tokens: %w", storeError(err))
	}
	list := make([]auth.Token, len(rows))
	for i, r := range rows {
		list[i] = auth.Token{
			ID: r.Uid.String(), Scheme: scheme, SchemeID: r.SchemeUid.String(), Name: r.Name, Scope: auth.Scope(r.Scope),
			Created: when(r.CreatedAt), Revoked: when(r.RevokedAt),
		}
	}
	return list, nil
}

// RevokeToken ends the valid token of a name at once. ErrNoToken means that there is none.
func (s *Store) RevokeToken(ctx context.Context, scheme int64, name string, now time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	n, err := s.query.RevokeToken(ctx, sqldb.RevokeTokenParams{SchemeID: scheme, Name: name, Now: instant(now)})
	if err != nil {
		return fmt.Errorf("revoke token: %w", storeError(err))
	}
	if n == 0 {
		return auth.ErrNoToken
	}
	return nil
}
