package phone

import (
	"context"
	"fmt"
	"math"
	"time"
)

const (
	// toneShare is the part of a frame's energy that must lie on the tone: low
	// enough for two tones mixed by a conference, high enough to leave speech out.
	toneShare = 0.3
	// toneRun is how many frames in a row make a tone (100 ms).
	toneRun = 5
)

// goertzel returns the share of the frame's energy at hz, from 0 to 1. With 20 ms
// frames, tones closer than 50 Hz are not told apart.
func goertzel(pcm []float32, hz float64, power float32) float64 {
	if power <= 0 || len(pcm) == 0 {
		return 0
	}
	w := 2 * math.Pi * hz / sampleRate
	c := 2 * math.Cos(w)
	var s1, s2 float64
	for _, v := range pcm {
		s1, s2 = float64(v)+c*s1-s2, s1
	}
	mag := s1*s1 + s2*s2 - c*s1*s2
	n := float64(len(pcm))
	return min(2*mag/(n*n*float64(power)), 1)
}

// toneWatch follows one tone through consecutive frames.
type toneWatch struct {
	hz    float64
	run   int
	began time.Time
	found bool
	since time.Time // began of the first run that was long enough
}

// step takes the next frame and reports whether a tone is being heard with it.
func (w *toneWatch) step(at time.Time, pcm []float32, power float32) bool {
	if power < hearingFloor || goertzel(pcm, w.hz, power) < toneShare {
		w.run = 0
		return false
	}
	if w.run == 0 {
		w.began = at
	}
	w.run++
	if w.run < toneRun {
		return false
	}
	if !w.found {
		w.found, w.since = true, w.began
	}
	return true
}

// follow runs the frames kept from index i on through w until it finds its tone,
// and returns the index to go on from.
func (e *ears) follow(w *toneWatch, i int, after time.Time) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	var pcm [frameSamples]float32
	for i = max(i, e.first); i < e.next && !w.found; i++ {
		f := e.frameAt(i)
		at := e.start.Add(f.at)
		if at.Before(after) {
			continue
		}
		w.step(at, f.decode(&pcm), f.power)
	}
	return i
}

func (f *frame) decode(into *[frameSamples]float32) []float32 {
	out := into[:f.size]
	for i := range out {
		out[i] = float32(f.codec.decode(f.data[i]))
	}
	return out
}

// HearTone waits until a tone of hz has been heard for 100 ms and returns when
// its first packet arrived. What was heard before the call counts too, as far as
// it is kept. It fails with ctx's error or [ErrAudioEnded].
func (m *Media) HearTone(ctx context.Context, hz float64) (time.Time, error) {
	return m.HearToneAfter(ctx, hz, time.Time{})
}

// HearToneAfter is [Media.HearTone] for what arrives from after on.
func (m *Media) HearToneAfter(ctx context.Context, hz float64, after time.Time) (time.Time, error) {
	w := toneWatch{hz: hz}
	for i := 0; ; {
		i = m.ears.follow(&w, i, after)
		if w.found {
			return w.since, nil
		}
		if err := m.ears.waitFrames(ctx, i+1, time.Minute); err != nil {
			return time.Time{}, fmt.Errorf("hear tone of %g Hz: %w", hz, err)
		}
	}
}

// HeardTone reports whether a tone of hz is in the audio kept, and since when.
func (m *Media) HeardTone(hz float64) (time.Time, bool) {
	w := toneWatch{hz: hz}
	m.ears.follow(&w, 0, time.Time{})
	return w.since, w.found
}

// LongestToneGap returns the longest stretch without the tone of hz between from
// and to, in the audio kept: how well a conversation went on through a crash.
func (m *Media) LongestToneGap(hz float64, from, to time.Time) time.Duration {
	w := toneWatch{hz: hz}
	return longest(m.ears.pauses(from, to, func(at time.Time, f *frame) bool {
		var pcm [frameSamples]float32
		return w.step(at, f.decode(&pcm), f.power)
	}))
}

// LongestSilence returns the longest stretch without any sound between from and
// to, in the audio kept.
func (m *Media) LongestSilence(from, to time.Time) time.Duration { return longest(m.Pauses(from, to)) }

// Pause is a stretch without any sound.
type Pause struct{ From, To time.Time }

// Pauses lists the stretches without any sound between from and to, in the audio
// kept, in order; they may be as short as the time from one packet to the next.
func (m *Media) Pauses(from, to time.Time) []Pause {
	return m.ears.pauses(from, to, func(_ time.Time, f *frame) bool { return f.power >= hearingFloor })
}

func (e *ears) pauses(from, to time.Time, sound func(time.Time, *frame) bool) []Pause {
	e.mu.Lock()
	defer e.mu.Unlock()
	var list []Pause
	last := from
	for i := e.first; i < e.next; i++ {
		f := e.frameAt(i)
		at := e.start.Add(f.at)
		if at.Before(from) || at.After(to) || !sound(at, f) {
			continue
		}
		list = append(list, Pause{last, at})
		last = at
	}
	return append(list, Pause{last, to})
}

func longest(list []Pause) (d time.Duration) {
	for _, p := range list {
		d = max(d, p.To.Sub(p.From))
	}
	return d
}

// Heard sums up what arrived so far.
func (m *Media) Heard() Heard { return m.ears.summary(time.Now()) }

// Keys returns the key presses received so far, in order.
func (m *Media) Keys() []Key {
	m.ears.mu.Lock()
	defer m.ears.mu.Unlock()
	return append([]Key(nil), m.ears.keys...)
}

// AwaitKeys waits until n keys have been received in all and returns their digits.
func (m *Media) AwaitKeys(ctx context.Context, n int) (string, error) {
	for {
		m.ears.mu.Lock()
		digits := make([]byte, 0, len(m.ears.keys))
		for _, k := range m.ears.keys {
			digits = append(digits, k.Digit)
		}
		changed, err := m.ears.change()
		m.ears.mu.Unlock()
		if len(digits) >= n {
			return string(digits), nil
		}
		if err != nil {
			return string(digits), fmt.Errorf("await keys: %w", err)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return string(digits), fmt.Errorf("await keys: %w", ctx.Err())
		}
	}
}
