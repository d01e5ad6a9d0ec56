package callflow

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/telephony"
)

// Waits of a session, real time.
const (
	// playLimit ends a wait for prompts whose end is never reported.
	playLimit = 2 * time.Minute
	// playUnknown is taken for the length of a prompt of which the voice does not know it.
	playUnknown = 20 * time.Second
	// sessionLimit ends a dialogue that has gone on for ever: a phone left off the hook. What the host does for a flow does not count:
	// whoever has waited in the queue, or talked to somebody, for as long is still spoken to afterwards.
	sessionLimit = 30 * time.Minute
	// mostPlays bounds the numbers of playbacks, which begin anew after it, so that whoever adopts a call can stop what is being
	// played. An adopted one begins at adoptedPlays.
	mostPlays    = 32
	adoptedPlays = 16
	// leavingWait is how long after the end of a recording the PBX may tell that it was a hang-up that ended it.
	leavingWait = time.Second
	// keyGap is within how long of another the PBX defers a key, and keyAgain how long that takes at most.
	keyGap, keyAgain = 45 * time.Millisecond, 70 * time.Millisecond
)

// eventTurn is no event of the PBX: it is the turn of a party who waits in the queue.
const eventTurn telephony.EventType = "turn"

// session is a dialogue with one channel, which is in the application. One goroutine runs it and owns every field.
type session struct {
	c       *Connector
	l       *live
	channel string
	lang    roster.Language
	scheme  int64     // 0 for none.
	book    *ivr.Book // As it was when the call began, like what is recorded.
	walker  *ivr.Walker
	host    host
	// recorded are the recordings that replace prompts.
	recorded map[ivr.Wording]telephony.Media

	timer    *time.Timer
	guard    guard
	plays    int     // Numbers the playbacks.
	playing  string  // The playback under way; empty when there is none.
	rest     []piece // What follows it, once it was spoken.
	deadline time.Time
	waiting  bool      // The deadline ends a wait for a key, not one for a playback.
	limit    time.Time // When the dialogue has gone on for too long.
	pressed  time.Time // When a key was pressed last.
	quiet    time.Time // Since when nothing is heard, as far as we know; only of use while nothing is playing.
	backlog  []telephony.Event
	keyed    time.Time   // By the PBX's clock: the last key that it told,
	deferred []string    // and the keys of which it will tell again.
	other    string      // A second leg of the call, whose end must not be missed either.
	turn     <-chan Turn // Of a party in the queue; nil otherwise.
	told     Turn        // With eventTurn.
	gone     bool
	cause    telephony.Cause
	broken   bool // The flow is; the party is not to be hung up on.
	// heard, which may be nil, is told when the party speaks and falls silent. It reports whether that moves the walker.
	heard func(telephony.Event) (ivr.Output, bool)
	// reconciled, which may be nil, is told when events may have been lost.
	reconciled func(telephony.Reconciliation)
}

// host does for a walker what it asks. Its methods run in the session's goroutine and may take events themselves.
type host interface {
	// ask answers with a name and variables. Ok is false when the session is over.
	ask(ctx context.Context, s *session, o ivr.Output) (name string, vars ivr.Vars, ok bool)
	// walked is called after each step of the walker.
	walked(s *session)
}

// run walks the flow until it ends, the channel is gone or the Connector is closed. It does not end the channel.
func (s *session) run() {
	s.timer = time.NewTimer(time.Hour)
	defer s.timer.Stop()
	s.quiet = time.Now()
	s.walk(s.walker.Begin())
}

// walk is run, from what the walker has said first.
func (s *session) walk(out ivr.Output) {
	s.limit = time.Now().Add(sessionLimit)
	for {
		s.host.walked(s)
		over := s.carryOut(out)
		if over || s.gone || s.c.ctx.Err() != nil {
			return
		}
		var ok bool
		if out, ok = s.next(); !ok {
			return
		}
	}
}

// carryOut does what the walker says, and what follows from it at once. It reports true when the dialogue is over.
func (s *session) carryOut(out ivr.Output) (over bool) {
	for {
		s.trace(out)
		if out.Stop {
			s.stop()
		}
		switch {
		case len(out.Say) > 0:
			if s.say(out.Say) {
				return false
			}
			out = s.walker.Played() // Nothing could be said; the dialogue goes on all the same.
			s.host.walked(s)
			continue
		case out.Wait > 0:
			s.deadline, s.waiting = time.Now().Add(out.Wait), true
			return false
		}
		switch out.Ask {
		case ivr.AskNothing:
			return false
		case ivr.AskHangup:
			return true
		case ivr.AskRescue:
			s.c.o.Logger.Error("a flow is broken", zap.String("call", s.l.key), zap.String("step", s.walker.Step()))
			s.broken = true
			return true
		default:
			if out.Key != "" {
				s.backlog = slices.Insert(s.backlog, 0, telephony.Event{Type: telephony.EventDigit, Channel: s.channel, Digit: out.Key})
			}
			begun := time.Now()
			name, vars, ok := s.ask(out)
			if !ok || s.gone {
				return true
			}
			s.limit = s.limit.Add(time.Since(begun))
			s.lang = s.walker.Language()
			out = s.walker.Answered(name, vars)
			s.host.walked(s)
		}
	}
}

// trace says where the dialogue is, for whoever looks for what went wrong in one.
func (s *session) trace(out ivr.Output) {
	if e := s.c.o.Logger.Check(zap.DebugLevel, "a step of a dialogue"); e != nil {
		at := s.walker.Place(out.Ask)
		e.Write(zap.String("call", s.l.key), zap.Int64("scheme", s.scheme), zap.String("flow", at.Flow), zap.String("step", at.Step),
			zap.String("does", string(at.Does)))
	}
}

