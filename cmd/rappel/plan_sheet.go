package main

import (
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/rappel-tel/rappel/pkg/forecast"
)

// daySheet prints a day plan for a terminal.
type daySheet struct {
	out  io.Writer
	name string
	day  *forecast.Day
	plan *forecast.Plan
	took time.Duration
}

// barWidth is how wide the bar of the fullest hour is.
const barWidth = 30

// mostRisks is how many promises at risk are listed.
const mostRisks = 20

func (s *daySheet) print() {
	o := s.plan.Outlook
	s.line("%s, %s", s.day.Date.Format("Monday 2 January 2006"), s.name)
	if o.From.After(midnight(s.day)) {
		s.line("From %s on; so far %d reached, %d unreached, %d missed.", o.From.In(s.day.Scheme.Zone).Format("15:04"),
			o.Settled.Reached, o.Settled.Unreached, o.Settled.Missed)
	}
	if o.Promises == 0 {
		s.line("No promise is open. %s", s.closed())
		s.desks()
		return
	}
	s.line("%s and %s, played %s.", count(o.Promises, "promise"), count(o.Callers, "caller"), count(o.Runs, "time"))
	s.line("")
	s.hours()
	s.line("")
	s.line("Kept      %s of %d: %s reached, %s unreached", between(o.Kept), o.Promises, tenth(o.Reached.Mean), tenth(o.Unreached.Mean))
	s.line("Missed    %s", between(o.Missed))
	if o.WaitP90 > 0 {
		s.line("Waiting   half of them less than %s from when they are due, nine in ten less than %s", minutes(o.WaitMedian+30), minutes(o.WaitP90+30))
	}
	if s.day.Scheme.Paused {
		s.line("The scheme is paused: this is what happens once it is not.")
	}
	s.risks()
	s.advice()
	s.desks()
	s.basis()
}

func (s *daySheet) line(format string, args ...any) { fmt.Fprintf(s.out, format+"\n", args...) }

func (s *daySheet) closed() string {
	if hours, err := forecast.Hours(&s.day.Scheme, s.day.Date); err == nil && len(hours) == 0 {
		return "The scheme is closed that day (rappel hours show)."
	}
	return "rappel agreement set books calls."
}

func (s *daySheet) hours() {
	o := s.plan.Outlook
	most := 0.0
	for _, h := range o.Hours {
		most = max(most, h.Reached.Mean+h.Unreached.Mean+h.Missed.Mean)
	}
	w := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "HOUR\tWINDOWS\tCALLERS\tBUSY\tKEPT\tMISSED\t█ reached ▒ unreached × missed")
	for _, h := range o.Hours {
		busy := "-"
		if h.Callers > 0 {
			busy = fmt.Sprintf("%.0f %%", 100*h.Occupancy)
		}
		kept := h.Reached.Mean + h.Unreached.Mean
		fmt.Fprintf(w, "%02d:00\t%d\t%s\t%s\t%s\t%s\t%s\n", h.Hour, h.Open, tenth(h.Callers), busy, tenth(kept), missedText(h.Missed), bar(h, most))
	}
	_ = w.Flush() // program.out remembers what was not written.
}

func missedText(e forecast.Expected) string {
	if e.Mean == 0 {
		return "-"
	}
	return fmt.Sprintf("%s (%.0f to %.0f)", tenth(e.Mean), e.P10, e.P90)
}

func bar(h forecast.Hour, most float64) string {
	if most == 0 {
		return ""
	}
	var b strings.Builder
	sum, drawn := 0.0, 0
	for _, part := range []struct {
		n    float64
		sign string
	}{{h.Reached.Mean, "█"}, {h.Unreached.Mean, "▒"}, {h.Missed.Mean, "×"}} {
		sum += part.n
		to := int(math.Round(sum / most * barWidth))
		if part.sign == "×" && to == drawn && part.n >= 0.05 {
			to++ // What breaks is seen, however little it is.
		}
		b.WriteString(strings.Repeat(part.sign, max(to-drawn, 0)))
		drawn = max(to, drawn)
	}
	return b.String()
}

func (s *daySheet) risks() {
	risks := s.plan.Outlook.AtRisk
	if len(risks) == 0 {
		return
	}
	s.line("\nAt risk")
	w := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "REF\tCLASS\tWINDOW\tLANGUAGE\tMISSED\t")
	zone := s.day.Scheme.Zone
	for _, r := range risks[:min(len(risks), mostRisks)] {
		note := strings.Join(r.Skills, ", ")
		if r.Strict {
			note = strings.TrimPrefix(note+", reference caller or deputy only", ", ")
		}
		fmt.Fprintf(w, "%s\t%d\t%s-%s\t%s\t%.0f %%\t%s\n", r.Ref, r.Class, r.Opens.In(zone).Format("15:04"), r.Closes.In(zone).Format("15:04"),
			r.Language, 100*r.Missed, note)
	}
	_ = w.Flush()
	if n := len(risks) - mostRisks; n > 0 {
		s.line("and %d more; --json lists them all", n)
	}
}

