package setup

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

const (
	// speechLevel is the level of speech, without its pauses, in dB relative
	// to full scale. Telephone networks plan with about -26 dBov over all;
	// a prompt for old ears is a little louder.
	speechLevel = -20.0
	// peakLevel is the highest sample allowed, in dB relative to full scale.
	peakLevel = -1.0
	// frameSamples is 20 ms at 8 kHz.
	frameSamples = 160
	// pauseBelow is how far under the loudest frame a frame counts as pause,
	// in dB.
	pauseBelow = 30.0
)

// Normalise brings the speech in a WAV file (8 kHz, 16 bit, mono) to one
// loudness: an active level of -20 dBFS, less where a sample would exceed
// -1 dBFS. Silence stays silence.
func Normalise(wav []byte) ([]byte, error) {
	data, err := samplesOf(wav)
	if err != nil {
		return nil, fmt.Errorf("normalise: %w", err)
	}
	samples := make([]int16, len(data)/2)
	if err := binary.Read(bytes.NewReader(data), binary.LittleEndian, samples); err != nil {
		return nil, fmt.Errorf("normalise: %w", err)
	}
	gain := speechGain(samples)
	for i, s := range samples {
		samples[i] = int16(math.Round(float64(s) * gain))
	}
	return writeWAV(samples), nil
}

// speechGain is the factor that brings the samples to speechLevel.
func speechGain(samples []int16) float64 {
	var powers []float64
	var loudest, peak float64
	for start := 0; start < len(samples); start += frameSamples {
		frame := samples[start:min(start+frameSamples, len(samples))]
		var sum float64
		for _, s := range frame {
			v := float64(s) / (1 << 15)
			sum += v * v
			peak = max(peak, math.Abs(v))
		}
		power := sum / float64(len(frame))
		powers = append(powers, power)
		loudest = max(loudest, power)
	}
	if loudest == 0 {
		return 1
	}
	threshold := loudest * math.Pow(10, -pauseBelow/10)
	var sum float64
	var active int
	for _, power := range powers {
		if power >= threshold {
			sum += power
			active++
		}
	}
	gain := math.Pow(10, speechLevel/20) / math.Sqrt(sum/float64(active))
	return min(gain, math.Pow(10, peakLevel/20)/peak)
}

// samplesOf finds the data of a WAV file (RIFF) and checks its format.
func samplesOf(wav []byte) ([]byte, error) {
	if len(wav) < 12 || string(wav[:4]) != "RIFF" || string(wav[8:12]) != "WAVE" {
		return nil, errors.New("not a WAV file")
	}
	var formatSeen bool
	for rest := wav[12:]; len(rest) >= 8; {
		name, size := string(rest[:4]), int64(binary.LittleEndian.Uint32(rest[4:8]))
		body := rest[8:]
		if size > int64(len(body)) {
			size = int64(len(body))
		}
		switch name {
		case "fmt ":
			if size < 16 {
				return nil, errors.New("WAV format is cut off")
			}
			kind, channels := binary.LittleEndian.Uint16(body), binary.LittleEndian.Uint16(body[2:])
			rate, bits := binary.LittleEndian.Uint32(body[4:]), binary.LittleEndian.Uint16(body[14:])
			if kind != 1 || channels != 1 || rate != 8000 || bits != 16 {
				return nil, fmt.Errorf("WAV has format %d, %d channels, %d Hz, %d bits; wanted linear, mono, 8000 Hz, 16 bits", kind, channels, rate, bits)
			}
			formatSeen = true
		case "data":
			if !formatSeen {
				return nil, errors.New("WAV data comes before its format")
			}
			return body[:size&^1], nil
		}
		rest = body[min(size+size&1, int64(len(body))):]
	}
	return nil, errors.New("WAV has no data")
}

// writeWAV is a WAV file of 8 kHz, 16 bit, mono.
func writeWAV(samples []int16) []byte {
	const header = 44
	out := make([]byte, 0, header+2*len(samples))
	out = append(out, "RIFF"...)
	out = binary.LittleEndian.AppendUint32(out, uint32(header-8+2*len(samples)))
	out = append(out, "WAVEfmt "...)
	out = binary.LittleEndian.AppendUint32(out, 16)
	out = binary.LittleEndian.AppendUint16(out, 1)
	out = binary.LittleEndian.AppendUint16(out, 1)
	out = binary.LittleEndian.AppendUint32(out, 8000)
	out = binary.LittleEndian.AppendUint32(out, 16000)
	out = binary.LittleEndian.AppendUint16(out, 2)
	out = binary.LittleEndian.AppendUint16(out, 16)
	out = append(out, "data"...)
	out = binary.LittleEndian.AppendUint32(out, uint32(2*len(samples)))
	for _, s := range samples {
		out = binary.LittleEndian.AppendUint16(out, uint16(s))
	}
	return out
}
