package phone

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// Errors of a call's audio.
var (
	// ErrAudioEnded means that the call ended before what was waited for.
	ErrAudioEnded = errors.New("audio ended")
	// ErrNoKeys means that the other side did not agree to RFC 4733 key presses.
	ErrNoKeys = errors.New("other side takes no telephone events")
)

// Media is the audio of one call: one RTP socket, a mouth paced by a [Pacer],
// and ears that keep what arrived. Its methods may be called at any time, by
// several goroutines, also after the call has ended (the ears keep what they heard).
type Media struct {
	conn  *net.UDPConn
	local netip.AddrPort
	pacer *Pacer
	ears  *ears

	readers sync.WaitGroup

	mu       sync.Mutex
	open     bool // agreed with the other side: packets flow
	closed   bool
	vanished bool
	codec    Codec
	keyType  uint8 // payload type of telephone-event; 0 is none
	remote   netip.AddrPort
	listens  bool // the other side wants our audio
	source   *Source
	said     chan struct{} // closed when source has been sent in full or replaced
	offset   int
	seq      uint16
	ts       uint32
	ssrc     uint32
	marker   bool
	presses  []press
	keys     KeyWay // Set before audio flows, like mute.
	mute     bool   // No audio is sent.
	hasty    bool   // Keys are short.
	sent     uint64
	buf      []byte
}

// press is one key waiting to be sent or being sent.
type press struct {
	digit byte
	step  int // ticks since the key went down
	start uint32
	// done takes the fate of the whole sequence; set on its last key only. One
	// place, so that nobody waits for a sender who gave up.
	done chan error
}

// openMedia binds an RTP socket on ip and starts to listen.
func openMedia(ip netip.Addr, pacer *Pacer, keep time.Duration, tones []float64) (*Media, error) {
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(ip, 0)))
	if err != nil {
		return nil, fmt.Errorf("open audio socket: %w", err)
	}
	local := conn.LocalAddr().(*net.UDPAddr).AddrPort()
	m := &Media{
		conn:   conn,
		local:  netip.AddrPortFrom(local.Addr().Unmap(), local.Port()),
		pacer:  pacer,
		ears:   newEars(time.Now(), keep, tones),
		seq:    uint16(rand.Uint32()),
		ts:     rand.Uint32(),
		ssrc:   rand.Uint32(),
		marker: true,
		buf:    make([]byte, 0, 12+frameSamples),
	}
	m.readers.Go(m.listen)
	return m, nil
}

// start agrees on the session and lets audio flow both ways. Called again, it
// moves the audio (re-INVITE).
func (m *Media) start(s session, ours []Codec) error {
	codec, err := s.choose(ours)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return ErrAudioEnded
	}
	m.codec, m.keyType, m.remote = codec, s.dtmf, s.remote
	m.listens = s.send && s.remote.Port() != 0
	if !m.open {
		m.open = true
		m.pacer.add(m)
	}
	return nil
}

// agreed returns the codec and key payload type in use, for an answer.
func (m *Media) agreed() (Codec, uint8) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.codec, m.keyType
}

// close stops both directions and waits for the listener. What was heard stays.
func (m *Media) close() {
	m.hush()
	_ = m.conn.Close() // only ever fails when closed before
	m.readers.Wait()
}

// hush ends speaking; whoever waits for the end of it is let go.
func (m *Media) hush() {
	m.pacer.remove(m)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return
	}
	m.closed = true
	m.endSpeech()
	for _, p := range m.presses {
		if p.done != nil {
			p.done <- ErrAudioEnded
		}
	}
	m.presses = nil
	m.ears.close(time.Now())
}

// vanish ends speaking and listening but keeps the port bound, so that no ICMP
// tells the other side: a phone without power is silent.
func (m *Media) vanish() {
	m.mu.Lock()
	m.vanished = true
	m.mu.Unlock()
	m.hush()
}

// LocalAddr is where this side listens for RTP.
func (m *Media) LocalAddr() netip.AddrPort { return m.local }

// Codec is the law in use; meaningful once audio flows.
func (m *Media) Codec() Codec {
	c, _ := m.agreed()
	return c
}

// PacketsSent is the number of RTP packets sent so far.
func (m *Media) PacketsSent() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.sent
}

// Say replaces what this side says; nil is silence. The returned channel is
// closed when a source that ends has been sent in full, when another Say
// replaces it, or when the call ends; a looping source ends only the last two ways.
func (m *Media) Say(src *Source) <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.endSpeech()
	done := make(chan struct{})
	if m.closed {
		close(done)
		return done
	}
	m.source, m.said, m.offset = src, done, 0
	return done
}

func (m *Media) endSpeech() { // with mu held
	if m.said != nil {
		close(m.said)
		m.said = nil
	}
	m.source, m.offset = nil, 0
}

