package postgres

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/postgres/internal/sqldb"
)

// errUnknownAttempt means that a fact tells of an attempt that the records never heard of, or not any more.
var errUnknownAttempt = fmt.Errorf("the records know no such call: %w", dispatch.ErrStale)

// RefusedSuffix follows the name of a spool in the name of the file that keeps what the records would not take. It stays there only
// while the database is away, and when its scheme is unknown.
const RefusedSuffix = ".refused"

// RefusedFact is something that happened on the telephone and that the records would not take.
type RefusedFact struct {
	ID      string    // Seen outside.
	At      time.Time // When it happened.
	Kind    string    // ended, step, offer_ended, answered, closed (by the caller's keys) or message.
	Attempt call.ID   // Empty for a message.
	What    string    // In a word or two, such as a result and how long they talked.
	Why     string    // It was refused.
	Ref     string    // The town's own mark of the person; empty when that is not known.
}

// refusal is a line of the file of what was refused.
type refusal struct {
	Fact fact      `json:"fact"`
	Why  string    `json:"why"`
	At   time.Time `json:"at"` // When it was refused.
}

// parseRefusals reads such a file. Earlier releases wrote the facts alone. A line that cannot be read is kept as it is.
func parseRefusals(text []byte) (list []refusal, unread [][]byte) {
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, len(text)+1)
	for lines.Scan() {
		var r refusal
		if json.Unmarshal(lines.Bytes(), &r) != nil || r.Fact.Scheme == 0 {
			r = refusal{Why: dispatch.ErrStale.Error()}
			if json.Unmarshal(lines.Bytes(), &r.Fact) != nil || r.Fact.Scheme == 0 {
				unread = append(unread, bytes.Clone(lines.Bytes()))
				continue
			}
			r.At = r.Fact.Now
		}
		list = append(list, r)
	}
	return list, unread
}

// RefusedIn is how many facts are in such a file; 0 when there is none.
func RefusedIn(path string) (int, error) {
	text, err := os.ReadFile(path) //nolint:gosec // Named by the operator.
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	list, unread := parseRefusals(text)
	return len(list) + len(unread), err
}

// refuse keeps a fact that the database will not take, on the disk; see fileRefused.
func (s *Spool) refuse(f fact, why error, now time.Time) error {
	text, err := json.Marshal(refusal{Fact: f, Why: why.Error(), At: now})
	if err != nil {
		return fmt.Errorf("encode fact: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	file, err := os.OpenFile(s.path+RefusedSuffix, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("keep refused fact: %w", err)
	}
	_, err = file.Write(append(text, '\n'))
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("keep refused fact: %w", err)
	}
	s.refused = true
	return nil
}

// fileRefused brings what was refused from the file into the records, where a person finds it. A fact leaves the file once the
// records have it; one that is there twice is there once.
func (s *Store) fileRefused(ctx context.Context) error {
	if s.spool == nil {
		return nil
	}
	s.spool.mu.Lock()
	defer s.spool.mu.Unlock()
	if !s.spool.refused {
		return nil
	}
	path := s.spool.path + RefusedSuffix
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		s.spool.refused = false
		return nil
	} else if err != nil {
		return fmt.Errorf("read refused facts: %w", err)
	}
	list, left := parseRefusals(text)
	filed := 0
	for _, r := range list {
		err := s.insertRefused(ctx, r)
		const foreignKey = "23503"
		if refused, ok := errors.AsType[*pgconn.PgError](err); ok && refused.Code == foreignKey { // Of a scheme that is unknown, too.
			line, err := json.Marshal(r)
			if err != nil {
				return fmt.Errorf("encode fact: %w", err)
			}
			left = append(left, line)
			continue
		}
		if err != nil {
			return fmt.Errorf("file refused fact: %w", storeError(err))
		}
		filed++
	}
	s.spool.refused = false // Until there is another, or the next start.
	if filed == 0 {
		return nil
	}
	if len(left) == 0 {
		return os.Remove(path)
	}
	return replaceFile(path, append(bytes.Join(left, []byte{'\n'}), '\n'))
}

// replaceFile writes a file whole, so that a crash leaves the old one or the new one.
func replaceFile(path string, text []byte) error {
	file, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("keep refused facts: %w", err)
	}
	_, err = file.Write(text)
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("keep refused facts: %w", err)
	}
	return os.Rename(path+".new", path)
}

