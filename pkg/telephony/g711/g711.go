// Package g711 writes samples of 16 bit as the bytes of the telephone network and reads them (ITU-T G.711): A-law in Europe, μ-law
// elsewhere.
package g711

import "math/bits"

// ulawBias is added to magnitudes before they become μ-law.
const ulawBias = 0x84

// EncodeULaw is a sample in μ-law: sign, three bits of exponent, four of mantissa, inverted, over a magnitude biased by 132.
func EncodeULaw(s int16) byte {
	mag, sign := int32(s), byte(0)
	if mag < 0 {
		mag, sign = -mag, 0x80
	}
	mag = min(mag, 32635) + ulawBias
	exp := bits.Len32(uint32(mag)) - 8
	return ^(sign | byte(exp)<<4 | byte(mag>>(exp+3))&0x0F)
}

// DecodeULaw is the sample that a byte of μ-law stands for.
func DecodeULaw(b byte) int16 {
	b = ^b
	mag := (int32(b&0x0F)<<3+ulawBias)<<(b&0x70>>4) - ulawBias
	if b&0x80 != 0 {
		return int16(-mag)
	}
	return int16(mag)
}

// EncodeALaw is a sample in A-law: sign, three bits of segment, four of mantissa, every other bit inverted.
func EncodeALaw(s int16) byte {
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

// DecodeALaw is the sample that a byte of A-law stands for.
func DecodeALaw(b byte) int16 {
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
