// Package auth says who is signed in. An operator makes a one-time link; whoever opens it within LinkLife gets a session,
// held by a cookie. A program shows a Token instead. Links, sessions and tokens are random 256-bit texts of which only the
// SHA-256 is stored, so that a copy of the database opens no door. The package does no I/O of its own: package postgres
// keeps the rows, package web sets the cookie.
package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/rappel-tel/rappel/pkg/roster"
)

// Errors of signing in. They say nothing about why, on purpose: a guesser learns nothing.
var (
	// ErrNoLink means that the link does not exist, was used, or is too old.
	ErrNoLink = errors.New("the sign-in link is not valid any more")
	// ErrNoSession means that there is no such session, or that it ended.
	ErrNoSession = errors.New("not signed in")
	// ErrNoAccount means that the scheme has no such account.
	ErrNoAccount = errors.New("no such account")
)

const (
	// LinkLife is how long a one-time link may be used.
	LinkLife = 30 * time.Minute
	// SessionLife is how long a session lasts, used or not: one working day.
	SessionLife = 12 * time.Hour
)

// CookieName is the name of the cookie that holds a session. It carries the __Host- prefix over TLS (secure): such a cookie
// is Secure, has no domain and belongs to the whole site (RFC 6265bis, section 4.1.3.2).
func CookieName(secure bool) string {
	if secure {
		return "__Host-rappel"
	}
	return "rappel"
}

// Hash is the SHA-256 of a token (FIPS 180-4).
type Hash [sha256.Size]byte

// Account is somebody who may sign in to the pages of one scheme.
type Account struct {
	Key      int64
	ID       string // UUIDv7 seen outside.
	Scheme   int64
	SchemeID string // UUIDv7 seen outside.
	Name     string // Display name; never in a log.
	Role     roster.Role
	Language roster.Language // Empty leaves the choice to the browser.
	Disabled bool
}

// Session is one browser that is signed in.
type Session struct {
	Account Account
	Expires time.Time
}

// Store keeps accounts, links and sessions. Instants are handed down: a store never asks for the time.
type Store interface {
	// EnsureAccount returns the account of that name in the scheme and makes it when there is none. The scheme is given
	// by its id seen outside, or is the only one when empty; ErrNoAccount means there is no such scheme.
	EnsureAccount(ctx context.Context, scheme, name string, role roster.Role, now time.Time) (Account, error)
	// AddLink stores a one-time link of the account.
	AddLink(ctx context.Context, account int64, link Hash, expires, now time.Time) error
	// TakeLink uses the link up and opens the session in the same transaction. A link that is unknown, used, or expired at
	// now, and one of a disabled account, gives ErrNoLink. Of two takers at once, one wins.
	TakeLink(ctx context.Context, link, session Hash, expires, now time.Time) (Account, error)
	// Session returns a session that is open at now, or ErrNoSession; a disabled account has none.
	Session(ctx context.Context, session Hash, now time.Time) (Session, error)
	// EndSession ends a session; one that has ended already is no error.
	EndSession(ctx context.Context, session Hash, now time.Time) error
	// AddToken stores a token: its scheme, name, scope and when it was made. ErrTokenName means that a valid one has that name.
	AddToken(ctx context.Context, t Token, token Hash) error
	// Token returns the token that is valid, or ErrNoToken.
	Token(ctx context.Context, token Hash) (Token, error)
	// AddAct keeps an act before it is done and returns its key.
	AddAct(ctx context.Context, a Act) (int64, error)
	// EndAct says what came of an act, once.
	EndAct(ctx context.Context, scheme, act int64, status int) error
}

// Door opens and closes sessions. Its methods are safe for use by several goroutines.
type Door struct{ store Store }

// NewDoor returns a Door on the store.
func NewDoor(store Store) *Door { return &Door{store: store} }

// Link makes a one-time link for the account and returns its token, which is stored nowhere.
func (d *Door) Link(ctx context.Context, account Account, now time.Time) (string, error) {
	token := newToken()
	if err := d.store.AddLink(ctx, account.Key, hash(token), now.Add(LinkLife), now); err != nil {
		return "", fmt.Errorf("add sign-in link: %w", err)
	}
	return token, nil
}

// SignIn uses a link up and returns the token of a new session.
func (d *Door) SignIn(ctx context.Context, link string, now time.Time) (token string, s Session, err error) {
	if !wellFormed(link) {
		return "", Session{}, ErrNoLink
	}
	token = newToken()
	expires := now.Add(SessionLife)
	account, err := d.store.TakeLink(ctx, hash(link), hash(token), expires, now)
	if err != nil {
		return "", Session{}, fmt.Errorf("take sign-in link: %w", err)
	}
	return token, Session{Account: account, Expires: expires}, nil
}

// Check returns the session of a token, or ErrNoSession.
func (d *Door) Check(ctx context.Context, token string, now time.Time) (Session, error) {
	if !wellFormed(token) {
		return Session{}, ErrNoSession
	}
	s, err := d.store.Session(ctx, hash(token), now)
	if err != nil {
		return Session{}, fmt.Errorf("read session: %w", err)
	}
	return s, nil
}

// SignOut ends the session of a token.
func (d *Door) SignOut(ctx context.Context, token string, now time.Time) error {
	if !wellFormed(token) {
		return nil
	}
	if err := d.store.EndSession(ctx, hash(token), now); err != nil {
		return fmt.Errorf("end session: %w", err)
	}
	return nil
}

// newToken returns 256 random bits in base64url without padding (RFC 4648, section 5).
func newToken() string {
	var b [32]byte
	// Read never fails since Go 1.24; it ends the program when the system has no randomness.
	_, _ = rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// wellFormed keeps what cannot be a token away from the store.
func wellFormed(token string) bool {
	if len(token) != base64.RawURLEncoding.EncodedLen(32) {
		return false
	}
	_, err := base64.RawURLEncoding.Strict().DecodeString(token)
	return err == nil
}

func hash(token string) Hash { return sha256.Sum256([]byte(token)) }
