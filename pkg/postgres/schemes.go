package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/postgres/internal/sqldb"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/schedule"
)

// ErrTaken means that a name or number that must be unique belongs to somebody else, another scheme perhaps.
var ErrTaken = errors.New("the name or number is taken")

// MostSpoken is how many characters the line's greeting may call a scheme by: about seven seconds when they are read out, so that
// the whole prompt is over within twelve.
const MostSpoken = 100

// defaultWelfare is the welfare of a scheme that was made without one.
const defaultWelfare = time.Hour

// defaultOverflow is the overflow of a scheme that was made without one.
const defaultOverflow = 2 * time.Minute

// Scheme is one town's service, as it is configured.
type Scheme struct {
	Key         int64  // Given by CreateScheme.
	ID          string // UUIDv7 seen outside; given by CreateScheme.
	Name        string // Unique in the installation.
	Spoken      string // What the line calls it in its greeting; empty for a neutral greeting.
	Zone        string // IANA zone, such as Europe/Brussels.
	Country     string // "FR" or "BE".
	Region      string // Where public holidays differ: "FR-57", "FR-67" or "FR-68" (Alsace-Moselle); empty otherwise.
	Language    roster.Language
	Paused      bool
	Opens       roster.Clock // Both 0 means 9:30 to 17:00.
	Closes      roster.Clock
	Hold        time.Duration // How long an occurrence waits for its reference caller; 0 means not at all.
	WrapUp      time.Duration // After-call work; 0 means none.
	MaxAttempts int           // Per occurrence; 0 means 3.
	Retry       map[call.Result]time.Duration
	// Retries hold what differs for calls of a kind (schedule.Ladder.Kinds).
	Retries     map[call.Kind]schedule.Ladder
	Load        roster.Load // What one caller is given on a day at most; a zero field sets no bound.
	TriesPerDay int         // Of one person in vain, over all her calls; 0 means 6, less than 0 that there is no bound.
	// Overflow is how long a party on the line waits for a registrar who speaks her language before any registrar, and whoever
	// has the role OverflowTo (caller or coordinator; empty is nobody), may take the call; 0 means 2 min.
	Overflow   time.Duration
	OverflowTo roster.Role
	// Welfare is how long nobody may look after somebody who was not reached as promised, or whoever does may take, before the
	// wall says so; 0 means an hour.
	Welfare   time.Duration
	LastEvent int64 // Number of its newest event, as Schemes found it; 0 before the first.
}

// Validate returns what is wrong with a scheme that is to be kept.
func (s Scheme) Validate() error {
	if strings.TrimSpace(s.Name) == "" {
		return errors.New("scheme: the name is empty")
	}
	if n := utf8.RuneCountInString(s.Spoken); n > MostSpoken {
		return fmt.Errorf("scheme %q: what the greeting calls it has %d characters and would be read out for too long; %d are allowed", s.Name, n, MostSpoken)
	}
	if strings.ContainsFunc(s.Spoken, unicode.IsControl) || !utf8.ValidString(s.Spoken) {
		return fmt.Errorf("scheme %q: what the greeting calls it holds what cannot be read out", s.Name)
	}
	if _, err := time.LoadLocation(s.Zone); err != nil || s.Zone == "" {
		return fmt.Errorf("scheme %q: %q is no IANA time zone, such as Europe/Brussels", s.Name, s.Zone)
	}
	if _, err := schedule.NewCalendar(s.Country); err != nil || s.Country == "" {
		return fmt.Errorf("scheme %q: no public holidays are known for country %q; write BE or FR", s.Name, s.Country)
	}
	if s.Hold < 0 || s.WrapUp < 0 || s.Overflow < 0 || s.Welfare < 0 {
		return fmt.Errorf("scheme %q: a length of time is below zero", s.Name)
	}
	if _, err := schedule.NewCalendar(s.Region); err != nil || s.Region != "" && !strings.HasPrefix(s.Region, s.Country+"-") {
		return fmt.Errorf("scheme %q: no public holidays of its own are known for region %q of %s", s.Name, s.Region, s.Country)
	}
	return nil
}

func (s *Scheme) fill() {
	if s.Opens == 0 && s.Closes == 0 {
		s.Opens, s.Closes = schedule.DefaultOpens, schedule.DefaultCloses
	}
	if s.MaxAttempts == 0 {
		s.MaxAttempts = schedule.DefaultMaxAttempts
	}
	if s.TriesPerDay == 0 {
		s.TriesPerDay = schedule.DefaultPerDay
	}
	if s.Language == "" {
		s.Language = roster.French
	}
	if s.Overflow == 0 {
		s.Overflow = defaultOverflow
	}
	if s.Welfare == 0 {
		s.Welfare = defaultWelfare
	}
}

