package callflow

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/telephony"
)

// How long after the start channels that nobody follows are looked for.
const (
	// sweepAfter is for inbound parties: whoever came in as the last process died has not waited in silence for long.
	sweepAfter = 3 * time.Second
	// sweepAttemptsAfter is for legs of attempts: on a slow machine it takes a while until this node leads and adopts them. The
	// dialplan speaks to whoever hears nothing meanwhile.
	sweepAttemptsAfter = 10 * time.Second
)

// Adopt takes over attempts that were live when an earlier process ended; see dispatch.Switchboard. What lives is followed
// to its end. What is gone was answered when the bridge was recorded; anything else ends as unknown, once nothing of it can
// ring any more:
//
//	recorded    caller's leg  her leg    what is done
//	any         lives         lives      followed; steps that were missed are reported
//	any         lives         gone       the outcome from what is known, the caller is spoken to
//	any         gone          lives      she hears the apology, or her phone stops ringing
//	bridged     gone          gone       answered, restart, end estimated
//	other       gone          gone       unknown, restart, fault ours, after dial-by plus ring time
//	no caller   none          lives      the flow speaks to her, from its beginning
//	no caller   none          gone       answered when she had keyed an answer, else unknown as above
//	any         PBX restarted            bridged: answered, broken_by_us; else failed, pbx_lost; fault ours
//	lost        none lives               nothing: the records do not know it, and it may be at another PBX
func (c *Connector) Adopt(_ context.Context, attempts []call.Live) {
	c.mu.Lock()
	closed := c.closed
	if !closed {
		c.wg.Add(1)
	}
	c.mu.Unlock()
	if closed || len(attempts) == 0 {
		if !closed {
			c.wg.Done()
		}
		return
	}
	c.o.Logger.Info("adopt live attempts", zap.Int("attempts", len(attempts)))
	go func() {
		defer c.wg.Done()
		c.adopt(attempts)
	}()
}

// adopt opens every mailbox before it asks the PBX, once for all, which channels live: nothing is missed in between.
func (c *Connector) adopt(attempts []call.Live) {
	boxes := make([]*live, len(attempts))
	conns := make([]*connection, len(attempts))
	for i, a := range attempts {
		key := string(a.Order.Attempt)
		l, err := c.open(key)
		switch {
		case errors.Is(err, telephony.ErrExists) && c.isStray(key):
			c.wg.Go(func() { c.adoptLater(a) })
			continue
		case err != nil:
			// It is followed already, by this very process, and its end will be told; or the Connector is closed.
			c.o.Logger.Info("attempt is not adopted", zap.String("attempt", key), zap.Error(err))
			continue
		}
		boxes[i], conns[i] = l, adoptConnection(a, c.talked(a), time.Now())
	}
	list := telephony.Reconciliation{At: time.Now()}
	var err error
	if list.Channels, err = c.o.Switch.Channels(c.ctx); err != nil {
		c.logCommand("list channels", "adoption", err)
	}
	for i, l := range boxes {
		if l == nil {
			continue
		}
		if attempts[i].Lost && !slices.ContainsFunc(list.Channels, func(ch telephony.Channel) bool { return call.Of(ch.Leg) == l.key }) {
			c.forget(l)
			c.wg.Done()
			continue
		}
		if attempts[i].Order.Caller == 0 {
			go func() {
				defer c.wg.Done()
				c.adoptAutomatic(l, attempts[i], list, err)
			}()
			continue
		}
		go func() {
			defer c.wg.Done()
			defer c.forget(l)
			for _, e := range l.box.Take() {
				conns[i].on(e, time.Now())
			}
			if err != nil {
				conns[i].compared(sighting{err: err}, time.Now())
			} else {
				conns[i].reconciled(list, time.Now())
			}
			c.follow(l, conns[i])
		}()
	}
}

func (c *Connector) isStray(key string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.calls[key]
	return l == nil || l.leg
}

// adoptLater adopts an attempt one of whose legs is just being told good-bye.
func (c *Connector) adoptLater(a call.Live) {
	l, err := c.openFree(string(a.Order.Attempt))
	if err != nil {
		return // The Connector is closed.
	}
	defer c.wg.Done()
	if a.Order.Caller == 0 {
		list := telephony.Reconciliation{At: time.Now()}
		if list.Channels, err = c.o.Switch.Channels(c.ctx); err != nil {
			c.logCommand("list channels", "adoption", err)
		}
		c.adoptAutomatic(l, a, list, err)
		return
	}
	defer c.forget(l)
	conn := adoptConnection(a, c.talked(a), time.Now())
	conn.do(doCompare{})
	c.follow(l, conn)
}

// openFree opens the key as soon as it is free: a leg may have come to us as a stray just before its adoption.
func (c *Connector) openFree(key string) (*live, error) {
	for {
		c.mu.Lock()
		left := c.left
		c.mu.Unlock()
		l, err := c.open(key)
		if !errors.Is(err, telephony.ErrExists) {
			return l, err
		}
		select {
		case <-left:
		case <-c.ctx.Done():
			return nil, c.ctx.Err()
		}
	}
}

// talked is how long two people had been talking, in real time. The service's clock may run faster than real time, so that
// the age of the attempt, whose id holds its real time of birth, is the bound.
func (c *Connector) talked(a call.Live) time.Duration {
	if a.BridgedAt.IsZero() {
		return 0
	}
	talked := c.o.Now().Sub(a.BridgedAt)
	if age := time.Since(a.Order.Attempt.Time()); age < talked {
		talked = age
	}
	return max(0, talked)
}

