package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/rappel-tel/rappel/pkg/faq"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// figureDays is over how many days figures are told when nothing else is said.
const figureDays = 28

func (p *program) faq() *cobra.Command {
	c := &cobra.Command{
		Use:   "faq",
		Short: "Keep the questions that the line answers: topics, questions, answers in four languages, how often they are asked",
		Long: `Under key 3 the line answers questions by itself. What ships answers until you change anything; from then on the scheme has a
tree of its own: topics, questions on them, and an answer per language with its source and the dates on which it holds. The
most asked come first. The whole tree is a file that any editor opens:

  rappel faq export > questions.yaml
  rappel faq check questions.yaml
  rappel faq import questions.yaml

Calls under way keep what they have; the next call hears the change.`,
	}
	c.AddCommand(p.listQuestions(), p.showQuestion(), p.addQuestion(), p.setQuestion(), p.removeQuestion(),
		p.exportQuestions(), p.checkQuestions(), p.importQuestions(), p.resetQuestions(), p.questionFigures())
	return c
}

func (p *program) listQuestions() *cobra.Command {
	return p.inScheme(&cobra.Command{
		Use: "list", Short: "Print topics and questions with their dates and how often they were asked in the last four weeks",
		Example: "  rappel faq list", Args: exactly(0),
	}, func(ctx context.Context, r records, _ []string) error {
		answers, err := r.Answers(ctx, r.scheme.Key)
		if err != nil {
			return err
		}
		today := r.today(time.Now())
		counts, err := r.askedSince(ctx, today, figureDays)
		if err != nil {
			return err
		}
		if !answers.Own {
			fmt.Fprintln(p.out, "This is what ships; the scheme has changed nothing.")
		}
		w := tabwriter.NewWriter(p.out, 0, 4, 2, ' ', 0)
		fmt.Fprintln(w, "NAME\tTITLE\tLANGUAGES\tHOLDS\tCHECKED\tTRANSFER\tASKED")
		for _, topic := range answers.Topics {
			fmt.Fprintf(w, "%s\t%s\t\t\t\t\t\n", topic.Name, topic.Title[answers.First])
			for _, q := range topic.Questions {
				var langs []string
				for _, l := range q.Languages() {
					langs = append(langs, string(l))
				}
				fmt.Fprintf(w, "  %s\t%s\t%s\t%s\t%s\t%s\t%d\n", q.Name, q.Title[answers.First], strings.Join(langs, " "),
					holds(&q, faq.DateOf(today)), checkedOn(&q), q.Transfer, counts[q.Name])
			}
		}
		return w.Flush()
	})
}

// holds says when an answer is told.
func holds(q *faq.Question, today faq.Date) string {
	switch {
	case q.Until != "" && q.Until < today:
		return "no more since " + string(q.Until)
	case q.From > today:
		return "from " + string(q.From)
	case q.Until != "":
		return "until " + string(q.Until)
	default:
		return "always"
	}
}

// checkedOn says when somebody last compared an answer with its source.
func checkedOn(q *faq.Question) string {
	if q.Checked == "" {
		return "never"
	}
	return string(q.Checked)
}

// askedSince counts what was asked in the last days.
func (r records) askedSince(ctx context.Context, today time.Time, days int) (map[string]int, error) {
	asked, err := r.QuestionsAsked(ctx, r.scheme.Key, today.AddDate(0, 0, 1-days), today)
	if err != nil {
		return nil, err
	}
	counts := make(map[string]int, len(asked))
	for _, a := range asked {
		counts[a.Question] = a.Asked
	}
	return counts, nil
}

