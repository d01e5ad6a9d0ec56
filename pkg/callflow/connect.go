package callflow

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/telephony"
)

// connect runs one offer from its command to its last channel's end.
func (c *Connector) connect(l *live, o call.Order) {
	defer c.forget(l)
	begun := time.Now()
	conn := newConnection(o, begun)
	command := c.connectCommand(o)
	if o.Kind == call.KindFirst {
		command.ProposedBy = c.proposedBy(o)
	}
	err := c.o.Switch.Connect(c.ctx, command)
	if !errors.Is(err, telephony.ErrDown) {
		c.o.Desk.Placed(o.Attempt, o.Offer, time.Since(begun))
	}
	if c.ctx.Err() != nil {
		return // Whether it was posted is found out by whoever adopts the call.
	}
	if err != nil {
		c.o.Logger.Warn("connect command failed", zap.String("attempt", string(o.Attempt)), zap.Error(err))
	}
	conn.posted(err, time.Now())
	c.follow(l, conn)
}

func (c *Connector) connectCommand(o call.Order) telephony.Connect {
	trunk := c.o.OrdinaryTrunk
	if trunk == "" {
		trunk = o.Trunk
	}
	return telephony.Connect{
		Channel: o.Attempt.CallerLeg(o.Offer), BeneficiaryLeg: o.Attempt.BeneficiaryLeg(), Attempt: string(o.Attempt),
		CallerEndpoint: o.CallerEndpoint, CallerNumber: o.CallerNumber, CallerTrunk: trunk, CallerLanguage: o.CallerLanguage,
		Number: o.Number, Trunk: o.Trunk, CLI: o.CLI, Language: o.Language,
		CallerRing: o.CallerRing, BeneficiaryRing: o.BeneficiaryRing, DialBy: o.DialBy,
		Confirm: o.CallerEndpoint == "", WrapUp: !c.o.NoWrapUp,
	}
}

// follow carries out what the connection decides until nothing is left to do or the Connector is closed.
func (c *Connector) follow(l *live, conn *connection) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		talk := c.perform(l, conn)
		if talk != nil {
			c.afterCall(l, conn.order, *talk)
			return
		}
		if conn.finished() {
			c.callerLeft(conn.order, conn.outcome)
			return
		}
		alarm(timer, conn.deadline())
		select {
		case <-l.box.Wake():
			for _, e := range l.box.Take() {
				conn.on(e, time.Now())
			}
		case <-l.wake:
			recall, recon := l.signals()
			if recall {
				conn.recall(time.Now())
			}
			if recon != nil {
				conn.reconciled(*recon, time.Now())
			}
		case <-timer.C:
			conn.expired(time.Now())
		case <-c.ctx.Done():
			return
		}
	}
}

// alarm sets a timer to a deadline; the zero time stops it.
func alarm(t *time.Timer, at time.Time) {
	t.Stop()
	if !at.IsZero() {
		t.Reset(max(0, time.Until(at)))
	}
}

// perform carries out every action, also those that follow from them, and returns the outcome when the caller's channel is
// to be spoken to.
func (c *Connector) perform(l *live, conn *connection) (talk *call.Outcome) {
	for actions := conn.actions(); len(actions) > 0; actions = conn.actions() {
		for _, a := range actions {
			switch a := a.(type) {
			case doHangup:
				if err := c.o.Switch.Hangup(c.ctx, a.channel, a.cause); err != nil {
					c.logCommand("hang up", l.key, err)
				}
			case doApologise:
				c.apologise(l, conn, a)
			case doStep:
				c.o.Desk.Step(call.Step{
					Scheme: conn.order.Scheme, Attempt: conn.order.Attempt, Offer: conn.order.Offer,
					State: a.state, At: c.o.Now(), Channel: a.channel,
				})
			case doEnd:
				c.report(l, a.outcome)
			case doTalk:
				talk = &a.outcome
			case doCompare:
				c.compare(l, conn)
			}
		}
	}
	return talk
}

// report hands the outcome over. When only the offer ended, the mailbox is closed first: the attempt may be started anew.
func (c *Connector) report(l *live, o call.Outcome) {
	o.At = c.o.Now()
	c.metrics.ended(o)
	if !o.AttemptEnded() {
		c.forget(l)
	}
	c.o.Desk.Ended(o)
}

// callerLeft tells dispatch that the caller's phone is free, if it was told that it was not.
func (c *Connector) callerLeft(o call.Order, outcome *call.Outcome) {
	if outcome != nil && outcome.CallerPresent {
		c.o.Callers.CallerLeft(o.Scheme, o.Caller, o.Attempt, c.o.Now())
	}
}

// compare asks the PBX which of the connection's channels live. What has been told by events meanwhile is taken first: an
// end that was seen says more than a channel that is missing.
func (c *Connector) compare(l *live, conn *connection) {
	begun := time.Now()
	channels, err := c.o.Switch.Channels(c.ctx)
	for _, e := range l.box.Take() {
		conn.on(e, time.Now())
	}
	if err != nil {
		c.logCommand("list channels", l.key, err)
		conn.compared(sighting{err: err}, time.Now())
		return
	}
	conn.reconciled(telephony.Reconciliation{Channels: channels, At: begun}, time.Now())
}

// apologise speaks to the beneficiary whose caller is gone. When nothing can be said her line is ended at once.
func (c *Connector) apologise(l *live, conn *connection, a doApologise) {
	key := "apology.caller_gone"
	if a.broken {
		key = "apology.broken"
	}
	ctx, cancel := context.WithTimeout(c.ctx, muteLimit)
	defer cancel()
	s := c.session(l, a.channel, conn.order.Scheme)
	media, err := s.media(ctx, ivr.Utterance{Key: key, Language: roster.Language(conn.order.Language)})
	if media != "" { // In other words, if need be.
		if guardErr := c.o.Switch.Guard(ctx, a.channel, apologyLimit); guardErr != nil {
			c.logCommand("guard apology", l.key, guardErr)
		}
		err = c.o.Switch.Play(ctx, a.channel, a.playback, media)
	}
	if err != nil {
		c.metrics.mute.Inc()
		c.logCommand("play apology", l.key, err)
		conn.on(telephony.Event{
			Type: telephony.EventPlaybackDone, Channel: a.channel, Leg: conn.order.Attempt.BeneficiaryLeg(),
			Playback: a.playback, Failed: true,
		}, time.Now())
	}
}

// logCommand logs a command that failed. A channel that is gone is no news: its end is on the way.
func (c *Connector) logCommand(what, key string, err error) {
	if c.ctx.Err() != nil || errors.Is(err, telephony.ErrNoChannel) {
		return
	}
	c.o.Logger.Warn(what+" failed", zap.String("call", key), zap.Error(err))
}
