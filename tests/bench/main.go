// Command bench measures Rappel.
//
//	go run ./tests/bench calls --json [--quick] [--rounds N] [--only dial,originate,rappel]
//	go run ./tests/bench line --json [--quick]
//	go run ./tests/bench dispatch --json [--quick] [--full] [--rounds N] [--only P1,P3]
//
// It sets up a PostgreSQL and, for calls, an Asterisk of its own below .rappel, needs root as they do, and stops what it started.
// Progress goes to standard error, the result, one JSON object, to standard output.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/rappel-tel/rappel/tests/bench/figures"
)

func main() {
	os.Exit(execute(os.Args[1:]))
}

// execute returns the exit status: 0 measured, 1 failed, 2 wrongly typed.
func execute(args []string) int {
	if order := os.Getenv(serveVariable); order != "" {
		return status(serve(order))
	}
	if order := os.Getenv(figures.ChildVariable); order != "" {
		return status(figures.Child(order))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return status(command(ctx, args, os.Stdout, os.Stderr))
}

func status(err error) int {
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errUsage):
		fmt.Fprintln(os.Stderr, err)
		return 2
	default:
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
}

var errUsage = errors.New("type: go run ./tests/bench calls [--json] [--quick] [--rounds N] [--only dial,originate,rappel]\n" +
	"  or: go run ./tests/bench line [--json] [--quick]\n" +
	"  or: go run ./tests/bench dispatch [--json] [--quick] [--full] [--rounds N] [--only P1,P3]")

// command runs one benchmark.
func command(ctx context.Context, args []string, out, progress io.Writer) error {
	if len(args) == 0 {
		return errUsage
	}
	switch args[0] {
	case "calls":
		return calls(ctx, args[1:], out, progress)
	case "line":
		return line(ctx, args[1:], out, progress)
	case "dispatch":
		return dispatch(ctx, args[1:], out, progress)
	default:
		return errUsage
	}
}

// calls measures how many calls per second are connected.
func calls(ctx context.Context, args []string, out, progress io.Writer) error {
	o := Options{Progress: progress}
	flags := flag.NewFlagSet("calls", flag.ContinueOnError)
	flags.SetOutput(progress)
	asJSON := flags.Bool("json", false, "print the result as one JSON object")
	flags.BoolVar(&o.Quick, "quick", false, "one short trial per mode: shows that it works, measures nothing")
	flags.IntVar(&o.Rounds, "rounds", 3, "rounds at most, within eleven minutes; in each every mode is ramped once")
	only := flags.String("only", strings.Join(modes(), ","), "modes to measure, separated by commas")
	flags.DurationVar(&o.Length, "length", 0, "how long one trial places calls (default 6s)")
	flags.Float64Var(&o.Rate, "rate", 0, "try this one rate instead of ramping (calls per second)")
	flags.StringVar(&o.Profile, "profile", "", "folder for processor profiles of the service, one per trial")
	flags.IntVar(&o.Starts, "starts", 0, "calls per second that the service's admission to the PBX begins with (default 2000); -1 has none")
	flags.BoolVar(&o.Keep, "keep", false, "keep the run folder, for its logs")
	if err := flags.Parse(args); err != nil {
		return errors.Join(errUsage, err)
	}
	o.Only = strings.Split(*only, ",")
	result, err := Calls(ctx, o)
	if err != nil {
		return err
	}
	if !*asJSON {
		result.tell(out)
		return nil
	}
	return printJSON(out, result)
}

// line measures how soon the line speaks, how many parties walk its menus at once, and what each of them costs.
func line(ctx context.Context, args []string, out, progress io.Writer) error {
	o := LineOptions{Progress: progress}
	flags := flag.NewFlagSet("line", flag.ContinueOnError)
	flags.SetOutput(progress)
	asJSON := flags.Bool("json", false, "print the result as one JSON object")
	quick := flags.Bool("quick", false, "a small form: shows that it works, measures nothing")
	flags.IntVar(&o.Parties, "parties", 200, "who walk the menus at the same time")
	flags.IntVar(&o.AtOnce, "at-once", 50, "who dial at the same instant, for the first prompt")
	flags.IntVar(&o.Rounds, "rounds", 4, "how often they do, with a cold service and a warm one")
	flags.BoolVar(&o.FirstStart, "first-start", false, "also measure a service that has nothing spoken yet: takes a minute or two longer")
	flags.BoolVar(&o.Codecs, "codecs", false, "also measure what it saves that prompts lie there in the codec of the trunk: takes three minutes longer")
	flags.StringVar(&o.Profile, "profile", "", "file for a processor profile of the service's last life")
	flags.BoolVar(&o.Keep, "keep", false, "keep the run folder, for its logs")
	if err := flags.Parse(args); err != nil {
		return errors.Join(errUsage, err)
	}
	if *quick {
		o.Parties, o.AtOnce, o.Rounds = 4, 3, 1
	}
	if o.Parties < 1 || o.AtOnce < 1 || o.Rounds < 1 {
		return fmt.Errorf("%w: parties, at-once and rounds are above zero", errUsage)
	}
	result, err := MeasureLine(ctx, o)
	if err != nil {
		return err
	}
	if *asJSON {
		return printJSON(out, result)
	}
	fmt.Fprintf(out, "%+v\n", *result)
	return nil
}

// dispatch measures the figures of the dispatcher. With an error it prints what was measured before.
func dispatch(ctx context.Context, args []string, out, progress io.Writer) error {
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	o := figures.Options{Root: root, Progress: progress}
	flags := flag.NewFlagSet("dispatch", flag.ContinueOnError)
	flags.SetOutput(progress)
	asJSON := flags.Bool("json", false, "print the result as one JSON object")
	only := flags.String("only", strings.Join(figures.Names(), ","), "figures to measure, separated by commas")
	flags.BoolVar(&o.Quick, "quick", false, "a small form of each: shows that it works, measures nothing")
	flags.BoolVar(&o.Full, "full", false, "hold ten million calls where one million is the default")
	flags.IntVar(&o.Rounds, "rounds", 0, "rounds; in each every side runs once (default 5)")
	flags.IntVar(&o.Calls, "calls", 0, "P1, P7: calls due at once (default 200000)")
	flags.IntVar(&o.Callers, "callers", 0, "P1, P7: callers who are ready (default 1000)")
	flags.IntVar(&o.Faults, "faults", 0, "P9: faults (default 200)")
	if err := flags.Parse(args); err != nil {
		return errors.Join(errUsage, err)
	}
	o.Only = strings.Split(*only, ",")
	results, err := figures.Run(ctx, o)
	if errors.Is(err, figures.ErrUnknown) {
		return errors.Join(errUsage, err)
	}
	if *asJSON {
		return errors.Join(err, printJSON(out, results))
	}
	for _, name := range figures.Names() {
		if x, ok := results[name]; ok {
			fmt.Fprintf(out, "%s %v %s, ratio %v (goal: %s; met: %t) %s\n", name, x.Value, x.Unit, x.Ratio, x.Goal, x.Met, x.Limit)
		}
	}
	return err
}

func printJSON(out io.Writer, result any) error {
	text, err := json.Marshal(result)
	if err != nil {
		return fmt.Errorf("write result: %w", err)
	}
	if _, err := fmt.Fprintln(out, string(text)); err != nil {
		return fmt.Errorf("write result: %w", err)
	}
	return nil
}
