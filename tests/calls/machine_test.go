package calls

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/phone"
	"github.com/rappel-tel/rappel/tests/house"
)

// sampleRate of the telephone.
const sampleRate = 8000

// sounds is a timed pattern of what a phone says once it was answered.
type sounds struct {
	h   *house.House
	pcm []int16
}

func (s *sounds) quiet(d time.Duration) *sounds {
	s.pcm = append(s.pcm, make([]int16, int(d.Seconds()*sampleRate))...)
	return s
}

func (s *sounds) says(texts ...string) *sounds {
	for _, text := range texts {
		s.pcm = append(s.pcm, s.h.Speak(text)...)
	}
	return s
}

func (s *sounds) beep() *sounds {
	for i := range sampleRate * 4 / 10 {
		s.pcm = append(s.pcm, int16(8000*(1-2*(i/4%2)))) // 1 kHz.
	}
	return s
}

// softly makes everything so far quieter, as a television in her room is beside a voice at the mouthpiece.
func (s *sounds) softly(times int16) *sounds {
	for i := range s.pcm {
		s.pcm[i] /= times
	}
	return s
}

// patterns are people and machines as they answer. None of them presses a key.
func patterns() []struct {
	name    string
	machine bool
	mistake bool // What cannot be told from the other, and is known to be mistaken for it.
	sounds  func(*sounds) *sounds
} {
	const (
		allo     = "Allô ?"
		odette   = "Allô, oui, bonjour. Odette Martin à l'appareil, je vous écoute."
		greeting = "Bonjour. Vous êtes bien chez Odette Martin. Je ne peux pas vous répondre pour le moment. Laissez-moi un message après le signal sonore, et je vous rappellerai dès que possible."
		operator = "Bonjour. La personne que vous appelez n'est pas disponible actuellement. Vous pouvez laisser un message après le signal sonore, ou rappeler plus tard."
		news     = "Le temps sera nuageux sur la moitié nord du pays, avec quelques averses en fin de journée. Les températures restent douces pour la saison, entre douze et dix-sept degrés."
	)
	short := 300 * time.Millisecond
	return []struct {
		name    string
		machine bool
		mistake bool
		sounds  func(*sounds) *sounds
	}{
		{name: "hello at once", sounds: func(s *sounds) *sounds { return s.quiet(short).says(allo) }},
		{name: "hello after four seconds", sounds: func(s *sounds) *sounds { return s.quiet(4 * time.Second).says(allo) }},
		{name: "silence, as with a rotary telephone", sounds: func(s *sounds) *sounds { return s }},
		{name: "a longer hello", sounds: func(s *sounds) *sounds { return s.quiet(short).says(odette) }},
		{name: "hello, and her name again", sounds: func(s *sounds) *sounds {
			return s.quiet(short).says(allo).quiet(1500 * time.Millisecond).says("Oui, c'est Odette Martin. Qui est à l'appareil ?")
		}},
		{name: "hello six times", sounds: func(s *sounds) *sounds {
			for range 6 {
				s.quiet(900 * time.Millisecond).says(allo)
			}
			return s
		}},
		{name: "a question, sentence by sentence", sounds: func(s *sounds) *sounds {
			for _, text := range []string{"Oui, bonjour.", "C'est de la part de qui ?", "Je vous entends très mal.", "Parlez plus fort, s'il vous plaît."} {
				s.quiet(1100 * time.Millisecond).says(text)
			}
			return s
		}},
		{name: "silence, then a story", sounds: func(s *sounds) *sounds { return s.quiet(6 * time.Second).says(news) }},
		{name: "a television in the room", sounds: func(s *sounds) *sounds { return s.says(news, news).softly(12).quiet(time.Second) }},
		{name: "hello beside a television", sounds: func(s *sounds) *sounds {
			return (&sounds{h: s.h}).quiet(short).says(allo).join((&sounds{h: s.h}).says(news).softly(12))
		}},
		{name: "a noise that does not end", sounds: func(s *sounds) *sounds {
			for range 250 {
				s.beep()
			}
			return s
		}},
		{name: "a television as loud as a voice", mistake: true, sounds: func(s *sounds) *sounds { return s.says(news, news) }},
		{name: "a greeting and a beep", machine: true, sounds: func(s *sounds) *sounds {
			return s.quiet(short).says(greeting).quiet(600 * time.Millisecond).beep()
		}},
		{name: "an operator's mailbox", machine: true, sounds: func(s *sounds) *sounds {
			return s.quiet(time.Second).says(operator).quiet(300 * time.Millisecond).beep()
		}},
		{name: "a beep after a long pause", machine: true, sounds: func(s *sounds) *sounds {
			return s.quiet(short).says(greeting).quiet(2500 * time.Millisecond).beep()
		}},
		{name: "two greetings, one after the other", machine: true, sounds: func(s *sounds) *sounds {
			return s.quiet(short).says(operator).quiet(time.Second).says(greeting).quiet(700 * time.Millisecond).beep()
		}},
		{name: "a greeting that is hardly one", machine: true, mistake: true, sounds: func(s *sounds) *sounds {
			return s.quiet(short).says("Laissez un message.").quiet(short).beep()
		}},
	}
}

