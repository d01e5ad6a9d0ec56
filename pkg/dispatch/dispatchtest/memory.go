// Package dispatchtest holds an in-memory dispatch.Store, a scripted switchboard, and the suite to which every Store is
// held.
package dispatchtest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/schedule"
)

// Memory is a dispatch.Store in memory, for tests and simulations. Its zero value is not ready; use NewMemory. It is safe
// for use by several goroutines.
type Memory struct {
	mu          sync.Mutex
	nextID      int64
	schemes     map[int64]*scheme
	occurrences map[int64]*occurrence
	callers     map[int64]*staff
	attempts    map[call.ID]*Attempt
	numbers     map[string]call.ID // Live attempts by number.
	people      map[int64]call.ID  // Live attempts by person.
	reserved    map[int64]call.ID  // Reservations by caller.
	inbound     []dispatch.InboundStep
	surveys     map[SurveyAnswer]int
	fault       func(ops []dispatch.Op) (before, after error)
}

type scheme struct {
	dispatch.Scheme
	epoch  int64
	holder string
}

type occurrence struct {
	dispatch.Occurrence
	scheme  int64
	welfare int // How often its end began the welfare ladder.
}

type staff struct {
	dispatch.Caller
	scheme int64
}

// Attempt is an attempt as a store keeps it.
type Attempt struct {
	dispatch.LiveAttempt
	Offers  []call.OfferState // By offer, from 1 at index 0.
	Outcome call.Outcome      // Once it has ended.
	// Finishes counts the outcomes that were recorded; it never exceeds 1.
	Finishes int
	Closing  *dispatch.CloseCall
	vain     bool // It did not reach her.
}

// SurveyAnswer is what a store counts of a survey.
type SurveyAnswer struct{ Survey, Question, Answer string }

// Surveys returns how often each answer was given.
func (m *Memory) Surveys() map[SurveyAnswer]int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.surveys)
}

// NewMemory returns an empty store.
func NewMemory() *Memory {
	return &Memory{
		schemes: map[int64]*scheme{}, occurrences: map[int64]*occurrence{}, callers: map[int64]*staff{},
		attempts: map[call.ID]*Attempt{}, numbers: map[string]call.ID{}, people: map[int64]call.ID{},
		reserved: map[int64]call.ID{}, surveys: map[SurveyAnswer]int{},
	}
}

// SetFault makes every later Apply ask fault first: an error before means that nothing is committed, an error after that
// all is committed and the answer is lost. Nil ends it.
func (m *Memory) SetFault(fault func(ops []dispatch.Op) (before, after error)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fault = fault
}

// id must be called with the lock held.
func (m *Memory) id() int64 { m.nextID++; return m.nextID }

// AddScheme keeps a scheme and returns its key; a key of 0 is chosen.
func (m *Memory) AddScheme(s dispatch.Scheme) int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s.ID == 0 {
		s.ID = m.id()
	}
	m.schemes[s.ID] = &scheme{Scheme: s}
	return s.ID
}

// UpdateScheme changes a scheme.
func (m *Memory) UpdateScheme(id int64, change func(*dispatch.Scheme)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change(&m.schemes[id].Scheme)
}

// AddOccurrence books an occurrence and returns its key. Agreement and Beneficiary are chosen when 0, the state is open
// when empty, NotBefore is Opens when zero.
func (m *Memory) AddOccurrence(scheme int64, o dispatch.Occurrence) int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.add(scheme, o)
}

// add must be called with the lock held.
func (m *Memory) add(scheme int64, o dispatch.Occurrence) int64 {
	o.ID = m.id()
	if o.Agreement == 0 {
		o.Agreement = m.id()
	}
	if o.Beneficiary == 0 {
		o.Beneficiary = m.id()
	}
	if o.State == "" {
		o.State = call.OccurrenceOpen
	}
	if o.NotBefore.IsZero() {
		o.NotBefore = o.Opens
	}
	o.Numbers = slices.Clone(o.Numbers)
	m.occurrences[o.ID] = &occurrence{Occurrence: o, scheme: scheme}
	return o.ID
}

// AddCaller keeps a caller or registrar and returns the key; an empty state is off.
func (m *Memory) AddCaller(scheme int64, c dispatch.Caller) int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	c.ID = m.id()
	if c.State == "" {
		c.State = call.CallerOff
	}
	m.callers[c.ID] = &staff{Caller: c, scheme: scheme}
	return c.ID
}

// UpdateCaller changes a caller.
func (m *Memory) UpdateCaller(id int64, change func(*dispatch.Caller)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change(&m.callers[id].Caller)
}

// UpdateOccurrence changes an occurrence behind the dispatcher's back.
func (m *Memory) UpdateOccurrence(id int64, change func(*dispatch.Occurrence)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change(&m.occurrences[id].Occurrence)
}

// Occurrence returns an occurrence as it stands; the zero value when there is none.
func (m *Memory) Occurrence(id int64) dispatch.Occurrence {
	m.mu.Lock()
	defer m.mu.Unlock()
	if o := m.occurrences[id]; o != nil {
		return o.Occurrence
	}
	return dispatch.Occurrence{}
}

