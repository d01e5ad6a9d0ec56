package asterisk_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/asterisk"
	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/phone"
	"github.com/rappel-tel/rappel/pkg/telephony"
	"github.com/rappel-tel/rappel/pkg/telephony/telephonytest"
)

func order(caller, number string) (call.ID, telephony.Connect) {
	id := call.NewID()
	return id, telephony.Connect{
		Channel: id.CallerLeg(1), BeneficiaryLeg: id.BeneficiaryLeg(), Attempt: string(id), CallerEndpoint: caller,
		CallerLanguage: "fr", Number: number, Trunk: "fiction", CLI: "+3281555000", Language: "fr",
		CallerRing: 10 * time.Second, BeneficiaryRing: 10 * time.Second, DialBy: time.Now().Add(time.Minute),
	}
}

// Both hear each other soon after the bridge, the caller hears ringing before it, and only the simulated trunk learns the
// attempt.
func TestTwoPeopleHearEachOther(t *testing.T) {
	l := newLab(t)
	number := l.beneficiary(telephonytest.Script{Answer: 1500 * time.Millisecond})
	heard := make(chan *phone.Call, 1)
	p, err := phone.New(phone.Options{
		User: "caller-1", Secret: secret, Registrar: l.pbx.SIPAddr().String(), Logger: quiet(t),
		OnCall: func(ctx context.Context, in *phone.Incoming) {
			if in.Header("X-Rappel-Attempt") != "" {
				t.Error("a caller's phone was told the attempt")
			}
			c, err := in.Answer(ctx)
			if err != nil {
				return
			}
			c.Say(phone.Tone(callerTone))
			heard <- c
			<-c.Done()
		},
	})
	require.NoError(t, err)
	t.Cleanup(p.Close)
	require.NoError(t, p.Register(t.Context()))
	id, o := order("caller-1", number)
	w := telephonytest.NewWatch(t, l.sw, string(id), 0)
	require.NoError(t, l.sw.Connect(t.Context(), o))
	c := <-heard
	_, err = c.HearTone(t.Context(), 440) // The French ringing tone.
	require.NoError(t, err)
	w.Until(o.BeneficiaryLeg, telephony.EventBridged)
	bridged := time.Now()
	at, err := c.HearTone(t.Context(), beneficiaryTone)
	require.NoError(t, err)
	t.Logf("heard %s after the bridge", at.Sub(bridged).Round(time.Millisecond))
	require.Eventually(t, func() bool {
		records := l.trunk.Ledger().Records()
		return len(records) == 1 && !records[0].Tones[callerTone].IsZero()
	}, time.Minute, 10*time.Millisecond, "she hears the caller")
	require.NoError(t, l.sw.Hangup(t.Context(), o.Channel, telephony.CauseNormal))
	w.Until(o.Channel, telephony.EventGone)
	e := w.Until(o.BeneficiaryLeg, telephony.EventEntered)
	require.NoError(t, l.sw.Hangup(t.Context(), e.Channel, telephony.CauseNormal))
	require.NoError(t, l.trunk.Ledger().Settle(t.Context()))
	records := l.trunk.Ledger().Records()
	require.Len(t, records, 1)
	require.Equal(t, string(id), records[0].Attempt)
	require.Equal(t, o.CLI, l.presented(number), "her phone shows our number")
}

// Whatever the instant in which the caller hangs up, whoever answers hears a person or a prompt.
func TestNoSilentCallAtAnswer(t *testing.T) {
	l := newLab(t)
	writeTone(t, filepath.Join(l.pbx.SoundsDir(), "fr", "caller-gone.wav"), 440, time.Second)
	calls, atOnce := 200, 12
	if testing.Short() {
		calls = 24
	}
	const rings = 400 * time.Millisecond
	random := rand.New(rand.NewPCG(2026, 11))
	var work sync.WaitGroup
	places := make(chan struct{}, atOnce) // So many calls at a time.
	for i := range calls {
		places <- struct{}{}
		// From 60 ms before to 60 ms after the answer.
		offset := time.Duration(random.IntN(120)-60) * time.Millisecond
		work.Go(func() {
			defer func() { <-places }()
			p := l.phone(t, fmt.Sprintf("caller-%d", i%40+1), telephonytest.Script{HangUp: rings + offset})
			defer p.Close()
			if err := p.Register(t.Context()); err != nil {
				t.Error(err)
				return
			}
			number := l.beneficiary(telephonytest.Script{Answer: rings})
			id, o := order(p.User(), number)
			box := l.sw.Open(string(id))
			defer box.Close()
			if err := l.sw.Connect(t.Context(), o); err != nil {
				t.Error(err)
				return
			}
			followToTheEnd(t, l.sw, box, o)
		})
		if (i+1)%40 == 0 {
			work.Wait() // An account has one phone at a time.
		}
	}
	work.Wait()
	require.NoError(t, l.trunk.Ledger().Settle(t.Context()))
	sum := l.trunk.Ledger().Summary()
	t.Logf("%+v", sum)
	require.Zero(t, sum.SilentCalls)
	require.Zero(t, sum.DoubleRings)
	require.Positive(t, sum.Answered)
	left, err := l.sw.Channels(t.Context())
	require.NoError(t, err)
	require.Empty(t, left)
}

