package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/rappel-tel/rappel/pkg/postgres/internal/sqldb"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/schedule"
)

// Errors of hours.
var (
	// ErrHours means that hours are not in order, overlap, or lie outside the day.
	ErrHours = errors.New("the hours are not in order and apart, inside one day")
	// ErrNoException means that no exception begins and ends on those dates.
	ErrNoException = errors.New("no exception on these dates")
)

// Hours is when a scheme calls.
type Hours struct {
	Week       schedule.Week
	Exceptions []schedule.Exception // Those that are not over, in the order in which they were made.
}

// Hours returns when a scheme calls, with the exceptions that are not over on a date of it (midnight UTC).
func (s *Store) Hours(ctx context.Context, scheme Scheme, today time.Time) (Hours, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	h, own, err := readHours(ctx, s.query, hoursOf{scheme: scheme.Key}, today)
	if !own {
		h.Week = *schedule.Workdays(scheme.Opens, scheme.Closes)
	}
	return h, err
}

// hoursOf says whose hours are meant.
type hoursOf struct {
	scheme int64
	line   bool // Of its registration line; otherwise those in which it calls.
}

// readHours reads hours as they were set; own is false when none were.
func readHours(ctx context.Context, q *sqldb.Queries, of hoursOf, today time.Time) (h Hours, own bool, err error) {
	rows, err := q.ReadHours(ctx, sqldb.ReadHoursParams{SchemeID: of.scheme, OfLine: of.line})
	if err != nil {
		return h, false, fmt.Errorf("read hours: %w", storeError(err))
	}
	for _, r := range rows {
		h.Week[r.Weekday] = windows(r.Begins, r.Ends, nil)
	}
	exceptions, err := q.ReadExceptions(ctx, sqldb.ReadExceptionsParams{SchemeID: of.scheme, OfLine: of.line, Since: localDate(today)})
	if err != nil {
		return h, false, fmt.Errorf("read exceptions: %w", storeError(err))
	}
	for _, r := range exceptions {
		h.Exceptions = append(h.Exceptions, schedule.Exception{
			First: dateOf(r.FirstDay), Last: dateOf(r.LastDay), Hours: windows(r.Begins, r.Ends, nil),
		})
	}
	return h, len(rows) > 0, nil
}

// ChangeHours has change decide on the hours of each day of the week as they stand, and keeps what came of it, so that nothing is lost
// of what others change at the same time; every open promise is brought in line, in the same transaction, and calls under way go on.
// A week without any hours gives the scheme back those of its own, Monday to Friday. The error is change's as it is, or ErrHours. The
// scheme's dispatcher waits while it runs: measured with 10,000 people and four promises each on
// two busy cores, 3 s when one day closes and 11 s when every promise changes its window. After a minute it gives up, and
// nothing has changed.
func (s *Store) ChangeHours(ctx context.Context, scheme int64, now time.Time, change func(*schedule.Week) error) (Replanned, error) {
	return s.changeHours(ctx, scheme, now, changeWeek(ctx, hoursOf{scheme: scheme}, change))
}

// changeWeek reads hours, lets change decide on them, and replaces them. It runs under the scheme's lock.
func changeWeek(ctx context.Context, of hoursOf, change func(*schedule.Week) error) func(*sqldb.Queries, *journal) error {
	return func(q *sqldb.Queries, _ *journal) error {
		h, own, err := readHours(ctx, q, of, time.Unix(0, 0).UTC())
		if err != nil {
			return err
		}
		if !own && !of.line {
			row, err := q.HoldScheme(ctx, of.scheme)
			if err != nil {
				return fmt.Errorf("read scheme: %w", err)
			}
			h.Week = *schedule.Workdays(roster.Clock(row.Opens), roster.Clock(row.Closes))
		}
		if err := change(&h.Week); err != nil {
			return err
		}
		return writeHours(ctx, q, of, h.Week)
	}
}

// writeHours replaces hours. The error is ErrHours.
func writeHours(ctx context.Context, q *sqldb.Queries, of hoursOf, week schedule.Week) error {
	p := sqldb.InsertHoursParams{SchemeID: of.scheme, OfLine: of.line}
	for d, hours := range week {
		if !apart(hours) {
			return ErrHours
		}
		if len(hours) > 0 {
			begins, ends := clocks(hours)
			p.Weekdays = append(p.Weekdays, int16(d))
			p.Begins, p.Ends = append(p.Begins, joined(begins)), append(p.Ends, joined(ends))
		}
	}
	if err := q.DeleteHours(ctx, sqldb.DeleteHoursParams{SchemeID: of.scheme, OfLine: of.line}); err != nil {
		return err
	}
	return q.InsertHours(ctx, p)
}

