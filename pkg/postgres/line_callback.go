package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/callflow"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/postgres/internal/sqldb"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// LineCallback is a call that the line promises to somebody who would not wait for a registrar.
type LineCallback struct {
	Number   string // E.164, which the scheme may ring: that is for the caller to see to.
	Typed    bool   // By somebody who rings from another one: a number that was refused is not rung then.
	Language roster.Language
	Asked    time.Time // When she came into the queue: her place in it.
}

// lineTerms are those of a callback of the line: short rings, a short talk, no next one.
func lineTerms() roster.Agreement {
	return roster.Agreement{Length: 5 * time.Minute, CallerRing: 20 * time.Second, Ring: 45 * time.Second, Continuity: roster.Rotate}
}

// PromiseCallback keeps a callback and books its occurrence, in one transaction. A number that is owed one already is owed no
// other: its ID comes back, and booked is false. The occurrence is for Dispatcher.Take; a process that leads the scheme elsewhere
// learns of it by the event scheme.changed.
func (s *Store) PromiseCallback(
	ctx context.Context, scheme int64, c LineCallback, now time.Time,
) (o dispatch.Occurrence, booked bool, err error) {
	err = s.transact(ctx, scheme, func(q *sqldb.Queries, j *journal) error {
		if c.Typed {
			refused, err := s.refusedAmong(ctx, q, scheme, []string{c.Number})
			if err != nil {
				return err
			}
			if refused[c.Number] {
				return callflow.ErrNotAllowed
			}
		}
		known, err := q.FindOpenCallback(ctx, sqldb.FindOpenCallbackParams{SchemeID: scheme, Number: c.Number})
		if err == nil {
			o.ID = known
			return nil
		} else if !errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("find an open callback: %w", err)
		}
		people, err := q.FindPeopleAt(ctx, sqldb.FindPeopleAtParams{SchemeID: scheme, Number: c.Number})
		if err != nil {
			return fmt.Errorf("find who is reached at a number: %w", err)
		}
		p := sqldb.InsertCallbackParams{
			SchemeID: scheme, Number: c.Number, Language: string(c.Language), AskedAt: instant(c.Asked),
		}
		if len(people) == 1 {
			p.BeneficiaryID = pgtype.Int8{Int64: people[0], Valid: true}
		}
		id, err := uuid.NewV7()
		if err != nil {
			return fmt.Errorf("make callback id: %w", err)
		}
		p.Uid = pgtype.UUID{Bytes: id, Valid: true}
		key, err := q.InsertCallback(ctx, p)
		if err != nil {
			return fmt.Errorf("insert callback: %w", err)
		}
		row := sqldb.ReadCallbacksRow{CallbackID: key, Number: c.Number, Language: p.Language, BeneficiaryID: -key}
		if p.BeneficiaryID.Valid {
			row.BeneficiaryID = p.BeneficiaryID.Int64
		}
		o, err = s.bookLineCallback(ctx, q, j, lineBooking{LineCallback: c, row: row, now: now})
		if err != nil {
			return err
		}
		booked = true
		j.noteScheme("changed", now, changedData{Booked: 1})
		return nil
	})
	if err != nil {
		return dispatch.Occurrence{}, false, fmt.Errorf("promise a callback: %w", err)
	}
	return o, booked, nil
}

// lineBooking is a callback that has its row.
type lineBooking struct {
	LineCallback
	row sqldb.ReadCallbacksRow
	now time.Time
}

func (s *Store) bookLineCallback(ctx context.Context, q *sqldb.Queries, j *journal, b lineBooking) (o dispatch.Occurrence, err error) {
	rules, _, err := s.rules(ctx, q, j.scheme, b.now)
	if err != nil {
		return o, err
	}
	slot := dispatch.QueueWindow(b.Asked, b.now, rules)
	terms, id := lineTerms(), -b.row.CallbackID
	p, err := bookingParams(j.scheme, []plannedSlot{{
		Slot: slot, agreement: id, beneficiary: b.row.BeneficiaryID, kind: call.KindCallback, length: terms.Length,
	}})
	if err != nil {
		return o, err
	}
	p.Events = 1
	made, err := q.InsertOccurrences(ctx, p)
	if err != nil || len(made) != 1 {
		return o, fmt.Errorf("insert occurrence: %w", err)
	}
	if slot.Opens.Before(j.loadFrom) {
		if err := q.LowerLoadFrom(ctx, sqldb.LowerLoadFromParams{SchemeID: j.scheme, OpensAt: instant(slot.Opens)}); err != nil {
			return o, fmt.Errorf("lower load limit: %w", err)
		}
	}
	j.note("occurrence", uuid.UUID(made[0].Uid.Bytes), 1, "booked", b.now, bookedData{
		CallKind: string(call.KindCallback), Opens: slot.Opens.UTC(), Closes: slot.Closes.UTC(),
		Date: slot.Date.Format(time.DateOnly), LengthMS: terms.Length.Milliseconds(),
	})
	person := lineCaller(b.row)
	return dispatch.Occurrence{
		ID: made[0].OccurrenceID, Agreement: id, Beneficiary: person.beneficiary, Kind: call.KindCallback,
		State: call.OccurrenceOpen, Opens: slot.Opens, Closes: slot.Closes, NotBefore: slot.Opens, Length: terms.Length,
		Queued: true, Language: person.language, Continuity: terms.Continuity, Numbers: person.numbers,
		CallerRing: terms.CallerRing, Ring: terms.Ring, LocalDate: slot.Date, Terms: terms,
	}, nil
}

// lineCaller is whoever is called back, as loadPeople has others.
func lineCaller(r sqldb.ReadCallbacksRow) *person {
	return &person{
		beneficiary: r.BeneficiaryID, numbers: []string{r.Number}, terms: lineTerms(), language: roster.Language(r.Language),
	}
}

// loadCallbacks adds those who are called back by the line to the people of an agreement: they have none.
func loadCallbacks(ctx context.Context, q *sqldb.Queries, scheme int64, agreements []int64, people map[int64]*person) error {
	p := sqldb.ReadCallbacksParams{SchemeID: scheme}
	for _, id := range agreements {
		p.CallbackIds = append(p.CallbackIds, -id)
	}
	rows, err := q.ReadCallbacks(ctx, p)
	if err != nil {
		return fmt.Errorf("read callbacks: %w", err)
	}
	for _, r := range rows {
		people[-r.CallbackID] = lineCaller(r)
	}
	return nil
}
