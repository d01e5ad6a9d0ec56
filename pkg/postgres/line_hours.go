package postgres

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/rappel-tel/rappel/pkg/callflow"
	"github.com/rappel-tel/rappel/pkg/postgres/internal/sqldb"
	"github.com/rappel-tel/rappel/pkg/schedule"
)

// LineHours returns when the registration line of a scheme is staffed, with its exceptions that are not over on a date (midnight
// UTC). A week without any hours means that it is never closed by the clock.
func (s *Store) LineHours(ctx context.Context, scheme int64, today time.Time) (Hours, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	h, _, err := readHours(ctx, s.query, hoursOf{scheme, true}, today)
	return h, err
}

// ChangeLineHours is ChangeHours for the line's own hours, which move no promise; a week without any takes them away.
func (s *Store) ChangeLineHours(ctx context.Context, scheme int64, now time.Time, change func(*schedule.Week) error) error {
	return s.changeLineHours(ctx, scheme, now, changeWeek(ctx, hoursOf{scheme, true}, change))
}

// ExceptLine gives the line other hours on some dates, or none. The errors are those of Except.
func (s *Store) ExceptLine(ctx context.Context, scheme int64, e schedule.Exception, now time.Time) error {
	write, err := writeException(ctx, hoursOf{scheme, true}, e, now)
	if err != nil {
		return err
	}
	return s.changeLineHours(ctx, scheme, now, write)
}

// RevokeLineException takes back the exceptions of the line that begin and end on these dates. The error is ErrNoException.
func (s *Store) RevokeLineException(ctx context.Context, scheme int64, e schedule.Exception, now time.Time) error {
	return s.changeLineHours(ctx, scheme, now, revokeException(ctx, hoursOf{scheme, true}, e, now))
}

// changeLineHours changes no promise: calls have hours of their own.
func (s *Store) changeLineHours(ctx context.Context, scheme int64, now time.Time, write func(*sqldb.Queries, *journal) error) error {
	err := s.transact(ctx, scheme, func(q *sqldb.Queries, j *journal) error {
		if err := write(q, j); err != nil {
			return err
		}
		j.noteScheme("changed", now, changedData{})
		return nil
	})
	if err != nil {
		return fmt.Errorf("change hours of the line: %w", err)
	}
	return nil
}

// lineRules is when a line is staffed: its own hours and exceptions, closed too on public holidays and on dates on which the
// scheme is closed, unless an exception of the line says otherwise. Without hours of its own only its exceptions close it;
// nil is always open.
func (s *Store) lineRules(ctx context.Context, line callflow.Line) (*schedule.Rules, error) {
	// Exceptions of every date: a scheme makes a few of them a year, and whoever rings is not to wait for the day's.
	ever := time.Unix(0, 0).UTC()
	own, has, err := readHours(ctx, s.query, hoursOf{line.Scheme, true}, ever)
	if err != nil || !has && len(own.Exceptions) == 0 {
		return nil, err
	}
	if !has {
		return &schedule.Rules{Zone: line.Zone, Hours: always(), Exceptions: own.Exceptions}, nil
	}
	calls, _, err := readHours(ctx, s.query, hoursOf{scheme: line.Scheme}, ever)
	if err != nil {
		return nil, err
	}
	closed := slices.DeleteFunc(calls.Exceptions, func(e schedule.Exception) bool { return len(e.Hours) > 0 })
	return &schedule.Rules{Zone: line.Zone, Hours: &own.Week, Calendar: line.Calendar, Exceptions: append(closed, own.Exceptions...)}, nil
}

// always is a week without a closed minute.
func always() *schedule.Week {
	week := schedule.Workdays(0, 24*60)
	week[time.Saturday], week[time.Sunday] = week[time.Monday], week[time.Monday]
	return week
}
