package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"math"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/postgres/internal/sqldb"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/schedule"
)

// The rows of this file are decoded by hand from Postgres's binary format: a large scheme loads a million of them.

// A dispatcher that holds every call of a nation's week needs gigabytes and minutes to start. So of what opens later than
// now heldAhead calls are loaded at most, but everything that opens within heldLeast: the index of opens_at holds the rest.
const (
	heldAhead = 20_000
	heldLeast = 30 * time.Minute
)

// loadRange says which occurrences are loaded. Part is set when those after until are left out.
type loadRange struct {
	from, until time.Time
	part        bool
}

// reach shortens a range to what is held at now.
func (r *loadRange) reach(ctx context.Context, q *sqldb.Queries, scheme int64, now time.Time) error {
	opens, err := q.OpensAhead(ctx, sqldb.OpensAheadParams{
		SchemeID: scheme, Now: instant(now), Until: instant(r.until), Ahead: heldAhead,
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	} else if err != nil {
		return fmt.Errorf("read how much lies ahead: %w", err)
	}
	until := when(opens)
	if least := now.Add(heldLeast); until.Before(least) {
		until = least
	}
	if until.Before(r.until) {
		r.until, r.part = until, true
	}
	return nil
}

// person is what an occurrence takes from its agreement and its beneficiary.
type person struct {
	beneficiary int64
	numbers     []string
	terms       roster.Agreement
	class       int
	language    roster.Language
	reference   int64
	deputy      int64
	lastCaller  int64
	zone        *time.Location // nil means the scheme's.
	agreed      call.Kind
}

// bare is an occurrence as its row has it, a sixth of the size of what the dispatcher holds.
type bare struct {
	id, agreement, beneficiary         int64
	opens, closes, notBefore, lengthMS int64 // Microseconds as Postgres counts them; milliseconds.
	kind                               call.Kind
	state                              call.OccurrenceState
	deferred, attempts                 int16
	day                                int32
	rang                               bool
}

// bareList grows without moving what it holds.
type bareList struct {
	chunks [][]bare
	n      int
}

func (l *bareList) add(row [][]byte) { l.put(decodeBare(row)) }

func (l *bareList) put(o bare) {
	const chunk = 4096
	if l.n%chunk == 0 {
		l.chunks = append(l.chunks, make([]bare, 0, chunk))
	}
	last := &l.chunks[len(l.chunks)-1]
	*last = append(*last, o)
	l.n++
}

func (l *bareList) all() iter.Seq[*bare] {
	return func(yield func(*bare) bool) {
		for _, chunk := range l.chunks {
			for i := range chunk {
				if !yield(&chunk[i]) {
					return
				}
			}
		}
	}
}

// loadOccurrences adds the open occurrences to the snapshot and returns when the earliest of them opens.
func loadOccurrences(ctx context.Context, q *sqldb.Queries, snap *dispatch.Snapshot, r loadRange, pauses map[int64][]schedule.Pause) (earliest time.Time, err error) {
	scheme := snap.Scheme.ID
	var found bareList
	err = q.EachOccurrence(ctx, sqldb.StreamOccurrencesParams{
		SchemeID: scheme, LoadFrom: infinityInstant(r.from), Until: instant(r.until),
	}, found.add)
	if err != nil {
		return earliest, fmt.Errorf("read occurrences: %w", err)
	}
	first := int64(math.MaxInt64)
	under := map[int64]struct{}{}
	for o := range found.all() {
		first = min(first, o.opens)
		if o.state != call.OccurrenceOpen {
			under[o.id] = struct{}{}
		}
	}
	if found.n > 0 {
		earliest = timestamp(first)
	}
	var missing []int64
	for _, a := range snap.Live {
		if _, ok := under[a.Occurrence]; !ok {
			missing = append(missing, a.Occurrence)
		}
	}
	if len(missing) > 0 {
		if err := q.EachOccurrenceByID(ctx, scheme, missing, found.add); err != nil {
			return earliest, fmt.Errorf("read occurrences of live attempts: %w", err)
		}
	}
	people, err := loadPeople(ctx, q, scheme, &found, r.part)
	if err != nil {
		return earliest, err
	}
	snap.Occurrences = make([]dispatch.Occurrence, 0, found.n)
	for o := range found.all() {
		// Whoever has no number cannot be rung; a book refuses such people.
		if p := people[o.agreement]; p != nil && len(p.numbers) > 0 {
			snap.Occurrences = append(snap.Occurrences, o.occurrence(p, pauses[o.beneficiary]))
		}
	}
	return earliest, nil
}

// occurrence is what the dispatcher holds of a row.
func (o *bare) occurrence(p *person, pauses []schedule.Pause) dispatch.Occurrence {
	return dispatch.Occurrence{
		ID: o.id, Agreement: o.agreement, Beneficiary: o.beneficiary, Kind: o.kind, State: o.state, Class: p.class,
		Opens: timestamp(o.opens), Closes: timestamp(o.closes), NotBefore: timestamp(o.notBefore),
		Length: milliseconds(o.lengthMS), Deferred: int(o.deferred), Attempts: int(o.attempts), Rang: o.rang,
		Language: p.language, Reference: p.reference, Deputy: p.deputy, LastCaller: p.lastCaller,
		Skills: p.terms.Skills, Hard: p.terms.Hard,
		Continuity: p.terms.Continuity, Numbers: p.numbers, CallerRing: p.terms.CallerRing, Ring: p.terms.Ring,
		LocalDate: day(int64(o.day)), Terms: p.terms, PersonZone: p.zone,
		Pauses: pauses, Queued: o.agreement < 0, Agreed: p.agreed,
	}
}

// loadPeople reads, by agreement, the terms and the person: of every agreement that is current, or has calls among those
// found; of these alone when they are a part.
func loadPeople(ctx context.Context, q *sqldb.Queries, scheme int64, found *bareList, part bool) (map[int64]*person, error) {
	people, known := map[int64]*person{}, zones{}
	add := func(row [][]byte) {
		p := decodePerson(row)
		p.zone, p.agreed = known.find(string(row[24])), kindOf(row[27])
		people[integer(row[0])] = &p
	}
	// Most agreements are current: the ended ones are asked for only when some are missing.
	if !part {
		if err := q.EachAgreement(ctx, scheme, add); err != nil {
			return nil, fmt.Errorf("read agreements: %w", err)
		}
	}
	var missing, callbacks set[int64]
	for o := range found.all() {
		switch {
		case o.agreement < 0:
			callbacks.add(o.agreement)
		case people[o.agreement] == nil:
			missing.add(o.agreement)
		}
	}
	if len(missing.list) > 0 {
		if err := q.EachAgreementByID(ctx, scheme, missing.list, add); err != nil {
			return nil, fmt.Errorf("read agreements of calls: %w", err)
		}
	}
	if err := loadNumbers(ctx, q, scheme, people, part); err != nil {
		return nil, fmt.Errorf("read numbers: %w", err)
	}
	if len(callbacks.list) > 0 {
		if err := loadCallbacks(ctx, q, scheme, callbacks.list, people); err != nil {
			return nil, err
		}
	}
	return people, nil
}

// loadNumbers reads the numbers of people, who are a part of the scheme's or all.
func loadNumbers(ctx context.Context, q *sqldb.Queries, scheme int64, people map[int64]*person, part bool) (err error) {
	numbers := make(map[int64][]string, len(people))
	add := func(row [][]byte) {
		id := integer(row[0])
		numbers[id] = append(numbers[id], string(row[1]))
	}
	if part {
		var ids set[int64]
		for _, p := range people {
			ids.add(p.beneficiary)
		}
		err = q.EachNumberOf(ctx, scheme, ids.list, add)
	} else {
		err = q.EachNumber(ctx, scheme, add)
	}
	for _, p := range people {
		p.numbers = numbers[p.beneficiary]
	}
	return err
}

func decodeBare(row [][]byte) bare {
	return bare{
		id: integer(row[0]), agreement: integer(row[1]), beneficiary: integer(row[2]), kind: kindOf(row[3]), state: stateOf(row[4]),
		opens: integer(row[5]), closes: integer(row[6]), notBefore: integer(row[7]), lengthMS: integer(row[8]),
		deferred: int16(integer(row[9])), attempts: int16(integer(row[10])), rang: row[11][0] != 0, day: int32(integer(row[12])),
	}
}

func decodePerson(row [][]byte) person {
	return person{
		beneficiary: integer(row[1]),
		terms: roster.Agreement{
			Cadence: roster.Cadence(row[2]), PerWeek: int(integer(row[3])), Days: weekdays(smallints(row[4])),
			Windows: windows(smallints(row[5]), smallints(row[6]), smallints(row[18])), Length: milliseconds(integer(row[7])),
			ValidFrom: date(row[8]), ValidUntil: date(row[9]), Continuity: roster.Continuity(row[10]),
			CallerRing: milliseconds(integer(row[11])), Ring: milliseconds(integer(row[12])),
			MonthDay: int(integer(row[19])), Nth: int(integer(row[20])), Dates: dateList(row[21]),
			Place:  roster.Place{Days: roster.Weekdays(integer(row[22])), Week: int(integer(row[23]))},
			Skills: texts(row[25]), Hard: row[26][0] != 0,
		},
		reference: integer(row[13]), deputy: integer(row[14]), class: int(integer(row[15])),
		language: roster.Language(row[16]), lastCaller: integer(row[17]),
	}
}

// kindOf and stateOf spare an allocation for the words that nearly every row holds.
func kindOf(b []byte) call.Kind {
	if string(b) == string(call.KindScheduled) {
		return call.KindScheduled
	}
	return call.Kind(b)
}

func stateOf(b []byte) call.OccurrenceState {
	if string(b) == string(call.OccurrenceOpen) {
		return call.OccurrenceOpen
	}
	return call.OccurrenceState(b)
}

// integer decodes a smallint, integer or bigint.
func integer(b []byte) int64 {
	switch len(b) {
	case 2:
		return int64(int16(binary.BigEndian.Uint16(b)))
	case 4:
		return int64(int32(binary.BigEndian.Uint32(b)))
	default:
		return int64(binary.BigEndian.Uint64(b))
	}
}

// postgresEpoch is 1 January 2000 in seconds since 1970: Postgres counts microseconds and days from there.
const postgresEpoch = 946684800

func timestamp(micros int64) time.Time {
	return time.Unix(postgresEpoch+micros/1e6, micros%1e6*1e3).UTC()
}

// microseconds is the reverse of timestamp.
func microseconds(t time.Time) int64 { return t.UnixMicro() - postgresEpoch*1e6 }

// date decodes a date; null is the zero time.
func date(b []byte) time.Time {
	if b == nil {
		return time.Time{}
	}
	return day(integer(b))
}

func day(n int64) time.Time { return time.Unix(postgresEpoch+86400*n, 0).UTC() }

// smallints decodes a smallint[] of one dimension without nulls: three words of header, two of dimension, then each
// element with its length.
func smallints(b []byte) []int16 {
	const header, element = 20, 6
	if len(b) < header {
		return nil
	}
	list := make([]int16, 0, (len(b)-header)/element)
	for b = b[header:]; len(b) >= element; b = b[element:] {
		list = append(list, int16(binary.BigEndian.Uint16(b[4:])))
	}
	return list
}

// dateList decodes a date[] of one dimension without nulls, as smallints does.
func dateList(b []byte) []time.Time {
	const header, element = 20, 8
	if len(b) < header {
		return nil
	}
	list := make([]time.Time, 0, (len(b)-header)/element)
	for b = b[header:]; len(b) >= element; b = b[element:] {
		list = append(list, date(b[4:element]))
	}
	return list
}

// texts decodes a text[] of one dimension without nulls, as smallints does.
func texts(b []byte) []string {
	const header, length = 20, 4
	if len(b) < header {
		return nil
	}
	var list []string
	for b = b[header:]; len(b) >= length; {
		n := length + int(binary.BigEndian.Uint32(b))
		list = append(list, string(b[length:n]))
		b = b[n:]
	}
	return list
}

// infinityInstant turns a time into what the database keeps; the zero time is before all others.
func infinityInstant(t time.Time) pgtype.Timestamptz {
	if t.IsZero() {
		return pgtype.Timestamptz{InfinityModifier: pgtype.NegativeInfinity, Valid: true}
	}
	return instant(t)
}
