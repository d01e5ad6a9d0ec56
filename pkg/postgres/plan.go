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
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/schedule"
)

// restWhenBusy is how many times as long as a page took nothing is planned after it, while dispatch commits.
const restWhenBusy = 7

// planPage is how many agreements are booked in one transaction: the scheme's other batches wait meanwhile.
const planPage = 500

// Plan implements dispatch.Store. It books page by page, each in a transaction of its own. What is booked already is found
// out before: only who has something to write holds up the scheme's batches, and has them read again what they remember.
func (s *Store) Plan(ctx context.Context, scheme, epoch int64, now, until time.Time) (int, error) {
	rules, pauses, err := s.rules(ctx, s.query, scheme, now)
	if err != nil {
		return 0, fmt.Errorf("plan scheme: %w", storeError(err))
	}
	err = s.inTxFor(ctx, s.writers, loadPatience, func(q *sqldb.Queries) error {
		lead, err := lockLeadBeside(ctx, q, scheme)
		if err != nil {
			return err
		}
		if lead.Epoch != epoch {
			return dispatch.ErrFenced
		}
		if err := q.CloseWelfare(ctx, sqldb.CloseWelfareParams{SchemeID: scheme, BeneficiaryIds: []int64{}}); err != nil {
			return fmt.Errorf("close what is over: %w", err)
		}
		if err := purgeOutreach(ctx, q, scheme, now); err != nil {
			return err
		}
		return placeFree(ctx, q, scheme, rules)
	})
	if err != nil {
		return 0, fmt.Errorf("place agreements: %w", storeError(err))
	}
	booked := 0
	for after := int64(0); ; {
		began, last := time.Now(), s.lastCommitted(scheme)
		page, err := s.query.ReadAgreements(ctx, sqldb.ReadAgreementsParams{SchemeID: scheme, After: after, Page: planPage})
		if err != nil {
			return booked, fmt.Errorf("read agreements: %w", storeError(err))
		}
		if len(page) == 0 {
			return booked, nil
		}
		after = page[len(page)-1].AgreementID
		slots, err := unbooked(ctx, s.query, scheme, slotsOf(page, rules, pauses, now, until))
		if err != nil {
			return booked, storeError(err)
		}
		if len(slots) == 0 {
			// As a rule nothing is new: that is looked for in half of the time, and calls have the other half. While calls are
			// under way they have more.
			if took := time.Since(began); len(page) == planPage {
				if s.lastCommitted(scheme) != last {
					took *= restWhenBusy
				}
				rest(ctx, took)
			}
			continue
		}
		n, err := s.bookPage(ctx, scheme, epoch, now, slots)
		booked += n
		if err != nil {
			return booked, fmt.Errorf("book calls: %w", storeError(err))
		}
	}
}

