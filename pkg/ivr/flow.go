package ivr

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/parser"

	"github.com/rappel-tel/rappel/pkg/roster"
)

// Return is the step name that ends a sub-flow.
const Return = "return"

// Flow is one dialogue: steps by name.
type Flow struct {
	Name string `yaml:"flow"`
	// Start is the first step.
	Start string `yaml:"start"`
	// Person is the step to which 0 leads everywhere. Empty is for callers' own dialogues: then 0 is a wrong key.
	Person string `yaml:"person"`
	// Emergency is the step to which 8 leads everywhere: what to do when a life is in danger. It is set where Person is.
	Emergency string `yaml:"emergency"`
	// Failed is the step after two failures; empty means Person.
	Failed string `yaml:"failed"`
	// Machine is the step for an answering machine that a call without a caller has reached. Empty tells none from a person.
	Machine string `yaml:"machine"`
	// Staff is set when callers listen, who hear it every day: its menus may offer every key that means nothing everywhere.
	Staff bool `yaml:"staff"`
	// Form is set when its questions are asked one after the other, as on a form: nobody has to remember the way to them.
	Form  bool             `yaml:"form"`
	Steps map[string]*Step `yaml:"steps"`
	// Prompts are words of the flow's own, key → language → template, as in sounds/prompts.yaml. In the book that holds the
	// flow each replaces the prompt of its key in its language.
	Prompts map[string]map[string]string `yaml:"prompts"`

	file        string
	lines       map[string]int
	promptLines map[string]int
}

// Step does one thing: exactly one of its kinds is set, or only Say, Set or Language.
type Step struct {
	Set      map[string]string `yaml:"set"`      // Variables set on entering.
	Language roster.Language   `yaml:"language"` // Spoken from here on.
	Say      []Prompt          `yaml:"say"`

	Menu map[string]string `yaml:"menu"` // Key → step; Say holds its prompts.
	// Silent is where a menu leads when no key comes, without a word of reproach: for a choice that somebody with a rotary
	// telephone need not make. Empty counts a failure.
	Silent   string    `yaml:"silent"`
	Collect  *Collect  `yaml:"collect"`
	Pick     *Pick     `yaml:"pick"`
	Record   *Record   `yaml:"record"`
	Queue    *Queue    `yaml:"queue"`
	Lookup   *Lookup   `yaml:"lookup"`
	Branch   *Branch   `yaml:"branch"`
	Transfer *Transfer `yaml:"transfer"`
	Flow     string    `yaml:"run"` // A sub-flow.
	Hangup   bool      `yaml:"hangup"`

	Next string `yaml:"next"`
}

// Prompt is something to say: a key of the catalogue, alone or with a language of its own.
type Prompt struct {
	Key string          `yaml:"key"`
	In  roster.Language `yaml:"in"` // Empty means the language of the dialogue.
	// Foreign says it only while the dialogue is in another language than In: nobody is offered the language that is spoken.
	Foreign bool `yaml:"foreign"`
	// InVariable is a variable that holds the language: what comes from records need not be there in every one. While it is
	// not set, the language is the dialogue's.
	InVariable string `yaml:"in_variable"`
	// Each is a variable that holds a []Vars: the prompt is said once with each of them, after a moment of silence.
	Each string `yaml:"each"`
	// With is a variable that the prompt needs: while it is empty or not set, Else, a key too, is said instead. With Is, the
	// variable needs to hold this text, and nothing is said otherwise.
	With string `yaml:"with"`
	Is   string `yaml:"is"`
	Else string `yaml:"else"`
	// Recording is a variable that names what the party has recorded: that is heard instead of a text. While it is empty,
	// nothing is.
	Recording string `yaml:"recording"`
}

// UnmarshalYAML reads "key" or "{key: …, in: …, foreign: …, in_variable: …, each: …, with: …, is: …, else: …}", or
// "{recording: …}".
func (p *Prompt) UnmarshalYAML(unmarshal func(any) error) error {
	var key string
	if err := unmarshal(&key); err == nil {
		p.Key = key
		return nil
	}
	type plain Prompt
	if err := unmarshal((*plain)(p)); err != nil {
		return err
	}
	return nil
}

// Collect takes several digits into a variable; # ends them.
type Collect struct {
	Into string `yaml:"into"`
	Min  int    `yaml:"min"`
	Max  int    `yaml:"max"`
	Next string `yaml:"next"`
	// Phone says that a telephone number is asked for: every digit counts, and 0 leads to nobody.
	Phone bool `yaml:"phone"`
}

