package phone

import "encoding/binary"

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
