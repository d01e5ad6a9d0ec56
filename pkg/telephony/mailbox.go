package telephony

import "sync"

// Mailbox holds the events of one call in the order in which the PBX sent them. It never drops one: it grows, and a call
// has few events. One goroutine reads; any number may put.
type Mailbox struct {
	key   string
	wake  chan struct{} // Size 1: a wake-up that is pending already need not be doubled.
	close func()

	mu     sync.Mutex
	events []Event
	closed bool
}

// NewMailbox makes a mailbox for the key. The function is called once, when the reader closes it.
func NewMailbox(key string, onClose func()) *Mailbox {
	return &Mailbox{key: key, wake: make(chan struct{}, 1), close: onClose}
}

// Key names the call.
func (m *Mailbox) Key() string { return m.key }

// Put appends an event. It reports false when the mailbox is closed.
func (m *Mailbox) Put(e Event) bool {
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		return false
	}
	m.events = append(m.events, e)
	m.mu.Unlock()
	select {
	case m.wake <- struct{}{}:
	default:
	}
	return true
}

// Wake is readable when there may be events to take.
func (m *Mailbox) Wake() <-chan struct{} { return m.wake }

// Take returns the waiting events and empties the mailbox; nil when there are none.
func (m *Mailbox) Take() []Event {
	m.mu.Lock()
	defer m.mu.Unlock()
	events := m.events
	m.events = nil
	return events
}

// Close ends the mailbox; later events of its key find no mailbox. Closing twice is harmless.
func (m *Mailbox) Close() {
	m.mu.Lock()
	done := m.closed
	m.closed = true
	m.mu.Unlock()
	if !done && m.close != nil {
		m.close()
	}
}
