package ivr

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/rappel-tel/rappel/pkg/roster"
)

// maxOptions is how many keys a menu may offer besides 0, 9 and *: more are not remembered. Those who hear the menu every
// day know them.
const (
	maxOptions      = 4
	maxStaffOptions = 8
)

// lookups is what a flow may look up.
func lookups() []string {
	return []string{
		LookupAppointments, LookupReady, LookupReadyOnce, LookupBreak, LookupOff, LookupNextCall, LookupProposed,
	}
}

// maxPromptRunes is about twelve seconds of speech, longer than which is not followed.
const maxPromptRunes = 260

// Problem is one thing that is wrong with a flow or its prompts.
type Problem struct {
	File string
	Line int // 0 when it belongs to no line.
	Text string
}

// Error says file, line and problem.
func (p Problem) Error() string { return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Text) }

// Check finds steps that lead nowhere or are never reached, unknown flows, keys with another meaning than everywhere else,
// and prompts that are missing in a language or too long. The result is sorted by file and line.
func (b *Book) Check() []Problem {
	var out []Problem
	for _, name := range b.Flows() {
		out = append(out, b.checkFlow(b.flows[name])...)
	}
	out = append(out, b.checkStandard()...)
	slices.SortFunc(out, func(x, y Problem) int {
		if c := strings.Compare(x.File, y.File); c != 0 {
			return c
		}
		if x.Line != y.Line {
			return x.Line - y.Line
		}
		return strings.Compare(x.Text, y.Text)
	})
	return slices.Compact(out)
}

// standardPrompts are said by the walker itself.
func standardPrompts() []string {
	return []string{"error.silence", "error.wrong_key"}
}

func (b *Book) checkStandard() []Problem {
	var out []Problem
	for _, key := range standardPrompts() {
		out = append(out, b.checkPrompt("prompts", 0, Prompt{Key: key})...)
	}
	return out
}

func (b *Book) checkFlow(f *Flow) []Problem {
	var out []Problem
	bad := func(line int, format string, args ...any) {
		out = append(out, Problem{f.file, line, fmt.Sprintf(format, args...)})
	}
	if f.Name == "" {
		bad(1, "the flow has no name (flow: …)")
	}
	for field, to := range map[string]string{"start": f.Start, "person": f.Person, "failed": f.Failed} {
		if to != "" && f.Steps[to] == nil || to == "" && field == "start" {
			bad(1, "%s names no step: %q", field, to)
		}
	}
	reached := b.reach(f)
	for _, name := range slices.Sorted(maps.Keys(f.Steps)) {
		s, line := f.Steps[name], f.lines[name]
		if !reached[name] {
			bad(line, "step %s is never reached", name)
		}
		for _, to := range s.targets() {
			if to != Return && f.Steps[to] == nil {
				bad(line, "step %s leads to %s, which does not exist", name, to)
			}
		}
		for _, problem := range s.problems(b, f) {
			bad(line, "step %s %s", name, problem)
		}
		out = append(out, b.checkPrompts(f, name, s)...)
	}
	return out
}

func (b *Book) reach(f *Flow) map[string]bool {
	reached := map[string]bool{}
	todo := []string{f.Start, f.Person, f.Failed}
	for len(todo) > 0 {
		name := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if reached[name] || f.Steps[name] == nil {
			continue
		}
		reached[name] = true
		todo = append(todo, f.Steps[name].targets()...)
	}
	return reached
}

// problems are what is wrong with the step by itself.
func (s *Step) problems(b *Book, f *Flow) []string {
	most := maxOptions
	if f.Staff {
		most = maxStaffOptions
	}
	var out []string
	bad := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if s.Language != "" && !slices.Contains(roster.Languages(), s.Language) {
		bad("has an unknown language %q", s.Language)
	}
	for _, key := range slices.Sorted(maps.Keys(s.Menu)) {
		switch {
		case key == "0" || key == "9" || key == "*":
			bad("uses key %s, which means the same everywhere (0 a person, 9 and * again)", key)
		case len(key) != 1 || !strings.Contains("12345678#", key):
			bad("has %q for a key", key)
		}
	}
	switch {
	case s.Menu != nil:
		if len(s.Menu) == 0 || len(s.Menu) > most {
			bad("offers %d keys, not 1 to %d", len(s.Menu), most)
		}
		if len(s.Say) == 0 {
			bad("is a menu that says nothing")
		}
	case s.Collect != nil:
		if s.Collect.Into == "" || s.Collect.Next == "" || s.Collect.Max < 1 || s.Collect.Min > s.Collect.Max {
			bad("needs into, next, and max not below min")
		}
	case s.Pick != nil:
		if s.Pick.From == "" || s.Pick.Each == "" || s.Pick.Next == "" {
			bad("needs from, each and next")
		}
	case s.Record != nil:
		if s.Record.Kept == "" || s.Record.Empty == "" {
			bad("needs kept and empty")
		}
	case s.Queue != nil:
		if s.Queue.For != "registrar" || s.Queue.Nobody == "" || s.Queue.Talked == "" {
			bad("needs for: registrar, nobody and talked")
		}
	case s.Lookup != nil:
		if !slices.Contains(lookups(), s.Lookup.What) || s.Lookup.To[AnswerFailed] == "" {
			bad("needs what (%s), and where %q leads", strings.Join(lookups(), ", "), AnswerFailed)
		}
	case s.Branch != nil:
		if s.Branch.On == "" || s.Branch.Else == "" {
			bad("needs on and else")
		}
	case s.Transfer != nil:
		if s.Transfer.Context == "" || s.Transfer.Extension == "" {
			bad("needs context and extension")
		}
	case s.Flow != "":
		if !b.Has(s.Flow) {
			bad("runs %s, which does not exist", s.Flow)
		}
		if s.Next == "" {
			bad("is a dead end: it has no next")
		}
	case !s.Hangup && s.Next == "":
		bad("is a dead end: it has no next")
	}
	return out
}

func (b *Book) checkPrompts(f *Flow, name string, s *Step) []Problem {
	var out []Problem
	prompts := s.Say
	if s.Pick != nil && s.Pick.Each != "" {
		prompts = append(slices.Clone(prompts), Prompt{Key: s.Pick.Each})
	}
	for _, p := range prompts {
		out = append(out, b.checkPrompt(f.file, f.lines[name], p)...)
		switch {
		case (p.With == "") != (p.Else == ""):
			out = append(out, Problem{f.file, f.lines[name], fmt.Sprintf("prompt %s has one of with and else, not both", p.Key)})
		case p.Else != "":
			out = append(out, b.checkPrompt(f.file, f.lines[name], Prompt{Key: p.Else, In: p.In})...)
		}
	}
	return out
}

func (b *Book) checkPrompt(file string, line int, p Prompt) []Problem {
	langs := roster.Languages()
	if p.In != "" {
		langs = []roster.Language{p.In}
	}
	var out []Problem
	for _, lang := range langs {
		switch {
		case !b.prompts.Has(lang, p.Key):
			out = append(out, Problem{file, line, fmt.Sprintf("prompt %s is missing in %q", p.Key, lang)})
		case utf8.RuneCountInString(b.prompts.prompts[p.Key].texts[lang]) > maxPromptRunes:
			out = append(out, Problem{file, line, fmt.Sprintf("prompt %s is longer than twelve seconds in %q", p.Key, lang)})
		}
	}
	return out
}
