package postgres

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/rappel-tel/rappel/pkg/postgres/internal/sqldb"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// RefusalHow is how somebody said that she will not be called.
type RefusalHow string

// The ways of refusing.
const (
	RefusedAtFirstCall RefusalHow = "first_call" // Registered by somebody else, she said no when she was asked.
	RefusedOutreach    RefusalHow = "outreach"   // "Never call me again", keyed in an outreach call.
	RefusedToRegistrar RefusalHow = "registrar"  // She said so to a registrar, or wrote.
)

// RefusalHows lists every way of refusing.
func RefusalHows() []RefusalHow {
	return []RefusalHow{RefusedAtFirstCall, RefusedOutreach, RefusedToRegistrar}
}

// leastRefusalKey is how long the key of refusals is at least, in bytes: numbers are few, so that only the key keeps them.
const leastRefusalKey = 32

// ErrRefusalKey is roster.ErrRefusalKey.
var ErrRefusalKey = roster.ErrRefusalKey

// Refuse keeps for ever that nobody is to be called at the numbers (E.164), as keyed hashes: HMAC-SHA-256 (RFC 2104) under
// Options.RefusalKey of the scheme and the number. It changes nothing else: who is reached there stays. Refusing again
// changes nothing. The error may be ErrRefusalKey.
func (s *Store) Refuse(ctx context.Context, scheme int64, numbers []string, how RefusalHow, now time.Time) error {
	err := s.inTx(ctx, s.writers, func(q *sqldb.Queries) error { return s.refuse(ctx, q, refusing{scheme, numbers, how, now}) })
	if err != nil {
		return fmt.Errorf("keep a refusal: %w", err)
	}
	return nil
}

// RefuseNumber is Refuse for somebody who has said so to a registrar.
func (s *Store) RefuseNumber(ctx context.Context, scheme int64, number string, now time.Time) error {
	return s.Refuse(ctx, scheme, []string{number}, RefusedToRegistrar, now)
}

// Refused returns which of the numbers (E.164) were refused. The error may be ErrRefusalKey.
func (s *Store) Refused(ctx context.Context, scheme int64, numbers []string) (map[string]bool, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	return s.refusedAmong(ctx, s.query, scheme, numbers)
}

// LiftRefusal forgets that a number was refused, at the wish of whoever is reached there, and reports whether it was.
func (s *Store) LiftRefusal(ctx context.Context, scheme int64, number string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	key, err := s.refusalKey(ctx, s.query, scheme)
	if err != nil || !key.used {
		return false, err
	}
	n, err := s.query.DeleteRefusal(ctx, sqldb.DeleteRefusalParams{SchemeID: scheme, NumberHash: key.of(number)})
	if err != nil {
		return false, fmt.Errorf("lift a refusal: %w", storeError(err))
	}
	return n > 0, nil
}

// refusing is a refusal to keep.
type refusing struct {
	scheme  int64
	numbers []string
	how     RefusalHow
	now     time.Time
}

// refuse is Refuse within a transaction.
func (s *Store) refuse(ctx context.Context, q *sqldb.Queries, r refusing) error {
	key, err := s.openRefusalKey(ctx, q, r.scheme)
	if err != nil {
		return err
	}
	fits, err := q.SetRefusalCheck(ctx, sqldb.SetRefusalCheckParams{SchemeID: r.scheme, RefusalCheck: key.check()})
	if err != nil {
		return fmt.Errorf("write check of the key of refusals: %w", storeError(err))
	}
	if fits == 0 {
		return fmt.Errorf("%w: the refusals that are kept were made with another", ErrRefusalKey)
	}
	p := sqldb.InsertRefusalsParams{SchemeID: r.scheme, RefusedOn: localDate(r.now), How: string(r.how)}
	for _, n := range r.numbers {
		p.Hashes = append(p.Hashes, key.of(n))
	}
	if err := q.InsertRefusals(ctx, p); err != nil {
		return fmt.Errorf("write refusals: %w", storeError(err))
	}
	return nil
}

