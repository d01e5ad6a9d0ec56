package telephonytest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/telephony"
)

// Lab is a switch with phones, for Exercise. Its functions may be called several times; phones live until the test ends.
type Lab struct {
	Switch telephony.Switch
	// Caller registers a caller's phone with that script and returns its endpoint.
	Caller func(Script) string
	// Beneficiary puts a phone behind the trunk and returns its number (E.164) and the trunk.
	Beneficiary func(Script) (number, trunk string)
	// Inbound lets somebody with that number dial ours. The script's times count from the answer.
	Inbound func(cli, did string, s Script)
	// Sound is a piece of media of at least 200 ms that exists on the switch.
	Sound telephony.Media
	// Patience bounds every wait for an event; 15 s by default.
	Patience time.Duration
}

// Exercise runs the conformance suite: what Connect is followed by on each path (see the documentation of telephony), and
// the commands of a channel in the application. Times are real and short. newLab is called once per case,
// and cases run at the same time.
func Exercise(t *testing.T, newLab func(t *testing.T) *Lab) {
	t.Helper()
	cases := []struct {
		name string
		run  func(t *testing.T, l *Lab)
	}{
		{"she hangs up first", sheHangsUpFirst},
		{"wrap-up", wrapUp},
		{"the caller hangs up first", callerHangsUpFirst},
		{"busy", busy},
		{"no answer", noAnswer},
		{"no such number", noSuchNumber},
		{"the caller does not answer", callerDoesNotAnswer},
		{"the caller declines", callerDeclines},
		{"the caller hangs up while her phone rings", callerHangsUpRinging},
		{"she answers after the caller left", answersAlone},
		{"the caller hangs up as soon as she answers", hangsUpAtAnswer},
		{"too late to dial", tooLate},
		{"an ordinary phone presses a key", confirmed},
		{"an ordinary phone presses no key", unconfirmed},
		{"ids are unique while they live", unique},
		{"what does not exist", absent},
		{"inbound", inbound},
		{"two phones bridged by hand", byHand},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t, newLab(t))
		})
	}
}

// Watch reads one mailbox in a test and waits for events by leg and type.
type Watch struct {
	t        *testing.T
	box      *telephony.Mailbox
	patience time.Duration
	events   []telephony.Event
}

// NewWatch opens the mailbox of the key; the test's end closes it.
func NewWatch(t *testing.T, sw telephony.Switch, key string, patience time.Duration) *Watch {
	t.Helper()
	if patience <= 0 {
		patience = time.Minute
	}
	w := &Watch{t: t, box: sw.Open(key), patience: patience}
	t.Cleanup(w.box.Close)
	return w
}

// Until waits for an event of that leg and type and returns it; the test fails when it does not come.
func (w *Watch) Until(leg string, typ telephony.EventType) telephony.Event {
	w.t.Helper()
	return w.until(leg, typ, "")
}

// Played waits until a playback has ended.
func (w *Watch) Played(leg, playback string) {
	w.t.Helper()
	w.until(leg, telephony.EventPlaybackDone, playback)
}

func (w *Watch) until(leg string, typ telephony.EventType, playback string) telephony.Event {
	w.t.Helper()
	limit := time.NewTimer(w.patience)
	defer limit.Stop()
	for {
		for _, e := range w.events {
			if e.Leg == leg && e.Type == typ && (playback == "" || e.Playback == playback) {
				return e
			}
		}
		select {
		case <-w.box.Wake():
			w.events = append(w.events, w.box.Take()...)
		case <-limit.C:
			require.FailNow(w.t, "event did not come", "%s of %s within %s; came: %s", typ, leg, w.patience, w)
		}
	}
}

// Leg returns the types of the events of that leg so far, in order, with repeated and optional ringing left out.
func (w *Watch) Leg(leg string) string {
	w.events = append(w.events, w.box.Take()...)
	var types []string
	for _, e := range w.events {
		if e.Leg == leg && e.Type != telephony.EventRinging {
			types = append(types, string(e.Type))
		}
	}
	return strings.Join(types, " ")
}

