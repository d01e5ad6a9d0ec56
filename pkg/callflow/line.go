package callflow

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/roster"
)

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
	patience time.Duration
	logger   *zap.Logger

	mu    sync.Mutex
	known map[string]Line
}

func newLineMemory(o *Options) *lineMemory {
	return &lineMemory{records: o.Records, fallback: o.Fallback, patience: o.Patience, logger: o.Logger, known: map[string]Line{}}
}

// find returns the line of a number. Of one that is nobody's only the languages count, in which that is said. While the records are away it is the line as it was last seen, or else the fallback.
func (m *lineMemory) find(ctx context.Context, did string) (Line, error) {
	ctx, cancel := context.WithTimeout(ctx, m.patience)
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
		nobody := m.fallback
		if len(line.Languages) > 0 {
			nobody.Languages = line.Languages
		}
		return nobody, ErrUnknownLine
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
