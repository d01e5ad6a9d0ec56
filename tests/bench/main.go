// Command bench measures Rappel.
//
//	go run ./tests/bench calls --json [--quick] [--rounds N] [--only dial,originate,rappel]
//
// It sets up a PostgreSQL and an Asterisk of its own below .rappel, needs root as they do, and stops what it started.
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
)

func main() {
	os.Exit(execute(os.Args[1:]))
}

// execute returns the exit status: 0 measured, 1 failed, 2 wrongly typed.
func execute(args []string) int {
	if order := os.Getenv(serveVariable); order != "" {
		return status(serve(order))
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

var errUsage = errors.New("type: go run ./tests/bench calls [--json] [--quick] [--rounds N] [--only dial,originate,rappel]")

// command runs one benchmark. There is one so far.
func command(ctx context.Context, args []string, out, progress io.Writer) error {
	if len(args) == 0 || args[0] != "calls" {
		return errUsage
	}
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
	flags.BoolVar(&o.Keep, "keep", false, "keep the run folder, for its logs")
	if err := flags.Parse(args[1:]); err != nil {
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
	text, err := json.Marshal(result)
	if err != nil {
		return fmt.Errorf("write result: %w", err)
	}
	if _, err := fmt.Fprintln(out, string(text)); err != nil {
		return fmt.Errorf("write result: %w", err)
	}
	return nil
}