// Except gives some dates other hours than usual, public holidays included, or none, and brings every open promise in line,
// as ChangeHours does. Where two exceptions hold on one date the later made counts. The errors are ErrHours and
// ErrDatesBackward; a zero Last means the first day alone.
func (s *Store) Except(ctx context.Context, scheme int64, e schedule.Exception, now time.Time) (Replanned, error) {
	write, err := writeException(ctx, hoursOf{scheme: scheme}, e, now)
	if err != nil {
		return Replanned{}, err
	}
	return s.changeHours(ctx, scheme, now, write)
}

func writeException(ctx context.Context, of hoursOf, e schedule.Exception, now time.Time) (func(*sqldb.Queries, *journal) error, error) {
	if e.Last.IsZero() {
		e.Last = e.First
	}
	switch {
	case e.Last.Before(e.First):
		return nil, fmt.Errorf("make exception: %w", ErrDatesBackward)
	case !apart(e.Hours):
		return nil, fmt.Errorf("make exception: %w", ErrHours)
	}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fmt.Errorf("make exception id: %w", err)
	}
	begins, ends := clocks(e.Hours)
	former := revokeException(ctx, of, e, now)
	return func(q *sqldb.Queries, j *journal) error {
		// What was said of these dates before counts no more.
		if err := former(q, j); err != nil && !errors.Is(err, ErrNoException) {
			return err
		}
		j.note("hours_exception", id, 1, "made", now, exceptionData{
			First: e.First.Format(time.DateOnly), Last: e.Last.Format(time.DateOnly), Closed: len(e.Hours) == 0,
		})
		return q.InsertException(ctx, sqldb.InsertExceptionParams{
			SchemeID: of.scheme, OfLine: of.line, Uid: pgtype.UUID{Bytes: id, Valid: true}, FirstDay: localDate(e.First), LastDay: localDate(e.Last),
			Begins: begins, Ends: ends, MadeAt: instant(now),
		})
	}, nil
}

// RevokeException takes back the exceptions that begin and end on these dates (a zero last means the first alone), and books
// again what they had called off. The error is ErrNoException.
func (s *Store) RevokeException(ctx context.Context, scheme int64, e schedule.Exception, now time.Time) (Replanned, error) {
	return s.changeHours(ctx, scheme, now, revokeException(ctx, hoursOf{scheme: scheme}, e, now))
}

func revokeException(ctx context.Context, of hoursOf, e schedule.Exception, now time.Time) func(*sqldb.Queries, *journal) error {
	if e.Last.IsZero() {
		e.Last = e.First
	}
	return func(q *sqldb.Queries, j *journal) error {
		ids, err := q.RevokeExceptions(ctx, sqldb.RevokeExceptionsParams{
			SchemeID: of.scheme, OfLine: of.line, FirstDay: localDate(e.First), LastDay: localDate(e.Last), Now: instant(now),
		})
		if err == nil && len(ids) == 0 {
			return ErrNoException
		}
		for _, id := range ids {
			j.note("hours_exception", uuid.UUID(id.Bytes), 2, "revoked", now, struct{}{})
		}
		return err
	}
}

func (s *Store) changeHours(
	ctx context.Context, scheme int64, now time.Time, write func(*sqldb.Queries, *journal) error,
) (Replanned, error) {
	var done Replanned
	err := s.transactFor(ctx, scheme, loadPatience, func(q *sqldb.Queries, j *journal) error {
		if err := write(q, j); err != nil {
			return err
		}
		var err error
		done, err = s.rearrange(ctx, q, j, replanning{now: now, all: true})
		return err
	})
	if err != nil {
		return Replanned{}, fmt.Errorf("change hours: %w", err)
	}
	return done, nil
}

// apart reports whether windows are in order, do not overlap and lie inside a day.
func apart(hours []roster.Window) bool {
	last := roster.Clock(-1)
	return !slices.ContainsFunc(hours, func(w roster.Window) bool {
		wrong := w.Begin < 0 || w.Begin <= last || w.Begin >= w.End || w.End > 24*60
		last = w.End
		return wrong
	})
}

func clocks(hours []roster.Window) (begins, ends []int16) {
	begins, ends = make([]int16, len(hours)), make([]int16, len(hours))
	for i, w := range hours {
		begins[i], ends[i] = int16(w.Begin), int16(w.End)
	}
	return begins, ends
}