// String lists everything that came.
func (w *Watch) String() string {
	var b strings.Builder
	for _, e := range w.events {
		fmt.Fprintf(&b, "%s:%s%v/%d ", e.Leg, e.Type, e.Args, e.Cause)
	}
	return b.String()
}

type connected struct {
	*Watch
	order telephony.Connect
	b, c  string
}

// connect gives one Connect for the two phones, changed by edit.
func connect(t *testing.T, l *Lab, caller, beneficiary Script, edit func(*telephony.Connect)) *connected {
	t.Helper()
	id := call.NewID()
	number, trunk := l.Beneficiary(beneficiary)
	o := telephony.Connect{
		Channel: id.CallerLeg(1), BeneficiaryLeg: id.BeneficiaryLeg(), Attempt: string(id),
		CallerLanguage: "fr", Number: number, Trunk: trunk, Language: "fr",
		CallerRing: 10 * time.Second, BeneficiaryRing: 10 * time.Second, DialBy: time.Now().Add(time.Minute),
	}
	if edit != nil {
		edit(&o)
	}
	if o.CallerNumber == "" && o.CallerEndpoint == "" {
		o.CallerEndpoint = l.Caller(caller)
	}
	w := &connected{Watch: NewWatch(t, l.Switch, string(id), l.Patience), order: o, b: o.BeneficiaryLeg, c: o.Channel}
	require.NoError(t, l.Switch.Connect(t.Context(), o))
	return w
}

const (
	talk  = 400 * time.Millisecond
	early = 300 * time.Millisecond
)

func sheHangsUpFirst(t *testing.T, l *Lab) {
	w := connect(t, l, Script{Answer: early}, Script{Answer: early, HangUpBridged: talk}, nil)
	b, c := w.Until(w.b, telephony.EventGone), w.Until(w.c, telephony.EventGone)
	require.Equal(t, "dialling up bridged unbridged gone", w.Leg(w.c))
	require.Equal(t, "dialling up bridged unbridged gone", w.Leg(w.b))
	require.True(t, b.Cause.NormalClearing(), "cause %d", b.Cause)
	require.True(t, c.Cause.NormalClearing(), "cause %d", c.Cause)
	require.NotEqual(t, w.c, b.Channel)
	require.Equal(t, w.c, c.Channel)
	rang := slices.IndexFunc(w.events, func(e telephony.Event) bool { return e.Leg == w.b })
	answered := slices.IndexFunc(w.events, func(e telephony.Event) bool { return e.Leg == w.c && e.Type == telephony.EventUp })
	require.Less(t, answered, rang, "her phone must not be called before the caller answered: %s", w)
}

func wrapUp(t *testing.T, l *Lab) {
	w := connect(t, l, Script{Keys: []Key{{After: 1500 * time.Millisecond, Digit: "5"}}}, Script{HangUpBridged: talk},
		func(o *telephony.Connect) { o.WrapUp = true })
	entered := w.Until(w.c, telephony.EventEntered)
	require.Equal(t, []string{telephony.EnteredWrapUp}, entered.Args)
	w.Until(w.b, telephony.EventGone)
	play := w.c + "-p1"
	require.NoError(t, l.Switch.Play(t.Context(), w.c, play, l.Sound))
	require.Equal(t, play, w.Until(w.c, telephony.EventPlaybackDone).Playback)
	require.Equal(t, "5", w.Until(w.c, telephony.EventDigit).Digit)
	require.NoError(t, l.Switch.Hangup(t.Context(), w.c, telephony.CauseNormal))
	w.Until(w.c, telephony.EventGone)
	require.Equal(t, "dialling up bridged unbridged entered playback_done digit left gone", w.Leg(w.c))
}

func callerHangsUpFirst(t *testing.T, l *Lab) {
	w := connect(t, l, Script{HangUpBridged: telephony.TalkMinimum + time.Second}, Script{}, nil)
	entered := w.Until(w.b, telephony.EventEntered)
	require.Equal(t, []string{telephony.EnteredCallerGone, w.b, telephony.TalkedBefore}, entered.Args)
	require.True(t, w.Until(w.c, telephony.EventGone).Cause.NormalClearing())
	require.Equal(t, "dialling up bridged unbridged gone", w.Leg(w.c))
	require.NoError(t, l.Switch.Play(t.Context(), entered.Channel, w.b+"-p1", l.Sound))
	w.Until(w.b, telephony.EventPlaybackDone)
	require.NoError(t, l.Switch.Hangup(t.Context(), entered.Channel, telephony.CauseNormal))
	w.Until(w.b, telephony.EventGone)
}

