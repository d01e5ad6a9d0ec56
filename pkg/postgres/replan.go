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
	"github.com/rappel-tel/rappel/pkg/schedule"
)

// Replanned is what became of open promises when an agreement, or what limits it, changed.
type Replanned struct{ Moved, Cancelled, Booked int }

// replanning says whose promises are brought in line.
type replanning struct {
	now    time.Time
	people []int64 // Keys of beneficiaries.
	all    bool    // Everybody, whatever people holds.
	// held leaves promises alone whose window has begun or on which she was tried: an agreement changes the future only.
	// An absence and closed hours bear on those too; a call under way is never touched.
	held bool
	// asked, where it is set, puts first calls on a later date than its own: she was asked then.
	asked time.Time
}

// replan brings the open promises of people in line with their agreements, the scheme's calendar and their absences, and
// notes an event for each that changes. It runs under the scheme's lock, in the transaction of the change.
func (s *Store) replan(ctx context.Context, q *sqldb.Queries, j *journal, p replanning) (Replanned, error) {
	var done Replanned
	if len(p.people) == 0 && !p.all {
		return done, nil
	}
	rules, pauses, err := s.rules(ctx, q, j.scheme, p.now)
	if err != nil {
		return done, err
	}
	if err := placeFree(ctx, q, j.scheme, rules); err != nil {
		return done, err
	}
	if !p.all {
		rows, err := q.ReadAgreementsOf(ctx, sqldb.ReadAgreementsOfParams{SchemeID: j.scheme, BeneficiaryIds: p.people})
		if err != nil {
			return done, fmt.Errorf("read agreements: %w", err)
		}
		page := make([]sqldb.ReadAgreementsRow, len(rows))
		for i, r := range rows {
			page[i] = sqldb.ReadAgreementsRow(r)
		}
		r := revising{journal: j, replanning: p, rules: rules, pauses: pauses, done: &done}
		return done, r.page(ctx, q, page)
	}
	for after := int64(0); ; {
		page, err := q.ReadAgreements(ctx, sqldb.ReadAgreementsParams{SchemeID: j.scheme, After: after, Page: planPage})
		if err != nil {
			return done, fmt.Errorf("read agreements: %w", err)
		}
		if len(page) == 0 {
			return done, nil
		}
		after = page[len(page)-1].AgreementID
		r := revising{journal: j, replanning: p, rules: rules, pauses: pauses, done: &done}
		if err := r.page(ctx, q, page); err != nil {
			return done, err
		}
	}
}

// rearrange is replan after a change of the scheme itself, or of what limits its promises, which it notes as one.
func (s *Store) rearrange(ctx context.Context, q *sqldb.Queries, j *journal, p replanning) (Replanned, error) {
	done, err := s.replan(ctx, q, j, p)
	if err != nil {
		return Replanned{}, err
	}
	j.noteScheme("changed", p.now, changedData(done))
	return done, nil
}

// revising is the revision of a page of agreements.
type revising struct {
	*journal
	replanning
	rules  schedule.Rules
	pauses map[int64][]schedule.Pause
	done   *Replanned

	ended  sqldb.EndPromisesParams
	handed sqldb.HandPromisesParams
	slots  []plannedSlot
	order  []int // Sequence of each slot.
}

func (r *revising) page(ctx context.Context, q *sqldb.Queries, agreements []sqldb.ReadAgreementsRow) error {
	if len(agreements) == 0 {
		return nil
	}
	var people set[int64]
	for _, a := range agreements {
		people.add(a.BeneficiaryID)
	}
	// A zone east of the scheme's has a later date already, one to the west an earlier one.
	today := schedule.DateIn(r.now, r.rules.Zone).AddDate(0, 0, -1)
	rows, err := q.ReadPromises(ctx, sqldb.ReadPromisesParams{
		SchemeID: r.scheme, BeneficiaryIds: people.list, FirstDay: localDate(today),
	})
	if err != nil {
		return fmt.Errorf("read promises: %w", err)
	}
	type promise struct {
		person int64
		kind   call.Kind
	}
	of := map[promise][]sqldb.ReadPromisesRow{}
	for _, p := range rows {
		key := promise{p.BeneficiaryID, promised(call.Kind(p.Kind))}
		of[key] = append(of[key], p)
	}
	r.handed.SchemeID = r.scheme
	known := zones{}
	for _, a := range agreements {
		kind := call.Kind(a.Kind)
		own := r.rules
		own.Seed, own.PersonZone = a.AgreementID, known.find(a.Zone)
		own.Pauses = dispatch.PausesFor(kind, r.pauses[a.BeneficiaryID])
		r.revise(a, own, of[promise{a.BeneficiaryID, kind}])
	}
	return r.write(ctx, q)
}

