// Package authtest holds an auth.Store in memory, for tests of the pages.
package authtest

import (
	"context"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/rappel-tel/rappel/pkg/auth"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// Store is an auth.Store in memory. Scheme is the only scheme it knows.
type Store struct {
	Scheme   int64
	SchemeID string

	mu       sync.Mutex
	accounts []auth.Account
	links    map[auth.Hash]*link
	sessions map[auth.Hash]*session
	tokens   map[auth.Hash]*auth.Token
}

type link struct {
	account int
	expires time.Time
	used    bool
}

type session struct {
	account int
	expires time.Time
	ended   bool
}

var _ auth.Store = (*Store)(nil)

// New returns an empty store of one scheme.
func New(scheme int64, schemeID string) *Store {
	return &Store{
		Scheme: scheme, SchemeID: schemeID,
		links: map[auth.Hash]*link{}, sessions: map[auth.Hash]*session{}, tokens: map[auth.Hash]*auth.Token{},
	}
}

// EnsureAccount implements auth.Store.
func (s *Store) EnsureAccount(_ context.Context, scheme, name string, role roster.Role, _ time.Time) (auth.Account, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if scheme != "" && scheme != s.SchemeID {
		return auth.Account{}, auth.ErrNoAccount
	}
	for _, a := range s.accounts {
		if a.Name == name {
			return a, nil
		}
	}
	a := auth.Account{
		Key: int64(len(s.accounts) + 1), ID: uuid.Must(uuid.NewV7()).String(),
		Scheme: s.Scheme, SchemeID: s.SchemeID, Name: name, Role: role,
	}
	s.accounts = append(s.accounts, a)
	return a, nil
}

// Disable disables an account.
func (s *Store) Disable(key int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.accounts[key-1].Disabled = true
}

// AddLink implements auth.Store.
func (s *Store) AddLink(_ context.Context, account int64, h auth.Hash, expires, _ time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.links[h] = &link{account: int(account) - 1, expires: expires}
	return nil
}

// TakeLink implements auth.Store.
func (s *Store) TakeLink(_ context.Context, l, h auth.Hash, expires, now time.Time) (auth.Account, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.links[l]
	if found == nil || found.used || !now.Before(found.expires) || s.accounts[found.account].Disabled {
		return auth.Account{}, auth.ErrNoLink
	}
	found.used = true
	s.sessions[h] = &session{account: found.account, expires: expires}
	return s.accounts[found.account], nil
}

// Session implements auth.Store.
func (s *Store) Session(_ context.Context, h auth.Hash, now time.Time) (auth.Session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.sessions[h]
	if found == nil || found.ended || !now.Before(found.expires) || s.accounts[found.account].Disabled {
		return auth.Session{}, auth.ErrNoSession
	}
	return auth.Session{Account: s.accounts[found.account], Expires: found.expires}, nil
}

// EndSession implements auth.Store.
func (s *Store) EndSession(_ context.Context, h auth.Hash, _ time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if found := s.sessions[h]; found != nil {
		found.ended = true
	}
	return nil
}

// AddToken implements auth.Store.
func (s *Store) AddToken(_ context.Context, scheme int64, name string, h auth.Hash, now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.tokens {
		if t.Scheme == scheme && t.Name == name && t.Revoked.IsZero() {
			return auth.ErrTokenName
		}
	}
	s.tokens[h] = &auth.Token{
		ID: uuid.Must(uuid.NewV7()).String(), Scheme: scheme, SchemeID: s.SchemeID, Name: name, Created: now,
	}
	return nil
}

// Token implements auth.Store.
func (s *Store) Token(_ context.Context, h auth.Hash) (auth.Token, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.tokens[h]; t != nil && t.Revoked.IsZero() {
		return *t, nil
	}
	return auth.Token{}, auth.ErrNoToken
}

// Revoke revokes the tokens of a name.
func (s *Store) Revoke(name string, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.tokens {
		if t.Name == name {
			t.Revoked = now
		}
	}
}