func busy(t *testing.T, l *Lab) {
	w := connect(t, l, Script{}, Script{Answer: early, Refuse: telephony.CauseBusy}, nil)
	notReached(t, l, w, telephony.CauseBusy)
	require.Equal(t, "BUSY", w.Until(w.b, telephony.EventDialEnded).Dial)
}

func noAnswer(t *testing.T, l *Lab) {
	w := connect(t, l, Script{}, Script{Never: true},
		func(o *telephony.Connect) { o.BeneficiaryRing = time.Second })
	notReached(t, l, w, telephony.CauseNoAnswer)
}

func noSuchNumber(t *testing.T, l *Lab) {
	w := connect(t, l, Script{}, Script{Answer: early, Refuse: telephony.CauseUnallocated}, nil)
	notReached(t, l, w, telephony.CauseUnallocated)
}

func notReached(t *testing.T, l *Lab, w *connected, cause telephony.Cause) {
	t.Helper()
	entered := w.Until(w.c, telephony.EventEntered)
	require.Equal(t, []string{telephony.EnteredNotReached, fmt.Sprint(int(cause))}, entered.Args)
	require.Equal(t, cause, w.Until(w.b, telephony.EventGone).Cause)
	require.NotContains(t, w.Leg(w.b), "up")
	require.NoError(t, l.Switch.Hangup(t.Context(), w.c, telephony.CauseNormal))
	w.Until(w.c, telephony.EventGone)
}

func callerDoesNotAnswer(t *testing.T, l *Lab) {
	w := connect(t, l, Script{Never: true}, Script{},
		func(o *telephony.Connect) { o.CallerRing = time.Second })
	require.Contains(t, []telephony.Cause{telephony.CauseNone, telephony.CauseNoAnswer}, w.Until(w.c, telephony.EventGone).Cause)
	require.Empty(t, w.Leg(w.b))
}

func callerDeclines(t *testing.T, l *Lab) {
	w := connect(t, l, Script{Answer: early, Refuse: telephony.CauseRejected}, Script{}, nil)
	require.Equal(t, telephony.CauseRejected, w.Until(w.c, telephony.EventGone).Cause)
	require.Equal(t, "dialling dial_ended gone", w.Leg(w.c))
	require.Empty(t, w.Leg(w.b))
}

func callerHangsUpRinging(t *testing.T, l *Lab) {
	w := connect(t, l, Script{HangUp: time.Second}, Script{Never: true}, nil)
	b := w.Until(w.b, telephony.EventDialling).Channel
	w.Until(w.c, telephony.EventGone)
	require.Equal(t, "dialling", w.Leg(w.b), "her leg does not depend on the caller's")
	alive, err := l.Switch.Channel(t.Context(), b)
	require.NoError(t, err)
	require.Equal(t, w.b, alive.Leg)
	require.NoError(t, l.Switch.Hangup(t.Context(), b, telephony.CauseNormal))
	w.Until(w.b, telephony.EventGone)
}

func answersAlone(t *testing.T, l *Lab) {
	w := connect(t, l, Script{HangUp: 600 * time.Millisecond}, Script{Answer: 1200 * time.Millisecond}, nil)
	entered := w.Until(w.b, telephony.EventEntered)
	require.Equal(t, []string{telephony.EnteredCallerGone, w.b, telephony.TalkedNever}, entered.Args)
	require.NoError(t, l.Switch.Play(t.Context(), entered.Channel, w.b+"-p1", l.Sound))
	w.Until(w.b, telephony.EventPlaybackDone)
	require.NoError(t, l.Switch.Hangup(t.Context(), entered.Channel, telephony.CauseNormal))
	w.Until(w.b, telephony.EventGone)
	require.NotContains(t, w.Leg(w.b), "bridged")
}

