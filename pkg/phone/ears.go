package phone

import (
	"context"
	"sync"
	"time"
)

const (
	// hearingFloor is the mean square of a frame that counts as sound: RMS 100,
	// about -50 dBFS. G.711's own silence and comfort noise lie below it.
	hearingFloor = 100 * 100
	chunkFrames  = 50 // 1 s
)

// frame is up to 20 ms of received audio.
type frame struct {
	at    time.Duration // arrival, since ears.start
	pos   int64         // first sample on the time line
	power float32       // mean square
	size  int16
	codec Codec
	data  [frameSamples]byte
}

// Key is one received key press.
type Key struct {
	Digit byte      // '0'-'9', '*', '#', 'A'-'D'
	At    time.Time // arrival of its first packet
}

// Heard sums up what arrived since the call was answered (or since audio opened,
// before that).
type Heard struct {
	Packets int64 // audio packets, since the start
	Skipped int64 // packets that were no audio of this call
	Lost    int64 // missing sequence numbers
	// First is when the first sound arrived; zero: none yet.
	First time.Time
	// Last is when sound was last heard; zero: never.
	Last time.Time
	// LongestSilence is the longest stretch without sound, the one now running included.
	LongestSilence time.Duration
	// Tones says when each watched tone that was heard began.
	Tones map[float64]time.Time
}

// ears keep the last stretch of received audio and measure all of it.
type ears struct {
	start time.Time
	limit int // chunks kept

	mu      sync.Mutex
	chunks  []*[chunkFrames]frame
	first   int // absolute index of the oldest frame kept
	next    int // absolute index of the next frame
	changed chan struct{}
	ended   time.Time // zero while listening
	line    timeline
	since   time.Time // answer
	watch   []toneWatch
	heard   Heard
	keys    []Key
	keySeen uint32 // timestamp of the last key's start
	keyed   bool
}

// newEars keeps at most keep of audio, and at least a second.
func newEars(start time.Time, keep time.Duration, tones []float64) *ears {
	e := &ears{start: start, since: start, limit: max(int(keep/time.Second), 1)}
	for _, hz := range tones {
		e.watch = append(e.watch, toneWatch{hz: hz})
	}
	return e
}

// answered starts the measures anew: silence and first sound count from at.
func (e *ears) answered(at time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.since = at
	e.heard.First, e.heard.Last, e.heard.LongestSilence = time.Time{}, time.Time{}, 0
}

func (e *ears) skip() {
	e.mu.Lock()
	e.heard.Skipped++
	e.mu.Unlock()
}

func (e *ears) close(at time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ended.IsZero() {
		e.ended = at
		e.broadcast()
	}
}

func (e *ears) broadcast() { // with mu held
	if e.changed != nil {
		close(e.changed)
		e.changed = nil
	}
}

func (e *ears) key(at time.Time, p packet, k keyPress) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.line.pass(p)
	// All packets of one press carry the timestamp of its start (RFC 4733, 2.2.1).
	if e.keyed && p.timestamp == e.keySeen {
		return
	}
	e.keyed, e.keySeen = true, p.timestamp
	e.keys = append(e.keys, Key{Digit: k.digit, At: at})
	e.broadcast()
}

func (e *ears) hear(at time.Time, p packet) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.ended.IsZero() {
		return
	}
	e.heard.Packets++
	pos, lost, ok := e.line.place(p)
	if !ok {
		return
	}
	e.heard.Lost += int64(lost)
	codec := Codec(p.payloadType)
	for rest := p.payload; len(rest) > 0; {
		n := min(len(rest), frameSamples)
		e.add(at, pos, codec, rest[:n])
		pos, rest = pos+int64(n), rest[n:]
	}
	e.broadcast()
}

// add stores one frame and measures it.
func (e *ears) add(at time.Time, pos int64, codec Codec, data []byte) {
	var pcm [frameSamples]float32
	var power float32
	for i, b := range data {
		v := float32(codec.decode(b))
		pcm[i] = v
		power += v * v
	}
	power /= float32(len(data))

	f := e.slot()
	f.at, f.pos, f.power, f.size, f.codec = at.Sub(e.start), pos, power, int16(len(data)), codec
	copy(f.data[:], data)

	if power >= hearingFloor && !at.Before(e.since) {
		if e.heard.First.IsZero() {
			e.heard.First = at
		}
		e.heard.LongestSilence = max(e.heard.LongestSilence, at.Sub(e.lastSound()))
		e.heard.Last = at
	}
	for i := range e.watch {
		if w := &e.watch[i]; !w.found {
			w.step(at, pcm[:len(data)], power)
		}
	}
}

