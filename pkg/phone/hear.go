package phone

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"time"

	"gonum.org/v1/gonum/dsp/fourier"
)

const (
	// HearScore is the correlation above which [Media.Hear] recognises a prompt.
	// The same recording through G.711 scores above 0.9, another sentence of the
	// same voice below 0.3; two sentences that share a beginning score by the part
	// of their energy that they share.
	HearScore = 0.7
	// minReference is the shortest prompt that can be told from another.
	minReference = sampleRate / 4
)

// ErrShortReference means that a reference is silent or shorter than 250 ms.
var ErrShortReference = errors.New("reference too short or silent")

// Match says where a prompt was heard.
type Match struct {
	// Score is the normalised cross-correlation at the best place, from 0 to 1.
	Score float64
	// Offset is where the prompt's first sample lies in the audio received, as
	// [Media.Received] counts it: pauses without packets take no time.
	Offset time.Duration
	// At is when the packet that holds the prompt's first sample arrived.
	At time.Time
}

// Hear waits until the whole reference (8 kHz samples, such as [ReadWAV] gives)
// has been heard with a score of [HearScore] or more, from the start of the audio
// kept on. To recognise a prompt by its first second, pass its first second. It fails
// with [ErrShortReference], ctx's error or [ErrAudioEnded]; the Match then holds
// the best place found.
func (m *Media) Hear(ctx context.Context, reference []int16) (Match, error) {
	_, match, err := m.HearAny(ctx, reference)
	return match, err
}

// HearAny is [Media.Hear] for several references: it returns the index of the one
// recognised. On failure the index is that of the best one.
func (m *Media) HearAny(ctx context.Context, references ...[]int16) (int, Match, error) {
	return m.HearAfter(ctx, time.Time{}, references...)
}

// HearAfter is [Media.HearAny] for what arrives from after on, so that a prompt that
// is repeated can be heard again.
func (m *Media) HearAfter(ctx context.Context, after time.Time, references ...[]int16) (int, Match, error) {
	searches := make([]*search, len(references))
	step := sampleRate
	for i, ref := range references {
		s, err := newSearch(ref)
		if err != nil {
			return i, Match{}, fmt.Errorf("hear prompt: %w", err)
		}
		s.from = m.ears.place(after)
		searches[i] = s
		step = min(step, len(ref)/8)
	}
	for seen := 0; ; {
		// Searching costs per look, so look when an eighth of the prompt is new.
		wait := m.ears.waitFrames(ctx, seen+max(step/frameSamples, 10), 500*time.Millisecond)
		var index int
		var best Match
		for i, s := range searches {
			seen = s.advance(m.ears)
			if match := m.ears.match(s); match.Score > best.Score {
				index, best = i, match
			}
		}
		if best.Score >= HearScore {
			return index, best, nil
		}
		if wait != nil {
			return index, best, fmt.Errorf("hear prompt (best score %.2f): %w", best.Score, wait)
		}
	}
}

// Compare returns the best place of the reference in the audio kept so far.
func (m *Media) Compare(reference []int16) (Match, error) {
	s, err := newSearch(reference)
	if err != nil {
		return Match{}, fmt.Errorf("compare prompt: %w", err)
	}
	s.advance(m.ears)
	return m.ears.match(s), nil
}

// search looks for one reference in audio that grows, each sample once.
type search struct {
	c     *correlator
	from  int64 // next place on the time line to try
	best  float64
	place int64
}

func newSearch(reference []int16) (*search, error) {
	c, err := newCorrelator(reference)
	if err != nil {
		return nil, err
	}
	return &search{c: c, from: math.MinInt64}, nil
}

// advance tries every place that has become possible, and returns how many
// frames have been received in all.
func (s *search) advance(e *ears) int {
	pcm, start, frames := e.samples(s.from)
	whole := len(pcm) - s.c.length + 1 // places where the whole reference fits
	// A PBX drops the last part of a frame, and sends nothing after it: let the
	// reference end a little after what was heard, and try those places again later.
	pcm = append(pcm, make([]float64, min(s.c.length/8, sampleRate/5))...)
	if len(pcm) < s.c.length {
		return frames
	}
	score, at := s.c.best(pcm)
	if score > s.best {
		s.best, s.place = score, start+int64(at)
	}
	if whole > 0 {
		s.from = start + int64(whole)
	}
	return frames
}

