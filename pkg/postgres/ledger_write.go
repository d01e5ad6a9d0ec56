package postgres

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/postgres/internal/sqldb"
)

// remember notes what is held before the operations, to tell what they took and gave back.
func (l *ledger) remember() {
	l.numbersBefore, l.reservedBefore = map[string]call.ID{}, map[int64]offerKey{}
	for _, number := range l.keys.numbers.list {
		l.numbersBefore[number] = l.numbers[number]
	}
	for _, caller := range l.keys.callers.list {
		l.reservedBefore[caller] = l.reserved[caller]
	}
}

// write writes back what has changed, set by set. Rows that are unique across schemes are written in the order of their
// keys, so that two schemes never wait for each other in a circle.
func (l *ledger) write(ctx context.Context, p *pipeline, readRules rulesReader) error {
	q := sqldb.New(p)
	steps := []struct {
		name string
		run  func(context.Context, *sqldb.Queries) error
	}{
		{"live numbers", l.writeNumbers},
		{"reservations", func(ctx context.Context, q *sqldb.Queries) error { return l.writeReservations(ctx, q, l.at) }},
		{"new attempts", l.insertAttempts},
		{"attempts", l.updateAttempts},
		{"offers", l.writeOffers},
		{"first calls", l.askNoMore},
		{"bookings", func(ctx context.Context, q *sqldb.Queries) error { return l.book(ctx, p, q) }},
		{"calls back", l.bookCallbacks},
		{"survey answers", l.countAnswers},
		{"who is never called again", l.eraseRefused},
		{"moved calls", func(ctx context.Context, q *sqldb.Queries) error { return l.moveLater(ctx, p, readRules) }},
		{"welfare", l.raiseWelfare},
		{"lapsed changes", l.lapseChanges},
		{"occurrences", l.updateOccurrences},
		{"callers", l.writeCallers},
		{"inbound parties", l.writeParties},
		{"events", l.writeEvents},
	}
	for _, s := range steps {
		if err := s.run(ctx, q); err != nil {
			return fmt.Errorf("write %s: %w", s.name, err)
		}
	}
	return nil
}

func (l *ledger) writeNumbers(ctx context.Context, q *sqldb.Queries) error {
	var gone, taken []string
	for _, number := range l.keys.numbers.list {
		before, after := l.numbersBefore[number], l.numbers[number]
		if before != "" && before != after {
			gone = append(gone, number)
		}
		if after != "" && before != after {
			taken = append(taken, number)
		}
	}
	if len(gone) > 0 {
		slices.Sort(gone)
		if err := q.DeleteLiveNumbers(ctx, sqldb.DeleteLiveNumbersParams{SchemeID: l.scheme, Numbers: gone}); err != nil {
			return err
		}
	}
	if len(taken) == 0 {
		return nil
	}
	slices.Sort(taken)
	p := sqldb.InsertLiveNumbersParams{SchemeID: l.scheme, Numbers: taken}
	for _, number := range taken {
		a := l.attempts[l.numbers[number]]
		p.AttemptIds = append(p.AttemptIds, attemptUUID(a.id))
		p.BeneficiaryIds = append(p.BeneficiaryIds, a.beneficiary)
	}
	return q.InsertLiveNumbers(ctx, p)
}

func (l *ledger) writeReservations(ctx context.Context, q *sqldb.Queries, now time.Time) error {
	var gone, taken []int64
	for _, caller := range l.keys.callers.list {
		before, after := l.reservedBefore[caller], l.reserved[caller]
		if before.attempt != "" && before != after {
			gone = append(gone, caller)
		}
		if after.attempt != "" && before != after {
			taken = append(taken, caller)
		}
	}
	if len(gone) > 0 {
		slices.Sort(gone)
		if err := q.DeleteReservations(ctx, sqldb.DeleteReservationsParams{SchemeID: l.scheme, CallerIds: gone}); err != nil {
			return err
		}
	}
	if len(taken) == 0 {
		return nil
	}
	slices.Sort(taken)
	p := sqldb.InsertReservationsParams{SchemeID: l.scheme, CallerIds: taken, Since: instant(now)}
	for _, caller := range taken {
		p.AttemptIds = append(p.AttemptIds, attemptUUID(l.reserved[caller].attempt))
		p.Offers = append(p.Offers, int16(l.reserved[caller].offer))
	}
	return q.InsertReservations(ctx, p)
}

