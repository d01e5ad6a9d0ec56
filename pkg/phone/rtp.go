package phone

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/pion/rtp"
)

// Errors of the packet readers; both mean the packet is skipped and counted.
var (
	ErrNotRTP  = errors.New("not an RTP packet")
	ErrNotDTMF = errors.New("not a telephone event")
)

const (
	dtmfFrames   = 5 // 100 ms of key press, one packet per 20 ms
	dtmfRepeats  = 3 // the end packet is sent three times (RFC 4733, 2.5.1.4)
	dtmfGap      = 4 // 80 ms of audio between two keys
	hastyFrames  = 2 // 60 ms of a key that is typed in haste
	hastyGap     = 2 // 40 ms until the next one
	dtmfVolume   = 10
	dtmfPayload  = 101 // offered dynamic payload type
	maxRTPPacket = 1500
)

// packet is a parsed RTP packet; payload points into the caller's buffer.
type packet struct {
	payloadType uint8
	marker      bool
	sequence    uint16
	timestamp   uint32
	ssrc        uint32
	payload     []byte
}

// parseRTP reads an RTP packet (RFC 3550, 5.1). RTCP that arrives on the same
// port (RFC 5761, 4: payload types 64 to 95) is [ErrNotRTP].
func parseRTP(b []byte) (packet, error) {
	var p rtp.Packet
	if err := p.Unmarshal(b); err != nil {
		return packet{}, fmt.Errorf("%w: %w", ErrNotRTP, err)
	}
	if p.Version != 2 || (p.PayloadType >= 64 && p.PayloadType <= 95) {
		return packet{}, ErrNotRTP
	}
	return packet{
		payloadType: p.PayloadType, marker: p.Marker, sequence: p.SequenceNumber,
		timestamp: p.Timestamp, ssrc: p.SSRC, payload: p.Payload,
	}, nil
}

// appendRTPHeader appends the fixed twelve-byte header.
func appendRTPHeader(b []byte, p packet) []byte {
	second := p.payloadType & 0x7F
	if p.marker {
		second |= 0x80
	}
	b = append(b, 0x80, second)
	b = binary.BigEndian.AppendUint16(b, p.sequence)
	b = binary.BigEndian.AppendUint32(b, p.timestamp)
	return binary.BigEndian.AppendUint32(b, p.ssrc)
}

// keyPress is one RFC 4733 telephone-event payload.
type keyPress struct {
	digit    byte // '0'-'9', '*', '#', 'A'-'D'
	end      bool
	volume   uint8         // -dBm0, 0 to 63
	duration time.Duration // since the key went down
}

const dtmfDigits = "0123456789*#ABCD"

// parseKeyPress reads a telephone-event payload (RFC 4733, 2.3).
func parseKeyPress(b []byte) (keyPress, error) {
	if len(b) < 4 || int(b[0]) >= len(dtmfDigits) {
		return keyPress{}, ErrNotDTMF
	}
	samples := binary.BigEndian.Uint16(b[2:])
	return keyPress{
		digit:    dtmfDigits[b[0]],
		end:      b[1]&0x80 != 0,
		volume:   b[1] & 0x3F,
		duration: time.Duration(samples) * time.Second / sampleRate,
	}, nil
}

// appendKeyPress is the inverse of [parseKeyPress]; an unknown digit is an error.
func appendKeyPress(b []byte, k keyPress) ([]byte, error) {
	event := -1
	for i := range len(dtmfDigits) {
		if dtmfDigits[i] == k.digit {
			event = i
		}
	}
	if event < 0 {
		return nil, fmt.Errorf("encode key %q: %w", k.digit, ErrNotDTMF)
	}
	second := k.volume & 0x3F
	if k.end {
		second |= 0x80
	}
	b = append(b, byte(event), second)
	return binary.BigEndian.AppendUint16(b, uint16(k.duration*sampleRate/time.Second)), nil
}
