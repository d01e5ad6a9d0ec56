package ivr

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/rappel-tel/rappel/pkg/roster"
)

// Vars are the values a prompt speaks: string (as it is), int (in words), time.Time (local, in words; by {name:day}, or {name:on} within
// a sentence, and {name:hour}, or {name} for both). The variable "now" makes today and tomorrow be said.
type Vars map[string]any

// Catalogue holds every prompt in every language.
type Catalogue struct {
	prompts map[string]prompt
}

type prompt struct {
	texts map[roster.Language]string
	line  int
}

// ReadCatalogue reads prompts.yaml: key → language → template. It refuses an unknown language, an empty text, a digit (the
// speech engines read digits badly: write the word or use a variable) and an unclosed brace. Name is used in errors.
func ReadCatalogue(name string, data []byte) (*Catalogue, error) {
	data, err := plainText(data)
	if err != nil {
		return nil, AtLine(name, err)
	}
	file, err := parser.ParseBytes(data, 0)
	if err != nil {
		return nil, AtLine(name, err)
	}
	var raw map[string]map[string]string
	if err := yaml.UnmarshalWithOptions(data, &raw, yaml.Strict()); err != nil {
		return nil, AtLine(name, err)
	}
	prompts, errs := readPrompts(name, raw, topLines(file))
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return &Catalogue{prompts: prompts}, nil
}

// readPrompts reads what every key says, and names what cannot be said by file and line, sorted.
func readPrompts(name string, raw map[string]map[string]string, lines map[string]int) (map[string]prompt, []error) {
	prompts := map[string]prompt{}
	var errs []error
	for key, texts := range raw {
		p := prompt{texts: map[roster.Language]string{}, line: lines[key]}
		for lang, text := range texts {
			if err := checkText(lang, text); err != nil {
				errs = append(errs, fmt.Errorf("%s:%d: %s in %s: %w", name, lines[key], key, lang, err))
			}
			p.texts[roster.Language(lang)] = strings.Join(strings.Fields(text), " ")
		}
		prompts[key] = p
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return prompts, errs
}

func checkText(lang, text string) error {
	if !slices.Contains(roster.Languages(), roster.Language(lang)) {
		return errors.New("unknown language")
	}
	if strings.TrimSpace(text) == "" {
		return errors.New("empty text")
	}
	if strings.ContainsAny(text, "0123456789") {
		return errors.New("a digit: write the word, or use a variable")
	}
	if _, err := expand(roster.Language(lang), text, nil, true); err != nil {
		return err
	}
	return nil
}

// topLines maps the keys of a file's top mapping to their lines.
func topLines(file *ast.File) map[string]int {
	lines := map[string]int{}
	for _, doc := range file.Docs {
		for _, v := range mappingValues(doc.Body) {
			lines[v.Key.String()] = v.Key.GetToken().Position.Line
		}
	}
	return lines
}

func mappingValues(n ast.Node) []*ast.MappingValueNode {
	switch n := n.(type) {
	case *ast.MappingNode:
		return n.Values
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}
	default:
		return nil
	}
}

// Has reports whether the prompt exists in the language.
func (c *Catalogue) Has(lang roster.Language, key string) bool {
	return c.prompts[key].texts[lang] != ""
}

