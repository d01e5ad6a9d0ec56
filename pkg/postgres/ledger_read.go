package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/postgres/internal/sqldb"
)

// read fills the ledger with every row that the operations may touch.
func (l *ledger) read(ctx context.Context, q *sqldb.Queries, ops []dispatch.Op) error {
	k := keysOf(ops)
	if err := l.readAttempts(ctx, q, k); err != nil {
		return err
	}
	if err := l.readOccurrences(ctx, q, k); err != nil {
		return err
	}
	if err := l.readHeld(ctx, q, k); err != nil {
		return err
	}
	return l.readCallers(ctx, q, k)
}

func (l *ledger) readAttempts(ctx context.Context, q *sqldb.Queries, k *keys) error {
	if len(k.attempts.list) == 0 {
		return nil
	}
	ids := make([]pgtype.UUID, len(k.attempts.list))
	for i, id := range k.attempts.list {
		ids[i] = attemptUUID(id)
	}
	attempts, err := q.ReadAttempts(ctx, sqldb.ReadAttemptsParams{SchemeID: l.scheme, AttemptIds: ids})
	if err != nil {
		return fmt.Errorf("read attempts: %w", err)
	}
	if len(attempts) == 0 {
		return nil
	}
	for _, r := range attempts {
		a := attemptOf(r)
		l.attempts[a.id] = a
		k.occurrences.add(a.occurrence)
		k.numbers.add(a.number)
		k.callers.add(a.caller)
	}
	offers, err := q.ReadOffers(ctx, sqldb.ReadOffersParams{SchemeID: l.scheme, AttemptIds: ids})
	if err != nil {
		return fmt.Errorf("read offers: %w", err)
	}
	for _, r := range offers {
		l.offers[offerKey{attemptID(r.AttemptID), int(r.Offer)}] = &offerRow{
			caller: r.CallerID, state: call.OfferState(r.State), ended: when(r.EndedAt),
		}
		k.callers.add(r.CallerID)
	}
	return nil
}

func attemptOf(r sqldb.ReadAttemptsRow) *attemptRow {
	return &attemptRow{
		id: attemptID(r.AttemptID), occurrence: r.OccurrenceID, beneficiary: r.BeneficiaryID, number: r.Number,
		state: call.State(r.State), offer: int(r.Offer), caller: r.CallerID, dialBy: when(r.DialBy),
		rungBefore: r.RungBefore, accepted: when(r.AcceptedAt), ringing: when(r.RingingAt), bridged: when(r.BridgedAt),
		ended: when(r.EndedAt), channel: r.Channel, result: call.Result(r.Result.String), reason: call.Reason(r.Reason),
		fault: call.Fault(r.Fault.String), cause: int(r.Cause), talk: time.Duration(r.TalkMs) * time.Millisecond,
		rang: r.Rang, estimated: r.EndEstimated, disposition: call.Disposition(r.Disposition), followUp: r.FollowUp,
		dayLater: r.DayLater, closed: when(r.ClosedAt), events: int(r.Events),
	}
}

func (l *ledger) readOccurrences(ctx context.Context, q *sqldb.Queries, k *keys) error {
	if len(k.occurrences.list) == 0 {
		return nil
	}
	rows, err := q.ReadOccurrences(ctx, sqldb.ReadOccurrencesParams{SchemeID: l.scheme, OccurrenceIds: k.occurrences.list})
	if err != nil {
		return fmt.Errorf("read occurrences: %w", err)
	}
	for _, r := range rows {
		l.occurrences[r.OccurrenceID] = occurrenceOf(r)
	}
	return nil
}

// readHeld reads which numbers, persons and callers are held.
func (l *ledger) readHeld(ctx context.Context, q *sqldb.Queries, k *keys) error {
	var persons set[int64]
	for _, o := range l.occurrences {
		persons.add(o.beneficiary)
	}
	if len(k.numbers.list) > 0 || len(persons.list) > 0 {
		rows, err := q.ReadLiveNumbers(ctx, sqldb.ReadLiveNumbersParams{
			Numbers: k.numbers.list, SchemeID: l.scheme, BeneficiaryIds: persons.list,
		})
		if err != nil {
			return fmt.Errorf("read live numbers: %w", err)
		}
		for _, r := range rows {
			l.numbers[r.E164] = attemptID(r.AttemptID)
			if r.SchemeID == l.scheme {
				l.persons[r.BeneficiaryID] = attemptID(r.AttemptID)
			}
		}
	}
	if len(k.callers.list) > 0 {
		rows, err := q.ReadReservations(ctx, k.callers.list)
		if err != nil {
			return fmt.Errorf("read reservations: %w", err)
		}
		for _, r := range rows {
			l.reserved[r.CallerID] = offerKey{attemptID(r.AttemptID), int(r.Offer)}
		}
	}
	l.remember()
	return nil
}

func (l *ledger) readCallers(ctx context.Context, q *sqldb.Queries, k *keys) error {
	if len(k.callers.list) == 0 {
		return nil
	}
	rows, err := q.ReadCallerStatus(ctx, sqldb.ReadCallerStatusParams{SchemeID: l.scheme, CallerIds: k.callers.list})
	if err != nil {
		return fmt.Errorf("read callers: %w", err)
	}
	for _, r := range rows {
		l.callers[r.CallerID] = &callerRow{
			id: r.CallerID, uid: uuid.UUID(r.Uid.Bytes), state: call.CallerState(r.State), reason: r.Reason,
			since: when(r.Since), missedInRow: int(r.MissedInRow), day: dateOf(r.Day), calls: int(r.CallsToday),
			hard: int(r.HardToday), lastEnded: when(r.LastEnded), events: int(r.Events),
		}
	}
	if len(k.changes) == 0 {
		return nil
	}
	ids, ats := make([]int64, len(k.changes)), make([]pgtype.Timestamptz, len(k.changes))
	for i, c := range k.changes {
		ids[i], ats[i] = c.Caller, instant(c.At)
	}
	log, err := q.ReadCallerLog(ctx, sqldb.ReadCallerLogParams{SchemeID: l.scheme, CallerIds: ids, Ats: ats})
	if err != nil {
		return fmt.Errorf("read caller log: %w", err)
	}
	for _, r := range log {
		l.written[logRow{caller: r.CallerID, at: r.At.Time.UnixMicro(), state: call.CallerState(r.State), reason: r.Reason}] = true
	}
	return nil
}
