package ivr

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rappel-tel/rappel/pkg/call"
)

// checkHelped finds where two failures, or key 0, end the call before anybody was asked for help: neither a person's phone has rung,
// nor may she leave a message, nor is she called back. Callers' own dialogues may just end.
func (b *Book) checkHelped(f *Flow) []Problem {
	if f.Staff {
		return nil
	}
	var out []Problem
	for _, from := range []struct{ why, step string }{{"two failures lead", f.afterFailures()}, {"key 0 leads", f.Person}} {
		keyed := []string{Yes}
		if f.Machine == "" { // Nobody rings her again who has rung and pressed nothing.
			keyed = append(keyed, "")
		}
		for _, k := range keyed {
			s := strands{book: b, seen: map[string]bool{}}
			if at := s.follow(stand{flow: f, name: from.step, known: map[string]string{"keyed": k, "answer": ""}}); at != "" {
				out = append(out, Problem{f.file, f.lines[from.step], fmt.Sprintf(
					"%s to step %s, where the call ends without a queue, a message, a transfer or a callback", from.why, at,
				)})
				break
			}
		}
	}
	return out
}

// strands follows somebody who presses nothing any more, whatever the host answers.
type strands struct {
	book *Book
	seen map[string]bool
}

// stand is where she is, with the variables that are known.
type stand struct {
	flow  *Flow
	name  string
	stack []frame
	known map[string]string
}

func (at stand) to(name string) stand {
	at.name = name
	return at
}

// follow returns the step at which the call ends before somebody was asked for help; "" when it does not.
func (s *strands) follow(at stand) string {
	for at.name == Return && len(at.stack) > 0 {
		top := at.stack[len(at.stack)-1]
		at.flow, at.name, at.stack = top.flow, top.next, at.stack[:len(at.stack)-1]
	}
	step := at.flow.Steps[at.name]
	var like strings.Builder
	fmt.Fprint(&like, at.flow.Name, " ", at.name, " ", at.known)
	for _, f := range at.stack {
		fmt.Fprint(&like, " ", f.flow.Name, " ", f.next)
	}
	if step == nil || s.seen[like.String()] {
		return "" // What leads nowhere, or round and round, is a problem of its own.
	}
	s.seen[like.String()] = true
	if len(step.Set) > 0 {
		at.known = maps.Clone(at.known)
		maps.Copy(at.known, step.Set)
	}
	if at.known["answer"] == call.AnswerCallBack && at.known["survey"] == "" || step.asksForHelp() {
		return ""
	}
	if step.Hangup {
		return at.name
	}
	for _, next := range s.silently(at, step) {
		if end := s.follow(next); end != "" {
			return end
		}
	}
	return ""
}

// silently lists where somebody comes from a step who presses nothing.
func (s *strands) silently(at stand, step *Step) []stand {
	var out []stand
	switch {
	case step.listens() && step.Silent == "":
		for at.flow.afterFailures() == "" && len(at.stack) > 0 {
			at.flow, at.stack = at.stack[len(at.stack)-1].flow, at.stack[:len(at.stack)-1]
		}
		return []stand{at.to(at.flow.afterFailures())}
	case step.Flow != "":
		sub := s.book.flows[step.Flow]
		if sub == nil {
			return nil
		}
		at.stack = append(slices.Clone(at.stack), frame{at.flow, step.Next})
		at.flow = sub
		return []stand{at.to(sub.Start)}
	case step.Branch != nil:
		if value, known := at.known[step.Branch.On]; known {
			return []stand{at.to(step.Branch.leads(value))}
		}
	}
	for _, e := range step.edges() {
		if !e.key && (step.Lookup == nil || e.label != helpedBy(step.Lookup.What)) {
			out = append(out, at.to(e.to))
		}
	}
	return out
}

// asksForHelp reports whether a person is rung at the step, or a message taken for one.
func (s *Step) asksForHelp() bool {
	return s.Queue != nil || s.Transfer != nil || s.Record != nil && s.Record.What == ""
}

// helpedBy is the answer to a lookup that means that a person will call; "" when none does.
func helpedBy(lookup string) string {
	switch lookup {
	case LookupCallback:
		return "promised"
	case LookupInterested:
		return "done"
	default:
		return ""
	}
}
