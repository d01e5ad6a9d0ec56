// Package telephonytest holds an in-memory telephony.Switch whose phones follow scripts, and a conformance suite that
// holds it and the real one to the same behaviour.
package telephonytest

import (
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/telephony"
)

// Options sets up a Fake. The zero value is usable.
type Options struct {
	// Step is the time between two things the PBX does one after the other; 1 ms by default.
	Step time.Duration
	// Prompt is how long a piece of media lasts; 1 s by default. See also Fake.SetMedia.
	Prompt time.Duration
	// Skew is added to the time by which the PBX judges Connect.DialBy.
	Skew time.Duration
}

// Fake is a PBX in memory. It uses channels and timers of the standard library only, so that it runs on the fake time of
// testing/synctest; call Close before the bubble ends. It is safe for use by several goroutines.
type Fake struct {
	opts       Options
	arrivals   chan telephony.Event
	reconciled chan telephony.Reconciliation

	mu        sync.Mutex
	closed    bool
	down      bool // No way to the PBX: commands fail, events are lost, the PBX goes on.
	next      int  // Numbers the channels that the PBX names.
	boxes     map[string]*telephony.Mailbox
	phones    map[string]Script
	media     map[telephony.Media]time.Duration
	channels  map[string]*channel
	plays     map[string]*play
	bridges   map[string][]string
	faults    map[string][]fault
	posted    map[string]int
	rings     map[string]int
	heard     map[string][]telephony.Media
	commands  []string
	unclaimed int
	silent    []string
	timers    map[*time.Timer]struct{}
}

var _ telephony.Switch = (*Fake)(nil)

type channel struct {
	id, leg, phone string
	script         Script
	state          telephony.ChannelState
	inApp          bool
	bridge         string // A Switch bridge, or "pbx" for the one of Connect.
	created        time.Time
	connect        *telephony.Connect // Set on both legs of a Connect.
	partner        string             // The other leg of a Connect, once it exists.
	beneficiary    bool
	listened       bool // The dialplan tells when it is spoken on.
	inbound        bool
	comforted      bool // Was bridged for a while, or heard something, since it was answered.
	keys           []string
	joined         time.Time // When it entered the bridge it is in.
	awaitKey       func()    // Runs at the next key instead of an event (the dialplan's Read).
	recording      *recording
	guard          *time.Timer // Takes it out of the application.
	timers         []*time.Timer
}

type play struct {
	channel string
	timer   *time.Timer
}

type recording struct {
	telephony.Recording
	from time.Time
}

type fault struct {
	err error
	act bool
}

// New returns a Fake without phones.
func New(opts Options) *Fake {
	if opts.Step <= 0 {
		opts.Step = time.Millisecond
	}
	if opts.Prompt <= 0 {
		opts.Prompt = time.Second
	}
	return &Fake{
		opts: opts,
		// Room for far more arrivals than any test has; a full one panics, so nothing is dropped.
		arrivals:   make(chan telephony.Event, 4096),
		reconciled: make(chan telephony.Reconciliation, 1),
		boxes:      map[string]*telephony.Mailbox{},
		phones:     map[string]Script{},
		media:      map[telephony.Media]time.Duration{},
		channels:   map[string]*channel{},
		plays:      map[string]*play{},
		bridges:    map[string][]string{},
		faults:     map[string][]fault{},
		posted:     map[string]int{},
		rings:      map[string]int{},
		heard:      map[string][]telephony.Media{},
		timers:     map[*time.Timer]struct{}{},
	}
}

// Close stops every timer and closes Arrivals. The Fake does nothing afterwards.
func (f *Fake) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return
	}
	f.closed = true
	for t := range f.timers {
		t.Stop()
	}
	close(f.arrivals)
}

// after runs do under the lock once d has passed, unless the channel (when given) is gone by then.
func (f *Fake) after(d time.Duration, c *channel, do func()) *time.Timer {
	var t *time.Timer
	t = time.AfterFunc(d, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.timers, t)
		if f.closed || c != nil && f.channels[c.id] != c {
			return
		}
		do()
	})
	f.timers[t] = struct{}{}
	if c != nil {
		c.timers = append(c.timers, t)
	}
	return t
}

func (f *Fake) emit(c *channel, e telephony.Event) {
	if f.down || f.closed {
		return
	}
	e.Channel, e.Leg, e.Time = c.id, c.leg, time.Now()
	e.Key = call.Of(c.leg)
	if box := f.boxes[e.Key]; box != nil && box.Put(e) {
		return
	}
	if e.Type != telephony.EventEntered {
		f.unclaimed++
		return
	}
	select {
	case f.arrivals <- e:
	default:
		panic("telephonytest: nobody reads Arrivals")
	}
}

