// Command bench measures Rappel.
//
//	go run ./tests/bench calls --json [--quick] [--rounds N] [--only dial,originate,rappel]
//	go run ./tests/bench burndown --json [--quick] [--rounds N] [--calls N] [--peers=false]
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

	"github.com/rappel-tel/rappel/tests/bench/burndown"
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

var errUsage = errors.New("type: go run ./tests/bench calls [--json] [--quick] [--rounds N] [--only dial,originate,rappel]\n" +
	"  or: go run ./tests/bench burndown [--json] [--quick] [--rounds N] [--calls N] [--peers=false]")

// command runs one benchmark.
func command(ctx context.Context, args []string, out, progress io.Writer) error {
	if len(args) == 0 {
		return errUsage
	}
	switch args[0] {
	case "calls":
		return calls(ctx, args[1:], out, progress)
	case "burndown":
		return burn(ctx, args[1:], out, progress)
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

// burn measures how many due calls per second are dispatched durably, without telephones.
func burn(ctx context.Context, args []string, out, progress io.Writer) error {
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	o := burndown.Options{Root: root, Progress: progress}
	flags := flag.NewFlagSet("burndown", flag.ContinueOnError)
	flags.SetOutput(progress)
	asJSON := flags.Bool("json", false, "print the result as one JSON object")
	flags.BoolVar(&o.Quick, "quick", false, "few calls, one round: shows that it works, measures nothing")
	flags.IntVar(&o.Rounds, "rounds", 0, "rounds; in each every side runs once (default 5)")
	flags.IntVar(&o.Calls, "calls", 0, "calls due at once (default 200000)")
	flags.IntVar(&o.Callers, "callers", 0, "callers who are ready (default 1000)")
	flags.BoolVar(&o.Peers, "peers", true, "measure River too; go fetches it")
	if err := flags.Parse(args); err != nil {
		return errors.Join(errUsage, err)
	}
	result, err := burndown.Run(ctx, o)
	if err != nil {
		return err
	}
	if *asJSON {
		return printJSON(out, result)
	}
	_, err = fmt.Fprintf(out, "%d calls due at once: Rappel %.0f calls/s, %.2f of the raw statements (%.0f), %.2f of River (%.0f)\n",
		result.Calls, result.Rappel, result.OfRaw, result.Raw, result.OfRiver, result.River)
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
