package ivr

import (
	"cmp"
	"maps"
	"strconv"
	"time"

	"github.com/rappel-tel/rappel/pkg/roster"
)

// Waits of every dialogue.
const (
	// FirstAnswer is how long a menu waits for a key before it counts a failure.
	FirstAnswer = 10 * time.Second
	// Unforced is how long a menu waits that need not be answered.
	Unforced = 6 * time.Second
	// BetweenDigits is how long the next digit of a number may take.
	BetweenDigits = 5 * time.Second
	// AfterKey is the silence between a key and what is said next.
	AfterKey = 500 * time.Millisecond
	// BetweenSentences is the silence between the sentences of what is said again, beside that which the voice leaves itself.
	BetweenSentences = 250 * time.Millisecond
	// maxFailures in one place lead to a person.
	maxFailures = 2
	// maxRepeats bounds repeating on wish, so that a stuck key ends at a person.
	maxRepeats = 10
	// maxTurns bounds steps without a word or a question: a loop is a mistake of the flow.
	maxTurns = 64
)

// VarWaits is the variable that says how patient a dialogue is: WaitsLonger doubles its waits. While VarSimpler is set, everything is
// said as to somebody who did not catch it.
const (
	VarWaits    = "waits"
	WaitsLonger = "longer"
	VarSimpler  = "simpler"
)

// Walker walks one party through a flow. It is not safe for use by several goroutines and does nothing by itself: every
// method takes what happened and returns what to do.
type Walker struct {
	book  *Book
	flow  *Flow
	name  string // Of the step.
	lang  roster.Language
	vars  Vars
	stack []frame

	speaking bool
	after    bool // A key was pressed just now: be silent for a moment first.
	digits   string
	failures int
	repeats  int
	page     int // Of what is picked, from 0.
	asked    Ask
	typed    string // A key pressed before a lookup, for the menu behind it.
	broken   bool   // The flow has failed once.
	sorry    bool   // That is being said.
	done     bool
}

type frame struct {
	flow *Flow
	next string
}

// NewWalker starts at a flow of the book in a language. The variables are the dialogue's from then on.
func NewWalker(b *Book, flow string, lang roster.Language, vars Vars) *Walker {
	w := &Walker{book: b, flow: b.flows[flow], lang: lang, vars: Vars{}}
	maps.Copy(w.vars, vars)
	return w
}

// Language is the language spoken now.
func (w *Walker) Language() roster.Language { return w.lang }

// Text returns a variable that the flow has set, or "".
func (w *Walker) Text(name string) string {
	s, _ := w.vars[name].(string)
	return s
}

// Int returns a variable that is a number.
func (w *Walker) Int(name string) (n int, ok bool) {
	n, ok = w.vars[name].(int)
	return n, ok
}

// Step names the step the party is at.
func (w *Walker) Step() string { return w.name }

// Begin starts the dialogue.
func (w *Walker) Begin() Output {
	if w.flow == nil {
		return w.rescue()
	}
	return w.enter(w.flow.Start)
}

func (w *Walker) step() *Step { return w.flow.Steps[w.name] }

// enter goes through steps until there is something to say, to wait for or to ask.
func (w *Walker) enter(name string) Output {
	for range maxTurns {
		if name == Return {
			if len(w.stack) == 0 {
				return w.hangup()
			}
			top := w.stack[len(w.stack)-1]
			w.stack = w.stack[:len(w.stack)-1]
			w.flow, name = top.flow, top.next
			continue
		}
		if w.flow.Steps[name] == nil {
			return w.apologise()
		}
		if w.name != name {
			w.failures, w.repeats = 0, 0
		}
		w.page = 0
		w.name, w.digits = name, ""
		s := w.step()
		for k, v := range s.Set {
			w.vars[k] = v
		}
		if s.Language != "" {
			w.lang = s.Language
		}
		switch {
		case s.Branch != nil:
			if onlyHostKnows(s.Branch.On) {
				return w.ask(Output{Ask: AskFact, What: s.Branch.On})
			}
			name = s.Branch.leads(w.branchValue(s.Branch.On))
		case s.Flow != "":
			sub := w.book.flows[s.Flow]
			if sub == nil {
				return w.apologise()
			}
			w.stack = append(w.stack, frame{w.flow, s.Next})
			w.flow, name = sub, sub.Start
		case len(s.Say) > 0 || s.Pick != nil && len(w.choices()) > 0:
			if said := w.prompts(); len(said) > 0 {
				return w.say(said...)
			}
			fallthrough // They depend on what there is.
		default:
			if out, ok := w.act(); ok {
				return out
			}
			name = s.Next
		}
	}
	return w.apologise()
}

// apologise is what follows when the flow itself is wrong, in a way that Check has not seen: it is said, and leads to a person.
// When that is wrong too, the host is asked to help.
func (w *Walker) apologise() Output {
	if w.broken {
		return w.rescue()
	}
	w.broken, w.sorry = true, true
	return w.say(Utterance{Key: "error.ours", Language: w.lang, Vars: w.vars})
}

// afterSorry is where an apology leads, heard or cut short.
func (w *Walker) afterSorry() Output {
	w.sorry = false
	if to := w.failed(); to != "" {
		return w.enter(to)
	}
	return w.rescue()
}

func (w *Walker) rescue() Output {
	w.done = true
	return Output{Ask: AskRescue}
}

func (w *Walker) branchValue(name string) string {
	if name == FactLanguage {
		return string(w.lang)
	}
	switch v := w.vars[name].(type) {
	case string:
		return v
	case int:
		return strconv.Itoa(v)
	default:
		return ""
	}
}

