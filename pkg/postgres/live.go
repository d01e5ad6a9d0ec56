package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/postgres/internal/sqldb"
	"github.com/rappel-tel/rappel/pkg/report"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/schedule"
)

// LastEvent implements report.Source.
func (s *Store) LastEvent(ctx context.Context, scheme int64) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	n, err := s.query.LastEvent(ctx, scheme)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, report.ErrNoScheme
	} else if err != nil {
		return 0, fmt.Errorf("read number of the last event: %w", storeError(err))
	}
	return n, nil
}

// Record implements report.Source. Every batch writes the number of its last event with its rows, so that one snapshot of
// the database is exactly what the events up to that number tell of.
func (s *Store) Record(ctx context.Context, scheme int64, now time.Time) (report.Record, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	record := report.Record{At: now, Ended: map[call.OccurrenceState]int{}, Attempts: map[string]string{}}
	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err := pgx.BeginTxFunc(ctx, s.pool, options, func(tx pgx.Tx) error {
		r := recordReader{query: s.query.WithTx(tx), scheme: scheme, record: &record}
		for _, read := range []func(context.Context) error{r.head, r.ended, r.promises, r.attempts, r.callers, r.queue, r.appointments} {
			if err := read(ctx); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return report.Record{}, fmt.Errorf("read figures: %w", storeError(err))
	}
	return record, nil
}

// recordReader fills in one record.
type recordReader struct {
	query  *sqldb.Queries
	scheme int64
	record *report.Record

	day            time.Time // Local date of now.
	loadFrom       time.Time
	midnight, next time.Time // When the day begins and ends.
}

func (r *recordReader) head(ctx context.Context) error {
	row, err := r.query.LiveHead(ctx, r.scheme)
	if errors.Is(err, pgx.ErrNoRows) {
		return report.ErrNoScheme
	} else if err != nil {
		return fmt.Errorf("read scheme: %w", err)
	}
	zone, err := time.LoadLocation(row.Zone)
	if err != nil {
		return fmt.Errorf("load zone of the scheme: %w", err)
	}
	r.record.Number, r.record.Zone, r.record.Messages = row.EventNumber, zone, int(row.Messages)
	r.day = schedule.DateIn(r.record.At, zone)
	y, m, d := r.day.Date()
	r.midnight, r.next = time.Date(y, m, d, 0, 0, 0, 0, zone), time.Date(y, m, d+1, 0, 0, 0, 0, zone)
	// A call that is under way since yesterday was open then.
	if from := when(row.LoadFrom); !from.IsZero() {
		r.loadFrom = from.Add(-longestAttempt)
	}
	return nil
}

func (r *recordReader) ended(ctx context.Context) error {
	rows, err := r.query.LiveEnded(ctx, sqldb.LiveEndedParams{SchemeID: r.scheme, Today: localDate(r.day), Now: instant(r.record.At)})
	if err != nil {
		return fmt.Errorf("count calls that ended: %w", err)
	}
	for _, row := range rows {
		r.record.Ended[call.OccurrenceState(row.State)] = int(row.Occurrences)
	}
	return nil
}

func (r *recordReader) promises(ctx context.Context) error {
	rows, err := r.query.LivePromises(ctx, sqldb.LivePromisesParams{
		SchemeID: r.scheme, Today: localDate(r.day), Now: instant(r.record.At),
	})
	if err != nil {
		return fmt.Errorf("read promises: %w", err)
	}
	callbacks, err := r.query.LiveCallbacks(ctx, sqldb.LiveCallbacksParams{
		SchemeID: r.scheme, Today: localDate(r.day), LoadFrom: instant(r.loadFrom),
	})
	if err != nil {
		return fmt.Errorf("read callbacks: %w", err)
	}
	for _, row := range callbacks {
		rows = append(rows, sqldb.LivePromisesRow(row))
	}
	for _, row := range rows {
		r.record.Promises = append(r.record.Promises, report.Promise{
			ID: row.Uid.String(), Kind: call.Kind(row.Kind), State: call.OccurrenceState(row.State), LocalDate: dateOf(row.LocalDate),
			Opens: when(row.OpensAt), Closes: when(row.ClosesAt), Length: milliseconds(row.LengthMs),
		})
	}
	return nil
}

func (r *recordReader) attempts(ctx context.Context) error {
	rows, err := r.query.LiveAttempts(ctx, r.scheme)
	if err != nil {
		return fmt.Errorf("read attempts under way: %w", err)
	}
	for _, row := range rows {
		r.record.Attempts[row.AttemptID.String()] = row.Uid.String()
	}
	return nil
}

func (r *recordReader) callers(ctx context.Context) error {
	rows, err := r.query.LiveCallers(ctx, sqldb.LiveCallersParams{
		SchemeID: r.scheme, Midnight: instant(r.midnight), NextMidnight: instant(r.next),
		Since: instant(r.midnight.Add(-longestAttempt)),
	})
	if err != nil {
		return fmt.Errorf("read callers: %w", err)
	}
	for _, row := range rows {
		r.record.Callers = append(r.record.Callers, report.Working{
			ID: row.Uid.String(), Enabled: row.Enabled, Registrar: slices.Contains(row.Roles, string(roster.RoleRegistrar)),
			State: call.CallerState(row.State), Reason: row.Reason, Since: when(row.Since), CallsToday: int(row.CallsToday),
		})
	}
	return nil
}

func (r *recordReader) queue(ctx context.Context) error {
	row, err := r.query.LiveQueue(ctx, sqldb.LiveQueueParams{
		SchemeID: r.scheme, Midnight: instant(r.midnight), NextMidnight: instant(r.next),
		WithinMs: report.AnsweredWithin.Milliseconds(),
	})
	if err != nil {
		return fmt.Errorf("count inbound parties: %w", err)
	}
	r.record.Queue = report.Queue{
		Offered: int(row.Offered), Answered: int(row.Answered), AnsweredInTime: int(row.InTime), Abandoned: int(row.Abandoned),
		Ended: int(row.Ended), Wait: time.Duration(row.WaitUs) * time.Microsecond, Talk: time.Duration(row.TalkUs) * time.Microsecond,
	}
	parties, err := r.query.ReadOpenParties(ctx, sqldb.ReadOpenPartiesParams{
		SchemeID: r.scheme, Since: instant(r.record.At.Add(-longestTalk)),
	})
	if err != nil {
		return fmt.Errorf("read inbound parties: %w", err)
	}
	for _, p := range parties {
		r.record.Parties = append(r.record.Parties, report.Party{
			ID: p.PartyID.String(), Queued: when(p.QueuedAt), Answered: when(p.AnsweredAt),
		})
	}
	return nil
}

func (r *recordReader) appointments(ctx context.Context) error {
	row, err := r.query.LiveChanges(ctx, sqldb.LiveChangesParams{
		SchemeID: r.scheme, Midnight: instant(r.midnight), NextMidnight: instant(r.next),
	})
	if err != nil {
		return fmt.Errorf("count changes of appointments: %w", err)
	}
	r.record.Appointments = report.Appointments{
		Confirmed: int(row.Confirmed), Changed: int(row.Changed), Pending: int(row.Pending), Refused: int(row.Refused), Lapsed: int(row.Lapsed),
	}
	return nil
}
