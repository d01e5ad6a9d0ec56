package faq

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/roster/numbering"
)

const (
	// maxTitle is about three seconds: a menu has four of them.
	maxTitle = 60
	// maxParts of an answer are about forty seconds; who wants to know more asks another question, or a person.
	maxParts = 4
	// maxChoices is how many topics there are, and questions on one: four pages of a menu.
	maxChoices = 12
	// fresh is how long after somebody compared an answer with its source it is time to do so again.
	fresh = 183 * 24 * time.Hour
)

// ErrMistakes means that a tree is wrong: what Check found follows it.
var ErrMistakes = errors.New("the questions are not taken over")

// Problem is one thing that is wrong with a tree, or that somebody should know of it.
type Problem struct {
	Name string // Of the topic or question; empty for the tree.
	Text string
	// Hint is set for what may stay as it is.
	Hint bool
	path string
}

// String says what is wrong, and with what.
func (p Problem) String() string {
	text := p.Text
	if p.Name != "" {
		text = p.Name + " " + text
	}
	if p.Hint {
		text += " (may stay so)"
	}
	return text
}

// Terms are what a tree is checked against.
type Terms struct {
	Country string          // Of the scheme: how numbers are read.
	First   roster.Language // The scheme's first language, in which everything must be there.
	Today   Date
}

// Check finds what is wrong with a tree: what cannot be spoken, what is too long to be followed, what has no name, and, as
// hints, what is missing in a language, out of date or without a source.
func (t Tree) Check(terms Terms) []Problem {
	c := checker{terms: terms, names: map[string]bool{}}
	if len(t.Topics) > maxChoices {
		c.bad("topics", "", "there are %d topics; nobody pages through more than %d", len(t.Topics), maxChoices)
	}
	for i := range t.Topics {
		topic, path := &t.Topics[i], fmt.Sprintf("topics.%d", i)
		c.name(path, topic.Name)
		c.title(path, topic.Name, topic.Title)
		switch n := len(topic.Questions); {
		case n == 0:
			c.hint(path, topic.Name, "has no question, and is not told")
		case n > maxChoices:
			c.bad(path+".questions", topic.Name, "has %d questions; nobody pages through more than %d: make another topic", n, maxChoices)
		}
		for j := range topic.Questions {
			c.question(fmt.Sprintf("%s.questions.%d", path, j), &topic.Questions[j])
		}
	}
	return c.found
}

// Mistakes returns an error that wraps ErrMistakes and says each mistake in a line of its own, through where; nil when there
// is none. Hints are no mistakes.
func Mistakes(found []Problem, where func(Problem) string) error {
	var lines []error
	for _, p := range found {
		if !p.Hint {
			lines = append(lines, errors.New(where(p)))
		}
	}
	if len(lines) == 0 {
		return nil
	}
	return fmt.Errorf("%w:\n%w", ErrMistakes, errors.Join(lines...))
}

type checker struct {
	terms Terms
	names map[string]bool
	found []Problem
}

func (c *checker) bad(path, name, format string, args ...any) {
	c.found = append(c.found, Problem{Name: name, Text: fmt.Sprintf(format, args...), path: path})
}

func (c *checker) hint(path, name, format string, args ...any) {
	c.found = append(c.found, Problem{Name: name, Text: fmt.Sprintf(format, args...), Hint: true, path: path})
}

