package callflow

import (
	"context"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"
)

// storedEvery is how often messages are looked for that the dialplan took by itself.
const storedEvery = time.Minute

// Recordings is what the PBX has recorded: names below its recordings folder, without extension. Package asterisk
// implements it.
type Recordings interface {
	Recordings(ctx context.Context) ([]string, error)
	// DeleteRecording erases one; that there is none is no error.
	DeleteRecording(ctx context.Context, name string) error
}

// stored brings the messages that the dialplan took while the service was away into the records. Their names say when they
// were left, on which number ("s" when the trunk gave none), and by whom:
// messages/<seconds since 1970>_<number dialled>_<CLI>_<channel>.
type stored struct {
	recordings Recordings
	lines      *lineMemory
	spool      *spool[Message]
	logger     *zap.Logger
	form       *regexp.Regexp

	mu   sync.Mutex
	seen map[string]bool
}

func newStored(r Recordings, l *lineMemory, s *spool[Message], logger *zap.Logger) *stored {
	return &stored{
		recordings: r, lines: l, spool: s, logger: logger, seen: map[string]bool{},
		form: regexp.MustCompile(`^messages/(\d{9,11})_([+0-9]+|s)_([+0-9]*)_[0-9.]+$`),
	}
}

// run looks for messages until ctx ends.
func (s *stored) run(ctx context.Context) {
	if s.recordings == nil {
		return
	}
	tick := time.NewTicker(storedEvery)
	defer tick.Stop()
	for {
		s.collect(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (s *stored) collect(ctx context.Context) {
	names, err := s.recordings.Recordings(ctx)
	if err != nil {
		if ctx.Err() == nil {
			s.logger.Warn("list messages of the dialplan failed", zap.Error(err))
		}
		return
	}
	for _, name := range names {
		m, ok := s.message(name)
		s.mu.Lock()
		known := s.seen[name]
		s.mu.Unlock()
		if !ok || known {
			continue
		}
		if m.Dialled == "s" {
			line, only := s.lines.only()
			if !only {
				continue // Whose it is will be known once somebody has dialled a line.
			}
			m.Scheme, m.Language = line.Scheme, line.language()
		}
		m.CLI = e164(m.CLI, s.lines.region())
		save, cancel := context.WithTimeout(ctx, afterwards)
		err := s.spool.save(save, m)
		cancel()
		if err != nil {
			s.logger.Warn("save a message of the dialplan failed", zap.String("message", m.ID), zap.Error(err))
			return // The next round tries again; the file is there.
		}
		s.logger.Info("a message that the dialplan took is listed", zap.String("message", m.ID))
		s.mu.Lock()
		s.seen[name] = true
		s.mu.Unlock()
	}
}

// message reads the name that the dialplan gave to a message. The same name always gives the same ID, so that a
// message is kept once however often it is found.
func (s *stored) message(name string) (Message, bool) {
	parts := s.form.FindStringSubmatch(strings.TrimSuffix(name, ".wav"))
	if parts == nil {
		return Message{}, false
	}
	seconds, err := strconv.ParseInt(parts[1], 10, 64)
	if err != nil {
		return Message{}, false
	}
	return Message{
		ID: uuid.NewSHA1(uuid.NameSpaceURL, []byte("rappel:"+name)).String(), CLI: parts[3], Dialled: parts[2],
		Recording: name, At: time.Unix(seconds, 0),
	}, true
}
