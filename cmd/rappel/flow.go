package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rappel-tel/rappel/dialplans"
	"github.com/rappel-tel/rappel/pkg/app"
	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/sounds"
)

func (p *program) flow() *cobra.Command {
	c := &cobra.Command{
		Use:   "flow",
		Short: "Change the dialogues of the line: look, check, rehearse without a telephone, publish, roll back",
		Long: `A flow is one dialogue: the registration line, or what a caller hears after a call. Those that ship are a start: print one
into a file, change it, check it, rehearse it, publish it. The scheme speaks it within seconds, without a restart; nobody who
talks just then is disturbed. Every version is kept, with who published it and when.

  rappel flow show registration > registration.yaml
  rappel flow check registration.yaml
  rappel flow try registration.yaml --language nl
  rappel flow publish registration.yaml
  rappel flow rollback registration`,
	}
	c.AddCommand(p.listFlows(), p.showFlow(), p.checkFlows(), p.drawFlow(), p.tryFlow(), p.draftFlow(), p.publishFlow(), p.rollbackFlow(),
		p.flowHistory())
	return c
}

// noFlow says which flows there are.
func noFlow(name string) error {
	return usageError{fmt.Errorf("there is no flow and no file %s; rappel flow list shows the flows", name)}
}

// flowBook is the dialogues that a command looks at, and the flows in them that it was asked about.
type flowBook struct {
	*ivr.Book
	names   []string
	refused map[string]error // What is published and not spoken, and why.
}

// onBook gives c the flags that choose what is looked at, and has it work on the flows that its arguments name: a file, or a
// flow as the scheme speaks it, or in another version. Without a configuration, and with other prompts, all that is not in a
// file is what ships.
func (p *program) onBook(c *cobra.Command, do func(c *cobra.Command, book flowBook) error) *cobra.Command {
	var prompts, version string
	without := func(_ context.Context, args []string) error {
		book, err := p.draft(prompts)
		if err != nil {
			return err
		}
		if version != "" && version != shipped {
			return usageError{fmt.Errorf("--version %s: without a configuration, or with --prompts, only what ships is known", version)}
		}
		return p.withFlows(book, nil, args, func(flows flowBook) error { return do(c, flows) })
	}
	p.withOrWithoutRecords(c, without, func(ctx context.Context, r records, flows *app.Flows, args []string) error {
		if prompts != "" {
			return without(ctx, args)
		}
		book, refused, _, err := flows.Book(ctx, r.scheme.Key)
		if err != nil {
			return err
		}
		if version != "" {
			for _, name := range args {
				if isFile(name) {
					return usageError{errors.New("--version goes with the name of a flow, not with a file")}
				}
				v, err := r.flowVersion(ctx, name, version)
				if err != nil {
					return err
				}
				f, err := ivr.ReadFlow(name+"@"+version, []byte(v.Text))
				if err != nil {
					p.tellMistake(err)
					return silentError{}
				}
				book = book.With(f)
				delete(refused, name)
			}
		}
		return p.withFlows(book, refused, args, func(flows flowBook) error { return do(c, flows) })
	})
	c.Flags().StringVar(&prompts, "prompts", "", "file of prompts (default: those that ship)")
	c.Flags().StringVar(&version, "version", "", "number of a version, draft (the newest), or shipped (default: what the scheme speaks)")
	return c
}

// withFlows works on the flows that are named.
func (p *program) withFlows(book *ivr.Book, refused map[string]error, args []string, do func(flowBook) error) error {
	flows := flowBook{book, nil, refused}
	for _, arg := range args {
		var name string
		var err error
		if flows.Book, name, err = p.withFlow(flows.Book, arg, refused); err != nil {
			return err
		}
		flows.names = append(flows.names, name)
	}
	return do(flows)
}

func isFile(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular()
}

func (p *program) checkFlows() *cobra.Command {
	return p.onBook(&cobra.Command{
		Use:   "check [FILE|NAME...]",
		Short: "Find what is wrong with flows: dead ends, loops, prompts missing in a language, menus too long to remember",
		Long: `Finds what is wrong with flows: those of files in the place of what the scheme speaks, flows by name, or without an argument
everything that it speaks. dialplans/README.md lists what a flow may hold.`,
		Example: `  rappel flow check registration.yaml
  rappel flow check registration --version draft
  rappel flow check registration.yaml --prompts prompts.yaml`,
		Args: cobra.ArbitraryArgs,
	}, func(c *cobra.Command, book flowBook) error {
		var problems []string
		for _, problem := range book.Check(book.names...) {
			problems = append(problems, problem.Error())
		}
		for _, name := range slices.Sorted(maps.Keys(book.refused)) {
			if len(book.names) == 0 || slices.Contains(book.names, name) && !isFile(name) {
				problems = append(problems, strings.TrimSpace(book.refused[name].Error()))
			}
		}
		for _, problem := range problems {
			fmt.Fprintln(p.out, problem)
		}
		if len(problems) > 0 {
			return silentError{}
		}
		checked := c.Flags().Args()
		if len(checked) == 0 {
			checked = book.Flows()
		}
		fmt.Fprintf(p.out, "%s: nothing wrong\n", strings.Join(checked, ", "))
		return nil
	})
}

