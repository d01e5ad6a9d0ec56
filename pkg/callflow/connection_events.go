package callflow

import (
	"time"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/telephony"
)

// on takes one event of the call.
func (c *connection) on(e telephony.Event, now time.Time) {
	switch {
	case e.Channel == c.caller.channel:
		c.onCaller(e, now)
	case e.Leg == c.order.Attempt.BeneficiaryLeg() || (c.hers.channel != "" && e.Channel == c.hers.channel):
		c.onHers(e, now)
	}
}

func (c *connection) onCaller(e telephony.Event, now time.Time) {
	if c.caller.gone {
		return
	}
	c.unsure = false
	switch e.Type {
	case telephony.EventRinging:
		c.caller.rang = true
		c.step(call.StateOffered)
	case telephony.EventUp:
		c.caller.up = true
		c.step(call.StateOffered)
		if !c.confirm {
			c.accept(now)
		}
	case telephony.EventBridged:
		if c.hers.up {
			c.bridge(e, now)
		}
	case telephony.EventUnbridged:
		c.caller.unbridged = true
	case telephony.EventRefused:
		c.refuse(e, now)
	case telephony.EventDialEnded:
		c.dial = e.Dial
	case telephony.EventEntered:
		c.caller.inApp = true
		c.callerCame(e.Args, now)
	case telephony.EventGone:
		c.caller.gone, c.caller.cause = true, e.Cause
		c.caller.goneAt = pbxTime(e, now)
		c.callerGone(now)
	}
}

func (c *connection) onHers(e telephony.Event, now time.Time) {
	if c.hers.gone {
		return
	}
	c.unsure = false
	if c.hers.channel == "" {
		c.latest = now
	}
	c.hers.channel = e.Channel
	if !c.caller.gone {
		c.accept(now)
	} else if c.outcome != nil && !c.hers.up && !c.hers.inApp && !c.hers.ending {
		c.hangUpHers(now) // Her phone was dialled although the attempt had ended.
	}
	switch e.Type {
	case telephony.EventRinging:
		c.ringing()
	case telephony.EventUp:
		c.answered(now)
	case telephony.EventBridged:
		c.answered(now)
		c.bridge(e, now)
	case telephony.EventUnbridged:
		c.hers.unbridged = true
		c.sheFirst = c.sheFirst || !c.caller.unbridged && !c.caller.gone
	case telephony.EventRefused:
		c.refuse(e, now)
	case telephony.EventDialEnded:
		c.dial = e.Dial
	case telephony.EventEntered:
		c.answered(now)
		c.hers.inApp, c.sheFirst = true, false // She is there, whatever order the two left the bridge in.
		if len(e.Args) > 2 {
			c.spokenTo = e.Args[2] == telephony.TalkedNever
			if e.Args[2] == telephony.TalkedBefore {
				c.bridge(e, now) // Should the bridge's own event be lost.
			}
		}
		c.sheCame(now)
	case telephony.EventPlaybackDone:
		if e.Playback == c.apology && c.apology != "" {
			c.hangUpHers(now)
		}
	case telephony.EventGone:
		c.hers.gone, c.hers.cause = true, e.Cause
		c.hers.goneAt = pbxTime(e, now)
		c.sheLeft(now)
	}
}
