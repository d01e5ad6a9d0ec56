package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"
)

// doctorLimit bounds the whole examination.
const doctorLimit = 10 * time.Second

// Verdict is what a check found.
type Verdict string

// The verdicts. A skipped check could not be made, because another one failed or the configuration leaves its part out.
const (
	VerdictOK   Verdict = "ok"
	VerdictWarn Verdict = "warning"
	VerdictFail Verdict = "problem"
	VerdictSkip Verdict = "skipped"
)

// Finding is the result of one check: a problem comes with its cause and the command that fixes it.
type Finding struct {
	Check   string  `json:"check"` // Stable name, such as "postgres.migrations".
	Title   string  `json:"title"`
	Verdict Verdict `json:"verdict"`
	Detail  string  `json:"detail,omitempty"` // What was seen.
	Cause   string  `json:"cause,omitempty"`
	Fix     string  `json:"fix,omitempty"` // A command, or what to do.
	Millis  int64   `json:"millis"`
}

// Diagnosis is a whole examination.
type Diagnosis struct {
	OK       bool      `json:"ok"` // No problem; warnings are allowed.
	Problems int       `json:"problems"`
	Warnings int       `json:"warnings"`
	Checks   []Finding `json:"checks"`
	Millis   int64     `json:"millis"`
}

// Doctor examines what a configuration names, in at most ten seconds. It changes nothing, and may run beside the service.
// The commands that it recommends name the configuration's file.
func Doctor(ctx context.Context, cfg Config, file string) Diagnosis {
	begun := time.Now()
	ctx, cancel := context.WithTimeout(ctx, doctorLimit-time.Second)
	defer cancel()
	e := &examination{cfg: cfg, file: file}
	var parts sync.WaitGroup
	for _, part := range []func(context.Context){e.machine, e.postgres, e.nats, e.pbx, e.pages, e.prompts} {
		parts.Go(func() { part(ctx) })
	}
	parts.Wait()
	e.together(ctx)
	d := Diagnosis{Checks: e.findings, Millis: time.Since(begun).Milliseconds()}
	slices.SortStableFunc(d.Checks, func(a, b Finding) int { return part(a.Check) - part(b.Check) })
	for _, f := range d.Checks {
		switch f.Verdict {
		case VerdictFail:
			d.Problems++
		case VerdictWarn:
			d.Warnings++
		case VerdictOK, VerdictSkip:
		}
	}
	d.OK = d.Problems == 0
	return d
}

// Misconfigured is the diagnosis when the configuration itself cannot be read: nothing else was looked at.
func Misconfigured(err error, file string) Diagnosis {
	return Diagnosis{Problems: 1, Checks: []Finding{{
		Check: "config.file", Title: "configuration can be read", Verdict: VerdictFail, Detail: file, Cause: short(err),
		Fix: "correct it, then type: rappel config check " + file,
	}}}
}

// part orders the findings: the machine first, the call last.
func part(check string) int {
	return slices.IndexFunc([]string{"machine", "secrets", "postgres", "nats", "pbx", "trunk", "prompts", "web", "clock", "call"},
		func(prefix string) bool { return strings.HasPrefix(check, prefix+".") })
}

// examination collects findings; its parts run at the same time.
type examination struct {
	cfg  Config
	file string

	mu       sync.Mutex
	findings []Finding
	// What one part found out and another needs.
	databaseNow, pbxNow offsetOf
	trunks              []trunkSeen
	phones              []phoneAccount
	pbxAnswers          bool
	recordsRead         bool // Then trunks and phones are known.
}

// offsetOf is how far a clock is ahead of ours.
type offsetOf struct {
	known  bool
	offset time.Duration
	within time.Duration // How exactly that is known.
}

// trunkSeen is a trunk of the records that is to be at this node's PBX.
type trunkSeen struct{ name string }

// phoneAccount is a SIP phone's account, for the echo call.
type phoneAccount struct{ endpoint, secret string }

// outcome is what a check returns.
type outcome struct {
	verdict            Verdict
	detail, cause, fix string
}

func fine(format string, args ...any) outcome {
	return outcome{verdict: VerdictOK, detail: fmt.Sprintf(format, args...)}
}

func wrong(detail, cause, fix string) outcome {
	return outcome{verdict: VerdictFail, detail: detail, cause: cause, fix: fix}
}

func doubtful(detail, cause, fix string) outcome {
	return outcome{verdict: VerdictWarn, detail: detail, cause: cause, fix: fix}
}

func skipped(why string) outcome { return outcome{verdict: VerdictSkip, detail: why} }

// look runs one check and notes what it found. It reports whether the check passed (a warning passes).
func (e *examination) look(name, title string, check func() outcome) bool {
	begun := time.Now()
	o := check()
	f := Finding{
		Check: name, Title: title, Verdict: o.verdict, Detail: o.detail, Cause: o.cause, Fix: o.fix,
		Millis: time.Since(begun).Milliseconds(),
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.findings = append(e.findings, f)
	return o.verdict == VerdictOK || o.verdict == VerdictWarn
}

// leave notes that checks could not be made.
func (e *examination) leave(why string, names ...string) {
	for _, name := range names {
		e.look(name, name[strings.IndexByte(name, '.')+1:], func() outcome { return skipped(why) })
	}
}

// WriteText writes a diagnosis for a person: problems with their fixes, and one line for each check.
func (d Diagnosis) WriteText(w io.Writer) error {
	marks := map[Verdict]string{VerdictOK: "ok  ", VerdictWarn: "warn", VerdictFail: "FAIL", VerdictSkip: "skip"}
	var b strings.Builder
	for _, f := range d.Checks {
		fmt.Fprintf(&b, "%s  %-24s %s", marks[f.Verdict], f.Check, f.Title)
		if f.Detail != "" {
			b.WriteString(": " + f.Detail)
		}
		b.WriteByte('\n')
		if f.Cause != "" {
			fmt.Fprintf(&b, "      cause: %s\n", f.Cause)
		}
		if f.Fix != "" {
			fmt.Fprintf(&b, "      fix:   %s\n", f.Fix)
		}
	}
	fmt.Fprintf(&b, "\n%d checks in %.1f s: problems: %d, warnings: %d\n", len(d.Checks), float64(d.Millis)/1000, d.Problems, d.Warnings)
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write diagnosis: %w", err)
	}
	return nil
}

// short is an error in one line.
func short(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return "no answer in time"
	}
	return strings.ReplaceAll(err.Error(), "\n", "; ")
}
