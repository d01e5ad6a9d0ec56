package natsbus

import (
	"math"

	"github.com/rappel-tel/rappel/pkg/call"
)

// catchUpLimit is how many events CatchUp and a wiped stream read back at most: the stream serves live pages and
// consumers that were away for minutes, not history, which stays in Postgres.
const catchUpLimit = 10_000

// unknownSequence is the place of a lane's last message in the stream as long as nobody has looked.
const unknownSequence = math.MaxUint64

// lane is the way of one scheme's events to the stream, in the order of their numbers. Bus.mu guards it; only the publisher takes
// anything out.
type lane struct {
	key    int64
	scheme string // Its id seen outside.
	last   int64  // The number of the last event that is in the lane or has passed it.
	sent   int64  // That of the last one that the stream was heard to take.
	parts  []part
	// compare is set when it has to be looked what the stream has, before anything is sent; what is missing up to last goes first.
	compare  bool
	sequence uint64 // Of its last message in the stream, behind which the next one belongs.
}

// part is one message to be, or a run of numbers that is to be read from the log: then it has no events yet.
type part struct {
	events      []call.Event
	first, last int64
}

func partOf(events []call.Event) part {
	return part{events, events[0].Number, events[len(events)-1].Number}
}

// compared takes what the stream has: up to which number, and where. What the lane holds up to there has been published by somebody
// else.
func (l *lane) compared(number int64, sequence uint64) {
	l.compare, l.sequence = false, sequence
	number = max(number, l.sent) // What it has dropped since, as too old, it is not given again.
	for len(l.parts) > 0 && l.parts[0].last <= number {
		l.parts = l.parts[1:]
	}
	if len(l.parts) > 0 && l.parts[0].first <= number {
		p := &l.parts[0]
		if p.events != nil {
			p.events = p.events[number+1-p.first:]
		}
		p.first = number + 1
	}
	next := l.last + 1
	if len(l.parts) > 0 {
		next = l.parts[0].first
	}
	if first := max(number+1, next-catchUpLimit); first < next {
		l.parts = append([]part{{first: first, last: next - 1}}, l.parts...)
	}
}

// found puts what was read from the log in the place of the first part, which ended with upTo or goes on behind it.
func (l *lane) found(parts []part, upTo int64) {
	if len(l.parts) == 0 || l.parts[0].events != nil { // Compared meanwhile.
		return
	}
	rest := l.parts[1:]
	if gap := l.parts[0]; gap.last > upTo {
		parts = append(parts, part{first: upTo + 1, last: gap.last})
	}
	l.parts = append(parts, rest...)
}

// halve makes two parts of the first.
func (l *lane) halve(at int) {
	events := l.parts[0].events
	l.parts = append([]part{partOf(events[:at]), partOf(events[at:])}, l.parts[1:]...)
}

// Publish hands the committed events of one transaction to the publisher and returns at once. They go out together, in one
// message as a rule, behind everything of their scheme that was committed before: what others have committed and nobody has
// published is read from the log. So is what does not fit into the queue, which is counted.
func (b *Bus) Publish(commit []call.Event) {
	over := 0
	b.mu.Lock()
	for _, events := range split(commit) {
		over += b.addLocked(partOf(events))
	}
	b.mu.Unlock()
	b.met.overflowed.Add(float64(over))
	b.poke()
}

// addLocked puts a part into its lane, and returns how many of its events have to be read from the log again.
func (b *Bus) addLocked(p part) (over int) {
	e := &p.events[0]
	l := b.lanes[e.SchemeKey]
	if l == nil {
		l = &lane{key: e.SchemeKey, scheme: e.Scheme, last: p.first - 1, sequence: unknownSequence}
		b.lanes[e.SchemeKey] = l
	}
	if p.last <= l.last {
		return 0 // It is there, or was.
	}
	if b.opts.Log != nil && p.first > l.last+1 {
		l.gap(l.last+1, p.first-1)
	}
	l.last = p.last
	if b.closed || b.queued >= b.opts.Queue {
		if b.opts.Log != nil && !b.closed {
			l.gap(p.first, p.last)
		}
		return len(p.events)
	}
	l.parts = append(l.parts, p)
	b.queued += len(p.events)
	return 0
}

// gap adds a run of numbers that is to be read from the log.
func (l *lane) gap(first, last int64) {
	if n := len(l.parts); n > 0 && l.parts[n-1].events == nil && l.parts[n-1].last == first-1 {
		l.parts[n-1].last = last
		return
	}
	l.parts = append(l.parts, part{first: first, last: last})
}

// Lead begins to publish the events of a scheme (its id seen outside, its key) that this process leads from now on. The stream is
// compared with the log: the events after the last one in the stream, up to last, are published first, because a crash may fall
// between commit and publishing.
func (b *Bus) Lead(scheme string, key, last int64) {
	b.mu.Lock()
	b.leaveLocked(key)
	b.lanes[key] = &lane{key: key, scheme: scheme, last: last, compare: b.opts.Log != nil, sequence: unknownSequence}
	b.mu.Unlock()
	b.poke()
}

// Leave ends that: whoever leads the scheme now publishes what is left.
func (b *Bus) Leave(key int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.leaveLocked(key)
}

func (b *Bus) leaveLocked(key int64) {
	if l := b.lanes[key]; l != nil {
		for _, p := range l.parts {
			b.queued -= len(p.events)
		}
		delete(b.lanes, key)
	}
}

// waitingLocked are the lanes with something to do.
func (b *Bus) waitingLocked() (lanes []*lane) {
	for _, l := range b.lanes {
		if l.compare || len(l.parts) > 0 {
			lanes = append(lanes, l)
		}
	}
	return lanes
}
