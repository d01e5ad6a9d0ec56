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
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/postgres/internal/sqldb"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/schedule"
)

// Callback is a call that somebody asked for.
type Callback struct {
	Beneficiary int64     // Her key.
	Kind        call.Kind // KindCallback (also when it is empty) or KindCallToday.
	// Opens and Closes are its window. A zero Opens is at once, or when the scheme opens next; a zero Closes is when the
	// scheme closes on that day.
	Opens, Closes time.Time
}

// Booked is a call as it was booked.
type Booked struct {
	Key           int64     // 0 when it was not booked.
	ID            uuid.UUID // As seen outside.
	Opens, Closes time.Time
	// Before is set when she had an open one of the kind already, which stays as it is: nobody is called back twice.
	Before bool

	agreement int64
}

// BookCallback books the call that somebody asked for, in one transaction. Asking again while it is open changes nothing.
// Whoever leads the scheme learns of it by Dispatcher.Changed; when another process does, by the event scheme.changed. The
// error is ErrNoBeneficiary when the scheme has no such person, and ErrNotAgreed when she may not be called so yet.
func (s *Store) BookCallback(ctx context.Context, scheme int64, c Callback, now time.Time) (Booked, error) {
	if c.Kind == "" {
		c.Kind = call.KindCallback
	}
	var booked Booked
	err := s.transact(ctx, scheme, func(q *sqldb.Queries, j *journal) error {
		rules, _, err := s.rules(ctx, q, scheme, now)
		if err != nil {
			return err
		}
		window := dispatch.SoonFor(c.Kind, now, rules)
		if !c.Opens.IsZero() {
			window = schedule.Slot{Date: rules.DateIn(c.Opens), Opens: c.Opens, Closes: c.Closes}
		}
		if window.Closes.IsZero() {
			_, window.Closes = rules.Open(window.Opens)
		}
		list, err := bookExtra(ctx, q, j, extra{
			kind: c.Kind, people: []int64{c.Beneficiary}, window: window, now: now, once: c.Kind == call.KindCallToday,
		})
		if err != nil {
			return err
		}
		if len(list) == 0 {
			_, err := q.ReadProposal(ctx, sqldb.ReadProposalParams{SchemeID: scheme, BeneficiaryID: c.Beneficiary})
			if errors.Is(err, pgx.ErrNoRows) {
				return ErrNoBeneficiary
			}
			return errors.Join(ErrNotAgreed, err)
		}
		if booked = list[0]; !booked.Before {
			j.noteScheme("changed", now, changedData{Booked: 1})
		}
		return nil
	})
	if err != nil {
		return Booked{}, fmt.Errorf("book a call back: %w", err)
	}
	return booked, nil
}

// extra is a call of one kind for each of some people that no agreement promised.
type extra struct {
	kind   call.Kind
	people []int64
	window schedule.Slot
	now    time.Time
	// once leaves out whoever has had one on that day, whatever became of it; otherwise only an open one is left alone.
	once bool
	// surge is set for calls of a surge: see Store.Surge for whom they need no consent.
	surge bool
}