func (p *program) drawFlow() *cobra.Command {
	return p.onBook(&cobra.Command{
		Use: "draw FILE|NAME", Short: "Draw a flow as a Mermaid diagram", Args: exactly(1),
		Example: "  rappel flow draw registration > registration.mmd\n  rappel flow draw registration --version draft",
	}, func(_ *cobra.Command, book flowBook) error {
		_, err := io.WriteString(p.out, book.Draw(book.names[0]))
		return err
	})
}

func (p *program) tryFlow() *cobra.Command {
	lang := roster.French
	var facts []string
	c := p.onBook(&cobra.Command{
		Use:   "try FILE|NAME",
		Short: "Rehearse a flow in the terminal: it prints what is said, you press the keys",
		Long: `Rehearses a flow in the terminal. Type keys, or only Enter to listen to the end, and Enter again to press nothing. Where the
service would look something up, ring somebody or record, type what the answer shall be. --fact says how things are: hours (open,
closed), holiday (yes, no), known (yes, no, withheld), queue (a number), language; what is not said is not known.`,
		Example: `  rappel flow try registration --language nl
  rappel flow try registration --fact hours=closed --fact known=yes
  rappel flow try registration --version draft
  printf '\n1\none\n' | rappel flow try registration`,
		Args: exactly(1),
	}, func(c *cobra.Command, book flowBook) error {
		vars, err := factsOf(facts, &lang, time.Now())
		if err != nil {
			return err
		}
		return p.rehearse(c.InOrStdin(), book.Book, dialogue{book.names[0], lang, vars})
	})
	c.Flags().Var(language(&lang), "language", "language to begin in: fr, nl, de or en")
	c.Flags().StringArrayVar(&facts, "fact", nil, "how things are, such as hours=closed; may be given several times")
	return c
}

// factsOf reads facts of the command line into variables of a rehearsal, and the language into lang.
func factsOf(facts []string, lang *roster.Language, now time.Time) (ivr.Vars, error) {
	vars := ivr.Vars{}
	for _, text := range facts {
		name, value, _ := strings.Cut(text, "=")
		if err := ivr.CheckFact(name, value); err != nil {
			return nil, usageError{fmt.Errorf("--fact %s: %w", text, err)}
		}
		if name == ivr.FactLanguage {
			*lang = roster.Language(value)
			continue
		}
		vars[name] = value
		if name == ivr.FactHours && value == ivr.HoursClosed {
			vars["reopens"], vars["now"] = time.Date(now.Year(), now.Month(), now.Day()+1, 13, 30, 0, 0, now.Location()), now
		}
	}
	return vars, nil
}

// dialogue is what is rehearsed.
type dialogue struct {
	flow string
	lang roster.Language
	vars ivr.Vars
}

// rehearse reads what is pressed and answered, a line each, until the dialogue or the input ends.
func (p *program) rehearse(in io.Reader, book *ivr.Book, d dialogue) error {
	now := time.Now()
	r, heard := book.Rehearse(d.flow, d.lang, d.vars)
	fmt.Fprint(p.out, heard)
	lines := bufio.NewScanner(in)
	for !r.Over() {
		asked := r.Asked()
		switch {
		case asked != nil:
			fmt.Fprintf(p.out, "answer %s> ", strings.Join(asked, ", "))
		case r.Speaking():
			fmt.Fprint(p.out, "key, or Enter to listen> ")
		default:
			fmt.Fprint(p.out, "key, or Enter for none> ")
		}
		if !lines.Scan() {
			fmt.Fprintln(p.out)
			return lines.Err()
		}
		words := []string{strings.TrimSpace(lines.Text())}
		switch {
		case asked != nil:
		case words[0] != "":
			words = strings.Split(words[0], "")
		case r.Speaking():
			words[0] = ivr.Listened
		default:
			words[0] = ivr.NoKey
		}
		for _, word := range words {
			heard, err := r.Do(word, ivr.ExampleAnswer(word, now))
			if err != nil {
				fmt.Fprintf(p.out, "%s: %v\n", word, err)
				break
			}
			fmt.Fprint(p.out, heard)
		}
	}
	return nil
}

// draft is the flows that ship, with other prompts if a file is named.
func (p *program) draft(promptsFile string) (*ivr.Book, error) {
	name, prompts := sounds.Name, sounds.Prompts()
	if promptsFile != "" {
		var err error
		if prompts, err = os.ReadFile(promptsFile); err != nil {
			return nil, usageError{fmt.Errorf("--prompts: %w", err)}
		}
		name = promptsFile
	}
	book, err := ivr.ReadDraft(dialplans.Flows(), name, prompts)
	if err != nil {
		p.tellMistake(err)
		return nil, silentError{}
	}
	return book, nil
}

// tellMistake prints an error that names file and line itself: there is nothing to type next.
func (p *program) tellMistake(err error) { fmt.Fprintf(p.err, "rappel: %v\n", err) }

// withFlow puts the flow of a file into the book. What is no file may be the name of a flow.
func (p *program) withFlow(book *ivr.Book, file string, refused map[string]error) (_ *ivr.Book, name string, err error) {
	switch {
	case book.Has(file):
		return book, file, nil
	case refused[file] != nil: // Nothing ships in its place.
		p.tellProblems(refused[file])
		return nil, "", silentError{}
	}
	text, err := os.ReadFile(file)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, "", noFlow(file)
	case err != nil:
		return nil, "", usageError{err}
	}
	f, err := ivr.ReadFlow(file, text)
	if err != nil {
		p.tellMistake(err)
		return nil, "", silentError{}
	}
	return book.With(f), f.Name, nil
}