// changedAttempts returns the attempts that fit, in the order of their ids.
func (l *ledger) changedAttempts(fits func(*attemptRow) bool) []*attemptRow {
	var rows []*attemptRow
	for _, id := range l.keys.attempts.list {
		if a := l.attempts[id]; a != nil && a.changed && fits(a) {
			rows = append(rows, a)
		}
	}
	slices.SortFunc(rows, func(a, b *attemptRow) int { return cmp.Compare(a.id, b.id) })
	return rows
}

func (l *ledger) insertAttempts(ctx context.Context, q *sqldb.Queries) error {
	rows := l.changedAttempts(func(a *attemptRow) bool { return a.claim != nil })
	if len(rows) == 0 {
		return nil
	}
	p := sqldb.InsertAttemptsParams{SchemeID: l.scheme, Epoch: l.epoch}
	for _, a := range rows {
		o := a.claim.Order
		p.AttemptIds = append(p.AttemptIds, attemptUUID(a.id))
		p.OccurrenceIds = append(p.OccurrenceIds, a.occurrence)
		p.BeneficiaryIds = append(p.BeneficiaryIds, a.beneficiary)
		p.Kinds = append(p.Kinds, string(o.Kind))
		p.Numbers = append(p.Numbers, o.Number)
		p.Trunks = append(p.Trunks, o.Trunk)
		p.Clis = append(p.Clis, o.CLI)
		p.Languages = append(p.Languages, o.Language)
		p.Rings = append(p.Rings, o.BeneficiaryRing.Milliseconds())
		p.ClaimedAts = append(p.ClaimedAts, instant(a.claim.At))
		p.Offers = append(p.Offers, int16(a.offer))
		p.CallerIds = append(p.CallerIds, a.caller)
		p.DialBys = append(p.DialBys, instant(a.dialBy))
		p.RungBefores = append(p.RungBefores, a.rungBefore)
		p.Events = append(p.Events, int32(a.events))
		p.Nodes = append(p.Nodes, o.Node)
	}
	return q.InsertAttempts(ctx, p)
}

func (l *ledger) updateAttempts(ctx context.Context, q *sqldb.Queries) error {
	// A row that this batch made is complete unless it went further in the same batch.
	rows := l.changedAttempts(func(a *attemptRow) bool {
		return a.claim == nil || a.state != call.StateIntent || !a.closed.IsZero()
	})
	if len(rows) == 0 {
		return nil
	}
	p := sqldb.UpdateAttemptsParams{SchemeID: l.scheme}
	for _, a := range rows {
		p.AttemptIds = append(p.AttemptIds, attemptUUID(a.id))
		p.States = append(p.States, string(a.state))
		p.Offers = append(p.Offers, int16(a.offer))
		p.CallerIds = append(p.CallerIds, a.caller)
		p.DialBys = append(p.DialBys, instant(a.dialBy))
		p.RungBefores = append(p.RungBefores, a.rungBefore)
		p.AcceptedAts = append(p.AcceptedAts, instant(a.accepted))
		p.RingingAts = append(p.RingingAts, instant(a.ringing))
		p.BridgedAts = append(p.BridgedAts, instant(a.bridged))
		p.EndedAts = append(p.EndedAts, instant(a.ended))
		p.Channels = append(p.Channels, a.channel)
		p.Results = append(p.Results, string(a.result))
		p.Reasons = append(p.Reasons, string(a.reason))
		p.Faults = append(p.Faults, string(a.fault))
		p.Causes = append(p.Causes, int16(a.cause))
		p.Talks = append(p.Talks, a.talk.Milliseconds())
		p.Rangs = append(p.Rangs, a.rang)
		p.Estimates = append(p.Estimates, a.estimated)
		p.Dispositions = append(p.Dispositions, string(a.disposition))
		p.FollowUps = append(p.FollowUps, a.followUp)
		p.DayLaters = append(p.DayLaters, a.dayLater)
		p.ClosedAts = append(p.ClosedAts, instant(a.closed))
		p.Answers = append(p.Answers, a.answer)
		p.AnswerCounts = append(p.AnswerCounts, int16(a.answers))
		p.Events = append(p.Events, int32(a.events))
	}
	return q.UpdateAttempts(ctx, p)
}

// offersTouched returns the keys of all offers of the attempts that the batch touches.
func (l *ledger) offersTouched() (list []offerKey) {
	for _, id := range l.keys.attempts.list {
		a := l.attempts[id]
		for n := 1; a != nil && n <= a.offer; n++ {
			if key := (offerKey{id, n}); l.offers[key] != nil {
				list = append(list, key)
			}
		}
	}
	return list
}