// bookExtra books them under the scheme's lock and notes an event for each. What comes back is in no order; people whom the
// scheme does not know are left out.
func bookExtra(ctx context.Context, q *sqldb.Queries, j *journal, e extra) ([]Booked, error) {
	carriers, err := carriersOf(ctx, q, j.scheme, e)
	if err != nil {
		return nil, err
	}
	rows, err := q.ReadCallsSince(ctx, sqldb.ReadCallsSinceParams{
		SchemeID: j.scheme, BeneficiaryIds: e.people, Kind: string(e.kind), FirstDay: localDate(e.window.Date.AddDate(0, 0, -1)),
	})
	if err != nil {
		return nil, fmt.Errorf("read calls of the kind: %w", err)
	}
	var list []Booked
	sequence := map[int64]int16{}
	for _, r := range rows {
		same := dateOf(r.LocalDate).Equal(e.window.Date)
		if same && r.AgreementID == carriers[r.BeneficiaryID].agreement {
			sequence[r.BeneficiaryID] = max(sequence[r.BeneficiaryID], r.Sequence+1)
		}
		state := call.OccurrenceState(r.State)
		stands := !state.Ended() || e.once && same && state != call.OccurrenceCancelled && state != call.OccurrenceMoved
		if c, ok := carriers[r.BeneficiaryID]; ok && stands && !c.has {
			c.has = true
			carriers[r.BeneficiaryID] = c
			list = append(list, Booked{
				Key: r.OccurrenceID, ID: uuid.UUID(r.Uid.Bytes), Opens: when(r.OpensAt), Closes: when(r.ClosesAt), Before: true,
				agreement: r.AgreementID,
			})
		}
	}
	var slots []plannedSlot
	var order []int16
	for _, person := range e.people {
		c, ok := carriers[person]
		if !ok || c.has {
			continue
		}
		slots = append(slots, plannedSlot{
			Slot: e.window, agreement: c.agreement, beneficiary: person, kind: e.kind, length: c.length,
		})
		order = append(order, sequence[person])
	}
	if len(slots) == 0 {
		return list, nil
	}
	p, err := bookingParams(j.scheme, slots)
	if err != nil {
		return nil, err
	}
	p.Sequences, p.Events, p.Surge = order, 1, e.surge
	hangs := make(map[pgtype.UUID]int64, len(slots))
	for i, id := range p.Uids {
		hangs[id] = slots[i].agreement
	}
	made, err := q.InsertOccurrences(ctx, p)
	if err != nil {
		return nil, fmt.Errorf("insert occurrences: %w", err)
	}
	of := map[pgtype.UUID]plannedSlot{}
	for i, id := range p.Uids {
		of[id] = slots[i]
	}
	for _, m := range made {
		j.note("occurrence", uuid.UUID(m.Uid.Bytes), 1, "booked", e.now, bookedOf(of[m.Uid]))
		list = append(list, Booked{
			Key: m.OccurrenceID, ID: uuid.UUID(m.Uid.Bytes), Opens: e.window.Opens, Closes: e.window.Closes,
			agreement: hangs[m.Uid],
		})
	}
	if e.window.Opens.Before(j.loadFrom) {
		err = q.LowerLoadFrom(ctx, sqldb.LowerLoadFromParams{SchemeID: j.scheme, OpensAt: instant(e.window.Opens)})
	}
	return list, err
}

// carrier is the agreement that an extra call hangs on.
type carrier struct {
	agreement int64
	length    time.Duration
	has       bool // She has such a call already.
}

// carriersOf finds the carriers of people, and makes one for those with whom nothing was agreed.
func carriersOf(ctx context.Context, q *sqldb.Queries, scheme int64, e extra) (map[int64]carrier, error) {
	rows, err := q.ReadCarriers(ctx, sqldb.ReadCarriersParams{SchemeID: scheme, BeneficiaryIds: e.people})
	if err != nil {
		return nil, fmt.Errorf("read agreements: %w", err)
	}
	found := make(map[int64]carrier, len(e.people))
	for _, r := range rows {
		found[r.BeneficiaryID] = carrier{agreement: r.AgreementID, length: milliseconds(r.LengthMs)}
	}
	terms := roster.Agreement{Cadence: roster.Once}.Normal()
	p := sqldb.InsertCarriersParams{
		SchemeID: scheme, LengthMs: terms.Length.Milliseconds(), Today: localDate(e.window.Date),
		CallerRingMs: terms.CallerRing.Milliseconds(), RingMs: terms.Ring.Milliseconds(), Now: instant(e.now),
	}
	for _, person := range e.people {
		if _, ok := found[person]; ok {
			continue
		}
		id, err := uuid.NewV7()
		if err != nil {
			return nil, fmt.Errorf("make agreement id: %w", err)
		}
		p.Uids = append(p.Uids, pgtype.UUID{Bytes: id, Valid: true})
		p.BeneficiaryIds = append(p.BeneficiaryIds, person)
	}
	if len(p.Uids) == 0 {
		return found, nil
	}
	made, err := q.InsertCarriers(ctx, p)
	if err != nil {
		return nil, fmt.Errorf("write agreements: %w", err)
	}
	for _, r := range made {
		found[r.BeneficiaryID] = carrier{agreement: r.AgreementID, length: milliseconds(r.LengthMs)}
	}
	return found, nil
}
