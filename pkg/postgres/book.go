package postgres

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/postgres/internal/sqldb"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// bookPageSize is how many people an iterator holds in memory.
const bookPageSize = 500

// Book keeps the people of one scheme.
type Book struct {
	store  *Store
	scheme int64
	now    func() time.Time
	tx     pgx.Tx // Of a rehearsal; nil otherwise.
	// replanned is what the last Edit did to promises.
	replanned Replanned
}

// Replanned says what the last Edit did to the promises of agreements that it changed. It must not be asked while an Edit
// runs.
func (b *Book) Replanned() Replanned { return b.replanned }

var _ roster.Book = (*Book)(nil)

// Book returns the people of a scheme. Now is the service's clock.
func (s *Store) Book(scheme int64, now func() time.Time) *Book {
	return &Book{store: s, scheme: scheme, now: now}
}

// beginner is a pool, or a transaction that makes savepoints.
type beginner interface {
	Begin(ctx context.Context) (pgx.Tx, error)
}

func (b *Book) beginner() beginner {
	if b.tx != nil {
		return b.tx
	}
	return b.store.pool
}

func (b *Book) query() *sqldb.Queries {
	if b.tx != nil {
		return b.store.query.WithTx(b.tx)
	}
	return b.store.query
}

// Edit implements roster.Book. The scheme's lock is taken at the end only, so that calls go on while people are written.
func (b *Book) Edit(ctx context.Context, change func(roster.Page) error) error {
	return b.edit(ctx, func(p *page) error { return change(p) })
}

func (b *Book) edit(ctx context.Context, change func(*page) error) error {
	page := &page{scheme: b.scheme, now: b.now(), refused: b.store.refusedAmong}
	var own error
	err := pgx.BeginFunc(ctx, b.beginner(), func(tx pgx.Tx) error {
		page.tx, page.query = tx, b.store.query.WithTx(tx)
		// An import fills tables that were empty when the server first planned these statements and the checks of their
		// foreign keys; a plan kept from then reads whole tables for each row, which is a minute instead of five seconds.
		if _, err := tx.Exec(ctx, "SET LOCAL plan_cache_mode = force_custom_plan"); err != nil {
			return fmt.Errorf("plan statements anew: %w", err)
		}
		if own = change(page); own != nil {
			return own
		}
		if page.put.Len() == 0 || b.tx != nil {
			return nil
		}
		return page.settle(ctx, b.store)
	})
	if page.release != nil {
		defer page.release()
	}
	switch {
	case own != nil:
		return own
	case err != nil:
		return fmt.Errorf("edit the book: %w", storeError(err))
	}
	b.replanned = page.replanned
	if len(page.journal.events) > 0 {
		b.store.opts.Publish(page.journal.events)
	}
	if b.tx == nil && b.store.grown.by(page.put.Len()) {
		// The people are kept whatever becomes of this; it decides how fast they are found.
		if err := b.store.RefreshStatistics(ctx); err != nil && ctx.Err() == nil {
			b.store.log.Warn("tell the planner of new people", zap.Error(err))
		}
	}
	return nil
}

// growth says when so many people were put that the planner must hear of it: each time their number has doubled.
type growth struct {
	mu        sync.Mutex
	put, told int
}

// by adds n people and reports whether it is time again.
func (g *growth) by(n int) bool {
	const first = 1000
	g.mu.Lock()
	defer g.mu.Unlock()
	g.put += n
	if n == 0 || g.put < max(first, 2*g.told) {
		return false
	}
	g.told = g.put
	return true
}

// errRehearsed undoes a rehearsal that went well.
var errRehearsed = errors.New("rehearsed")

// Rehearse implements roster.Book: everything runs in one transaction that is undone. It cancels no call and notes no
// event, so that it does not keep the dispatcher waiting.
func (b *Book) Rehearse(ctx context.Context, work func(roster.Book) error) error {
	var own error
	err := pgx.BeginFunc(ctx, b.beginner(), func(tx pgx.Tx) error {
		if own = work(&Book{store: b.store, scheme: b.scheme, now: b.now, tx: tx}); own != nil {
			return own
		}
		return errRehearsed
	})
	if own != nil {
		return own
	}
	if errors.Is(err, errRehearsed) {
		return nil
	}
	return fmt.Errorf("rehearse an edit: %w", storeError(err))
}

// Staff implements roster.Book.
func (b *Book) Staff(ctx context.Context) iter.Seq2[roster.Staff, error] {
	return pages(func(after string) ([]roster.Staff, string, error) {
		rows, err := b.query().PageStaff(ctx, sqldb.PageStaffParams{SchemeID: b.scheme, After: after, Page: bookPageSize})
		if err != nil || len(rows) == 0 {
			return nil, "", storeError(err)
		}
		list := make([]roster.Staff, len(rows))
		for i, r := range rows {
			list[i] = staffOf(sqldb.FindStaffRow(r))
		}
		return list, rows[len(rows)-1].Ref, nil
	})
}

