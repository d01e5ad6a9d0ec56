package phone

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
)

// KeyWay is how a phone sends the keys pressed.
type KeyWay uint8

const (
	// KeysEvents are RTP events (RFC 4733); the phone offers them.
	KeysEvents KeyWay = iota
	// KeysInfo are SIP INFO requests with a body of application/dtmf-relay, as many operators' gateways send them. The phone
	// offers no RTP events.
	KeysInfo
	// KeysTones are tones in the audio (ITU-T Q.23), as an analogue phone sends them. The phone offers no RTP events.
	KeysTones
)

// keyMillis is how long a key is held down, as an INFO says it.
const keyMillis = (dtmfFrames + 1) * 20

// payload is the payload type of RTP events in an offer; 0 offers none.
func (w KeyWay) payload() uint8 {
	if w == KeysEvents {
		return dtmfPayload
	}
	return 0
}

// SendDTMF presses the keys (0-9, *, #, A-D) one after the other in the way that the call was dialled with, 120 ms down and
// 80 ms up each, and returns when the last one has been sent. It fails with [ErrNotDTMF] for another key, [ErrNoKeys] when
// the other side takes no events, [ErrAudioEnded] when the call ends first, and a [*StatusError] for an INFO that is refused.
func (c *Call) SendDTMF(ctx context.Context, keys string) error {
	if c.keys != KeysInfo {
		return c.Media.SendDTMF(ctx, keys)
	}
	for _, key := range keys {
		if !strings.ContainsRune(dtmfDigits, key) {
			return fmt.Errorf("press keys: %w", ErrNotDTMF)
		}
	}
	if !c.agent.enter() {
		return fmt.Errorf("press keys: %w", ErrClosed)
	}
	defer c.agent.leave()
	held := time.NewTicker((dtmfFrames + 1 + dtmfGap) * frameTime)
	defer held.Stop()
	for i, key := range keys {
		if i > 0 {
			select {
			case <-held.C:
			case <-c.Done():
				return fmt.Errorf("press keys: %w", ErrAudioEnded)
			case <-ctx.Done():
				return fmt.Errorf("press keys: %w", ctx.Err())
			}
		}
		req := c.request(sip.INFO)
		req.AppendHeader(sip.NewHeader("Content-Type", "application/dtmf-relay"))
		req.SetBody(fmt.Appendf(nil, "Signal=%c\r\nDuration=%d\r\n", key, keyMillis))
		res, err := c.agent.do(ctx, req)
		if err != nil {
			return fmt.Errorf("press keys: %w", err)
		}
		if !res.IsSuccess() {
			return fmt.Errorf("press keys: %w", statusError(res))
		}
	}
	return nil
}

// keyTones are the two frequencies of a key in Hz (ITU-T Q.23).
func keyTones(digit byte) (low, high float64) {
	const keypad = "123A456B789C*0#D"
	at := strings.IndexByte(keypad, digit)
	return []float64{697, 770, 852, 941}[at/4], []float64{1209, 1336, 1477, 1633}[at%4]
}

// tone is one packet of a key's tones, each 9 dB below full scale, so many packets after it went down.
func (p *press) tone(codec Codec) []byte {
	low, high := keyTones(p.digit)
	pcm := make([]int16, frameSamples)
	for i := range pcm {
		at := 2 * math.Pi * float64(p.step*frameSamples+i) / sampleRate
		pcm[i] = int16(11500 * (math.Sin(low*at) + math.Sin(high*at)))
	}
	return codec.encodeAll(pcm)
}
