package wav

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// What a recording that replaces a prompt has to be.
const (
	// LongestPrompt is how long a prompt may last: more is not followed by those who only listen.
	LongestPrompt = 12 * time.Second
	// longestFile is the longest file that is looked at, silence included.
	longestFile = time.Minute
	// shortestPrompt is the shortest stretch that holds a word.
	shortestPrompt = 250 * time.Millisecond
	// silenceLevel is below which there is no voice, in dB relative to full scale.
	silenceLevel = -50.0
	// trimBelow is how far under its loudest part a recording's beginning and end count as silence, in dB.
	trimBelow = 35.0
	// clipLevel and clipRun: so many samples in a row at the top of the scale were cut off, and mostClipped is the greatest
	// part of them that nobody hears.
	clipLevel   = 0.995
	clipRun     = 3
	mostClipped = 0.001
	// lowest is where what a telephone carries begins, in Hz.
	lowest = 120.0
)

// Why a recording cannot be a prompt.
var (
	ErrTooLong = errors.New("the recording is too long")
	ErrSilent  = errors.New("nothing is heard in the recording")
	ErrClipped = errors.New("the recording is overdriven: its loud parts are cut off; record it again with less gain")
)

// Recording makes a prompt of somebody's recording, a WAV file of plain samples (PCM of 8, 16, 24 or 32 bit, or float) with
// one or two channels and 8 to 192 kHz: mixed to one channel, 8 kHz, without what a telephone does not carry, its silent ends
// taken away, as loud as the voices. The error is ErrNotWAV, ErrTooLong, ErrSilent or ErrClipped.
func Recording(file []byte) ([]int16, error) {
	f, body, err := open(file)
	if err != nil {
		return nil, err
	}
	mono, err := f.mono(body)
	if err != nil {
		return nil, err
	}
	samples := narrow(mono, f.rate)
	samples = trim(samples)
	if length := Length(samples); length < shortestPrompt {
		return nil, ErrSilent
	} else if length > LongestPrompt {
		return nil, fmt.Errorf("%w: it lasts %.1f seconds without its silent ends, and nobody follows more than %.0f",
			ErrTooLong, length.Seconds(), LongestPrompt.Seconds())
	}
	Normalise(samples)
	return samples, nil
}

// Length is how long samples last.
func Length(samples []int16) time.Duration {
	return time.Duration(len(samples)) * time.Second / Rate
}

// mono reads the samples and mixes their channels. It refuses what is too long to look at, or clipped.
func (f format) mono(body []byte) ([]float64, error) {
	if f.channels < 1 || f.channels > 2 || f.rate < Rate || f.rate > 192_000 {
		return nil, fmt.Errorf("%d channels, %d Hz; save it with one or two channels and 8000 to 192000 Hz: %w", f.channels, f.rate, ErrNotWAV)
	}
	frame := f.channels * max(1, f.bits/8)
	frames := len(body) / frame
	if time.Duration(frames)*time.Second/time.Duration(f.rate) > longestFile {
		return nil, fmt.Errorf("%w: the file lasts more than a minute", ErrTooLong)
	}
	out := make([]float64, frames)
	var run [2]int
	clipped, n := 0, 0
	err := f.each(body[:frames*frame], func(channel int, v float64) {
		if math.Abs(v) >= clipLevel {
			if run[channel]++; run[channel] == clipRun {
				clipped += clipRun
			} else if run[channel] > clipRun {
				clipped++
			}
		} else {
			run[channel] = 0
		}
		out[n/f.channels] += max(-1, min(1, v)) / float64(f.channels)
		n++
	})
	switch {
	case err != nil:
		return nil, err
	case n > 0 && float64(clipped)/float64(n) > mostClipped:
		return nil, ErrClipped
	}
	return out, nil
}

// narrow brings samples to 8 kHz and takes away what lies below and above what a telephone carries.
func narrow(in []float64, rate int) []int16 {
	highpass(in, rate)
	// A low-pass filter of the shape sin(x)/x under a Hann window, computed anew for each place: so any rate will do.
	ratio := float64(rate) / Rate
	const lobes = 16
	half := int(lobes * ratio)
	cutoff := 0.46 / ratio // Of the given rate; half of the new rate would be 0.5.
	if rate == Rate {
		half = 0
	}
	out := make([]int16, int(float64(len(in))/ratio))
	for i := range out {
		centre := float64(i) * ratio
		if half == 0 {
			out[i] = clamp(in[i])
			continue
		}
		var sum, weight float64
		for k := max(0, int(centre)-half+1); k <= min(len(in)-1, int(centre)+half); k++ {
			x := float64(k) - centre
			w := math.Cos(math.Pi * x / float64(2*half))
			w *= w
			if x != 0 {
				w *= math.Sin(2*math.Pi*cutoff*x) / (2 * math.Pi * cutoff * x)
			}
			sum += in[k] * w
			weight += w
		}
		out[i] = clamp(sum / weight)
	}
	return out
}

