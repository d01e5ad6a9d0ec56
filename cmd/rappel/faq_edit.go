package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rappel-tel/rappel/pkg/faq"
)

func (f *questionFlags) on(c *cobra.Command) {
	flags := c.Flags()
	flags.Var(language(&f.language), "language", "of --title and --answer: fr, nl, de or en (default: the scheme's first)")
	flags.StringVar(&f.title, "title", "", "what the menu says")
	flags.StringVar(&f.answer, "answer", "", "what is answered; a telephone number stands in braces: {0800 12 345}")
	flags.StringVar(&f.topic, "topic", "", "name of the topic that it stands on")
	flags.IntVar(&f.place, "place", 0, "place, from 1, among those asked equally often")
	flags.StringVar(&f.source, "source", "", "where the answer comes from")
	flags.StringVar(&f.checked, "checked", "", `date on which it was compared with its source, or "today"`)
	flags.StringVar(&f.from, "from", "", `first date on which it is told; "-" for since ever`)
	flags.StringVar(&f.until, "until", "", `last date on which it is told; "-" for ever`)
	flags.StringVar(&f.transfer, "transfer", "", `number to which whoever heard the answer may be connected; "-" for none`)
}

// any reports whether a part is named that changes.
func (f *questionFlags) any(c *cobra.Command) bool {
	return slices.ContainsFunc([]string{"title", "answer", "topic", "place", "source", "checked", "from", "until", "transfer"}, c.Flags().Changed)
}

// change changes a question, or the title of a topic.
func (f *questionFlags) change(c *cobra.Command, r records, title faq.Texts, q *faq.Question) {
	lang := f.language
	if lang == "" {
		lang = r.scheme.Language
	}
	given := func(name string) bool { return c.Flags().Changed(name) }
	put := func(texts faq.Texts, name, text string) {
		switch {
		case !given(name):
		case text == "":
			delete(texts, lang)
		default:
			texts[lang] = text
		}
	}
	put(title, "title", f.title)
	if q == nil {
		return
	}
	put(q.Answer, "answer", f.answer)
	for name, part := range map[string]struct {
		to    *string
		value string
	}{"source": {&q.Source, f.source}, "transfer": {&q.Transfer, f.transfer}} {
		if given(name) {
			*part.to = strings.TrimPrefix(part.value, "-")
		}
	}
	for name, part := range map[string]struct {
		to    *faq.Date
		value string
	}{"checked": {&q.Checked, f.checked}, "from": {&q.From, f.from}, "until": {&q.Until, f.until}} {
		switch {
		case !given(name):
		case part.value == "today":
			*part.to = faq.DateOf(r.today(time.Now()))
		default:
			*part.to = faq.Date(strings.TrimPrefix(part.value, "-"))
		}
	}
}

// put puts a question on a topic, at a place.
func (f *questionFlags) put(tree *faq.Tree, topic string, q faq.Question) error {
	on := tree.Topic(topic)
	if on == nil {
		var names []string
		for _, t := range tree.Topics {
			names = append(names, t.Name)
		}
		return usageError{fmt.Errorf("there is no topic %q; there are %s", topic, strings.Join(names, ", "))}
	}
	at := len(on.Questions)
	if f.place > 0 {
		at = min(at, f.place-1)
	}
	on.Questions = slices.Insert(on.Questions, at, q)
	return nil
}

