package ivr

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/rappel-tel/rappel/pkg/roster"
)

// What is remembered of a menu, and of the way to it, by those who do not hear it every day.
const (
	// maxOptions is how many keys a menu may offer besides those that mean the same everywhere.
	maxOptions      = 4
	maxStaffOptions = 7
	// maxDepth is how many menus may follow the choice of a topic.
	maxDepth = 2
)

// own reports whether a menu may give the key a meaning of its own.
func own(key string) bool { return len(key) == 1 && strings.Contains("1234567#", key) }

// everywhere are the keys that mean the same in every flow and are not for a menu to use.
func everywhere() []string { return []string{keyPerson, keyEmergency, keyAgain, keyAgainToo} }

// lookups is what a flow may look up.
func lookups() []string {
	return []string{
		LookupAppointments, LookupReady, LookupReadyOnce, LookupBreak, LookupOff, LookupNextCall, LookupProposed,
		LookupBegin, LookupHerNumber, LookupDays, LookupRegister, LookupForget, LookupNumber, LookupCallback, LookupCallToday, LookupTopics, LookupQuestions, LookupAnswer,
		LookupConfirm, LookupOtherTimes, LookupAwayFrom, LookupBack, LookupAskChange, LookupAsked, LookupAgree, LookupRefuse, LookupNeverAgain, LookupInterested,
		LookupConsentDue, LookupConsentAgreed, LookupConsentRefused, LookupConsentLater,
	}
}

// MaxPrompt is how many letters a prompt has at most: about twelve seconds of speech, longer than which is not followed.
const MaxPrompt = 260

// Problem is one thing that is wrong with a flow or its prompts.
type Problem struct {
	File string
	Line int // 0 when it belongs to no line.
	Text string
}

// Error says file, line and problem.
func (p Problem) Error() string { return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Text) }

// Check finds steps that lead nowhere or are never reached, loops in which nobody is asked anything, unknown flows, keys with
// another meaning than everywhere else, menus that say other keys than they offer, and prompts that are missing in a language
// or too long. It names some flows or, without a name, checks all of them. The result is sorted by file and line.
func (b *Book) Check(flows ...string) []Problem {
	var out []Problem
	if len(flows) == 0 {
		flows = b.Flows()
		out = b.checkStandard()
	}
	for _, name := range flows {
		out = append(out, b.checkFlow(b.flows[name])...)
	}
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
	return []string{"error.silence", "error.wrong_key", "error.unfinished", "error.ours"}
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
	if problem := f.NameProblem(); problem != "" {
		bad(1, "%s", problem)
	}
	for field, to := range map[string]string{
		"start": f.Start, "person": f.Person, "emergency": f.Emergency, "failed": f.Failed,
		"machine": f.Machine,
	} {
		if to != "" && f.Steps[to] == nil || to == "" && field == "start" {
			bad(1, "%s names no step: %q", field, to)
		}
	}
	if f.Person != "" && f.Emergency == "" {
		bad(1, "key 8 leads nowhere: emergency names the step that says what to do when a life is in danger")
	}
	if f.listens() && f.afterFailures() == "" && !b.runByOthers(f) {
		bad(1, "nothing follows two failures: person or failed names the step")
	}
	if f.listens() && f.Person == "" && !f.Staff && !b.runByOthers(f) {
		bad(1, "key 0 leads to nobody: person names the step")
	}
	out = append(out, b.checkOwn(f)...)
	out = append(out, b.checkHelped(f)...)
	reached := f.reach((*Step).ways, f.Start, f.Person, f.Emergency, f.Failed, f.Machine)
	depths := f.depths()
	for _, name := range slices.Sorted(maps.Keys(f.Steps)) {
		s, line := f.Steps[name], f.lines[name]
		if !reached[name] {
			bad(line, "step %s is never reached", name)
		}
		for _, e := range s.edges() {
			if e.to != Return && f.Steps[e.to] == nil {
				bad(line, "step %s leads to %s, which does not exist", name, e.to)
			}
		}
		for _, problem := range s.problems(b, f) {
			bad(line, "step %s %s", name, problem)
		}
		if f.loops(name) {
			bad(line, "step %s leads back to itself without a key being pressed", name)
		}
		if depths[name] > maxDepth && !f.Staff && !f.Form {
			bad(line, "step %s is menu %d under its topic, more than %d", name, depths[name], maxDepth)
		}
		out = append(out, b.checkPrompts(f, name, s)...)
	}
	return out
}

// checkOwn finds prompts of the flow that another flow gives other words.
func (b *Book) checkOwn(f *Flow) []Problem {
	var out []Problem
	for _, key := range slices.Sorted(maps.Keys(f.Prompts)) {
		for _, name := range b.Flows() {
			if texts, too := b.flows[name].Prompts[key]; too && !maps.Equal(texts, f.Prompts[key]) {
				out = append(out, Problem{f.file, f.promptLines[key], fmt.Sprintf("prompt %s says something else in flow %s", key, name)})
			}
		}
	}
	return out
}

// runByOthers reports whether the flow is a part of others, all of which say what 0 and two failures lead to, or are parts of such
// themselves.
func (b *Book) runByOthers(f *Flow) bool {
	seen := map[string]bool{}
	var part func(name string) bool
	part = func(name string) bool {
		seen[name] = true
		run := false
		for _, other := range b.flows {
			for _, s := range other.Steps {
				if s.Flow != name {
					continue
				}
				if run = true; other.Person == "" && !seen[other.Name] && !part(other.Name) {
					return false
				}
			}
		}
		return run
	}
	return part(f.Name)
}

