package demo

import (
	"hash/fnv"
	"math"
	"math/rand/v2"
	"time"

	"github.com/rappel-tel/rappel/pkg/phone"
)

// The tones by which the two sides of a call are told apart, in Hz: above most of the energy of speech, so that a prompt is
// not taken for one, and 60 Hz apart, which 20 ms of sound can resolve.
func staffTone(i int) float64 { return 1100 + 60*float64(i) }

func staffTones() []float64 {
	var tones []float64
	for i := range Callers + Registrars {
		tones = append(tones, staffTone(i))
	}
	return tones
}

func personTones() []float64 { return []float64{2000, 2100, 2200, 2300, 2400, 2500} }

// draw returns a source of chance that depends on a seed, a text and a count only, so that each call of each person plays
// the same in every run.
func draw(seed uint64, text string, count int) *rand.Rand {
	h := fnv.New64a()
	_, _ = h.Write([]byte(text)) // A hash never fails.
	return rand.New(rand.NewPCG(seed^h.Sum64(), uint64(count)))
}

// between draws a real-time duration.
func between(r *rand.Rand, low, high time.Duration) time.Duration {
	return low + time.Duration(r.Int64N(int64(high-low)))
}

// temper is what a person does with one ring of her phone. Most pick up and talk; about one in four is busy, out, has a
// machine or cannot be reached. ring counts the rings of this number from 0.
func temper(seed uint64, number string, ring int, greeting *phone.Source) phone.Behaviour {
	person := draw(seed, number, -1) // What she always is.
	machine := person.IntN(100) < 4
	tone := personTones()[person.IntN(len(personTones()))]
	r := draw(seed, number, ring)
	if machine {
		return phone.Machine(between(r, 3*time.Second, 6*time.Second), greeting).HangsUpAfter(15 * time.Second)
	}
	answers := phone.Answers(between(r, time.Second, 6*time.Second), tone)
	switch n := r.IntN(100); {
	case n < 46: // She says goodbye first.
		return answers.HangsUpAfter(between(r, 6*time.Second, 20*time.Second))
	case n < 74: // The caller does.
		return answers
	case n < 77: // Picks up and puts down again.
		return answers.HangsUpAfter(between(r, 1500*time.Millisecond, 3*time.Second))
	case n < 84:
		return phone.Busy()
	case n < 87:
		return phone.Declines(between(r, 2*time.Second, 6*time.Second))
	case n < 97:
		return phone.NoAnswer()
	case n < 98:
		return phone.NotFound()
	default:
		return phone.Congested()
	}
}

// beep is an answering machine's greeting: two notes and a beep, once.
func beep() *phone.Source {
	const rate = 8000
	var pcm []int16
	for _, note := range []struct {
		hz   float64
		tens int // Tenths of a second.
	}{{520, 6}, {0, 2}, {440, 8}, {0, 4}, {950, 5}} {
		pcm = append(pcm, wave(note.hz, note.tens*rate/10, rate)...)
	}
	return phone.Samples(pcm)
}

// wave is n samples of a sine at a quarter of full scale; silence for 0 Hz.
func wave(hz float64, n, rate int) []int16 {
	pcm := make([]int16, n)
	for i := range pcm {
		pcm[i] = int16(8192 * math.Sin(2*math.Pi*hz*float64(i)/float64(rate)))
	}
	return pcm
}