func (s *Store) insertRefused(ctx context.Context, r refusal) error {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	text, err := json.Marshal(r.Fact)
	if err != nil {
		return fmt.Errorf("encode fact: %w", err)
	}
	same, err := r.Fact.text()
	if err != nil {
		return err
	}
	digest := sha256.Sum256(same)
	id, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("make id: %w", err)
	}
	told := r.Fact.told()
	p := sqldb.InsertRefusedFactParams{
		SchemeID: r.Fact.Scheme, Uid: pgtype.UUID{Bytes: id, Valid: true}, Digest: digest[:], At: instant(told.At), Kind: told.Kind,
		What: told.What, Why: r.Why, Fact: text, RefusedAt: instant(r.At),
	}
	if attempt, err := uuid.Parse(string(told.Attempt)); err == nil {
		p.AttemptID = pgtype.UUID{Bytes: attempt, Valid: true}
	}
	return s.query.InsertRefusedFact(ctx, p)
}

// told says in words what a fact is.
func (f fact) told() RefusedFact {
	switch {
	case f.Finish != nil:
		o := f.Finish.Outcome
		what := string(o.Result)
		if o.Talk > 0 {
			what += ", " + o.Talk.Round(time.Second).String()
		}
		return RefusedFact{Kind: "ended", Attempt: o.Attempt, At: o.At, What: what}
	case f.Progress != nil:
		return RefusedFact{Kind: "step", Attempt: f.Progress.Attempt, At: f.Progress.At, What: string(f.Progress.State)}
	case f.OfferEnd != nil:
		return RefusedFact{Kind: "offer_ended", Attempt: f.OfferEnd.Attempt, At: f.OfferEnd.At, What: string(f.OfferEnd.State)}
	case f.Answer != nil: // What she pressed stays hers.
		return RefusedFact{Kind: "answered", Attempt: f.Answer.Given.Attempt, At: f.Answer.Given.At}
	case f.Close != nil:
		return RefusedFact{Kind: "closed", Attempt: f.Close.Attempt, At: f.Close.At, What: string(f.Close.Disposition)}
	case f.Message != nil:
		return RefusedFact{Kind: "message", At: f.Message.At, What: f.Message.Recording}
	default:
		return RefusedFact{Kind: "step", At: f.Now}
	}
}

// RefusedFacts lists what the records of a scheme would not take and nobody has closed yet, as it happened.
func (s *Store) RefusedFacts(ctx context.Context, scheme int64) ([]RefusedFact, error) {
	ctx, cancel := context.WithTimeout(ctx, loadPatience)
	defer cancel()
	rows, err := s.query.ListRefusedFacts(ctx, scheme)
	if err != nil {
		return nil, fmt.Errorf("list refused facts: %w", storeError(err))
	}
	list := make([]RefusedFact, len(rows))
	for i, r := range rows {
		list[i] = RefusedFact{ID: r.Uid.String(), At: when(r.At), Kind: r.Kind, What: r.What, Why: r.Why, Ref: r.Ref}
		if r.AttemptID.Valid {
			list[i].Attempt = attemptID(r.AttemptID)
		}
	}
	return list, nil
}

// ErrNoFact means that no such fact is to be closed.
var ErrNoFact = errors.New("there is no such fact, or it is closed")

// CloseRefusedFacts says that a person has seen facts of a scheme that were refused; without ids all of them. They are kept, and listed no
// more. The error may be ErrNoFact: then nothing is closed.
func (s *Store) CloseRefusedFacts(ctx context.Context, scheme int64, ids []string, now time.Time) (int, error) {
	p := sqldb.CloseRefusedFactsParams{SchemeID: scheme, Now: instant(now), Uids: []pgtype.UUID{}}
	for _, text := range ids {
		id, err := uuid.Parse(text)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", text, ErrNoFact)
		}
		p.Uids = append(p.Uids, pgtype.UUID{Bytes: id, Valid: true})
	}
	closed := 0
	err := s.inTx(ctx, s.pool, func(q *sqldb.Queries) error {
		n, err := q.CloseRefusedFacts(ctx, p)
		if err == nil && int(n) < len(ids) {
			err = ErrNoFact
		}
		closed = int(n)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("close refused facts: %w", storeError(err))
	}
	return closed, nil
}

// CountRefusedFacts counts what the records of all schemes would not take and nobody has closed yet.
func (s *Store) CountRefusedFacts(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	n, err := s.query.CountRefusedFacts(ctx)
	if err != nil {
		return 0, fmt.Errorf("count refused facts: %w", storeError(err))
	}
	return int(n), nil
}