func (s *daySheet) advice() {
	a := s.plan.Advice
	s.line("\nWhat to do")
	switch {
	case a.Limit == "" && a.Callers == 0:
		s.line("Nothing: %s missed is within %s.", tenth(a.Missed), tenth(a.Target))
		return
	case a.Callers > 0:
		verb := "save"
		if a.Callers == 1 {
			verb = "saves"
		}
		s.line("%d more %s from %02d:00 to %02d:00 %s %s; %s would still be missed.", a.Callers, plural(a.Callers, "caller"), a.From, a.To, verb,
			count(int(math.Round(a.Saved)), "promise"), tenth(a.Missed))
		var needs []string
		for _, l := range a.Languages {
			needs = append(needs, string(l))
		}
		needs = append(needs, a.Skills...)
		s.line("They need what those at risk ask for, the most frequent first: %s.", strings.Join(needs, ", "))
	}
	switch a.Limit {
	case forecast.LimitLines:
		s.line("More callers save no more: every line that outbound calls may use is in use (rappel scheme trunk --lines).")
	case forecast.LimitStrict:
		s.line("More callers save no more: what is left only a reference caller or her deputy may call (continuity in the sheet: rappel export, rappel import).")
	case forecast.LimitTime:
		s.line("More callers save no more: what is left has too little time (rappel agreement set REF --window).")
	}
	if len(a.Tried) > 0 {
		var tried []string
		for _, t := range a.Tried {
			tried = append(tried, fmt.Sprintf("+%d: %s", t.Callers, tenth(t.Missed)))
		}
		s.line("Missed with more callers all day: none: %s, %s", tenth(s.plan.Outlook.Missed.Mean), strings.Join(tried, ", "))
	}
}

// desks says how many registrars the line needs.
func (s *daySheet) desks() {
	if len(s.plan.Line) == 0 {
		return
	}
	s.line("\nRegistration line: registrars who answer %.0f %% of calls within %s", 100*forecast.ServiceShare, forecast.ServiceWithin)
	w := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "HOUR\tCALLS\tNEEDED\tTHERE\tANSWERED IN TIME\t")
	for _, d := range s.plan.Line {
		note := ""
		if d.Needed > int(d.There) {
			note = fmt.Sprintf("%d more", d.Needed-int(d.There))
		}
		fmt.Fprintf(w, "%02d:00\t%s\t%d\t%s\t%.0f %%\t%s\n", d.Hour, tenth(d.PerHour), d.Needed, tenth(d.There), 100*d.Within, note)
	}
	_ = w.Flush()
	patience := "nobody gave up"
	if p := s.plan.Line[0].Patience; p > 0 {
		patience = "they give up after " + minutes(p) + " on average"
	}
	s.line("A call keeps a registrar busy for %s; %s.", minutes(s.plan.Line[0].Handle), patience)
}

func (s *daySheet) basis() {
	o := s.plan.Outlook
	b := o.Basis
	s.line("\nSupposed")
	if o.Supposed > 0 {
		s.line("%s without a shift: there in all the scheme's hours (rappel shift add says better).", count(o.Supposed, "caller"))
	}
	rates := fmt.Sprintf("%.0f %% of rings are answered, %.0f %% not, %.0f %% busy", 100*b.Answered, 100*b.NoAnswer, 100*b.Busy)
	if b.Default {
		s.line("%s: mostly a default, from %s in %d days.", rates, count(b.Tries, "attempt"), forecast.HistoryDays)
	} else {
		s.line("%s: %s in %d days, hour by hour.", rates, count(b.Tries, "attempt"), forecast.HistoryDays)
	}
	if b.TalkMean > 0 {
		s.line("A talk takes %s on average, one in ten more than %s: %s.", minutes(b.TalkMean), minutes(b.TalkP90), count(b.Talks, "talk"))
	} else {
		s.line("A talk takes as long as planned on average, with a spread of 60 %%: a default, from %s.", count(b.Talks, "talk"))
	}
	s.line("Callers take %.0f %% of offers and a break of %s about every %s.", 100*b.Accepted, minutes(b.Rest), minutes(b.Work))
	s.line("Seed %d, %s.", o.Seed, s.took.Round(10*time.Millisecond))
}

func midnight(d *forecast.Day) time.Time {
	y, m, day := d.Date.Date()
	return time.Date(y, m, day, 0, 0, 0, 0, d.Scheme.Zone)
}

func tenth(x float64) string { return fmt.Sprintf("%.1f", x) }

func between(e forecast.Expected) string {
	return fmt.Sprintf("%.1f (%.0f to %.0f)", e.Mean, e.P10, e.P90)
}

func minutes(seconds float64) string {
	if m := math.Round(seconds / 60); m > 0 {
		return fmt.Sprintf("%.0f min", m)
	}
	return fmt.Sprintf("%.0f s", seconds)
}

func count(n int, what string) string { return fmt.Sprintf("%d %s", n, plural(n, what)) }

func plural(n int, what string) string {
	if n == 1 {
		return what
	}
	return what + "s"
}
