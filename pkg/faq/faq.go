// Package faq holds the questions that the line answers: a tree of topics and questions on them, with an answer per language,
// where it comes from, and until when it holds. It reads and writes the tree as a file, says what is wrong with it line by
// line, and puts it into the words that are spoken. The tree that ships is sounds/questions.yaml; a scheme has it until it
// keeps one of its own.
package faq

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/sounds"
)

// Tree is what a line answers. The zero value answers nothing.
type Tree struct {
	Topics []Topic `json:"topics" yaml:"topics"`
}

// Topic is what questions are about. Topics and questions stand in the order in which they are told when all are asked
// equally often.
type Topic struct {
	// Name tells it from every other topic and question: it is seen in commands and figures, and never spoken.
	Name      string     `json:"name" yaml:"name"`
	Title     Texts      `json:"title" yaml:"title"`
	Questions []Question `json:"questions" yaml:"questions"`
}

// Question is one question with its answer.
type Question struct {
	Name string `json:"name" yaml:"name"`
	// Country is the only one in which the question is asked ("FR"); empty means everywhere. In a scheme's own tree it says
	// nothing: questions of another country are left out when the tree is taken over.
	Country string `json:"country,omitempty" yaml:"country,omitempty"`
	Title   Texts  `json:"title" yaml:"title"`
	Answer  Texts  `json:"answer" yaml:"answer"`
	// Source is where the answer comes from: an address or an office. It is for those who keep the answers, not spoken.
	Source  string `json:"source,omitempty" yaml:"source,omitempty"`
	Checked Date   `json:"checked,omitempty" yaml:"checked,omitempty"` // When somebody last compared it with the source.
	From    Date   `json:"from,omitempty" yaml:"from,omitempty"`       // The first day on which it is told; empty: since ever.
	Until   Date   `json:"until,omitempty" yaml:"until,omitempty"`     // The last one; empty: for ever.
	// Transfer is the number of a service with which whoever has heard the answer may be connected; empty means none. It is
	// offered only where the scheme may ring it, and in the languages in which the answer names it.
	Transfer string `json:"transfer,omitempty" yaml:"transfer,omitempty"`
}

// Texts is a text in some languages.
type Texts map[roster.Language]string

// Date is a local date as it is written: 2026-11-22. Dates compare as texts do; the empty one is none.
type Date string

// Said is a text with the language that it is in.
type Said struct {
	Language roster.Language
	Text     string
}

// in is the text in a language, or else in the first one, or else in any.
func (t Texts) in(lang, first roster.Language) Said {
	for _, l := range append([]roster.Language{lang, first}, roster.Languages()...) {
		if t[l] != "" {
			return Said{l, t[l]}
		}
	}
	return Said{}
}

// Languages are those in which a question is asked and answered, in the order of the vocabulary.
func (q *Question) Languages() []roster.Language {
	return slices.DeleteFunc(roster.Languages(), func(l roster.Language) bool { return q.Title[l] == "" || q.Answer[l] == "" })
}

// told is the language in which a question and its answer are told to somebody who speaks another: the scheme's first one
// before any. Better an answer in another language than none; whoever hears it is told so.
func (q *Question) told(lang, first roster.Language) roster.Language {
	have := q.Languages()
	for _, l := range []roster.Language{lang, first} {
		if slices.Contains(have, l) {
			return l
		}
	}
	if len(have) == 0 {
		return lang
	}
	return have[0]
}

// Holds reports whether the answer is told on a day.
func (q *Question) Holds(day Date) bool {
	return (q.From == "" || q.From <= day) && (q.Until == "" || day <= q.Until)
}

// In is the tree of a country: without the questions of others, and without topics on which nothing is left.
func (t Tree) In(country string) Tree {
	out := t.keep(func(q *Question) bool { return q.Country == "" || q.Country == country })
	for i := range out.Topics {
		for j := range out.Topics[i].Questions {
			out.Topics[i].Questions[j].Country = ""
		}
	}
	return out
}

// keep copies the tree with the questions that fit. Topics on which none is left are left out; one that had none stays.
func (t Tree) keep(fits func(*Question) bool) Tree {
	var out Tree
	for _, topic := range t.Topics {
		kept := topic
		kept.Questions = nil
		for _, q := range topic.Questions {
			if fits(&q) {
				kept.Questions = append(kept.Questions, q)
			}
		}
		if len(kept.Questions) > 0 || len(topic.Questions) == 0 {
			out.Topics = append(out.Topics, kept)
		}
	}
	return out
}

// On is the tree as it is told on a day: what holds then, the most asked first, topics by all that was asked about them. What
// was asked equally often stays in its order.
func (t Tree) On(day Date, asked map[string]int) Tree {
	out := t.keep(func(q *Question) bool { return q.Holds(day) && len(q.Languages()) > 0 })
	out.Topics = slices.DeleteFunc(out.Topics, func(topic Topic) bool { return len(topic.Questions) == 0 })
	sums := map[string]int{}
	for _, topic := range out.Topics {
		for _, q := range topic.Questions {
			sums[topic.Name] += asked[q.Name]
		}
		slices.SortStableFunc(topic.Questions, func(a, b Question) int { return cmp.Compare(asked[b.Name], asked[a.Name]) })
	}
	slices.SortStableFunc(out.Topics, func(a, b Topic) int { return cmp.Compare(sums[b.Name], sums[a.Name]) })
	return out
}

// Topic finds a topic by its name; nil when there is none.
func (t *Tree) Topic(name string) *Topic {
	for i := range t.Topics {
		if t.Topics[i].Name == name {
			return &t.Topics[i]
		}
	}
	return nil
}

// Question finds a question by its name, with its topic; nil when there is none.
func (t *Tree) Question(name string) (*Topic, *Question) {
	for i := range t.Topics {
		for j := range t.Topics[i].Questions {
			if t.Topics[i].Questions[j].Name == name {
				return &t.Topics[i], &t.Topics[i].Questions[j]
			}
		}
	}
	return nil, nil
}

// Clone copies the tree: changes of the copy do not touch it.
func (t Tree) Clone() Tree {
	out := t.keep(func(*Question) bool { return true })
	for i := range out.Topics {
		out.Topics[i].Title = maps.Clone(out.Topics[i].Title)
		for j := range out.Topics[i].Questions {
			q := &out.Topics[i].Questions[j]
			q.Title, q.Answer = maps.Clone(q.Title), maps.Clone(q.Answer)
		}
	}
	return out
}

// Shipped is the tree of a country that every scheme has until it keeps its own. The error means that the program was built
// with a file that is wrong.
func Shipped(country string) (Tree, error) {
	t, err := shipped()
	if err != nil {
		return Tree{}, err
	}
	return t.In(country).Clone(), nil
}

var shipped = sync.OnceValues(func() (Tree, error) { //nolint:gochecknoglobals // It is read once and never changed.
	d, err := Read(sounds.QuestionsName, sounds.Questions())
	if err != nil {
		return Tree{}, fmt.Errorf("read what ships: %w", err)
	}
	return d.Tree, nil
})
