package postgres

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/postgres/internal/sqldb"
)

// eventVersion is the version of every payload below. Fields are only ever added.
const eventVersion = 1

// The payloads. They hold ids seen outside and words of the vocabulary, nothing that tells who a person is.
type (
	claimedData struct {
		Occurrence string `json:"occurrence"`
		Caller     string `json:"caller"`
		Offer      int    `json:"offer"`
		CallKind   string `json:"call_kind"`
	}
	offerData struct {
		Caller string `json:"caller"`
		Offer  int    `json:"offer"`
	}
	offerEndedData struct {
		Caller string `json:"caller"`
		Offer  int    `json:"offer"`
		State  string `json:"state"`
	}
	progressData struct {
		Offer int `json:"offer"`
	}
	endedData struct {
		Result    string `json:"result"`
		Reason    string `json:"reason,omitempty"`
		Fault     string `json:"fault"`
		Cause     int    `json:"cause,omitempty"`
		TalkMS    int64  `json:"talk_ms"`
		Rang      bool   `json:"rang"`
		Estimated bool   `json:"estimated,omitempty"`
		Caller    string `json:"caller"`
	}
	closedData struct {
		Disposition string `json:"disposition,omitempty"`
		FollowUp    bool   `json:"follow_up"`
		DayLater    bool   `json:"day_later"`
	}
	keyedData struct {
		N      int    `json:"n"`
		Answer string `json:"answer,omitempty"` // Not of a survey.
	}
	settledData struct {
		Attempts int  `json:"attempts"`
		Deferred int  `json:"deferred"`
		Rang     bool `json:"rang"`
	}
	// welfareData begins the welfare ladder: its step and how the promise had ended, unreached or missed.
	welfareData struct {
		Step  int    `json:"step"`
		Ended string `json:"ended"`
	}
	bookedData struct {
		CallKind string    `json:"call_kind"`
		Opens    time.Time `json:"opens"`
		Closes   time.Time `json:"closes"`
		Date     string    `json:"date"` // The local date that the call is promised for.
		LengthMS int64     `json:"length_ms"`
	}
	plannedData struct {
		Booked int `json:"booked"`
	}
	callerData struct {
		State  string `json:"state"`
		Reason string `json:"reason,omitempty"`
	}
	leadData struct {
		Epoch int64 `json:"epoch"`
	}
	messageData struct {
		Language string `json:"language"`
		LengthMS int64  `json:"length_ms"`
	}
	registrationData struct {
		Language string `json:"language"`
		Source   string `json:"source,omitempty"`
		Consent  string `json:"consent,omitempty"`
	}
	handledData struct {
		Outcome string `json:"outcome"`
	}
	restoredData struct {
		From int64 `json:"from"`
		To   int64 `json:"to"`
	}
	questionsData struct {
		Questions int `json:"questions"`
	}
	rosterData struct {
		Staff         int `json:"staff"`
		Beneficiaries int `json:"beneficiaries"`
		Cancelled     int `json:"cancelled"`
		Moved         int `json:"moved,omitempty"`
		Booked        int `json:"booked,omitempty"`
	}
	changedData struct {
		Moved     int `json:"moved,omitempty"`
		Cancelled int `json:"cancelled,omitempty"`
		Booked    int `json:"booked,omitempty"`
	}
	pauseData struct {
		First  string `json:"first"`
		Last   string `json:"last,omitempty"`
		NoCall bool   `json:"no_call,omitempty"`
	}
	// appointmentData tells of a call that somebody confirmed, or of a change of somebody's calls.
	appointmentData struct {
		Change  string `json:"change"`
		Pending bool   `json:"pending,omitempty"` // It had waited for her word.
	}
	// consentData tells that somebody who was proposed has answered, and not who.
	consentData struct {
		Answer string `json:"answer"`
	}
	exceptionData struct {
		First  string `json:"first"`
		Last   string `json:"last"`
		Closed bool   `json:"closed"`
	}
)

// bookedOf is the payload of a call that was booked.
func bookedOf(slot plannedSlot) bookedData {
	return bookedData{
		CallKind: string(slot.kind), Opens: slot.Opens.UTC(), Closes: slot.Closes.UTC(), Date: slot.Date.Format(time.DateOnly),
		LengthMS: slot.length.Milliseconds(),
	}
}

// journal collects the events of one transaction and numbers them.
type journal struct {
	scheme int64
	uid    uuid.UUID
	name   string // The same as text.
	epoch  int64
	number int64 // Of the last event.
	own    int   // Events of the scheme itself so far.
	// loadFrom is the instant before which no open occurrence opens; zero when there is no such limit yet.
	loadFrom time.Time
	events   []call.Event
	// published is how many of the first events were published in an earlier life of the database.
	published int
	of        []pgtype.UUID
	payload   []string
	err       error // The first payload that could not be written.
}

// newJournal returns a journal that goes on where the scheme's last transaction stopped.
func newJournal(scheme, epoch int64, lead sqldb.LockLeadRow) journal {
	uid := uuid.UUID(lead.Uid.Bytes)
	return journal{
		scheme: scheme, uid: uid, name: uid.String(), epoch: epoch, number: lead.EventNumber, own: int(lead.OwnEvents),
		loadFrom: when(lead.LoadFrom),
	}
}

