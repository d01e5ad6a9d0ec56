package asterisk_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap/zaptest"

	"github.com/rappel-tel/rappel/pkg/asterisk"
	"github.com/rappel-tel/rappel/pkg/phone"
	"github.com/rappel-tel/rappel/pkg/setup"
	"github.com/rappel-tel/rappel/pkg/setup/setuptest"
	"github.com/rappel-tel/rappel/pkg/telephony"
	"github.com/rappel-tel/rappel/pkg/telephony/telephonytest"
)

func TestMain(m *testing.M) {
	// sipgo opens a connection anew for what it sends last, when its phone has just been closed.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/emiago/sipgo/sip.(*TransportUDP).readListenerConnection"))
}

// The tones by which the two sides of a call know that they are joined.
const (
	callerTone      = 600.0
	beneficiaryTone = 900.0
	secret          = "a-secret-of-the-lab-0"
)

// lab is one real Asterisk with a Switch on it, callers' phones and a simulated trunk.
type lab struct {
	t       *testing.T
	pbx     *setup.Asterisk
	sw      *asterisk.Switch
	trunk   *phone.Trunk
	address string

	next atomic.Int64

	mu       sync.Mutex
	accounts []asterisk.Account
	scripts  map[string]telephonytest.Script
	shown    map[string]string // The number presented to each number rung.
}

func newLab(t *testing.T, change ...func(*asterisk.Options)) *lab {
	t.Helper()
	t.Parallel() // They mostly wait.
	pbx := setuptest.Asterisk(t)
	writeTone(t, filepath.Join(pbx.SoundsDir(), "hello.wav"), 440, 600*time.Millisecond)
	l := &lab{t: t, pbx: pbx, scripts: map[string]telephonytest.Script{}, shown: map[string]string{}, address: "127.0.0.2:0"}
	var err error
	l.trunk, err = phone.NewTrunk(phone.TrunkOptions{
		Listen: l.address, PBX: pbx.SIPAddr().String(), Answer: l.answer, OnCall: l.talk,
		Tones: []float64{callerTone, beneficiaryTone}, Logger: zaptest.NewLogger(t),
	})
	require.NoError(t, err)
	t.Cleanup(l.trunk.Close)
	l.sw = l.connect(change...)
	for range 40 {
		l.accounts = append(l.accounts, asterisk.Account{
			Endpoint: fmt.Sprintf("caller-%d", len(l.accounts)+1), Secret: secret, Language: "fr", Enabled: true,
		})
	}
	require.NoError(t, l.sw.SyncAccounts(t.Context(), l.accounts, []asterisk.Trunk{l.trunkRecord()}))
	return l
}

func (l *lab) trunkRecord() asterisk.Trunk {
	return asterisk.Trunk{
		Name: "fiction", Address: l.trunk.Addr().String(),
		Match: []netip.Prefix{netip.PrefixFrom(l.trunk.Addr().Addr(), 32)}, Simulated: true, Qualify: 2 * time.Second,
	}
}

// connect runs a Switch on the lab's Asterisk until the test ends.
func (l *lab) connect(change ...func(*asterisk.Options)) *asterisk.Switch {
	l.t.Helper()
	opts := asterisk.Options{
		URL: l.pbx.ARIURL(), User: l.pbx.ARIUser(), Password: l.pbx.ARIPassword(), App: "rappel",
		AccountsFile: l.pbx.AccountsPath(), TrunksFile: l.pbx.TrunksPath(), Logger: zaptest.NewLogger(l.t),
	}
	for _, f := range change {
		f(&opts)
	}
	sw, err := asterisk.New(opts)
	require.NoError(l.t, err)
	run(l.t, sw)
	select {
	case <-sw.Reconciled():
	case <-time.After(time.Minute):
		require.FailNow(l.t, "the event stream did not come up")
	}
	return sw
}

// run runs the Switch until the test ends, and returns what Run returned.
func run(t *testing.T, sw *asterisk.Switch) <-chan error {
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		ended <- sw.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return ended
}

// suite is what Exercise needs.
func (l *lab) suite(t *testing.T) *telephonytest.Lab {
	return &telephonytest.Lab{
		Switch: l.sw,
		Caller: func(s telephonytest.Script) string { return l.caller(t, s).User() },
		Beneficiary: func(s telephonytest.Script) (string, string) {
			return l.beneficiary(s), "fiction"
		},
		Inbound: func(cli, did string, s telephonytest.Script) { l.inbound(t, cli, did, s) },
		Sound:   l.sound("hello"),
	}
}

func (l *lab) sound(name string) telephony.Media {
	return telephony.Media("sound:" + l.pbx.SoundsPath() + "/" + name)
}

// beneficiary puts a phone behind the trunk and returns its number, one reserved for fiction in Belgium or not given out.
func (l *lab) beneficiary(s telephonytest.Script) string {
	number := fmt.Sprintf("+3281555%03d", l.next.Add(1))
	l.mu.Lock()
	defer l.mu.Unlock()
	l.scripts[number] = s
	return number
}

func (l *lab) script(number string) telephonytest.Script {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.scripts[number]
}

