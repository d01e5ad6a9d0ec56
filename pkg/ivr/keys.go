package ivr

import (
	"maps"
	"slices"
	"strconv"
)

// The keys that mean the same everywhere.
const (
	keyPerson    = "0"
	keyEmergency = "8"
	keyAgain     = "9"
	keyAgainToo  = "*"
)

// Digit is told which key was pressed.
func (w *Walker) Digit(d string) Output {
	if w.done || w.asked != AskNothing {
		return Output{} // A recording or a queue takes no keys but its own.
	}
	w.vars["keyed"] = "yes" // Somebody is there: a flow may ask.
	wasSpeaking := w.speaking
	w.speaking = false
	w.after = true
	out := w.key(d)
	out.Stop = wasSpeaking
	return out
}

func (w *Walker) key(d string) Output {
	if w.sorry {
		return w.afterSorry()
	}
	s := w.step()
	switch {
	case s.Collect != nil && len(d) == 1 && d != keyAgainToo && (w.digits != "" || s.Collect.Phone || !slices.Contains(everywhere(), d)):
		return w.collect(d)
	case d == keyPerson && w.host().Person != "":
		return w.leave(w.host().Person)
	case d == keyEmergency && w.host().Emergency != "":
		return w.leave(w.host().Emergency)
	case d == keyAgain || d == keyAgainToo:
		if w.repeats++; w.repeats > maxRepeats {
			return w.give()
		}
		w.digits = "" // Who is half-way through a number begins again.
		return w.say(w.again()...)
	case s.Menu != nil:
		if to, ok := s.Menu[d]; ok {
			return w.enter(to)
		}
		// Where nothing need be chosen, the key may be meant for what follows.
		if behind := w.flow.Steps[s.Silent]; behind != nil && behind.Menu[d] != "" {
			w.enter(s.Silent)
			w.speaking, w.after = false, true
			return w.key(d)
		}
		return w.fail("error.wrong_key")
	case s.Pick != nil:
		n, err := strconv.Atoi(d)
		if err == nil && n > 0 && n == w.more() {
			w.page++
			return w.say(w.prompts()...)
		}
		if choices := w.choices(); err == nil && n >= 1 && n <= len(choices) {
			maps.Copy(w.vars, choices[n-1])
			return w.enter(s.Pick.Next)
		}
		return w.fail("error.wrong_key")
	}
	return w.typeAhead(d)
}

// leave goes to a step of the flow that says what 0 and 8 do, out of the sub-flows in between. There already, it is said
// again.
func (w *Walker) leave(to string) Output {
	if w.flow == w.host() && w.name == to {
		return w.say(w.prompts()...)
	}
	for w.flow.Person == "" && len(w.stack) > 0 {
		w.flow = w.stack[len(w.stack)-1].flow
		w.stack = w.stack[:len(w.stack)-1]
	}
	return w.enter(to)
}

// host is the flow that says what 0 and 8 do: this one, or the one that runs it.
func (w *Walker) host() *Flow {
	if w.flow.Person != "" {
		return w.flow
	}
	for _, f := range slices.Backward(w.stack) {
		if f.flow.Person != "" {
			return f.flow
		}
	}
	return w.flow
}

// typeAhead is a key during something that is only said: it is skipped, and the key counts in what is behind it.
func (w *Walker) typeAhead(d string) Output {
	s := w.step()
	if out, ok := w.act(); ok {
		return w.ahead(d, out)
	}
	return w.ahead(d, w.enter(s.Next))
}

// ahead lets a key count in what a step just entered asks for, or leads to: whoever knows the way types faster than we speak.
// Over a lookup it waits for the answer, and over a queue for whether anybody waits. Where nothing takes it, it has skipped
// one thing that is said and no more.
func (w *Walker) ahead(d string, out Output) Output {
	switch {
	case w.done || d == "#": // That only skips.
		return out
	case w.asked == AskLookup, w.asked == AskFact:
		w.typed = d
		return out
	case w.asked == AskQueue:
		out.Key = d
		return out
	case w.asked != AskNothing || !w.takes(w.flow, w.name, d):
		return out
	}
	w.speaking, w.after = false, true
	return w.key(d)
}

// takes reports whether a key means something at a step, or behind what is only said there.
func (w *Walker) takes(f *Flow, name, d string) bool {
	for range maxTurns {
		s := f.Steps[name]
		switch {
		case s == nil:
			return false
		case s.Menu != nil:
			behind := f.Steps[s.Silent]
			return s.Menu[d] != "" || behind != nil && behind.Menu[d] != ""
		case s.Collect != nil, s.Pick != nil, s.Lookup != nil, s.Queue != nil:
			return true
		case s.Branch != nil:
			name = s.Branch.leads(w.branchValue(s.Branch.On))
		case s.Flow != "":
			if f = w.book.flows[s.Flow]; f == nil {
				return false
			}
			name = f.Start
		case len(s.kinds()) > 0: // It ends here, or records.
			return false
		default:
			name = s.Next
		}
	}
	return false
}

func (w *Walker) collect(d string) Output {
	s := w.step()
	if d == "#" {
		if len(w.digits) >= max(1, s.Collect.Min) {
			return w.collected()
		}
		return w.fail("error.unfinished")
	}
	w.digits += d
	if s.Collect.Max > 0 && len(w.digits) >= s.Collect.Max {
		return w.collected()
	}
	return Output{Wait: w.waits(BetweenDigits)}
}

func (w *Walker) collected() Output {
	s := w.step()
	w.vars[s.Collect.Into] = w.digits
	return w.enter(s.Collect.Next)
}
