package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/rappel-tel/rappel/pkg/postgres/internal/sqldb"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// unitSeparator parts the members of a list within one row; no word of ours holds it.
const unitSeparator = "\x1f"

// page is what may be done inside one Edit.
type page struct {
	scheme  int64
	now     time.Time
	tx      pgx.Tx
	query   *sqldb.Queries
	refused refusals
	put     counted
	changed []int64 // Agreements that ended, or whose calls are no longer wanted.
	moved   []int64 // People whose calls are to be planned anew.
	// declined are people who refuse or withdraw consent.
	declined []int64
	proposed []int64 // People who had a place in the book, and have to be asked now.
	journal  journal
	// replanned is what became of promises.
	replanned Replanned
	// also, when it is set, is done in the transaction that writes the people, once it holds the scheme.
	also    func(context.Context, *sqldb.Queries, *journal) error
	release func() // Gives the scheme's turn to the next; nil when it was not taken.
}

type counted struct{ staff, beneficiaries int }

// Len is how many people were put.
func (c counted) Len() int { return c.staff + c.beneficiaries }

// refusals returns which of the numbers are refused.
type refusals func(ctx context.Context, q *sqldb.Queries, scheme int64, numbers []string) (map[string]bool, error)

// Find implements roster.Page.
func (p *page) Find(ctx context.Context, refs []string) (roster.People, error) {
	var found roster.People
	if len(refs) == 0 {
		return found, nil
	}
	staff, err := p.query.FindStaff(ctx, sqldb.FindStaffParams{SchemeID: p.scheme, Refs: refs})
	if err != nil {
		return found, fmt.Errorf("find staff: %w", storeError(err))
	}
	for _, r := range staff {
		found.Staff = append(found.Staff, staffOf(r))
	}
	rows, err := p.query.FindBeneficiaries(ctx, sqldb.FindBeneficiariesParams{SchemeID: p.scheme, Refs: refs})
	if err != nil {
		return found, fmt.Errorf("find beneficiaries: %w", storeError(err))
	}
	found.Beneficiaries, err = beneficiariesOf(ctx, p.query, p.scheme, rows)
	return found, err
}

// Alike implements roster.Page.
func (p *page) Alike(ctx context.Context, people roster.People) ([]roster.Likeness, error) {
	var list []roster.Likeness
	if len(people.Staff) > 0 {
		refs := refsOf(people.Staff, func(s roster.Staff) string { return s.Ref })
		rows, err := p.query.AlikeStaff(ctx, sqldb.AlikeStaffParams{SchemeID: p.scheme, Refs: refs})
		if err != nil {
			return nil, fmt.Errorf("look for likenesses: %w", storeError(err))
		}
		for _, r := range rows {
			list = append(list, roster.Likeness{Ref: r.Ref, Other: r.Other, Name: r.SameName, Number: r.SameNumber})
		}
	}
	if len(people.Beneficiaries) > 0 {
		refs := refsOf(people.Beneficiaries, func(b roster.Beneficiary) string { return b.Ref })
		rows, err := p.query.AlikeBeneficiaries(ctx, sqldb.AlikeBeneficiariesParams{SchemeID: p.scheme, Refs: refs})
		if err != nil {
			return nil, fmt.Errorf("look for likenesses: %w", storeError(err))
		}
		for _, r := range rows {
			list = append(list, roster.Likeness{Ref: r.Ref, Other: r.Other, Name: r.SameName, Number: r.SameNumber})
		}
	}
	return list, nil
}