// Ladder is when and how often this scheme tries again.
func (s Scheme) Ladder() schedule.Ladder {
	s.fill()
	return schedule.Ladder{After: s.Retry, MaxAttempts: s.MaxAttempts, PerDay: max(s.TriesPerDay, 0), Kinds: s.Retries}
}

// CreateScheme makes a scheme and returns it with its key and id. ErrTaken means that there is one of that name.
func (s *Store) CreateScheme(ctx context.Context, scheme Scheme, now time.Time) (Scheme, error) {
	if err := scheme.Validate(); err != nil {
		return Scheme{}, err
	}
	scheme.fill()
	id, err := uuid.NewV7()
	if err != nil {
		return Scheme{}, fmt.Errorf("make scheme id: %w", err)
	}
	scheme.ID = id.String()
	err = s.inTx(ctx, s.pool, func(q *sqldb.Queries) error {
		scheme.Key, err = q.InsertScheme(ctx, sqldb.InsertSchemeParams{
			Uid: pgtype.UUID{Bytes: id, Valid: true}, Name: scheme.Name, Spoken: scheme.Spoken, Zone: scheme.Zone, Country: scheme.Country, Region: scheme.Region,
			Language: string(scheme.Language), Paused: scheme.Paused, Opens: int16(scheme.Opens), Closes: int16(scheme.Closes),
			HoldMs: scheme.Hold.Milliseconds(), WrapUpMs: scheme.WrapUp.Milliseconds(),
			MaxAttempts: int16(scheme.MaxAttempts), TriesPerDay: int16(max(scheme.TriesPerDay, 0)), CreatedAt: instant(now),
			LoadTalkMs: scheme.Load.Talk.Milliseconds(), LoadCalls: int32(scheme.Load.Calls), LoadHard: int32(scheme.Load.Hard),
			LoadInRow: int32(scheme.Load.HardInRow), LoadBreatherMs: scheme.Load.Breather.Milliseconds(),
		})
		if err != nil {
			return fmt.Errorf("insert scheme: %w", err)
		}
		if err := q.InsertLead(ctx, scheme.Key); err != nil {
			return fmt.Errorf("insert lead: %w", err)
		}
		return writeRetry(ctx, q, scheme)
	})
	if err != nil {
		return Scheme{}, fmt.Errorf("create scheme: %w", taken(storeError(err)))
	}
	return scheme, nil
}

// UpdateScheme has change decide on a scheme as it stands, and keeps what came of it: so nothing is lost of what others change
// at the same time. It returns the scheme as it is then, or change's error as it is. Where that changes when it calls, open
// promises are brought in line, as ChangeHours does. The dispatcher sees it when it loads the scheme again.
func (s *Store) UpdateScheme(ctx context.Context, key int64, now time.Time, change func(*Scheme) error) (Scheme, error) {
	var scheme Scheme
	var refused error
	err := s.transactFor(ctx, key, loadPatience, func(q *sqldb.Queries, j *journal) error {
		row, err := q.HoldScheme(ctx, key)
		if err != nil {
			return fmt.Errorf("read scheme: %w", err)
		}
		ladder, err := readLadder(ctx, q, key)
		if err != nil {
			return err
		}
		before := configured(sqldb.ListSchemesRow(row), ladder)
		scheme = before
		if refused = change(&scheme); refused == nil {
			refused = scheme.Validate()
		}
		if refused != nil {
			return refused
		}
		scheme.fill()
		_, err = q.UpdateScheme(ctx, sqldb.UpdateSchemeParams{
			SchemeID: key, Name: scheme.Name, Spoken: scheme.Spoken, Zone: scheme.Zone, Country: scheme.Country, Region: scheme.Region,
			Language: string(scheme.Language), Paused: scheme.Paused, Opens: int16(scheme.Opens), Closes: int16(scheme.Closes),
			HoldMs: scheme.Hold.Milliseconds(), WrapUpMs: scheme.WrapUp.Milliseconds(), MaxAttempts: int16(scheme.MaxAttempts),
			TriesPerDay: int16(max(scheme.TriesPerDay, 0)),
			LoadTalkMs:  scheme.Load.Talk.Milliseconds(), LoadCalls: int32(scheme.Load.Calls), LoadHard: int32(scheme.Load.Hard),
			LoadInRow: int32(scheme.Load.HardInRow), LoadBreatherMs: scheme.Load.Breather.Milliseconds(),
			OverflowMs: scheme.Overflow.Milliseconds(), OverflowTo: string(scheme.OverflowTo), WelfareMs: scheme.Welfare.Milliseconds(),
		})
		if err != nil {
			return fmt.Errorf("write scheme: %w", err)
		}
		if err := writeRetry(ctx, q, scheme); err != nil {
			return err
		}
		var done Replanned
		if before.Zone != scheme.Zone || before.Country != scheme.Country || before.Region != scheme.Region ||
			before.Opens != scheme.Opens || before.Closes != scheme.Closes {
			if done, err = s.replan(ctx, q, j, replanning{now: now, all: true}); err != nil {
				return err
			}
		}
		j.noteScheme("changed", now, changedData(done))
		scheme.LastEvent = j.number
		return nil
	})
	switch {
	case refused != nil:
		return Scheme{}, refused
	case err != nil:
		return Scheme{}, fmt.Errorf("update scheme: %w", taken(err))
	}
	return scheme, nil
}

