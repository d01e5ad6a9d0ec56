package phone

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	asteriskconf "github.com/rappel-tel/rappel/asterisk"
	"github.com/rappel-tel/rappel/pkg/setup"
	"github.com/rappel-tel/rappel/pkg/setup/setuptest"
)

// What a real PBX is told for these tests: two callers' phones with μ-law, a trunk with A-law, and a dialplan.
const (
	pbxAccount = `
[%[1]s](caller)
auth=%[1]s
aors=%[1]s
allow=!all,ulaw
[%[1]s](caller-auth)
username=%[1]s
password=secret
[%[1]s](caller-aor)
`
	pbxTrunk = `
[trunk](trunk)
aors=trunk
allow=!all,alaw
[trunk](trunk-aor)
contact=sip:%[1]s
[trunk]
type=identify
endpoint=trunk
match=127.0.0.2
`
	pbxDialplan = `
[caller]
exten => _[a-z]!,1,Dial(PJSIP/${EXTEN},20)
exten => _+X!,1,Set(CALLERID(num)=+3281000000)
 same => n,Dial(PJSIP/${EXTEN}@trunk,30,b(attempt^s^1))
 same => n,Hangup(${HANGUPCAUSE})
exten => 100,1,Answer()
 same => n,Read(KEYS,,2,,1,10)
 same => n,Set(GLOBAL(KEYS)=${KEYS})
 same => n,Hangup()
exten => 101,1,Answer()
 same => n,Wait(0.3)
 same => n,Playback({{.SoundsDir}}/prompt-1)
 same => n,Playback({{.SoundsDir}}/prompt-2)
 same => n,Wait(30)
[attempt]
exten => s,1,Set(PJSIP_HEADER(add,X-Rappel-Attempt)=attempt-1)
 same => n,Return()
[trunk]
exten => _X!,1,Answer()
 same => n,Playback({{.SoundsDir}}/prompt-1)
 same => n,Wait(30)
`
)

// pbx is the real PBX of these tests.
type pbx struct {
	*setup.Asterisk
	addr string // Of SIP.
}

func startPBX(t *testing.T) *pbx {
	t.Helper()
	a := setuptest.Asterisk(t, func(o *setup.AsteriskOptions) {
		o.Files = map[string]string{
			"extensions.conf":         pbxDialplan,
			asteriskconf.AccountsFile: fmt.Sprintf(pbxAccount, "alice") + fmt.Sprintf(pbxAccount, "bob"),
		}
	})
	return &pbx{Asterisk: a, addr: a.SIPAddr().String()}
}

func asStatus(err error) (*StatusError, bool) {
	var s *StatusError
	ok := errors.As(err, &s)
	return s, ok
}

func (p *pbx) phone(t *testing.T, user string, onCall func(context.Context, *Incoming)) *Phone {
	t.Helper()
	ph, err := New(Options{
		User: user, Secret: "secret", Registrar: p.addr, OnCall: onCall, Logger: zap.NewNop(),
		Codecs: []Codec{PCMU, PCMA}, Tones: []float64{1000, 1100},
	})
	require.NoError(t, err)
	t.Cleanup(ph.Close)
	require.NoError(t, ph.Register(within(t)))
	return ph
}

// TestAsterisk lets the phones meet a real PBX.
func TestAsterisk(t *testing.T) {
	p := startPBX(t)
	t.Run("phones", func(t *testing.T) { phonesOfAsterisk(t, p) })
	t.Run("trunk", func(t *testing.T) { trunkOfAsterisk(t, p) })
}

func phonesOfAsterisk(t *testing.T, p *pbx) {
	ctx := within(t)
	answered := make(chan *Call, 1)
	p.phone(t, "bob", answering(Tone(1000), answered))
	alice := p.phone(t, "alice", nil)
	require.True(t, alice.Registered())

	a, err := alice.Dial(ctx, "bob", DialOptions{Say: Tone(600)})
	require.NoError(t, err)
	b := <-answered
	heardA, err := a.HearTone(ctx, 1000)
	require.NoError(t, err)
	heardB, err := b.HearTone(ctx, 600)
	require.NoError(t, err)
	t.Logf("heard after %s and %s, %s", heardA.Sub(a.Answered()), heardB.Sub(b.Answered()), a.Codec())
	require.NoError(t, b.Hangup(ctx))
	<-a.Done()
	require.Equal(t, SideRemote, a.Ending().By)
	require.Equal(t, 16, a.Ending().Cause)

	k, err := alice.Dial(ctx, "100", DialOptions{})
	require.NoError(t, err)
	require.NoError(t, k.SendDTMF(ctx, "1*"))
	<-k.Done()
	globals, err := p.Console(ctx, "dialplan show globals")
	require.NoError(t, err)
	require.Contains(t, globals, "KEYS=1*\n")

	wrong, err := New(Options{User: "alice", Secret: "wrong", Registrar: p.addr, Logger: zap.NewNop()})
	require.NoError(t, err)
	defer wrong.Close()
	status, ok := asStatus(wrong.Register(ctx))
	require.True(t, ok)
	require.Equal(t, 401, status.Code)

	_, err = alice.Dial(ctx, "nobody", DialOptions{})
	status, ok = asStatus(err)
	require.True(t, ok)
	t.Logf("nobody: %v", status)
	require.NoError(t, alice.Unregister(ctx))
}

