package postgres

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
)

// ErrSpoolInUse means that another process holds the spool.
var ErrSpoolInUse = errors.New("another process uses the spool")

// Spool keeps facts on the local disk while the database is away: how attempts ended, and what inbound parties left. A fact
// is on disk when append has returned; it leaves the spool when the database has it. Applying a fact twice is harmless, so
// that a crash between the two costs nothing.
//
// The file holds one fact per line: the CRC-32C of the JSON text in eight hexadecimal digits, a space, the text. A line torn
// by a crash is the last one and was never acknowledged; it is cut off. The file has mode 0600: it tells who was called when,
// though by keys only.
type Spool struct {
	mu      sync.Mutex
	path    string
	file    *os.File
	size    int64 // Of the whole lines.
	pending []fact
	seen    map[string]struct{} // The texts that are pending, without their header.
	refused bool                // There may be something in the file of what was refused.
}

// fact is one line. Exactly one of the pointers is set.
type fact struct {
	Scheme   int64               `json:"scheme"`
	Epoch    int64               `json:"epoch"`
	Now      time.Time           `json:"now"`
	Finish   *dispatch.Finish    `json:"finish,omitempty"`
	Progress *call.Step          `json:"progress,omitempty"`
	OfferEnd *dispatch.OfferEnd  `json:"offer_end,omitempty"`
	Answer   *dispatch.Answer    `json:"answer,omitempty"`
	Close    *dispatch.CloseCall `json:"close,omitempty"`
	Message  *voiceMessage       `json:"message,omitempty"`
}

// OpenSpool opens the spool at path, or makes it. It returns ErrSpoolInUse when another process holds it.
func OpenSpool(path string) (*Spool, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open spool: %w", err)
	}
	s := &Spool{path: path, file: file, seen: map[string]struct{}{}, refused: true}
	if err := s.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("open spool: %w", err), file.Close())
	}
	return s, nil
}

func (s *Spool) open() error {
	if err := syscall.Flock(int(s.file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return fmt.Errorf("%w: %s", ErrSpoolInUse, s.path)
	}
	if err := s.file.Chmod(0o600); err != nil {
		return err
	}
	data, err := io.ReadAll(s.file)
	if err != nil {
		return err
	}
	facts, good, damaged := parseSpool(data)
	if damaged {
		// Not a torn end: the disk has lost something. The whole file is kept for a look before it is written to.
		if err := os.WriteFile(s.path+".damaged", data, 0o600); err != nil {
			return err
		}
	}
	s.pending, s.size = facts, good
	for _, f := range facts {
		text, err := f.text()
		if err != nil {
			return err
		}
		s.seen[string(text)] = struct{}{}
	}
	if err := s.file.Truncate(good); err != nil {
		return err
	}
	return syncDir(filepath.Dir(s.path))
}

// syncDir makes a new file's name durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// parseSpool returns the facts of all whole lines, the length up to which the file may be kept, and whether a line before
// the last one is unreadable (it is passed over).
func parseSpool(data []byte) (facts []fact, good int64, damaged bool) {
	bad := false
	for rest := data; len(rest) > 0; {
		line, after, whole := bytes.Cut(rest, []byte{'\n'})
		f, ok := parseFact(line)
		switch {
		case ok && whole:
			damaged = damaged || bad
			facts, good = append(facts, f), int64(len(data)-len(after))
		default:
			bad = true
		}
		rest = after
	}
	return facts, good, damaged
}

func parseFact(line []byte) (fact, bool) {
	var f fact
	const header = 9
	if len(line) <= header || line[header-1] != ' ' {
		return f, false
	}
	sum, err := strconv.ParseUint(string(line[:header-1]), 16, 32)
	if err != nil || uint32(sum) != checksum(line[header:]) {
		return f, false
	}
	return f, json.Unmarshal(line[header:], &f) == nil
}

func checksum(text []byte) uint32 { return crc32.Checksum(text, crc32.MakeTable(crc32.Castagnoli)) }

// Len counts the facts that wait for the database.
func (s *Spool) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.pending)
}

// append keeps the facts among the operations; those that wait already are not kept again. When it returns nil they are on
// disk.
func (s *Spool) append(scheme, epoch int64, now time.Time, ops []dispatch.Op) error {
	var facts []fact
	for _, op := range ops {
		if f, ok := factOf(op); ok {
			f.Scheme, f.Epoch, f.Now = scheme, epoch, now
			facts = append(facts, f)
		}
	}
	return s.keep(facts)
}