func hangsUpAtAnswer(t *testing.T, l *Lab) {
	w := connect(t, l, Script{HangUpBridged: time.Millisecond}, Script{}, nil)
	entered := w.Until(w.b, telephony.EventEntered)
	require.Equal(t, []string{telephony.EnteredCallerGone, w.b, telephony.TalkedNever}, entered.Args)
	require.NoError(t, l.Switch.Hangup(t.Context(), entered.Channel, telephony.CauseNormal))
	w.Until(w.b, telephony.EventGone)
}

func tooLate(t *testing.T, l *Lab) {
	w := connect(t, l, Script{}, Script{},
		func(o *telephony.Connect) { o.DialBy = time.Now().Add(-5 * time.Second) })
	require.Equal(t, []string{telephony.RefusedDialBy}, w.Until(w.c, telephony.EventRefused).Args)
	w.Until(w.c, telephony.EventGone)
	require.Empty(t, w.Leg(w.b))
}

func confirmed(t *testing.T, l *Lab) {
	number, trunk := l.Beneficiary(Script{Keys: []Key{{After: 700 * time.Millisecond, Digit: "1"}}})
	w := connect(t, l, Script{}, Script{}, func(o *telephony.Connect) {
		o.CallerNumber, o.CallerTrunk, o.Confirm = number, trunk, true
	})
	b := w.Until(w.b, telephony.EventBridged).Channel
	require.NoError(t, l.Switch.Hangup(t.Context(), b, telephony.CauseNormal))
	w.Until(w.b, telephony.EventGone)
	w.Until(w.c, telephony.EventGone)
	require.Contains(t, w.Leg(w.c), "bridged")
}

func unconfirmed(t *testing.T, l *Lab) {
	number, trunk := l.Beneficiary(Script{HangUp: 2 * time.Second})
	w := connect(t, l, Script{}, Script{}, func(o *telephony.Connect) {
		o.CallerNumber, o.CallerTrunk, o.Confirm = number, trunk, true
	})
	w.Until(w.c, telephony.EventGone)
	require.Empty(t, w.Leg(w.b))
}

func unique(t *testing.T, l *Lab) {
	w := connect(t, l, Script{Never: true}, Script{}, nil)
	again := w.order
	require.ErrorIs(t, l.Switch.Connect(t.Context(), again), telephony.ErrExists)
	require.NoError(t, l.Switch.Hangup(t.Context(), w.c, telephony.CauseNormal))
	w.Until(w.c, telephony.EventGone)
}

func absent(t *testing.T, l *Lab) {
	ctx, sw := t.Context(), l.Switch
	require.NoError(t, sw.Hangup(ctx, "nobody", telephony.CauseNormal))
	require.NoError(t, sw.StopPlay(ctx, "nothing"))
	require.NoError(t, sw.Unbridge(ctx, "nothing"))
	_, err := sw.Channel(ctx, "nobody")
	require.ErrorIs(t, err, telephony.ErrNoChannel)
	require.ErrorIs(t, sw.Play(ctx, "nobody", "p", l.Sound), telephony.ErrNoChannel)
	require.ErrorIs(t, sw.Answer(ctx, "nobody"), telephony.ErrNoChannel)
	require.ErrorIs(t, sw.Record(ctx, "nobody", telephony.Recording{Name: "n"}), telephony.ErrNoChannel)
	require.ErrorIs(t, sw.Send(ctx, "nobody", "nowhere", "s"), telephony.ErrNoChannel)
	require.ErrorIs(t, sw.Guard(ctx, "nobody", time.Second), telephony.ErrNoChannel)
	number, trunk := l.Beneficiary(Script{})
	id := call.NewID()
	err = sw.Connect(ctx, telephony.Connect{
		Channel: id.CallerLeg(1), BeneficiaryLeg: id.BeneficiaryLeg(), CallerEndpoint: "no-such-phone", Number: number,
		Trunk: trunk, CallerRing: time.Second, BeneficiaryRing: time.Second, DialBy: time.Now().Add(time.Minute),
	})
	require.ErrorIs(t, err, telephony.ErrRefused)
}

