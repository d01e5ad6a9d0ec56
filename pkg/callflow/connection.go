package callflow

import (
	"strconv"
	"time"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/telephony"
)

// Waits of a connection, all in real time.
const (
	// callerGoneGrace is how long her phone may go on ringing after the caller left: she may be picking up just now, and
	// must then hear a prompt.
	callerGoneGrace = 500 * time.Millisecond
	// muteLimit is how long her channel may be up without anything to hear before it is ended.
	muteLimit = 900 * time.Millisecond
	// aloneLimit is how long the dialplan may speak to her by itself when her caller was gone before or as she answered.
	aloneLimit = 20 * time.Second
	// bridgeLimit is how long the bridge's event may take while the caller is still there.
	bridgeLimit = 3 * time.Second
	// causeWait is how long the cause of the caller's leaving may come after her channel came to us.
	causeWait = 300 * time.Millisecond
	// verdictWait is how long the end of her channel may come after the caller's channel came to us.
	verdictWait = 300 * time.Millisecond
	// callerWait is how long the caller's channel may take to come to us after the other side ended.
	callerWait = 3 * time.Second
	// offerSlack and ringSlackLong are how much later than agreed the end of ringing may be reported before we ask.
	offerSlack    = 10 * time.Second
	ringSlackLong = 15 * time.Second
	// briefingLimit is how long the dialplan tells a caller, before a first call, what she has to ask.
	briefingLimit = 45 * time.Second
	// askAgain is how long to wait before asking a PBX that did not answer.
	askAgain = 2 * time.Second
	// refusalLimit is how long the dialplan may take to tell the caller that she was not rung.
	refusalLimit = 15 * time.Second
	// apologyLimit ends a prompt whose end is never reported.
	apologyLimit = 20 * time.Second
	// hangupWait is how long the end of a channel may take after we ended it.
	hangupWait = 3 * time.Second
	// estimatedTalkLimit bounds the talk time of a call whose end nobody saw.
	estimatedTalkLimit = 30 * time.Minute
)

// action is something that Connector does for a connection.
type action interface{ act() }

type (
	// doHangup ends a channel.
	doHangup struct {
		channel string
		cause   telephony.Cause
	}
	// doApologise plays the prompt to the beneficiary's channel; the end comes back as EventPlaybackDone.
	doApologise struct {
		channel, playback string
		broken            bool // They had talked already.
	}
	// doStep reports progress.
	doStep struct {
		state   call.State
		channel string
	}
	// doEnd reports the outcome of the offer or of the attempt; its At is for the doer to fill in.
	doEnd struct{ outcome call.Outcome }
	// doTalk hands the caller's channel to the flow that follows a call: a notice, or the keypad.
	doTalk struct{ outcome call.Outcome }
	// doCompare asks the PBX which of the two channels live, and brings the answer back to compared.
	doCompare struct{}
)

func (doHangup) act()    {}
func (doApologise) act() {}
func (doStep) act()      {}
func (doEnd) act()       {}
func (doTalk) act()      {}
func (doCompare) act()   {}

// leg is what is known of one channel. Times are real and local.
type leg struct {
	channel   string
	rang      bool
	up        bool
	unbridged bool
	inApp     bool
	ending    bool // We hung it up.
	gone      bool
	cause     telephony.Cause
	goneAt    time.Time // By the PBX's clock when it gave a time.
}

// timer names a deadline of a connection.
type timer int

const (
	timerRing    timer = iota // The end of ringing was not reported.
	timerGrace                // The caller is gone, hers still rings.
	timerMute                 // Hers is up and hears nothing.
	timerCause                // Her channel came to us; why did the caller leave?
	timerVerdict              // The caller's channel came to us; why did hers end?
	timerCaller               // The caller's channel should have come to us.
	timerApology              // The prompt's end was not reported.
	timerHangup               // The end of a channel we ended was not reported.
	timerUnsure               // From here on nothing can ring any more.
	timerAsk                  // Ask the PBX again.
	timerCount
)

// connection decides what happens next in one offer: it takes what happened and returns what to do. It has no goroutine,
// does no I/O and is handed the time (real, monotonic).
type connection struct {
	order   call.Order
	confirm bool
	began   time.Time // Of dialling the caller; of adoption.
	latest  time.Time // When a leg was last posted or first seen: an older listing need not hold it.

	caller, hers leg
	state        call.State // The last step reported.
	accepted     bool
	acceptedAt   time.Time
	bridgedAt    time.Time // By the PBX's clock when it gave a time.
	sheFirst     bool      // She left the bridge before the caller did.
	dial         string
	refused      string // A Refused word of telephony; empty when she was rung.
	recalled     bool
	unsure       bool // The command's answer was lost, or the connection was adopted without a channel.
	adopted      bool
	estimated    bool // The end was not seen as it happened.

	outcome   *call.Outcome // Set once it was reported.
	talking   bool          // The caller's channel was handed to the flow.
	spokenTo  bool          // The dialplan has told her that nobody is there.
	entered   []string      // Arguments with which the caller's channel came, until her end is known.
	graceOver bool          // Her phone has rung long enough since the caller left.
	apology   string        // Playback of the prompt to her; empty while none was started.
	ended     bool          // doEnd was given out for the offer alone.

	timers [timerCount]time.Time
	out    []action
}

