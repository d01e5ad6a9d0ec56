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

// spoolRetry is how often what is kept here is offered to the records again.
const spoolRetry = 10 * time.Second

// kept is what a spool keeps: a Message or a Registration.
type kept interface{ key() string }

func (m Message) key() string { return m.ID }

func (g Registration) key() string { return g.ID }

// spoolFiles says where a spool keeps its files.
type spoolFiles struct {
	dir    string // Empty keeps nothing on disk.
	ending string // Of the names of its files.
}

// spool keeps what inbound parties leave until the records have it. With a folder it survives the process: each is one file,
// written and synced before the party hears that it is kept.
type spool[T kept] struct {
	spoolFiles
	// save writes one to the records.
	save   func(context.Context, T) error
	logger *zap.Logger

	mu      sync.Mutex
	pending map[string]T
}

func newSpool[T kept](files spoolFiles, save func(context.Context, T) error, logger *zap.Logger) *spool[T] {
	return &spool[T]{spoolFiles: files, save: save, logger: logger, pending: map[string]T{}}
}

// begin notes on disk what is being left, as far as it is known, so that it is there although the process dies meanwhile: the
// PBX records to its end. It is followed by keep or drop.
func (s *spool[T]) begin(m T) {
	if s.dir == "" {
		return
	}
	if err := s.write(m); err != nil {
		s.logger.Error("spool what is being left failed", zap.String("id", m.key()), zap.Error(err))
	}
}

// drop forgets what was not left after all, or what the records have.
func (s *spool[T]) drop(id string) {
	if s.dir == "" {
		return
	}
	if err := os.Remove(s.path(id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.logger.Warn("remove from spool failed", zap.String("id", id), zap.Error(err))
	}
}

// keep saves what was left, or spools it while the records are away.
func (s *spool[T]) keep(ctx context.Context, m T) {
	ctx, cancel := context.WithTimeout(ctx, afterwards)
	defer cancel()
	err := s.save(ctx, m)
	if err == nil {
		s.drop(m.key())
		return
	}
	s.logger.Warn("save what was left failed, spooling it", zap.String("id", m.key()), zap.Error(err))
	s.mu.Lock()
	s.pending[m.key()] = m
	s.mu.Unlock()
	if s.dir == "" {
		return
	}
	if err := s.write(m); err != nil {
		s.logger.Error("spool failed; it is kept in memory only", zap.String("id", m.key()), zap.Error(err))
	}
}

func (s *spool[T]) path(id string) string { return filepath.Join(s.dir, id+s.ending) }

func (s *spool[T]) write(m T) error {
	data, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("encode for spool: %w", err)
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
		err = os.Rename(f.Name(), s.path(m.key()))
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write spool: %w", err), os.Remove(f.Name()))
	}
	return nil
}

// run offers what is spooled to the records until ctx ends.
func (s *spool[T]) run(ctx context.Context) {
	if err := s.load(); err != nil {
		s.logger.Error("read spool failed", zap.Error(err))
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
func (s *spool[T]) load() error {
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
		if !strings.HasSuffix(e.Name(), s.ending) {
			continue
		}
		var m T
		data, err := os.ReadFile(filepath.Join(s.dir, e.Name()))
		if err == nil {
			err = json.Unmarshal(data, &m)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("read %s: %w", e.Name(), err))
			continue
		}
		s.mu.Lock()
		s.pending[m.key()] = m
		s.mu.Unlock()
	}
	return errors.Join(errs...)
}

// flush offers everything once.
func (s *spool[T]) flush(ctx context.Context) {
	s.mu.Lock()
	todo := make([]T, 0, len(s.pending))
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
		delete(s.pending, m.key())
		s.mu.Unlock()
		s.drop(m.key())
	}
}
