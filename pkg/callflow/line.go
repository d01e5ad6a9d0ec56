package callflow

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/roster"
)

// lineWait is how long the records may take to say who answers a number: people wait for the greeting meanwhile.
const lineWait = 700 * time.Millisecond

func (l Line) language() roster.Language {
	if len(l.Languages) == 0 {
		return roster.French
	}
	return l.Languages[0]
}

func (l Line) zone() *time.Location {
	if l.Zone == nil {
		return time.UTC
	}
	return l.Zone
}

// lineMemory remembers every line it has seen, so that it answers while the records are away.
type lineMemory struct {
	records  Records
	fallback Line
	logger   *zap.Logger

	mu    sync.Mutex
	known map[string]Line
}

func newLineMemory(r Records, fallback Line, logger *zap.Logger) *lineMemory {
	return &lineMemory{records: r, fallback: fallback, logger: logger, known: map[string]Line{}}
}

// find returns the line of a number. While the records are away it is the line as it was last seen, or else the fallback.
func (m *lineMemory) find(ctx context.Context, did string) (Line, error) {
	ctx, cancel := context.WithTimeout(ctx, lineWait)
	defer cancel()
	line, err := m.records.Line(ctx, did)
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case err == nil:
		line.Flow = cmp.Or(line.Flow, flowRegistration)
		m.known[did] = line
		return line, nil
	case errors.Is(err, ErrUnknownLine):
		delete(m.known, did)
		return m.fallback, ErrUnknownLine
	}
	m.logger.Warn("look up line failed, answering from memory", zap.Error(err))
	if line, ok := m.known[did]; ok {
		return line, nil
	}
	line = m.fallback
	line.Flow = cmp.Or(line.Flow, flowRegistration)
	return line, nil
}

// only returns the line when there is no doubt which: the fallback of a single scheme, or the only scheme ever seen.
func (m *lineMemory) only() (Line, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	found, ok := m.fallback, m.fallback.Scheme != 0
	for _, l := range m.known {
		if ok && l.Scheme != found.Scheme {
			return Line{}, false
		}
		found, ok = l, true
	}
	return found, ok
}

// region is how national numbers are read where no line is known.
func (m *lineMemory) region() string {
	line, _ := m.only()
	return cmp.Or(line.Region, m.fallback.Region)
}

// waitingRoom knows who waits for a registrar and who talks to one.
type waitingRoom struct {
	mu      sync.Mutex
	waiting map[string]waiter
	talking map[string]int64 // Scheme by call.
}

type waiter struct {
	scheme int64
	since  time.Time
}

func newWaitingRoom() *waitingRoom {
	return &waitingRoom{waiting: map[string]waiter{}, talking: map[string]int64{}}
}

func (w *waitingRoom) enter(key string, scheme int64, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiting[key] = waiter{scheme, now}
}

// leave ends the wait; the party talks from now on, or has gone.
func (w *waitingRoom) leave(key string, talking bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	scheme := w.waiting[key].scheme
	delete(w.waiting, key)
	delete(w.talking, key)
	if talking {
		w.talking[key] = scheme
	}
}

// Waiting says how many people wait for a registrar of the scheme, since when the first of them does (by the service's
// clock; zero when nobody waits), and how many talk to one.
func (c *Connector) Waiting(scheme int64) (waiting int, since time.Time, talking int) {
	c.queue.mu.Lock()
	defer c.queue.mu.Unlock()
	var times []time.Time
	for _, w := range c.queue.waiting {
		if w.scheme == scheme {
			times = append(times, w.since)
		}
	}
	for _, s := range c.queue.talking {
		if s == scheme {
			talking++
		}
	}
	if len(times) > 0 {
		since = slices.MinFunc(times, time.Time.Compare)
	}
	return len(times), since, talking
}