// newConnection starts from a claim that is committed and not posted yet.
func newConnection(o call.Order, now time.Time) *connection {
	c := &connection{order: o, confirm: o.CallerEndpoint == "", began: now, latest: now, state: call.StateIntent}
	c.caller.channel = o.Attempt.CallerLeg(o.Offer)
	c.set(timerRing, now.Add(o.CallerRing+offerSlack))
	return c
}

// adoptConnection starts from what an earlier process recorded. Talked is how long the two had talked, if they had.
// Nothing is known of the channels until compared.
func adoptConnection(l call.Live, talked time.Duration, now time.Time) *connection {
	c := newConnection(l.Order, now)
	c.adopted, c.unsure, c.state = true, true, l.State
	c.hers.channel = l.Channel
	switch l.State { //nolint:exhaustive // The earlier states say nothing of the legs.
	case call.StateBridged:
		c.bridgedAt = now.Add(-talked)
		c.hers.up = true
		fallthrough
	case call.StateRinging:
		c.hers.rang = true
		fallthrough
	case call.StateAccepted:
		c.accepted, c.acceptedAt, c.caller.up = true, now, true
	}
	c.clear(timerRing)
	return c
}

// finished reports whether nothing is left to do.
func (c *connection) finished() bool {
	if c.ended {
		return true
	}
	return c.outcome != nil && c.hersOver() && (c.caller.gone || c.talking)
}

// hersOver reports whether her channel has ended, or never was.
func (c *connection) hersOver() bool { return c.hers.gone || c.hers.channel == "" }