func (p *program) showQuestion() *cobra.Command {
	return p.inScheme(&cobra.Command{
		Use: "show NAME", Short: "Print a question as it is kept, and as it is spoken in each language",
		Example: "  rappel faq show heat", Args: exactly(1),
	}, func(ctx context.Context, r records, args []string) error {
		answers, err := r.Answers(ctx, r.scheme.Key)
		if err != nil {
			return err
		}
		topic, q := answers.Question(args[0])
		if q == nil {
			return noQuestion(args[0])
		}
		fmt.Fprintf(p.out, "%s, on %s, told: %s\n", q.Name, topic.Name, holds(q, faq.DateOf(r.today(time.Now()))))
		fmt.Fprintf(p.out, "source: %s, checked: %s\n", q.Source, checkedOn(q))
		if q.Transfer != "" {
			fmt.Fprintf(p.out, "transfer: %s\n", q.Transfer)
		}
		for _, lang := range q.Languages() {
			parts, err := faq.Parts(lang, q.Answer[lang])
			if err != nil {
				return err
			}
			fmt.Fprintf(p.out, "\n[%s] %s\n", lang, q.Title[lang])
			for _, part := range parts {
				fmt.Fprintf(p.out, "  %s\n", part)
			}
		}
		return nil
	})
}

func noQuestion(name string) error {
	return usageError{fmt.Errorf("there is no question %q; rappel faq list shows their names", name)}
}

func (p *program) exportQuestions() *cobra.Command {
	var ships bool
	c := p.inScheme(&cobra.Command{
		Use: "export", Short: "Print all questions as a file, to be edited and imported again",
		Example: "  rappel faq export > questions.yaml\n  rappel faq export --shipped > new.yaml", Args: exactly(0),
	}, func(ctx context.Context, r records, _ []string) error {
		answers, err := r.Answers(ctx, r.scheme.Key)
		if err != nil {
			return err
		}
		if ships {
			if answers.Tree, err = faq.Shipped(r.scheme.Country); err != nil {
				return err
			}
		}
		text, err := answers.Write()
		if err != nil {
			return err
		}
		_, err = p.out.Write(text)
		return err
	})
	c.Flags().BoolVar(&ships, "shipped", false, "those that ship, instead of the scheme's own")
	return c
}

// readQuestions reads a file of questions; "-" is the standard input. What is wrong is told with its line.
func (p *program) readQuestions(c *cobra.Command, file string) (*faq.Document, error) {
	var text []byte
	var err error
	if file == "-" {
		file = "standard input"
		text, err = io.ReadAll(c.InOrStdin())
	} else {
		text, err = os.ReadFile(file) //nolint:gosec // The operator names it.
	}
	if err != nil {
		return nil, usageError{err}
	}
	doc, err := faq.Read(file, text)
	if err != nil {
		p.tellMistake(err)
		return nil, silentError{}
	}
	return doc, nil
}

// tellQuestions prints what is wrong with questions, and reports whether anything is that may not stay so.
func (p *program) tellQuestions(found []faq.Problem, where func(faq.Problem) string) (wrong bool) {
	for _, problem := range found {
		fmt.Fprintln(p.out, where(problem))
		wrong = wrong || !problem.Hint
	}
	return wrong
}

func (p *program) checkQuestions() *cobra.Command {
	var check *cobra.Command
	check = p.inScheme(&cobra.Command{
		Use:   "check [FILE]",
		Short: "Find what is wrong with questions: too long to follow, no words for it, out of date, missing in a language",
		Example: `  rappel faq check
  rappel faq check questions.yaml`,
		Args: atMostOne,
	}, func(ctx context.Context, r records, args []string) error {
		answers, err := r.Answers(ctx, r.scheme.Key)
		if err != nil {
			return err
		}
		where := faq.Problem.String
		tree := answers.Tree
		if len(args) == 1 {
			doc, err := p.readQuestions(check, args[0])
			if err != nil {
				return err
			}
			tree, where = doc.Tree, doc.Locate
		}
		found := tree.Check(answers.Terms(r.today(time.Now())))
		if p.tellQuestions(found, where) {
			return silentError{}
		}
		if len(found) == 0 {
			fmt.Fprintln(p.out, "nothing wrong")
		}
		return nil
	})
	return check
}

