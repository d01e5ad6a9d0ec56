// Package telephone runs the call flows end to end: real SIP phones, a real Asterisk, real voices, and a Connector whose
// dispatcher and records are written down in memory.
package telephone

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"github.com/rappel-tel/rappel/dialplans"
	"github.com/rappel-tel/rappel/pkg/asterisk"
	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/callflow"
	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/phone"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/setup"
	"github.com/rappel-tel/rappel/pkg/setup/setuptest"
	"github.com/rappel-tel/rappel/pkg/speech"
	"github.com/rappel-tel/rappel/sounds"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	callerTone      = 600.0
	beneficiaryTone = 900.0
	secret          = "a-secret-of-the-lab-0"
	// ours is the registration line. These numbers are reserved for fiction, or not given out.
	ours = "+3281555000"
)

// lab is a Connector on a real Asterisk, with phones on both sides.
type lab struct {
	t         *testing.T
	pbx       *setup.Asterisk
	sw        *asterisk.Switch
	trunk     *phone.Trunk
	voice     *speech.Voice
	book      *ivr.Book
	connector *callflow.Connector
	desk      *desk

	next atomic.Int64

	mu   sync.Mutex
	hers map[string]phone.Behaviour
	talk map[string]func(context.Context, *phone.Call)
}

func newLab(t *testing.T, change ...func(*setup.AsteriskOptions)) *lab {
	t.Helper()
	pbx := setuptest.Asterisk(t, change...)
	l := &lab{
		t: t, pbx: pbx, hers: map[string]phone.Behaviour{}, talk: map[string]func(context.Context, *phone.Call){},
		desk: newDesk(t),
	}
	var err error
	l.trunk, err = phone.NewTrunk(phone.TrunkOptions{
		Listen: "127.0.0.2:0", PBX: pbx.SIPAddr().String(), Tones: []float64{callerTone, beneficiaryTone},
		Logger: zaptest.NewLogger(t, zaptest.Level(zap.WarnLevel)),
		Answer: func(r phone.Ring) phone.Behaviour {
			l.mu.Lock()
			defer l.mu.Unlock()
			return l.hers[r.Number]
		},
		OnCall: func(ctx context.Context, r phone.Ring, c *phone.Call) {
			l.mu.Lock()
			talk := l.talk[r.Number]
			l.mu.Unlock()
			if talk != nil {
				talk(ctx, c)
			}
		},
	})
	require.NoError(t, err)
	t.Cleanup(l.trunk.Close)
	l.sw, err = asterisk.New(asterisk.Options{
		URL: pbx.ARIURL(), User: pbx.ARIUser(), Password: pbx.ARIPassword(), App: "rappel",
		AccountsFile: pbx.AccountsPath(), TrunksFile: pbx.TrunksPath(),
		Logger: zaptest.NewLogger(t, zaptest.Level(zap.WarnLevel)),
	})
	require.NoError(t, err)
	background(t, l.sw.Run)
	require.Eventually(t, l.sw.Connected, 15*time.Second, 20*time.Millisecond)
	l.accounts()
	l.speak()
	l.connector, err = callflow.New(callflow.Options{
		Switch: l.sw, Desk: l.desk, Callers: l.desk, Records: l.desk, Voice: l.voice, Book: l.book, Now: time.Now,
		Logger: zaptest.NewLogger(t, zaptest.Level(zap.WarnLevel)), Recordings: l.sw,
	})
	require.NoError(t, err)
	background(t, l.connector.Run)
	t.Cleanup(l.connector.Close)
	return l
}

// background runs something until the test ends.
func background(t *testing.T, run func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := run(ctx); err != nil && ctx.Err() == nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
}

// accounts makes forty callers and the simulated trunk known to the PBX.
func (l *lab) accounts() {
	l.t.Helper()
	var list []asterisk.Account
	for i := range 40 {
		list = append(list, asterisk.Account{
			Endpoint: fmt.Sprintf("caller-%d", i+1), Secret: secret, Language: "fr", Enabled: true,
		})
	}
	require.NoError(l.t, l.sw.SyncAccounts(l.t.Context(), list, []asterisk.Trunk{{
		Name: "fiction", Address: l.trunk.Addr().String(), Match: []netip.Prefix{netip.PrefixFrom(l.trunk.Addr().Addr(), 32)},
		Simulated: true, Qualify: 2 * time.Second,
	}}))
}

// speak prepares the prompts of one language, and what is said in the others only when it is needed.
func (l *lab) speak() {
	l.t.Helper()
	speaker, err := setup.NewVoice(setuptest.Installation(l.t))
	require.NoError(l.t, err)
	l.voice, err = speech.New(speech.Options{
		Speaker: speaker, Dir: l.pbx.SoundsDir(), PBXDir: l.pbx.SoundsPath(),
		Logger: zaptest.NewLogger(l.t, zaptest.Level(zap.WarnLevel)),
	})
	require.NoError(l.t, err)
	l.t.Cleanup(l.voice.Close)
	l.book, err = ivr.ReadBook(dialplans.Flows(), sounds.Name, sounds.Prompts())
	require.NoError(l.t, err)
	require.NoError(l.t, l.voice.Prepare(l.t.Context(), french(l.t), roster.French, nil))
}

