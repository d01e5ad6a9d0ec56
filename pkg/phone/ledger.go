package phone

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

const (
	// AudioWithin is how soon after an answer sound must be heard.
	AudioWithin = time.Second
	// SilentAfter is the silence after an answer that makes a silent call.
	SilentAfter = 1500 * time.Millisecond
)

// Record is what the far end saw and heard of one call. It holds a telephone
// number, so it is for tests and for counting, not for logs.
type Record struct {
	// Attempt is the value of the attempt header; empty: none came.
	Attempt string
	// Number is the subscriber: the number called, or for an inbound call the number it came from.
	Number string
	// Inbound is a call the trunk placed into the PBX.
	Inbound bool
	// Caller is a call of a caller's phone, taken down by [Ledger.Follow]; Number is then its account.
	Caller bool
	// Machine is an answering machine.
	Machine bool
	// Times; zero: it did not happen. Ended is set on every finished record.
	Invited, Ringing, Answered, Cancelled, Ended time.Time
	// Code is the final status; 200 when answered, 487 when cancelled.
	Code int
	// By is who ended an answered call.
	By Side
	// Cause is the Q.850 cause that came with the other side's BYE; 0: none.
	Cause int
	// Tone is what this end said, in Hz; zero: no tone.
	Tone float64
	// FirstSound is when sound was first heard after the answer; zero: never.
	FirstSound time.Time
	// LongestSilence is the longest stretch without sound since the answer.
	LongestSilence time.Duration
	// Tones says when each watched tone was first heard.
	Tones map[float64]time.Time
}

// Rang reports whether the phone rang or was answered.
func (r Record) Rang() bool { return !r.Ringing.IsZero() || !r.Answered.IsZero() }

// Ledger is the far ends' book of a run. It is safe for concurrent use.
type Ledger struct {
	mu      sync.Mutex
	entries []*entry
	live    int           // entries without an end
	settled chan struct{} // closed when live falls to zero; nil: nobody waits
}

// entry is one record being written; the ledger's lock guards it.
type entry struct {
	ledger *Ledger
	record Record
	call   *Call // while it is answered and goes on
}

// NewLedger returns an empty book.
func NewLedger() *Ledger { return &Ledger{} }

func (l *Ledger) open(r Record) *entry {
	e := &entry{ledger: l, record: r}
	l.mu.Lock()
	l.entries = append(l.entries, e)
	l.live++
	l.mu.Unlock()
	return e
}

// Settle waits until no call goes on.
func (l *Ledger) Settle(ctx context.Context) error {
	for {
		l.mu.Lock()
		if l.live == 0 {
			l.mu.Unlock()
			return nil
		}
		if l.settled == nil {
			l.settled = make(chan struct{})
		}
		settled := l.settled
		l.mu.Unlock()
		select {
		case <-settled:
		case <-ctx.Done():
			return fmt.Errorf("await end of calls: %w", ctx.Err())
		}
	}
}

// close counts an entry as ended, with the ledger's lock held.
func (l *Ledger) close() {
	l.live--
	if l.live == 0 && l.settled != nil {
		close(l.settled)
		l.settled = nil
	}
}

func (e *entry) write(f func(*Record)) {
	e.ledger.mu.Lock()
	defer e.ledger.mu.Unlock()
	f(&e.record)
}

func (e *entry) rang(at time.Time) {
	e.write(func(r *Record) {
		if r.Ringing.IsZero() {
			r.Ringing = at
		}
	})
}

func (e *entry) failed(at time.Time, err error) {
	e.write(func(r *Record) {
		r.Ended = at
		e.ledger.close()
		var status *StatusError
		switch {
		case errors.As(err, &status):
			r.Code, r.Cause = status.Code, status.Cause
		case Cancelled(err):
			r.Code, r.Cancelled = 487, at
		}
	})
}

func (e *entry) answered(c *Call) {
	e.write(func(r *Record) {
		r.Answered, r.Code = c.Answered(), 200
		e.call = c
	})
}

// ended takes down what was heard and lets the call's audio go.
func (e *entry) ended(c *Call) {
	heard, end := c.Heard(), c.Ending()
	if end.At.IsZero() { // no longer followed
		end.At = time.Now()
	}
	e.write(func(r *Record) {
		r.heard(heard)
		r.Ended, r.By, r.Cause = end.At, end.By, end.Cause
		e.call = nil
		e.ledger.close()
	})
}

func (r *Record) heard(h Heard) {
	r.FirstSound, r.LongestSilence, r.Tones = h.First, h.LongestSilence, h.Tones
}

// Follow takes down an answered call of a caller's phone, which says a tone of
// hz (zero: none), until it ends or ctx does. The phone's [Options] must watch
// the tones it is to hear. The account names the phone in the record.
func (l *Ledger) Follow(ctx context.Context, c *Call, account string, hz float64) {
	e := l.open(Record{Caller: true, Number: account, Tone: hz, Invited: c.Answered()})
	e.answered(c)
	defer e.ended(c)
	select {
	case <-c.Done():
	case <-ctx.Done():
	}
}