// deadline is when expired must be called; the zero time means never.
func (c *connection) deadline() time.Time {
	var first time.Time
	for _, t := range c.timers {
		if !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	return first
}

func (c *connection) set(t timer, at time.Time) { c.timers[t] = at }
func (c *connection) clear(t timer)             { c.timers[t] = time.Time{} }
func (c *connection) do(a action)               { c.out = append(c.out, a) }

// actions hands out what to do, once.
func (c *connection) actions() []action {
	out := c.out
	c.out = nil
	return out
}

// step reports progress that has not been reported yet.
func (c *connection) step(s call.State) {
	if c.outcome == nil && c.state != s && c.state.CanBecome(s) {
		c.state = s
		channel := ""
		if s == call.StateRinging || s == call.StateBridged {
			channel = c.hers.channel
		}
		c.do(doStep{s, channel})
	}
}

// accept notes that the caller took the offer.
func (c *connection) accept(now time.Time) {
	if c.accepted {
		return
	}
	c.accepted, c.acceptedAt, c.caller.up = true, now, true
	c.step(call.StateAccepted)
	slack := ringSlackLong
	if c.order.Kind == call.KindFirst {
		slack += briefingLimit
	}
	c.set(timerRing, now.Add(c.order.BeneficiaryRing+slack))
}

func (c *connection) ringing() {
	c.hers.rang = true
	c.step(call.StateRinging)
}

// answered notes that her phone was picked up. From now on she must hear something.
func (c *connection) answered(now time.Time) {
	if c.hers.up {
		return
	}
	c.hers.up, c.hers.rang = true, true
	c.step(call.StateRinging)
	c.clear(timerRing)
	c.clear(timerGrace)
	if c.caller.gone {
		c.end(finding{call.ResultAnswered, call.ReasonAnsweredUnheld, call.FaultOurs}, c.caller.cause, now)
		c.set(timerMute, now.Add(aloneLimit))
		return
	}
	c.set(timerMute, now.Add(bridgeLimit))
}

func (c *connection) bridge(e telephony.Event, now time.Time) {
	c.clear(timerMute)
	if c.bridgedAt.IsZero() {
		c.bridgedAt = pbxTime(e, now)
		c.step(call.StateBridged)
	}
	if c.caller.gone && !c.hers.inApp {
		c.set(timerMute, now.Add(muteLimit))
	}
}

// refuse notes that the dialplan would not ring her; it tells the caller so itself and hangs up.
func (c *connection) refuse(e telephony.Event, now time.Time) {
	c.refused = telephony.RefusedNumber
	if len(e.Args) > 0 {
		c.refused = e.Args[0]
	}
	if c.refused == telephony.RefusedNoKey {
		return // Nobody took the offer: told when the channel is gone.
	}
	c.accept(now)
	c.end(c.refusal(), telephony.CauseNone, now)
	c.set(timerCaller, now.Add(refusalLimit))
}

func (c *connection) refusal() finding {
	if c.refused == telephony.RefusedDialBy {
		return finding{call.ResultCancelled, call.ReasonDialBy, call.FaultOurs}
	}
	return finding{call.ResultFailed, call.ReasonNone, call.FaultOurs}
}

// callerCame: the dialplan is through with the other side, and the caller's channel is ours.
func (c *connection) callerCame(args []string, now time.Time) {
	c.clear(timerCaller)
	if c.outcome == nil {
		c.accept(now)
		if c.hersOver() {
			c.hers.cause = enteredCause(args, c.hers.cause)
			c.sheEnded(now)
		} else {
			c.entered = args
			c.set(timerVerdict, now.Add(verdictWait))
		}
	}
	c.talk()
}

// enteredCause is the cause that the dialplan reports with the caller's channel, when her own channel told none.
func enteredCause(args []string, cause telephony.Cause) telephony.Cause {
	if cause != telephony.CauseNone || len(args) < 2 || args[0] != telephony.EnteredNotReached {
		return cause
	}
	n, err := strconv.Atoi(args[1])
	if err != nil {
		return cause
	}
	return telephony.Cause(n)
}

// talk hands the caller's channel over once the outcome is known and the channel is ours.
func (c *connection) talk() {
	if c.outcome != nil && c.caller.inApp && !c.caller.gone && !c.talking {
		c.talking = true
		c.do(doTalk{*c.outcome})
	}
}

// sheLeft: her channel has ended.
func (c *connection) sheLeft(now time.Time) {
	for _, t := range []timer{timerMute, timerCause, timerVerdict, timerApology, timerGrace, timerHangup} {
		c.clear(t)
	}
	if c.outcome == nil {
		c.sheEnded(now)
	}
	if !c.caller.gone && !c.caller.inApp && c.timers[timerCaller].IsZero() {
		c.set(timerCaller, now.Add(callerWait))
	}
	c.talk()
}

// sheEnded gives the outcome of an attempt whose other side is over, or never was.
func (c *connection) sheEnded(now time.Time) {
	switch {
	case c.hers.up:
		f := finding{call.ResultAnswered, call.ReasonNone, call.FaultNone}
		if c.caller.gone && c.bridgedAt.IsZero() {
			f = finding{call.ResultAnswered, call.ReasonAnsweredUnheld, call.FaultOurs}
		}
		c.end(f, c.hers.cause, now)
	case c.caller.gone && !permanentForHer(c.hers.cause):
		c.end(c.cancelled(), c.hers.cause, now)
	default:
		c.end(classify(verdict{
			cause: c.hers.cause, dial: c.dial, rang: c.hers.rang,
			elapsed: now.Sub(c.acceptedAt), ring: c.order.BeneficiaryRing,
		}), c.hers.cause, now)
	}
}

func (c *connection) cancelled() finding {
	reason := call.ReasonCallerGone
	if c.recalled {
		reason = call.ReasonDrained
	}
	return finding{call.ResultCancelled, reason, call.FaultOurs}
}

// sheCame: her channel is ours, because the caller's is gone.
func (c *connection) sheCame(now time.Time) {
	c.clear(timerMute)
	switch {
	case c.apology != "" || c.hers.ending:
	case c.caller.gone:
		c.comfort(now)
	default:
		c.set(timerCause, now.Add(causeWait))
	}
}

// comfort tells her why nobody is there, or hangs up when the caller had said good-bye.
func (c *connection) comfort(now time.Time) {
	c.clear(timerCause)
	if c.outcome == nil {
		c.callerLeft(now)
	}
	if c.outcome.Reason == call.ReasonNone || c.spokenTo {
		c.hangUpHers(now)
		return
	}
	if c.hers.gone || c.apology != "" {
		return
	}
	c.apology = string(c.order.Attempt) + "-sorry"
	c.do(doApologise{c.hers.channel, c.apology, c.outcome.Reason == call.ReasonBrokenByUs})
	c.set(timerApology, now.Add(apologyLimit))
}

// callerGone: the caller's channel has ended.
func (c *connection) callerGone(now time.Time) {
	c.clear(timerCaller)
	c.clear(timerCause)
	switch {
	case c.outcome != nil:
	case c.refused == telephony.RefusedNoKey, !c.accepted && c.hers.channel == "":
		c.endOffer(now)
	case c.hers.gone:
		c.sheEnded(now)
	case !c.hers.up:
		c.clear(timerRing)
		c.set(timerGrace, now.Add(callerGoneGrace))
	case c.hers.inApp:
		c.comfort(now)
	default:
		c.callerLeft(now)
		switch {
		case c.outcome.Reason != call.ReasonNone:
			c.set(timerMute, now.Add(c.patience()))
		case c.sheFirst:
			c.set(timerMute, now.Add(muteLimit)) // She hung up: her channel is ending by itself.
		default:
			c.hangUpHers(now)
		}
	}
}

// patience is how long her channel may now take to come to us: after a conversation it does so at once; when there was no
// time for one the dialplan speaks to her first.
func (c *connection) patience() time.Duration {
	if c.hardlyTalked() {
		return aloneLimit
	}
	return muteLimit
}

// hardlyTalked reports whether the caller left before, or as soon as, the two were joined.
func (c *connection) hardlyTalked() bool {
	return c.bridgedAt.IsZero() || c.caller.gone && c.caller.goneAt.Sub(c.bridgedAt) < telephony.TalkMinimum
}

// callerLeft gives the outcome of an attempt that she answered and whose caller is no longer there. A caller who hung up in
// the instant of her answer has not called her: that is ours to make good.
func (c *connection) callerLeft(now time.Time) {
	normal := c.caller.cause.NormalClearing()
	switch {
	case c.sheFirst && !c.bridgedAt.IsZero():
		c.end(finding{call.ResultAnswered, call.ReasonNone, call.FaultNone}, c.caller.cause, now)
	case c.bridgedAt.IsZero(), normal && c.hardlyTalked():
		c.end(finding{call.ResultAnswered, call.ReasonAnsweredUnheld, call.FaultOurs}, c.caller.cause, now)
	case normal:
		c.end(finding{call.ResultAnswered, call.ReasonNone, call.FaultNone}, c.caller.cause, now)
	default:
		c.end(finding{call.ResultAnswered, call.ReasonBrokenByUs, call.FaultOurs}, c.caller.cause, now)
	}
}

func (c *connection) hangUpHers(now time.Time) {
	for _, t := range []timer{timerMute, timerApology, timerCause, timerVerdict} {
		c.clear(t)
	}
	if !c.hersOver() {
		c.hangUp(&c.hers, now)
	}
}

func (c *connection) hangUp(l *leg, now time.Time) {
	l.ending = true
	c.do(doHangup{l.channel, telephony.CauseNormal})
	c.set(timerHangup, now.Add(hangupWait))
}

// endOffer reports that the caller did not take the offer; the beneficiary's phone was left alone.
func (c *connection) endOffer(now time.Time) {
	state := classifyOffer(verdict{
		cause: c.caller.cause, rang: c.caller.rang, elapsed: now.Sub(c.began), ring: c.order.CallerRing,
	}, c.caller.up, c.recalled)
	c.ended = true
	c.do(doEnd{call.Outcome{
		Scheme: c.order.Scheme, Attempt: c.order.Attempt, Offer: c.order.Offer, OfferState: state,
		Cause: int(c.caller.cause),
	}})
}

// end reports the outcome of the attempt, once.
func (c *connection) end(f finding, cause telephony.Cause, now time.Time) {
	if c.outcome != nil {
		return
	}
	o := call.Outcome{
		Scheme: c.order.Scheme, Attempt: c.order.Attempt, Offer: c.order.Offer, OfferState: call.OfferAccepted,
		Result: f.result, Reason: f.reason, Fault: f.fault, Cause: int(cause),
		Rang: c.hers.rang, EndEstimated: c.estimated, CallerPresent: c.caller.up && !c.caller.gone,
	}
	if !c.accepted {
		o.OfferState = call.OfferFailed
	}
	if !c.bridgedAt.IsZero() {
		o.Talk = max(0, c.talkEnd(now).Sub(c.bridgedAt))
		if c.estimated {
			o.Talk = min(o.Talk, estimatedTalkLimit)
		}
	}
	c.outcome, c.state = &o, call.StateEnded
	c.clear(timerRing)
	c.clear(timerUnsure)
	c.do(doEnd{o})
}

// talkEnd is when the first of the two left, by the clock by which the bridge was noted.
func (c *connection) talkEnd(now time.Time) time.Time {
	var end time.Time
	for _, l := range []*leg{&c.caller, &c.hers} {
		if !l.goneAt.IsZero() && (end.IsZero() || l.goneAt.Before(end)) {
			end = l.goneAt
		}
	}
	if end.IsZero() {
		return now
	}
	return end
}

// pbxTime is when an event happened. A PBX without a clock of its own leaves the time out.
func pbxTime(e telephony.Event, now time.Time) time.Time {
	if e.Time.IsZero() {
		return now
	}
	return e.Time
}
