package report

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/rappel-tel/rappel/pkg/call"
)

// Fold counts the figures of one scheme: it begins with a Record and takes each committed event once, in order. An event
// costs the same whatever is held, or the logarithm of today's promises where time will make something due or late. It
// does no I/O, starts no goroutine and never asks for the time; it is not safe for concurrent use.
type Fold struct {
	zone   *time.Location
	day    string // Today, as events write dates.
	number int64
	now    int64 // Unix nanoseconds up to which what depends on time was counted.

	promises map[uuid.UUID]*promise // Of today, and callbacks, that have not ended.
	attempts map[uuid.UUID]uuid.UUID
	callers  map[uuid.UUID]*Working
	parties  map[uuid.UUID]Party
	messages int
	asked    Appointments
	queue    Queue // Waiting, Talking and Oldest are counted when asked for.
	today    Today // OldestOpen and LeastSlack likewise.
	opening  timeline
	nearing  timeline // By when they become late, should they be open then.
	waiting  timeline // The open ones by when their window began; entries outlive that they are open.
	slack    timeline // The same by when their slack is used up.
}

// promise is an occurrence that may still change, or whose window has not begun.
type promise struct {
	state         call.OccurrenceState
	opens         int64 // Unix nanoseconds.
	closes        int64
	slack         int64 // Closes less the planned length.
	today         bool
	callback      bool
	begun, late   bool
	waits, slacks bool // It is in the timeline.
}

// Taken says what a Fold made of an event.
type Taken int

// What a Fold makes of an event.
const (
	TakenApplied Taken = iota
	TakenKnown         // It was in the figures already.
	TakenGap           // Events before it are missing; nothing was done.
	// TakenUnclear means that the event tells of more changes than it names (people were imported, calls planned): the Fold has
	// to begin anew with a Record of its number or a later one.
	TakenUnclear
)

// NewFold begins with a record.
func NewFold(r Record) (*Fold, error) {
	f := &Fold{
		zone: r.Zone, day: r.At.In(r.Zone).Format(time.DateOnly), number: r.Number, now: r.At.UnixNano(),
		promises: make(map[uuid.UUID]*promise, len(r.Promises)), attempts: map[uuid.UUID]uuid.UUID{},
		callers: make(map[uuid.UUID]*Working, len(r.Callers)), parties: map[uuid.UUID]Party{},
		messages: r.Messages, asked: r.Appointments, queue: r.Queue,
	}
	for state, n := range r.Ended {
		f.tally(&promise{state: state, today: true, begun: true}, n)
	}
	for _, p := range r.Promises {
		id, err := uuid.Parse(p.ID)
		if err != nil {
			return nil, fmt.Errorf("read id of an occurrence: %w", err)
		}
		f.promise(id, p)
	}
	for attempt, occurrence := range r.Attempts {
		a, err := uuid.Parse(attempt)
		if err != nil {
			return nil, fmt.Errorf("read id of an attempt: %w", err)
		}
		if f.attempts[a], err = uuid.Parse(occurrence); err != nil {
			return nil, fmt.Errorf("read id of an occurrence: %w", err)
		}
	}
	for _, c := range r.Callers {
		id, err := uuid.Parse(c.ID)
		if err != nil {
			return nil, fmt.Errorf("read id of a caller: %w", err)
		}
		f.callers[id] = &c
	}
	for _, p := range r.Parties {
		id, err := uuid.Parse(p.ID)
		if err != nil {
			return nil, fmt.Errorf("read id of an inbound party: %w", err)
		}
		f.parties[id] = p
	}
	return f, nil
}

// Number is that of the last event in the figures.
func (f *Fold) Number() int64 { return f.number }

// Today reports whether now is of the day that the figures are of; when not, the Fold has to begin anew.
func (f *Fold) Today(now time.Time) bool { return now.In(f.zone).Format(time.DateOnly) == f.day }

// fact is what the figures need of the payloads of events.
type fact struct {
	Occurrence string    `json:"occurrence"`
	Caller     string    `json:"caller"`
	CallKind   call.Kind `json:"call_kind"`

	Result call.Result `json:"result"`

	Opens    time.Time `json:"opens"`
	Closes   time.Time `json:"closes"`
	Date     string    `json:"date"`
	LengthMS int64     `json:"length_ms"`

	State  call.CallerState `json:"state"`
	Reason string           `json:"reason"`

	Pending bool `json:"pending"`
}

// Apply takes an event. An error means that the event cannot be read: it counts as unclear.
func (f *Fold) Apply(e *call.Event) (Taken, error) {
	switch {
	case e.Number <= f.number:
		return TakenKnown, nil
	case e.Number > f.number+1:
		return TakenGap, nil
	}
	event := *e
	event.At = e.At.UTC().Truncate(time.Microsecond) // As the records keep it.
	taken, err := f.apply(&event)
	if err != nil {
		return TakenUnclear, fmt.Errorf("read %s.%s event: %w", e.Entity, e.Kind, err)
	}
	if taken == TakenApplied {
		f.number = e.Number
	}
	return taken, nil
}