func inbound(t *testing.T, l *Lab) {
	ctx, sw := t.Context(), l.Switch
	l.Inbound("+3281555010", "+3281555000", Script{Keys: []Key{{After: time.Second, Digit: "7"}, {After: time.Second, Digit: "#"}}})
	var e telephony.Event
	select {
	case e = <-sw.Arrivals():
	case <-time.After(15 * time.Second):
		require.FailNow(t, "nobody arrived")
	}
	require.Equal(t, telephony.EventEntered, e.Type)
	require.Equal(t, []string{telephony.EnteredInbound, "+3281555000"}, e.Args)
	require.Equal(t, "+3281555010", e.CLI)
	w := NewWatch(t, sw, e.Key, l.Patience)
	require.NoError(t, sw.Answer(ctx, e.Channel))
	require.NoError(t, sw.Play(ctx, e.Channel, e.Key+"-p1", "silence:100", l.Sound))
	require.Equal(t, "7", w.Until(e.Leg, telephony.EventDigit).Digit)
	require.NoError(t, sw.StopPlay(ctx, e.Key+"-p1"))
	w.Until(e.Leg, telephony.EventPlaybackDone)
	require.NoError(t, sw.Record(ctx, e.Channel, telephony.Recording{
		Name: "exercise-" + e.Key, MaxLength: 10 * time.Second, TerminateOn: "#",
	}))
	done := w.Until(e.Leg, telephony.EventRecordingDone)
	require.Equal(t, "exercise-"+e.Key, done.Recording)
	// Whoever leaves a channel alone for too long loses it to the dialplan, also while something is said.
	require.NoError(t, sw.Guard(ctx, e.Channel, time.Second))
	require.NoError(t, sw.Guard(ctx, e.Channel, 0))
	require.NoError(t, sw.Play(ctx, e.Channel, e.Key+"-p2", "silence:2000"))
	w.Played(e.Leg, e.Key+"-p2")
	require.NoError(t, sw.Guard(ctx, e.Channel, time.Second))
	require.NoError(t, sw.Play(ctx, e.Channel, e.Key+"-p3", "silence:5000"))
	w.Until(e.Leg, telephony.EventLeft)
	require.NoError(t, sw.Hangup(ctx, e.Channel, telephony.CauseNormal))
	w.Until(e.Leg, telephony.EventGone)
}

func byHand(t *testing.T, l *Lab) {
	ctx, sw := t.Context(), l.Switch
	key := string(call.NewID())
	w := NewWatch(t, sw, key, l.Patience)
	number, trunk := l.Beneficiary(Script{})
	one, two := key+"-x1", key+"-x2"
	require.NoError(t, sw.Originate(ctx, telephony.Originate{
		Channel: one, Endpoint: l.Caller(Script{}), Ring: 5 * time.Second, Args: []string{"person", "1"}, Language: "fr",
	}))
	require.Equal(t, []string{"person", "1"}, w.Until(one, telephony.EventEntered).Args)
	require.NoError(t, sw.Ring(ctx, one, true))
	require.NoError(t, sw.Originate(ctx, telephony.Originate{
		Channel: two, Number: number, Trunk: trunk, CLI: "+3281555000", Ring: 5 * time.Second, Args: []string{"person"},
	}))
	w.Until(two, telephony.EventEntered)
	require.NoError(t, sw.Ring(ctx, one, false))
	require.NoError(t, sw.Bridge(ctx, key+"-br", one, two))
	w.Until(one, telephony.EventBridged)
	w.Until(two, telephony.EventBridged)
	all, err := sw.Channels(ctx)
	require.NoError(t, err)
	for _, id := range []string{one, two} {
		require.True(t, slices.ContainsFunc(all, func(c telephony.Channel) bool {
			return c.ID == id && c.State == telephony.ChannelUp
		}), "%v", all)
	}
	require.NoError(t, sw.Unbridge(ctx, key+"-br"))
	w.Until(one, telephony.EventUnbridged)
	require.NoError(t, sw.Hangup(ctx, one, telephony.CauseNormal))
	require.NoError(t, sw.Hangup(ctx, two, telephony.CauseNormal))
	w.Until(one, telephony.EventGone)
	w.Until(two, telephony.EventGone)
}
