package phone

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"
)

// ErrWAV means that a file is not 8 kHz, mono, 16-bit PCM in a RIFF WAVE container.
var ErrWAV = errors.New("not an 8 kHz mono 16-bit WAV")

// Source is something to say. It may be shared by any number of calls at once:
// it is encoded once per codec and never changes. A nil *Source is silence.
type Source struct {
	pcm    []int16
	loop   bool
	ulaw   func() []byte
	alaw   func() []byte
	silent bool
}

func newSource(pcm []int16, loop bool) *Source {
	return &Source{
		pcm: pcm, loop: loop, silent: len(pcm) == 0,
		ulaw: sync.OnceValue(func() []byte { return PCMU.encodeAll(pcm) }),
		alaw: sync.OnceValue(func() []byte { return PCMA.encodeAll(pcm) }),
	}
}

func (s *Source) encoded(c Codec) []byte {
	switch {
	case s == nil || s.silent:
		return nil
	case c == PCMA:
		return s.alaw()
	}
	return s.ulaw()
}

// Silence is packets with nothing in them, for ever.
func Silence() *Source { return newSource(nil, true) }

// Tone is one or more sine tones at once, for ever, each of the given
// frequency in Hz, rounded to a whole number so that one second of it loops without a
// click. The sum peaks at a quarter of full scale (-12 dBFS).
func Tone(hz ...float64) *Source {
	pcm := make([]int16, sampleRate)
	for i := range pcm {
		var v float64
		for _, f := range hz {
			v += math.Sin(2 * math.Pi * math.Round(f) * float64(i) / sampleRate)
		}
		pcm[i] = int16(v / float64(max(len(hz), 1)) * 8192)
	}
	return newSource(pcm, true)
}

// Samples says the given 8 kHz samples once, then silence. The slice must not
// change afterwards.
func Samples(pcm []int16) *Source { return newSource(pcm, false) }

// Loop says the given 8 kHz samples again and again. The slice must not change afterwards.
func Loop(pcm []int16) *Source { return newSource(pcm, true) }

// ReadWAV returns the samples of an 8 kHz, mono, 16-bit WAV file; anything else
// is [ErrWAV]. The samples fit [Samples] and [Media.Hear].
func ReadWAV(r io.Reader) ([]int16, error) {
	var riff [12]byte
	if _, err := io.ReadFull(r, riff[:]); err != nil {
		return nil, fmt.Errorf("read wav: %w", err)
	}
	if string(riff[:4]) != "RIFF" || string(riff[8:]) != "WAVE" {
		return nil, fmt.Errorf("read wav: %w", ErrWAV)
	}
	known := false
	for {
		var head [8]byte
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return nil, fmt.Errorf("read wav: no samples: %w", ErrWAV)
		}
		size := int64(binary.LittleEndian.Uint32(head[4:]))
		switch string(head[:4]) {
		case "fmt ":
			var format [16]byte
			if size < int64(len(format)) {
				return nil, fmt.Errorf("read wav: %w", ErrWAV)
			}
			if _, err := io.ReadFull(r, format[:]); err != nil {
				return nil, fmt.Errorf("read wav: %w", err)
			}
			le := binary.LittleEndian
			if le.Uint16(format[0:]) != 1 || le.Uint16(format[2:]) != 1 || le.Uint32(format[4:]) != sampleRate || le.Uint16(format[14:]) != 16 {
				return nil, fmt.Errorf("read wav: format %d, %d channels, %d Hz, %d bit: %w",
					le.Uint16(format[0:]), le.Uint16(format[2:]), le.Uint32(format[4:]), le.Uint16(format[14:]), ErrWAV)
			}
			known = true
			size -= int64(len(format))
		case "data":
			if !known {
				return nil, fmt.Errorf("read wav: samples before format: %w", ErrWAV)
			}
			// A streamed file has no true size in its header; read what is there.
			raw, err := io.ReadAll(io.LimitReader(r, size))
			if err != nil {
				return nil, fmt.Errorf("read wav: %w", err)
			}
			pcm := make([]int16, len(raw)/2)
			for i := range pcm {
				pcm[i] = int16(binary.LittleEndian.Uint16(raw[2*i:]))
			}
			return pcm, nil
		}
		// Chunks are padded to an even length.
		if _, err := io.CopyN(io.Discard, r, size+size&1); err != nil {
			return nil, fmt.Errorf("read wav: no samples: %w", ErrWAV)
		}
	}
}
