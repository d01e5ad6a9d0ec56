package ivr

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/roster"
)

// souls walk every way through a dialogue, whatever the host answers to what.
type souls struct {
	t       *testing.T
	book    *Book
	flow    *Flow
	decides map[string][]string // What each flow branches on. A part of the dialogue is told that anew whenever it begins.
	seen    map[string]bool
	todo    []rest
	met     int // Lookups that failed on the way.
}

// told is every variable that a host may bring along, with every answer.
func told() Vars {
	now := time.Date(2026, 11, 23, 15, 0, 0, 0, time.UTC)
	v := change(now, "")
	delete(v, "asked")
	maps.Copy(v, Vars{
		"at": now, "callback_number": "081247454", "register_number": "081247454", "register_days": []time.Weekday{time.Monday}, "service": "x",
		"times":     []Vars{{"to_opens": now, "to_closes": now}},
		"topics":    []Vars{{"topic": "a", "title": "a"}, {"topic": "b", "title": "b"}},
		"questions": []Vars{{"question": "a", "title": "a"}, {"question": "b", "title": "b"}},
		"parts":     []Vars{{"part": "a"}},
	})
	return v
}

// answer is one that a host may give.
type answer struct {
	name string
	vars Vars
}

// answers are all that the host may give to what a walker asks for.
func (x *souls) answers(w *Walker, out Output) (list []answer) {
	s := w.step()
	names := map[Ask][]string{
		AskQueue: {AnswerTalked, AnswerNobody, AnswerCallback}, AskTransfer: {AnswerTalked, AnswerNobody},
		AskRecord: {AnswerKept, AnswerEmpty, AnswerFailed, AnswerFull},
	}[out.Ask]
	switch out.Ask { //nolint:exhaustive // The others are above.
	case AskLookup:
		names = slices.Sorted(maps.Keys(s.Lookup.To))
	case AskFact:
		if names = FactValues(out.What); out.What == FactQueue {
			names = []string{"0", "7"}
		}
		names = append(slices.Clone(names), AnswerFailed)
	}
	with := func(name string, more Vars) {
		vars := told()
		maps.Copy(vars, more)
		list = append(list, answer{name, vars})
	}
	for _, name := range names {
		switch {
		case out.What == LookupAppointments && name == "one":
			with(name, Vars{"window": "around", "changeable": Yes})
			with(name, Vars{"window": "between", "changeable": No})
			with(name, Vars{"window": "none"})
		case out.What == LookupAppointments && name == "several":
			with(name, Vars{"people": []Vars{{"name": "Rose", "window": "around", "changeable": Yes}, {"name": "Denis", "window": "none"}}})
		case out.What == LookupAnswer && name == "said":
			with(name, Vars{"transfer": ""})
			with(name, Vars{"transfer": "+33199000000"})
		case out.What == LookupBegin && name == "own":
			with(name, Vars{"own_number": Yes, "registered": ""})
		case out.What == LookupAsked && name != "none":
			with(name, Vars{"asked": name})
		default:
			with(name, nil)
		}
	}
	return list
}

// copyOf is a walker that goes another way from here.
func copyOf(w *Walker) *Walker {
	other := *w
	other.vars, other.stack = maps.Clone(w.vars), slices.Clone(w.stack)
	return &other
}

// come takes what a walker does until somebody may press a key.
func (x *souls) come(w *Walker, out Output) {
	switch {
	case out.Ask == AskHangup:
	case out.Ask == AskRescue:
		require.Fail(x.t, "a flow that ships is broken", "%s at %s", x.flow.Name, w.Step())
	case out.Ask != AskNothing:
		if x.helps(w, out, "") {
			w.vars["helped"] = Yes
		}
		for _, a := range x.answers(w, out) {
			if a.name == "bad" {
				require.NotEmpty(x.t, w.step().Lookup.To["often"], "%s: it is mistyped for ever", w.Step())
			}
			then := copyOf(w)
			next := then.Answered(a.name, a.vars)
			if x.helps(w, out, a.name) {
				then.vars["helped"] = Yes
			}
			if a.name == AnswerFailed && x.flow.Machine == "" && w.vars["helped"] == nil && !w.flow.Staff {
				x.met++
				lost := copyOf(then)
				x.silence(lost, next, fmt.Sprintf("%s failed at %s %s", out.What, w.flow.Name, w.Step()))
			}
			x.come(then, next)
		}
	default:
		var like strings.Builder
		fmt.Fprint(&like, w.Place(AskNothing), w.failures, w.page, w.vars["helped"], w.vars["keyed"])
		for _, f := range slices.Concat(w.stack, []frame{{flow: w.flow}}) {
			fmt.Fprint(&like, " ", f.flow.Name, f.next)
			for _, name := range x.decides[f.flow.Name] {
				fmt.Fprintf(&like, " %v", w.vars[name])
			}
		}
		if !x.seen[like.String()] {
			x.seen[like.String()] = true
			x.todo = append(x.todo, rest{walker: w, out: out})
		}
	}
}

// helps reports whether a person is rung, a message taken, or a call back kept, by what is asked for or answered.
func (x *souls) helps(w *Walker, out Output, answered string) bool {
	switch out.Ask { //nolint:exhaustive // The others are no help.
	case AskQueue, AskTransfer:
		return true
	case AskRecord:
		return out.Record.What == ""
	case AskLookup:
		return answered != "" && answered == helpedBy(out.What)
	}
	return false
}

