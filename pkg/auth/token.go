package auth

import (
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

// Token lets a program read one scheme's figures over the API until it is revoked. It changes nothing and opens no page.
type Token struct {
	ID       string // UUIDv7 seen outside; unlike the token itself it is no secret.
	Scheme   int64
	SchemeID string // UUIDv7 seen outside.
	Name     string // What it is for; unique among the scheme's valid tokens.
	Created  time.Time
	Revoked  time.Time // Zero while it is valid.
}

// NewToken makes a token for a scheme and returns its text, which is stored nowhere: it is shown once. ErrTokenName means
// that the name is taken.
func (d *Door) NewToken(ctx context.Context, scheme int64, name string, now time.Time) (string, error) {
	text := newToken()
	if err := d.store.AddToken(ctx, scheme, name, hash(text), now); err != nil {
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
