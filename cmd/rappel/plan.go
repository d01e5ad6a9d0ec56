package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/rappel-tel/rappel/pkg/forecast"
	"github.com/rappel-tel/rappel/pkg/schedule"
)

// mostCallers bounds what --callers and a file of shifts suppose.
const mostCallers = 10_000

func (p *program) plan() *cobra.Command {
	var (
		date, shifts string
		callers      int
		target       float64
		asJSON       bool
		opts         forecast.Options
	)
	var c *cobra.Command
	c = p.inScheme(&cobra.Command{
		Use:   "plan",
		Short: "Say what a day will bring: which promises break, at which hour, and how many more callers save them",
		Long: `Plays a day many times before it happens, with the code that decides the real calls, and says what is to be expected: promises
kept and missed hour by hour, which of them are at risk, how busy callers are, and what to do about it. Talk times and the
chances that somebody answers are those of the last 60 days; where there is too little history it says what it supposes.
The same seed gives the same answer. Of today it plays what is left. Nothing is written.

Who is there comes from rappel shift; --callers and --shifts ask what if. A file of shifts has a line per caller, whoever
stands in none of them is off, and +2 stands for two more who speak every language:

  A01 9:30-12:30
  A02 9:30-12,13-17
  +2  10-12`,
		Example: `  rappel plan --date 2026-11-24
  rappel plan --date 2026-11-24 --callers 8
  rappel plan --json | jq .advice`,
		Args: exactly(0),
	}, func(ctx context.Context, r records, _ []string) error {
		now := time.Now()
		on := r.today(now)
		if err := readDate("--date", date, &on); err != nil {
			return err
		}
		switch given := c.Flags().Changed; {
		case given("callers") && shifts != "":
			return usageError{errors.New("--callers and --shifts are two answers to one question; give one of them")}
		case given("callers") && (callers < 0 || callers > mostCallers):
			return usageError{fmt.Errorf("--callers %d: write 0 to %d", callers, mostCallers)}
		case given("runs") && opts.Runs < 1:
			return usageError{fmt.Errorf("--runs %d: a day is played once at least", opts.Runs)}
		case given("target") && !(target >= 0 && target <= math.MaxInt32):
			return usageError{fmt.Errorf("--target %v: write a number of promises, such as 0.5", target)}
		}
		day, err := r.Day(ctx, r.scheme.Key, on, now)
		if err != nil {
			return mistake(err, forecast.ErrPast)
		}
		switch {
		case callers >= 0:
			err = day.StaffWith(callers)
		case shifts != "":
			err = readShifts(shifts, &day)
		}
		if err != nil {
			return err
		}
		began := time.Now()
		opts.Progress = p.progress()
		plan, err := forecast.PlanDay(ctx, &day, target, opts)
		opts.Progress(0, 0)
		if err != nil {
			if errors.Is(err, forecast.ErrOptions) {
				return usageError{err}
			}
			return err
		}
		if asJSON {
			e := json.NewEncoder(p.out)
			e.SetIndent("", "  ")
			return e.Encode(plan)
		}
		sheet := daySheet{out: p.out, name: r.scheme.Name, day: &day, plan: plan, took: time.Since(began)}
		sheet.print()
		return nil
	})
	f := c.Flags()
	f.StringVar(&date, "date", "", "the day, such as 2026-11-24 (default: what is left of today)")
	f.IntVar(&callers, "callers", -1, "suppose that so many callers are there in all the scheme's hours")
	f.StringVar(&shifts, "shifts", "", "file that says who is there and when")
	f.Uint64Var(&opts.Seed, "seed", 0, "of the dice")
	f.IntVar(&opts.Runs, "runs", 0, "how often the day is played (default: 200, fewer for a day of more than 2,000 promises)")
	f.Float64Var(&target, "target", -1, "how many missed promises are accepted, on average (default: one in 200, half a promise at least)")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// progress shows on a terminal how far a simulation has got; (0, 0) wipes it away.
func (p *program) progress() func(done, of int) {
	file, ok := p.err.(*os.File)
	if !ok {
		return func(int, int) {}
	}
	if info, err := file.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return func(int, int) {}
	}
	return func(done, of int) {
		if of == 0 {
			fmt.Fprint(p.err, "\r\x1b[K")
			return
		}
		fmt.Fprintf(p.err, "\rPlaying the day: %d of %d\x1b[K", done, of)
	}
}

// readShifts puts on a day whom a file names, and nobody else.
func readShifts(name string, day *forecast.Day) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return usageError{fmt.Errorf("--shifts: %w", err)}
	}
	if !utf8.Valid(text) {
		return usageError{fmt.Errorf("--shifts %s: it is no UTF-8 text", name)}
	}
	text = bytes.TrimPrefix(text, []byte("\ufeff")) // As Windows' editor begins a file.
	return shiftsFrom(bytes.NewReader(text), name, day)
}

func shiftsFrom(file io.Reader, name string, day *forecast.Day) error {
	byRef := map[string]int{}
	for i := range day.Callers {
		day.Callers[i].Shifts, day.Callers[i].Supposed = nil, false
		byRef[day.Callers[i].Ref] = i
	}
	helpers := 0
	lines := bufio.NewScanner(file)
	for n := 1; lines.Scan(); n++ {
		fields := strings.Fields(lines.Text())
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		wrong := func(format string, args ...any) error {
			return usageError{fmt.Errorf("%s:%d: %s", name, n, fmt.Sprintf(format, args...))}
		}
		if len(fields) != 2 {
			return wrong("write a caller and hours, such as A01 9:30-12:30")
		}
		hours, err := schedule.ParseHours(fields[1])
		if err != nil {
			return wrong("%v", err)
		}
		shifts := forecast.ShiftsOf(hours, day.Date, day.Scheme.Zone)
		if more, ok := strings.CutPrefix(fields[0], "+"); ok {
			count, err := strconv.Atoi(more)
			if err != nil || count < 1 {
				return wrong("%s is no number of callers such as +2", fields[0])
			}
			if count > mostCallers-helpers {
				return wrong("more than %d callers beside the scheme's own", mostCallers)
			}
			added := day.Helpers(helpers+count, shifts)[helpers:]
			day.Callers = append(day.Callers, added...)
			helpers += count
			continue
		}
		i, ok := byRef[fields[0]]
		if !ok {
			return wrong("%s is no enabled caller; rappel caller list shows the refs", fields[0])
		}
		day.Callers[i].Shifts = append(day.Callers[i].Shifts, shifts...)
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	return nil
}