// silence follows somebody who presses nothing any more: before the call ends somebody is asked for help, or a call of ours has its answer,
// or had none at all and is tried again.
func (x *souls) silence(w *Walker, out Output, why string) {
	for range 200 {
		switch {
		case out.Ask == AskHangup:
			ours := x.flow.Machine != "" && (!w.has("keyed") || w.has("answer"))
			require.True(x.t, ours || w.has("helped"), "%s: %s; the call ends at %s", x.flow.Name, why, w.Step())
			return
		case out.Ask != AskNothing:
			if x.helps(w, out, "") {
				return
			}
			for _, a := range x.answers(w, out) {
				if then := copyOf(w); !x.helps(w, out, a.name) {
					next := then.Answered(a.name, a.vars)
					x.silence(then, next, why+", "+out.What+" "+a.name)
				}
			}
			return
		case len(out.Say) > 0:
			out = w.Played()
		default:
			out = w.Timeout()
		}
	}
	require.Fail(x.t, "it never ends", "%s: %s", x.flow.Name, why)
}

// failures are what somebody may do at a step that is no answer to it.
func (x *souls) failures(w *Walker) (list []string) {
	s := w.step()
	if s.Silent == "" {
		list = append(list, NoKey)
	}
	switch {
	case s.Collect != nil:
		return append(list, "#")
	case s.Pick != nil:
		return append(list, "7")
	}
	for key := range strings.SplitSeq("1234567#", "") {
		behind := w.flow.Steps[s.Silent]
		if s.Menu[key] == "" && (behind == nil || behind.Menu[key] == "") {
			return append(list, key)
		}
	}
	return list
}

// does is something that somebody does at a step that waits for a key.
func does(w *Walker, word string) Output {
	if word == NoKey {
		w.Played()
		return w.Timeout()
	}
	return w.Digit(word)
}

// TestTwoFailuresLeadToAPerson: in every flow that ships, at every step that asks for something, in every state of the world: who presses a
// wrong key twice, or none, or one of each, and nothing more, is led to a person, or leaves a message, or is called back; and so is who
// presses nothing from the beginning, and whom a mistake of ours has met.
func TestTwoFailuresLeadToAPerson(t *testing.T) {
	t.Parallel()
	book := shipped(t)
	begin := map[string][]Vars{
		"registration": {
			{}, {"cli": "known", "callback_number": "081247454"}, {"straight": "person"}, {"rings": "both", "colleague": 0},
			{"rings": "caller", "whose": "several", "colleagues": []Vars{{"name": "Rose"}, {"name": "Denis"}}},
		},
		"reminder": {{"window": "around", "changeable": Yes}, {"window": "between", "changeable": No}},
		"outreach": {{"cli": "known"}, {"resumed": "register"}, {"scheme": "Rose"}},
	}
	decides := map[string][]string{}
	for name, f := range book.flows {
		for _, s := range f.Steps {
			if s.Branch != nil && !slices.Contains(decides[name], s.Branch.On) {
				decides[name] = append(decides[name], s.Branch.On)
			}
		}
	}
	for _, name := range book.Flows() {
		f := book.flows[name]
		if f.Person == "" {
			continue // It is a part of others, or callers' own.
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := &souls{t: t, book: book, flow: f, decides: decides, seen: map[string]bool{}}
			begins := begin[name]
			if begins == nil {
				begins = []Vars{{}}
			}
			for _, vars := range begins {
				w := NewWalker(book, name, roster.French, vars)
				out := w.Begin()
				x.come(w, out)
				if f.Machine != "" {
					w = NewWalker(book, name, roster.French, vars)
					w.Begin()
					out = w.Machine()
					x.come(w, out)
				}
				w = NewWalker(book, name, roster.French, vars)
				out = w.Begin()
				x.silence(w, out, "no key at all")
			}
			asked := 0
			for len(x.todo) > 0 {
				at := x.todo[0]
				x.todo = x.todo[1:]
				s := at.walker.step()
				if !s.listens() {
					w := copyOf(at.walker)
					out := w.Played()
					x.come(w, out)
					continue
				}
				if !at.walker.flow.Staff && at.walker.failures == 0 {
					asked++
					x.failing(at.walker)
				}
				words := strings.Split("01234567#", "")
				if s.Collect != nil {
					words = []string{"12345#", "0499001122#", "8"}
				}
				for _, word := range append(words, NoKey) {
					w, out := copyOf(at.walker), Output{}
					if word == NoKey {
						out = does(w, word)
					} else {
						for _, key := range word {
							out = w.Digit(string(key))
						}
					}
					x.come(w, out)
				}
			}
			require.Positive(t, asked)
			t.Logf("failed twice in %d states of %d; %d failures of ours", asked, len(x.seen), x.met)
		})
	}
}

// failing has somebody fail twice where a walker is.
func (x *souls) failing(at *Walker) {
	for _, first := range x.failures(at) {
		for _, second := range x.failures(at) {
			w := copyOf(at)
			delete(w.vars, "helped")
			delete(w.vars, "answer")
			where := fmt.Sprintf("%s, then %s at %s %s", first, second, w.flow.Name, w.Step())
			out := does(w, first)
			require.NotEmpty(x.t, out.Say, where)
			require.Equal(x.t, at.Step(), w.Step(), "%s: it is explained and asked again", where)
			out = does(w, second)
			x.silence(w, out, where)
		}
	}
}
