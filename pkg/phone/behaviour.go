package phone

import "time"

// Ring is a call that the simulated trunk has to carry to somebody.
type Ring struct {
	// Number is the number called, as the PBX sent it.
	Number string
	// From is the number presented.
	From string
	// Attempt is the value of the attempt header; empty: none came.
	Attempt string
	// At is when the INVITE arrived.
	At time.Time
	// Live is how many other calls this number has right now, ringing or answered,
	// either way round. A line that is in use would be busy.
	Live int
	// Header reads any other header of the INVITE.
	Header func(name string) string
}

// Behaviour is what the person (or machine, or exchange) at the far end does with
// one call. The zero value answers at once and says nothing until the other side
// hangs up; the functions below name the usual ones.
type Behaviour struct {
	// After is how long the phone rings before it answers or refuses. A refusal
	// with zero After comes at once, without ringing.
	After time.Duration
	// Never rings until the other side gives up.
	Never bool
	// Refuse is the status (300 to 699) instead of an answer; zero: answer.
	Refuse int
	// Announce is said as early media before a refusal, which comes when it has
	// been said in full, or after After when it loops.
	Announce *Source
	// Say is what is said once answered.
	Say *Source
	// Tone is the frequency in Hz of Say when it is a tone: what the ledger expects
	// the other party to hear; zero: nothing in particular.
	Tone float64
	// Talk is how long after the answer this end hangs up first; zero: it never does.
	Talk time.Duration
	// Machine marks an answering machine in the ledger.
	Machine bool
}

// Answers is a person who picks up after a while and then is heard as a tone of hz.
func Answers(after time.Duration, hz float64) Behaviour {
	return Behaviour{After: after, Say: Tone(hz), Tone: hz}
}

// Speaks is a person who picks up after a while and says src.
func Speaks(after time.Duration, src *Source) Behaviour {
	return Behaviour{After: after, Say: src}
}

// Busy is a line in use: 486.
func Busy() Behaviour { return Behaviour{Refuse: 486} }

// Declines is a phone that rings for a while and then refuses: 486.
func Declines(after time.Duration) Behaviour { return Behaviour{After: after, Refuse: 486} }

// NoAnswer rings until the caller gives up.
func NoAnswer() Behaviour { return Behaviour{Never: true} }

// NotFound is a number that does not exist: 404.
func NotFound() Behaviour { return Behaviour{Refuse: 404} }

// Congested is a network without a free line: 503.
func Congested() Behaviour { return Behaviour{Refuse: 503} }

// Announced says src as early media and then refuses with the code, as networks
// do for numbers out of service (404) or switched off (480, 486).
func Announced(src *Source, code int) Behaviour {
	return Behaviour{Announce: src, Refuse: code}
}

// Machine answers after a while, says its greeting (with the beep at its end) and
// then listens.
func Machine(after time.Duration, greeting *Source) Behaviour {
	return Behaviour{After: after, Say: greeting, Machine: true}
}

// HangsUpAfter returns the behaviour with this end hanging up first, talk after
// the answer.
func (b Behaviour) HangsUpAfter(talk time.Duration) Behaviour {
	b.Talk = talk
	return b
}