// rest waits, or until ctx ends.
func rest(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// rules returns what limits every agreement of a scheme, and the pauses of each person.
func (s *Store) rules(
	ctx context.Context, q *sqldb.Queries, scheme int64, now time.Time,
) (schedule.Rules, map[int64][]schedule.Pause, error) {
	snap := &dispatch.Snapshot{}
	pauses, _, err := s.readScheme(ctx, q, scheme, now, snap)
	if err != nil {
		return schedule.Rules{}, nil, err
	}
	calendar, err := snap.Scheme.Calendar()
	if err != nil {
		return schedule.Rules{}, nil, fmt.Errorf("scheme %d: %w", scheme, err)
	}
	return dispatch.RulesOf(&snap.Scheme, calendar), pauses, nil
}

// How the first call of an agreement's person stands.
const (
	firstAgreed = ""     // She has agreed: the agreement's own calls are booked.
	firstDue    = "due"  // It is to be booked.
	firstNone   = "none" // Nothing is to be booked.
)

// plannedSlot is one call to be booked.
type plannedSlot struct {
	schedule.Slot
	agreement, beneficiary int64
	kind                   call.Kind
	length                 time.Duration
}

func slotsOf(page []sqldb.ReadAgreementsRow, rules schedule.Rules, pauses map[int64][]schedule.Pause, from, until time.Time) []plannedSlot {
	var slots []plannedSlot
	known := zones{}
	for _, r := range page {
		terms, own := agreementOf(r), rules
		own.Seed, own.PersonZone, own.Pauses = r.AgreementID, known.find(r.Zone), dispatch.PausesFor(call.Kind(r.Kind), pauses[r.BeneficiaryID])
		switch r.FirstCall {
		case firstDue:
			if slot, ok := schedule.First(terms, own, from); ok && slot.Opens.Before(until) {
				slots = append(slots, planOf(r, slot))
			}
			continue
		case firstNone:
			continue
		}
		for _, slot := range schedule.Between(terms, own, from, until) {
			slots = append(slots, planOf(r, slot))
		}
	}
	return slots
}

// planOf is the call to be booked for a slot of an agreement.
func planOf(r sqldb.ReadAgreementsRow, slot schedule.Slot) plannedSlot {
	p := plannedSlot{
		Slot: slot, agreement: r.AgreementID, beneficiary: r.BeneficiaryID, kind: call.Kind(r.Kind),
		length: schedule.Length(agreementOf(r)),
	}
	switch {
	case r.FirstCall != firstAgreed:
		p.kind = call.KindFirst
	case slot.WelcomeBack:
		p.kind = call.KindWelcomeBack
	}
	return p
}

func agreementOf(r sqldb.ReadAgreementsRow) roster.Agreement {
	return termsOf(sqldb.CurrentAgreementsRow{
		Cadence: r.Cadence, PerWeek: r.PerWeek, Days: r.Days, Begins: r.Begins, Ends: r.Ends, LengthMs: r.LengthMs,
		ValidFrom: r.ValidFrom, ValidUntil: r.ValidUntil, WindowDays: r.WindowDays, MonthDay: r.MonthDay, Nth: r.Nth,
		Dates: r.Dates, PlaceDays: r.PlaceDays, PlaceWeek: r.PlaceWeek,
	})
}

// bookPage books what is not booked yet, in one transaction under the scheme's lock.
func (s *Store) bookPage(ctx context.Context, scheme, epoch int64, now time.Time, slots []plannedSlot) (int, error) {
	var booked int
	var events []call.Event
	turn := s.turn(scheme)
	turn <- struct{}{}
	defer func() { <-turn }()
	err := s.inTx(ctx, s.writers, func(q *sqldb.Queries) error {
		lead, err := lockLeadBeside(ctx, q, scheme)
		if err != nil {
			return err
		}
		if lead.Epoch != epoch {
			return dispatch.ErrFenced
		}
		fresh, err := unbooked(ctx, q, scheme, slots)
		if err != nil || len(fresh) == 0 {
			return err
		}
		p, err := bookingParams(scheme, fresh)
		if err != nil {
			return err
		}
		rows, err := q.InsertOccurrences(ctx, p)
		if err != nil {
			return fmt.Errorf("insert occurrences: %w", err)
		}
		if booked = len(rows); booked == 0 {
			return nil
		}
		earliest := fresh[0].Opens
		for _, slot := range fresh {
			if slot.Opens.Before(earliest) {
				earliest = slot.Opens
			}
		}
		if err := q.LowerLoadFrom(ctx, sqldb.LowerLoadFromParams{SchemeID: scheme, OpensAt: instant(earliest)}); err != nil {
			return fmt.Errorf("lower load limit: %w", err)
		}
		j := newJournal(scheme, epoch, lead)
		// One event for the page: thousands of new occurrences concern nobody who only watches.
		j.noteScheme("planned", now, plannedData{Booked: booked})
		events = j.events
		return j.write(ctx, q)
	})
	if err != nil {
		return 0, err
	}
	if len(events) > 0 {
		s.opts.Publish(events)
	}
	return booked, nil
}

// promised is what counts as one promise a day: a welcome-back call is the scheduled call of its day, and so is the first call.
func promised(kind call.Kind) call.Kind {
	if kind == call.KindWelcomeBack || kind == call.KindFirst {
		return call.KindScheduled
	}
	return kind
}

// unbooked leaves out the slots on days on which the person has a call of the kind already.
func unbooked(ctx context.Context, q *sqldb.Queries, scheme int64, slots []plannedSlot) ([]plannedSlot, error) {
	if len(slots) == 0 {
		return nil, nil
	}
	type day struct {
		beneficiary int64
		kind        call.Kind
		date        int64
	}
	var people set[int64]
	first, last := slots[0].Date, slots[0].Date
	for _, slot := range slots {
		people.add(slot.beneficiary)
		if slot.Date.Before(first) {
			first = slot.Date
		}
		if slot.Date.After(last) {
			last = slot.Date
		}
	}
	rows, err := q.ReadBookedDays(ctx, sqldb.ReadBookedDaysParams{
		SchemeID: scheme, BeneficiaryIds: people.list, FirstDay: localDate(first), LastDay: localDate(last),
	})
	if err != nil {
		return nil, fmt.Errorf("read booked days: %w", err)
	}
	taken := make(map[day]bool, len(rows))
	for _, r := range rows {
		taken[day{r.BeneficiaryID, promised(call.Kind(r.Kind)), dateOf(r.LocalDate).Unix()}] = true
	}
	var fresh []plannedSlot
	for _, slot := range slots {
		key := day{slot.beneficiary, promised(slot.kind), slot.Date.Unix()}
		if !taken[key] {
			taken[key] = true
			fresh = append(fresh, slot)
		}
	}
	return fresh, nil
}

func bookingParams(scheme int64, slots []plannedSlot) (sqldb.InsertOccurrencesParams, error) {
	p := sqldb.InsertOccurrencesParams{SchemeID: scheme}
	for _, slot := range slots {
		id, err := uuid.NewV7()
		if err != nil {
			return p, fmt.Errorf("make occurrence id: %w", err)
		}
		p.Uids = append(p.Uids, pgtype.UUID{Bytes: id, Valid: true})
		p.AgreementIds = append(p.AgreementIds, slot.agreement)
		p.BeneficiaryIds = append(p.BeneficiaryIds, slot.beneficiary)
		p.Kinds = append(p.Kinds, string(slot.kind))
		p.Sequences = append(p.Sequences, 0)
		p.LocalDates = append(p.LocalDates, localDate(slot.Date))
		p.OpensAts = append(p.OpensAts, instant(slot.Opens))
		p.ClosesAts = append(p.ClosesAts, instant(slot.Closes))
		p.Lengths = append(p.Lengths, slot.length.Milliseconds())
		p.NotBefores = append(p.NotBefores, instant(slot.Opens))
		p.Insteads = append(p.Insteads, localDate(slot.Instead))
		p.Rangs = append(p.Rangs, false)
	}
	return p, nil
}

func milliseconds(n int64) time.Duration { return time.Duration(n) * time.Millisecond }

func weekdays(days []int16) []time.Weekday {
	var list []time.Weekday
	for _, d := range days {
		list = append(list, time.Weekday(d))
	}
	return list
}

func windows(begins, ends, on []int16) []roster.Window {
	var list []roster.Window
	for i := range min(len(begins), len(ends)) {
		w := roster.Window{Begin: roster.Clock(begins[i]), End: roster.Clock(ends[i])}
		if i < len(on) {
			w.Days = roster.Weekdays(on[i])
		}
		list = append(list, w)
	}
	return list
}