func (l *ledger) writeOffers(ctx context.Context, q *sqldb.Queries) error {
	made, changed := sqldb.InsertOffersParams{SchemeID: l.scheme}, sqldb.UpdateOffersParams{SchemeID: l.scheme}
	for _, key := range l.offersTouched() {
		o := l.offers[key]
		switch {
		case o.order != nil:
			made.AttemptIds = append(made.AttemptIds, attemptUUID(key.attempt))
			made.Offers = append(made.Offers, int16(key.offer))
			made.CallerIds = append(made.CallerIds, o.caller)
			made.Endpoints = append(made.Endpoints, o.order.CallerEndpoint)
			made.Numbers = append(made.Numbers, o.order.CallerNumber)
			made.Languages = append(made.Languages, o.order.CallerLanguage)
			made.Rings = append(made.Rings, o.order.CallerRing.Milliseconds())
			made.MadeAts = append(made.MadeAts, instant(o.made))
			made.States = append(made.States, string(o.state))
			made.EndedAts = append(made.EndedAts, instant(o.ended))
		case o.changed:
			changed.AttemptIds = append(changed.AttemptIds, attemptUUID(key.attempt))
			changed.Offers = append(changed.Offers, int16(key.offer))
			changed.States = append(changed.States, string(o.state))
			changed.EndedAts = append(changed.EndedAts, instant(o.ended))
		}
	}
	if len(made.Offers) > 0 {
		if err := q.InsertOffers(ctx, made); err != nil {
			return err
		}
	}
	if len(changed.Offers) == 0 {
		return nil
	}
	return q.UpdateOffers(ctx, changed)
}

type bookingKey struct {
	agreement int64
	kind      call.Kind
	date      int64
}

func (b *booking) key() bookingKey {
	return bookingKey{b.next.Agreement, promised(b.next.Kind), b.next.LocalDate.Unix()}
}

// book books the next calls and writes the key of each into its Next: the new one's, or that of the one that was booked
// for the same day before.
func (l *ledger) book(ctx context.Context, in *pipeline, q *sqldb.Queries) error {
	p := sqldb.InsertOccurrencesParams{SchemeID: l.scheme, Events: 1}
	made := map[uuid.UUID]*booking{}
	var earliest time.Time
	for _, b := range l.bookings {
		b.next.ID = 0
		if b.find {
			continue
		}
		id, err := uuid.NewV7()
		if err != nil {
			return fmt.Errorf("make occurrence id: %w", err)
		}
		made[id] = b
		n := b.next
		p.Uids = append(p.Uids, pgtype.UUID{Bytes: id, Valid: true})
		p.AgreementIds = append(p.AgreementIds, n.Agreement)
		p.BeneficiaryIds = append(p.BeneficiaryIds, n.Beneficiary)
		p.Kinds = append(p.Kinds, string(n.Kind))
		p.Sequences = append(p.Sequences, int16(b.sequence))
		p.LocalDates = append(p.LocalDates, localDate(n.LocalDate))
		p.OpensAts = append(p.OpensAts, instant(n.Opens))
		p.ClosesAts = append(p.ClosesAts, instant(n.Closes))
		p.Lengths = append(p.Lengths, n.Length.Milliseconds())
		notBefore := n.NotBefore
		if notBefore.IsZero() {
			notBefore = n.Opens
		}
		p.NotBefores = append(p.NotBefores, instant(notBefore))
		p.Insteads = append(p.Insteads, localDate(b.instead))
		p.Rangs = append(p.Rangs, n.Rang)
		if earliest.IsZero() || n.Opens.Before(earliest) {
			earliest = n.Opens
		}
	}
	if len(made) > 0 {
		var rows []sqldb.InsertOccurrencesRow
		err := in.together(ctx, func() (err error) {
			rows, err = q.InsertOccurrences(ctx, p)
			return err
		})
		if err != nil {
			return err
		}
		for _, r := range rows {
			id := uuid.UUID(r.Uid.Bytes)
			n := made[id].next
			n.ID = r.OccurrenceID
			l.journal.note("occurrence", id, 1, "booked", l.at, bookedData{
				CallKind: string(n.Kind), Opens: n.Opens.UTC(), Closes: n.Closes.UTC(),
				Date: n.LocalDate.Format(time.DateOnly), LengthMS: n.Length.Milliseconds(),
			})
		}
		if earliest.Before(l.journal.loadFrom) {
			err = q.LowerLoadFrom(ctx, sqldb.LowerLoadFromParams{SchemeID: l.scheme, OpensAt: instant(earliest)})
			if err != nil {
				return err
			}
		}
	}
	return l.findBooked(ctx, q)
}

