package telephonytest

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rappel-tel/rappel/pkg/telephony"
)

// Script is what a phone does when it is rung. The zero value rings at once and answers at once, then stays on the line.
type Script struct {
	Ring          time.Duration   // It rings so long after it was dialled; negative: it never says that it rings.
	Answer        time.Duration   // It answers, or refuses, so long after it was dialled.
	Never         bool            // It is never answered.
	Refuse        telephony.Cause // Instead of answering it refuses: 17 busy, 21 declined, 1 no such number, 34 …
	Keys          []Key           // Pressed one after the other from the answer on.
	Speech        []Speech        // Heard from the answer on, one after the other, where the dialplan listens.
	HangUp        time.Duration   // It hangs up so long after its answer; 0 never.
	HangUpBridged time.Duration   // It hangs up so long after it was joined with another; 0 never.
	Cause         telephony.Cause // Of its hanging up; 0 means 16. Another than 16 is a phone that was lost.
}

// Key is one key pressed, so long after the key before (or after the answer).
type Key struct {
	After time.Duration
	Digit string
}

// Speech is something said, longer than telephony.SpeechPause after what was said before (or any time after the answer).
type Speech struct {
	After time.Duration
	Lasts time.Duration
}

func (s Script) cause() telephony.Cause {
	if s.Cause == 0 {
		return telephony.CauseNormal
	}
	return s.Cause
}

// SetPhone gives the phone of an endpoint or number its script for the next time it is rung. A caller's endpoint without
// a phone makes commands fail with ErrRefused; a number without one is answered with cause 1.
func (f *Fake) SetPhone(endpointOrNumber string, s Script) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.phones[endpointOrNumber] = s
}

// RemovePhone makes the phone unreachable.
func (f *Fake) RemovePhone(endpointOrNumber string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.phones, endpointOrNumber)
}

// SetMedia sets how long a piece of media lasts.
func (f *Fake) SetMedia(m telephony.Media, d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.media[m] = d
}

// Inbound is somebody dialling one of our numbers: the channel enters the application, unanswered. The script begins when
// the service answers. It returns the channel id.
func (f *Fake) Inbound(cli, did, trunk string, s Script) string {
	return f.inbound(s, telephony.Event{
		Args: []string{telephony.EnteredInbound, did}, CLI: cli, Dialled: did, Endpoint: trunk, Language: "fr",
	})
}

// Feature is a caller's phone dialling a feature code. It returns the channel id.
func (f *Fake) Feature(endpoint, code string, s Script) string {
	return f.inbound(s, telephony.Event{
		Args: []string{telephony.EnteredFeature, code, endpoint}, Dialled: code, Endpoint: endpoint, Language: "fr",
	})
}

func (f *Fake) inbound(s Script, e telephony.Event) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.newChannel("", "", e.CLI)
	c.script, c.inApp, c.inbound, c.state = s, true, true, telephony.ChannelRinging
	if f.down {
		c.inApp = false // The dialplan's own fallback takes the call.
	}
	e.Type = telephony.EventEntered
	f.emit(c, e)
	return c.id
}

// Press presses keys of the channel's phone, one after the other, now.
func (f *Fake) Press(channel, digits string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, d := range digits {
		if c := f.channels[channel]; c != nil {
			f.press(c, string(d))
		}
	}
}

// HangUp is the channel's phone hanging up (cause 16) or being lost (another cause).
func (f *Fake) HangUp(channel string, cause telephony.Cause) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c := f.channels[channel]; c != nil {
		f.hangUp(c, cause)
	}
}

// Down cuts the way to the PBX: commands fail with ErrDown and events are lost, while calls go on.
func (f *Fake) Down() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.down = true
}

// Up mends the way to the PBX and tells so by Reconciled.
func (f *Fake) Up() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.down = false
	f.reconcile(false)
}

// Restart kills the PBX with every call, without an event, and starts it again: Reconciled says Fresh.
func (f *Fake) Restart() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.down = true
	for _, c := range f.channels {
		f.drop(c, telephony.CauseNone)
	}
	clear(f.bridges)
	clear(f.plays)
	f.down = false
	f.reconcile(true)
}

func (f *Fake) reconcile(fresh bool) {
	select {
	case <-f.reconciled:
	default:
	}
	f.reconciled <- telephony.Reconciliation{Fresh: fresh, Channels: f.list(), At: time.Now()}
}

// FailNext makes the next command of that name ("Connect", "Play", …) return err. With act the command is carried out all
// the same, as when only its answer is lost: FailNext("Connect", telephony.ErrUnanswered, true). Calls queue up.
func (f *Fake) FailNext(command string, err error, act bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults[command] = append(f.faults[command], fault{err: err, act: act})
}

// Commands returns every command given so far as "Name subject", in order.
func (f *Fake) Commands() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.commands)
}

// Heard returns the media that were started on the channel.
func (f *Fake) Heard(channel string) []telephony.Media {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.heard[channel])
}

// Find returns the id of the living channel with that leg name, or "".
func (f *Fake) Find(leg string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	for id, c := range f.channels {
		if c.leg == leg {
			return id
		}
	}
	return ""
}

// Rings returns how often the phone of an endpoint or number was rung.
func (f *Fake) Rings(endpointOrNumber string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.rings[endpointOrNumber]
}

// Silent returns the beneficiary's legs that were answered and ended without a bridge or a prompt: it must be empty.
func (f *Fake) Silent() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.silent)
}

// PostedTwice returns the channel ids that were asked for more than once: it must be empty.
func (f *Fake) PostedTwice() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var twice []string
	for id, n := range f.posted {
		if n > 1 {
			twice = append(twice, id)
		}
	}
	slices.Sort(twice)
	return twice
}

// Unclaimed counts the events that had no mailbox and were no arrivals.
func (f *Fake) Unclaimed() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.unclaimed
}

// String lists the living channels, for messages of failed tests.
func (f *Fake) String() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var b strings.Builder
	for _, c := range f.list() {
		b.WriteString(c.ID + " " + c.Leg + " " + string(c.State) + " app=" + strconv.FormatBool(c.InApp) + "\n")
	}
	return b.String()
}
