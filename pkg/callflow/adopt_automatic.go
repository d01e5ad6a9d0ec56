package callflow

import (
	"strconv"
	"time"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/telephony"
)

// rungBefore is how many registrars an earlier process may have rung for a call that is adopted.
const rungBefore = 1000

// adoptAutomatic takes a call over that an earlier process left. Two people who talk go on; whoever waited to be registered waits
// on; and whoever is still on the line and has not answered yet hears the flow from its beginning.
func (c *Connector) adoptAutomatic(l *live, was call.Live, list telephony.Reconciliation, listErr error) {
	defer c.forget(l)
	a := c.newAutomatic(l, was.Order)
	defer a.s.timer.Stop()
	a.adopted, a.answers, a.state = true, was.Answers, was.State
	a.s.channel, a.up = was.Channel, was.State == call.StateBridged
	a.upAt, a.s.plays = time.Now(), adoptedPlays
	a.latest = time.Time{}
	for listErr != nil && a.desk != nil { // Whether two people talk has to be known.
		if a.s.wait(time.Now().Add(askAgain)); c.ctx.Err() != nil {
			return
		}
		list.At = time.Now()
		list.Channels, listErr = c.o.Switch.Channels(c.ctx)
	}
	if listErr == nil {
		a.reconciled(list)
	}
	if a.desk != nil {
		if a.goOnTalking(list) {
			a.upAt = time.Now().Add(-c.talked(was))
			a.watch()
			return
		}
		a.resume(was)
	}
	switch f, ok := a.prepare(); {
	case a.s.gone || a.answers > 0 && a.resumed == "":
		a.s.hangUp()
		a.s.awaitGone()
		a.end(a.adoptedEnd())
	case !ok && a.s.channel != "": // Her phone rings, or she listens: she would hear nothing.
		a.s.hangUp()
		a.s.awaitGone()
		a.end(f)
	default:
		a.silence()
		a.follow()
	}
}

// goOnTalking reports whether she talks to a registrar. A registrar whose phone rings, or who waits for her, is let go: nobody knows of
// her any more.
func (a *automatic) goOnTalking(list telephony.Reconciliation) bool {
	hers, other := telephony.Channel{}, telephony.Channel{}
	for _, ch := range list.Channels {
		switch {
		case call.Of(ch.Leg) != a.l.key:
		case ch.ID == a.s.channel:
			hers = ch
		case ch.Bridge && ch.InApp:
			other = ch
		default:
			a.desk.drop(ch.ID)
		}
	}
	if other.ID == "" {
		return false
	}
	if !hers.Bridge || !hers.InApp || a.s.gone {
		a.desk.drop(other.ID)
		return false
	}
	a.s.other = other.ID
	return true
}

// watch waits until one of two people who talk leaves, and lets the other go.
func (a *automatic) watch() {
	a.c.metrics.arrivals.WithLabelValues("watched").Inc()
	a.step(call.StateRinging)
	a.step(call.StateBridged)
	other := a.s.other
	a.desk.talk(a.s, other)
	if a.c.ctx.Err() != nil {
		return // The two talk on, and the next process watches them.
	}
	a.s.hangUp()
	a.s.awaitGone()
	a.end(finding{call.ResultAnswered, call.ReasonNone, call.FaultNone})
}

// resume has whoever had said that she wants to be registered go on where she was: she waited for a registrar, or was about to.
func (a *automatic) resume(was call.Live) {
	a.last, a.desk.rung = "outreach "+was.Answer, rungBefore
	if was.Answer == call.AnswerRegister {
		a.resumed = was.Answer
	}
}

// adoptedEnd says what came of a call that was over before it was adopted.
func (a *automatic) adoptedEnd() finding {
	if a.answers > 0 {
		return finding{call.ResultAnswered, call.ReasonRestart, call.FaultNone}
	}
	return finding{call.ResultUnknown, call.ReasonRestart, call.FaultOurs}
}

// silence ends what an earlier process had begun to say.
func (a *automatic) silence() {
	for n := 1; n <= mostPlays && a.inApp; n++ {
		if err := a.c.o.Switch.StopPlay(a.c.ctx, a.l.key+"-p"+strconv.Itoa(n)); err != nil {
			a.c.logCommand("stop prompt", a.l.key, err)
		}
	}
}