// followToTheEnd does the service's part: it hangs up whoever is left alone, and a phone that rings on for nobody.
func followToTheEnd(t *testing.T, sw telephony.Switch, box *telephony.Mailbox, o telephony.Connect) {
	var b string
	gone := map[string]bool{}
	limit := time.After(time.Minute)
	var grace <-chan time.Time
	up := false
	for !gone[o.Channel] || b != "" && !gone[o.BeneficiaryLeg] {
		select {
		case <-box.Wake():
		case <-grace:
			grace = nil
			if b != "" && !up {
				_ = sw.Hangup(t.Context(), b, telephony.CauseNormal) // It is followed by its end or by an answer.
			}
		case <-limit:
			t.Errorf("call %s did not end", o.Channel)
			return
		}
		for _, e := range box.Take() {
			switch {
			case e.Type == telephony.EventGone:
				gone[e.Leg] = true
				if e.Leg == o.Channel {
					// Long enough for an answer on a busy machine: one that crosses the end of her ringing is dead.
					grace = time.After(5 * time.Second)
				}
			case e.Leg == o.BeneficiaryLeg && e.Type == telephony.EventDialling:
				b = e.Channel
			case e.Leg == o.BeneficiaryLeg && e.Type == telephony.EventUp:
				up = true
			case e.Type == telephony.EventEntered:
				_ = sw.Hangup(t.Context(), e.Channel, telephony.CauseNormal) // It is followed by its end.
			}
		}
	}
}

// With the service dead the dialplan alone speaks: to her, when her caller is gone, and to whoever dials our number.
func TestServiceAway(t *testing.T) {
	l := newLab(t)
	for _, name := range []string{"caller-gone", "fallback-greeting", "fallback-emergency", "fallback-message"} {
		writeTone(t, filepath.Join(l.pbx.SoundsDir(), "fr", name+".wav"), 440, 700*time.Millisecond)
	}
	p := l.caller(t, telephonytest.Script{HangUp: time.Second})
	id, o := order(p.User(), l.beneficiary(telephonytest.Script{Answer: 2 * time.Second}))
	ctx, cancel := context.WithCancel(t.Context())
	other, err := asterisk.New(asterisk.Options{
		URL: l.pbx.ARIURL(), User: l.pbx.ARIUser(), Password: l.pbx.ARIPassword(), App: "rappel", Logger: quiet(t),
	})
	require.NoError(t, err)
	w := telephonytest.NewWatch(t, l.sw, string(id), 0)
	require.NoError(t, l.sw.Connect(t.Context(), o))
	w.Until(o.BeneficiaryLeg, telephony.EventDialling)
	// Another service takes the application over, and dies: nobody is left.
	ended := make(chan error, 1)
	go func() { ended <- other.Run(ctx) }()
	<-other.Reconciled()
	cancel()
	require.NoError(t, <-ended)
	require.NoError(t, l.trunk.Ledger().Settle(t.Context()))
	record := l.trunk.Ledger().Records()[0]
	require.Equal(t, phone.SideRemote, record.By)
	require.False(t, record.FirstSound.IsZero(), "she heard nothing")
	t.Logf("a prompt %s after her answer", record.FirstSound.Sub(record.Answered).Round(time.Millisecond))

	in, err := l.trunk.Dial(t.Context(), "+3281555010", "+3281555000", phone.DialOptions{})
	require.NoError(t, err)
	at, err := in.HearTone(t.Context(), 440)
	require.NoError(t, err)
	t.Logf("the dialplan spoke %s after the answer", at.Sub(in.Answered()).Round(time.Millisecond))
	in.Say(phone.Tone(callerTone))
	require.Eventually(t, func() bool { return len(messages(t, l)) == 1 }, time.Minute, 50*time.Millisecond)
	require.Contains(t, messages(t, l)[0], "_+3281555010_")
	require.NoError(t, in.SendDTMF(t.Context(), "#"))
	require.NoError(t, in.Hangup(t.Context()))

	var file bytes.Buffer
	name := asterisk.MessagesFolder + strings.TrimSuffix(messages(t, l)[0], ".wav")
	list, err := l.sw.Recordings(t.Context())
	require.NoError(t, err)
	require.Contains(t, list, name)
	require.NoError(t, l.sw.CopyRecording(t.Context(), name, &file))
	require.True(t, strings.HasPrefix(file.String(), "RIFF"))
	require.NoError(t, l.sw.DeleteRecording(t.Context(), name))
	require.ErrorIs(t, l.sw.CopyRecording(t.Context(), name, &file), telephony.ErrNoChannel)
	require.NoError(t, l.sw.DeleteRecording(t.Context(), name))
}