func (f *Fake) newChannel(id, leg, phone string) *channel {
	if id == "" {
		f.next++
		id = "1700000000." + strconv.Itoa(f.next)
	}
	if leg == "" {
		leg = id
	}
	c := &channel{
		id: id, leg: leg, phone: phone, script: f.phones[phone], state: telephony.ChannelDown, created: time.Now(),
	}
	f.channels[id] = c
	return c
}

// ring begins to call the channel's phone. One of up and ended runs later; ended runs before the channel is gone.
func (f *Fake) ring(c *channel, limit time.Duration, up func(), ended func(telephony.Cause)) {
	f.rings[c.phone]++
	script := c.script
	f.emit(c, telephony.Event{Type: telephony.EventDialling})
	fail := func(dial string, cause telephony.Cause) {
		if dial != "" {
			f.emit(c, telephony.Event{Type: telephony.EventDialEnded, Dial: dial})
		}
		f.drop(c, cause)
		ended(cause)
	}
	if script.Ring >= 0 && (script.Refuse == 0 || script.Ring < script.Answer) {
		f.after(script.Ring, c, func() {
			if c.state == telephony.ChannelUp {
				return // Timers that are due together fire in any order.
			}
			c.state = telephony.ChannelRinging
			f.emit(c, telephony.Event{Type: telephony.EventRinging})
		})
	}
	if limit > 0 {
		f.after(limit, c, func() {
			if c.state != telephony.ChannelUp {
				fail("NOANSWER", telephony.CauseNoAnswer)
			}
		})
	}
	switch {
	case script.Never:
	case script.Refuse != 0:
		f.after(max(script.Answer, f.opts.Step), c, func() { fail(verdict(script.Refuse), script.Refuse) })
	default:
		f.after(max(script.Answer, script.Ring)+f.opts.Step, c, func() {
			f.up(c)
			up()
		})
	}
}

func verdict(c telephony.Cause) string {
	switch c {
	case telephony.CauseBusy:
		return "BUSY"
	case telephony.CauseTemporaryFailure, telephony.CauseSwitchCongestion, telephony.CauseUnavailable:
		return "CONGESTION"
	default:
		return "NOANSWER"
	}
}

// up marks the channel answered and starts what its phone does from then on.
func (f *Fake) up(c *channel) {
	c.state = telephony.ChannelUp
	f.emit(c, telephony.Event{Type: telephony.EventUp})
	at := time.Duration(0)
	for _, k := range c.script.Keys {
		at += k.After
		f.after(at, c, func() { f.press(c, k.Digit) })
	}
	at = 0
	for _, s := range c.script.Speech {
		if !c.listened {
			break
		}
		f.after(at+s.After, c, func() { f.emit(c, telephony.Event{Type: telephony.EventSpeaking}) })
		at += s.After + s.Lasts
		f.after(at+telephony.SpeechPause, c, func() {
			f.emit(c, telephony.Event{Type: telephony.EventSilent, Length: s.Lasts})
		})
	}
	if d := c.script.HangUp; d > 0 {
		f.after(d, c, func() { f.hangUp(c, c.script.cause()) })
	}
}

// join marks the channel as being in a bridge.
func (f *Fake) join(c *channel, bridge string) {
	c.bridge, c.joined = bridge, time.Now()
	f.emit(c, telephony.Event{Type: telephony.EventBridged})
	if d := c.script.HangUpBridged; d > 0 {
		f.after(d, c, func() { f.hangUp(c, c.script.cause()) })
	}
}

func (f *Fake) leave(c *channel) {
	if c.bridge == "" {
		return
	}
	if time.Since(c.joined) >= silentAfter {
		c.comforted = true
	}
	f.bridges[c.bridge] = slices.DeleteFunc(f.bridges[c.bridge], func(id string) bool { return id == c.id })
	c.bridge = ""
	f.emit(c, telephony.Event{Type: telephony.EventUnbridged})
}

func (f *Fake) enter(c *channel, args ...string) {
	c.inApp = true
	f.emit(c, telephony.Event{Type: telephony.EventEntered, Args: args, Language: c.language()})
}

func (c *channel) language() string {
	switch {
	case c.connect == nil:
		return ""
	case c.beneficiary:
		return c.connect.Language
	default:
		return c.connect.CallerLanguage
	}
}

// hangUp is a phone hanging up by itself: whoever was joined heard somebody.
func (f *Fake) hangUp(c *channel, cause telephony.Cause) {
	c.comforted = c.comforted || c.bridge != ""
	f.end(c, cause)
}