// findBooked looks for the keys of calls that were booked before.
func (l *ledger) findBooked(ctx context.Context, q *sqldb.Queries) error {
	p := sqldb.FindBookedParams{SchemeID: l.scheme}
	for _, b := range l.bookings {
		if b.next.ID == 0 {
			p.AgreementIds = append(p.AgreementIds, b.next.Agreement)
			p.LocalDates = append(p.LocalDates, localDate(b.next.LocalDate))
		}
	}
	if len(p.AgreementIds) == 0 {
		return nil
	}
	rows, err := q.FindBooked(ctx, p)
	if err != nil {
		return err
	}
	// One promise a day, whichever it is of those made for that day: the one that still stands.
	found := make(map[bookingKey]int64, len(rows))
	for _, r := range rows {
		found[bookingKey{r.AgreementID, promised(call.Kind(r.Kind)), dateOf(r.LocalDate).Unix()}] = r.OccurrenceID
	}
	for _, b := range l.bookings {
		if b.next.ID == 0 {
			b.next.ID = found[b.key()]
		}
	}
	return nil
}

func (l *ledger) updateOccurrences(ctx context.Context, q *sqldb.Queries) error {
	p := sqldb.UpdateOccurrencesParams{SchemeID: l.scheme}
	for _, id := range l.keys.occurrences.list {
		o := l.occurrences[id]
		if o == nil || !o.changed {
			continue
		}
		p.OccurrenceIds = append(p.OccurrenceIds, o.id)
		p.States = append(p.States, string(o.state))
		p.NotBefores = append(p.NotBefores, instant(o.notBefore))
		p.Deferred = append(p.Deferred, int16(o.deferred))
		p.Attempts = append(p.Attempts, int16(o.attempts))
		p.Rangs = append(p.Rangs, o.rang)
		p.EndedAts = append(p.EndedAts, instant(o.ended))
		p.Events = append(p.Events, int32(o.events))
	}
	if len(p.OccurrenceIds) == 0 {
		return nil
	}
	return q.UpdateOccurrences(ctx, p)
}

func (l *ledger) writeCallers(ctx context.Context, q *sqldb.Queries) error {
	p := sqldb.UpdateCallerStatusParams{SchemeID: l.scheme}
	for _, id := range l.keys.callers.list {
		c := l.callers[id]
		if c == nil || !c.changed {
			continue
		}
		p.CallerIds = append(p.CallerIds, c.id)
		p.States = append(p.States, string(c.state))
		p.Reasons = append(p.Reasons, c.reason)
		p.Sinces = append(p.Sinces, instant(c.since))
		p.Missed = append(p.Missed, int16(c.missedInRow))
		p.Days = append(p.Days, dayOrNever(c.day))
		p.Calls = append(p.Calls, int32(c.calls))
		p.Hard = append(p.Hard, int32(c.hard))
		p.LastEndeds = append(p.LastEndeds, instant(c.lastEnded))
		p.Talks = append(p.Talks, c.talk.Milliseconds())
		p.InRows = append(p.InRows, int32(c.hardInRow))
		p.RowsBefore = append(p.RowsBefore, int32(c.rowBefore))
		p.LastCalls = append(p.LastCalls, attemptUUID(c.lastCall))
		p.HardEndeds = append(p.HardEndeds, instant(c.hardEnded))
		p.Events = append(p.Events, int32(c.events))
	}
	if len(p.CallerIds) > 0 {
		if err := q.UpdateCallerStatus(ctx, p); err != nil {
			return err
		}
	}
	if len(l.lastCallers) == 0 {
		return nil
	}
	last := sqldb.SetLastCallersParams{SchemeID: l.scheme}
	for beneficiary, caller := range l.lastCallers {
		last.BeneficiaryIds = append(last.BeneficiaryIds, beneficiary)
		last.CallerIds = append(last.CallerIds, caller)
	}
	return q.SetLastCallers(ctx, last)
}

// dayOrNever writes a day that never was as -infinity, as the table does.
func dayOrNever(day time.Time) pgtype.Date {
	if day.IsZero() {
		return pgtype.Date{InfinityModifier: pgtype.NegativeInfinity, Valid: true}
	}
	return localDate(day)
}

func (l *ledger) writeEvents(ctx context.Context, q *sqldb.Queries) error {
	return l.journal.write(ctx, q)
}

// write inserts the events and the number of the last one.
func (j *journal) write(ctx context.Context, q *sqldb.Queries) error {
	if j.err != nil {
		return j.err
	}
	if len(j.events) == 0 {
		return nil
	}
	for _, row := range j.rows() {
		if err := q.InsertEvents(ctx, row); err != nil {
			return err
		}
	}
	return q.NumberEvents(ctx, sqldb.NumberEventsParams{SchemeID: j.scheme, EventNumber: j.number, OwnEvents: int32(j.own)})
}