func messages(t *testing.T, l *lab) []string {
	entries, err := os.ReadDir(l.pbx.MessagesDir())
	if os.IsNotExist(err) {
		return nil
	}
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".wav") {
			names = append(names, e.Name())
		}
	}
	return names
}

// Callers' phones reach feature codes and the echo test, and nothing else.
func TestFeatureCodes(t *testing.T) {
	l := newLab(t)
	p := l.caller(t, telephonytest.Script{})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, number := range []string{"112", "+3281555001", "connect", "s", "*123", "00"} {
		_, err := p.Dial(ctx, number, phone.DialOptions{})
		require.Equal(t, 404, asStatus(err), "%s: %v", number, err)
	}
	var work sync.WaitGroup
	work.Go(func() {
		c, err := p.Dial(ctx, "*12", phone.DialOptions{})
		if err == nil {
			<-c.Done()
		}
	})
	e := <-l.sw.Arrivals()
	require.Equal(t, []string{telephony.EnteredFeature, "*12", p.User()}, e.Args)
	require.Equal(t, p.User(), e.Endpoint)
	require.Equal(t, "fr", e.Language)
	require.NoError(t, l.sw.Answer(ctx, e.Channel))
	require.NoError(t, l.sw.Hangup(ctx, e.Channel, telephony.CauseNormal))
	work.Wait()
	echo, err := p.Dial(ctx, "600", phone.DialOptions{Say: phone.Tone(callerTone)})
	require.NoError(t, err)
	_, err = echo.HearTone(ctx, callerTone)
	require.NoError(t, err)
	require.NoError(t, echo.Hangup(ctx))
}

// A caller's phone that loses its power is told from one that hung up by the cause, and she is not left to a dead line.
func TestCallerLost(t *testing.T) {
	l := newLab(t, func(*asterisk.Options) {})
	p := l.caller(t, telephonytest.Script{})
	id, o := order(p.User(), l.beneficiary(telephonytest.Script{}))
	w := telephonytest.NewWatch(t, l.sw, string(id), 30*time.Second)
	require.NoError(t, l.sw.Connect(t.Context(), o))
	w.Until(o.BeneficiaryLeg, telephony.EventBridged)
	p.Vanish()
	lost := time.Now()
	gone := w.Until(o.Channel, telephony.EventGone)
	t.Logf("lost after %s with cause %d", time.Since(lost), gone.Cause)
	require.False(t, gone.Cause.NormalClearing(), "cause %d", gone.Cause)
	e := w.Until(o.BeneficiaryLeg, telephony.EventEntered)
	require.Equal(t, telephony.TalkedBefore, e.Args[2])
	require.NoError(t, l.sw.Play(t.Context(), e.Channel, o.BeneficiaryLeg+"-p1", l.sound("hello")))
	w.Until(o.BeneficiaryLeg, telephony.EventPlaybackDone)
	require.NoError(t, l.sw.Hangup(t.Context(), e.Channel, telephony.CauseNormal))
	w.Until(o.BeneficiaryLeg, telephony.EventGone)

	// An account without a registered phone is refused at once, or its leg ends by itself.
	id, o = order("caller-39", l.beneficiary(telephonytest.Script{}))
	w = telephonytest.NewWatch(t, l.sw, string(id), 0)
	if err := l.sw.Connect(t.Context(), o); err != nil {
		require.ErrorIs(t, err, telephony.ErrRefused)
		return
	}
	t.Logf("not registered: cause %d", w.Until(o.Channel, telephony.EventGone).Cause)
}