// place is where on the time line the first packet from at on lies.
func (e *ears) place(at time.Time) int64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	if at.Before(e.start) {
		return math.MinInt64
	}
	for i := e.first; i < e.next; i++ {
		if f := e.frameAt(i); !e.start.Add(f.at).Before(at) {
			return f.pos
		}
	}
	return e.line.end
}

func (e *ears) match(s *search) Match {
	if s.best == 0 {
		return Match{}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	m := Match{Score: s.best, Offset: time.Duration(s.place) * time.Second / sampleRate}
	for i := e.first; i < e.next; i++ {
		if f := e.frameAt(i); f.pos <= s.place && s.place < f.pos+int64(f.size) {
			m.At = e.start.Add(f.at)
			break
		}
	}
	return m
}

// samples returns the audio kept from a place of the time line on, with the gaps
// filled by silence, and the place of its first sample.
func (e *ears) samples(from int64) (pcm []float64, start int64, frames int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	start, end := int64(math.MaxInt64), int64(math.MinInt64)
	for i := e.first; i < e.next; i++ {
		f := e.frameAt(i)
		if f.pos+int64(f.size) > from {
			start, end = min(start, max(f.pos, from)), max(end, f.pos+int64(f.size))
		}
	}
	if start >= end {
		return nil, from, e.next
	}
	// Lost packets leave room on the line; a hostile sender could leave a lot.
	if limit := int64(10*e.limit) * sampleRate; end-start > limit {
		start = end - limit
	}
	pcm = make([]float64, end-start)
	for i := e.first; i < e.next; i++ {
		f := e.frameAt(i)
		for j := range int64(f.size) {
			if at := f.pos + j - start; at >= 0 {
				pcm[at] = float64(f.codec.decode(f.data[j]))
			}
		}
	}
	return pcm, start, e.next
}

// Received returns the audio kept as samples: lost packets are silence, pauses
// without packets are left out.
func (m *Media) Received() []int16 {
	pcm, _, _ := m.ears.samples(math.MinInt64)
	out := make([]int16, len(pcm))
	for i, v := range pcm {
		out[i] = int16(v)
	}
	return out
}

// correlator slides one reference along audio by overlap-save in the frequency domain.
type correlator struct {
	length   int
	norm     float64
	fft      *fourier.FFT
	spectrum []complex128 // of the reference, conjugated
	block    []float64
	coeff    []complex128
}

func newCorrelator(reference []int16) (*correlator, error) {
	c := &correlator{length: len(reference)}
	for _, v := range reference {
		c.norm += float64(v) * float64(v)
	}
	if c.length < minReference || c.norm < hearingFloor*float64(c.length)/100 {
		return nil, ErrShortReference
	}
	c.norm = math.Sqrt(c.norm)
	size := 1 << bits.Len(uint(c.length+max(c.length/4, sampleRate)))
	c.fft = fourier.NewFFT(size)
	c.block = make([]float64, size)
	for i, v := range reference {
		c.block[i] = float64(v)
	}
	c.spectrum = c.fft.Coefficients(nil, c.block)
	for i, v := range c.spectrum {
		c.spectrum[i] = complex(real(v), -imag(v))
	}
	return c, nil
}

// best returns the highest normalised correlation in x and where it starts.
func (c *correlator) best(x []float64) (score float64, at int) {
	var (
		size   = len(c.block)
		valid  = size - c.length + 1
		energy float64 // of the window at the place being tried
		floor  = hearingFloor / 100 * float64(c.length)
	)
	for _, v := range x[:c.length] {
		energy += v * v
	}
	for from := 0; from+c.length <= len(x); from += valid {
		n := copy(c.block, x[from:min(from+size, len(x))])
		clear(c.block[n:])
		c.coeff = c.fft.Coefficients(c.coeff, c.block)
		for i, v := range c.spectrum {
			c.coeff[i] *= v
		}
		c.fft.Sequence(c.block, c.coeff)
		for k := range min(valid, len(x)-from-c.length+1) {
			p := from + k
			// Silence correlates with nothing; dividing by it would.
			if energy > floor {
				if s := c.block[k] / float64(size) / (c.norm * math.Sqrt(energy)); s > score {
					score, at = s, p
				}
			}
			if p+c.length < len(x) {
				energy += x[p+c.length]*x[p+c.length] - x[p]*x[p]
			}
		}
	}
	return score, at
}
