package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/postgres/internal/sqldb"
	"github.com/rappel-tel/rappel/pkg/report"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/schedule"
)

var _ report.Figures = (*Store)(nil)

// lastAmong is among how many of the attempts claimed last those that ended last are looked for.
const lastAmong = 500

// Scheme implements report.Figures.
func (s *Store) Scheme(ctx context.Context, id string) (report.Scheme, error) {
	uid, err := uuid.Parse(id)
	if err != nil {
		return report.Scheme{}, report.ErrNoScheme
	}
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	row, err := s.query.FindScheme(ctx, pgtype.UUID{Bytes: uid, Valid: true})
	if errors.Is(err, pgx.ErrNoRows) {
		return report.Scheme{}, report.ErrNoScheme
	} else if err != nil {
		return report.Scheme{}, fmt.Errorf("find scheme: %w", storeError(err))
	}
	return schemeOf(row), nil
}

func schemeOf(r sqldb.FindSchemeRow) report.Scheme {
	return report.Scheme{
		Key: r.SchemeID, ID: r.Uid.String(), Name: r.Name, Zone: r.Zone, Language: roster.Language(r.Language), Paused: r.Paused,
	}
}

// Wall implements report.Figures, from one snapshot of the database. Of the line it knows the messages only: who waits is
// known to package callflow.
func (s *Store) Wall(ctx context.Context, scheme int64, now time.Time) (report.Wall, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	wall := report.Wall{At: now}
	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err := pgx.BeginTxFunc(ctx, s.pool, options, func(tx pgx.Tx) error {
		w := wallReader{query: s.query.WithTx(tx), scheme: scheme, now: now, wall: &wall}
		for _, read := range []func(context.Context) error{w.head, w.today, w.callers, w.live, w.last} {
			if err := read(ctx); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return report.Wall{}, fmt.Errorf("compute wall: %w", storeError(err))
	}
	return wall, nil
}

// wallReader fills in one wall.
type wallReader struct {
	query    *sqldb.Queries
	scheme   int64
	now      time.Time
	zone     *time.Location
	midnight time.Time // Local date of now.
	wall     *report.Wall
}

func (w *wallReader) head(ctx context.Context) error {
	row, err := w.query.WallScheme(ctx, w.scheme)
	if errors.Is(err, pgx.ErrNoRows) {
		return report.ErrNoScheme
	} else if err != nil {
		return fmt.Errorf("read scheme: %w", err)
	}
	w.wall.Scheme = schemeOf(sqldb.FindSchemeRow(row))
	if w.zone, err = time.LoadLocation(row.Zone); err != nil {
		return fmt.Errorf("load zone of the scheme: %w", err)
	}
	w.midnight = schedule.DateIn(w.now, w.zone)
	messages, err := w.query.WallMessages(ctx, w.scheme)
	if err != nil {
		return fmt.Errorf("count messages: %w", err)
	}
	w.wall.Line.Messages = int(messages)
	return nil
}

func (w *wallReader) today(ctx context.Context) error {
	rows, err := w.query.WallToday(ctx, sqldb.WallTodayParams{
		SchemeID: w.scheme, Now: instant(w.now), Late: instant(w.now.Add(report.LateWithin)), Today: localDate(w.midnight),
	})
	if err != nil {
		return fmt.Errorf("count occurrences: %w", err)
	}
	t := &w.wall.Today
	for _, r := range rows {
		n, state := int(r.Occurrences), call.OccurrenceState(r.State)
		switch state {
		case call.OccurrenceOpen:
			if r.Begun {
				t.Open += n
				t.Late += int(r.Late)
			} else {
				t.Later += n
			}
		case call.OccurrenceClaimed:
			t.Claimed += n
		case call.OccurrenceLive:
			t.Live += n
		case call.OccurrenceReached:
			t.Reached += n
		case call.OccurrenceUnreached:
			t.Unreached += n
		case call.OccurrenceMissed:
			t.Missed += n
		case call.OccurrenceMoved:
			t.Moved += n
		case call.OccurrenceCancelled:
			t.Cancelled += n
		}
		if state != call.OccurrenceMoved && state != call.OccurrenceCancelled {
			t.Planned += n
			if r.Begun {
				t.Due += n
			}
		}
	}
	y, m, d := w.midnight.Date()
	attempts, err := w.query.WallAttempts(ctx, sqldb.WallAttemptsParams{
		SchemeID: w.scheme, Midnight: instant(time.Date(y, m, d, 0, 0, 0, 0, w.zone)),
		NextMidnight: instant(time.Date(y, m, d+1, 0, 0, 0, 0, w.zone)),
	})
	if err != nil {
		return fmt.Errorf("count attempts: %w", err)
	}
	t.Attempts = int(attempts)
	return nil
}

func (w *wallReader) callers(ctx context.Context) error {
	rows, err := w.query.WallCallers(ctx, w.scheme)
	if err != nil {
		return fmt.Errorf("read callers: %w", err)
	}
	for _, r := range rows {
		c := report.Caller{
			ID: r.Uid.String(), Name: fullName(r.GivenName, r.FamilyName), Registrar: slices.Contains(r.Roles, string(roster.RoleRegistrar)),
			State: call.CallerState(r.State), Reason: r.Reason, Since: when(r.Since),
		}
		if dateOf(r.Day).Equal(w.midnight) {
			c.CallsToday = int(r.CallsToday)
		}
		w.wall.Callers = append(w.wall.Callers, c)
	}
	off, err := w.query.WallCallersOff(ctx, w.scheme)
	if err != nil {
		return fmt.Errorf("count callers: %w", err)
	}
	w.wall.CallersOff = int(off)
	return nil
}

func (w *wallReader) live(ctx context.Context) error {
	rows, err := w.query.WallLive(ctx, w.scheme)
	if err != nil {
		return fmt.Errorf("read live calls: %w", err)
	}
	for _, r := range rows {
		live := report.LiveCall{
			Attempt: attemptID(r.AttemptID), Kind: call.Kind(r.Kind), State: call.State(r.State), Since: when(r.ClaimedAt),
			Caller: fullName(r.GivenName, r.FamilyName), Beneficiary: r.Beneficiary, Class: int(r.Class),
		}
		switch live.State {
		case call.StateOffered:
			live.Since = when(r.MadeAt)
		case call.StateAccepted:
			live.Since = when(r.AcceptedAt)
		case call.StateRinging:
			live.Since = when(r.RingingAt)
		case call.StateBridged:
			live.Since = when(r.BridgedAt)
		case call.StateIntent, call.StateEnded:
		}
		if r.EndedAt.Valid {
			live.Caller = "" // The last offer is over and the next one not made.
		}
		w.wall.Live = append(w.wall.Live, live)
	}
	return nil
}

func (w *wallReader) last(ctx context.Context) error {
	rows, err := w.query.WallLast(ctx, sqldb.WallLastParams{
		SchemeID: w.scheme, Since: instant(w.now.Add(-longestAttempt)), Among: lastAmong, Most: report.LastEnded,
	})
	if err != nil {
		return fmt.Errorf("read last outcomes: %w", err)
	}
	for _, r := range rows {
		w.wall.Last = append(w.wall.Last, report.Ended{
			Attempt: attemptID(r.AttemptID), Kind: call.Kind(r.Kind), At: when(r.EndedAt), Result: call.Result(r.Result),
			Reason: call.Reason(r.Reason), Fault: call.Fault(r.Fault), Talk: milliseconds(r.TalkMs),
			Caller: fullName(r.GivenName, r.FamilyName), Beneficiary: r.Beneficiary,
		})
	}
	return nil
}

func fullName(given, family string) string { return strings.TrimSpace(given + " " + family) }