func (s *Spool) keep(facts []fact) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var lines []byte
	var fresh []fact
	var texts []string
	for _, f := range facts {
		text, err := f.text()
		if err != nil {
			return err
		}
		if _, ok := s.seen[string(text)]; ok {
			continue
		}
		whole, err := json.Marshal(f)
		if err != nil {
			return fmt.Errorf("encode fact: %w", err)
		}
		lines = fmt.Appendf(lines, "%08x %s\n", checksum(whole), whole)
		fresh, texts = append(fresh, f), append(texts, string(text))
	}
	if len(fresh) == 0 {
		return nil
	}
	// After a failed write the next one begins where the last whole line ended.
	if _, err := s.file.WriteAt(lines, s.size); err != nil {
		return fmt.Errorf("write spool: %w", err)
	}
	if err := s.file.Sync(); err != nil {
		return fmt.Errorf("write spool: %w", err)
	}
	s.size += int64(len(lines))
	s.pending = append(s.pending, fresh...)
	for _, text := range texts {
		s.seen[text] = struct{}{}
	}
	return nil
}

// take returns the facts that wait, in order.
func (s *Spool) take() []fact {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clip(s.pending)
}

// drop forgets the first n facts, which the database has. The file is emptied once nothing waits; until then a crash makes
// the database refuse some facts a second time, which is harmless.
func (s *Spool) drop(n int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.pending[:n] {
		if text, err := f.text(); err == nil {
			delete(s.seen, string(text))
		}
	}
	s.pending = s.pending[n:]
	if len(s.pending) > 0 {
		return nil
	}
	s.pending = nil
	if err := s.file.Truncate(0); err != nil {
		return fmt.Errorf("empty spool: %w", err)
	}
	s.size = 0
	if err := s.file.Sync(); err != nil {
		return fmt.Errorf("empty spool: %w", err)
	}
	return nil
}

// Close closes the file. What waits stays in it.
func (s *Spool) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	// Closing alone would leave the lock to whatever process is just being started, which holds a copy of the file until it runs
	// its program.
	if err := errors.Join(syscall.Flock(int(s.file.Fd()), syscall.LOCK_UN), s.file.Close()); err != nil {
		return fmt.Errorf("close spool: %w", err)
	}
	return nil
}

// text is what makes a fact the same as another: everything but when and under which epoch it was handed in.
func (f fact) text() ([]byte, error) {
	f.Epoch, f.Now = 0, time.Time{}
	text, err := json.Marshal(f)
	if err != nil {
		return nil, fmt.Errorf("encode fact: %w", err)
	}
	return text, nil
}

// factOf returns the fact that an operation records, without scheme and time. What is not needed to record it later is left
// out, people's numbers above all. That a caller's phone rings is no fact worth keeping.
func factOf(op dispatch.Op) (fact, bool) {
	switch op := op.(type) {
	case dispatch.Finish:
		op.Settlement.Next = toBook(op.Settlement.Next)
		return fact{Finish: &op}, true
	case dispatch.Progress:
		return fact{Progress: &op.Step}, op.Step.State != call.StateOffered
	case dispatch.OfferEnd:
		return fact{OfferEnd: &op}, true
	case dispatch.Answer:
		op.Callback = toBook(op.Callback)
		return fact{Answer: &op}, true
	case dispatch.CloseCall:
		return fact{Close: &op}, true
	default:
		return fact{}, false
	}
}

// toBook leaves of an occurrence what it takes to book it.
func toBook(n *dispatch.Occurrence) *dispatch.Occurrence {
	if n == nil {
		return nil
	}
	return &dispatch.Occurrence{
		Agreement: n.Agreement, Beneficiary: n.Beneficiary, Kind: n.Kind, Opens: n.Opens, Closes: n.Closes,
		NotBefore: n.NotBefore, Length: n.Length, LocalDate: n.LocalDate,
	}
}

// op returns the operation that records the fact; false for a message.
func (f fact) op() (dispatch.Op, bool) {
	switch {
	case f.Finish != nil:
		return *f.Finish, true
	case f.Progress != nil:
		return dispatch.Progress{Step: *f.Progress}, true
	case f.OfferEnd != nil:
		return *f.OfferEnd, true
	case f.Answer != nil:
		return *f.Answer, true
	case f.Close != nil:
		return *f.Close, true
	default:
		return nil, false
	}
}
