package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/callflow"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/forecast"
	"github.com/rappel-tel/rappel/pkg/postgres/internal/sqldb"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/schedule"
)

// mostTimes is how many other times somebody is offered: more are not remembered.
const mostTimes = 3

// promise is an agreed call that may be changed, with what limits where it may be.
type promise struct {
	row      sqldb.FindPromiseRow
	terms    roster.Agreement
	rules    schedule.Rules     // Of her and her agreement.
	promises []schedule.Promise // Hers that are not over, this one among them.
	rows     []sqldb.ReadPromisesRow
}

// promise reads a call that may be changed. The error is callflow.ErrGone when it is none, or has begun.
func (s *Store) promise(ctx context.Context, q *sqldb.Queries, scheme, occurrence int64, now time.Time) (*promise, error) {
	row, err := q.FindPromise(ctx, sqldb.FindPromiseParams{SchemeID: scheme, OccurrenceID: occurrence})
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, callflow.ErrGone
	case err != nil:
		return nil, fmt.Errorf("read the call: %w", err)
	case call.OccurrenceState(row.State) != call.OccurrenceOpen, call.Kind(row.Kind) != call.KindScheduled, !now.Before(when(row.ClosesAt)):
		return nil, callflow.ErrGone
	}
	terms, err := q.ReadTerms(ctx, sqldb.ReadTermsParams{SchemeID: scheme, AgreementID: row.AgreementID})
	if err != nil {
		return nil, fmt.Errorf("read terms: %w", err)
	}
	rules, pauses, err := s.rules(ctx, q, scheme, now)
	if err != nil {
		return nil, err
	}
	rules.Seed, rules.PersonZone = row.AgreementID, zones{}.find(terms.Zone)
	rules.Pauses = pauses[row.BeneficiaryID]
	p := &promise{row: row, rules: rules, terms: termsOf(sqldb.CurrentAgreementsRow{
		Cadence: terms.Cadence, PerWeek: terms.PerWeek, Days: terms.Days, Begins: terms.Begins, Ends: terms.Ends, LengthMs: terms.LengthMs,
		ValidFrom: terms.ValidFrom, ValidUntil: terms.ValidUntil, Continuity: terms.Continuity, WindowDays: terms.WindowDays,
		MonthDay: terms.MonthDay, Nth: terms.Nth, Dates: terms.Dates, PlaceDays: terms.PlaceDays, PlaceWeek: terms.PlaceWeek,
		Skills: terms.Skills, Hard: terms.Hard,
	})}
	p.rows, err = q.ReadPromises(ctx, sqldb.ReadPromisesParams{
		SchemeID: scheme, BeneficiaryIds: []int64{row.BeneficiaryID}, FirstDay: localDate(rules.DateIn(now).AddDate(0, 0, -1)),
	})
	if err != nil {
		return nil, fmt.Errorf("read promises: %w", err)
	}
	for _, r := range p.rows {
		state := call.OccurrenceState(r.State)
		if promised(call.Kind(r.Kind)) != call.KindScheduled || state == call.OccurrenceCancelled || state == call.OccurrenceMoved {
			continue
		}
		p.promises = append(p.promises, schedule.Promise{
			ID: r.OccurrenceID, Date: dateOf(r.LocalDate), Opens: when(r.OpensAt), Closes: when(r.ClosesAt), Instead: dateOf(r.InsteadOf),
			WelcomeBack: call.Kind(r.Kind) == call.KindWelcomeBack, Fixed: state != call.OccurrenceOpen,
		})
	}
	return p, nil
}

// agreedOn is the date for which the call was agreed.
func (p *promise) agreedOn() time.Time {
	if instead := dateOf(p.row.InsteadOf); !instead.IsZero() {
		return instead
	}
	return dateOf(p.row.LocalDate)
}

// times are all slots to which the call can be moved, from her next date on and not before she can be rung back.
func (p *promise) times(now time.Time) []schedule.Slot {
	from := later(p.rules.Tomorrow(now), confirmationWindow(now, p.rules).Opens)
	return schedule.OtherTimes(p.terms, p.rules, p.row.OccurrenceID, p.promises, from)
}

