package callflow

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/telephony"
)

// momentAfter is how long nothing is heard before the party is told that it takes a moment: longer silences make people think
// that the line is dead.
const momentAfter = 500 * time.Millisecond

// spokenWithin is how long a party may wait for a text that is spoken for her, being told after momentAfter that it takes a
// moment, with music. Then something else is said.
const spokenWithin = 8 * time.Second

// piece is something to hear: silence, and then a text, unless it is recorded.
type piece struct {
	silence  time.Duration
	recorded telephony.Media
	lang     roster.Language
	text     string
	instead  string        // May be said while text was not spoken yet; empty when nothing may.
	of       ivr.Utterance // Whose beginning it is; the zero value for what follows.
}

// pieces are what utterances say, each sentence apart where they are spaced.
func (s *session) pieces(prompts []ivr.Utterance) []piece {
	var list []piece
	for _, u := range prompts {
		if m, ok := s.recording(u); ok {
			silence := u.Silence
			if u.Spaced {
				silence = max(silence, ivr.BetweenSentences)
			}
			list = append(list, piece{silence: silence, recorded: m})
			continue
		}
		texts := s.book.Sentences(u)
		for i, text := range texts {
			p := piece{lang: u.Language, text: text}
			if i == 0 {
				p.of = u
			}
			switch {
			case i == 0 && u.Silence > 0:
				p.silence = u.Silence
			case u.Spaced && len(list) > 0:
				p.silence = ivr.BetweenSentences
			}
			if len(texts) == 1 && u.Else != "" {
				p.instead = s.book.Text(u.Language, u.Else, u.Vars)
			}
			list = append(list, p)
		}
		if len(texts) == 0 && u.Silence > 0 {
			list = append(list, piece{silence: u.Silence})
		}
	}
	return list
}

// recording is what was recorded for an utterance: by the party herself, or by the scheme.
func (s *session) recording(u ivr.Utterance) (telephony.Media, bool) {
	if u.Recording != "" {
		return telephony.Media("recording:" + u.Recording), true
	}
	w := ivr.Wording{Key: u.Key, Language: u.Language}
	if u.Spaced {
		if m, ok := s.recorded[w.Simpler()]; ok && s.book.Prompts().IsFixed(w.Simpler()) {
			return m, true
		}
	}
	m, ok := s.recorded[w]
	return m, ok && s.book.Prompts().IsFixed(w)
}

// say starts the prompts and reports whether anything is heard. The silence after a key begins with the key: what was looked
// up meanwhile does not make it longer.
func (s *session) say(prompts []ivr.Utterance) bool {
	pieces := s.pieces(prompts)
	if len(pieces) > 0 {
		pieces[0].silence = max(0, pieces[0].silence-time.Since(s.pressed))
	}
	return s.voice(pieces)
}

// ask has the host do what the walker asks for. What only takes time takes it while the party hears that it does.
func (s *session) ask(o ivr.Output) (name string, vars ivr.Vars, ok bool) {
	if o.Ask != ivr.AskLookup && o.Ask != ivr.AskFact {
		return s.host.ask(s.c.ctx, s, o)
	}
	s.meanwhile(func() { name, vars, ok = s.host.ask(s.c.ctx, s, o) })
	return name, vars, ok
}

// meanwhile does something that plays nothing and takes no events. When the party has heard nothing for momentAfter she is told
// that it takes a moment; that is said to its end, or until she presses a key.
func (s *session) meanwhile(do func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		do()
	}()
	timer := time.NewTimer(time.Until(s.quiet.Add(momentAfter)))
	defer timer.Stop()
	select {
	case <-done:
		return
	case <-timer.C:
	}
	said := s.moment()
	<-done
	var later []telephony.Event
	for !said.IsZero() && s.playing != "" {
		e, woke := s.wait(said)
		switch {
		case s.gone || s.c.ctx.Err() != nil:
			return
		case !woke:
			s.stop() // The rest is music.
			continue
		case e.Type == telephony.EventPlaybackDone && e.Playback == s.playing:
			s.ended()
			continue
		case e.Type == telephony.EventDigit:
			s.stop()
		}
		later = append(later, e)
	}
	s.backlog = append(later, s.backlog...)
}

// moment says that it takes a moment, with music behind it, if something is there that says so and nothing else is heard. It
// returns when that was said; the zero time means that it is not.
func (s *session) moment() time.Time {
	if s.playing != "" || s.walker == nil {
		return time.Time{}
	}
	for _, p := range s.pieces([]ivr.Utterance{{Key: "moment", Language: s.walker.Language()}}) {
		if m, ok := s.ready(p); ok && s.play(m, s.c.o.Voice.Music()) {
			return time.Now().Add(s.c.o.Voice.Length(m))
		}
	}
	return time.Time{}
}

