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

// rows are what a batch has asked for.
type rows struct {
	attempts    []sqldb.ReadAttemptsRow
	offers      []sqldb.ReadOffersRow
	occurrences []sqldb.ReadOccurrencesRow
	numbers     []sqldb.LiveNumber
	reserved    []sqldb.ReadReservationsRow
	callers     []sqldb.ReadCallerStatusRow
	parties     []sqldb.ReadPartiesRow
}

// read reads attempts with all their offers, occurrences, which numbers, persons and callers are held, callers, and inbound
// parties.
func read(ctx context.Context, q *sqldb.Queries, scheme int64, ask *keys) (r rows, err error) {
	if len(ask.attempts.list) > 0 {
		ids := make([]pgtype.UUID, len(ask.attempts.list))
		for i, id := range ask.attempts.list {
			ids[i] = attemptUUID(id)
		}
		if r.attempts, err = q.ReadAttempts(ctx, sqldb.ReadAttemptsParams{SchemeID: scheme, AttemptIds: ids}); err != nil {
			return r, fmt.Errorf("read attempts: %w", err)
		}
		if r.offers, err = q.ReadOffers(ctx, sqldb.ReadOffersParams{SchemeID: scheme, AttemptIds: ids}); err != nil {
			return r, fmt.Errorf("read offers: %w", err)
		}
	}
	if list := ask.occurrences.list; len(list) > 0 {
		r.occurrences, err = q.ReadOccurrences(ctx, sqldb.ReadOccurrencesParams{SchemeID: scheme, OccurrenceIds: list})
		if err != nil {
			return r, fmt.Errorf("read occurrences: %w", err)
		}
	}
	if len(ask.numbers.list)+len(ask.people) > 0 {
		r.numbers, err = q.ReadLiveNumbers(ctx, sqldb.ReadLiveNumbersParams{
			Numbers: ask.numbers.list, SchemeID: scheme, OccurrenceIds: ask.people,
		})
		if err != nil {
			return r, fmt.Errorf("read live numbers: %w", err)
		}
	}
	if len(ask.reserved) > 0 {
		if r.reserved, err = q.ReadReservations(ctx, ask.reserved); err != nil {
			return r, fmt.Errorf("read reservations: %w", err)
		}
	}
	if list := ask.callers.list; len(list) > 0 {
		r.callers, err = q.ReadCallerStatus(ctx, sqldb.ReadCallerStatusParams{SchemeID: scheme, CallerIds: list})
		if err != nil {
			return r, fmt.Errorf("read callers: %w", err)
		}
	}
	if len(ask.parties.list) > 0 {
		if r.parties, err = readParties(ctx, q, scheme, ask.parties.list); err != nil {
			return r, err
		}
	}
	return r, nil
}

// touch adds to the keys what the attempts of the batch point to, and returns what is not known of it yet. What was read of
// an attempt says nothing of the number, the person and the callers that it may hold.
func (l *ledger) touch(attempts []sqldb.ReadAttemptsRow, offers []sqldb.ReadOffersRow) *keys {
	k, more := l.keys, &keys{}
	for _, id := range k.attempts.list {
		a := l.attempts[id]
		if a == nil {
			continue
		}
		k.occurrences.add(a.occurrence)
		k.numbers.add(a.number)
		k.caller(a.caller)
		for n := 1; n <= a.offer; n++ {
			if o := l.offers[offerKey{id, n}]; o != nil {
				k.caller(o.caller)
			}
		}
	}
	for _, r := range attempts {
		more.numbers.add(r.Number)
		more.people = append(more.people, r.OccurrenceID)
		more.reserved = append(more.reserved, r.CallerID)
		if l.occurrences[r.OccurrenceID] == nil {
			more.occurrences.add(r.OccurrenceID)
		}
		if l.callers[r.CallerID] == nil {
			more.caller(r.CallerID)
		}
	}
	for _, r := range offers {
		more.reserved = append(more.reserved, r.CallerID)
		if l.callers[r.CallerID] == nil {
			more.caller(r.CallerID)
		}
	}
	return more
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

// take fills in what was read.
func (l *ledger) take(rows rows) {
	for _, r := range rows.attempts {
		a := attemptOf(r)
		l.attempts[a.id] = a
	}
	for _, r := range rows.offers {
		l.offers[offerKey{attemptID(r.AttemptID), int(r.Offer)}] = &offerRow{
			caller: r.CallerID, state: call.OfferState(r.State), ended: when(r.EndedAt),
		}
	}
	for _, r := range rows.occurrences {
		l.occurrences[r.OccurrenceID] = occurrenceOf(r)
	}
	for _, r := range rows.numbers {
		l.numbers[r.E164] = attemptID(r.AttemptID)
		if r.SchemeID == l.scheme {
			l.persons[r.BeneficiaryID] = attemptID(r.AttemptID)
		} else {
			l.foreignNumbers = append(l.foreignNumbers, r.E164)
		}
	}
	for _, r := range rows.reserved {
		l.reserved[r.CallerID] = offerKey{attemptID(r.AttemptID), int(r.Offer)}
		if r.SchemeID != l.scheme {
			l.foreignCallers = append(l.foreignCallers, r.CallerID)
		}
	}
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
