package phone

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
)

// wavFile is what Asterisk and ReadWAV read: 8 kHz mono 16-bit.
func wavFile(pcm []int16) []byte {
	b := []byte("RIFF\x00\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00")
	le := binary.LittleEndian
	le.PutUint32(b[4:], uint32(36+2*len(pcm)))
	b = le.AppendUint32(b, sampleRate)
	b = le.AppendUint32(b, 2*sampleRate)
	b = append(b, 2, 0, 16, 0)
	b = append(b, "data"...)
	b = le.AppendUint32(b, uint32(2*len(pcm)))
	for _, v := range pcm {
		b = le.AppendUint16(b, uint16(v))
	}
	return b
}

// synthetic is speech-like sound: bursts of a voice whose pitch and formants
// wander by the seed, with pauses. The same seed gives the same sound.
func synthetic(seed uint64, n int) []int16 {
	rng := rand.New(rand.NewPCG(seed, 7))
	pcm := make([]int16, n)
	for i := 0; i < n; {
		length := 400 + rng.IntN(1600)
		pitch := 90 + rng.Float64()*80
		f1, f2 := 300+rng.Float64()*500, 900+rng.Float64()*1500
		for j := 0; j < length && i < n; i, j = i+1, j+1 {
			at := float64(j) / sampleRate
			envelope := math.Sin(math.Pi * float64(j) / float64(length))
			v := math.Sin(2*math.Pi*pitch*at) + 0.6*math.Sin(2*math.Pi*f1*at) + 0.4*math.Sin(2*math.Pi*f2*at)
			pcm[i] = int16(5000 * envelope * v)
		}
		i += rng.IntN(600)
	}
	return pcm
}
