package postgres

import (
	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/postgres/internal/sqldb"
)

// memory is what a process remembers of a scheme's rows from one batch to the next: its live attempts with all that hangs on
// them, and its callers. So a batch does not read back what the batch before has written. It is true as long as scheme_lead
// stands as that batch left it, for whoever writes such rows changes it; whoever wrote beside makes a batch read everything.
//
// An attempt that is not remembered may exist all the same, and so may the reservation of a caller or a live number: the
// primary keys refuse then what is written, the memory is given up, and the batch is decided anew.
//
// It belongs to whoever has the scheme's turn.
type memory struct {
	kept bool // By a batch, so that it can be true.
	// What scheme_lead said after that batch.
	epoch, number, others int64

	attempts    map[call.ID]*attemptRow
	offers      map[offerKey]*offerRow // All of an attempt that is known.
	occurrences map[int64]*occurrenceRow
	callers     map[int64]*callerRow
	numbers     map[string]call.ID // Live numbers.
	persons     map[int64]call.ID  // Beneficiaries in a live attempt.
	reserved    map[int64]offerKey // Reserved callers.

	// Held by other schemes, which give them back without a word: forgotten after the batch.
	foreignNumbers []string
	foreignCallers []int64
}

func newMemory() *memory {
	m := &memory{}
	m.forget()
	return m
}

// forget gives up what is remembered.
func (m *memory) forget() {
	*m = memory{
		attempts: map[call.ID]*attemptRow{}, offers: map[offerKey]*offerRow{}, occurrences: map[int64]*occurrenceRow{},
		callers: map[int64]*callerRow{}, numbers: map[string]call.ID{}, persons: map[int64]call.ID{},
		reserved: map[int64]offerKey{},
	}
}

// holds reports whether nobody else has written since.
func (m *memory) holds(lead sqldb.LockLeadRow) bool {
	return m.kept && m.epoch == lead.Epoch && m.number == lead.EventNumber && m.others == lead.Others
}

// keep remembers what a batch that was committed has left of the rows it touched.
func (m *memory) keep(l *ledger, lead sqldb.LockLeadRow) {
	m.kept, m.epoch, m.number, m.others = true, lead.Epoch, l.journal.number, lead.Others
	for _, id := range l.keys.attempts.list {
		a := m.attempts[id]
		if a == nil {
			continue
		}
		a.claim, a.changed = nil, false
		for n := 1; n <= a.offer; n++ {
			key := offerKey{id, n}
			if o := m.offers[key]; o != nil && a.state != call.StateEnded {
				o.order, o.changed = nil, false
			} else {
				delete(m.offers, key)
			}
		}
		if a.state == call.StateEnded {
			delete(m.attempts, id)
		}
	}
	for _, id := range l.keys.occurrences.list {
		if o := m.occurrences[id]; o != nil && (o.state == call.OccurrenceClaimed || o.state == call.OccurrenceLive) {
			o.changed = false
		} else {
			delete(m.occurrences, id)
		}
	}
	for _, id := range l.keys.callers.list {
		if c := m.callers[id]; c != nil {
			c.changed = false
		}
	}
	for _, number := range m.foreignNumbers {
		delete(m.numbers, number)
	}
	for _, caller := range m.foreignCallers {
		delete(m.reserved, caller)
	}
	m.foreignNumbers, m.foreignCallers = nil, nil
}

// unknown returns what is to be read of the rows that a batch names.
func (m *memory) unknown(k *keys) *keys {
	ask := &keys{parties: k.parties} // Parties are not remembered.
	for _, id := range k.attempts.list {
		// One that is to be made exists only when its batch comes again, and then nothing is remembered.
		if _, made := k.claims[id]; m.attempts[id] == nil && (!made || !m.kept) {
			ask.attempts.add(id)
		}
	}
	for _, id := range k.occurrences.list {
		if m.occurrences[id] == nil {
			ask.occurrences.add(id)
		}
	}
	for _, id := range k.callers.list {
		if m.callers[id] == nil {
			ask.callers.add(id)
		}
	}
	if !m.kept {
		ask.numbers, ask.people, ask.reserved = k.numbers, k.occurrences.list, k.callers.list
	}
	return ask
}

// memoryOf returns what is remembered of a scheme. The caller has the scheme's turn.
func (s *Store) memoryOf(scheme int64) *memory {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.memories[scheme]
	if m == nil {
		m = newMemory()
		s.memories[scheme] = m
	}
	return m
}