// Welfare counts how often the end of an occurrence began the welfare ladder.
func (m *Memory) Welfare(id int64) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.occurrences[id].welfare
}

// Occurrences returns all occurrences of a scheme by key.
func (m *Memory) Occurrences(scheme int64) []dispatch.Occurrence {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []dispatch.Occurrence
	for _, id := range slices.Sorted(maps.Keys(m.occurrences)) {
		if m.occurrences[id].scheme == scheme {
			all = append(all, m.occurrences[id].Occurrence)
		}
	}
	return all
}

// Inbound returns the steps of the parties in the registrars' queue, in order.
func (m *Memory) Inbound() []dispatch.InboundStep {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.inbound)
}

// Caller returns a caller as she stands.
func (m *Memory) Caller(id int64) dispatch.Caller {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.callers[id].Caller
}

// Attempt returns a copy of an attempt.
func (m *Memory) Attempt(id call.ID) (Attempt, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	a := m.attempts[id]
	if a == nil {
		return Attempt{}, false
	}
	c := *a
	c.Offers = slices.Clone(a.Offers)
	return c, true
}

// Attempts returns copies of all attempts, oldest first.
func (m *Memory) Attempts() []Attempt {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []Attempt
	for _, id := range slices.Sorted(maps.Keys(m.attempts)) {
		c := *m.attempts[id]
		c.Offers = slices.Clone(c.Offers)
		all = append(all, c)
	}
	return all
}

// Lead implements dispatch.Store.
func (m *Memory) Lead(_ context.Context, scheme int64, holder string, _ time.Time) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.schemes[scheme]
	if s == nil {
		return 0, fmt.Errorf("lead scheme %d: no such scheme", scheme)
	}
	s.epoch++
	s.holder = holder
	return s.epoch, nil
}

// Load implements dispatch.Store.
func (m *Memory) Load(_ context.Context, scheme int64, now, until time.Time) (*dispatch.Snapshot, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.schemes[scheme]
	if s == nil {
		return nil, fmt.Errorf("load scheme %d: no such scheme", scheme)
	}
	snap := &dispatch.Snapshot{Scheme: s.Scheme, Tried: map[int64]int{}}
	live := map[int64]bool{}
	for _, id := range slices.Sorted(maps.Keys(m.attempts)) {
		a := m.attempts[id]
		if o := m.occurrences[a.Occurrence]; a.vain && o.scheme == scheme {
			rules := o.Rules(schedule.Rules{Zone: s.Zone})
			if rules.DateIn(a.Outcome.At).Equal(rules.DateIn(now)) {
				snap.Tried[o.Beneficiary]++
			}
		}
		if a.State != call.StateEnded && a.Order.Scheme == scheme {
			snap.Live = append(snap.Live, a.LiveAttempt)
			live[a.Occurrence] = true
		}
	}
	for _, id := range slices.Sorted(maps.Keys(m.occurrences)) {
		o := m.occurrences[id]
		if o.scheme == scheme && !o.State.Ended() && (o.Opens.Before(until) || live[id]) {
			snap.Occurrences = append(snap.Occurrences, o.Occurrence)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(m.callers)) {
		if c := m.callers[id]; c.scheme == scheme {
			snap.Callers = append(snap.Callers, c.Caller)
		}
	}
	return snap, nil
}

// Plan implements dispatch.Store. An agreement is known to it by any of its occurrences.
func (m *Memory) Plan(_ context.Context, scheme, epoch int64, now, until time.Time) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.schemes[scheme]
	if s == nil || s.epoch != epoch {
		return 0, dispatch.ErrFenced
	}
	calendar, err := s.Calendar()
	if err != nil {
		return 0, fmt.Errorf("plan scheme %d: %w", scheme, err)
	}
	agreements := map[int64]dispatch.Occurrence{}
	for _, o := range m.occurrences {
		if o.scheme == scheme && o.Terms.Cadence != "" {
			if known, ok := agreements[o.Agreement]; !ok || known.ID < o.ID {
				agreements[o.Agreement] = o.Occurrence
			}
		}
	}
	booked := 0
	for _, key := range slices.Sorted(maps.Keys(agreements)) {
		o := agreements[key]
		rules := o.Rules(dispatch.RulesOf(&s.Scheme, calendar))
		for _, slot := range schedule.Between(o.Terms, rules, now, until) {
			next := dispatch.Following(&o, slot)
			if m.known(scheme, &next) == 0 {
				m.add(scheme, next)
				booked++
			}
		}
	}
	return booked, nil
}

// known finds the occurrence of the same agreement, kind and date; 0 when there is none. One that was moved away is found
// only when there is no other.
func (m *Memory) known(scheme int64, next *dispatch.Occurrence) int64 {
	moved := int64(0)
	for id, o := range m.occurrences {
		if o.scheme != scheme || o.Agreement != next.Agreement || o.Kind != next.Kind || !o.LocalDate.Equal(next.LocalDate) {
			continue
		}
		if o.State != call.OccurrenceMoved {
			return id
		}
		moved = id
	}
	return moved
}
