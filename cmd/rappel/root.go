package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rappel-tel/rappel/pkg/app"
	"github.com/rappel-tel/rappel/pkg/demo"
)

// defaultConfig is where a package puts the configuration.
const defaultConfig = "/etc/rappel/rappel.yaml"

// program is what every command shares.
type program struct {
	out, err io.Writer
	abort    context.Context // Ends with the second signal.
	config   string
}

// usageError is a command that was typed wrongly.
type usageError struct{ error }

func (u usageError) Unwrap() error { return u.error }

// usage marks an error, if it is one, as a mistake of whoever typed.
func usage(err error) error {
	if err == nil {
		return nil
	}
	return usageError{err}
}

// silentError is a failure that the command has explained itself.
type silentError struct{}

func (silentError) Error() string { return "failed" }

func (p *program) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "rappel",
		Short: "A telephone-reassurance scheme: who is called when, by whom, and what came of it",
		Long: `Rappel phones people who live alone, on behalf of a town: it plans the calls that were promised, connects
callers working from home with them through Asterisk, answers the registration line, and records what came of each call.

Try it:          rappel demo
Run it:          rappel config example > rappel.yaml, rappel doctor, rappel migrate, rappel serve
Sign in:         rappel user link`,
		SilenceErrors: true, SilenceUsage: true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.PersistentFlags().StringVarP(&p.config, "config", "c", configFile(), "configuration file")
	for _, g := range []struct {
		id, title string
		commands  []*cobra.Command
	}{
		{"people", "People and the calls promised to them:", []*cobra.Command{
			p.importPeople(), p.exportPeople(), p.person(), p.agreement(), p.appointment(), p.today(), p.absence(), p.consent(), p.refusal(),
		}},
		{"callers", "Callers and their day:", []*cobra.Command{p.caller(), p.shift(), p.hours(), p.plan()}},
		{"line", "The line:", []*cobra.Command{p.line(), p.inbox(), p.flow(), p.prompts(), p.faq()}},
		{"automatic", "Calls without a caller:", []*cobra.Command{p.surge(), p.outreach(), p.survey()}},
		{"installation", "The installation:", []*cobra.Command{
			p.demo(), p.configure(), p.doctor(), p.migrate(), p.pbx(), p.serve(), p.scheme(), p.user(), p.node(), p.version(),
		}},
	} {
		root.AddGroup(&cobra.Group{ID: g.id, Title: g.title})
		for _, c := range g.commands {
			c.GroupID = g.id
			root.AddCommand(c)
		}
	}
	root.SetHelpCommandGroupID("installation")
	root.Args = cobra.ArbitraryArgs
	onlyKnown(root)
	// A group runs, if only to refuse what is none of its commands; its usage is that of a group all the same.
	root.SetUsageTemplate(strings.Replace(root.UsageTemplate(), "{{if .Runnable}}", "{{if and .Runnable (not .HasAvailableSubCommands)}}", 1))
	return root
}

// onlyKnown has a group of commands refuse one that it does not have. Cobra does so for the root alone, in other words; elsewhere it
// prints the help and ends as if something had been done.
func onlyKnown(group *cobra.Command) {
	for _, c := range group.Commands() {
		onlyKnown(c)
	}
	if !group.HasSubCommands() || group.Runnable() {
		return
	}
	group.RunE = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return c.Help()
		}
		hint := ""
		c.SuggestionsMinimumDistance = 2
		if near := c.SuggestionsFor(args[0]); len(near) > 0 {
			hint = "; did you mean " + near[0] + "?"
		}
		return usageError{fmt.Errorf("unknown command %q for %q%s", args[0], c.CommandPath(), hint)}
	}
}

// configFile is the file named by the environment, or the one beside us, or the system's.
func configFile() string {
	if f := os.Getenv("RAPPEL_CONFIG"); f != "" {
		return f
	}
	if _, err := os.Stat("rappel.yaml"); err == nil {
		return "rappel.yaml"
	}
	return defaultConfig
}

// explain prints an error with what to type next, and returns the exit status.
func (p *program) explain(command *cobra.Command, err error) int {
	if _, silent := errors.AsType[silentError](err); silent {
		return 1
	}
	if ctx := command.Context(); ctx != nil && ctx.Err() != nil && errors.Is(err, context.Canceled) {
		fmt.Fprintln(p.err, "rappel: stopped before the end")
		return 1
	}
	for line := range strings.Lines(err.Error()) {
		if line = strings.TrimSpace(line); line != "" {
			fmt.Fprintf(p.err, "rappel: %s\n", line)
		}
	}
	if _, usage := errors.AsType[usageError](err); usage || strings.HasPrefix(err.Error(), "unknown command") || strings.HasPrefix(err.Error(), "required flag") {
		fmt.Fprintf(p.err, "Type %s --help to see how it is used.\n", command.CommandPath())
		return 2
	}
	if d, ok := errors.AsType[demoError](err); ok {
		if d.log != "" && !errors.Is(err, demo.ErrCutShort) {
			fmt.Fprintf(p.err, "The service's own log is %s\n", d.log)
		}
		return 1
	}
	var problem *app.Problem
	switch {
	case errors.As(err, &problem):
		fmt.Fprintf(p.err, "Correct it, then type: rappel config check %s\n", problem.File)
	case app.Outdated(err):
		fmt.Fprintf(p.err, "Type: rappel migrate --config %s\n", p.config)
	default:
		fmt.Fprintf(p.err, "Type rappel doctor --config %s to see what is wrong and how to mend it.\n", p.config)
	}
	return 1
}

// exactly refuses another number of arguments, as a mistake in typing.
func exactly(n int) cobra.PositionalArgs { return counted(cobra.ExactArgs(n)) }

// fromTo lets a command have so many arguments.
func fromTo(least, most int) cobra.PositionalArgs { return counted(cobra.RangeArgs(least, most)) }

// atMostOne lets a command have one argument or none.
func atMostOne(c *cobra.Command, args []string) error { return counted(cobra.MaximumNArgs(1))(c, args) }

// counted makes a wrong number of arguments a mistake in typing, with the command in front.
func counted(allowed cobra.PositionalArgs) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if allowed(c, args) != nil {
			return usageError{fmt.Errorf("write it like this: %s", strings.TrimSuffix(c.UseLine(), " [flags]"))}
		}
		return nil
	}
}

// only is the argument of a command that may have one; "" when it has none.
func only(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}