// SendDTMF presses keys as [Call.SendDTMF] does, as events or tones.
func (m *Media) SendDTMF(ctx context.Context, keys string) error {
	for i := range len(keys) {
		if !strings.ContainsRune(dtmfDigits, rune(keys[i])) {
			return fmt.Errorf("press keys: %w", ErrNotDTMF)
		}
	}
	if keys == "" {
		return nil
	}
	done := make(chan error, 1)
	m.mu.Lock()
	switch {
	case m.closed:
		m.mu.Unlock()
		return fmt.Errorf("press keys: %w", ErrAudioEnded)
	case m.keyType == 0 && m.keys == KeysEvents:
		m.mu.Unlock()
		return fmt.Errorf("press keys: %w", ErrNoKeys)
	}
	for i := range len(keys) {
		p := press{digit: keys[i]}
		if i == len(keys)-1 {
			p.done = done
		}
		m.presses = append(m.presses, p)
	}
	m.mu.Unlock()
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("press keys: %w", err)
	}
	return nil
}

// tick sends the packets that fell due since the last one. The pacer calls it.
func (m *Media) tick(due int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed || !m.open {
		return
	}
	for due > maxCatchUp {
		m.ts += frameSamples
		due--
	}
	for range due {
		if len(m.presses) > 0 {
			m.tickKey()
		} else {
			m.tickAudio()
		}
		m.ts += frameSamples
	}
}

func (m *Media) tickAudio() {
	var frame [frameSamples]byte
	encoded := m.source.encoded(m.codec)
	n := 0
	for n < frameSamples && len(encoded) > 0 {
		if m.offset >= len(encoded) {
			if !m.source.loop {
				m.endSpeech()
				break
			}
			m.offset = 0
		}
		copied := copy(frame[n:], encoded[m.offset:])
		n, m.offset = n+copied, m.offset+copied
	}
	for ; n < frameSamples; n++ {
		frame[n] = m.codec.silence()
	}
	if m.mute {
		return
	}
	m.send(packet{payloadType: uint8(m.codec), marker: m.marker, timestamp: m.ts}, frame[:])
	m.marker = false
}

func (m *Media) tickKey() {
	p := &m.presses[0]
	down, up := dtmfFrames, dtmfGap
	if m.hasty {
		down, up = hastyFrames, hastyGap
	}
	if p.step == 0 {
		p.start = m.ts
	}
	switch {
	case p.step <= down && m.keys == KeysTones:
		m.send(packet{payloadType: uint8(m.codec), marker: m.marker, timestamp: m.ts}, p.tone(m.codec))
		m.marker = false
		if p.step == down && p.done != nil {
			p.done <- nil
			p.done = nil
		}
	case p.step <= down:
		key := keyPress{
			digit: p.digit, volume: dtmfVolume, end: p.step == down,
			duration: time.Duration(p.step+1) * frameTime,
		}
		payload, err := appendKeyPress(nil, key)
		if err != nil { // checked in SendDTMF
			break
		}
		repeats := 1
		if key.end {
			repeats = dtmfRepeats
		}
		for range repeats {
			m.send(packet{payloadType: m.keyType, marker: p.step == 0, timestamp: p.start}, payload)
		}
		if key.end && p.done != nil {
			p.done <- nil
			p.done = nil
		}
	default:
		m.tickAudio()
	}
	p.step++
	if p.step > down+up {
		m.presses = m.presses[1:]
	}
}

func (m *Media) send(p packet, payload []byte) { // with mu held
	p.sequence, p.ssrc = m.seq, m.ssrc
	m.seq++
	if !m.listens {
		return
	}
	m.buf = append(appendRTPHeader(m.buf[:0], p), payload...)
	// A refused or lost datagram is normal on a network; the far end counts it.
	if _, err := m.conn.WriteToUDPAddrPort(m.buf, m.remote); err == nil {
		m.sent++
	}
}

// listen reads packets until the socket is closed.
func (m *Media) listen() {
	buf := make([]byte, maxRTPPacket)
	for {
		n, from, err := m.conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			continue
		}
		m.receive(time.Now(), netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), buf[:n])
	}
}

func (m *Media) receive(at time.Time, from netip.AddrPort, datagram []byte) {
	p, err := parseRTP(datagram)
	if err != nil {
		m.ears.skip()
		return
	}
	m.mu.Lock()
	open, keyType, remote, deaf := m.open, m.keyType, m.remote, m.vanished || m.closed
	m.mu.Unlock()
	switch {
	case deaf:
	case open && from != remote:
		// Another call's control packet or a late packet of another bridge.
		m.ears.skip()
	case open && keyType != 0 && p.payloadType == keyType:
		key, err := parseKeyPress(p.payload)
		if err != nil {
			m.ears.skip()
			return
		}
		m.ears.key(at, p, key)
	case Codec(p.payloadType).valid():
		m.ears.hear(at, p)
	default:
		m.ears.skip()
	}
}