func (p *program) addQuestion() *cobra.Command {
	var f questionFlags
	var add *cobra.Command
	add = p.inScheme(&cobra.Command{
		Use: "add NAME", Short: "Add a question on a topic, or, without --topic, an empty topic",
		Long: `Adds a question in one language; rappel faq set adds the others. NAME is of small letters, digits and hyphens; it is seen in
commands and figures, never spoken. Without --topic it is a new topic. What is wrong with it is said, and nothing is kept then.`,
		Example: `  rappel faq add town-masks --topic health --title "Où trouver un masque" \
      --answer "La mairie en donne deux par personne, le mardi matin. Apportez votre carte d'identité." \
      --source https://town.example/masques --checked today --until 2027-03-31
  rappel faq set town-masks --language nl --title "Waar vind ik een mondmasker" --answer "Op het gemeentehuis, op dinsdagochtend."
  rappel faq add town --title "Dans notre commune"`,
		Args: exactly(1),
	}, func(ctx context.Context, r records, args []string) error {
		return r.editQuestions(ctx, func(tree *faq.Tree) error {
			if _, q := tree.Question(args[0]); q != nil || tree.Topic(args[0]) != nil {
				return usageError{fmt.Errorf("there is %q already; change it with rappel faq set %s", args[0], args[0])}
			}
			if f.topic == "" {
				topic := faq.Topic{Name: args[0], Title: faq.Texts{}}
				f.change(add, r, topic.Title, nil)
				tree.Topics = append(tree.Topics, topic)
				return nil
			}
			q := faq.Question{Name: args[0], Title: faq.Texts{}, Answer: faq.Texts{}}
			f.change(add, r, q.Title, &q)
			return f.put(tree, f.topic, q)
		}, p.hintsOf(args[0]))
	})
	f.on(add)
	return add
}

func (p *program) setQuestion() *cobra.Command {
	var f questionFlags
	var set *cobra.Command
	set = p.inScheme(&cobra.Command{
		Use: "set NAME", Short: "Change parts of a question, move it, or change the title or the place of a topic",
		Long: `Changes what the flags name of a question, or the title and place of a topic. An empty --title and --answer take a language
away; --topic and --place move a question.`,
		Example: `  rappel faq set heat --until 2027-09-30
  rappel faq set heat --language de --title "" --answer ""
  rappel faq set heat --topic help --place 1
  rappel faq set suicide-be --transfer -`,
		Args: exactly(1),
	}, func(ctx context.Context, r records, args []string) error {
		if !f.any(set) || set.Flags().Changed("place") && f.place < 1 {
			return usageError{errors.New("name what changes, such as --until 2027-09-30, or --place 1 for the first place")}
		}
		return r.editQuestions(ctx, func(tree *faq.Tree) error {
			*tree = tree.Clone()
			if topic := tree.Topic(args[0]); topic != nil {
				f.change(set, r, topic.Title, nil)
				if f.place > 0 {
					moved := *topic
					tree.Topics = slices.DeleteFunc(tree.Topics, func(t faq.Topic) bool { return t.Name == args[0] })
					tree.Topics = slices.Insert(tree.Topics, min(f.place-1, len(tree.Topics)), moved)
				}
				return nil
			}
			topic, q := tree.Question(args[0])
			if q == nil {
				return noQuestion(args[0])
			}
			f.change(set, r, q.Title, q)
			if f.topic == "" && f.place == 0 {
				return nil
			}
			moved, to := *q, topic.Name
			if f.topic != "" {
				to = f.topic
			}
			topic.Questions = slices.DeleteFunc(topic.Questions, func(q faq.Question) bool { return q.Name == args[0] })
			return f.put(tree, to, moved)
		}, p.hintsOf(args[0]))
	})
	f.on(set)
	return set
}

// hintsOf prints what Check has to say of one topic or question.
func (p *program) hintsOf(name string) func([]faq.Problem) {
	return func(found []faq.Problem) {
		for _, problem := range found {
			if problem.Name == name {
				fmt.Fprintln(p.out, problem)
			}
		}
	}
}

func (p *program) removeQuestion() *cobra.Command {
	return p.inScheme(&cobra.Command{
		Use: "remove NAME", Short: "Take a question away, or a topic with all its questions; how often it was asked stays known",
		Example: "  rappel faq remove town-masks", Args: exactly(1),
	}, func(ctx context.Context, r records, args []string) error {
		return r.editQuestions(ctx, func(tree *faq.Tree) error {
			if topic := tree.Topic(args[0]); topic != nil {
				tree.Topics = slices.DeleteFunc(tree.Topics, func(t faq.Topic) bool { return t.Name == args[0] })
				return nil
			}
			topic, _ := tree.Question(args[0])
			if topic == nil {
				return noQuestion(args[0])
			}
			topic.Questions = slices.DeleteFunc(topic.Questions, func(q faq.Question) bool { return q.Name == args[0] })
			return nil
		}, nil)
	})
}