// AdoptTalks takes over parties who talked to a registrar when an earlier process ended; see dispatch.Switchboard. Whoever follows a
// call already goes on: the talk is over when the call is forgotten.
func (c *Connector) AdoptTalks(_ context.Context, talks []call.Talk) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || len(talks) == 0 {
		return
	}
	for _, t := range talks {
		c.talks[t.Key] = t
	}
	c.wg.Go(func() { c.followTalks(talks) })
}

// followTalks watches the adopted talks that nobody follows yet. Those in a call out are followed with their attempts.
func (c *Connector) followTalks(talks []call.Talk) {
	var channels []telephony.Channel
	for {
		var err error
		if channels, err = c.o.Switch.Channels(c.ctx); err == nil {
			break
		}
		c.logCommand("list channels", "talks", err)
		select {
		case <-time.After(askAgain):
		case <-c.ctx.Done():
			return
		}
	}
	for _, t := range talks {
		if isAttempt(t.Key) {
			continue
		}
		l, err := c.open(t.Key)
		if err != nil {
			continue // Somebody follows it.
		}
		go func() {
			defer c.wg.Done()
			defer c.forget(l)
			if group := ofCall(channels, t.Key); len(group) > 0 {
				c.shepherd(l, group)
			}
		}()
	}
}

// isAttempt reports whether the key of a call is that of an attempt.
func isAttempt(key string) bool {
	_, _, _, err := call.ParseLeg(call.ID(key).BeneficiaryLeg())
	return err == nil
}

// ofCall are the channels of a call that are in the application.
func ofCall(channels []telephony.Channel, key string) (group []telephony.Channel) {
	for _, ch := range channels {
		if ch.InApp && call.Of(ch.Leg) == key {
			group = append(group, ch)
		}
	}
	return group
}

// talkOver says that an adopted talk is over, if there was one and the service is not what ends.
func (c *Connector) talkOver(key string) {
	if c.ctx.Err() != nil {
		return
	}
	c.mu.Lock()
	t, adopted := c.talks[key]
	delete(c.talks, key)
	c.mu.Unlock()
	if !adopted {
		return
	}
	ctx, cancel := context.WithTimeout(c.ctx, afterwards)
	defer cancel()
	if err := c.o.Callers.ReleaseRegistrar(ctx, t.Scheme, t.Registrar, key, call.OfferAccepted); err != nil {
		c.o.Logger.Warn("release registrar failed", zap.String("call", key), zap.Error(err))
	}
}

// sweep takes care of channels in the application that an earlier process left and nobody adopted: a caller at the keypad is
// let go, a beneficiary hears the apology, an inbound party goes to the dialplan's own answer, and two people who talk are
// watched, so that neither is left in silence. With attempts it takes care of their legs, otherwise of all others.
func (c *Connector) sweep(attempts bool) {
	channels, err := c.o.Switch.Channels(c.ctx)
	if err != nil {
		c.logCommand("list channels", "sweep", err)
		return
	}
	groups := map[string][]telephony.Channel{}
	for _, ch := range channels {
		_, _, _, noAttempt := call.ParseLeg(ch.Leg)
		if ch.InApp && attempts == (noAttempt == nil) {
			groups[call.Of(ch.Leg)] = append(groups[call.Of(ch.Leg)], ch)
		}
	}
	for key, group := range groups {
		l, err := c.openAs(key, attempts) // An attempt may be adopted later still: see adoptLater.
		if err != nil {
			continue // Somebody follows it.
		}
		c.metrics.arrivals.WithLabelValues("swept").Inc()
		go func() {
			defer c.wg.Done()
			defer c.forget(l)
			c.shepherd(l, group)
		}()
	}
}

// shepherd sees the channels of one forgotten call to their end.
func (c *Connector) shepherd(l *live, group []telephony.Channel) {
	if len(group) > 1 {
		left := c.firstGone(l, group)
		for _, ch := range group {
			if ch.ID != left && c.ctx.Err() == nil {
				if err := c.o.Switch.Hangup(c.ctx, ch.ID, telephony.CauseNormal); err != nil {
					c.logCommand("hang up", l.key, err)
				}
			}
		}
		return
	}
	ch := group[0]
	switch _, _, _, err := call.ParseLeg(ch.Leg); {
	case err == nil:
		c.stray(l, telephony.Event{Channel: ch.ID, Leg: ch.Leg, Key: l.key})
	case ch.Leg != l.key: // A registrar's, whose party has hung up.
		if err := c.o.Switch.Hangup(c.ctx, ch.ID, telephony.CauseNormal); err != nil {
			c.logCommand("hang up", l.key, err)
		}
	default:
		c.rescue(l, ch.ID)
	}
}

// rescue has the dialplan alone answer an inbound party, whose dialogue cannot go on.
func (c *Connector) rescue(l *live, channel string) {
	if err := c.o.Switch.Send(c.ctx, channel, "inbound-fallback", "s"); err != nil {
		c.logCommand("send to the dialplan", l.key, err)
	}
}

// firstGone waits until one of the channels ends, and names it.
func (c *Connector) firstGone(l *live, group []telephony.Channel) string {
	s := &session{c: c, l: l, channel: group[0].ID, other: group[1].ID, timer: time.NewTimer(time.Hour)}
	defer s.timer.Stop()
	for {
		e, woke := s.wait(time.Now().Add(sessionLimit))
		switch {
		case s.gone:
			return s.channel
		case c.ctx.Err() != nil:
			return ""
		case woke && e.Type == telephony.EventGone:
			return e.Channel
		}
	}
}
