package phone

import (
	"fmt"
	"math/bits"
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
		return decodeALaw(b)
	}
	return decodeULaw(b)
}

func (c Codec) encode(s int16) byte {
	if c == PCMA {
		return encodeALaw(s)
	}
	return encodeULaw(s)
}

// encodeAll returns the samples as one byte each.
func (c Codec) encodeAll(pcm []int16) []byte {
	out := make([]byte, len(pcm))
	for i, s := range pcm {
		out[i] = c.encode(s)
	}
	return out
}

// ITU-T G.711 μ-law: sign, three bits of exponent, four of mantissa, inverted,
// over a magnitude biased by 132.
const ulawBias = 0x84

func encodeULaw(s int16) byte {
	mag, sign := int32(s), byte(0)
	if mag < 0 {
		mag, sign = -mag, 0x80
	}
	mag = min(mag, 32635) + ulawBias
	exp := bits.Len32(uint32(mag)) - 8
	return ^(sign | byte(exp)<<4 | byte(mag>>(exp+3))&0x0F)
}

func decodeULaw(b byte) int16 {
	b = ^b
	mag := (int32(b&0x0F)<<3+ulawBias)<<(b&0x70>>4) - ulawBias
	if b&0x80 != 0 {
		return int16(-mag)
	}
	return int16(mag)
}

func encodeALaw(s int16) byte {
	v, mask := int32(s)>>3, byte(0xD5)
	if v < 0 {
		v, mask = -v-1, 0x55
	}
	seg := max(bits.Len32(uint32(v))-5, 0)
	out := byte(seg) << 4
	if seg < 2 {
		out |= byte(v>>1) & 0x0F
	} else {
		out |= byte(v>>seg) & 0x0F
	}
	return out ^ mask
}

func decodeALaw(b byte) int16 {
	b ^= 0x55
	v, seg := int32(b&0x0F)<<4, b&0x70>>4
	switch seg {
	case 0:
		v += 8
	default:
		v = (v + 0x108) << (seg - 1)
	}
	if b&0x80 == 0 {
		v = -v
	}
	return int16(v)
}
