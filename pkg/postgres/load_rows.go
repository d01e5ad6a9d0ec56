package postgres

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/postgres/internal/sqldb"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/schedule"
)

// The rows of this file are decoded by hand from Postgres's binary format: a large scheme loads a million of them.

type loadRange struct{ from, until time.Time }

// person is what an occurrence takes from its agreement and its beneficiary.
type person struct {
	terms      roster.Agreement
	class      int
	language   roster.Language
	reference  int64
	deputy     int64
	lastCaller int64
}

// loadOccurrences adds the open occurrences to the snapshot and returns when the earliest of them opens.
func loadOccurrences(ctx context.Context, q *sqldb.Queries, snap *dispatch.Snapshot, r loadRange, pauses map[int64][]schedule.Span) (earliest time.Time, err error) {
	scheme := snap.Scheme.ID
	add := func(row [][]byte) { snap.Occurrences = append(snap.Occurrences, decodeOccurrence(row)) }
	err = q.EachOccurrence(ctx, sqldb.StreamOccurrencesParams{
		SchemeID: scheme, LoadFrom: infinityInstant(r.from), Until: instant(r.until),
	}, add)
	if err != nil {
		return earliest, fmt.Errorf("read occurrences: %w", err)
	}
	agreements := map[int64]struct{}{}
	have := map[int64]struct{}{}
	for i := range snap.Occurrences {
		o := &snap.Occurrences[i]
		if earliest.IsZero() || o.Opens.Before(earliest) {
			earliest = o.Opens
		}
		agreements[o.Agreement] = struct{}{}
		if o.State != call.OccurrenceOpen {
			have[o.ID] = struct{}{}
		}
	}
	var missing []int64
	for _, a := range snap.Live {
		if _, ok := have[a.Occurrence]; !ok {
			missing = append(missing, a.Occurrence)
		}
	}
	if len(missing) > 0 {
		first := len(snap.Occurrences)
		if err := q.EachOccurrenceByID(ctx, scheme, missing, add); err != nil {
			return earliest, fmt.Errorf("read occurrences of live attempts: %w", err)
		}
		for _, o := range snap.Occurrences[first:] {
			agreements[o.Agreement] = struct{}{}
		}
	}
	people, numbers, err := loadPeople(ctx, q, scheme, agreements)
	if err != nil {
		return earliest, err
	}
	kept := snap.Occurrences[:0]
	for _, o := range snap.Occurrences {
		p := people[o.Agreement]
		o.Numbers = numbers[o.Beneficiary]
		// Without a number nobody can be rung; the promise shows as missed when the dispatcher does not hold it.
		if p == nil {
			continue
		}
		o.Class, o.Language, o.Reference, o.Deputy, o.LastCaller = p.class, p.language, p.reference, p.deputy, p.lastCaller
		o.Continuity, o.CallerRing, o.Ring, o.Terms = p.terms.Continuity, p.terms.CallerRing, p.terms.Ring, p.terms
		o.Pauses = pauses[o.Beneficiary]
		kept = append(kept, o)
	}
	snap.Occurrences = kept
	return earliest, nil
}

// loadPeople reads the terms of every agreement that is current or among the given ones, and everybody's numbers.
func loadPeople(ctx context.Context, q *sqldb.Queries, scheme int64, also map[int64]struct{}) (map[int64]*person, map[int64][]string, error) {
	ids := make([]int64, 0, len(also))
	people := make(map[int64]*person, len(also))
	add := func(row [][]byte) {
		p := decodePerson(row)
		people[integer(row[0])] = &p
	}
	// Most agreements are current: the ended ones are asked for only when some are missing.
	if err := q.EachAgreement(ctx, scheme, nil, add); err != nil {
		return nil, nil, fmt.Errorf("read agreements: %w", err)
	}
	for id := range also {
		if people[id] == nil {
			ids = append(ids, id)
		}
	}
	if len(ids) > 0 {
		if err := q.EachAgreement(ctx, scheme, ids, add); err != nil {
			return nil, nil, fmt.Errorf("read ended agreements: %w", err)
		}
	}
	numbers := make(map[int64][]string, len(people))
	err := q.EachNumber(ctx, scheme, func(row [][]byte) {
		id := integer(row[0])
		numbers[id] = append(numbers[id], string(row[1]))
	})
	if err != nil {
		return nil, nil, fmt.Errorf("read numbers: %w", err)
	}
	return people, numbers, nil
}

func decodeOccurrence(row [][]byte) dispatch.Occurrence {
	return dispatch.Occurrence{
		ID: integer(row[0]), Agreement: integer(row[1]), Beneficiary: integer(row[2]), Kind: kindOf(row[3]),
		State: stateOf(row[4]), Opens: timestamp(row[5]), Closes: timestamp(row[6]), NotBefore: timestamp(row[7]),
		Length: milliseconds(integer(row[8])), Deferred: int(integer(row[9])), Attempts: int(integer(row[10])),
		Rang: row[11][0] != 0, LocalDate: date(row[12]),
	}
}

func decodePerson(row [][]byte) person {
	return person{
		terms: roster.Agreement{
			Cadence: roster.Cadence(row[2]), PerWeek: int(integer(row[3])), Days: weekdays(smallints(row[4])),
			Windows: windows(smallints(row[5]), smallints(row[6])), Length: milliseconds(integer(row[7])),
			ValidFrom: date(row[8]), ValidUntil: date(row[9]), Continuity: roster.Continuity(row[10]),
			CallerRing: milliseconds(integer(row[11])), Ring: milliseconds(integer(row[12])),
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

func timestamp(b []byte) time.Time {
	micros := integer(b)
	return time.Unix(postgresEpoch+micros/1e6, micros%1e6*1e3).UTC()
}

// date decodes a date; null is the zero time.
func date(b []byte) time.Time {
	if b == nil {
		return time.Time{}
	}
	return time.Unix(postgresEpoch+86400*integer(b), 0).UTC()
}

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

// infinityInstant turns a time into what the database keeps; the zero time is before all others.
func infinityInstant(t time.Time) pgtype.Timestamptz {
	if t.IsZero() {
		return pgtype.Timestamptz{InfinityModifier: pgtype.NegativeInfinity, Valid: true}
	}
	return instant(t)
}