func clamp(v float64) int16 { return int16(math.Round(max(-1, min(1, v)) * math.MaxInt16)) }

// highpass takes away hum and rumble in place: a second-order Butterworth filter (Robert Bristow-Johnson's cookbook).
func highpass(s []float64, rate int) {
	w := 2 * math.Pi * lowest / float64(rate)
	alpha := math.Sin(w) / math.Sqrt2
	a0, a1, a2 := 1+alpha, -2*math.Cos(w), 1-alpha
	b := (1 + math.Cos(w)) / 2
	var x1, x2, y1, y2 float64
	for i, x := range s {
		y := (b*x - 2*b*x1 + b*x2 - a1*y1 - a2*y2) / a0
		x1, x2, y1, y2 = x, x1, y, y1
		s[i] = y
	}
}

// within returns the first and the last frame that is as loud as the floor; false when none is.
func within(powers []float64, floor float64) (first, last int, some bool) {
	for i, power := range powers {
		if power < floor {
			continue
		}
		if !some {
			first, some = i, true
		}
		last = i
	}
	return first, last, some
}

// trim takes the silence away before and after what is said, but for a breath. It gives nothing when nothing is said.
func trim(s []int16) []int16 {
	whole := Sound{Rate, s}
	list, loudest := whole.powers()
	floor := max(loudest*math.Pow(amplitude(-trimBelow), 2), math.Pow(amplitude(silenceLevel), 2))
	first, last, some := within(list, floor)
	if !some {
		return nil
	}
	const before, after = 3, 8 // Frames: 60 and 160 ms.
	return s[max(0, first-before)*whole.frame() : min(len(s), (last+1+after)*whole.frame())]
}

// What a voice leaves between sentences, and around what it says.
const (
	spokenLead  = 40 * time.Millisecond
	spokenTrail = 240 * time.Millisecond
	spokenPause = 450 * time.Millisecond
	// mute is the mean square below which a frame of a voice is a pause: RMS 100 of 32,768.
	mute = (100.0 / (1 << 15)) * (100.0 / (1 << 15))
)

// Silent reports whether no frame is loud enough to be speech of a voice.
func (s Sound) Silent() bool {
	list, _ := s.powers()
	_, _, some := within(list, mute)
	return !some
}

// Tighten takes away what a synthetic voice leaves too much of: half a second and more of silence after what it says, and up
// to a second between two sentences, in which people think that the line is dead. Pauses stay, shorter.
func (s Sound) Tighten() Sound {
	list, _ := s.powers()
	first, last, some := within(list, mute)
	if !some {
		return s
	}
	frames := func(d time.Duration) int { return int(d / (20 * time.Millisecond)) }
	out := make([]int16, 0, len(s.Samples))
	quiet := 0
	for i := max(0, first-frames(spokenLead)); i < min(len(list), last+1+frames(spokenTrail)); i++ {
		if quiet++; list[i] >= mute {
			quiet = 0
		}
		if quiet > frames(spokenPause) {
			continue
		}
		out = append(out, s.Samples[i*s.frame():min(len(s.Samples), (i+1)*s.frame())]...)
	}
	return Sound{s.Rate, out}
}

// Narrow is wideband speech as a telephone carries it, at half the rate: a low-pass filter of the shape sin(x)/x under a Hann
// window.
func (s Sound) Narrow() Sound {
	const half, cutoff = 32, 0.23 // Of the given rate; half of the new rate would be 0.25.
	var taps [2*half + 1]float64
	total := 0.0
	for i := range taps {
		x := float64(i - half)
		w := math.Cos(math.Pi * x / (2*half + 2))
		if taps[i] = w * w; x != 0 {
			taps[i] *= math.Sin(2*math.Pi*cutoff*x) / (2 * math.Pi * cutoff * x)
		}
		total += taps[i]
	}
	out := make([]int16, len(s.Samples)/2)
	for i := range out {
		sum := 0.0
		for k := max(0, 2*i-half); k <= min(len(s.Samples)-1, 2*i+half); k++ {
			sum += float64(s.Samples[k]) * taps[k-2*i+half]
		}
		out[i] = int16(math.Round(max(math.MinInt16, min(math.MaxInt16, sum/total))))
	}
	return Sound{s.Rate / 2, out}
}
