package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rappel-tel/rappel/dialplans"
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

func (p *program) checkFlows() *cobra.Command {
	var prompts string
	c := &cobra.Command{
		Use:   "check FILE [FILE...]",
		Short: "Find what is wrong with flows: dead ends, loops, prompts missing in a language, menus too long to remember",
		Example: `  rappel flow check dialplans/registration.yaml
  rappel flow check registration.yaml --prompts prompts.yaml`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError{fmt.Errorf("%s: name a file", c.CommandPath())}
			}
			return nil
		},
		RunE: func(_ *cobra.Command, files []string) error {
			book, err := p.draft(prompts)
			if err != nil {
				return err
			}
			var names []string
			for _, file := range files {
				var name string
				if book, name, err = p.withFlow(book, file); err != nil {
					return err
				}
				names = append(names, name)
			}
			problems := book.Check(names...)
			for _, problem := range problems {
				fmt.Fprintln(p.out, problem.Error())
			}
			if len(problems) > 0 {
				return silentError{}
			}
			fmt.Fprintf(p.out, "%s: nothing wrong\n", strings.Join(files, ", "))
			return nil
		},
	}
	c.Flags().StringVar(&prompts, "prompts", "", "file of prompts (default: those that ship)")
	return c
}

func (p *program) drawFlow() *cobra.Command {
	return &cobra.Command{
		Use: "draw FILE|NAME", Short: "Draw a flow as a Mermaid diagram", Args: exactly(1),
		Example: "  rappel flow draw registration > registration.mmd",
		RunE: func(_ *cobra.Command, args []string) error {
			book, err := p.draft("")
			if err != nil {
				return err
			}
			book, name, err := p.withFlow(book, args[0])
			if err != nil {
				return err
			}
			_, err = io.WriteString(p.out, book.Draw(name))
			return err
		},
	}
}

func (p *program) tryFlow() *cobra.Command {
	lang := roster.French
	var prompts string
	c := &cobra.Command{
		Use:   "try FILE|NAME",
		Short: "Rehearse a flow in the terminal: it prints what is said, you press the keys",
		Long: `Rehearses a flow in the terminal. Type keys, or only Enter to listen to the end, and Enter again to press nothing. Where the
service would look something up, ring somebody or record, type what the answer shall be.`,
		Example: `  rappel flow try registration --language nl
  printf '\n1\none\n' | rappel flow try registration`,
		Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			book, err := p.draft(prompts)
			if err != nil {
				return err
			}
			book, name, err := p.withFlow(book, args[0])
			if err != nil {
				return err
			}
			return p.rehearse(c.InOrStdin(), book, name, lang)
		},
	}
	c.Flags().Var(language(&lang), "language", "language to begin in: fr, nl, de or en")
	c.Flags().StringVar(&prompts, "prompts", "", "file of prompts (default: those that ship)")
	return c
}

// rehearse reads what is pressed and answered, a line each, until the dialogue or the input ends.
func (p *program) rehearse(in io.Reader, book *ivr.Book, flow string, lang roster.Language) error {
	now := time.Now()
	r, heard := book.Rehearse(flow, lang, nil)
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
func (p *program) withFlow(book *ivr.Book, file string) (_ *ivr.Book, name string, err error) {
	if slices.Contains(book.Flows(), file) {
		return book, file, nil
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
