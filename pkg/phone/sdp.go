package phone

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// ErrNoCodec means that the other side offered or answered neither law of G.711.
var ErrNoCodec = errors.New("no common codec")

// session is what the two phones agree on: where audio goes and in which law.
type session struct {
	remote netip.AddrPort // zero port: the other side wants no audio
	codecs []Codec        // the other side's, in its order of preference
	dtmf   uint8          // payload type of telephone-event; 0 is none
	send   bool           // the other side listens
}

// parseSDP reads the first audio stream of a session description (RFC 8866).
// Everything it does not need is skipped.
func parseSDP(body []byte) (session, error) {
	var (
		s          = session{send: true}
		host       netip.Addr
		port       uint16
		inAudio    bool
		seenAudio  bool
		payloads   []string
		names      = map[string]string{"0": "PCMU", "8": "PCMA"}
		connection = func(value string) error {
			fields := strings.Fields(value)
			if len(fields) != 3 {
				return fmt.Errorf("connection %q", value)
			}
			addr, err := netip.ParseAddr(strings.SplitN(fields[2], "/", 2)[0])
			if err != nil {
				return fmt.Errorf("connection %q: %w", value, err)
			}
			host = addr
			return nil
		}
	)
	for line := range strings.Lines(string(body)) {
		line = strings.TrimRight(line, "\r\n")
		if len(line) < 2 || line[1] != '=' {
			continue
		}
		value := line[2:]
		switch line[0] {
		case 'm':
			fields := strings.Fields(value)
			inAudio = !seenAudio && len(fields) > 3 && fields[0] == "audio"
			if !inAudio {
				continue
			}
			seenAudio = true
			n, err := strconv.ParseUint(strings.SplitN(fields[1], "/", 2)[0], 10, 16)
			if err != nil {
				return session{}, fmt.Errorf("parse session description: port %q: %w", fields[1], err)
			}
			port, payloads = uint16(n), fields[3:]
		case 'c':
			if seenAudio && !inAudio {
				continue
			}
			if err := connection(value); err != nil {
				return session{}, fmt.Errorf("parse session description: %w", err)
			}
		case 'a':
			if seenAudio && !inAudio {
				continue
			}
			switch {
			case strings.HasPrefix(value, "rtpmap:"):
				payload, name, _ := strings.Cut(strings.TrimPrefix(value, "rtpmap:"), " ")
				names[payload] = strings.ToUpper(strings.TrimSuffix(strings.TrimSpace(name), "/1"))
			case value == "sendonly", value == "inactive":
				s.send = false
			case value == "sendrecv", value == "recvonly":
				s.send = true
			}
		}
	}
	if !seenAudio || !host.IsValid() {
		return session{}, fmt.Errorf("parse session description: no audio: %w", ErrNoCodec)
	}
	s.remote = netip.AddrPortFrom(host.Unmap(), port)
	for _, payload := range payloads {
		switch name := names[payload]; {
		case payload == "0" || payload == "8":
			n, _ := strconv.Atoi(payload)
			s.codecs = append(s.codecs, Codec(n))
		case strings.HasPrefix(name, "TELEPHONE-EVENT/8000"):
			if n, err := strconv.ParseUint(payload, 10, 7); err == nil {
				s.dtmf = uint8(n)
			}
		}
	}
	if len(s.codecs) == 0 {
		return session{}, fmt.Errorf("parse session description: %w", ErrNoCodec)
	}
	return s, nil
}

// choose returns the first codec of ours that the other side has too.
func (s session) choose(ours []Codec) (Codec, error) {
	for _, c := range ours {
		if slices.Contains(s.codecs, c) {
			return c, nil
		}
	}
	return 0, ErrNoCodec
}

// buildSDP writes an offer or an answer with the given codecs, best first.
func buildSDP(local netip.AddrPort, codecs []Codec, dtmf uint8) []byte {
	family := "IP4"
	if local.Addr().Is6() {
		family = "IP6"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "v=0\r\no=- %d 1 IN %s %s\r\ns=-\r\nc=IN %s %s\r\nt=0 0\r\nm=audio %d RTP/AVP",
		local.Port(), family, local.Addr(), family, local.Addr(), local.Port())
	for _, c := range codecs {
		fmt.Fprintf(&b, " %d", c)
	}
	if dtmf != 0 {
		fmt.Fprintf(&b, " %d", dtmf)
	}
	b.WriteString("\r\n")
	for _, c := range codecs {
		fmt.Fprintf(&b, "a=rtpmap:%d %s/8000\r\n", c, c)
	}
	if dtmf != 0 {
		fmt.Fprintf(&b, "a=rtpmap:%d telephone-event/8000\r\na=fmtp:%d 0-15\r\n", dtmf, dtmf)
	}
	b.WriteString("a=ptime:20\r\na=sendrecv\r\n")
	return []byte(b.String())
}