// voice starts as much as can be heard at once. What was not spoken yet is spoken meanwhile, and heard next: nobody waits for
// the last sentence before the first.
func (s *session) voice(pieces []piece) bool {
	var media []telephony.Media
	for i, p := range pieces {
		m, ready := s.ready(p)
		if !ready && len(media) > 0 {
			if p.silence > 0 {
				media = append(media, s.c.o.Voice.Silence(p.silence))
				pieces[i].silence = 0
			}
			for _, later := range pieces[i+1:] {
				s.ready(later)
			}
			if !s.play(media...) {
				return s.voice(pieces[i:])
			}
			s.rest = pieces[i:]
			return true
		}
		if !ready {
			begun := time.Now()
			s.meanwhile(func() { m, _ = s.speak(s.c.ctx, p) })
			p.silence -= time.Since(begun)
		}
		if p.silence > 0 {
			media = append(media, s.c.o.Voice.Silence(p.silence))
		}
		if m != "" {
			media = append(media, m)
		}
	}
	return s.play(media...)
}

// ready is what says a piece now, if anything does; if not, it is spoken in the background.
func (s *session) ready(p piece) (telephony.Media, bool) {
	if p.recorded != "" || p.text == "" {
		return p.recorded, true
	}
	if m, ok := s.c.o.Voice.Ready(p.lang, p.text); ok {
		return m, true
	}
	if p.instead == "" {
		return "", false
	}
	return s.c.o.Voice.Ready(p.lang, p.instead)
}

// errUnspoken means that something else is heard than what was to be said.
var errUnspoken = errors.New("no voice could say it")

// speak is what says a piece, spoken now. Where no voice speaks its language in time it is the prompt in another language, or
// else, with errUnspoken, that something is wrong on our side: people who hear nothing think that nobody is there. It is empty
// for what follows such a sentence, and when ctx ends.
func (s *session) speak(ctx context.Context, p piece) (telephony.Media, error) {
	limited, cancel := context.WithTimeout(ctx, spokenWithin)
	defer cancel()
	m, err := s.c.o.Voice.Media(limited, p.lang, p.text)
	if err == nil || ctx.Err() != nil {
		return m, err
	}
	s.c.logCommand("speak prompt "+p.of.Key, s.l.key, err)
	if p.of.Key == "" {
		s.c.metrics.substitutes.WithLabelValues("nothing").Inc()
		return "", errUnspoken
	}
	if m, ok := s.ready(p); ok { // It was spoken just now, or what may be said instead is there.
		s.c.metrics.substitutes.WithLabelValues("other_words").Inc()
		return m, nil
	}
	for _, lang := range roster.Languages() {
		if limited.Err() != nil {
			break // Nothing more is spoken for somebody who has waited: a machine that is slow is not given three times as much to do.
		}
		if text := s.book.Text(lang, p.of.Key, p.of.Vars); lang != p.lang && text != p.text {
			if m, err := s.c.o.Voice.Media(limited, lang, text); err == nil {
				s.c.metrics.substitutes.WithLabelValues("other_language").Inc()
				return m, nil
			}
		}
	}
	for _, lang := range append([]roster.Language{p.lang}, roster.Languages()...) {
		if m, ok := s.c.o.Voice.Ready(lang, s.book.Text(lang, "error.ours", nil)); ok {
			s.c.metrics.substitutes.WithLabelValues("apology").Inc()
			return m, errUnspoken
		}
	}
	s.c.metrics.substitutes.WithLabelValues("tone").Inc()
	return s.c.o.Voice.Tone(), errUnspoken
}

// media is what says an utterance, spoken first if need be: a recording, or the text as a whole. It is empty for one without
// words. With errUnspoken it is what may be heard instead.
func (s *session) media(ctx context.Context, u ivr.Utterance) (telephony.Media, error) {
	list := s.pieces([]ivr.Utterance{u})
	if len(list) == 0 {
		return "", nil
	}
	if m, ok := s.ready(list[0]); ok {
		return m, nil
	}
	return s.speak(ctx, list[0])
}

// play starts media under an id of its own. It reports false when nothing is heard.
func (s *session) play(media ...telephony.Media) bool {
	if len(media) == 0 {
		return false
	}
	s.stop()
	s.guard.busy(s, s.lasts(media))
	s.plays = s.plays%mostPlays + 1
	id := s.l.key + "-p" + strconv.Itoa(s.plays)
	if err := s.c.o.Switch.Play(s.c.ctx, s.channel, id, media...); err != nil {
		s.c.logCommand("play prompt", s.l.key, err)
		s.guard.idle()
		return false
	}
	s.playing, s.deadline, s.waiting = id, time.Now().Add(playLimit), false
	return true
}

// lasts is how long media last at most.
func (s *session) lasts(media []telephony.Media) time.Duration {
	total := time.Second // The PBX takes a moment from one to the next.
	for _, m := range media {
		length := s.c.o.Voice.Length(m)
		if length == 0 {
			length = playUnknown
		}
		total += length
	}
	return total
}

// stop ends what is being said.
func (s *session) stop() {
	s.rest = nil
	if s.playing == "" {
		return
	}
	if err := s.c.o.Switch.StopPlay(s.c.ctx, s.playing); err != nil {
		s.c.logCommand("stop prompt", s.l.key, err)
	}
	s.ended()
}

// ended takes note that nothing is heard any more.
func (s *session) ended() {
	s.playing, s.deadline, s.quiet = "", time.Time{}, time.Now()
	s.guard.idle()
}