// reserve makes room for about so many events.
func (j *journal) reserve(n int) {
	j.events, j.payload = make([]call.Event, 0, n), make([]string, 0, n)
	j.of = make([]pgtype.UUID, 0, n)
}

// noteScheme adds an event of the scheme itself.
func (j *journal) noteScheme(kind string, at time.Time, data any) {
	j.own++
	j.note("scheme", j.uid, j.own, kind, at, data)
}

// note adds an event of an entity, of which it is the nth.
func (j *journal) note(entity string, id uuid.UUID, nth int, kind string, at time.Time, data any) {
	raw, err := json.Marshal(data)
	if err != nil && j.err == nil {
		j.err = fmt.Errorf("encode %s.%s event: %w", entity, kind, err)
	}
	j.number++
	j.events = append(j.events, call.Event{
		Scheme: j.name, SchemeKey: j.scheme, Entity: entity, EntityID: id.String(),
		EntityNumber: int64(nth), Number: j.number, Epoch: j.epoch, At: at.UTC(), Version: eventVersion, Kind: kind,
		Data: json.RawMessage(raw),
	})
	j.of = append(j.of, pgtype.UUID{Bytes: id, Valid: true})
	j.payload = append(j.payload, string(raw))
}

// rows returns the rows to insert: one, unless events that were lost come back. Those of a row are numbered without gaps and
// have the same epoch and version.
func (j *journal) rows() []sqldb.InsertEventsParams {
	var rows []sqldb.InsertEventsParams
	for from := 0; from < len(j.events); {
		first, to := &j.events[from], from+1
		for to < len(j.events) && j.events[to].Number == j.events[to-1].Number+1 && j.events[to].Epoch == first.Epoch &&
			j.events[to].Version == first.Version {
			to++
		}
		rows = append(rows, j.row(from, to))
		from = to
	}
	return rows
}

func (j *journal) row(from, to int) sqldb.InsertEventsParams {
	n, first, newest := to-from, &j.events[from], time.Time{}
	p := sqldb.InsertEventsParams{
		SchemeID: j.scheme, FirstNumber: first.Number, LastNumber: j.events[to-1].Number, Epoch: first.Epoch,
		Version: int16(first.Version), Ats: make([]pgtype.Timestamptz, n),
		Entities: make([]string, n), EntityIds: j.of[from:to], EntityNumbers: make([]int64, n), Kinds: make([]string, n),
		Data: j.payload[from:to],
	}
	for i := range n {
		e := &j.events[from+i]
		p.Ats[i], p.Entities[i], p.EntityNumbers[i], p.Kinds[i] = instant(e.At), e.Entity, e.EntityNumber, e.Kind
		if e.At.After(newest) {
			newest = e.At
		}
	}
	p.At = instant(newest)
	return p
}

func (l *ledger) noteAttempt(a *attemptRow, kind string, at time.Time, data any) {
	a.events, a.changed = a.events+1, true
	l.journal.note("attempt", attemptUUID(a.id).Bytes, a.events, kind, at, data)
}

func (l *ledger) noteOccurrence(o *occurrenceRow, kind string, at time.Time, data any) {
	o.events, o.changed = o.events+1, true
	l.journal.note("occurrence", o.uid, o.events, kind, at, data)
}

func (l *ledger) noteCaller(c *callerRow, kind string, at time.Time, data any) {
	c.events, c.changed = c.events+1, true
	l.journal.note("caller", c.uid, c.events, kind, at, data)
}

// attemptUUID turns an attempt's id into what the database keeps. An id that is none becomes null, which no row has.
func attemptUUID(id call.ID) pgtype.UUID {
	var u pgtype.UUID
	if len(id) != 32 {
		return u
	}
	if _, err := hex.Decode(u.Bytes[:], []byte(id)); err != nil {
		return u
	}
	u.Valid = true
	return u
}

func attemptID(u pgtype.UUID) call.ID { return call.ID(hex.EncodeToString(u.Bytes[:])) }

// attemptOrNone is attemptID of a column that may be null.
func attemptOrNone(u pgtype.UUID) call.ID {
	if !u.Valid {
		return ""
	}
	return attemptID(u)
}

// instant turns a time into what the database keeps; the zero time becomes null.
func instant(t time.Time) pgtype.Timestamptz { return pgtype.Timestamptz{Time: t, Valid: !t.IsZero()} }

// when is the reverse of instant, in UTC.
func when(t pgtype.Timestamptz) time.Time {
	if !t.Valid || t.InfinityModifier != pgtype.Finite {
		return time.Time{}
	}
	return t.Time.UTC()
}

// localDate turns a local date (midnight UTC) into what the database keeps; the zero time becomes null.
func localDate(t time.Time) pgtype.Date { return pgtype.Date{Time: t, Valid: !t.IsZero()} }

func dateOf(d pgtype.Date) time.Time {
	if !d.Valid || d.InfinityModifier != pgtype.Finite {
		return time.Time{}
	}
	return d.Time.UTC()
}