// OtherTimes returns the times to which an agreed call can be moved and be kept there, three at most, in order: those nearest to
// it, on days on which the callers who will be there can make it beside all that is promised. The error is callflow.ErrGone.
func (s *Store) OtherTimes(ctx context.Context, scheme, occurrence int64, now time.Time) ([]callflow.Proposal, error) {
	ctx, cancel := context.WithTimeout(ctx, loadPatience)
	defer cancel()
	want, err := s.wantedAt(ctx, scheme, occurrence)
	if err != nil {
		return nil, err
	}
	var list []callflow.Proposal
	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err = pgx.BeginTxFunc(ctx, s.pool, options, func(tx pgx.Tx) error {
		q := s.query.WithTx(tx)
		p, err := s.promise(ctx, q, scheme, occurrence, now)
		if err != nil {
			return err
		}
		want.Length = milliseconds(p.row.LengthMs)
		want.Skills, want.Hard = p.terms.Skills, p.terms.Hard
		days := map[time.Time]dispatch.OtherDay{}
		for _, slot := range p.times(now) {
			date := schedule.DateIn(slot.Opens, p.rules.Zone)
			day, known := days[date]
			if !known {
				d := dayReader{store: s, query: q, scheme: scheme, now: now}
				if day, err = d.otherDay(ctx, date, want); err != nil {
					return err
				}
				days[date] = day
			}
			want.Opens, want.Closes = slot.Opens, slot.Closes
			if !day.Keeps(want) {
				continue
			}
			list = append(list, callflow.Proposal{Opens: slot.Opens.In(p.rules.Zone), Closes: slot.Closes.In(p.rules.Zone)})
			if len(list) == mostTimes {
				break
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("find other times: %w", storeError(err))
	}
	slices.SortFunc(list, func(x, y callflow.Proposal) int { return x.Opens.Compare(y.Opens) })
	return list, nil
}

// wantedAt is the call of an occurrence as Wanted has calls of a person, with its key.
func (s *Store) wantedAt(ctx context.Context, scheme, occurrence int64) (dispatch.Occurrence, error) {
	row, err := s.query.FindPromise(ctx, sqldb.FindPromiseParams{SchemeID: scheme, OccurrenceID: occurrence})
	if errors.Is(err, pgx.ErrNoRows) {
		return dispatch.Occurrence{}, callflow.ErrGone
	} else if err != nil {
		return dispatch.Occurrence{}, fmt.Errorf("read the call: %w", storeError(err))
	}
	want, err := s.Wanted(ctx, scheme, row.BeneficiaryID)
	want.ID, want.Kind = occurrence, call.KindScheduled
	return want, err
}

// otherDay reads a day without the call that would be moved, with the calls that may be moved to it already.
func (d *dayReader) otherDay(ctx context.Context, date time.Time, moved dispatch.Occurrence) (dispatch.OtherDay, error) {
	for _, read := range []func(context.Context) error{
		func(ctx context.Context) error { return d.frame(ctx, date) }, d.promises, d.callers,
	} {
		if err := read(ctx); err != nil {
			return dispatch.OtherDay{}, err
		}
	}
	day := dispatch.OtherDay{Scheme: &d.day.Scheme, Shifts: map[int64][]dispatch.Shift{}}
	for _, p := range d.day.Promises {
		if p.ID != moved.ID {
			day.Calls = append(day.Calls, p.Occurrence)
		}
	}
	rows, err := d.query.ReadPendingMoves(ctx, sqldb.ReadPendingMovesParams{
		SchemeID: d.scheme, BeneficiaryID: moved.Beneficiary, LocalDate: localDate(date),
	})
	if err != nil {
		return day, fmt.Errorf("read changes: %w", err)
	}
	for i, r := range rows {
		o := moved
		o.ID, o.Beneficiary, o.State = firstUnbooked-int64(i)-1, -int64(i)-1, call.OccurrenceOpen
		o.Opens, o.NotBefore, o.Closes = when(r.OpensAt), when(r.OpensAt), when(r.ClosesAt)
		day.Calls = append(day.Calls, o)
	}
	for _, c := range d.day.Callers {
		day.Callers = append(day.Callers, c.Caller)
		day.Shifts[c.ID] = shiftsOf(c.Shifts)
	}
	return day, nil
}

func shiftsOf(list []forecast.Shift) []dispatch.Shift {
	shifts := make([]dispatch.Shift, len(list))
	for i, s := range list {
		shifts[i] = dispatch.Shift(s)
	}
	return shifts
}

// ConfirmAppointment records that somebody expects a call, through a channel; it changes nothing. Again it is recorded no more.
// The error is callflow.ErrGone when there is no such call to come.
func (s *Store) ConfirmAppointment(ctx context.Context, scheme, occurrence int64, channel string, now time.Time) error {
	err := s.transact(ctx, scheme, func(q *sqldb.Queries, j *journal) error {
		row, err := q.FindPromise(ctx, sqldb.FindPromiseParams{SchemeID: scheme, OccurrenceID: occurrence})
		switch {
		case errors.Is(err, pgx.ErrNoRows), err == nil && call.OccurrenceState(row.State).Ended():
			return callflow.ErrGone
		case err != nil:
			return fmt.Errorf("read the call: %w", err)
		}
		before, err := q.IsConfirmed(ctx, sqldb.IsConfirmedParams{SchemeID: scheme, BeneficiaryID: row.BeneficiaryID, OccurrenceID: occurrence})
		if err != nil || before {
			return err
		}
		return noteChange(ctx, q, j, sqldb.InsertChangeParams{
			BeneficiaryID: row.BeneficiaryID, Kind: string(callflow.ChangeConfirm), OccurrenceID: occurrence, Channel: channel, AskedAt: instant(now),
			State: string(callflow.ChangeDone), SettledAt: instant(now),
		}, "confirmed")
	})
	if err != nil {
		return fmt.Errorf("confirm a call: %w", err)
	}
	return nil
}

// noteChange keeps a change with its first event.
func noteChange(ctx context.Context, q *sqldb.Queries, j *journal, p sqldb.InsertChangeParams, event string) error {
	id, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("make change id: %w", err)
	}
	p.SchemeID, p.Uid = j.scheme, pgtype.UUID{Bytes: id, Valid: true}
	if err := q.InsertChange(ctx, p); err != nil {
		return fmt.Errorf("write change: %w", err)
	}
	j.note("appointment", id, 1, event, when(p.AskedAt), appointmentData{Change: p.Kind})
	return nil
}