// next waits for something that moves the walker. Ok is false when the session is over.
func (s *session) next() (out ivr.Output, ok bool) {
	for {
		at := s.deadline
		if at.IsZero() || s.limit.Before(at) {
			at = s.limit
		}
		e, woke := s.wait(at)
		switch {
		case s.gone || s.c.ctx.Err() != nil:
			return ivr.Output{}, false
		case !woke && !time.Now().Before(s.limit):
			s.c.o.Logger.Warn("dialogue has gone on for too long", zap.String("call", s.l.key))
			return ivr.Output{}, false
		case !woke && s.waiting:
			s.deadline, s.waiting = time.Time{}, false
			return s.walker.Timeout(), true
		case !woke:
			s.ended()
			return s.walker.Played(), true
		case e.Type == telephony.EventDigit:
			s.deadline, s.pressed, s.quiet = time.Time{}, time.Now(), time.Now()
			return s.walker.Digit(e.Digit), true
		case s.heard != nil && (e.Type == telephony.EventSpeaking || e.Type == telephony.EventSilent):
			if out, moves := s.heard(e); moves {
				s.deadline = time.Time{}
				return out, true
			}
		case e.Type == telephony.EventPlaybackDone && e.Playback == s.playing && s.playing != "":
			s.ended()
			if e.Failed {
				s.c.metrics.mute.Inc()
			}
			return s.walker.Played(), true
		}
	}
}

// wait returns the next event of the session's channel; woke is false at the deadline, when the channel is gone, and when
// the Connector is closed. Events of other channels of the call (a registrar's leg) come too.
func (s *session) wait(at time.Time) (e telephony.Event, woke bool) {
	for {
		if len(s.backlog) > 0 {
			e, s.backlog = s.backlog[0], s.backlog[1:]
			if e.Channel == s.channel && (e.Type == telephony.EventGone || e.Type == telephony.EventLeft) {
				s.gone, s.cause = true, e.Cause // When it has left, the dialplan speaks to it.
				return e, false
			}
			if s.goOn(e) {
				continue
			}
			return e, true
		}
		alarm(s.timer, s.guard.next(s, at))
		select {
		case <-s.l.box.Wake():
			s.backlog = append(s.backlog, s.once(s.l.box.Take())...)
		case <-s.l.wake:
			if _, recon := s.l.signals(); recon != nil {
				if s.reconciled != nil {
					s.reconciled(*recon)
				}
				s.reconcile()
			}
		case <-s.timer.C:
			if time.Now().Before(at) {
				continue // For the guard alone.
			}
			return telephony.Event{}, false
		case s.told = <-s.turn:
			return telephony.Event{Type: eventTurn}, true
		case <-s.c.ctx.Done():
			return telephony.Event{}, false
		}
	}
}

// once leaves out the keys that the PBX tells twice. Asterisk defers a key that follows another, or one that was deferred, within
// 45 ms, as those do that were held up on the way, and tells of it again when it comes to it (main/channel.c, AST_MIN_DTMF_GAP).
func (s *session) once(events []telephony.Event) []telephony.Event {
	return slices.DeleteFunc(events, func(e telephony.Event) bool {
		if e.Type != telephony.EventDigit || e.Time.IsZero() || e.Channel != s.channel {
			return false
		}
		soon := e.Time.Sub(s.keyed) < keyGap
		waited := len(s.deferred) > 0 && e.Time.Sub(s.keyed) < keyAgain
		if !waited {
			s.deferred = s.deferred[:0]
		}
		s.keyed = e.Time
		if waited && s.deferred[0] == e.Digit {
			s.deferred = s.deferred[1:]
			return true
		}
		if soon || waited {
			s.deferred = append(s.deferred, e.Digit)
		}
		return false
	})
}

// goOn says what follows a playback that has ended, and reports whether anything does: then its end is nobody's business.
func (s *session) goOn(e telephony.Event) bool {
	if e.Type != telephony.EventPlaybackDone || s.playing == "" || e.Playback != s.playing || len(s.rest) == 0 {
		return false
	}
	rest, playing := s.rest, s.playing
	s.playing, s.quiet = "", time.Now()
	if s.voice(rest) {
		return true
	}
	s.playing = playing
	return false
}

// reconcile makes up for the ends that a cut event stream did not tell.
func (s *session) reconcile() {
	for _, ch := range []string{s.other, s.channel} {
		if ch == "" {
			continue
		}
		if _, err := s.c.o.Switch.Channel(s.c.ctx, ch); errors.Is(err, telephony.ErrNoChannel) {
			s.backlog = append(s.backlog, telephony.Event{Type: telephony.EventGone, Channel: ch, Leg: ch})
		}
	}
}

// awaitGone waits for the end of a channel that was hung up, for a while.
func (s *session) awaitGone() {
	for end := time.Now().Add(hangupWait); !s.gone; {
		if _, woke := s.wait(end); !woke {
			return
		}
	}
}

// leaves reports whether the party is just hanging up.
func (s *session) leaves() bool {
	for end := time.Now().Add(leavingWait); ; {
		e, woke := s.wait(end)
		switch {
		case s.gone:
			return true
		case !woke:
			return false
		case e.Type == telephony.EventDigit:
			s.backlog = slices.Insert(s.backlog, 0, e)
			return false
		}
	}
}

// hangUp ends the channel, unless it is gone or the Connector is closed.
func (s *session) hangUp() {
	if s.gone || s.c.ctx.Err() != nil {
		return
	}
	if err := s.c.o.Switch.Hangup(s.c.ctx, s.channel, telephony.CauseNormal); err != nil {
		s.c.logCommand("hang up", s.l.key, err)
	}
}
