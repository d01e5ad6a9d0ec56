package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/rappel-tel/rappel/pkg/postgres/internal/sqldb"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// ErrNoShift means that a caller has no shift on any of the days.
var ErrNoShift = errors.New("she has no shift on these days")

// Shift is when a caller works, week by week. The dispatcher does not look at it: who is ready gets calls. The day plan does.
type Shift struct {
	Ref         string // The town's reference of the caller.
	Days        roster.Weekdays
	Hours       []roster.Window // In the scheme's zone, in order and apart.
	First, Last time.Time       // Dates of the scheme (midnight UTC), both included; zero leaves it open.
}

// AddShift keeps a shift. The errors are ErrNoCaller, ErrHours and ErrDatesBackward.
func (s *Store) AddShift(ctx context.Context, scheme int64, shift Shift) error {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	switch {
	case len(shift.Hours) == 0 || !apart(shift.Hours):
		return fmt.Errorf("add shift: %w", ErrHours)
	case shift.Days == 0:
		return errors.New("add shift: it has no days")
	case !shift.Last.IsZero() && shift.Last.Before(shift.First):
		return fmt.Errorf("add shift: %w", ErrDatesBackward)
	}
	p := sqldb.InsertShiftParams{SchemeID: scheme, Ref: shift.Ref, Days: int16(shift.Days), FirstDay: dateOrNull(shift.First), LastDay: dateOrNull(shift.Last)}
	p.Begins, p.Ends = clocks(shift.Hours)
	n, err := s.query.InsertShift(ctx, p)
	if err == nil && n == 0 {
		err = ErrNoCaller
	}
	if err != nil {
		return fmt.Errorf("add shift: %w", storeError(err))
	}
	return nil
}

// Shifts lists the shifts of a scheme by the callers' refs, of one caller when a ref is given. An unknown ref has none.
func (s *Store) Shifts(ctx context.Context, scheme int64, ref string) ([]Shift, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	rows, err := s.query.ListShifts(ctx, sqldb.ListShiftsParams{SchemeID: scheme, Ref: ref})
	if err != nil {
		return nil, fmt.Errorf("list shifts: %w", storeError(err))
	}
	list := make([]Shift, len(rows))
	for i, r := range rows {
		list[i] = shiftOf(r)
	}
	return list, nil
}

func shiftOf(r sqldb.ListShiftsRow) Shift {
	return Shift{
		Ref: r.Ref, Days: roster.Weekdays(r.Days), Hours: windows(r.Begins, r.Ends, nil), First: dateOf(r.FirstDay), Last: dateOf(r.LastDay),
	}
}

// on reports whether the shift is worked on a date of the scheme (midnight UTC).
func (s *Shift) on(date time.Time) bool {
	return s.Days.Has(date.Weekday()) && !date.Before(s.First) && (s.Last.IsZero() || !date.After(s.Last))
}

// RemoveShifts takes the days out of every shift of a caller. The error is ErrNoShift, also when there is no such caller.
func (s *Store) RemoveShifts(ctx context.Context, scheme int64, ref string, days roster.Weekdays) error {
	err := s.inTx(ctx, s.pool, func(q *sqldb.Queries) error {
		n, err := q.DeleteShifts(ctx, sqldb.DeleteShiftsParams{SchemeID: scheme, Ref: ref, Days: int16(days)})
		if err != nil {
			return err
		}
		cut, err := q.CutShifts(ctx, sqldb.CutShiftsParams{SchemeID: scheme, Ref: ref, Days: int16(days)})
		if err == nil && n+cut == 0 {
			err = ErrNoShift
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("remove shifts: %w", storeError(err))
	}
	return nil
}

// dateOrNull turns a date into what the database keeps; the zero time is null.
func dateOrNull(t time.Time) pgtype.Date {
	if t.IsZero() {
		return pgtype.Date{}
	}
	return localDate(t)
}