func (e *ears) lastSound() time.Time {
	if e.heard.Last.IsZero() {
		return e.since
	}
	return e.heard.Last
}

// slot returns the place of the next frame, reusing the oldest second when full.
func (e *ears) slot() *frame {
	in := e.next % chunkFrames
	if in == 0 {
		if len(e.chunks) > e.limit {
			oldest := e.chunks[0]
			copy(e.chunks, e.chunks[1:])
			e.chunks[len(e.chunks)-1] = oldest
			e.first += chunkFrames
		} else {
			e.chunks = append(e.chunks, new([chunkFrames]frame))
		}
	}
	e.next++
	return &e.chunks[len(e.chunks)-1][in]
}

func (e *ears) frameAt(i int) *frame { // with mu held, first <= i < next
	return &e.chunks[(i-e.first)/chunkFrames][(i-e.first)%chunkFrames]
}

// summary returns the measures as of now (or of the end).
func (e *ears) summary(now time.Time) Heard {
	e.mu.Lock()
	defer e.mu.Unlock()
	h := e.heard
	if !e.ended.IsZero() && e.ended.Before(now) {
		now = e.ended
	}
	h.LongestSilence = max(h.LongestSilence, now.Sub(e.lastSound()))
	h.Tones = make(map[float64]time.Time)
	for _, w := range e.watch {
		if w.found {
			h.Tones[w.hz] = w.since
		}
	}
	return h
}

// waitFrames returns when there are n frames in all, when patience is over, or
// with an error when ctx or the audio ends.
func (e *ears) waitFrames(ctx context.Context, n int, patience time.Duration) error {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		e.mu.Lock()
		if e.next >= n {
			e.mu.Unlock()
			return nil
		}
		changed, err := e.change()
		e.mu.Unlock()
		if err != nil {
			return err
		}
		select {
		case <-changed:
		case <-timer.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// change returns a channel that is closed at the next change, with mu held.
func (e *ears) change() (<-chan struct{}, error) {
	if !e.ended.IsZero() {
		return nil, ErrAudioEnded
	}
	if e.changed == nil {
		e.changed = make(chan struct{})
	}
	return e.changed, nil
}

// timeline puts the packets of one or several streams on one line of samples, by
// their sequence numbers alone. Timestamps would be wrong here: a PBX that
// was late by more than 80 ms moves them within a prompt, there and back, and arrival
// is later still. A pause without packets takes no room; the arrival times tell it.
type timeline struct {
	started bool
	ssrc    uint32
	seq     uint16
	pos     int64 // of seq's packet
	end     int64 // after the last packet
}

// maxMissing is the longest row of lost packets (2 s) that is left open on the line.
const maxMissing = 100

// place returns the packet's first sample on the line and how many packets are
// missing before it. A repeated packet is not placed.
func (l *timeline) place(p packet) (pos int64, lost int, ok bool) {
	n := int64(len(p.payload))
	steps := int64(int16(p.sequence - l.seq))
	switch {
	case !l.started || p.ssrc != l.ssrc || steps > maxMissing || steps < -maxMissing:
		steps, pos = 1, l.end
	case steps == 0:
		return 0, 0, false
	case steps < 0: // late: fill its own place
		pos = l.pos + steps*n
		return pos, -1, pos >= 0
	default:
		pos = l.end + (steps-1)*n
	}
	*l = timeline{started: true, ssrc: p.ssrc, seq: p.sequence, pos: pos, end: pos + n}
	return pos, int(steps) - 1, true
}

// pass takes note of a packet of the stream that is no audio.
func (l *timeline) pass(p packet) {
	if l.started && p.ssrc == l.ssrc && int16(p.sequence-l.seq) > 0 {
		l.seq, l.pos = p.sequence, l.end
	}
}