func (p *program) importQuestions() *cobra.Command {
	var imported *cobra.Command
	imported = p.inScheme(&cobra.Command{
		Use: "import FILE", Short: "Take a whole file of questions over, in place of all there are; nothing of it when anything is wrong",
		Example: "  rappel faq import questions.yaml\n  rappel faq import - < questions.yaml", Args: exactly(1),
	}, func(ctx context.Context, r records, args []string) error {
		doc, err := p.readQuestions(imported, args[0])
		if err != nil {
			return err
		}
		now := time.Now()
		answers, err := r.Answers(ctx, r.scheme.Key)
		if err != nil {
			return err
		}
		if p.tellQuestions(doc.Tree.Check(answers.Terms(r.today(now))), doc.Locate) {
			return silentError{}
		}
		err = r.editQuestions(ctx, func(tree *faq.Tree) error {
			*tree = doc.Tree
			return nil
		}, nil)
		if err != nil {
			return err
		}
		questions := 0
		for _, topic := range doc.Tree.Topics {
			questions += len(topic.Questions)
		}
		_, err = fmt.Fprintf(p.out, "%s on %s taken over; the next call hears them.\n", count(questions, "question"), count(len(doc.Tree.Topics), "topic"))
		return err
	})
	return imported
}

// editQuestions changes the scheme's questions; what Check had to say is given to tell, which may be nil.
func (r records) editQuestions(ctx context.Context, edit func(*faq.Tree) error, tell func([]faq.Problem)) error {
	hints, err := r.EditQuestions(ctx, r.scheme.Key, edit, time.Now().In(r.zone()))
	if errors.Is(err, faq.ErrMistakes) {
		return usageError{err}
	}
	if err == nil && tell != nil {
		tell(hints)
	}
	return err
}

func (p *program) resetQuestions() *cobra.Command {
	var sure bool
	c := p.inScheme(&cobra.Command{
		Use: "reset", Short: "Give the scheme back the questions that ship, also those of later versions; its own are gone",
		Example: "  rappel faq export > kept.yaml && rappel faq reset --yes", Args: exactly(0),
	}, func(ctx context.Context, r records, _ []string) error {
		if !sure {
			return usageError{errors.New("the scheme's own questions would be gone; keep them with rappel faq export, then add --yes")}
		}
		return r.ResetQuestions(ctx, r.scheme.Key, time.Now())
	})
	c.Flags().BoolVar(&sure, "yes", false, "do it")
	return c
}

func (p *program) questionFigures() *cobra.Command {
	days, byDay := figureDays, false
	c := p.inScheme(&cobra.Command{
		Use: "figures", Short: "Print how often each question was asked; of who asked nothing is kept",
		Example: "  rappel faq figures --days 7\n  rappel faq figures --by-day", Args: exactly(0),
	}, func(ctx context.Context, r records, _ []string) error {
		if days < 1 || days > 3660 {
			return usageError{fmt.Errorf("--days %d; write a number from 1 to 3660", days)}
		}
		today := r.today(time.Now())
		read := r.QuestionsAsked
		if byDay {
			read = r.QuestionDays
		}
		list, err := read(ctx, r.scheme.Key, today.AddDate(0, 0, 1-days), today)
		if err != nil {
			return err
		}
		return p.tellFigures(list, byDay)
	})
	c.Flags().IntVar(&days, "days", days, "of the last so many days, today included")
	c.Flags().BoolVar(&byDay, "by-day", false, "each day apart")
	return c
}

func (p *program) tellFigures(list []faq.Asked, byDay bool) error {
	w := tabwriter.NewWriter(p.out, 0, 4, 2, ' ', 0)
	if byDay {
		fmt.Fprint(w, "DAY\t")
	}
	fmt.Fprintln(w, "QUESTION\tASKED")
	for _, a := range list {
		if byDay {
			fmt.Fprintf(w, "%s\t", a.Day)
		}
		fmt.Fprintf(w, "%s\t%d\n", a.Question, a.Asked)
	}
	return w.Flush()
}

// questionFlags are the parts of a question that a command changes; a flag that is not given changes nothing.
type questionFlags struct {
	language                                                     roster.Language
	title, answer, topic, source, checked, from, until, transfer string
	place                                                        int
}