// reach follows ways from some steps on.
func (f *Flow) reach(ways func(*Step) []string, from ...string) map[string]bool {
	reached := map[string]bool{}
	for len(from) > 0 {
		name := from[len(from)-1]
		from = from[:len(from)-1]
		if !reached[name] && f.Steps[name] != nil {
			reached[name] = true
			from = append(from, ways(f.Steps[name])...)
		}
	}
	return reached
}

// ways are the steps that a step can lead to.
func (s *Step) ways() []string {
	var to []string
	for _, e := range s.edges() {
		to = append(to, e.to)
	}
	return to
}

// loops reports whether the step can be reached from itself by somebody who presses nothing: nobody may be there any more.
func (f *Flow) loops(name string) bool {
	silent := func(s *Step) []string {
		var to []string
		for _, e := range s.edges() {
			if !e.key {
				to = append(to, e.to)
			}
		}
		if s.listens() && s.Silent == "" {
			to = append(to, f.afterFailures())
		}
		return to
	}
	return f.reach(silent, silent(f.Steps[name])...)[name]
}

// depths counts for every menu how many menus come before it on the shortest way, the first one not counted: 1 is the menu
// of a topic.
func (f *Flow) depths() map[string]int {
	depth := map[string]int{f.Start: 0}
	out := map[string]int{}
	for now := []string{f.Start}; len(now) > 0; now = now[1:] {
		name := now[0]
		s := f.Steps[name]
		if s == nil {
			continue
		}
		under := depth[name]
		if s.Menu != nil || s.Pick != nil {
			out[name] = under
			under++
		}
		for _, e := range s.edges() {
			if d, seen := depth[e.to]; !seen || under < d {
				depth[e.to] = under
				now = append(now, e.to)
			}
		}
	}
	return out
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
	if s.Collect != nil && isFact(s.Collect.Into) || slices.ContainsFunc(slices.Collect(maps.Keys(s.Set)), isFact) {
		bad("sets a variable of the name of a fact (%s)", strings.Join(Facts(), ", "))
	}
	for _, key := range slices.Sorted(maps.Keys(s.Menu)) {
		switch {
		case slices.Contains(everywhere(), key):
			bad("uses key %s, which means the same everywhere (0 a person, 8 an emergency, 9 and * again)", key)
		case !own(key):
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
		if !f.Staff { // They know the keys, and may be told them briefly.
			out = append(out, b.checkSpoken(s)...)
		}
	case s.Collect != nil:
		if s.Collect.Into == "" || s.Collect.Next == "" || s.Collect.Max < 1 || s.Collect.Min > s.Collect.Max {
			bad("needs into, next, and max not below min")
		}
	case s.Pick != nil:
		if s.Pick.From == "" || len(s.Pick.Each) == 0 || s.Pick.Next == "" {
			bad("needs from, each and next")
		}
	case s.Record != nil:
		if s.Record.Kept == "" || s.Record.Empty == "" {
			bad("needs kept and empty")
		}
		if s.Record.What != "" && s.Record.What != RecordName {
			bad("records %q, which is neither %q nor left out", s.Record.What, RecordName)
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
		for _, value := range slices.Sorted(maps.Keys(s.Branch.To)) {
			if !possible(s.Branch.On, value) {
				bad("branches on %s, which is never %q, but %s", s.Branch.On, value, factWords(s.Branch.On))
			}
		}
	case s.Transfer != nil:
		if s.Transfer.To == "" || s.Transfer.Talked == "" || s.Transfer.Nobody == "" {
			bad("needs to (a variable), talked and nobody")
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
	if s.Pick != nil {
		prompts = append(slices.Clone(prompts), s.Pick.Each...)
		if s.Pick.More != "" {
			prompts = append(prompts, Prompt{Key: s.Pick.More})
		}
	}
	for _, p := range prompts {
		if p.Recording != "" {
			continue
		}
		out = append(out, b.checkPrompt(f.file, f.lines[name], p)...)
		switch {
		case p.Foreign && p.In == "":
			out = append(out, Problem{f.file, f.lines[name], fmt.Sprintf("prompt %s is foreign to no language: in names it", p.Key)})
		case p.Is != "" && (p.With == "" || p.Else != ""):
			out = append(out, Problem{f.file, f.lines[name], fmt.Sprintf("prompt %s says what with is, and nothing else", p.Key)})
		case p.Is == "" && (p.With == "") != (p.Else == ""):
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
	if simpler := p.Key + simply; b.prompts.prompts[simpler].texts != nil {
		out = b.checkPrompt(file, line, Prompt{Key: simpler, In: p.In})
	}
	for _, lang := range langs {
		switch {
		case !b.prompts.Has(lang, p.Key):
			out = append(out, Problem{file, line, fmt.Sprintf("prompt %s is missing in %q", p.Key, lang)})
		case utf8.RuneCountInString(b.prompts.prompts[p.Key].texts[lang]) > MaxPrompt:
			out = append(out, Problem{file, line, fmt.Sprintf("prompt %s is longer than twelve seconds in %q", p.Key, lang)})
		}
	}
	return out
}