// trunkOfAsterisk carries calls both ways: μ-law at the phone, A-law at the trunk,
// so Asterisk transcodes.
func trunkOfAsterisk(t *testing.T, p *pbx) {
	ctx := within(t)
	tr := newTrunk(t, func(r Ring) Behaviour {
		switch r.Number {
		case "+3281000001":
			return Answers(50*time.Millisecond, 1000)
		case "+3281000002":
			return Busy()
		case "+3281000003":
			return NoAnswer()
		case "+3281000004":
			return Announced(Samples(synthetic(1, 4000)), 404)
		}
		return Congested()
	}, func(o *TrunkOptions) { o.Tones, o.PBX = []float64{600}, p.addr })
	voices := prompts(t)
	for i, name := range []string{"prompt-1.wav", "prompt-2.wav"} {
		require.NoError(t, os.WriteFile(filepath.Join(p.SoundsDir(), name), wavFile(voices[i]), 0o644))
	}
	require.NoError(t, p.WriteConfig(asteriskconf.TrunksFile, fmt.Appendf(nil, pbxTrunk, tr.Addr())))
	for _, module := range []string{"res_pjsip.so", "res_pjsip_endpoint_identifier_ip.so"} {
		_, err := p.Console(ctx, "module reload "+module)
		require.NoError(t, err)
	}
	alice := p.phone(t, "alice", nil)

	c, err := alice.Dial(ctx, "+3281000001", DialOptions{Say: Tone(600)})
	require.NoError(t, err)
	followed := make(chan struct{})
	go func() {
		defer close(followed)
		tr.Ledger().Follow(ctx, c, "alice", 600)
	}()
	_, err = c.HearTone(ctx, 1000)
	require.NoError(t, err)
	// More than a second, so that both sides' hearing is held against each other.
	require.NoError(t, c.ears.waitFrames(ctx, 80, 5*time.Second))
	require.NoError(t, c.Hangup(ctx))
	<-followed

	for n, want := range map[string]int{"+3281000002": 486, "+3281000004": 404, "+3281000005": 503} {
		_, err = alice.Dial(ctx, n, DialOptions{})
		status, ok := asStatus(err)
		require.True(t, ok, "%v", err)
		t.Logf("%s: %v, wanted about %d", n, status, want)
	}
	ringing, cancel := context.WithCancel(ctx)
	_, err = alice.Dial(ringing, "+3281000003", DialOptions{OnProgress: func(int, *Media) { cancel() }})
	require.ErrorIs(t, err, context.Canceled)

	// Inbound: the prompt is recognised and told from another.
	in, err := tr.Dial(ctx, "+3281000009", "081999999", DialOptions{})
	require.NoError(t, err)
	index, m, err := in.HearAny(ctx, voices[1], voices[0], voices[2])
	require.NoError(t, err)
	require.Equal(t, 1, index)
	t.Logf("prompt scored %.3f, heard %s after the answer", m.Score, m.At.Sub(in.Answered()))
	require.NoError(t, in.Hangup(ctx))

	// Two prompts in a row, each found in its place.
	ivr, err := alice.Dial(ctx, "101", DialOptions{})
	require.NoError(t, err)
	first, err := ivr.Hear(ctx, voices[0])
	require.NoError(t, err)
	second, err := ivr.Hear(ctx, voices[1])
	require.NoError(t, err)
	t.Logf("prompts scored %.3f and %.3f", first.Score, second.Score)
	require.InDelta(t, float64(len(voices[0]))/sampleRate, (second.Offset - first.Offset).Seconds(), 0.25)
	require.NoError(t, ivr.Hangup(ctx))

	require.NoError(t, tr.Ledger().Settle(ctx))
	s := tr.Ledger().Summary()
	t.Logf("heard in time: %d of %d", s.AudioOK, s.AudioOK+s.AudioFailed)
	s.AudioOK, s.AudioFailed = s.AudioOK+s.AudioFailed, 0 // How soon depends on what else the machine does.
	// The dialplan gives every call the same attempt, and two of them ring.
	require.Equal(t, Summary{Calls: 6, Inbound: 1, Answered: 2, Refused: 3, Cancelled: 1, AudioOK: 2, DoubleRings: 1}, s)
	for _, r := range tr.Ledger().Records() {
		if !r.Inbound && !r.Caller {
			require.Equal(t, "attempt-1", r.Attempt)
		}
	}
}