func (f *Fold) apply(e *call.Event) (Taken, error) {
	if e.Entity == "scheme" {
		if e.Kind == "lead" || e.Kind == "questions" { // They change no figure.
			return TakenApplied, nil
		}
		return TakenUnclear, nil
	}
	id, err := uuid.Parse(e.EntityID)
	if err != nil {
		return TakenUnclear, err
	}
	var fact fact
	if raw, ok := e.Data.(json.RawMessage); ok && len(raw) > 0 {
		if err := json.Unmarshal(raw, &fact); err != nil {
			return TakenUnclear, err
		}
	}
	switch e.Entity {
	case "attempt":
		err = f.attempt(id, e, &fact)
	case "occurrence":
		err = f.occurrence(id, e, &fact)
	case "caller":
		if c := f.callers[id]; c == nil {
			return TakenUnclear, nil // She came with an event that was unclear.
		} else if e.Kind == "state" {
			c.State, c.Reason, c.Since = fact.State, fact.Reason, e.At
		}
	case "message", "registration":
		switch e.Kind {
		case "left":
			f.messages++
		case "handled":
			f.messages--
		}
	case "appointment":
		f.appointment(e, &fact)
	case "inbound":
		f.inbound(id, e, &fact)
	}
	if err != nil {
		return TakenUnclear, err
	}
	return TakenApplied, nil
}

func (f *Fold) attempt(id uuid.UUID, e *call.Event, fact *fact) error {
	switch call.State(e.Kind) {
	case "claimed":
		occurrence, err := uuid.Parse(fact.Occurrence)
		if err != nil {
			return err
		}
		f.attempts[id] = occurrence
		f.become(occurrence, call.OccurrenceClaimed)
	case call.StateBridged:
		f.become(f.attempts[id], call.OccurrenceLive)
	case call.StateEnded:
		delete(f.attempts, id)
		if fact.Result != call.ResultAnswered || e.At.In(f.zone).Format(time.DateOnly) != f.day {
			return nil
		}
		caller, err := uuid.Parse(fact.Caller)
		if err != nil {
			return nil // Nobody was in it: the call needs no caller.
		}
		if c := f.callers[caller]; c != nil {
			c.CallsToday++
		}
	case call.StateIntent, call.StateOffered, call.StateAccepted, call.StateRinging:
	}
	return nil
}

func (f *Fold) occurrence(id uuid.UUID, e *call.Event, fact *fact) error {
	if e.Kind != "booked" {
		if state := call.OccurrenceState(e.Kind); slices.Contains(call.OccurrenceStates(), state) {
			f.become(id, state)
		}
		return nil
	}
	date, err := time.Parse(time.DateOnly, fact.Date)
	if err != nil {
		return err
	}
	f.promise(id, Promise{
		Kind: fact.CallKind, State: call.OccurrenceOpen, LocalDate: date, Opens: fact.Opens, Closes: fact.Closes,
		Length: time.Duration(fact.LengthMS) * time.Millisecond,
	})
	return nil
}

// promise takes an occurrence in, if it counts.
func (f *Fold) promise(id uuid.UUID, p Promise) {
	today, callback := p.LocalDate.Format(time.DateOnly) == f.day, p.Kind == call.KindCallback
	if !today && !callback {
		return
	}
	held := &promise{
		state: p.State, opens: p.Opens.UnixNano(), closes: p.Closes.UnixNano(), slack: p.Closes.Add(-p.Length).UnixNano(),
		today: today, callback: callback,
	}
	held.begun, held.late = held.opens <= f.now, held.closes-int64(LateWithin) <= f.now
	if !held.state.Ended() {
		f.promises[id] = held
	}
	f.tally(held, 1)
	if today && !held.begun {
		f.opening.push(held.opens, held)
	}
	if today && !held.late && !held.state.Ended() {
		f.nearing.push(held.closes-int64(LateWithin), held)
	}
	f.queueUp(held)
}

// become changes where an occurrence stands. One that is not held is of another day, or has ended.
func (f *Fold) become(id uuid.UUID, state call.OccurrenceState) {
	p := f.promises[id]
	if p == nil {
		return
	}
	f.tally(p, -1)
	p.state = state
	f.tally(p, 1)
	if state.Ended() {
		delete(f.promises, id)
	}
	f.queueUp(p)
}

