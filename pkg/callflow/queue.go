package callflow

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/telephony"
)

const (
	// queueLimit is the longest wait; whoever has waited for so long is offered something else.
	queueLimit = 30 * time.Minute
	// musicBetween is how often the music is played between two announcements of the place: so they come every 45 s or so.
	musicBetween = 2
	// mutePause stands in for music that cannot be played.
	mutePause = 20 * time.Second
	// mostOrdinal is the last place that is told as such; further back the number of those before is told.
	mostOrdinal = 10
	// keyCallback asks for a callback instead of waiting.
	keyCallback = "1"
	// keyEmergency says what to do in danger; the place is kept.
	keyEmergency = "8"
)

// queue lets the party wait for a registrar, who is rung when it is her turn. Nobody waits where nobody answers: while no
// registrar is on shift it is said at once.
func (r *reception) queue(ctx context.Context, s *session, o ivr.Output) (string, ivr.Vars, bool) {
	r.asked = r.c.o.Now()
	turn := make(chan Turn, 1) // Of two turns told before she takes one the later counts.
	err := r.c.o.Callers.JoinQueue(ctx, r.line.Scheme, Party{
		Key: r.l.key, ID: uuid.Must(uuid.NewV7()).String(), Language: s.walker.Language(),
	}, func(t Turn) {
		select {
		case <-turn:
		default:
		}
		turn <- t
	})
	if err != nil {
		if !errors.Is(err, ErrNobodyFree) {
			r.c.logCommand("join the queue", r.l.key, err)
		}
		return ivr.AnswerNobody, nil, true
	}
	r.c.metrics.waiting.Inc()
	why, waiting := LeftAbandoned, true
	stopWaiting := func() {
		if waiting {
			waiting = false
			r.c.metrics.waiting.Dec()
		}
	}
	defer func() {
		stopWaiting()
		r.c.o.Callers.LeaveQueue(r.line.Scheme, r.l.key, why)
	}()
	end := time.Now().Add(queueLimit)
	for {
		now, answer := r.awaitTurn(ctx, s, waits{turn: turn, end: end, callback: o.Callback})
		switch {
		case s.gone || r.c.ctx.Err() != nil:
			return "", nil, false
		case answer == ivr.AnswerCallback:
			why = LeftCallback
			return answer, nil, true
		case answer != "" || now.Nobody:
			why = LeftNobody
			r.ringing(ctx, s, false)
			return ivr.AnswerNobody, nil, true
		}
		r.rung++
		reg, leg := now.Registrar, r.l.key+"-c"+strconv.Itoa(r.rung)
		state := r.ring(ctx, s, leg, reg)
		if state == call.OfferAccepted && (!r.mayTake(ctx, leg, reg) || !r.join(ctx, s, leg)) {
			state = call.OfferFailed
		}
		if state == call.OfferAccepted {
			stopWaiting()
			r.c.o.Callers.Joined(r.line.Scheme, r.l.key)
			r.end = "talked"
			r.talk(s, leg)
		}
		r.release(reg, state)
		switch {
		case s.gone || r.c.ctx.Err() != nil:
			return "", nil, false
		case state == call.OfferAccepted:
			return ivr.AnswerTalked, nil, true
		}
	}
}

// waits is how a party waits.
type waits struct {
	turn     <-chan Turn
	end      time.Time
	callback bool // She may ask to be called back instead.
}

// awaitTurn keeps the party company until it is her turn: her place, the wait if it is known, music. It returns an answer
// when she does not wait any longer.
func (r *reception) awaitTurn(ctx context.Context, s *session, w waits) (Turn, string) {
	select {
	case t := <-w.turn: // She need not wait at all.
		return t, ""
	default:
	}
	r.ringing(ctx, s, false)
	s.turn = w.turn
	defer func() {
		s.turn = nil
		s.stop()
	}()
	pause := time.Time{} // Until when there is nothing to hear, because nothing could be played.
	for heard := 0; ; {
		if s.playing == "" && !time.Now().Before(pause) {
			var played bool
			if heard%(1+musicBetween) == 0 {
				place, err := r.c.o.Callers.QueuePlace(ctx, r.line.Scheme, r.l.key)
				if err != nil {
					r.c.logCommand("ask for the place in the queue", r.l.key, err)
					return Turn{}, ivr.AnswerNobody
				}
				played = s.say(announcement(s, place, w.callback))
			} else {
				played = s.play(r.c.o.Voice.Music())
			}
			heard++
			if !played {
				pause = time.Now().Add(mutePause)
			}
		}
		at := w.end
		if s.playing == "" && pause.Before(at) {
			at = pause
		} else if s.playing != "" && s.deadline.Before(at) {
			at = s.deadline
		}
		e, woke := s.wait(at)
		switch {
		case s.gone || r.c.ctx.Err() != nil:
			return Turn{}, ""
		case !woke && !time.Now().Before(w.end):
			return Turn{}, ivr.AnswerNobody
		case !woke:
			s.ended() // Its end was not told, or the pause is over.
		case e.Type == eventTurn:
			return s.told, ""
		case e.Type == telephony.EventPlaybackDone && e.Playback == s.playing:
			s.ended()
			if e.Failed {
				pause = time.Now().Add(mutePause)
			}
		case e.Type == telephony.EventDigit && e.Digit == keyCallback && w.callback:
			return Turn{}, ivr.AnswerCallback
		case e.Type == telephony.EventDigit && e.Digit == keyEmergency:
			s.say([]ivr.Utterance{{Key: "emergency.advice", Language: s.walker.Language()}})
		case e.Type == telephony.EventDigit && (e.Digit == "9" || e.Digit == "*"):
			s.stop()
			heard = 0 // Her place once more.
		}
	}
}

