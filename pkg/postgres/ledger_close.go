package postgres

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/postgres/internal/sqldb"
	"github.com/rappel-tel/rappel/pkg/schedule"
)

func (l *ledger) closeCall(c dispatch.CloseCall) error {
	a := l.attempts[c.Attempt]
	if a == nil {
		return errUnknownAttempt
	}
	disposition, dayLater := c.Disposition, c.DayLater || a.dayLater
	if disposition == call.DispositionNone {
		disposition = a.disposition
	}
	if !a.closed.IsZero() && a.disposition == disposition && a.followUp == c.FollowUp && a.dayLater == dayLater {
		return nil
	}
	if row := l.callers[c.Caller]; row != nil && a.disposition != disposition {
		switch {
		case disposition == call.DispositionDifficult:
			row.feltHard(a, true, l.today)
		case a.disposition == call.DispositionDifficult:
			row.feltHard(a, false, l.today)
		}
	}
	if dayLater && !a.dayLater {
		l.later = append(l.later, a)
	}
	a.disposition, a.followUp, a.dayLater, a.closed, a.changed = disposition, c.FollowUp, dayLater, c.At, true
	l.noteAttempt(a, "closed", c.At, closedData{
		Disposition: string(disposition), FollowUp: c.FollowUp, DayLater: dayLater,
	})
	return nil
}

// rulesReader reads what limits every agreement of the scheme, and the pauses of each person.
type rulesReader func(context.Context, *sqldb.Queries) (schedule.Rules, map[int64][]schedule.Pause, error)

// moveLater moves the calls that follow those closed with "a day later". It runs once the bookings of the batch are
// written: the call to be moved may have been booked by the end of the same call.
func (l *ledger) moveLater(ctx context.Context, p *pipeline, readRules rulesReader) error {
	if len(l.later) == 0 {
		return nil
	}
	q := sqldb.New(p)
	rules, pauses, err := readRules(ctx, q)
	if err != nil {
		return err
	}
	for _, a := range l.later {
		occ := l.occurrences[a.occurrence]
		if occ == nil || !occ.state.Ended() || occ.agreement <= 0 {
			continue // Nothing follows a callback of the line.
		}
		closed, err := l.closedCall(ctx, q, occ)
		if err != nil {
			return err
		}
		closed.Pauses = pauses[occ.beneficiary]
		following, err := l.readFollowing(ctx, q, occ)
		if err != nil {
			return err
		}
		if s, ok := dispatch.DayLater(closed, bookingsOf(following), rules, a.closed); ok {
			if err := l.move(ctx, p, s, following); err != nil {
				return err
			}
		}
	}
	return nil
}

// closedCall returns the occurrence of a closed call with the terms of its agreement.
func (l *ledger) closedCall(ctx context.Context, q *sqldb.Queries, occ *occurrenceRow) (*dispatch.Occurrence, error) {
	r, err := q.ReadTerms(ctx, sqldb.ReadTermsParams{SchemeID: l.scheme, AgreementID: occ.agreement})
	if err != nil {
		return nil, fmt.Errorf("read terms: %w", err)
	}
	return &dispatch.Occurrence{
		ID: occ.id, Agreement: occ.agreement, Beneficiary: occ.beneficiary, Kind: occ.kind, State: occ.state,
		LocalDate:  occ.localDate,
		PersonZone: zones{}.find(r.Zone),
		Terms: termsOf(sqldb.CurrentAgreementsRow{
			Cadence: r.Cadence, PerWeek: r.PerWeek, Days: r.Days, Begins: r.Begins, Ends: r.Ends, LengthMs: r.LengthMs,
			ValidFrom: r.ValidFrom, ValidUntil: r.ValidUntil, Continuity: r.Continuity, CallerRingMs: r.CallerRingMs,
			RingMs: r.RingMs, WindowDays: r.WindowDays, MonthDay: r.MonthDay, Nth: r.Nth, Dates: r.Dates,
			PlaceDays: r.PlaceDays, PlaceWeek: r.PlaceWeek, Skills: r.Skills, Hard: r.Hard,
		}),
	}, nil
}

// readFollowing returns the person's calls on later days than a call's, as this batch leaves them.
func (l *ledger) readFollowing(ctx context.Context, q *sqldb.Queries, occ *occurrenceRow) ([]*occurrenceRow, error) {
	rows, err := q.ReadFollowing(ctx, sqldb.ReadFollowingParams{
		SchemeID: l.scheme, BeneficiaryID: occ.beneficiary, After: localDate(occ.localDate),
	})
	if err != nil {
		return nil, fmt.Errorf("read following calls: %w", err)
	}
	following := make([]*occurrenceRow, len(rows))
	for i, r := range rows {
		if following[i] = l.occurrences[r.OccurrenceID]; following[i] == nil {
			following[i] = occurrenceOf(sqldb.ReadOccurrencesRow(r))
		}
	}
	return following, nil
}

func occurrenceOf(r sqldb.ReadOccurrencesRow) *occurrenceRow {
	return &occurrenceRow{
		id: r.OccurrenceID, uid: uuid.UUID(r.Uid.Bytes), agreement: r.AgreementID, beneficiary: r.BeneficiaryID,
		kind: call.Kind(r.Kind), sequence: int(r.Sequence), localDate: dateOf(r.LocalDate),
		state: call.OccurrenceState(r.State), notBefore: when(r.NotBefore), deferred: int(r.Deferred),
		attempts: int(r.Attempts), rang: r.Rang, ended: when(r.EndedAt), events: int(r.Events),
	}
}

func bookingsOf(rows []*occurrenceRow) []dispatch.Booking {
	bookings := make([]dispatch.Booking, len(rows))
	for i, o := range rows {
		bookings[i] = dispatch.Booking{
			ID: o.id, Agreement: o.agreement, Kind: o.kind, LocalDate: o.localDate, State: o.state,
		}
	}
	return bookings
}

// move ends a call as moved and books the one in its place. Where calls of that day were moved or cancelled before, it is
// one more of the day.
func (l *ledger) move(ctx context.Context, p *pipeline, s dispatch.Settlement, following []*occurrenceRow) error {
	var moved *occurrenceRow
	sequence := 0
	for _, o := range following {
		if o.id == s.Occurrence {
			moved = o
		}
		if o.agreement == s.Next.Agreement && o.kind == s.Next.Kind && o.localDate.Equal(s.Next.LocalDate) {
			sequence = max(sequence, o.sequence+1)
		}
	}
	l.occurrences[moved.id] = moved
	l.keys.occurrences.add(moved.id)
	next := s.Next
	s.Attempts, s.Deferred, s.Rang, s.Next = moved.attempts, moved.deferred, moved.rang, nil
	l.settleRow(moved, s)
	l.bookings = []*booking{{next: next, sequence: sequence, instead: moved.localDate}}
	return l.book(ctx, p, sqldb.New(p))
}
