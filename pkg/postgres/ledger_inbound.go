package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/postgres/internal/sqldb"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// partyRow is a party in the registrars' queue.
type partyRow struct {
	id       uuid.UUID
	language string
	queued   time.Time
	answered time.Time
	left     time.Time
	ended    time.Time
	reason   dispatch.InboundReason
	caller   int64
	events   int
	call     string // Its key at the PBX.

	changed bool
}

// The payloads of a party's events: the wait ends with "answered" or "left", the talk with "ended".
type (
	queuedData struct {
		Language string `json:"language"`
	}
	answeredData struct {
		Language string `json:"language"`
		Caller   string `json:"caller"`
		WaitMS   int64  `json:"wait_ms"`
	}
	leftData struct {
		Language string `json:"language"`
		Reason   string `json:"reason"`
		WaitMS   int64  `json:"wait_ms"`
	}
	talkedData struct {
		Language string `json:"language"`
		Caller   string `json:"caller"`
		TalkMS   int64  `json:"talk_ms"`
	}
)

// inboundStep writes a step of a party down once, in the order queued, then answered and ended, or left.
func (l *ledger) inboundStep(s dispatch.InboundStep) error {
	if l.fenced {
		return dispatch.ErrFenced
	}
	id, err := uuid.Parse(s.Party)
	if err != nil {
		return fmt.Errorf("read id of an inbound party: %w", err)
	}
	row := l.parties[id.String()]
	if row == nil {
		if s.Kind != dispatch.InboundQueued {
			return dispatch.ErrStale
		}
		row = &partyRow{id: id, language: string(s.Language), queued: s.At, call: s.Key}
		l.parties[id.String()] = row
		l.noteParty(row, s, queuedData{Language: row.language})
		return nil
	}
	switch waits := row.answered.IsZero() && row.left.IsZero(); {
	case s.Kind == dispatch.InboundAnswered && waits:
		row.answered, row.caller = s.At, s.Registrar
		l.noteParty(row, s, answeredData{
			Language: row.language, Caller: l.callerUID(s.Registrar), WaitMS: s.At.Sub(row.queued).Milliseconds(),
		})
	case s.Kind == dispatch.InboundLeft && waits:
		row.left, row.reason = s.At, s.Reason
		l.noteParty(row, s, leftData{Language: row.language, Reason: string(s.Reason), WaitMS: s.At.Sub(row.queued).Milliseconds()})
	case s.Kind == dispatch.InboundEnded && !row.answered.IsZero() && row.ended.IsZero():
		row.ended = s.At
		l.noteParty(row, s, talkedData{
			Language: row.language, Caller: l.callerUID(row.caller), TalkMS: s.At.Sub(row.answered).Milliseconds(),
		})
	}
	return nil
}

func (l *ledger) noteParty(row *partyRow, s dispatch.InboundStep, data any) {
	row.events, row.changed = row.events+1, true
	l.journal.note("inbound", row.id, row.events, string(s.Kind), s.At, data)
}

func readParties(ctx context.Context, q *sqldb.Queries, scheme int64, list []string) ([]sqldb.ReadPartiesRow, error) {
	ids := make([]pgtype.UUID, 0, len(list))
	for _, text := range list {
		if id, err := uuid.Parse(text); err == nil {
			ids = append(ids, pgtype.UUID{Bytes: id, Valid: true})
		}
	}
	rows, err := q.ReadParties(ctx, sqldb.ReadPartiesParams{SchemeID: scheme, PartyIds: ids})
	if err != nil {
		return nil, fmt.Errorf("read inbound parties: %w", err)
	}
	return rows, nil
}

func (l *ledger) takeParties(rows []sqldb.ReadPartiesRow) {
	for _, r := range rows {
		id := uuid.UUID(r.PartyID.Bytes)
		l.parties[id.String()] = &partyRow{
			id: id, language: r.Language, queued: when(r.QueuedAt), answered: when(r.AnsweredAt), left: when(r.LeftAt),
			ended: when(r.EndedAt), reason: dispatch.InboundReason(r.Reason), caller: r.CallerID, events: int(r.Events), call: r.CallKey,
		}
	}
}