// refusedAmong is Refused on an open transaction.
func (s *Store) refusedAmong(ctx context.Context, q *sqldb.Queries, scheme int64, numbers []string) (map[string]bool, error) {
	key, err := s.refusalKey(ctx, q, scheme)
	if err != nil || !key.used {
		return nil, err
	}
	p := sqldb.FindRefusalsParams{SchemeID: scheme}
	of := make(map[string]string, len(numbers))
	for _, n := range numbers {
		hash := key.of(n)
		of[string(hash)] = n
		p.Hashes = append(p.Hashes, hash)
	}
	found, err := q.FindRefusals(ctx, p)
	if err != nil {
		return nil, fmt.Errorf("find refusals: %w", storeError(err))
	}
	out := make(map[string]bool, len(found))
	for _, hash := range found {
		out[of[string(hash)]] = true
	}
	return out, nil
}

// refusalKey makes the hashes of one scheme.
type refusalKey struct {
	secret []byte
	scheme pgtype.UUID
	used   bool // The scheme has refusals.
}

// refusalKey opens the key, unless nobody has ever refused: then none is needed.
func (s *Store) refusalKey(ctx context.Context, q *sqldb.Queries, scheme int64) (refusalKey, error) {
	row, err := q.ReadRefusalCheck(ctx, scheme)
	if errors.Is(err, pgx.ErrNoRows) {
		return refusalKey{}, errNoScheme
	} else if err != nil {
		return refusalKey{}, fmt.Errorf("read check of the key of refusals: %w", storeError(err))
	}
	if row.RefusalCheck == nil {
		return refusalKey{}, nil
	}
	key, err := s.openRefusalKey(ctx, q, scheme)
	if err == nil && !hmac.Equal(key.check(), row.RefusalCheck) {
		err = fmt.Errorf("%w: the refusals that are kept were made with another", ErrRefusalKey)
	}
	key.used = true
	return key, err
}

func (s *Store) openRefusalKey(ctx context.Context, q *sqldb.Queries, scheme int64) (refusalKey, error) {
	if s.opts.RefusalKey == nil {
		return refusalKey{}, ErrRefusalKey
	}
	secret, err := s.opts.RefusalKey()
	if err != nil {
		return refusalKey{}, fmt.Errorf("%w: %w", ErrRefusalKey, err)
	}
	if len(secret) < leastRefusalKey {
		return refusalKey{}, fmt.Errorf("%w: it is shorter than %d bytes", ErrRefusalKey, leastRefusalKey)
	}
	row, err := q.ReadRefusalCheck(ctx, scheme)
	if err != nil {
		return refusalKey{}, fmt.Errorf("read scheme: %w", storeError(err))
	}
	return refusalKey{secret: secret, scheme: row.Uid}, nil
}

// of is the hash of a number. The scheme is part of it: what is refused in one town is found in no other.
func (k refusalKey) of(number string) []byte { return k.sum("number", number) }

// check tells this key from another one, and nothing else.
func (k refusalKey) check() []byte { return k.sum("check", "") }

func (k refusalKey) sum(what, text string) []byte {
	h := hmac.New(sha256.New, k.secret)
	_, _ = h.Write(k.scheme.Bytes[:]) // A hash takes everything.
	_, _ = h.Write([]byte(what + "\x00" + text))
	return h.Sum(nil)
}

// notRefused returns roster.ErrNumberRefused when one of these people, new or with a new number, has refused to be called.
func (w *putting) notRefused(ctx context.Context, list []roster.Beneficiary, before []sqldb.ZonesByRefRow) error {
	refs, ids := make(map[int64]string, len(before)), make([]int64, len(before))
	for i, r := range before {
		refs[r.BeneficiaryID], ids[i] = r.Ref, r.BeneficiaryID
	}
	had, err := w.query.NumbersOf(ctx, sqldb.NumbersOfParams{SchemeID: w.scheme, BeneficiaryIds: ids})
	if err != nil {
		return fmt.Errorf("read numbers: %w", err)
	}
	type place struct{ ref, number string }
	known := make(map[place]bool, len(had))
	for _, n := range had {
		known[place{refs[n.BeneficiaryID], n.E164}] = true
	}
	var fresh set[string]
	for _, b := range list {
		for _, n := range b.Numbers {
			if !known[place{b.Ref, n.E164}] {
				fresh.add(n.E164)
			}
		}
	}
	if len(fresh.list) == 0 {
		return nil
	}
	refused, err := w.refused(ctx, w.query, w.scheme, fresh.list)
	if err != nil {
		return err
	}
	if len(refused) > 0 {
		return roster.ErrNumberRefused
	}
	return nil
}