func (s *sounds) join(more *sounds) *sounds {
	s.pcm = append(s.pcm, more.pcm...)
	return s
}

// peopleAndMachines rings everybody of the table at once: no person is taken for a machine, and every machine that speaks as
// one is known, and records the whole message behind its beep.
func peopleAndMachines(t *testing.T, street *house.Street) {
	list := patterns()
	said := make([]*phone.Source, len(list)) // Written before anybody is rung.
	lasts := make([]time.Duration, len(list))
	plan := house.Plan{Spoken: "Gardons le contact"}
	for i := range list {
		plan.People = append(plan.People, house.PersonPlan{NotDue: true, Choose: func(phone.Ring, int) phone.Behaviour {
			return phone.Speaks(300*time.Millisecond, said[i])
		}})
	}
	h := street.Move(t, plan)
	for i, p := range list {
		pcm := p.sounds(&sounds{h: h}).pcm
		said[i], lasts[i] = phone.Samples(pcm), time.Duration(len(pcm))*time.Second/sampleRate
	}
	require.Equal(t, len(list), surge(t, h, call.KindPresence).Booked)

	var people, machines, taken, missed int
	for i, p := range list {
		theirs := h.AwaitCall(h.People[i])
		h.AwaitDone(theirs, 3*time.Minute)
		a := h.AwaitEnd(h.People[i])
		require.Equal(t, 1, h.Worries(h.People[i]), "%s: whoever presses no key was not reached", p.name)
		got := a.Result == call.ResultMachine
		if p.machine {
			machines++
			if !got {
				missed++
			}
		} else {
			people++
			if got {
				taken++
			}
		}
		t.Logf("%-40s %s %s", p.name, a.Result, a.Reason)
		require.Equal(t, call.FaultTheirs, a.Fault, p.name)
		require.Equal(t, p.machine != p.mistake, got, p.name)
		message := h.Prompt("automatic.machine_named", ivr.Vars{"scheme": "Gardons le contact"})
		match, err := theirs.Compare(message)
		require.NoError(t, err)
		if !got {
			require.Less(t, match.Score, phone.HearScore, p.name)
			question, err := theirs.Compare(h.Prompt("presence.question", nil))
			require.NoError(t, err)
			require.Greater(t, question.Score, phone.HearScore, "%s hears the question", p.name)
			continue
		}
		require.Greater(t, match.Score, phone.HearScore, p.name)
		if p.machine {
			require.Greater(t, match.At, theirs.Answered().Add(lasts[i]-100*time.Millisecond), "%s: the message is behind the beep", p.name)
		}
	}
	t.Logf("%d people, %d taken for a machine; %d machines, %d taken for a person", people, taken, machines, missed)
	require.True(t, slices.ContainsFunc(h.Occurrences(h.People[0]), func(o house.Occurrence) bool {
		return o.Kind == call.KindPresence && o.State == call.OccurrenceUnreached
	}))
}
