package phone

import (
	"bytes"
	"math"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestG711(t *testing.T) {
	for _, c := range []Codec{PCMU, PCMA} {
		for b := range 256 {
			v := c.decode(byte(b))
			require.Equal(t, v, c.decode(c.encode(v)), "%s %#x", c, b)
		}
		for v := math.MinInt16; v <= math.MaxInt16; v++ {
			got := int(c.decode(c.encode(int16(v))))
			// Half a step: 1/16 of the segment, at least the law's finest step; μ-law clips at 32124.
			limit := max(math.Abs(float64(v))/16, 16)
			require.InDelta(t, max(min(v, 32124), -32124), got, limit, "%s", c)
		}
		require.LessOrEqual(t, math.Abs(float64(c.decode(c.silence()))), 8.0)
	}
	// ITU-T G.711, tables 1 and 2: the ends of the scale.
	require.Equal(t, int16(32124), PCMU.decode(0x80))
	require.Equal(t, int16(-32124), PCMU.decode(0x00))
	require.Equal(t, int16(32256), PCMA.decode(0xAA))
	require.Equal(t, int16(-32256), PCMA.decode(0x2A))
}

func TestWAV(t *testing.T) {
	pcm := synthetic(1, 999)
	got, err := ReadWAV(bytes.NewReader(wavFile(pcm)))
	require.NoError(t, err)
	require.Equal(t, pcm, got)
	wide := wavFile(pcm)
	wide[25] = 0x3E // 16 kHz
	_, err = ReadWAV(bytes.NewReader(wide))
	require.ErrorIs(t, err, ErrWAV)
	_, err = ReadWAV(bytes.NewReader(wavFile(nil)[:36]))
	require.ErrorIs(t, err, ErrWAV)
}

func TestSDP(t *testing.T) {
	local := netip.MustParseAddrPort("127.0.0.2:4000")
	s, err := parseSDP(buildSDP(local, []Codec{PCMU, PCMA}, 101))
	require.NoError(t, err)
	require.Equal(t, session{remote: local, codecs: []Codec{PCMU, PCMA}, dtmf: 101, send: true}, s)

	s, err = parseSDP([]byte("v=0\r\nc=IN IP4 10.0.0.1\r\na=sendrecv\r\nm=video 9 RTP/AVP 96\r\nc=IN IP4 10.0.0.9\r\n" +
		"m=audio 7000 RTP/AVP 9 8 97\nc=IN IP4 10.0.0.2\r\na=rtpmap:97 telephone-event/8000\r\na=sendonly\r\nm=audio 8000 RTP/AVP 0\r\n"))
	require.NoError(t, err)
	require.Equal(t, session{remote: netip.MustParseAddrPort("10.0.0.2:7000"), codecs: []Codec{PCMA}, dtmf: 97}, s)

	_, err = parseSDP([]byte("c=IN IP4 10.0.0.1\r\nm=audio 7000 RTP/AVP 9\r\n"))
	require.ErrorIs(t, err, ErrNoCodec)
}

func TestControlPacketsAreNoAudio(t *testing.T) {
	report := append([]byte{0x80, 200, 0, 6}, make([]byte, 24)...)
	_, err := parseRTP(report)
	require.ErrorIs(t, err, ErrNotRTP)
}

// FuzzPacket feeds whatever a network may bring to everything that reads packets.
func FuzzPacket(f *testing.F) {
	voice := appendRTPHeader(nil, packet{payloadType: 8, sequence: 7, timestamp: 9, ssrc: 3})
	f.Add(append(voice, make([]byte, frameSamples)...), true)
	key, err := appendKeyPress(appendRTPHeader(nil, packet{payloadType: dtmfPayload}), keyPress{digit: '#', end: true, duration: time.Second})
	require.NoError(f, err)
	f.Add(key, false)
	f.Add([]byte{0x9F, 0xC8, 0, 0}, true)
	remote := netip.MustParseAddrPort("127.0.0.1:4000")
	at := time.Date(2026, 11, 23, 9, 30, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, b []byte, open bool) {
		m := &Media{ears: newEars(at, time.Second, []float64{1000}), open: open, remote: remote, keyType: dtmfPayload}
		for i := range 3 {
			m.receive(at.Add(time.Duration(i)*frameTime), remote, b)
		}
		h := m.Heard()
		p, err := parseRTP(b)
		if err != nil {
			require.ErrorIs(t, err, ErrNotRTP)
			require.EqualValues(t, 3, h.Skipped)
			return
		}
		require.LessOrEqual(t, len(p.payload), len(b)-12)
		again, err := parseRTP(append(appendRTPHeader(nil, p), p.payload...))
		require.NoError(t, err)
		require.Equal(t, p.timestamp, again.timestamp)
		require.Equal(t, p.sequence, again.sequence)
		if k, err := parseKeyPress(p.payload); err == nil {
			b, err := appendKeyPress(nil, k)
			require.NoError(t, err)
			again, err := parseKeyPress(b)
			require.NoError(t, err)
			require.Equal(t, k, again)
		}
		_, _ = m.Compare(synthetic(1, minReference))
	})
}

// FuzzSDP: whatever parses can be answered.
func FuzzSDP(f *testing.F) {
	f.Add(buildSDP(netip.MustParseAddrPort("127.0.0.2:4000"), []Codec{PCMA, PCMU}, 101))
	f.Add([]byte("m=audio 1 RTP/AVP 0\nc=IN IP6 ::1\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := parseSDP(b)
		if err != nil {
			return
		}
		c, err := s.choose([]Codec{PCMA, PCMU})
		require.NoError(t, err)
		again, err := parseSDP(buildSDP(s.remote, []Codec{c}, s.dtmf))
		require.NoError(t, err)
		require.Equal(t, s.remote, again.remote)
	})
}
