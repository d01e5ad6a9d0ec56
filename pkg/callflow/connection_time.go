package callflow

import (
	"errors"
	"time"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/telephony"
)

// sighting is what the PBX says of the two channels of a connection.
type sighting struct {
	err    error // The PBX did not say.
	fresh  bool  // The PBX was restarted: no channel of before lives.
	caller *telephony.Channel
	hers   *telephony.Channel
}

// look picks a connection's channels out of a listing.
func (c *connection) look(channels []telephony.Channel) sighting {
	var s sighting
	for i := range channels {
		ch := &channels[i]
		switch {
		case ch.ID == c.caller.channel:
			s.caller = ch
		case ch.Leg == c.order.Attempt.BeneficiaryLeg(), c.hers.channel != "" && ch.ID == c.hers.channel:
			s.hers = ch
		}
	}
	return s
}

// reconciled takes the listing that follows a cut of the event stream. A listing begun before a leg came to be says nothing
// of that leg, so that the PBX is asked again.
func (c *connection) reconciled(r telephony.Reconciliation, now time.Time) {
	if r.At.Before(c.latest) {
		c.do(doCompare{})
		return
	}
	s := c.look(r.Channels)
	s.fresh = r.Fresh
	c.compared(s, now)
}

// posted takes the result of telling the PBX to connect.
func (c *connection) posted(err error, now time.Time) {
	c.latest = now
	switch {
	case err == nil:
	case errors.Is(err, telephony.ErrRefused):
		c.caller.gone, c.caller.cause = true, telephony.CauseDestinationOOS
		c.endOffer(now)
	case errors.Is(err, telephony.ErrDown):
		c.caller.gone = true
		c.end(finding{call.ResultFailed, call.ReasonPBXLost, call.FaultOurs}, telephony.CauseNone, now)
	default:
		// The PBX may have acted. It is never told again; its channels and events say whether it did.
		c.unsure = true
		c.do(doCompare{})
	}
}

// recall takes the offer back, as long as nobody took it.
func (c *connection) recall(now time.Time) {
	if c.accepted || c.caller.gone || c.outcome != nil {
		return
	}
	c.recalled = true
	c.hangUp(&c.caller, now)
}

// expired fires every deadline that has passed.
func (c *connection) expired(now time.Time) {
	for t := range timerCount {
		at := c.timers[t]
		if at.IsZero() || at.After(now) {
			continue
		}
		c.clear(t)
		c.fire(t, now)
	}
}

func (c *connection) fire(t timer, now time.Time) {
	switch t {
	case timerRing, timerUnsure, timerAsk, timerHangup:
		c.do(doCompare{})
	case timerGrace:
		// Is her phone being dialled, unseen by us? Has she answered, and the event is on its way? The PBX knows.
		c.graceOver = true
		c.do(doCompare{})
	case timerMute:
		c.muted(now)
	case timerCause:
		c.comfort(now)
	case timerVerdict:
		if c.hersOver() {
			return
		}
		// The dialplan is through with her although her channel lives: it is of no more use.
		c.hangUpHers(now)
		c.hers.cause = enteredCause(c.entered, c.hers.cause)
		c.sheEnded(now)
		c.talk()
	case timerCaller:
		if !c.caller.gone && !c.caller.inApp {
			c.hangUp(&c.caller, now)
		}
	case timerApology:
		c.hangUpHers(now)
	}
}

// muted: her channel has been up for too long without anything to hear.
func (c *connection) muted(now time.Time) {
	if !c.caller.gone {
		// The bridge failed, or its event is late: ask before a living conversation is cut.
		c.do(doCompare{})
		return
	}
	if c.outcome == nil {
		c.callerLeft(now)
	}
	c.hangUpHers(now)
}