// announcement tells a party her place, and how long it lasts when enough is known: rounded up, so that nobody is promised too
// much.
func announcement(s *session, p Place, callback bool) []ivr.Utterance {
	vars := ivr.Vars{
		"place": p.Position, "ahead": p.Position - 1, "minutes": int((p.Wait + time.Minute - 1) / time.Minute),
	}
	keys := []string{"queue.place"}
	switch {
	case p.Position <= 1:
		keys[0] = "queue.first"
	case p.Position > mostOrdinal:
		keys[0] = "queue.many"
	}
	switch {
	case p.Wait <= 0:
	case p.Wait <= time.Minute:
		keys = append(keys, "queue.minute")
	default:
		keys = append(keys, "queue.minutes")
	}
	if callback {
		keys = append(keys, "queue.callback")
	}
	out := make([]ivr.Utterance, len(keys))
	for i, key := range keys {
		out[i] = ivr.Utterance{Key: key, Language: s.walker.Language(), Vars: vars}
	}
	return out
}

// mayTake reports whether a registrar who has answered is one still, and lets her go otherwise. While nobody knows she is.
func (r *reception) mayTake(ctx context.Context, leg string, reg Registrar) bool {
	err := r.c.o.Callers.ConfirmRegistrar(ctx, r.line.Scheme, reg.ID, r.l.key)
	if errors.Is(err, ErrUnknownCaller) {
		r.c.o.Logger.Info("a registrar left the scheme while her phone rang", zap.String("call", r.l.key))
		r.drop(leg)
		return false
	}
	if err != nil {
		r.c.logCommand("confirm registrar", r.l.key, err)
	}
	return true
}

func (r *reception) ringing(ctx context.Context, s *session, on bool) {
	if err := r.c.o.Switch.Ring(ctx, s.channel, on); err != nil {
		r.c.logCommand("ring", r.l.key, err)
	}
}

// ring rings the registrar's phone while the party hears ringing.
func (r *reception) ring(ctx context.Context, s *session, leg string, reg Registrar) call.OfferState {
	if reg.Number != "" {
		if err := r.c.o.Callers.MayRing(ctx, r.line.Scheme, reg.Number); err != nil {
			r.c.logCommand("ring registrar", r.l.key, err)
			return call.OfferFailed
		}
	}
	r.ringing(ctx, s, true)
	began := time.Now()
	s.other = leg
	defer func() { s.other = "" }()
	err := r.c.o.Switch.Originate(ctx, telephony.Originate{
		Channel: leg, Endpoint: reg.Endpoint, Number: reg.Number, Trunk: reg.Trunk, Ring: r.c.o.RegistrarRing,
		Args: []string{"registrar"}, Language: string(reg.Language),
	})
	if err != nil && !errors.Is(err, telephony.ErrUnanswered) {
		r.c.logCommand("ring registrar", r.l.key, err)
		return call.OfferFailed
	}
	end := began.Add(r.c.o.RegistrarRing + offerSlack)
	rang := false
	for {
		e, woke := s.wait(end)
		switch {
		case s.gone:
			r.drop(leg)
			return call.OfferRecalled
		case !woke:
			r.drop(leg)
			return call.OfferTimedOut
		case e.Channel != leg:
		case e.Type == telephony.EventRinging:
			rang = true
		case e.Type == telephony.EventEntered:
			return call.OfferAccepted
		case e.Type == telephony.EventGone:
			return classifyOffer(verdict{
				cause: e.Cause, rang: rang, elapsed: time.Since(began), ring: r.c.o.RegistrarRing,
			}, false, false)
		}
	}
}

// drop ends a registrar's leg.
func (r *reception) drop(leg string) {
	if r.c.ctx.Err() != nil {
		return
	}
	if err := r.c.o.Switch.Hangup(r.c.ctx, leg, telephony.CauseNormal); err != nil {
		r.c.logCommand("hang up registrar", r.l.key, err)
	}
}

func (r *reception) bridge() string { return r.l.key + "-bridge" }

func (r *reception) join(ctx context.Context, s *session, leg string) bool {
	r.ringing(ctx, s, false)
	s.guard.off(s) // The two go on talking whatever becomes of us.
	if err := r.c.o.Switch.Bridge(ctx, r.bridge(), s.channel, leg); err != nil {
		r.c.logCommand("bridge registrar", r.l.key, err)
		r.drop(leg)
		s.guard.idle()
		return false
	}
	return true
}

// talk waits until one of the two leaves. After a restart of the service the two go on talking; see Adopt.
func (r *reception) talk(s *session, leg string) {
	s.other = leg
	defer func() { s.other = "" }()
	registrarGone := false
	for !registrarGone {
		// The limit only bounds a lost event; another round follows.
		e, woke := s.wait(time.Now().Add(sessionLimit))
		if s.gone || r.c.ctx.Err() != nil {
			break
		}
		registrarGone = woke && e.Channel == leg && e.Type == telephony.EventGone
		if !woke {
			_, err := r.c.o.Switch.Channel(r.c.ctx, leg)
			registrarGone = errors.Is(err, telephony.ErrNoChannel)
		}
	}
	if r.c.ctx.Err() != nil {
		return
	}
	if !registrarGone {
		r.drop(leg)
	}
	if err := r.c.o.Switch.Unbridge(r.c.ctx, r.bridge()); err != nil {
		r.c.logCommand("end bridge", r.l.key, err)
	}
	s.guard.idle()
}

func (r *reception) release(reg Registrar, state call.OfferState) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.c.ctx), afterwards)
	defer cancel()
	if err := r.c.o.Callers.ReleaseRegistrar(ctx, r.line.Scheme, reg.ID, r.l.key, state); err != nil {
		r.c.o.Logger.Warn("release registrar failed", zap.String("call", r.l.key), zap.Error(err))
	}
}
