package auth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// tokenMark begins every token of the API, so that one that was published by mistake is found and known for what it is.
const tokenMark = "rappel_"

// Errors of API tokens.
var (
	// ErrNoToken means that there is no such token, or that it was revoked.
	ErrNoToken = errors.New("the token is not valid")
	// ErrTokenName means that a token of that name is valid already.
	ErrTokenName = errors.New("there is a valid token of that name")
)

// Scope is what a token may do over the API.
type Scope string

// The scopes.
const (
	// ScopeRead reads a scheme's figures, which name nobody.
	ScopeRead Scope = "read"
	// ScopeWrite reads who people are too, and changes what a coordinator may change.
	ScopeWrite Scope = "write"
)

// Scopes lists every scope.
func Scopes() []Scope { return []Scope{ScopeRead, ScopeWrite} }

// Token lets a program into one scheme over the API, as far as its scope goes, until it is revoked. It opens no page.
type Token struct {
	ID       string // UUIDv7 seen outside; unlike the token itself it is no secret.
	Scheme   int64
	SchemeID string // UUIDv7 seen outside.
	Name     string // What it is for; unique among the scheme's valid tokens.
	Scope    Scope
	Created  time.Time
	Revoked  time.Time // Zero while it is valid.
}

// NewToken makes a token of the scheme, name and scope in t, of which an empty one is ScopeRead, and returns its text, which is
// stored nowhere: it is shown once. ErrTokenName means that the name is taken.
func (d *Door) NewToken(ctx context.Context, t Token, now time.Time) (string, error) {
	t.Scope, t.Created = cmp.Or(t.Scope, ScopeRead), now
	text := newToken()
	if err := d.store.AddToken(ctx, t, hash(text)); err != nil {
		return "", fmt.Errorf("add token: %w", err)
	}
	return tokenMark + text, nil
}

// CheckToken returns the valid token of a text, or ErrNoToken.
func (d *Door) CheckToken(ctx context.Context, text string) (Token, error) {
	text, marked := strings.CutPrefix(text, tokenMark)
	if !marked || !wellFormed(text) {
		return Token{}, ErrNoToken
	}
	t, err := d.store.Token(ctx, hash(text))
	if err != nil {
		return Token{}, fmt.Errorf("read token: %w", err)
	}
	return t, nil
}