// Pick lets the party choose one of several by number: a variable holds a []Vars, each spoken with "n" set. The chosen
// one's variables become the dialogue's.
type Pick struct {
	From string  `yaml:"from"`
	Each Prompts `yaml:"each"`
	// More is said, with "n" set, when there are more than a menu may offer: they are then told by pages, and the key behind
	// the last of a page leads to the next one, round and round. Empty offers the first seven.
	More string `yaml:"more"`
	Next string `yaml:"next"`
}

// Prompts is one prompt or several.
type Prompts []Prompt

// UnmarshalYAML reads a list, or one prompt.
func (p *Prompts) UnmarshalYAML(unmarshal func(any) error) error {
	var one Prompt
	if err := unmarshal(&one); err == nil {
		*p = Prompts{one}
		return nil
	}
	return unmarshal((*[]Prompt)(p))
}

// Record records what the party says after a beep. # ends it.
type Record struct {
	// What is recorded: empty is a message for the registrars, RecordName her name, which a form keeps.
	What    string   `yaml:"what"`
	Max     Duration `yaml:"max"`     // 0 means 2 min.
	Silence Duration `yaml:"silence"` // 0 means 5 s.
	Kept    string   `yaml:"kept"`
	Empty   string   `yaml:"empty"` // Nothing was said.
	// Failed is where it leads when it could not be recorded, or not to its end; empty means Empty.
	Failed string `yaml:"failed"`
	// Full is where it leads when so much was left from that number that nothing is recorded; empty means Empty.
	Full string `yaml:"full"`
}

// Duration is a time written as in Go ("90s").
type Duration time.Duration

// UnmarshalYAML reads a Go duration.
func (d *Duration) UnmarshalYAML(unmarshal func(any) error) error {
	var s string
	if err := unmarshal(&s); err != nil {
		return err
	}
	v, err := time.ParseDuration(s)
	if err != nil {
		return fmt.Errorf("read duration: %w", err)
	}
	*d = Duration(v)
	return nil
}

// Queue waits for a person of a pool.
type Queue struct {
	For    string `yaml:"for"`    // "registrar".
	Nobody string `yaml:"nobody"` // Nobody is free, or nobody answered.
	Talked string `yaml:"talked"` // The two talked and the other left first.
	// Callback is where the party goes who would rather be called back; empty offers no such thing.
	Callback string `yaml:"callback"`
}

// Lookup asks the host for something, or to do something; the answer's name selects the step.
type Lookup struct {
	What string            `yaml:"what"` // One of the Lookup words.
	To   map[string]string `yaml:"to"`
}

// Branch selects the step by a fact (FactHours and the others) or by a variable's text. Of a number, "3+" is three or more.
type Branch struct {
	On   string            `yaml:"on"`
	To   map[string]string `yaml:"to"`
	Else string            `yaml:"else"`
}

// Transfer rings somebody else, whose number (E.164) is in a variable, and joins the two. The scheme must be allowed to ring it.
type Transfer struct {
	To     string `yaml:"to"`     // The variable.
	Talked string `yaml:"talked"` // The two talked and the other left first.
	Nobody string `yaml:"nobody"` // It could not be rung, or nobody answered.
}

// errNotText means that a file holds something else than text, or text of another encoding. Nothing of it is shown: a
// terminal would obey it.
var errNotText = errors.New("it is no UTF-8 text; have the editor save it as UTF-8")

// plainText takes away what Windows' editor puts in front of a text, which YAML would take for a part of the first key.
func plainText(data []byte) ([]byte, error) {
	if !utf8.Valid(data) || bytes.ContainsRune(data, 0) {
		return nil, errNotText
	}
	return bytes.TrimPrefix(data, []byte("\ufeff")), nil
}

