package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/postgres/internal/sqldb"
)

// firstRows are those that the operations name.
type firstRows struct {
	attempts []sqldb.ReadAttemptsRow
	offers   []sqldb.ReadOffersRow
}

// readFirst reads the attempts that the operations name, and their offers.
func readFirst(ctx context.Context, q *sqldb.Queries, scheme int64, k *keys) (rows firstRows, err error) {
	if len(k.attempts.list) == 0 {
		return rows, nil
	}
	ids := make([]pgtype.UUID, len(k.attempts.list))
	for i, id := range k.attempts.list {
		ids[i] = attemptUUID(id)
	}
	if rows.attempts, err = q.ReadAttempts(ctx, sqldb.ReadAttemptsParams{SchemeID: scheme, AttemptIds: ids}); err != nil {
		return rows, fmt.Errorf("read attempts: %w", err)
	}
	if rows.offers, err = q.ReadOffers(ctx, sqldb.ReadOffersParams{SchemeID: scheme, AttemptIds: ids}); err != nil {
		return rows, fmt.Errorf("read offers: %w", err)
	}
	return rows, nil
}

// takeFirst fills in what readFirst has read, and adds to the keys what it points to.
func (l *ledger) takeFirst(rows firstRows, k *keys) {
	for _, r := range rows.attempts {
		a := attemptOf(r)
		l.attempts[a.id] = a
		k.occurrences.add(a.occurrence)
		k.numbers.add(a.number)
		k.caller(a.caller)
	}
	for _, r := range rows.offers {
		l.offers[offerKey{attemptID(r.AttemptID), int(r.Offer)}] = &offerRow{
			caller: r.CallerID, state: call.OfferState(r.State), ended: when(r.EndedAt),
		}
		k.callers.add(r.CallerID)
	}
}

func attemptOf(r sqldb.ReadAttemptsRow) *attemptRow {
	return &attemptRow{
		id: attemptID(r.AttemptID), occurrence: r.OccurrenceID, beneficiary: r.BeneficiaryID, number: r.Number,
		state: call.State(r.State), offer: int(r.Offer), caller: r.CallerID, dialBy: when(r.DialBy),
		rungBefore: r.RungBefore, accepted: when(r.AcceptedAt), ringing: when(r.RingingAt), bridged: when(r.BridgedAt),
		ended: when(r.EndedAt), channel: r.Channel, result: call.Result(r.Result.String), reason: call.Reason(r.Reason),
		fault: call.Fault(r.Fault.String), cause: int(r.Cause), talk: time.Duration(r.TalkMs) * time.Millisecond,
		rang: r.Rang, estimated: r.EndEstimated, disposition: call.Disposition(r.Disposition), followUp: r.FollowUp,
		dayLater: r.DayLater, closed: when(r.ClosedAt), answer: r.Answer, answers: int(r.Answers),
		events: int(r.Events),
	}
}

// secondRows are those that the operations and the rows read first point to.
type secondRows struct {
	occurrences []sqldb.ReadOccurrencesRow
	numbers     []sqldb.LiveNumber
	reserved    []sqldb.ReadReservationsRow
	callers     []sqldb.ReadCallerStatusRow
	parties     []sqldb.ReadPartiesRow
}

// readSecond reads every other row that the operations may touch: the occurrences, which numbers, persons and callers are
// held, and the callers.
func readSecond(ctx context.Context, q *sqldb.Queries, scheme int64, k *keys) (rows secondRows, err error) {
	if list := k.occurrences.list; len(list) > 0 {
		rows.occurrences, err = q.ReadOccurrences(ctx, sqldb.ReadOccurrencesParams{SchemeID: scheme, OccurrenceIds: list})
		if err != nil {
			return rows, fmt.Errorf("read occurrences: %w", err)
		}
	}
	if len(k.numbers.list) > 0 || len(k.occurrences.list) > 0 {
		rows.numbers, err = q.ReadLiveNumbers(ctx, sqldb.ReadLiveNumbersParams{
			Numbers: k.numbers.list, SchemeID: scheme, OccurrenceIds: k.occurrences.list,
		})
		if err != nil {
			return rows, fmt.Errorf("read live numbers: %w", err)
		}
	}
	if len(k.parties.list) > 0 {
		if rows.parties, err = readParties(ctx, q, scheme, k.parties.list); err != nil {
			return rows, err
		}
	}
	if len(k.callers.list) == 0 {
		return rows, nil
	}
	if rows.reserved, err = q.ReadReservations(ctx, k.callers.list); err != nil {
		return rows, fmt.Errorf("read reservations: %w", err)
	}
	rows.callers, err = q.ReadCallerStatus(ctx, sqldb.ReadCallerStatusParams{SchemeID: scheme, CallerIds: k.callers.list})
	if err != nil {
		return rows, fmt.Errorf("read callers: %w", err)
	}
	return rows, nil
}

// takeSecond fills in what readSecond has read.
func (l *ledger) takeSecond(rows secondRows) {
	for _, r := range rows.occurrences {
		l.occurrences[r.OccurrenceID] = occurrenceOf(r)
	}
	for _, r := range rows.numbers {
		l.numbers[r.E164] = attemptID(r.AttemptID)
		if r.SchemeID == l.scheme {
			l.persons[r.BeneficiaryID] = attemptID(r.AttemptID)
		}
	}
	for _, r := range rows.reserved {
		l.reserved[r.CallerID] = offerKey{attemptID(r.AttemptID), int(r.Offer)}
	}
	l.remember()
	for _, r := range rows.callers {
		l.callers[r.CallerID] = &callerRow{
			id: r.CallerID, uid: uuid.UUID(r.Uid.Bytes), state: call.CallerState(r.State), reason: r.Reason,
			since: when(r.Since), missedInRow: int(r.MissedInRow), day: dateOf(r.Day), calls: int(r.CallsToday),
			hard: int(r.HardToday), lastEnded: when(r.LastEnded), talk: milliseconds(r.TalkTodayMs),
			hardInRow: int(r.HardInRow), rowBefore: int(r.RowBefore), lastCall: attemptOrNone(r.LastCall),
			hardEnded: when(r.HardEnded), events: int(r.Events),
		}
	}
	l.takeParties(rows.parties)
}