// revise decides about one agreement.
func (r *revising) revise(a sqldb.ReadAgreementsRow, rules schedule.Rules, rows []sqldb.ReadPromisesRow) {
	terms := agreementOf(a)
	rows = r.consented(a, rows)
	if a.FirstCall != firstAgreed {
		if call.Kind(a.Kind) == call.KindScheduled {
			r.reviseFirst(a, rules, rows)
		}
		return
	}
	horizon := schedule.Horizon{From: r.now, Until: r.now.AddDate(0, 0, schedule.DefaultAhead)}
	today := rules.DateIn(r.now)
	var promises []schedule.Promise
	for _, p := range rows {
		opens, state := when(p.OpensAt), call.OccurrenceState(p.State)
		if state == call.OccurrenceCancelled || state == call.OccurrenceMoved {
			// What was called off and may be wanted again lies within the stretch that is looked at.
			if !opens.Before(horizon.Until) {
				horizon.Until = opens.Add(time.Second)
			}
			continue
		}
		if dateOf(p.LocalDate).Before(today) {
			continue
		}
		one := schedule.Promise{
			ID: p.OccurrenceID, Date: dateOf(p.LocalDate), Opens: opens, Closes: when(p.ClosesAt), Instead: dateOf(p.InsteadOf),
			WelcomeBack: call.Kind(p.Kind) == call.KindWelcomeBack, Fixed: state != call.OccurrenceOpen,
		}
		if r.held && (p.Attempts > 0 || !opens.After(r.now)) {
			one.Fixed = true
		}
		promises = append(promises, one)
	}
	v := schedule.Revise(terms, rules, promises, horizon)
	gone := map[int64]bool{}
	for _, id := range v.Cancelled {
		gone[id] = true
		r.end(id, call.OccurrenceCancelled)
	}
	for _, m := range v.Moved {
		gone[m.ID] = true
		r.end(m.ID, call.OccurrenceMoved)
		r.book(a, m.To, rows)
	}
	for _, slot := range v.Booked {
		r.book(a, slot, rows)
	}
	r.done.Moved, r.done.Cancelled = r.done.Moved+len(v.Moved), r.done.Cancelled+len(v.Cancelled)
	r.done.Booked += len(v.Booked)
	for _, p := range rows {
		if p.AgreementID != a.AgreementID && !call.OccurrenceState(p.State).Ended() && !gone[p.OccurrenceID] {
			r.handed.OccurrenceIds = append(r.handed.OccurrenceIds, p.OccurrenceID)
			r.handed.AgreementIds = append(r.handed.AgreementIds, a.AgreementID)
		}
	}
}

// consented calls off the open calls that the person's consent does not cover: before she has agreed all but her first call, and
// that one afterwards. It returns the others.
func (r *revising) consented(a sqldb.ReadAgreementsRow, rows []sqldb.ReadPromisesRow) []sqldb.ReadPromisesRow {
	var covered []sqldb.ReadPromisesRow
	for _, p := range rows {
		asks := call.Kind(p.Kind) == call.KindFirst
		if call.OccurrenceState(p.State) == call.OccurrenceOpen && asks == (a.FirstCall == firstAgreed) {
			r.end(p.OccurrenceID, call.OccurrenceCancelled)
			r.done.Cancelled++
			continue
		}
		covered = append(covered, p)
	}
	return covered
}

// reviseFirst keeps the first call of a person who has not agreed yet where it can be made, and else puts it where it can.
func (r *revising) reviseFirst(a sqldb.ReadAgreementsRow, rules schedule.Rules, rows []sqldb.ReadPromisesRow) {
	due := a.FirstCall == firstDue
	for _, p := range rows {
		if call.OccurrenceState(p.State) != call.OccurrenceOpen {
			continue
		}
		slot := schedule.Slot{Date: dateOf(p.LocalDate), Opens: when(p.OpensAt), Closes: when(p.ClosesAt)}
		if r.held && (p.Attempts > 0 || !slot.Opens.After(r.now)) || schedule.Asks(agreementOf(a), rules, slot) {
			if p.AgreementID != a.AgreementID {
				r.handed.OccurrenceIds = append(r.handed.OccurrenceIds, p.OccurrenceID)
				r.handed.AgreementIds = append(r.handed.AgreementIds, a.AgreementID)
			}
			continue
		}
		due = true
		r.end(p.OccurrenceID, call.OccurrenceCancelled)
		r.done.Cancelled++
	}
	if !due {
		return
	}
	find, from := schedule.First, r.now
	if !r.asked.IsZero() {
		find, from = schedule.AskAgain, r.asked
	}
	if slot, ok := find(agreementOf(a), rules, from); ok {
		r.book(a, slot, rows)
		r.done.Booked++
	}
}

func (r *revising) end(id int64, state call.OccurrenceState) {
	r.ended.OccurrenceIds = append(r.ended.OccurrenceIds, id)
	r.ended.States = append(r.ended.States, string(state))
}

