package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/rappel-tel/rappel/pkg/callflow"
	"github.com/rappel-tel/rappel/pkg/postgres/internal/sqldb"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// Errors of lines.
var (
	// ErrNoDID means that a scheme has no such number that people dial.
	ErrNoDID = errors.New("the scheme has no such number")
	// ErrOverflow means that an overflow begins too soon or too late, or leads to a role that takes no calls of the line.
	ErrOverflow = errors.New("an overflow begins after whole seconds from 1 s to 1 h, and leads to callers, coordinators or nobody")
	// ErrGreeting means that what the greeting is to call a scheme cannot be read out, or not in time.
	ErrGreeting = errors.New("the greeting cannot say it")
)

// DID is a number that people dial.
type DID struct {
	Number    string            // E.164.
	Delivered string            // As the trunk delivers it; empty means as in Number.
	Flow      string            // Name of a flow in dialplans/; empty means "registration".
	Languages []roster.Language // In the order in which they are offered; empty means French.
}

// SaveDID makes or replaces a number that people dial. ErrTaken means that it belongs to another scheme.
func (s *Store) SaveDID(ctx context.Context, scheme int64, did DID) error {
	_, err := s.ChangeDID(ctx, scheme, did.Number, func(d *DID) error {
		*d = did
		return nil
	})
	return err
}

// ChangeDID has change decide on a number that people dial as it stands, or on one that has only the number, and keeps what came of it:
// so nothing is lost of what others change at the same time. The error is change's as it is, or ErrTaken when the number belongs to
// another scheme.
func (s *Store) ChangeDID(ctx context.Context, scheme int64, number string, change func(*DID) error) (DID, error) {
	var did DID
	err := s.transact(ctx, scheme, func(q *sqldb.Queries, _ *journal) error {
		rows, err := q.ListDIDs(ctx, scheme)
		if err != nil {
			return fmt.Errorf("list numbers dialled: %w", err)
		}
		did = DID{Number: number}
		for _, r := range rows {
			if r.E164 == number {
				did = DID{Number: r.E164, Delivered: r.Delivered, Flow: r.Flow, Languages: languagesOf(r.Languages)}
			}
		}
		if err := change(&did); err != nil {
			return err
		}
		did.Number, did.Delivered, did.Flow = number, cmp.Or(did.Delivered, number), cmp.Or(did.Flow, "registration")
		if len(did.Languages) == 0 {
			did.Languages = []roster.Language{roster.French}
		}
		n, err := q.UpsertDID(ctx, sqldb.UpsertDIDParams{
			SchemeID: scheme, E164: number, Delivered: did.Delivered, Flow: did.Flow, Languages: words(did.Languages),
		})
		if err == nil && n == 0 {
			return ErrTaken
		}
		return taken(err)
	})
	if err != nil {
		return did, fmt.Errorf("save number dialled: %w", err)
	}
	return did, nil
}

// RemoveDID takes a number that people dial away from a scheme: whoever dials it then is told that it is nobody's. The error may
// be ErrNoDID.
func (s *Store) RemoveDID(ctx context.Context, scheme int64, number string) error {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	n, err := s.query.DeleteDID(ctx, sqldb.DeleteDIDParams{SchemeID: scheme, E164: number})
	if err == nil && n == 0 {
		err = ErrNoDID
	}
	if err != nil {
		return fmt.Errorf("remove number dialled: %w", storeError(err))
	}
	return nil
}

// DIDs lists the numbers that people dial to reach a scheme.
func (s *Store) DIDs(ctx context.Context, scheme int64) ([]DID, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	rows, err := s.query.ListDIDs(ctx, scheme)
	if err != nil {
		return nil, fmt.Errorf("list numbers dialled: %w", storeError(err))
	}
	list := make([]DID, len(rows))
	for i, r := range rows {
		list[i] = DID{Number: r.E164, Delivered: r.Delivered, Flow: r.Flow, Languages: languagesOf(r.Languages)}
	}
	return list, nil
}

// DialledLines lists the numbers of all schemes as they may be dialled and as Line finds them, those that count before others
// that are the same, each with its languages; and the languages in which somebody is told that a number is no scheme's.
func (s *Store) DialledLines(ctx context.Context) (lines []DialledLine, nobody []roster.Language, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	rows, err := s.query.ListLines(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("list lines: %w", storeError(err))
	}
	var delivered []DialledLine
	for _, r := range rows {
		lines = append(lines, DialledLine{r.E164, languagesOf(r.Languages)})
		delivered = append(delivered, DialledLine{r.Delivered, languagesOf(r.Languages)})
	}
	lines = append(lines, delivered...)
	if len(rows) == 1 {
		lines = append(lines, DialledLine{"s", lines[0].Languages})
	}
	none, err := s.nobodysLine(ctx)
	if !errors.Is(err, callflow.ErrUnknownLine) {
		return nil, nil, err
	}
	return lines, none.Languages, nil
}

// DialledLine is a number as it may be dialled.
type DialledLine struct {
	Dialled   string // As a trunk delivers it; "s" when it does not say.
	Languages []roster.Language
}

func languagesOf(words []string) []roster.Language {
	list := make([]roster.Language, len(words))
	for i, w := range words {
		list[i] = roster.Language(w)
	}
	return list
}

// Pool is who takes calls of a line, or may help: everybody of a role who speaks a language.
type Pool struct {
	Role     roster.Role
	Language roster.Language
	People   int // Whose phones are in the PBX, or who have a number of their own.
	OnShift  int // Of them, in any state but off.
}

// Pools lists who there is, by role and language; whoever has several of either is counted in each.
func (s *Store) Pools(ctx context.Context, scheme int64) ([]Pool, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	rows, err := s.query.ListPools(ctx, scheme)
	if err != nil {
		return nil, fmt.Errorf("list pools: %w", storeError(err))
	}
	list := make([]Pool, len(rows))
	for i, r := range rows {
		list[i] = Pool{Role: roster.Role(r.Role), Language: roster.Language(r.Language), People: int(r.People), OnShift: int(r.OnShift)}
	}
	return list, nil
}

// SetGreeting says what the line calls a scheme in its greeting; "" is a neutral greeting. The error may be ErrGreeting.
func (s *Store) SetGreeting(ctx context.Context, scheme int64, spoken string, now time.Time) error {
	_, err := s.UpdateScheme(ctx, scheme, now, func(sc *Scheme) error {
		sc.Spoken = strings.TrimSpace(spoken)
		if err := sc.Validate(); err != nil {
			return fmt.Errorf("%w: %w", ErrGreeting, err)
		}
		return nil
	})
	return err
}

// Overflow says when somebody waits no longer for a registrar who speaks her language, and who helps then: see Scheme.Overflow.
type Overflow struct {
	After time.Duration
	To    roster.Role // Empty is no role beside the registrars.
}

// SetOverflow changes the overflow of a scheme. The error may be ErrOverflow.
func (s *Store) SetOverflow(ctx context.Context, scheme int64, change func(*Overflow), now time.Time) (Overflow, error) {
	var o Overflow
	_, err := s.UpdateScheme(ctx, scheme, now, func(sc *Scheme) error {
		o = Overflow{sc.Overflow, sc.OverflowTo}
		change(&o)
		helps := o.To == "" || o.To == roster.RoleCaller || o.To == roster.RoleCoordinator
		if o.After < time.Second || o.After > time.Hour || o.After%time.Second != 0 || !helps {
			return ErrOverflow
		}
		sc.Overflow, sc.OverflowTo = o.After, o.To
		return nil
	})
	return o, err
}