// queueUp puts a promise that is open into the timelines of those.
func (f *Fold) queueUp(p *promise) {
	if !p.open() {
		return
	}
	if !p.waits {
		p.waits = true
		f.waiting.push(p.opens, p)
	}
	if !p.slacks {
		p.slacks = true
		f.slack.push(p.slack, p)
	}
}

// open reports whether a promise counts as open.
func (p *promise) open() bool { return p.today && p.begun && p.state == call.OccurrenceOpen }

// tally adds n promises like p to the counts, or takes them out.
func (f *Fold) tally(p *promise, n int) {
	if p.callback && !p.state.Ended() {
		f.queue.CallbacksOwed += n
	}
	if !p.today {
		return
	}
	t := &f.today
	switch p.state {
	case call.OccurrenceOpen:
		if !p.begun {
			t.Later += n
			break
		}
		t.Open += n
		if p.late {
			t.Late += n
		}
	case call.OccurrenceClaimed:
		t.Claimed += n
	case call.OccurrenceLive:
		t.Live += n
	case call.OccurrenceReached:
		t.Reached += n
	case call.OccurrenceUnreached:
		t.Unreached += n
	case call.OccurrenceMissed:
		t.Missed += n
	case call.OccurrenceMoved:
		t.Moved += n
		return
	case call.OccurrenceCancelled:
		t.Cancelled += n
		return
	}
	t.Planned += n
	if p.begun {
		t.Due += n
	}
}

// appointment takes what somebody asked of a call, or what became of it.
func (f *Fold) appointment(e *call.Event, fact *fact) {
	if e.Kind == "asked" {
		f.asked.Pending++
	}
	if fact.Pending {
		f.asked.Pending--
	}
	if !f.ofToday(e.At) {
		return
	}
	switch e.Kind {
	case "confirmed":
		f.asked.Confirmed++
	case "changed":
		f.asked.Changed++
	case "refused":
		f.asked.Refused++
	case "lapsed":
		f.asked.Lapsed++
	}
}

// inbound takes a step of a party in the registrars' queue.
func (f *Fold) inbound(id uuid.UUID, e *call.Event, fact *fact) {
	p, held := f.parties[id]
	if e.Kind == "queued" && !held {
		f.parties[id] = Party{Queued: e.At}
		if f.ofToday(e.At) {
			f.queue.Offered++
		}
	}
	if !held {
		return
	}
	counts := f.ofToday(p.Queued)
	switch e.Kind {
	case "answered":
		p.Answered = e.At
		f.parties[id] = p
		if counts {
			f.queue.answered(e.At.Sub(p.Queued))
		}
	case "left":
		delete(f.parties, id)
		if counts && fact.Reason == "abandoned" {
			f.queue.Abandoned++
		}
	case "ended":
		delete(f.parties, id)
		if counts {
			f.queue.Ended++
			f.queue.Talk += e.At.Sub(p.Answered)
		}
	}
}

func (q *Queue) answered(wait time.Duration) {
	q.Answered++
	q.Wait += wait
	if wait <= AnsweredWithin {
		q.AnsweredInTime++
	}
}

func (f *Fold) ofToday(at time.Time) bool { return at.In(f.zone).Format(time.DateOnly) == f.day }

// advance counts what time has made due or late by now.
func (f *Fold) advance(now int64) {
	f.now = max(f.now, now)
	for f.opening.due(f.now) {
		p := f.opening.pop()
		f.tally(p, -1)
		p.begun = true
		f.tally(p, 1)
		f.queueUp(p)
	}
	for f.nearing.due(f.now) {
		p := f.nearing.pop()
		f.tally(p, -1)
		p.late = true
		f.tally(p, 1)
	}
}

// Live says how the scheme stands at now. It costs as much as there are callers, and parties on the line.
func (f *Fold) Live(now time.Time) Live {
	f.advance(now.UnixNano())
	for len(f.waiting) > 0 && !f.waiting[0].promise.open() {
		f.waiting.pop().waits = false
	}
	for len(f.slack) > 0 && !f.slack[0].promise.open() {
		f.slack.pop().slacks = false
	}
	l := Live{At: now, Number: f.number, Today: f.today, Messages: f.messages, Appointments: f.asked, Callers: make([]Working, 0, len(f.callers))}
	l.Today.OldestOpen, l.Today.LeastSlack = f.waiting.first(), f.slack.first()
	for _, c := range f.callers {
		if c.Enabled {
			l.Callers = append(l.Callers, *c)
		}
	}
	q := f.queue
	q.Name = QueueRegistrars
	for _, p := range f.parties {
		if !p.Answered.IsZero() {
			q.Talking++
			continue
		}
		q.Waiting++
		if q.Oldest.IsZero() || p.Queued.Before(q.Oldest) {
			q.Oldest = p.Queued
		}
	}
	l.Queues = []Queue{q}
	return l
}
