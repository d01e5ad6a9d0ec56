package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/postgres/internal/sqldb"
)

// Restored records that the database was brought back to an earlier moment: the events in lost, in order and up to the one
// numbered last, were committed once and are not here any more. They are written into the scheme's history again, the
// scheme is paused, and epochs that were given since are not given again. What the events tell of is not done again: that
// is for a person to decide (Lost, Resume). It reports false when the database knows all of them, and has done nothing then.
func (s *Store) Restored(ctx context.Context, scheme int64, lost []call.Event, last int64, now time.Time) (bool, error) {
	restored := false
	// A day of events may have been lost.
	err := s.transactFor(ctx, scheme, loadPatience, func(q *sqldb.Queries, j *journal) error {
		from := j.number
		if restored = from < last; !restored {
			return nil
		}
		epoch := j.epoch
		for _, e := range lost {
			if err := j.keep(e); err != nil {
				return err
			}
			epoch = max(epoch, e.Epoch)
		}
		j.number = max(j.number, last)
		err := q.MarkRestored(ctx, sqldb.MarkRestoredParams{
			SchemeID: scheme, RestoredFrom: pgtype.Int8{Int64: from, Valid: true}, RestoredTo: pgtype.Int8{Int64: last, Valid: true},
			Now: instant(now), Epoch: epoch,
		})
		if err != nil {
			return fmt.Errorf("write what was lost: %w", err)
		}
		if err := q.PauseScheme(ctx, sqldb.PauseSchemeParams{SchemeID: scheme, Paused: true}); err != nil {
			return fmt.Errorf("pause scheme: %w", err)
		}
		j.noteScheme("restored", now, restoredData{From: from, To: last})
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("record that the database was brought back: %w", err)
	}
	if restored {
		s.committed(scheme, 0) // From here on the history is what the database says.
	}
	return restored, nil
}

// keep adds an event that was published in a time that the database has lost. What it knows already is left out.
func (j *journal) keep(e call.Event) error {
	if e.Number <= j.number {
		return nil
	}
	of, err := uuid.Parse(e.EntityID)
	if err != nil {
		return fmt.Errorf("read entity of event %d: %w", e.Number, err)
	}
	raw, err := json.Marshal(e.Data)
	if err != nil {
		return fmt.Errorf("read data of event %d: %w", e.Number, err)
	}
	if e.Entity == "scheme" {
		j.own = max(j.own, int(e.EntityNumber))
	}
	j.number = e.Number
	j.events = append(j.events, e)
	j.published = len(j.events)
	j.of = append(j.of, pgtype.UUID{Bytes: of, Valid: true})
	j.payload = append(j.payload, string(raw))
	return nil
}

// LostCall is a promise of which the lost events tell.
type LostCall struct {
	ID    string    // The occurrence's, as seen outside.
	Ref   string    // The town's own mark of the person; empty when the promise was made in the time that was lost.
	Then  string    // reached, unreached, missed, moved, cancelled; or begun: an attempt was, and its end is not known.
	At    time.Time // When that was.
	State call.OccurrenceState
	event int64
}

// Reopened reports whether the promise was closed then and is to be kept, again, now.
func (l LostCall) Reopened() bool {
	return l.State == call.OccurrenceOpen && l.Then != "begun" && l.Then != string(call.OccurrenceMoved)
}

// Lost is what a scheme's database has lost; the zero value means nothing.
type Lost struct {
	Found    time.Time // When it was found out; zero means nothing was lost, or a person has resumed the scheme since.
	From, To int64     // The last event that was left, and the last that was lost.
	Calls    []LostCall
}

// Lost says what the scheme's database has lost and nobody has decided on yet.
func (s *Store) Lost(ctx context.Context, scheme int64) (Lost, error) {
	ctx, cancel := context.WithTimeout(ctx, loadPatience)
	defer cancel()
	row, err := s.query.ReadRestored(ctx, scheme)
	if err != nil {
		return Lost{}, fmt.Errorf("read what was lost: %w", storeError(err))
	}
	lost := Lost{Found: when(row.RestoredAt), From: row.RestoredFrom, To: row.RestoredTo}
	if lost.Found.IsZero() {
		return lost, nil
	}
	if lost.Calls, err = lostCalls(ctx, s.query, scheme); err != nil {
		return Lost{}, storeError(err)
	}
	return lost, nil
}

func lostCalls(ctx context.Context, q *sqldb.Queries, scheme int64) ([]LostCall, error) {
	rows, err := q.LostCalls(ctx, scheme)
	if err != nil {
		return nil, fmt.Errorf("read lost calls: %w", err)
	}
	calls := make([]LostCall, len(rows))
	for i, r := range rows {
		calls[i] = LostCall{
			ID: r.Uid.String(), Ref: r.Ref, Then: r.Kind, At: when(r.At), State: call.OccurrenceState(r.State), event: r.Number,
		}
	}
	return calls, nil
}

// Pause stops a scheme from dialling, until Resume. The line still answers and calls go on.
func (s *Store) Pause(ctx context.Context, scheme int64, now time.Time) error {
	err := s.transact(ctx, scheme, func(q *sqldb.Queries, j *journal) error {
		j.noteScheme("changed", now, struct{}{})
		return q.PauseScheme(ctx, sqldb.PauseSchemeParams{SchemeID: scheme, Paused: true})
	})
	if err != nil {
		return fmt.Errorf("pause scheme: %w", err)
	}
	return nil
}

// Resume lets a scheme dial again. With asLost, promises that were closed in a time that the database has lost are closed as
// they were then; without, those people are called again. It returns how many were closed.
func (s *Store) Resume(ctx context.Context, scheme int64, asLost bool, now time.Time) (closed int, err error) {
	err = s.transactFor(ctx, scheme, loadPatience, func(q *sqldb.Queries, j *journal) error {
		if asLost {
			calls, err := lostCalls(ctx, q, scheme)
			if err != nil {
				return err
			}
			p := sqldb.CloseAsLostParams{SchemeID: scheme}
			for _, l := range calls {
				if !l.Reopened() {
					continue
				}
				id, err := uuid.Parse(l.ID)
				if err != nil {
					return fmt.Errorf("read id of a call: %w", err)
				}
				p.Uids, p.States = append(p.Uids, pgtype.UUID{Bytes: id, Valid: true}), append(p.States, l.Then)
				p.Ended, p.Numbers = append(p.Ended, instant(l.At)), append(p.Numbers, l.event)
			}
			n, err := q.CloseAsLost(ctx, p)
			if err != nil {
				return fmt.Errorf("close calls: %w", err)
			}
			closed = int(n)
		}
		if err := q.ForgetRestored(ctx, scheme); err != nil {
			return fmt.Errorf("forget what was lost: %w", err)
		}
		j.noteScheme("changed", now, struct{}{})
		return q.PauseScheme(ctx, sqldb.PauseSchemeParams{SchemeID: scheme, Paused: false})
	})
	if err != nil {
		return 0, fmt.Errorf("resume scheme: %w", err)
	}
	return closed, nil
}

// readLost reads the attempts that were begun in a time that the database has lost, and may go on.
func readLost(ctx context.Context, q *sqldb.Queries, scheme int64, snap *dispatch.Snapshot) error {
	if !snap.Restored {
		return nil
	}
	rows, err := q.LostAttempts(ctx, scheme)
	if err != nil {
		return fmt.Errorf("read lost attempts: %w", err)
	}
	for _, r := range rows {
		live := call.Live{
			State: call.State(r.State), ClaimedAt: when(r.ClaimedAt), BridgedAt: when(r.BridgedAt), Lost: true,
			Order: call.Order{Scheme: scheme, Attempt: attemptID(r.AttemptID), Offer: int(r.Offer), Kind: call.Kind(r.Kind), Caller: r.CallerID},
		}
		if live.Order.Caller == 0 { // She was taken on in that time.
			live.Order.Caller = -1
		}
		snap.Lost = append(snap.Lost, live)
	}
	return nil
}

// keepUnknown keeps what came of calls that the database knows nothing of because it was brought back to an earlier moment. A person
// finds it beside what was lost (RefusedFacts). Facts of calls that were erased since are none of these.
func (s *Store) keepUnknown(ctx context.Context, b batchOf, refused []error) error {
	var unknown []refusal
	for i, why := range refused {
		if !errors.Is(why, errUnknownAttempt) {
			continue
		}
		switch b.ops[i].(type) {
		case dispatch.Finish, dispatch.Answer, dispatch.CloseCall:
			if f, ok := factOf(b.ops[i]); ok {
				f.Scheme, f.Epoch, f.Now = b.scheme, b.epoch, b.now
				unknown = append(unknown, refusal{Fact: f, Why: why.Error(), At: b.now})
			}
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	row, err := s.query.ReadRestored(ctx, b.scheme)
	if err != nil {
		return fmt.Errorf("ask whether the database was brought back: %w", storeError(err))
	}
	last, err := s.LastEvent(ctx, b.scheme)
	if err != nil {
		return err
	}
	if !row.RestoredAt.Valid && last >= s.lastCommitted(b.scheme) {
		return nil
	}
	for _, r := range unknown {
		if s.spool != nil { // From there it comes into the records.
			err = s.spool.refuse(r.Fact, errUnknownAttempt, r.At)
		} else {
			err = s.insertRefused(ctx, r)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