// validName is how topics and questions are called in commands.
func validName(name string) bool {
	return regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`).MatchString(name) && len(name) <= 40
}

func (c *checker) name(path, name string) {
	switch {
	case !validName(name):
		c.bad(path, "", "the name %q is not of small letters, digits and hyphens, 40 at most", name)
	case c.names[name]:
		c.bad(path+".name", name, "is the name of another topic or question too")
	}
	c.names[name] = true
}

// title checks what is told in a menu.
func (c *checker) title(path, name string, title Texts) {
	if title[c.terms.First] == "" {
		c.bad(path+".title", name, "has no title in the scheme's first language, %s", c.terms.First)
	}
	for _, lang := range c.languages(path+".title", name, title) {
		at := path + ".title." + string(lang)
		said, err := Spoken(lang, title[lang])
		switch {
		case err != nil:
			c.bad(at, name, "has a title in %s that cannot be spoken: %v", lang, err)
		case utf8.RuneCountInString(said) > maxTitle:
			c.bad(at, name, "has a title in %s that is longer than %d letters when spoken: four of them are a menu", lang, maxTitle)
		}
	}
}

// languages lists the languages of a text in order, and complains of others.
func (c *checker) languages(path, name string, texts Texts) []roster.Language {
	var known []roster.Language
	for _, lang := range roster.Languages() {
		if text, written := texts[lang]; written {
			known = append(known, lang)
			if strings.TrimSpace(text) == "" {
				c.bad(path+"."+string(lang), name, "has an empty text in %s: leave the language out", lang)
			}
		}
	}
	for lang := range texts {
		if !isLanguage(lang) {
			c.bad(path+"."+string(lang), name, "has a text in %q, which the line does not speak", lang)
		}
	}
	return known
}

func isLanguage(lang roster.Language) bool { return slices.Contains(roster.Languages(), lang) }

func (c *checker) question(path string, q *Question) {
	c.name(path, q.Name)
	c.title(path, q.Name, q.Title)
	if q.Answer[c.terms.First] == "" {
		c.bad(path+".answer", q.Name, "has no answer in the scheme's first language, %s", c.terms.First)
	}
	for _, lang := range c.languages(path+".answer", q.Name, q.Answer) {
		at := path + ".answer." + string(lang)
		switch parts, err := Parts(lang, q.Answer[lang]); {
		case err != nil:
			c.bad(at, q.Name, "has an answer in %s that cannot be spoken: %v", lang, err)
		case len(parts) > maxParts:
			c.bad(at, q.Name, "has an answer in %s of %d parts of twelve seconds, more than %d: make two questions of it", lang, len(parts), maxParts)
		}
	}
	for _, lang := range roster.Languages() {
		switch hasTitle, hasAnswer := q.Title[lang] != "", q.Answer[lang] != ""; {
		case hasTitle && !hasAnswer:
			c.bad(path+".title."+string(lang), q.Name, "has a title in %s and no answer", lang)
		case hasAnswer && !hasTitle:
			c.bad(path+".answer."+string(lang), q.Name, "has an answer in %s and no title", lang)
		case !hasTitle && lang != c.terms.First:
			c.hint(path, q.Name, "is not there in %s: whoever speaks it hears %s", lang, c.terms.First)
		}
	}
	c.dates(path, q)
	if q.Transfer != "" {
		if _, err := TransferNumber(q.Transfer, c.terms.Country); err != nil {
			c.bad(path+".transfer", q.Name, "%v", err)
		} else if !q.namesService() {
			c.bad(path+".transfer", q.Name, "is connected with %s, which no answer names: write {%s} into it", q.Transfer, q.Transfer)
		}
	}
	if q.Country != "" && len(q.Country) != 2 {
		c.bad(path+".country", q.Name, "has a country %q that is not two letters, such as FR or BE", q.Country)
	}
}

func (q *Question) namesService() bool {
	for _, answer := range q.Answer {
		if names(answer, q.Transfer) {
			return true
		}
	}
	return false
}

func (c *checker) dates(path string, q *Question) {
	right := true
	for field, date := range map[string]Date{"checked": q.Checked, "from": q.From, "until": q.Until} {
		if _, err := date.time(); date != "" && err != nil {
			c.bad(path+"."+field, q.Name, "has %q for the date %s; write it as 2026-11-22", date, field)
			right = false
		}
	}
	if !right {
		return
	}
	today, _ := c.terms.Today.time()
	checked, _ := q.Checked.time()
	switch {
	case q.From != "" && q.Until != "" && q.Until < q.From:
		c.bad(path+".until", q.Name, "ends on %s, before it begins on %s", q.Until, q.From)
	case q.Until != "" && q.Until < c.terms.Today:
		c.hint(path+".until", q.Name, "is not told any more since %s", q.Until)
	}
	switch {
	case strings.TrimSpace(q.Source) == "":
		c.hint(path, q.Name, "says no source")
	case q.Checked == "":
		c.hint(path, q.Name, "says no date on which it was checked")
	case today.Sub(checked) > fresh:
		c.hint(path+".checked", q.Name, "was last checked on %s: compare it with %s", q.Checked, q.Source)
	}
}

// time is midnight UTC of the date.
func (d Date) time() (time.Time, error) { return time.Parse(time.DateOnly, string(d)) }

// DateOf is the local date of an instant.
func DateOf(t time.Time) Date { return Date(t.Format(time.DateOnly)) }

// TransferNumber reads the number of a service to connect somebody with, as people of the country write it, and gives it in
// E.164. Short numbers are refused: which service they reach depends on where one rings from, and the one for emergencies
// must be rung by whoever is in danger, whose place it shows. An answer tells them instead.
func TransferNumber(text, country string) (string, error) {
	if digits := strings.Map(onlyDigits, text); len(digits) < 7 {
		return "", fmt.Errorf("cannot connect anybody with %s: a short number is told in the answer, to be dialled by those who need it", text)
	}
	n, err := numbering.Parse(text, country)
	if err != nil {
		return "", fmt.Errorf("cannot connect anybody with %s: %w", text, err)
	}
	return n.E164, nil
}

func onlyDigits(r rune) rune {
	if unicode.IsDigit(r) {
		return r
	}
	return -1
}

// longest is how many letters one part of an answer has at most: about twelve seconds.
const longest = ivr.MaxPrompt