// Keys lists every prompt, sorted.
func (c *Catalogue) Keys() []string {
	keys := make([]string, 0, len(c.prompts))
	for k := range c.prompts {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// Text returns what is said: the prompt in the language, with its variables in words. A prompt missing in a language is
// given in the first language that has it; an unknown key gives the empty text. There is no digit in the result.
func (c *Catalogue) Text(lang roster.Language, key string, vars Vars) string {
	p := c.prompts[key]
	text := p.texts[lang]
	for _, other := range roster.Languages() {
		if text != "" {
			break
		}
		lang, text = other, p.texts[other]
	}
	out, err := expand(lang, text, vars, false)
	if err != nil {
		return ""
	}
	return spellDigits(lang, out)
}

// Template is a wording as it is written, with its variables in braces; empty when there is none.
func (c *Catalogue) Template(w Wording) string { return c.prompts[w.Key].texts[w.Language] }

// Fixed is a prompt without variables in one language: it can be spoken before anybody calls.
type Fixed struct {
	Key      string
	Language roster.Language
	Text     string
}

// Fixed lists every prompt without variables, in every language, by key.
func (c *Catalogue) Fixed() []Fixed {
	var out []Fixed
	for _, key := range c.Keys() {
		for _, lang := range roster.Languages() {
			if text := c.prompts[key].texts[lang]; text != "" && !strings.Contains(text, "{") {
				out = append(out, Fixed{key, lang, text})
			}
		}
	}
	return out
}

// Variables lists the variables that a prompt speaks in a language, sorted.
func (c *Catalogue) Variables(lang roster.Language, key string) []string {
	var names []string
	rest := c.prompts[key].texts[lang]
	for {
		_, after, found := strings.Cut(rest, "{")
		if !found {
			slices.Sort(names)
			return slices.Compact(names)
		}
		var inner string
		inner, rest, _ = strings.Cut(after, "}")
		name, _, _ := strings.Cut(inner, ":")
		names = append(names, name)
	}
}

// expand replaces {name} and {name:form}. With check it only looks at the form.
func expand(lang roster.Language, text string, vars Vars, check bool) (string, error) {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(text, "{")
		b.WriteString(before)
		if !found {
			return b.String(), nil
		}
		inner, rest, closed := strings.Cut(after, "}")
		if !closed {
			return "", errors.New("a brace is not closed")
		}
		name, form, _ := strings.Cut(inner, ":")
		if name == "" || !slices.Contains([]string{"", "day", "on", "hour", "digits", "ordinal", "feminine"}, form) {
			return "", fmt.Errorf("{%s} is not {name}, {name:day}, {name:on}, {name:hour}, {name:digits}, {name:ordinal} or {name:feminine}", inner)
		}
		if !check {
			b.WriteString(speak(lang, form, vars[name], vars["now"]))
		}
		text = rest
	}
}

func speak(lang roster.Language, form string, value, now any) string {
	switch v := value.(type) {
	case time.Time:
		today, _ := now.(time.Time)
		switch form {
		case "day":
			return relative(lang, v, today) + Day(lang, v)
		case "on":
			return On(lang, v, today)
		case "hour":
			return Hour(lang, v)
		default:
			return Moment(lang, v, today)
		}
	case []time.Weekday:
		return Weekdays(lang, v)
	case int:
		switch form {
		case "ordinal":
			return Ordinal(lang, v)
		case "feminine":
			return Feminine(lang, v)
		default:
			return Number(lang, v)
		}
	case string:
		if form == "digits" {
			return Digits(lang, v)
		}
		return v
	default:
		return ""
	}
}

// spellDigits makes words of what digits a variable brought along (a name such as "Résidence 3").
func spellDigits(lang roster.Language, s string) string {
	if !strings.ContainsAny(s, "0123456789") {
		return s
	}
	var b strings.Builder
	n, inNumber := 0, false
	flush := func(next rune) {
		if inNumber {
			b.WriteString(" " + Number(lang, n))
			if unicode.IsLetter(next) || unicode.IsDigit(next) {
				b.WriteString(" ")
			}
		}
		n, inNumber = 0, false
	}
	for _, r := range s {
		if r >= '0' && r <= '9' && n < 1_000_000 {
			n, inNumber = n*10+int(r-'0'), true
			continue
		}
		flush(r)
		if r >= '0' && r <= '9' {
			n, inNumber = int(r-'0'), true
			continue
		}
		b.WriteRune(r)
	}
	flush(0)
	return strings.Join(strings.Fields(b.String()), " ")
}
