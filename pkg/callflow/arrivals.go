package callflow

import (
	"errors"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/telephony"
)

// arrive takes one channel that entered the application. It is quick: whatever takes time has a goroutine of its own.
func (c *Connector) arrive(e telephony.Event) {
	kind := ""
	if len(e.Args) > 0 {
		kind = e.Args[0]
	}
	c.mu.Lock()
	running := c.calls[e.Key]
	c.mu.Unlock()
	if running != nil && running.box.Put(e) {
		return // Its mailbox was opened while the event was under way.
	}
	var run func(*live, telephony.Event)
	switch kind {
	case telephony.EnteredInbound:
		run = c.inbound
	case telephony.EnteredFeature:
		run = c.feature
	default:
		kind, run = "stray", c.stray
	}
	c.metrics.arrivals.WithLabelValues(kind).Inc()
	l, err := c.openAs(e.Key, kind == "stray")
	if err != nil {
		c.o.Logger.Info("arrival refused", zap.String("call", e.Key), zap.Error(err))
		return // The PBX's own dialplan speaks once the application is gone.
	}
	go func() {
		defer c.wg.Done()
		defer c.forget(l)
		run(l, e)
	}()
}

// stray is a leg of a call that nobody follows any more. A beneficiary hears the apology; a caller's line is ended.
func (c *Connector) stray(l *live, e telephony.Event) {
	lang := roster.Language(e.Language)
	if !slices.Contains(roster.Languages(), lang) {
		lang = c.o.Fallback.language()
	}
	s := c.session(l, e.Channel, 0)
	s.lang = lang
	s.timer = time.NewTimer(time.Hour)
	defer s.timer.Stop()
	if _, side, _, err := call.ParseLeg(e.Leg); err == nil && side == call.SideBeneficiary {
		key := "apology.caller_gone"
		if len(e.Args) > 0 && e.Args[0] == telephony.EnteredAutomatic {
			key = "dialplan.automatic-away"
		}
		s.sayAndWait(key)
	}
	s.hangUp()
}

// sayAndWait says one prompt to its end, or until a key is pressed or the channel is gone.
func (s *session) sayAndWait(key string) {
	s.hear(ivr.Utterance{Key: key, Language: s.lang})
}

// refuse says that a number is nobody's, in every language that whoever dialled it may speak.
func (s *session) refuse(languages []roster.Language) {
	if len(languages) == 0 {
		languages = []roster.Language{s.lang}
	}
	said := make([]ivr.Utterance, len(languages))
	for i, lang := range languages {
		said[i] = ivr.Utterance{Key: "dialplan.line-unknown", Language: lang}
	}
	s.hear(said...)
}

// hear is sayAndWait for several prompts.
func (s *session) hear(said ...ivr.Utterance) {
	if !s.say(said) {
		return
	}
	end := time.Now().Add(playLimit)
	for {
		e, woke := s.wait(end)
		if !woke || e.Type == telephony.EventDigit || e.Type == telephony.EventPlaybackDone && e.Playback == s.playing {
			return
		}
	}
}

// feature answers a code dialled on a caller's softphone, by voice and in her language.
func (c *Connector) feature(l *live, e telephony.Event) {
	code := e.Dialled
	if len(e.Args) > 1 {
		code = e.Args[1]
	}
	endpoint := e.Endpoint
	if len(e.Args) > 2 {
		endpoint = e.Args[2]
	}
	s := c.session(l, e.Channel, 0)
	s.lang = c.o.Fallback.language()
	s.timer = time.NewTimer(time.Hour)
	defer s.timer.Stop()
	if err := c.o.Switch.Answer(c.ctx, e.Channel); err != nil {
		c.logCommand("answer feature code", l.key, err)
		return
	}
	defer s.hangUp()
	who, err := c.o.Records.Caller(c.ctx, endpointName(endpoint))
	if err != nil {
		key := "feature.unavailable"
		if errors.Is(err, ErrUnknownCaller) {
			key = "feature.unknown_caller"
		} else {
			c.logCommand("look up caller", l.key, err)
		}
		s.sayAndWait(key)
		return
	}
	s.lang = who.Language
	s.speakFor(who.Scheme)
	c.o.Callers.OnLine(who.Scheme, who.ID, true)
	defer func() {
		s.hangUp()
		s.awaitGone()
		c.o.Callers.OnLine(who.Scheme, who.ID, false)
	}()
	if strings.TrimPrefix(code, "*") == "6" {
		c.closeLast(l, s, who)
		return
	}
	keys, vars := c.featureAnswer(l, who, code)
	said := make([]ivr.Utterance, len(keys))
	for i, key := range keys {
		said[i] = ivr.Utterance{Key: key, Language: s.lang, Vars: vars}
	}
	s.hear(said...)
}

// endpointName strips the technology that some PBX events put before an endpoint.
func endpointName(s string) string {
	if _, name, found := strings.Cut(s, "/"); found {
		return name
	}
	return s
}

// featureAnswer does what the code asks and returns the prompts that are said.
func (c *Connector) featureAnswer(l *live, who Caller, code string) ([]string, ivr.Vars) {
	states := map[string]struct {
		state call.CallerState
		key   string
	}{
		"*1": {call.CallerReady, "feature.ready"},
		"*2": {call.CallerReadyOnce, "feature.ready_once"},
		"*3": {call.CallerBreak, "feature.break"},
		"*4": {call.CallerOff, "feature.off"},
	}
	if want, ok := states[code]; ok {
		switch err := c.o.Callers.SetState(c.ctx, who.Scheme, who.ID, want.state, KnownByPhone); {
		case err == nil:
			return []string{want.key}, nil
		case errors.Is(err, ErrRefusedNow):
			return []string{"feature.not_now"}, nil
		default:
			c.logCommand("set caller state", l.key, err)
			return []string{"feature.unavailable"}, nil
		}
	}
	if code != "*5" {
		return []string{"feature.unknown_code"}, nil
	}
	next, err := c.o.Callers.Next(c.ctx, who.Scheme, who.ID)
	switch {
	case errors.Is(err, ErrNothing):
		return []string{"feature.nothing_next"}, nil
	case err != nil:
		c.logCommand("look up next call", l.key, err)
		return []string{"feature.unavailable"}, nil
	}
	now := c.o.Now()
	key := "feature.next_at"
	if !next.At.After(now) {
		key = "feature.next_now"
	}
	if next.Name != "" {
		key += "_name"
	}
	zone := who.Zone
	if zone == nil {
		zone = time.UTC
	}
	said := []string{key}
	if next.Asked != "" {
		said = append(said, "feature.next_asked")
	}
	return said, ivr.Vars{"at": next.At.In(zone), "now": now.In(zone), "name": next.Name}
}

// lastCallWindow is how long after its end a call can be closed from a feature code.
const lastCallWindow = 12 * time.Hour

// closeLast lets a caller close her last call by keypad.
func (c *Connector) closeLast(l *live, s *session, who Caller) {
	attempt, err := c.o.Records.LastAttempt(c.ctx, who.Scheme, who.ID, c.o.Now().Add(-lastCallWindow))
	switch {
	case errors.Is(err, ErrNothing):
		s.sayAndWait("feature.nothing_to_close")
		return
	case err != nil:
		c.logCommand("look up last call", l.key, err)
		s.sayAndWait("feature.unavailable")
		return
	}
	s.begin(flowCloseLast, who.Language, nil)
	s.host = c.closer(l, Closing{Scheme: who.Scheme, Attempt: attempt, Caller: who.ID})
	s.run()
}
