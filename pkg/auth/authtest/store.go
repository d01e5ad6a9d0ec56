// Package authtest holds an auth.Store in memory, for tests of the pages.
package authtest

import (
	"context"
	"slices"
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
	acts     []auth.Act
	actsAway error
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
func (s *Store) AddToken(_ context.Context, added auth.Token, h auth.Hash) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.tokens {
		if t.Scheme == added.Scheme && t.Name == added.Name && t.Revoked.IsZero() {
			return auth.ErrTokenName
		}
	}
	added.ID, added.SchemeID = uuid.Must(uuid.NewV7()).String(), s.SchemeID
	s.tokens[h] = &added
	return nil
}

// AddAct implements auth.Store.
func (s *Store) AddAct(_ context.Context, a auth.Act) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.actsAway != nil {
		return 0, s.actsAway
	}
	s.acts = append(s.acts, a)
	return int64(len(s.acts)), nil
}

// EndAct implements auth.Store.
func (s *Store) EndAct(_ context.Context, _, act int64, status int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.acts[act-1].Status = status
	return nil
}

// Acts returns every act that was kept, the oldest first.
func (s *Store) Acts() []auth.Act {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.acts)
}

// RefuseActs has AddAct return err from now on.
func (s *Store) RefuseActs(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.actsAway = err
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