// Beneficiaries implements roster.Book.
func (b *Book) Beneficiaries(ctx context.Context) iter.Seq2[roster.Beneficiary, error] {
	return pages(func(after string) ([]roster.Beneficiary, string, error) {
		q := b.query()
		rows, err := q.PageBeneficiaries(ctx, sqldb.PageBeneficiariesParams{SchemeID: b.scheme, After: after, Page: bookPageSize})
		if err != nil || len(rows) == 0 {
			return nil, "", storeError(err)
		}
		found := make([]sqldb.FindBeneficiariesRow, len(rows))
		for i, r := range rows {
			found[i] = sqldb.FindBeneficiariesRow(r)
		}
		list, err := beneficiariesOf(ctx, q, b.scheme, found)
		return list, rows[len(rows)-1].Ref, err
	})
}

// pages yields page after page; next returns a page of what comes after a ref, and the last ref of it.
func pages[T any](next func(after string) ([]T, string, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for after := ""; ; {
			list, last, err := next(after)
			if err != nil {
				var none T
				yield(none, fmt.Errorf("read the book: %w", err))
				return
			}
			if len(list) == 0 {
				return
			}
			for _, one := range list {
				if !yield(one, nil) {
					return
				}
			}
			after = last
		}
	}
}

func staffOf(r sqldb.FindStaffRow) roster.Staff {
	s := roster.Staff{
		Ref: r.Ref, Given: r.GivenName, Family: r.FamilyName, Skills: r.Skills,
		Number: roster.Number{E164: r.Number, Extension: r.Extension}, Disabled: !r.Enabled,
		Load: limits{r.LoadTalkMs, r.LoadBreatherMs, r.LoadCalls, r.LoadHard, r.LoadInRow}.load(),
	}
	for _, role := range r.Roles {
		s.Roles = append(s.Roles, roster.Role(role))
	}
	for _, language := range r.Languages {
		s.Languages = append(s.Languages, roster.Language(language))
	}
	return s.Normal()
}

func beneficiariesOf(ctx context.Context, q *sqldb.Queries, scheme int64, rows []sqldb.FindBeneficiariesRow) ([]roster.Beneficiary, error) {
	ids := make([]int64, len(rows))
	for i, r := range rows {
		ids[i] = r.BeneficiaryID
	}
	numbers, err := q.NumbersOf(ctx, sqldb.NumbersOfParams{SchemeID: scheme, BeneficiaryIds: ids})
	if err != nil {
		return nil, fmt.Errorf("read numbers: %w", storeError(err))
	}
	of := make(map[int64][]roster.Number, len(rows))
	for _, n := range numbers {
		of[n.BeneficiaryID] = append(of[n.BeneficiaryID], roster.Number{E164: n.E164, Extension: n.Extension})
	}
	named, err := q.ContactsOf(ctx, sqldb.ContactsOfParams{SchemeID: scheme, BeneficiaryIds: ids})
	if err != nil {
		return nil, fmt.Errorf("read contact people: %w", storeError(err))
	}
	contacts := make(map[int64][]roster.ContactPerson, len(named))
	for _, n := range named {
		contacts[n.BeneficiaryID] = append(contacts[n.BeneficiaryID], roster.ContactPerson{
			Name: n.Name, Relation: roster.Relation(n.Relation), Number: n.E164,
		})
	}
	list := make([]roster.Beneficiary, len(rows))
	for i, r := range rows {
		list[i] = roster.Beneficiary{
			Ref: r.Ref, Given: r.GivenName, Family: r.FamilyName, Numbers: of[r.BeneficiaryID],
			Language: roster.Language(r.Language), Zone: r.Zone, Class: int(r.Class), Purpose: roster.Purpose(r.Purpose),
			Consent: roster.Consent{State: roster.ConsentState(r.ConsentState), On: dateOf(r.GivenOn), How: r.ConsentHow},
			Source:  roster.Source(r.Source), Reference: r.Reference, Deputy: r.Deputy,
			LongerWaits: r.LongerWaits, Simpler: r.Simpler, StraightToPerson: r.StraightToPerson, Contacts: contacts[r.BeneficiaryID],
			Agreement: termsOf(sqldb.CurrentAgreementsRow{
				Cadence: r.Cadence, PerWeek: r.PerWeek, Days: r.Days, Begins: r.Begins, Ends: r.Ends, LengthMs: r.LengthMs,
				ValidFrom: r.ValidFrom, ValidUntil: r.ValidUntil, Continuity: r.Continuity, CallerRingMs: r.CallerRingMs,
				RingMs: r.RingMs, WindowDays: r.WindowDays, MonthDay: r.MonthDay, Nth: r.Nth, Dates: r.Dates,
				Skills: r.Skills, Hard: r.Hard,
			}),
		}.Normal()
	}
	return list, nil
}

func termsOf(r sqldb.CurrentAgreementsRow) roster.Agreement {
	return roster.Agreement{
		Cadence: roster.Cadence(r.Cadence), PerWeek: int(r.PerWeek), Days: weekdays(r.Days),
		Windows: windows(r.Begins, r.Ends, r.WindowDays), Length: milliseconds(r.LengthMs), ValidFrom: dateOf(r.ValidFrom),
		ValidUntil: dateOf(r.ValidUntil), MonthDay: int(r.MonthDay), Nth: int(r.Nth), Dates: dates(r.Dates),
		Place:      roster.Place{Days: roster.Weekdays(r.PlaceDays.Int16), Week: int(r.PlaceWeek)},
		Continuity: roster.Continuity(r.Continuity), CallerRing: milliseconds(r.CallerRingMs), Ring: milliseconds(r.RingMs),
		Skills: r.Skills, Hard: r.Hard,
	}
}