// Records returns a copy of the book in the order of arrival, with the calls
// that go on as they are now.
func (l *Ledger) Records() []Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]Record, len(l.entries))
	for i, e := range l.entries {
		out[i] = e.record
		if e.call != nil {
			out[i].heard(e.call.Heard())
		}
		out[i].Tones = maps.Clone(out[i].Tones)
	}
	return out
}

// Summary is the count of a book.
type Summary struct {
	// Calls is all of the trunk's calls, Inbound those placed into the PBX.
	Calls, Inbound int
	// Live, Answered, Refused, Cancelled and Failed split the calls; Answered ones have ended.
	Live, Answered, Refused, Cancelled, Failed int
	// SilentCalls were answered, and heard nothing for 1.5 s from the answer on, or nothing
	// at all until the other side hung up.
	SilentCalls int
	// DoubleRings is how often an attempt rang a second time, or a number was rung
	// while it had another call.
	DoubleRings int
	// AudioOK calls were answered and heard sound within a second; and when they heard a
	// caller's tone, that caller heard theirs.
	AudioOK int
	// AudioFailed is the other answered calls, but those that this end hung up
	// within a second of answering.
	AudioFailed int
}

// Summary counts the book as of now.
func (l *Ledger) Summary() Summary { return summarise(l.Records(), time.Now()) }

func summarise(records []Record, now time.Time) Summary {
	var s Summary
	var callers []Record
	for _, r := range records {
		if r.Caller {
			callers = append(callers, r)
		}
	}
	for _, r := range records {
		if r.Caller {
			continue
		}
		s.Calls++
		if r.Inbound {
			s.Inbound++
		}
		switch {
		case r.Ended.IsZero():
			s.Live++
		case !r.Answered.IsZero():
			s.Answered++
		case r.Code == 487:
			s.Cancelled++
		case r.Code != 0:
			s.Refused++
		default:
			s.Failed++
		}
		if r.Answered.IsZero() {
			continue
		}
		silent, ok, judged := r.audio(callers, now)
		switch {
		case silent:
			s.SilentCalls++
			s.AudioFailed++
		case ok:
			s.AudioOK++
		case judged:
			s.AudioFailed++
		}
	}
	s.DoubleRings = doubleRings(records, now)
	return s
}

// audio judges an answered call; judged is false while it is too early to say.
func (r Record) audio(callers []Record, now time.Time) (silent, ok, judged bool) {
	end := r.end(now)
	wait := end.Sub(r.Answered)
	hungUpOnUs := !r.Ended.IsZero() && r.By != SideLocal
	if !r.FirstSound.IsZero() {
		wait = r.FirstSound.Sub(r.Answered)
	}
	switch {
	case wait >= SilentAfter, r.FirstSound.IsZero() && hungUpOnUs:
		return true, false, true
	case wait > AudioWithin:
		return false, false, true
	case r.FirstSound.IsZero():
		return false, false, false
	}
	for _, c := range callers {
		if _, met := r.Tones[c.Tone]; !met || c.Tone == 0 || r.Tone == 0 {
			continue
		}
		overlap := earlier(end, c.end(now)).Sub(later(r.Answered, c.Answered))
		if overlap < AudioWithin {
			continue
		}
		if since, heard := c.Tones[r.Tone]; !heard || since.After(end) {
			return false, false, true
		}
	}
	return false, true, true
}

func (r Record) end(now time.Time) time.Time {
	if r.Ended.IsZero() {
		return now
	}
	return r.Ended
}

func (r Record) begin() time.Time {
	switch {
	case r.Inbound: // who dials is on the phone from then on
		return r.Invited
	case r.Ringing.IsZero():
		return r.Answered
	}
	return r.Ringing
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func doubleRings(records []Record, now time.Time) int {
	attempts := make(map[string]int)
	numbers := make(map[string][]Record)
	double := 0
	for _, r := range records {
		if r.Caller || !r.Rang() && !r.Inbound {
			continue
		}
		if r.Attempt != "" {
			if attempts[r.Attempt]++; attempts[r.Attempt] > 1 {
				double++
				continue // once is enough for this record
			}
		}
		if r.Number != "" {
			numbers[r.Number] = append(numbers[r.Number], r)
		}
	}
	for _, calls := range numbers {
		slices.SortFunc(calls, func(a, b Record) int {
			return cmp.Or(a.begin().Compare(b.begin()), a.Invited.Compare(b.Invited))
		})
		var busyUntil time.Time
		for _, r := range calls {
			// Somebody who dials in while being rung does no wrong of ours.
			if r.begin().Before(busyUntil) && !r.Inbound {
				double++
			}
			busyUntil = later(busyUntil, r.end(now))
		}
	}
	return double
}