// end is a phone hanging up, or Hangup: the channel goes, and the dialplan does the rest of a Connect.
func (f *Fake) end(c *channel, cause telephony.Cause) {
	partner := f.channels[c.partner]
	talking := c.bridge == "pbx"
	word := telephony.TalkedBefore
	if time.Since(c.joined) < telephony.TalkMinimum {
		word = telephony.TalkedNever
	}
	wasUp := c.state == telephony.ChannelUp
	f.leave(c)
	if talking && partner != nil {
		f.leave(partner)
	}
	f.drop(c, cause)
	if c.connect == nil || partner == nil {
		return
	}
	switch {
	case c.beneficiary && talking && c.connect.WrapUp:
		f.enter(partner, telephony.EnteredWrapUp)
	case c.beneficiary && talking:
		f.drop(partner, telephony.CauseNormal)
	case c.beneficiary && !wasUp:
		f.enter(partner, telephony.EnteredNotReached, strconv.Itoa(int(cause)))
	case !c.beneficiary && talking:
		f.alone(partner, word)
	}
}

// silentAfter is how long a beneficiary must have been bridged for her call not to count as silent.
const silentAfter = 500 * time.Millisecond

// DialplanPrompt stands in Fake.Heard for what the dialplan itself says to a beneficiary whose caller is gone.
const DialplanPrompt telephony.Media = "dialplan:caller-gone"

// alone puts the beneficiary's leg, left by the caller, into the application. If they never talked the dialplan says its
// prompt before; with the service away it does so in any case, and hangs up.
func (f *Fake) alone(c *channel, word string) {
	if word == telephony.TalkedBefore && !f.down {
		f.enter(c, telephony.EnteredCallerGone, c.leg, word)
		return
	}
	c.comforted = true
	f.heard[c.id] = append(f.heard[c.id], DialplanPrompt)
	f.after(f.opts.Prompt, c, func() {
		if f.down {
			f.end(c, telephony.CauseNormal)
			return
		}
		f.enter(c, telephony.EnteredCallerGone, c.leg, word)
	})
}

// drop removes the channel with the events that go with it.
func (f *Fake) drop(c *channel, cause telephony.Cause) {
	if f.channels[c.id] != c {
		return
	}
	for _, t := range c.timers {
		t.Stop()
		delete(f.timers, t)
	}
	f.finishRecording(c)
	for id, p := range f.plays {
		if p.channel == c.id {
			p.timer.Stop()
			delete(f.plays, id)
			f.emit(c, telephony.Event{Type: telephony.EventPlaybackDone, Playback: id})
		}
	}
	if c.inApp {
		f.emit(c, telephony.Event{Type: telephony.EventLeft})
	}
	if c.beneficiary && c.state == telephony.ChannelUp && !c.comforted {
		f.silent = append(f.silent, c.leg)
	}
	delete(f.channels, c.id)
	f.emit(c, telephony.Event{Type: telephony.EventGone, Cause: cause})
}

func (f *Fake) press(c *channel, digit string) {
	if next := c.awaitKey; next != nil {
		c.awaitKey = nil
		next()
		return
	}
	c.keys = append(c.keys, digit)
	f.emit(c, telephony.Event{Type: telephony.EventDigit, Digit: digit})
	if r := c.recording; r != nil && (r.TerminateOn == digit || r.TerminateOn == "any") {
		f.finishRecording(c)
	}
}

func (f *Fake) finishRecording(c *channel) {
	if r := c.recording; r != nil {
		c.recording = nil
		f.emit(c, telephony.Event{
			Type: telephony.EventRecordingDone, Recording: r.Name, Length: time.Since(r.from),
		})
	}
}

// begin is called first by every command: it holds the lock when it returns without error.
func (f *Fake) begin(command, about string) (act bool, err error) {
	f.mu.Lock()
	f.commands = append(f.commands, command+" "+about)
	if f.down || f.closed {
		return false, fmt.Errorf("%s: %w", command, telephony.ErrDown)
	}
	if queue := f.faults[command]; len(queue) > 0 {
		f.faults[command] = queue[1:]
		return queue[0].act, queue[0].err
	}
	return true, nil
}

// app returns the channel when commands work on it: it lives and is in the application.
func (f *Fake) app(id string) (*channel, error) {
	c := f.channels[id]
	if c == nil {
		return nil, fmt.Errorf("channel %s: %w", id, telephony.ErrNoChannel)
	}
	if !c.inApp {
		return nil, fmt.Errorf("channel %s is not in the application: %w", id, telephony.ErrRefused)
	}
	return c, nil
}
