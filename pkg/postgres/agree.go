package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/postgres/internal/sqldb"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/schedule"
)

// ErrNeedsCaller means that calls of a kind are agreed in the person's own record, because callers make them.
var ErrNeedsCaller = errors.New("calls of this kind need a caller")

// Agreed returns what was agreed with a person about calls of a kind that need no caller; the zero Agreement when nothing was.
// The error is ErrNoBeneficiary.
func (s *Store) Agreed(ctx context.Context, scheme int64, ref string, kind call.Kind) (roster.Agreement, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	person, err := findBeneficiary(ctx, s.query, scheme, ref)
	if err != nil {
		return roster.Agreement{}, fmt.Errorf("read agreement: %w", storeError(err))
	}
	_, terms, err := agreed(ctx, s.query, scheme, person.BeneficiaryID, kind)
	return terms, err
}

// agreed returns the current agreement with its key, which is 0 when there is none.
func agreed(ctx context.Context, q *sqldb.Queries, scheme, person int64, kind call.Kind) (int64, roster.Agreement, error) {
	rows, err := q.ReadAgreed(ctx, sqldb.ReadAgreedParams{SchemeID: scheme, BeneficiaryID: person, Kind: string(kind)})
	if err != nil || len(rows) == 0 {
		return 0, roster.Agreement{}, storeError(err)
	}
	return rows[0].AgreementID, termsOf(sqldb.CurrentAgreementsRow(rows[0])).Normal(), nil
}

// Agree keeps what is agreed with a person about calls of a kind that need no caller, beside what callers promise her; without
// a cadence such calls end. Promises to come move, are cancelled or booked at once; what is due or under way stays. The errors
// are ErrNoBeneficiary, ErrNeedsCaller, and one that wraps dispatch.ErrOwnCLI when the kind has no number to present.
func (s *Store) Agree(
	ctx context.Context, scheme int64, ref string, kind call.Kind, terms roster.Agreement, now time.Time,
) (Replanned, error) {
	terms = terms.Normal()
	if !kind.Automatic() {
		return Replanned{}, fmt.Errorf("agree on %s calls: %w", kind, ErrNeedsCaller)
	}
	var done Replanned
	err := s.transact(ctx, scheme, func(q *sqldb.Queries, j *journal) error {
		person, err := findBeneficiary(ctx, q, scheme, ref)
		if err != nil {
			return err
		}
		if err := presentable(ctx, s, q, scheme, kind, now); err != nil && terms.Cadence != "" {
			return err
		}
		old, before, err := agreed(ctx, q, scheme, person.BeneficiaryID, kind)
		if err != nil || before.Equal(terms) {
			return err
		}
		if old != 0 {
			err := q.EndAgreements(ctx, sqldb.EndAgreementsParams{SchemeID: scheme, AgreementIds: []int64{old}, Now: instant(now)})
			if err != nil {
				return fmt.Errorf("end agreement: %w", err)
			}
		}
		if terms.Cadence == "" {
			rows, err := q.CancelOccurrences(ctx, sqldb.CancelOccurrencesParams{
				SchemeID: scheme, AgreementIds: []int64{old}, Now: instant(now),
			})
			if err != nil {
				return fmt.Errorf("cancel calls: %w", err)
			}
			for _, r := range rows {
				j.note("occurrence", uuid.UUID(r.Uid.Bytes), int(r.Events), "cancelled", now, settledData{
					Attempts: int(r.Attempts), Deferred: int(r.Deferred), Rang: r.Rang,
				})
			}
			done.Cancelled = len(rows)
			j.noteScheme("changed", now, changedData(done))
			return nil
		}
		p, err := agreedParams(scheme, person.BeneficiaryID, kind, terms, now)
		if err != nil {
			return err
		}
		if err := q.InsertAgreed(ctx, p); err != nil {
			return fmt.Errorf("write agreement: %w", err)
		}
		done, err = s.rearrange(ctx, q, j, replanning{now: now, people: []int64{person.BeneficiaryID}, held: true})
		return err
	})
	if err != nil {
		return Replanned{}, fmt.Errorf("agree on %s calls: %w", kind, err)
	}
	return done, nil
}

// Comes reports whether what is agreed with a person leads to any call from now on, by the scheme's hours and holidays; what she
// has announced is not looked at.
func (s *Store) Comes(ctx context.Context, scheme int64, b roster.Beneficiary, now time.Time) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	rules, _, err := s.rules(ctx, s.query, scheme, now)
	if err != nil {
		return false, fmt.Errorf("find the next call: %w", storeError(err))
	}
	rules.PersonZone = zones{}.find(b.Zone)
	_, ok := schedule.Next(b.Agreement.Normal(), rules, now.AddDate(0, 0, -1)) // Next looks at later days only; today counts too.
	return ok, nil
}

// presentable reports whether the scheme has a number to present for calls of a kind.
func presentable(ctx context.Context, s *Store, q *sqldb.Queries, scheme int64, kind call.Kind, now time.Time) error {
	snap := &dispatch.Snapshot{}
	if _, _, err := s.readScheme(ctx, q, scheme, now, snap); err != nil {
		return err
	}
	return snap.Scheme.Presentable(kind)
}

func agreedParams(scheme, person int64, kind call.Kind, a roster.Agreement, now time.Time) (sqldb.InsertAgreedParams, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return sqldb.InsertAgreedParams{}, fmt.Errorf("make agreement id: %w", err)
	}
	p := sqldb.InsertAgreedParams{
		SchemeID: scheme, Uid: pgtype.UUID{Bytes: id, Valid: true}, BeneficiaryID: person, Kind: string(kind),
		Cadence: string(a.Cadence), PerWeek: int16(a.PerWeek), Days: []int16{}, Begins: []int16{}, Ends: []int16{},
		LengthMs: a.Length.Milliseconds(), ValidFrom: localDate(a.ValidFrom), ValidUntil: localDate(a.ValidUntil),
		Continuity: string(a.Continuity), CallerRingMs: a.CallerRing.Milliseconds(), RingMs: a.Ring.Milliseconds(),
		WindowDays: []int16{}, MonthDay: int16(a.MonthDay), Nth: int16(a.Nth), Dates: []pgtype.Date{}, Now: instant(now),
	}
	for _, d := range a.Days {
		p.Days = append(p.Days, int16(d))
	}
	for _, w := range a.Windows {
		p.Begins, p.Ends = append(p.Begins, int16(w.Begin)), append(p.Ends, int16(w.End))
		p.WindowDays = append(p.WindowDays, int16(w.Days))
	}
	for _, d := range a.Dates {
		p.Dates = append(p.Dates, localDate(d))
	}
	return p, nil
}
