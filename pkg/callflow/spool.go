package callflow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"
)

// spoolRetry is how often messages are offered to the records again.
const spoolRetry = 10 * time.Second

// spool keeps messages until the records have them. With a folder they survive the process: each is one file, written and
// synced before the party hears that the message is kept.
type spool struct {
	dir     string
	records Records
	logger  *zap.Logger

	mu      sync.Mutex
	pending map[string]Message
}

func newSpool(dir string, r Records, logger *zap.Logger) *spool {
	return &spool{dir: dir, records: r, logger: logger, pending: map[string]Message{}}
}

// begin notes on disk that a message is being taken, so that it is listed although the process dies meanwhile: the PBX
// records it to its end. It is followed by keep or drop.
func (s *spool) begin(m Message) {
	if s.dir == "" {
		return
	}
	if err := s.write(m); err != nil {
		s.logger.Error("spool a message that is being taken failed", zap.String("message", m.ID), zap.Error(err))
	}
}

// drop forgets a message that was not taken after all, or that the records have.
func (s *spool) drop(id string) {
	if s.dir == "" {
		return
	}
	if err := os.Remove(s.path(id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.logger.Warn("remove spooled message failed", zap.String("message", id), zap.Error(err))
	}
}

// keep saves a message, or spools it while the records are away.
func (s *spool) keep(ctx context.Context, m Message) {
	ctx, cancel := context.WithTimeout(ctx, afterwards)
	defer cancel()
	err := s.save(ctx, m)
	if err == nil {
		s.drop(m.ID)
		return
	}
	s.logger.Warn("save message failed, spooling it", zap.String("message", m.ID), zap.Error(err))
	s.mu.Lock()
	s.pending[m.ID] = m
	s.mu.Unlock()
	if s.dir == "" {
		return
	}
	if err := s.write(m); err != nil {
		s.logger.Error("spool message failed; it is kept in memory only", zap.String("message", m.ID), zap.Error(err))
	}
}

// save writes a message to the records, under the scheme of the number dialled when that was not known before.
func (s *spool) save(ctx context.Context, m Message) error {
	if m.Scheme == 0 {
		line, err := s.records.Line(ctx, m.Dialled)
		if err != nil {
			return fmt.Errorf("find the message's scheme: %w", err)
		}
		m.Scheme = line.Scheme
		if m.Language == "" {
			m.Language = line.language()
		}
	}
	return s.records.SaveMessage(ctx, m)
}

func (s *spool) path(id string) string { return filepath.Join(s.dir, id+".json") }

func (s *spool) write(m Message) error {
	data, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("encode message: %w", err)
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return fmt.Errorf("make spool: %w", err)
	}
	f, err := os.CreateTemp(s.dir, "*.tmp")
	if err != nil {
		return fmt.Errorf("write spool: %w", err)
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(f.Name(), s.path(m.ID))
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write spool: %w", err), os.Remove(f.Name()))
	}
	return nil
}

// run offers spooled messages to the records until ctx ends.
func (s *spool) run(ctx context.Context) {
	if err := s.load(); err != nil {
		s.logger.Error("read spooled messages failed", zap.Error(err))
	}
	tick := time.NewTicker(spoolRetry)
	defer tick.Stop()
	for {
		s.flush(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// load reads what an earlier process left.
func (s *spool) load() error {
	if s.dir == "" {
		return nil
	}
	entries, err := os.ReadDir(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("list spool: %w", err)
	}
	var errs []error
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".json") {
			continue
		}
		var m Message
		data, err := os.ReadFile(filepath.Join(s.dir, e.Name()))
		if err == nil {
			err = json.Unmarshal(data, &m)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("read %s: %w", e.Name(), err))
			continue
		}
		s.mu.Lock()
		s.pending[m.ID] = m
		s.mu.Unlock()
	}
	return errors.Join(errs...)
}

// flush offers every message once.
func (s *spool) flush(ctx context.Context) {
	s.mu.Lock()
	todo := make([]Message, 0, len(s.pending))
	for _, m := range s.pending {
		todo = append(todo, m)
	}
	s.mu.Unlock()
	for _, m := range todo {
		save, cancel := context.WithTimeout(ctx, afterwards)
		err := s.save(save, m)
		cancel()
		if err != nil {
			continue // The next round tries again.
		}
		s.mu.Lock()
		delete(s.pending, m.ID)
		s.mu.Unlock()
		s.drop(m.ID)
	}
}