// Put implements roster.Page. It runs inside a savepoint, so that what it refuses spoils nothing else of the edit.
func (p *page) Put(ctx context.Context, people roster.People) error {
	var changed, moved, declined, proposed []int64
	err := pgx.BeginFunc(ctx, p.tx, func(tx pgx.Tx) error {
		w := &putting{scheme: p.scheme, now: instant(p.now), query: p.query.WithTx(tx), refused: p.refused}
		if err := w.staff(ctx, people.Staff); err != nil {
			return err
		}
		if err := w.beneficiaries(ctx, people.Beneficiaries); err != nil {
			return err
		}
		changed, moved, proposed = w.changed, w.moved.list, w.proposed
		for id, now := range w.declined {
			if now {
				declined = append(declined, id)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("put people: %w", refused(storeError(err)))
	}
	p.changed, p.moved = append(p.changed, changed...), append(p.moved, moved...)
	p.declined, p.proposed = append(p.declined, declined...), append(p.proposed, proposed...)
	p.put.staff += len(people.Staff)
	p.put.beneficiaries += len(people.Beneficiaries)
	return nil
}

// settle takes the scheme's lock, cancels the calls that are no longer wanted, and writes the events.
func (p *page) settle(ctx context.Context, s *Store) error {
	turn := s.turn(p.scheme)
	select {
	case turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	p.release = func() { <-turn }
	lead, err := lockLeadBeside(ctx, p.query, p.scheme)
	if err != nil {
		return err
	}
	p.journal = newJournal(p.scheme, lead.Epoch, lead)
	revised, err := s.replan(ctx, p.query, &p.journal, replanning{now: p.now, people: p.moved, held: true})
	if err != nil {
		return fmt.Errorf("plan changed agreements anew: %w", err)
	}
	if len(p.changed)+len(p.declined)+len(p.proposed) > 0 {
		rows, err := p.query.CancelOccurrences(ctx, sqldb.CancelOccurrencesParams{
			SchemeID: p.scheme, AgreementIds: p.changed, Declined: p.declined, Proposed: p.proposed, Now: instant(p.now),
		})
		if err != nil {
			return fmt.Errorf("cancel calls: %w", err)
		}
		for _, r := range rows {
			p.journal.note("occurrence", uuid.UUID(r.Uid.Bytes), int(r.Events), "cancelled", p.now, settledData{
				Attempts: int(r.Attempts), Deferred: int(r.Deferred), Rang: r.Rang,
			})
		}
		revised.Cancelled += len(rows)
	}
	p.replanned = revised
	p.journal.noteScheme("roster", p.now, rosterData{
		Staff: p.put.staff, Beneficiaries: p.put.beneficiaries, Cancelled: revised.Cancelled,
		Moved: revised.Moved, Booked: revised.Booked,
	})
	if p.also != nil {
		if err := p.also(ctx, p.query, &p.journal); err != nil {
			return err
		}
	}
	return p.journal.write(ctx, p.query)
}

// putting writes the people of one Put.
type putting struct {
	scheme  int64
	now     pgtype.Timestamptz
	query   *sqldb.Queries
	refused refusals
	changed []int64
	moved   set[int64] // People whose calls are to be planned anew.
	// declined holds who refuses or withdraws consent by this Put.
	declined map[int64]bool
	known    map[int64]bool // People who were in the book before.
	proposed []int64        // Of those, who has to be asked now.
}

func (w *putting) refs(ctx context.Context, refs []string, staff bool) error {
	if slices.Contains(refs, "") {
		return fmt.Errorf("%w: it has no ref", roster.ErrRefused)
	}
	if err := w.query.InsertRefs(ctx, sqldb.InsertRefsParams{SchemeID: w.scheme, Refs: refs, Staff: staff}); err != nil {
		return fmt.Errorf("write refs: %w", err)
	}
	foreign, err := w.query.CountForeignRefs(ctx, sqldb.CountForeignRefsParams{SchemeID: w.scheme, Refs: refs, Staff: staff})
	if err != nil {
		return fmt.Errorf("check refs: %w", err)
	}
	if foreign > 0 {
		return fmt.Errorf("%w: its ref belongs to a person of the other kind", roster.ErrRefused)
	}
	return nil
}

func (w *putting) staff(ctx context.Context, list []roster.Staff) error {
	if len(list) == 0 {
		return nil
	}
	if err := w.refs(ctx, refsOf(list, func(s roster.Staff) string { return s.Ref }), true); err != nil {
		return err
	}
	p := sqldb.UpsertStaffParams{SchemeID: w.scheme, Now: w.now}
	for _, s := range list {
		s = s.Normal()
		id, err := uuid.NewV7()
		if err != nil {
			return fmt.Errorf("make caller id: %w", err)
		}
		phone := PhoneSoftphone
		if s.Number.E164 != "" {
			phone = PhoneOrdinary
		}
		p.Uids = append(p.Uids, pgtype.UUID{Bytes: id, Valid: true})
		p.Refs = append(p.Refs, s.Ref)
		p.GivenNames = append(p.GivenNames, s.Given)
		p.FamilyNames = append(p.FamilyNames, s.Family)
		p.NameKeys = append(p.NameKeys, roster.NameKey(s.Given, s.Family))
		p.Roles = append(p.Roles, strings.Join(words(s.Roles), unitSeparator))
		p.Languages = append(p.Languages, strings.Join(words(s.Languages), unitSeparator))
		p.Skills = append(p.Skills, strings.Join(s.Skills, unitSeparator))
		p.Enabled = append(p.Enabled, !s.Disabled)
		p.Phones = append(p.Phones, phone)
		p.Endpoints = append(p.Endpoints, newEndpoint())
		p.Secrets = append(p.Secrets, newSecret())
		p.Numbers = append(p.Numbers, s.Number.E164)
		p.Extensions = append(p.Extensions, s.Number.Extension)
		p.LoadTalks = append(p.LoadTalks, s.Load.Talk.Milliseconds())
		p.LoadCalls = append(p.LoadCalls, int32(s.Load.Calls))
		p.LoadHards = append(p.LoadHards, int32(s.Load.Hard))
		p.LoadInRows = append(p.LoadInRows, int32(s.Load.HardInRow))
		p.LoadBreathers = append(p.LoadBreathers, s.Load.Breather.Milliseconds())
	}
	rows, err := w.query.UpsertStaff(ctx, p)
	if err != nil {
		return fmt.Errorf("write staff: %w", err)
	}
	ids := make([]int64, len(rows))
	for i, r := range rows {
		ids[i] = r.CallerID
	}
	err = w.query.InsertCallerStatus(ctx, sqldb.InsertCallerStatusParams{SchemeID: w.scheme, CallerIds: ids, Now: w.now})
	if err != nil {
		return fmt.Errorf("write states of callers: %w", err)
	}
	return nil
}

func (w *putting) beneficiaries(ctx context.Context, list []roster.Beneficiary) error {
	if len(list) == 0 {
		return nil
	}
	if err := w.refs(ctx, refsOf(list, func(b roster.Beneficiary) string { return b.Ref }), false); err != nil {
		return err
	}
	callers, err := w.callers(ctx, list)
	if err != nil {
		return err
	}
	p := sqldb.UpsertBeneficiariesParams{SchemeID: w.scheme, Now: w.now}
	normal, known := make(map[string]roster.Beneficiary, len(list)), zones{}
	for _, b := range list {
		b = b.Normal()
		if len(b.Numbers) == 0 {
			return fmt.Errorf("%w: it has no number", roster.ErrRefused)
		}
		if err := roster.CheckContactPeople(b.Contacts); err != nil {
			return fmt.Errorf("%w: %w", roster.ErrRefused, err)
		}
		if b.Zone != "" && known.find(b.Zone) == nil {
			return fmt.Errorf("%w: it has an unknown time zone", roster.ErrRefused)
		}
		id, err := uuid.NewV7()
		if err != nil {
			return fmt.Errorf("make beneficiary id: %w", err)
		}
		normal[b.Ref] = b
		p.Uids = append(p.Uids, pgtype.UUID{Bytes: id, Valid: true})
		p.Refs = append(p.Refs, b.Ref)
		p.GivenNames = append(p.GivenNames, b.Given)
		p.FamilyNames = append(p.FamilyNames, b.Family)
		p.NameKeys = append(p.NameKeys, roster.NameKey(b.Given, b.Family))
		p.Languages = append(p.Languages, string(b.Language))
		p.Zones = append(p.Zones, b.Zone)
		p.Classes = append(p.Classes, int16(b.Class))
		p.Sources = append(p.Sources, string(b.Source))
		p.Purposes = append(p.Purposes, string(b.Purpose))
		p.ReferenceIds = append(p.ReferenceIds, callers[b.Reference])
		p.DeputyIds = append(p.DeputyIds, callers[b.Deputy])
		p.LongerWaits, p.Simpler = append(p.LongerWaits, b.LongerWaits), append(p.Simpler, b.Simpler)
		p.StraightToPerson = append(p.StraightToPerson, b.StraightToPerson)
	}
	before, err := w.query.ZonesByRef(ctx, sqldb.ZonesByRefParams{SchemeID: w.scheme, Refs: p.Refs})
	if err != nil {
		return fmt.Errorf("read time zones: %w", err)
	}
	if err := w.notRefused(ctx, list, before); err != nil {
		return err
	}
	w.known = make(map[int64]bool, len(before))
	for _, r := range before {
		w.known[r.BeneficiaryID] = true
		if normal[r.Ref].Zone != r.Zone {
			w.moved.add(r.BeneficiaryID)
		}
	}
	rows, err := w.query.UpsertBeneficiaries(ctx, p)
	if err != nil {
		return fmt.Errorf("write beneficiaries: %w", err)
	}
	people := make(map[int64]roster.Beneficiary, len(rows))
	ids := make([]int64, len(rows))
	for i, r := range rows {
		ids[i], people[r.BeneficiaryID] = r.BeneficiaryID, normal[r.Ref]
	}
	for _, write := range []func(context.Context, []int64, map[int64]roster.Beneficiary) error{w.numbers, w.contacts, w.consents, w.agreements} {
		if err := write(ctx, ids, people); err != nil {
			return err
		}
	}
	return nil
}

// callers returns the keys of reference callers and deputies by their refs.
func (w *putting) callers(ctx context.Context, list []roster.Beneficiary) (map[string]int64, error) {
	var refs set[string]
	for _, b := range list {
		for _, ref := range []string{b.Reference, b.Deputy} {
			if ref != "" {
				refs.add(ref)
			}
		}
	}
	found := map[string]int64{}
	if len(refs.list) == 0 {
		return found, nil
	}
	rows, err := w.query.CallersByRef(ctx, sqldb.CallersByRefParams{SchemeID: w.scheme, Refs: refs.list})
	if err != nil {
		return nil, fmt.Errorf("find reference callers: %w", err)
	}
	for _, r := range rows {
		found[r.Ref] = r.CallerID
	}
	if len(found) < len(refs.list) {
		return nil, fmt.Errorf("%w: its reference caller or deputy is not on the staff", roster.ErrRefused)
	}
	return found, nil
}

func (w *putting) numbers(ctx context.Context, ids []int64, people map[int64]roster.Beneficiary) error {
	if err := w.query.DeleteNumbers(ctx, sqldb.DeleteNumbersParams{SchemeID: w.scheme, BeneficiaryIds: ids}); err != nil {
		return fmt.Errorf("replace numbers: %w", err)
	}
	p := sqldb.InsertNumbersParams{SchemeID: w.scheme}
	for _, id := range ids {
		for i, n := range people[id].Numbers {
			p.BeneficiaryIds = append(p.BeneficiaryIds, id)
			p.Positions = append(p.Positions, int16(i+1))
			p.Numbers = append(p.Numbers, n.E164)
			p.Extensions = append(p.Extensions, n.Extension)
		}
	}
	if err := w.query.InsertNumbers(ctx, p); err != nil {
		return fmt.Errorf("write numbers: %w", err)
	}
	return nil
}

// consents writes what is new about consent, and enters everybody into the register of the purpose.
func (w *putting) consents(ctx context.Context, ids []int64, people map[int64]roster.Beneficiary) error {
	p := sqldb.InsertConsentsParams{SchemeID: w.scheme, Now: w.now}
	entries := sqldb.InsertEntriesParams{SchemeID: w.scheme, Now: w.now}
	var purposes set[string]
	for _, id := range ids {
		b := people[id]
		purposes.add(string(b.Purpose))
		p.BeneficiaryIds = append(p.BeneficiaryIds, id)
		p.Purposes = append(p.Purposes, string(b.Purpose))
		p.States = append(p.States, string(b.Consent.State))
		p.GivenOn = append(p.GivenOn, localDate(b.Consent.On))
		p.Hows = append(p.Hows, b.Consent.How)
	}
	fresh, err := w.query.InsertConsents(ctx, p)
	if err != nil {
		return fmt.Errorf("write consent: %w", err)
	}
	w.declined = map[int64]bool{}
	for _, id := range fresh {
		state := people[id].Consent.State
		w.declined[id] = state == roster.ConsentRefused || state == roster.ConsentWithdrawn
		if w.known[id] {
			w.moved.add(id) // What she may be called for has changed.
			if state == roster.ConsentProposed {
				w.proposed = append(w.proposed, id)
			}
		}
	}
	if err := w.query.EnsureRegisters(ctx, sqldb.EnsureRegistersParams{SchemeID: w.scheme, Purposes: purposes.list}); err != nil {
		return fmt.Errorf("write registers: %w", err)
	}
	entries.BeneficiaryIds, entries.Purposes = p.BeneficiaryIds, p.Purposes
	if err := w.query.InsertEntries(ctx, entries); err != nil {
		return fmt.Errorf("write register entries: %w", err)
	}
	return nil
}

// agreements ends the agreements that have changed and makes those that are new.
func (w *putting) agreements(ctx context.Context, ids []int64, people map[int64]roster.Beneficiary) error {
	current, err := w.query.CurrentAgreements(ctx, sqldb.CurrentAgreementsParams{SchemeID: w.scheme, BeneficiaryIds: ids})
	if err != nil {
		return fmt.Errorf("read agreements: %w", err)
	}
	kept, places := map[int64]bool{}, map[int64]roster.Place{}
	var ended []int64
	for _, r := range current {
		b := people[r.BeneficiaryID]
		// Whoever declines keeps her terms in case she changes her mind, as an agreement without calls.
		if w.declined[r.BeneficiaryID] || !termsOf(r).Equal(b.Agreement) {
			ended = append(ended, r.AgreementID)
			w.moved.add(r.BeneficiaryID)
			if old := termsOf(r); old.Cadence == b.Agreement.Cadence && old.PerWeek == b.Agreement.PerWeek {
				places[r.BeneficiaryID] = old.Place // Free days stay what they were.
			}
		} else {
			kept[r.BeneficiaryID] = true
		}
	}
	w.changed = append(w.changed, ended...)
	if len(ended) > 0 {
		err := w.query.EndAgreements(ctx, sqldb.EndAgreementsParams{SchemeID: w.scheme, AgreementIds: ended, Now: w.now})
		if err != nil {
			return fmt.Errorf("end agreements: %w", err)
		}
	}
	p := sqldb.InsertAgreementsParams{SchemeID: w.scheme, Now: w.now}
	for _, id := range ids {
		a := people[id].Agreement
		if a.Cadence == "" || kept[id] {
			continue
		}
		uid, err := uuid.NewV7()
		if err != nil {
			return fmt.Errorf("make agreement id: %w", err)
		}
		p.Uids = append(p.Uids, pgtype.UUID{Bytes: uid, Valid: true})
		p.BeneficiaryIds = append(p.BeneficiaryIds, id)
		p.Cadences = append(p.Cadences, string(a.Cadence))
		p.PerWeeks = append(p.PerWeeks, int16(a.PerWeek))
		p.Days = append(p.Days, joined(a.Days))
		begins, ends := make([]roster.Clock, len(a.Windows)), make([]roster.Clock, len(a.Windows))
		on, days := make([]int, len(a.Windows)), make([]string, len(a.Dates))
		for i, window := range a.Windows {
			begins[i], ends[i], on[i] = window.Begin, window.End, int(window.Days)
		}
		for i, date := range a.Dates {
			days[i] = date.Format(time.DateOnly)
		}
		p.Begins = append(p.Begins, joined(begins))
		p.Ends = append(p.Ends, joined(ends))
		p.Lengths = append(p.Lengths, a.Length.Milliseconds())
		p.ValidFroms = append(p.ValidFroms, localDate(a.ValidFrom))
		p.ValidUntils = append(p.ValidUntils, localDate(a.ValidUntil))
		p.Continuities = append(p.Continuities, string(a.Continuity))
		p.CallerRings = append(p.CallerRings, a.CallerRing.Milliseconds())
		p.Rings = append(p.Rings, a.Ring.Milliseconds())
		p.WindowDays = append(p.WindowDays, joined(on))
		p.MonthDays = append(p.MonthDays, int16(a.MonthDay))
		p.Nths = append(p.Nths, int16(a.Nth))
		p.Dates = append(p.Dates, strings.Join(days, ","))
		place, placed := places[id], int16(-1)
		if place.Days != 0 && len(a.Days) == 0 {
			placed = int16(place.Days)
		}
		p.PlaceDays = append(p.PlaceDays, placed)
		p.PlaceWeeks = append(p.PlaceWeeks, int16(place.Week))
		p.Skills = append(p.Skills, strings.Join(a.Skills, unitSeparator))
		p.Hards = append(p.Hards, a.Hard)
	}
	if len(p.Uids) == 0 {
		return nil
	}
	if err := w.query.InsertAgreements(ctx, p); err != nil {
		return fmt.Errorf("write agreements: %w", err)
	}
	return nil
}

func joined[T ~int | ~int16](list []T) string {
	out := make([]string, len(list))
	for i, n := range list {
		out[i] = strconv.Itoa(int(n))
	}
	return strings.Join(out, ",")
}

func refsOf[T any](list []T, ref func(T) string) []string {
	refs := make([]string, len(list))
	for i, one := range list {
		refs[i] = ref(one)
	}
	return refs
}

// SQLSTATE classes that say that a value cannot be kept: data exception, integrity, the same row twice in one statement.
const (
	classData        = "22"
	classIntegrity   = "23"
	classCardinality = "21"
)

// refused wraps roster.ErrRefused around an error that says that the record is at fault.
func refused(err error) error {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || len(pg.Code) != 5 || errors.Is(err, roster.ErrRefused) {
		return err
	}
	switch pg.Code[:2] {
	case classData, classIntegrity, classCardinality:
		return fmt.Errorf("%w: %w", roster.ErrRefused, err)
	}
	return err
}