func (r *revising) book(a sqldb.ReadAgreementsRow, slot schedule.Slot, rows []sqldb.ReadPromisesRow) {
	planned := planOf(a, slot)
	sequence := 0
	for _, p := range rows {
		if p.AgreementID == a.AgreementID && p.Kind == string(planned.kind) && dateOf(p.LocalDate).Equal(slot.Date) {
			sequence = max(sequence, int(p.Sequence)+1)
		}
	}
	r.slots, r.order = append(r.slots, planned), append(r.order, sequence)
}

// write ends, hands over and books, in this order.
func (r *revising) write(ctx context.Context, q *sqldb.Queries) error {
	if len(r.ended.OccurrenceIds) > 0 {
		if _, err := r.endPromises(ctx, q, r.ended, r.now); err != nil {
			return err
		}
	}
	if len(r.handed.OccurrenceIds) > 0 {
		if err := q.HandPromises(ctx, r.handed); err != nil {
			return fmt.Errorf("hand promises over: %w", err)
		}
	}
	if len(r.slots) == 0 {
		return nil
	}
	p, err := bookingParams(r.scheme, r.slots)
	if err != nil {
		return err
	}
	p.Events = 1
	made := map[pgtype.UUID]plannedSlot{}
	earliest := r.slots[0].Opens
	for i, slot := range r.slots {
		p.Sequences[i] = int16(r.order[i])
		made[p.Uids[i]] = slot
		if slot.Opens.Before(earliest) {
			earliest = slot.Opens
		}
	}
	rows, err := q.InsertOccurrences(ctx, p)
	if err != nil {
		return fmt.Errorf("book promises: %w", err)
	}
	for _, b := range rows {
		slot := made[b.Uid]
		r.note("occurrence", uuid.UUID(b.Uid.Bytes), 1, "booked", r.now, bookedOf(slot))
	}
	if earliest.Before(r.loadFrom) {
		return q.LowerLoadFrom(ctx, sqldb.LowerLoadFromParams{SchemeID: r.scheme, OpensAt: instant(earliest)})
	}
	return nil
}

// placeFree decides where the scheme puts the agreements that leave the days free and have no place yet, in the order in
// which they were made, by what all the others put on each day of the week.
func placeFree(ctx context.Context, q *sqldb.Queries, scheme int64, rules schedule.Rules) error {
	n, err := q.CountUnplaced(ctx, scheme)
	if err != nil || n == 0 {
		return err
	}
	var load schedule.Load
	var fresh []sqldb.ReadAgreementsRow
	for after := int64(0); ; {
		page, err := q.ReadAgreements(ctx, sqldb.ReadAgreementsParams{SchemeID: scheme, After: after, Page: planPage})
		if err != nil {
			return fmt.Errorf("read agreements: %w", err)
		}
		if len(page) == 0 {
			break
		}
		after = page[len(page)-1].AgreementID
		for _, r := range page {
			if !r.PlaceDays.Valid {
				fresh = append(fresh, r)
				continue
			}
			rules.Seed = r.AgreementID
			load.Add(agreementOf(r), rules)
		}
	}
	p := sqldb.SetPlacesParams{SchemeID: scheme}
	for _, r := range fresh {
		a := agreementOf(r)
		rules.Seed = r.AgreementID
		a.Place = load.Place(a, rules)
		load.Add(a, rules)
		p.AgreementIds = append(p.AgreementIds, r.AgreementID)
		p.Days = append(p.Days, int16(a.Place.Days))
		p.Weeks = append(p.Weeks, int16(a.Place.Week))
	}
	if err := q.SetPlaces(ctx, p); err != nil {
		return fmt.Errorf("place agreements: %w", err)
	}
	return nil
}

// endPromises ends those of the promises that are open, each in the state of its place, and notes it; it returns how many. The
// scheme and the instant of the parameters are set here.
func (j *journal) endPromises(ctx context.Context, q *sqldb.Queries, p sqldb.EndPromisesParams, now time.Time) (int, error) {
	p.SchemeID, p.Now = j.scheme, instant(now)
	rows, err := q.EndPromises(ctx, p)
	if err != nil {
		return 0, fmt.Errorf("end promises: %w", err)
	}
	for _, e := range rows {
		j.note("occurrence", uuid.UUID(e.Uid.Bytes), int(e.Events), e.State, now, settledData{
			Attempts: int(e.Attempts), Deferred: int(e.Deferred), Rang: e.Rang,
		})
	}
	return len(rows), nil
}

// cancelPromises is endPromises for those that are kept no more.
func (j *journal) cancelPromises(ctx context.Context, q *sqldb.Queries, ids []int64, now time.Time) (int, error) {
	p := sqldb.EndPromisesParams{OccurrenceIds: ids, States: make([]string, len(ids))}
	for i := range p.States {
		p.States[i] = string(call.OccurrenceCancelled)
	}
	return j.endPromises(ctx, q, p, now)
}