// compared takes the PBX's word on which channels live.
func (c *connection) compared(s sighting, now time.Time) {
	if c.finished() {
		return
	}
	switch {
	case s.err != nil:
		if c.graceOver && c.hers.channel != "" && !c.hers.up {
			c.hangUpHers(now)
		}
		c.set(timerAsk, now.Add(askAgain))
		return
	case s.fresh:
		c.lostPBX(now)
		return
	}
	c.see(s, now)
	lostCaller := !c.caller.gone && s.caller == nil
	lostHers := c.hers.channel != "" && !c.hers.gone && s.hers == nil
	switch {
	case lostCaller && c.unsure && s.hers == nil && c.state != call.StateBridged:
		// Nothing is there. It may still come, until the PBX itself would refuse and her phone would have stopped ringing.
		quiet := c.order.DialBy.Add(c.order.BeneficiaryRing)
		if left := quiet.Sub(now); left > 0 {
			c.set(timerUnsure, now.Add(left))
			return
		}
		c.lose(now)
	case lostCaller && s.hers == nil:
		c.lose(now)
	case lostCaller:
		c.caller.gone = true
		c.estimated = true
		c.callerGone(now)
	case lostHers:
		c.hers.gone = true
		c.estimated = true
		c.sheLeft(now)
	case c.caller.gone && c.outcome == nil && c.hersOver():
		c.end(c.cancelled(), c.hers.cause, now)
	case c.hers.up && c.bridgedAt.IsZero() && !c.hers.inApp && c.timers[timerMute].IsZero() && c.outcome == nil:
		// Both phones are up and no bridge joins them.
		c.end(finding{call.ResultAnswered, call.ReasonBrokenByUs, call.FaultOurs}, telephony.CauseNone, now)
		c.hangUpHers(now)
	default:
		c.watch(s, now)
	}
}

// watch keeps an eye on channels that live on although something else was expected.
func (c *connection) watch(s sighting, now time.Time) {
	switch {
	case s.hers == nil:
	case c.hers.ending:
		c.hangUp(&c.hers, now)
	case c.graceOver && !c.hers.up:
		c.hangUpHers(now) // Her channel's end gives the outcome: she may be answering this instant.
	}
	if s.caller != nil && c.caller.ending {
		c.hangUp(&c.caller, now)
	}
	if c.outcome == nil && !c.hers.up && c.timers[timerRing].IsZero() {
		c.set(timerRing, now.Add(max(c.order.BeneficiaryRing, c.order.CallerRing)+ringSlackLong))
	}
}

// see brings what we know of the living channels up to date.
func (c *connection) see(s sighting, now time.Time) {
	c.seeBoth(s, now)
	if s.caller == nil || !s.caller.InApp || c.caller.inApp || c.caller.gone {
		return
	}
	// The caller's channel came to us unnoticed: the other side is over, or never was.
	c.caller.inApp = true
	c.estimated = c.estimated || c.outcome == nil
	if s.hers == nil && c.hers.channel != "" {
		c.hers.gone = true
	}
	c.callerCame(nil, now)
}

func (c *connection) seeBoth(s sighting, now time.Time) {
	if s.caller != nil && !c.caller.gone {
		c.unsure = false
		switch {
		case s.caller.State == telephony.ChannelUp && !c.caller.up:
			c.caller.up = true
			c.step(call.StateOffered)
			if !c.confirm {
				c.accept(now)
			}
		case s.caller.State == telephony.ChannelRinging:
			c.caller.rang = true
			c.step(call.StateOffered)
		}
	}
	if s.hers == nil || c.hers.gone {
		return
	}
	c.unsure = false
	c.hers.channel = s.hers.ID
	if s.caller != nil {
		c.accept(now)
	}
	switch s.hers.State { //nolint:exhaustive // A channel that is down yet tells nothing.
	case telephony.ChannelRinging:
		c.ringing()
	case telephony.ChannelUp:
		c.answered(now)
		if s.hers.Bridge || s.caller != nil && !s.hers.InApp && !s.caller.InApp && s.caller.Bridge {
			c.bridge(telephony.Event{}, now)
		}
		if s.hers.InApp && !c.hers.inApp {
			c.hers.inApp = true
			c.sheCame(now)
		}
	}
}

// lose ends a connection of which nothing lives any more.
func (c *connection) lose(now time.Time) {
	c.caller.gone, c.hers.gone = true, c.hers.channel != ""
	for t := range timerCount {
		c.clear(t)
	}
	if c.outcome != nil {
		return
	}
	c.estimated = true
	reason := call.ReasonPBXLost
	if c.adopted {
		reason = call.ReasonRestart
	}
	if !c.bridgedAt.IsZero() {
		if !c.adopted {
			reason = call.ReasonNone
		}
		c.end(finding{call.ResultAnswered, reason, call.FaultNone}, telephony.CauseNone, now)
		return
	}
	c.end(finding{call.ResultUnknown, reason, call.FaultOurs}, telephony.CauseNone, now)
}

// lostPBX ends a connection whose PBX died: it has failed, by our fault, also when two people talked. They did not say
// goodbye, so the ladder has her called again.
func (c *connection) lostPBX(now time.Time) {
	c.caller.gone, c.hers.gone = true, c.hers.channel != ""
	for t := range timerCount {
		c.clear(t)
	}
	if c.outcome != nil {
		return
	}
	c.estimated = true
	c.end(finding{call.ResultFailed, call.ReasonPBXLost, call.FaultOurs}, telephony.CauseNone, now)
}