// ReadFlow reads one flow strictly: an unknown field, a duplicate key or a step of two kinds is an error that names file and
// line. Whether its steps lead anywhere is for Check to say.
func ReadFlow(name string, data []byte) (*Flow, error) {
	var f Flow
	data, err := plainText(data)
	if err != nil {
		return nil, AtLine(name, err)
	}
	if err := yaml.UnmarshalWithOptions(data, &f, yaml.Strict()); err != nil {
		return nil, AtLine(name, err)
	}
	file, err := parser.ParseBytes(data, 0)
	if err != nil {
		return nil, AtLine(name, err)
	}
	f.file, f.lines, f.promptLines = name, map[string]int{}, map[string]int{}
	for _, doc := range file.Docs {
		for _, v := range mappingValues(doc.Body) {
			lines := map[string]map[string]int{"steps": f.lines, "prompts": f.promptLines}[v.Key.String()]
			if lines == nil {
				continue
			}
			for _, s := range mappingValues(v.Value) {
				lines[strings.Trim(s.Key.String(), `"'`)] = s.Key.GetToken().Position.Line
			}
		}
	}
	_, errs := readPrompts(name, f.Prompts, f.promptLines)
	for step, s := range f.Steps {
		if s == nil {
			errs = append(errs, fmt.Errorf("%s:%d: step %s is empty", name, f.lines[step], step))
		} else if kinds := s.kinds(); len(kinds) > 1 {
			errs = append(errs, fmt.Errorf("%s:%d: step %s is of several kinds: %s",
				name, f.lines[step], step, strings.Join(kinds, ", ")))
		}
	}
	return &f, errors.Join(errs...)
}

// NameProblem is what is wrong with the flow's name, or "". Files, commands and addresses name a flow by it.
func (f *Flow) NameProblem() string {
	switch {
	case f.Name == "":
		return "the flow has no name (flow: …)"
	case len(f.Name) > 40 || strings.Trim(f.Name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || strings.HasPrefix(f.Name, "-"):
		return fmt.Sprintf("flow: %q is no name; write at most 40 of a-z, 0-9 and -, such as registration", f.Name)
	}
	return ""
}

func (s *Step) kinds() []string {
	var kinds []string
	for _, k := range []struct {
		name string
		set  bool
	}{
		{"menu", s.Menu != nil},
		{"collect", s.Collect != nil},
		{"pick", s.Pick != nil},
		{"record", s.Record != nil},
		{"queue", s.Queue != nil},
		{"lookup", s.Lookup != nil},
		{"branch", s.Branch != nil},
		{"transfer", s.Transfer != nil},
		{"run", s.Flow != ""},
		{"hangup", s.Hangup},
	} {
		if k.set {
			kinds = append(kinds, k.name)
		}
	}
	return kinds
}

// edge is one way out of a step.
type edge struct {
	to    string
	label string // The key, the answer or the value that leads there; empty where there is nothing to choose.
	key   bool   // The party has to press it.
}

// edges lists every way out of a step that is written in it, in the order of their labels. What 0, the emergency key and two
// failures lead to is the flow's.
func (s *Step) edges() []edge {
	var out []edge
	add := func(to, label string, key bool) {
		if to != "" {
			out = append(out, edge{to, label, key})
		}
	}
	each := func(to map[string]string, key bool) {
		for _, label := range slices.Sorted(maps.Keys(to)) {
			add(to[label], label, key)
		}
	}
	each(s.Menu, true)
	add(s.Silent, "silence", false)
	switch {
	case s.Collect != nil:
		add(s.Collect.Next, "digits", true)
	case s.Pick != nil:
		add(s.Pick.Next, "one of "+s.Pick.From, true)
	case s.Record != nil:
		add(s.Record.Kept, AnswerKept, false)
		add(s.Record.Empty, AnswerEmpty, false)
		add(s.Record.Full, AnswerFull, false)
		add(s.Record.Failed, AnswerFailed, false)
	case s.Queue != nil:
		add(s.Queue.Talked, AnswerTalked, false)
		add(s.Queue.Nobody, AnswerNobody, false)
		add(s.Queue.Callback, AnswerCallback, true)
	case s.Transfer != nil:
		add(s.Transfer.Talked, AnswerTalked, false)
		add(s.Transfer.Nobody, AnswerNobody, false)
	case s.Lookup != nil:
		each(s.Lookup.To, false)
	case s.Branch != nil:
		each(s.Branch.To, false)
		add(s.Branch.Else, "else", false)
	}
	add(s.Next, "", false)
	return out
}

// listens reports whether the step waits for a key.
func (s *Step) listens() bool { return s.Menu != nil || s.Collect != nil || s.Pick != nil }

// listens reports whether the flow asks for anything.
func (f *Flow) listens() bool {
	for _, s := range f.Steps {
		if s.listens() {
			return true
		}
	}
	return false
}

// afterFailures is the step after two failures; empty means that the flow that runs this one decides, or nobody.
func (f *Flow) afterFailures() string { return cmp.Or(f.Failed, f.Person) }