// french is the catalogue without the other languages: a test need not wait for all of them to be spoken.
func french(t *testing.T) *ivr.Catalogue {
	t.Helper()
	all, err := ivr.ReadCatalogue(sounds.Name, sounds.Prompts())
	require.NoError(t, err)
	var b strings.Builder
	for _, f := range all.Fixed() {
		if f.Language == roster.French {
			fmt.Fprintf(&b, "%s: {fr: %q}\n", f.Key, f.Text)
		}
	}
	c, err := ivr.ReadCatalogue(sounds.Name, []byte(b.String()))
	require.NoError(t, err)
	return c
}

// reference is the beginning of what a text sounds like, to recognise it by.
func (l *lab) reference(text string, length time.Duration) []int16 {
	l.t.Helper()
	media, err := l.voice.Media(l.t.Context(), roster.French, text)
	require.NoError(l.t, err)
	rest, ok := strings.CutPrefix(string(media), "sound:"+l.pbx.SoundsPath())
	require.True(l.t, ok)
	return readWAV(l.t, filepath.Join(l.pbx.SoundsDir(), rest+".wav"), length)
}

func readWAV(t *testing.T, file string, length time.Duration) []int16 {
	t.Helper()
	f, err := os.Open(file)
	require.NoError(t, err)
	samples, err := phone.ReadWAV(f)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	return samples[:min(len(samples), int(length.Seconds()*8000))]
}

// prompt is the beginning of a fixed prompt.
func (l *lab) prompt(key string) []int16 {
	l.t.Helper()
	return l.reference(l.book.Text(roster.French, key, nil), 1500*time.Millisecond)
}

// beneficiary puts a phone behind the trunk.
func (l *lab) beneficiary(b phone.Behaviour, talk func(context.Context, *phone.Call)) string {
	number := fmt.Sprintf("+3281555%03d", 100+l.next.Add(1))
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hers[number], l.talk[number] = b, talk
	return number
}

// softphone registers a phone whose calls are handed to pickUp.
func (l *lab) softphone(t *testing.T, pickUp func(context.Context, *phone.Incoming)) *phone.Phone {
	t.Helper()
	p, err := phone.New(phone.Options{
		User: fmt.Sprintf("caller-%d", l.next.Add(1)%40+1), Secret: secret, Registrar: l.pbx.SIPAddr().String(),
		Logger: zaptest.NewLogger(t, zaptest.Level(zap.WarnLevel)), Tones: []float64{beneficiaryTone}, OnCall: pickUp,
	})
	require.NoError(t, err)
	t.Cleanup(p.Close)
	require.NoError(t, p.Register(t.Context()))
	return p
}

// answer rings, answers after a while, says a tone, and does the rest until the call ends.
func answer(after time.Duration, rest func(context.Context, *phone.Call)) func(context.Context, *phone.Incoming) {
	return func(ctx context.Context, in *phone.Incoming) {
		if in.Ring() != nil {
			return
		}
		select {
		case <-time.After(after):
		case <-in.Done():
			return
		case <-ctx.Done():
			return
		}
		c, err := in.Answer(ctx)
		if err != nil {
			return
		}
		c.Say(phone.Tone(callerTone))
		if rest != nil {
			rest(ctx, c)
		}
		select {
		case <-c.Done():
		case <-ctx.Done():
		}
	}
}

// hangUp ends a call some time after a tone was heard, or at once without one.
func hangUp(tone float64, after time.Duration) func(context.Context, *phone.Call) {
	return func(ctx context.Context, c *phone.Call) {
		if tone > 0 {
			if _, err := c.HearTone(ctx, tone); err != nil {
				return
			}
		}
		select {
		case <-time.After(after):
			_ = c.Hangup(ctx) // It may have ended by itself.
		case <-c.Done():
		case <-ctx.Done():
		}
	}
}

func (l *lab) order(endpoint, number string) call.Order {
	return call.Order{
		Scheme: 1, Attempt: call.NewID(), Offer: 1, Kind: call.KindScheduled, Caller: 7, CallerEndpoint: endpoint,
		CallerLanguage: "fr", Number: number, Trunk: "fiction", CLI: ours, Language: "fr",
		CallerRing: 5 * time.Second, BeneficiaryRing: 5 * time.Second, DialBy: time.Now().Add(time.Minute),
	}
}

// run starts an order and waits for its outcome.
func (l *lab) run(t *testing.T, o call.Order) call.Outcome {
	t.Helper()
	require.NoError(t, l.connector.Start(t.Context(), o))
	return l.desk.outcome(t, o.Attempt)
}