// Schemes lists every scheme of the installation, in the order in which they were made.
func (s *Store) Schemes(ctx context.Context) ([]Scheme, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	rows, err := s.query.ListSchemes(ctx)
	if err != nil {
		return nil, fmt.Errorf("list schemes: %w", storeError(err))
	}
	ladders, err := s.ladders(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]Scheme, len(rows))
	for i, r := range rows {
		list[i] = configured(r, ladders[r.SchemeID])
	}
	return list, nil
}

// configured puts a scheme together with its retry ladder.
func configured(r sqldb.ListSchemesRow, ladder schedule.Ladder) Scheme {
	s := Scheme{
		Key: r.SchemeID, ID: r.Uid.String(), Name: r.Name, Spoken: r.Spoken, Zone: r.Zone, Country: r.Country, Region: r.Region,
		Language: roster.Language(r.Language), Paused: r.Paused, Opens: roster.Clock(r.Opens), Closes: roster.Clock(r.Closes),
		Hold: milliseconds(r.HoldMs), WrapUp: milliseconds(r.WrapUpMs), MaxAttempts: int(r.MaxAttempts),
		TriesPerDay: int(r.TriesPerDay), Retry: ladder.After, Retries: ladder.Kinds,
		Load:     limits{r.LoadTalkMs, r.LoadBreatherMs, r.LoadCalls, r.LoadHard, r.LoadInRow}.load(),
		Overflow: milliseconds(r.OverflowMs), OverflowTo: roster.Role(r.OverflowTo), Welfare: milliseconds(r.WelfareMs), LastEvent: r.EventNumber,
	}
	if r.TriesPerDay == 0 {
		s.TriesPerDay = -1
	}
	return s
}

// Languages lists the languages that a scheme's line, people and callers speak, sorted.
func (s *Store) Languages(ctx context.Context, scheme int64) ([]roster.Language, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	names, err := s.query.ListLanguages(ctx, scheme)
	if err != nil {
		return nil, fmt.Errorf("list languages: %w", storeError(err))
	}
	list := make([]roster.Language, len(names))
	for i, name := range names {
		list[i] = roster.Language(name)
	}
	return list, nil
}

// SetDestinations replaces the prefixes (E.164, "+32") of the numbers that the scheme may ring.
func (s *Store) SetDestinations(ctx context.Context, scheme int64, prefixes []string) error {
	prefixes = slices.Clone(prefixes)
	slices.Sort(prefixes)
	prefixes = slices.Compact(prefixes)
	err := s.inTx(ctx, s.pool, func(q *sqldb.Queries) error {
		if err := q.DeleteDestinations(ctx, scheme); err != nil {
			return err
		}
		return q.InsertDestinations(ctx, sqldb.InsertDestinationsParams{SchemeID: scheme, Prefixes: prefixes})
	})
	if err != nil {
		return fmt.Errorf("set destinations: %w", storeError(err))
	}
	return nil
}

// Destinations lists the prefixes of the numbers that the scheme may ring, in order; none stands for the ordinary numbers of
// its country (numbering.Destinations).
func (s *Store) Destinations(ctx context.Context, scheme int64) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	list, err := s.query.ListDestinations(ctx, scheme)
	if err != nil {
		return nil, fmt.Errorf("list destinations: %w", storeError(err))
	}
	return list, nil
}

func words[T ~string](list []T) []string {
	out := make([]string, len(list))
	for i, w := range list {
		out[i] = string(w)
	}
	return out
}