// waits is how long a wait of every dialogue lasts for this party.
func (w *Walker) waits(usual time.Duration) time.Duration {
	if w.vars[VarWaits] == WaitsLonger {
		return 2 * usual
	}
	return usual
}

// act does what the step is for, once its prompts were said. It reports false for a step that only says.
func (w *Walker) act() (Output, bool) {
	s := w.step()
	switch {
	case s.Silent != "":
		return Output{Wait: w.waits(Unforced)}, true
	case s.Menu != nil, s.Pick != nil, s.Collect != nil:
		return Output{Wait: w.waits(FirstAnswer)}, true
	case s.Record != nil:
		r := *s.Record
		if r.Max == 0 {
			r.Max = Duration(2 * time.Minute)
		}
		if r.Silence == 0 {
			r.Silence = Duration(5 * time.Second)
		}
		return w.ask(Output{Ask: AskRecord, Record: r}), true
	case s.Queue != nil:
		return w.ask(Output{Ask: AskQueue, What: s.Queue.For, Callback: s.Queue.Callback != ""}), true
	case s.Lookup != nil:
		return w.ask(Output{Ask: AskLookup, What: s.Lookup.What}), true
	case s.Transfer != nil:
		return w.ask(Output{Ask: AskTransfer, What: w.Text(s.Transfer.To)}), true
	case s.Hangup:
		return w.hangup(), true
	}
	return Output{}, false
}

func (w *Walker) ask(o Output) Output {
	w.asked = o.Ask
	return o
}

func (w *Walker) hangup() Output {
	w.done = true
	return Output{Ask: AskHangup}
}

// Played is told when everything was said.
func (w *Walker) Played() Output {
	if !w.speaking || w.done {
		return Output{}
	}
	w.speaking = false
	if w.sorry {
		return w.afterSorry()
	}
	if out, ok := w.act(); ok {
		return out
	}
	return w.enter(w.step().Next)
}

// Timeout is told when no key came in time.
func (w *Walker) Timeout() Output {
	if w.done || w.speaking || w.asked != AskNothing {
		return Output{}
	}
	if s := w.step(); s.Collect != nil && len(w.digits) >= max(1, s.Collect.Min) {
		return w.collected()
	}
	if s := w.step(); s.Silent != "" {
		return w.enter(s.Silent)
	}
	// A telephone number takes every digit; one that stays alone was none of a number.
	switch host := w.host(); {
	case w.digits == keyPerson && host.Person != "":
		return w.leave(host.Person)
	case w.digits == keyEmergency && host.Emergency != "":
		return w.leave(host.Emergency)
	}
	if w.digits != "" {
		return w.fail("error.unfinished")
	}
	return w.fail("error.silence")
}

// fail counts a failure: the first is explained and the question put again, the second leads to a person.
func (w *Walker) fail(prompt string) Output {
	w.failures++
	if w.failures >= maxFailures {
		return w.give()
	}
	w.digits = ""
	return w.say(append([]Utterance{{Key: prompt, Language: w.lang, Vars: w.vars}}, w.again()...)...)
}

// give leads to a person after failures, or out of a dialogue that has none.
func (w *Walker) give() Output {
	if to := w.failed(); to != "" && w.name != to {
		return w.enter(to)
	}
	return w.hangup()
}

func (w *Walker) failed() string {
	return w.withPerson().afterFailures()
}

// withPerson leaves sub-flows that name nobody.
func (w *Walker) withPerson() *Flow {
	for w.flow.Person == "" && w.flow.Failed == "" && len(w.stack) > 0 {
		w.flow = w.stack[len(w.stack)-1].flow
		w.stack = w.stack[:len(w.stack)-1]
	}
	return w.flow
}

// Machine is told that an answering machine listens: what the flow says to one begins, or begins again. It changes nothing for
// a flow that has no step for it, and none once a key was pressed: then somebody is there.
func (w *Walker) Machine() Output {
	if w.done || w.asked != AskNothing || w.flow.Machine == "" || w.has("keyed") {
		return Output{}
	}
	wasSpeaking := w.speaking
	w.speaking, w.after = false, false
	out := w.enter(w.flow.Machine)
	out.Stop = wasSpeaking
	return out
}

// Answered is told what became of an Ask, with variables that become the dialogue's.
func (w *Walker) Answered(name string, vars Vars) Output {
	asked := w.asked
	typed := w.typed
	w.asked, w.typed = AskNothing, ""
	if w.done || asked == AskNothing {
		return Output{}
	}
	maps.Copy(w.vars, vars)
	s := w.step()
	var to string
	switch asked { //nolint:exhaustive // The others are not answered.
	case AskLookup:
		if to = s.Lookup.To[name]; to == "" {
			to = s.Lookup.To[AnswerFailed]
		}
	case AskFact:
		to = s.Branch.leads(name)
	case AskRecord:
		switch name {
		case AnswerKept:
			to = s.Record.Kept
		case AnswerFailed:
			to = cmp.Or(s.Record.Failed, s.Record.Empty)
		case AnswerFull:
			to = cmp.Or(s.Record.Full, s.Record.Empty)
		default:
			to = s.Record.Empty
		}
	case AskTransfer:
		if to = s.Transfer.Nobody; name == AnswerTalked {
			to = s.Transfer.Talked
		}
	case AskQueue:
		switch {
		case name == AnswerTalked:
			to = s.Queue.Talked
		case name == AnswerCallback && s.Queue.Callback != "":
			to = s.Queue.Callback
		default:
			to = s.Queue.Nobody
		}
	}
	out := w.enter(to)
	if typed != "" {
		return w.ahead(typed, out)
	}
	return out
}