func (l *lab) presented(number string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.shown[number]
}

func (l *lab) answer(r phone.Ring) phone.Behaviour {
	l.mu.Lock()
	l.shown[r.Number] = r.From
	l.mu.Unlock()
	s := l.script(r.Number)
	b := phone.Behaviour{After: s.Answer, Never: s.Never, Talk: s.HangUp}
	b.Say, b.Tone = phone.Tone(beneficiaryTone), beneficiaryTone
	if s.Refuse != 0 {
		b.Refuse = sipStatus(s.Refuse)
	}
	return b
}

func (l *lab) talk(ctx context.Context, r phone.Ring, c *phone.Call) {
	behave(ctx, c, l.script(r.Number), callerTone)
}

// behave presses the keys of the script and hangs up once the other side's tone has been heard long enough.
func behave(ctx context.Context, c *phone.Call, s telephonytest.Script, other float64) {
	for _, k := range s.Keys {
		select {
		case <-ctx.Done():
			return
		case <-c.Done():
			return
		case <-time.After(k.After):
		}
		if c.SendDTMF(ctx, k.Digit) != nil {
			return
		}
	}
	if s.HangUpBridged == 0 {
		return
	}
	if _, err := c.HearTone(ctx, other); err != nil {
		return
	}
	select {
	case <-ctx.Done():
	case <-c.Done():
	case <-time.After(s.HangUpBridged):
		_ = c.Hangup(ctx) // It may have ended by itself.
	}
}

// caller registers a caller's phone.
func (l *lab) caller(t *testing.T, s telephonytest.Script) *phone.Phone {
	t.Helper()
	l.mu.Lock()
	account := l.accounts[int(l.next.Add(1))%len(l.accounts)]
	l.mu.Unlock()
	p := l.phone(t, account.Endpoint, s)
	require.NoError(t, p.Register(t.Context()))
	return p
}

func (l *lab) phone(t *testing.T, user string, s telephonytest.Script) *phone.Phone {
	t.Helper()
	p, err := phone.New(phone.Options{
		User: user, Secret: secret, Registrar: l.pbx.SIPAddr().String(), Logger: zaptest.NewLogger(t),
		Tones:  []float64{beneficiaryTone},
		OnCall: func(ctx context.Context, in *phone.Incoming) { pickUp(ctx, in, s) },
	})
	require.NoError(t, err)
	t.Cleanup(p.Close)
	return p
}

func pickUp(ctx context.Context, in *phone.Incoming, s telephonytest.Script) {
	if in.Ring() != nil {
		return
	}
	var answer <-chan time.Time
	if !s.Never {
		answer = time.After(s.Answer)
	}
	select {
	case <-ctx.Done():
		return
	case <-in.Done():
		return
	case <-answer:
	}
	if s.Refuse != 0 {
		_ = in.Reject(sipStatus(s.Refuse), "") // The other side may have cancelled.
		return
	}
	c, err := in.Answer(ctx)
	if err != nil {
		return
	}
	c.Say(phone.Tone(callerTone))
	if s.HangUp > 0 {
		go func() {
			select {
			case <-ctx.Done():
			case <-c.Done():
			case <-time.After(s.HangUp):
				_ = c.Hangup(ctx) // It may have ended by itself.
			}
		}()
	}
	behave(ctx, c, s, beneficiaryTone)
	select {
	case <-ctx.Done():
	case <-c.Done():
	}
}

func (l *lab) inbound(t *testing.T, cli, did string, s telephonytest.Script) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var work sync.WaitGroup
	work.Go(func() {
		c, err := l.trunk.Dial(ctx, cli, did, phone.DialOptions{})
		if err != nil {
			return
		}
		behave(ctx, c, s, callerTone)
		<-c.Done()
	})
	t.Cleanup(func() {
		cancel()
		work.Wait()
	})
}

func sipStatus(c telephony.Cause) int {
	return map[telephony.Cause]int{
		telephony.CauseBusy: 486, telephony.CauseRejected: 603, telephony.CauseUnallocated: 404,
		telephony.CauseTemporaryFailure: 503, telephony.CauseNoUserResponse: 408,
	}[c]
}

// writeTone writes an 8 kHz mono WAV file.
func writeTone(t *testing.T, path string, hz float64, length time.Duration) {
	t.Helper()
	n := int(length.Seconds() * 8000)
	data := make([]byte, 44+2*n)
	copy(data, "RIFF\x00\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x80\x3e\x00\x00\x02\x00\x10\x00data")
	binary.LittleEndian.PutUint32(data[4:], uint32(36+2*n))
	binary.LittleEndian.PutUint32(data[40:], uint32(2*n))
	for i := range n {
		v := int16(8000 * math.Sin(2*math.Pi*hz*float64(i)/8000))
		binary.LittleEndian.PutUint16(data[44+2*i:], uint16(v))
	}
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, data, 0o644))
}

// asStatus returns the SIP status of a refusal, or 0.
func asStatus(err error) int {
	if s, ok := errors.AsType[*phone.StatusError](err); ok {
		return s.Code
	}
	return 0
}
