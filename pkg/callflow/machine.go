package callflow

import (
	"time"

	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/telephony"
)

// How an answering machine speaks. A person says a short hello, or a long one, and falls silent when somebody speaks to her; a
// machine begins at once and goes on over whatever it is told. Whoever begins late, is silent or calls "allô?" again and again
// is a person. A machine that is taken for one costs nothing: it presses no key, and is tried again like one. So everything here
// is on the person's side.
const (
	// machineBegins is how soon after the answer a machine begins at the latest.
	machineBegins = 3 * time.Second
	// machineSpeaks is how long a machine has spoken at least when it draws breath.
	machineSpeaks = 5 * time.Second
	// machineShare is in how much of the time since it began.
	machineShare = 0.75
	// leastSpeech is the shortest sound that is taken for speech. The PBX takes the first packet of any call for one.
	leastSpeech = 100 * time.Millisecond
	// machineRepeats is how often the message for a machine begins again because it speaks on: until after its beep, as a rule.
	machineRepeats = 10
	// machineWait is how long the message waits until it is silent.
	machineWait = 30 * time.Second
)

// speech is how the party of a call without a caller has spoken since she answered. It decides from the PBX's own timestamps
// and lengths, which a busy service does not blur.
type speech struct {
	answered time.Time     // By the PBX's clock; zero when the answer was not seen.
	began    time.Time     // The first speech.
	spoken   time.Duration // In all.
}

// fellSilent takes an EventSilent and reports whether she speaks as a machine does.
func (s *speech) fellSilent(e telephony.Event) bool {
	if s.answered.IsZero() || e.Length < leastSpeech {
		return false
	}
	end := e.Time.Add(-telephony.SpeechPause)
	if s.began.IsZero() {
		s.began = end.Add(-e.Length)
	}
	s.spoken += e.Length
	return s.began.Sub(s.answered) <= machineBegins && s.spoken >= machineSpeaks &&
		s.spoken.Seconds() >= machineShare*end.Sub(s.began).Seconds()
}

// heard tells an answering machine by how it speaks, and speaks to it whenever it is silent, so that the message is whole behind
// its beep. Any key is a person's, who is heard as such from then on.
func (a *automatic) heard(e telephony.Event) (ivr.Output, bool) {
	if a.s.walker.Text("keyed") != "" {
		return ivr.Output{}, false
	}
	if e.Type == telephony.EventSpeaking {
		if a.machine && a.s.playing != "" && a.repeats < machineRepeats { // Its beep, or the rest of its greeting.
			a.s.stop()
			a.s.deadline, a.s.waiting = time.Now().Add(machineWait), false
		}
		return ivr.Output{}, false
	}
	if !a.machine && !a.speech.fellSilent(e) || a.repeats >= machineRepeats {
		return ivr.Output{}, false
	}
	out := a.s.walker.Machine()
	if out.Ask == ivr.AskNothing && len(out.Say) == 0 {
		return ivr.Output{}, false // The flow has nothing to say to one.
	}
	a.machine = true
	a.repeats++
	return out, true
}
