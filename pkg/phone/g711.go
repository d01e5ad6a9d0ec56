package phone

import (
	"fmt"

	"github.com/rappel-tel/rappel/pkg/telephony/g711"
)

// Codec is a G.711 law, by its static RTP payload type (RFC 3551, table 4).
// The zero value is μ-law.
type Codec uint8

// The two laws of G.711. Both carry 8,000 samples a second in 8,000 bytes.
const (
	PCMU Codec = 0
	PCMA Codec = 8
)

const (
	sampleRate   = 8000
	frameSamples = 160 // 20 ms
)

// String returns the encoding name used in SDP.
func (c Codec) String() string {
	switch c {
	case PCMU:
		return "PCMU"
	case PCMA:
		return "PCMA"
	}
	return fmt.Sprintf("codec %d", uint8(c))
}

func (c Codec) valid() bool { return c == PCMU || c == PCMA }

// silence is the byte that stands for a sample of value zero.
func (c Codec) silence() byte {
	if c == PCMA {
		return 0xD5
	}
	return 0xFF
}

func (c Codec) decode(b byte) int16 {
	if c == PCMA {
		return g711.DecodeALaw(b)
	}
	return g711.DecodeULaw(b)
}

func (c Codec) encode(s int16) byte {
	if c == PCMA {
		return g711.EncodeALaw(s)
	}
	return g711.EncodeULaw(s)
}

// encodeAll returns the samples as one byte each.
func (c Codec) encodeAll(pcm []int16) []byte {
	out := make([]byte, len(pcm))
	for i, s := range pcm {
		out[i] = c.encode(s)
	}
	return out
}