func (l *ledger) writeParties(ctx context.Context, q *sqldb.Queries) error {
	p := sqldb.WritePartiesParams{SchemeID: l.scheme}
	for _, row := range l.parties {
		if !row.changed {
			continue
		}
		p.PartyIds = append(p.PartyIds, pgtype.UUID{Bytes: row.id, Valid: true})
		p.Languages = append(p.Languages, row.language)
		p.QueuedAts = append(p.QueuedAts, instant(row.queued))
		p.AnsweredAts = append(p.AnsweredAts, instant(row.answered))
		p.LeftAts = append(p.LeftAts, instant(row.left))
		p.EndedAts = append(p.EndedAts, instant(row.ended))
		p.Reasons = append(p.Reasons, string(row.reason))
		p.CallerIds = append(p.CallerIds, row.caller)
		p.Events = append(p.Events, int32(row.events))
		p.CallKeys = append(p.CallKeys, row.call)
	}
	if len(p.PartyIds) == 0 {
		return nil
	}
	return q.WriteParties(ctx, p)
}

// longestTalk is how far back somebody is looked for who was still on the line.
const longestTalk = 24 * time.Hour

// loseParties ends the parties whom a former lead left in the queue or in a talk: whoever leads now knows nothing of them. Who leads
// again finds those who talk at its PBX (readTalks).
func loseParties(ctx context.Context, q *sqldb.Queries, j *journal, again bool, now time.Time) error {
	rows, err := openParties(ctx, q, j.scheme, now)
	if err != nil {
		return err
	}
	l := &ledger{scheme: j.scheme, journal: *j, parties: map[string]*partyRow{}, memory: newMemory()}
	for _, r := range rows {
		if again && talks(r) {
			continue
		}
		l.takeParties([]sqldb.ReadPartiesRow{sqldb.ReadPartiesRow(r)})
		step := dispatch.InboundStep{
			Party: uuid.UUID(r.PartyID.Bytes).String(), Kind: dispatch.InboundLeft, Reason: dispatch.InboundLost, At: now,
		}
		if r.AnsweredAt.Valid {
			step.Kind = dispatch.InboundEnded
		}
		if err := l.inboundStep(step); err != nil {
			return err
		}
	}
	*j = l.journal
	return l.writeParties(ctx, q)
}

// openParties are those who wait or talk still.
func openParties(ctx context.Context, q *sqldb.Queries, scheme int64, now time.Time) ([]sqldb.ReadOpenPartiesRow, error) {
	rows, err := q.ReadOpenParties(ctx, sqldb.ReadOpenPartiesParams{SchemeID: scheme, Since: instant(now.Add(-longestTalk))})
	if err != nil {
		return nil, fmt.Errorf("read inbound parties: %w", err)
	}
	return rows, nil
}

// talks reports whether a party talks to a registrar in a call that can be found at the PBX.
func talks(r sqldb.ReadOpenPartiesRow) bool { return r.AnsweredAt.Valid && r.CallKey != "" }

// readTalks reads who talks to a registrar.
func readTalks(ctx context.Context, q *sqldb.Queries, scheme int64, now time.Time, snap *dispatch.Snapshot) error {
	rows, err := openParties(ctx, q, scheme, now)
	if err != nil {
		return err
	}
	for _, r := range rows {
		if talks(r) {
			snap.Talks = append(snap.Talks, dispatch.Talk{
				Party:     dispatch.Party{Key: r.CallKey, ID: uuid.UUID(r.PartyID.Bytes).String(), Language: roster.Language(r.Language)},
				Registrar: r.CallerID, Queued: when(r.QueuedAt), Answered: when(r.AnsweredAt),
			})
		}
	}
	return nil
}
