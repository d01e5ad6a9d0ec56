package ivr

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/rappel-tel/rappel/pkg/roster"
)

// Place is where a party spends time in a dialogue: at a step that says something or waits for a key (Does is AskNothing), or
// while she is recorded, waits in the queue, or somebody's phone rings for her.
type Place struct {
	Flow, Step string
	Does       Ask
}

// String names it as "flow step", and what she does there.
func (p Place) String() string {
	return strings.TrimSpace(p.Flow + " " + p.Step + " " + string(p.Does))
}

// Place is where the party is now, while she does what the walker has asked for last.
func (w *Walker) Place(does Ask) Place {
	if w.flow == nil {
		return Place{Does: does}
	}
	return Place{w.flow.Name, w.name, does}
}

// Places lists every place of every flow, sorted. Nobody need be able to come there.
func (b *Book) Places() []Place {
	var out []Place
	for _, f := range b.flows {
		for name, s := range f.Steps {
			if len(s.Say) > 0 || s.listens() {
				out = append(out, Place{f.Name, name, AskNothing})
			}
			if does := s.takesTime(); does != AskNothing {
				out = append(out, Place{f.Name, name, does})
			}
		}
	}
	slices.SortFunc(out, func(x, y Place) int { return cmp.Compare(x.String(), y.String()) })
	return out
}

// takesTime is what the step asks for that lasts.
func (s *Step) takesTime() Ask {
	switch {
	case s.Record != nil:
		return AskRecord
	case s.Queue != nil:
		return AskQueue
	case s.Transfer != nil:
		return AskTransfer
	default:
		return AskNothing
	}
}

// Search says where ways through a dialogue begin, and what answers it.
type Search struct {
	Flow     string
	Language roster.Language
	Vars     Vars
	// Answer is what the host answers to a lookup, a queue or a transfer, with variables. It depends on the walker's variables
	// alone. "" lets the party wait: for her turn, for ringing to end.
	Answer func(o Output, w *Walker) (string, Vars)
	// Typed is what may be typed where several digits are asked for, by the variable that takes them.
	Typed map[string][]string
	// Keep names variables besides those that flows branch on, on which Answer depends.
	Keep []string
	// Patient has the party wait for menus to give up, too: then NoKey is among the words of a way.
	Patient bool
}

// Way is how a party comes to a place: words in order. A word is one or several keys, which count when they are typed into
// whatever is said; NoKey; or, once a recording runs, AnswerKept (she speaks, and ends it) or AnswerEmpty (she ends it at once).
type Way struct {
	Words []string
	Say   []Utterance // What is said to her there.
}

// Ways finds a shortest way to every place that can be reached. Whoever goes it as fast as she can type comes to the same place
// as whoever listens first.
func (b *Book) Ways(s Search) map[Place]Way {
	x := &explorer{search: s, decides: append(b.decides(), s.Keep...), seen: map[string]bool{}, ways: map[Place]Way{}}
	w := NewWalker(b, s.Flow, s.Language, s.Vars)
	x.come(w, w.Begin(), nil)
	for len(x.todo) > 0 {
		at := x.todo[0]
		x.todo = x.todo[1:]
		x.leave(at)
	}
	return x.ways
}

// decides lists the variables that flows branch on.
func (b *Book) decides() []string {
	names := map[string]bool{}
	for _, f := range b.flows {
		for _, s := range f.Steps {
			if s.Branch != nil {
				names[s.Branch.On] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// explorer walks every way at once, the shortest first.
type explorer struct {
	search  Search
	decides []string
	seen    map[string]bool
	ways    map[Place]Way
	todo    []rest
}

// rest is a walker that waits for the party to do something.
type rest struct {
	walker *Walker
	out    Output
	words  []string
}

// come takes what a walker does until the party is to do something, and notes the places on the way.
func (x *explorer) come(w *Walker, out Output, words []string) {
	key := ""
	for {
		switch {
		case out.Ask == AskHangup, out.Ask == AskRescue:
			return
		case out.Ask == AskRecord:
			x.stay(w, out, words)
			return
		case out.Ask != AskNothing:
			answer, vars := w.branchValue(out.What), Vars(nil)
			if out.Ask != AskFact {
				answer, vars = x.search.Answer(out, w)
			}
			if answer == "" && out.Ask != AskFact {
				x.stay(w, out, words)
				return
			}
			key = out.Key
			out = w.Answered(answer, vars)
		case key != "":
			key, out = "", w.Digit(key)
		default:
			x.note(w.Place(AskNothing), words, out.Say)
			x.stay(w, out, words)
			return
		}
	}
}

func (x *explorer) note(p Place, words []string, say []Utterance) {
	if _, known := x.ways[p]; !known {
		x.ways[p] = Way{words, say}
	}
}

// stay remembers a rest that is unlike those before.
func (x *explorer) stay(w *Walker, out Output, words []string) {
	if out.Ask != AskNothing {
		x.note(w.Place(out.Ask), words, nil)
	}
	var like strings.Builder
	fmt.Fprint(&like, w.Place(out.Ask), " ", w.failures)
	for _, f := range w.stack {
		fmt.Fprint(&like, " ", f.flow.Name, f.next)
	}
	for _, name := range x.decides {
		fmt.Fprintf(&like, " %v", w.vars[name])
	}
	if !x.seen[like.String()] {
		x.seen[like.String()] = true
		x.todo = append(x.todo, rest{w, out, words})
	}
}

// leave goes on from a rest by everything that the party may do there.
func (x *explorer) leave(at rest) {
	then := func(word string, do func(*Walker) Output) {
		w := *at.walker
		w.vars, w.stack = maps.Clone(w.vars), slices.Clone(w.stack)
		x.come(&w, do(&w), append(slices.Clone(at.words), word))
	}
	s := at.walker.step()
	switch at.out.Ask { //nolint:exhaustive // She waits for nothing else.
	case AskRecord:
		for _, answer := range []string{AnswerKept, AnswerEmpty} {
			then(answer, func(w *Walker) Output {
				return w.Answered(answer, Vars{"name": map[string]string{AnswerKept: "registrations/x-1"}[answer]})
			})
		}
		return
	case AskQueue:
		if at.out.Callback {
			then("1", func(w *Walker) Output { return w.Answered(AnswerCallback, nil) })
		}
		return
	case AskTransfer:
		return
	}
	words := []string{"#", "0", "8"}
	switch {
	case s.Collect != nil:
		words = append(slices.Clone(x.search.Typed[s.Collect.Into]), "8")
	case s.Pick != nil:
		words = append(words, "1", "2")
		if more := at.walker.more(); more > 0 {
			words = append(words, strconv.Itoa(more))
		}
	default:
		words = append(words, "1", "2", "3", "4", "5", "6", "7")
	}
	for _, word := range words {
		then(word, func(w *Walker) Output {
			var out Output
			for _, key := range word {
				out = w.Digit(string(key))
			}
			return out
		})
	}
	if x.search.Patient && s.listens() {
		then(NoKey, func(w *Walker) Output {
			w.Played()
			return w.Timeout()
		})
	}
}
