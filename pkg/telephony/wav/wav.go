// Package wav reads and writes WAV files as a telephone plays them (8 kHz, mono, 16 bit), brings speech to one loudness, and
// makes a prompt of somebody's recording.
package wav

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

const (
	// Rate is how many samples a telephone plays in a second.
	Rate = 8000
	// HeaderSize is how many bytes come before the samples in what Encode writes.
	HeaderSize = 44
)

// ErrNotWAV means that a file is no WAV file, or holds sound in a way that is not read here.
var ErrNotWAV = errors.New("not a WAV file with plain samples (PCM)")

// Wideband is the rate of speech that is clearer than a telephone, in samples a second.
const Wideband = 2 * Rate

// Encode writes samples as a WAV file of 8 kHz, mono, 16 bit.
func Encode(samples []int16) []byte { return Sound{Rate, samples}.Encode() }

// Encode writes a WAV file, mono, 16 bit.
func (s Sound) Encode() []byte {
	samples := s.Samples
	out := make([]byte, 0, HeaderSize+2*len(samples))
	size := uint32(2 * len(samples)) //nolint:gosec // Seconds of sound.
	out = append(out, "RIFF"...)
	out = binary.LittleEndian.AppendUint32(out, HeaderSize-8+size)
	out = append(out, "WAVEfmt "...)
	out = binary.LittleEndian.AppendUint32(out, 16)
	out = binary.LittleEndian.AppendUint16(out, formatPCM)
	out = binary.LittleEndian.AppendUint16(out, 1)
	out = binary.LittleEndian.AppendUint32(out, uint32(s.Rate))   //nolint:gosec // A rate.
	out = binary.LittleEndian.AppendUint32(out, uint32(2*s.Rate)) //nolint:gosec // A rate.
	out = binary.LittleEndian.AppendUint16(out, 2)
	out = binary.LittleEndian.AppendUint16(out, 16)
	out = append(out, "data"...)
	out = binary.LittleEndian.AppendUint32(out, size)
	for _, v := range samples {
		out = binary.LittleEndian.AppendUint16(out, uint16(v)) //nolint:gosec // The same bits.
	}
	return out
}

// Decode reads what a telephone plays as it is: 8 kHz, mono, 16 bit. It gives at least one sample, and ErrNotWAV for anything
// else. A file that is cut short gives what is there.
func Decode(data []byte) ([]int16, error) {
	s, err := DecodeSound(data)
	if err == nil && s.Rate != Rate {
		return nil, fmt.Errorf("%d Hz: wanted %d: %w", s.Rate, Rate, ErrNotWAV)
	}
	return s.Samples, err
}

// DecodeSound is Decode for wideband speech too.
func DecodeSound(data []byte) (Sound, error) {
	f, body, err := open(data)
	if err != nil {
		return Sound{}, err
	}
	if f.kind != formatPCM || f.channels != 1 || f.rate != Rate && f.rate != Wideband || f.bits != 16 {
		return Sound{}, fmt.Errorf("format %d, %d channels, %d Hz, %d bits: wanted PCM, 1, %d or %d, 16: %w",
			f.kind, f.channels, f.rate, f.bits, Rate, Wideband, ErrNotWAV)
	}
	samples := make([]int16, len(body)/2)
	if len(samples) == 0 {
		return Sound{}, fmt.Errorf("the WAV file is empty: %w", ErrNotWAV)
	}
	for i := range samples {
		samples[i] = int16(binary.LittleEndian.Uint16(body[2*i:])) //nolint:gosec // The same bits.
	}
	return Sound{f.rate, samples}, nil
}

// Kinds of samples (RFC 2361), and the kind that stands for one named further on.
const (
	formatPCM        = 1
	formatFloat      = 3
	formatExtensible = 0xFFFE
)

// format is the "fmt " part of a WAV file.
type format struct {
	kind, channels, rate, bits int
}

// open finds the format and the samples of a WAV file (RIFF).
func open(data []byte) (f format, body []byte, err error) {
	if len(data) < 12 || string(data[:4]) != "RIFF" || string(data[8:12]) != "WAVE" {
		return f, nil, ErrNotWAV
	}
	for rest := data[12:]; len(rest) >= 8; {
		name, size := string(rest[:4]), int64(binary.LittleEndian.Uint32(rest[4:8]))
		rest = rest[8:]
		// A file that was streamed has no true size in its header: what is there is taken.
		part := rest[:min(size, int64(len(rest)))]
		switch name {
		case "fmt ":
			if len(part) < 16 {
				return f, nil, fmt.Errorf("the WAV header is cut short: %w", ErrNotWAV)
			}
			le := binary.LittleEndian
			f = format{int(le.Uint16(part)), int(le.Uint16(part[2:])), int(le.Uint32(part[4:])), int(le.Uint16(part[14:]))}
			if f.kind == formatExtensible && len(part) >= 26 {
				f.kind = int(le.Uint16(part[24:]))
			}
		case "data":
			if f.kind == 0 {
				return f, nil, fmt.Errorf("samples before their format: %w", ErrNotWAV)
			}
			return f, part, nil
		}
		rest = rest[min(size+size&1, int64(len(rest))):]
	}
	return f, nil, fmt.Errorf("the WAV file has no sound: %w", ErrNotWAV)
}

// each calls fn with every sample of every channel in turn, from -1 to 1.
func (f format) each(body []byte, fn func(channel int, v float64)) error {
	var read func([]byte) float64
	le := binary.LittleEndian
	switch {
	case f.kind == formatPCM && f.bits == 8: // The only kind without a sign.
		read = func(b []byte) float64 { return (float64(b[0]) - 128) / 128 }
	case f.kind == formatPCM && f.bits == 16:
		read = func(b []byte) float64 { return float64(int16(le.Uint16(b))) / (1 << 15) } //nolint:gosec // The same bits.
	case f.kind == formatPCM && f.bits == 24:
		read = func(b []byte) float64 {
			return float64(int32(uint32(b[0])<<8|uint32(b[1])<<16|uint32(b[2])<<24)) / (1 << 31) //nolint:gosec // The same bits.
		}
	case f.kind == formatPCM && f.bits == 32:
		read = func(b []byte) float64 { return float64(int32(le.Uint32(b))) / (1 << 31) } //nolint:gosec // The same bits.
	case f.kind == formatFloat && f.bits == 32:
		read = func(b []byte) float64 { return float64(math.Float32frombits(le.Uint32(b))) }
	default:
		return fmt.Errorf("format %d with %d bits; save it as PCM, 16 bit: %w", f.kind, f.bits, ErrNotWAV)
	}
	for size, i := f.bits/8, 0; (i+1)*size <= len(body); i++ {
		v := read(body[i*size:])
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("a sample that is no number: %w", ErrNotWAV)
		}
		fn(i%f.channels, v)
	}
	return nil
}
