package web

import (
	"cmp"
	"slices"
	"time"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/report"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// wallView is the wall in one language.
type wallView struct {
	page
	report.Wall
	problems []Problem
	zone     *time.Location
	takes    bool // Whoever looks may say that she looks after somebody.
	fragment bool // Sent as an event: the browser itself writes how long ago things were.
}

func (s *Site) newWallView(p page, wall report.Wall, problems []Problem, fragment bool) wallView {
	return wallView{
		page: p, Wall: wall, problems: problems, zone: zoneOf(wall.Scheme), takes: s.opts.Inbox != nil, fragment: fragment,
	}
}

// Clock writes an instant as hours and minutes of the scheme's zone.
func (v wallView) Clock(t time.Time) string { return t.In(v.zone).Format("15:04") }

// ClockSeconds writes the wall's own instant.
func (v wallView) ClockSeconds() string { return v.At.In(v.zone).Format("15:04:05") }

// Date writes the local date as digits that mean the same in all four languages.
func (v wallView) Date() string { return v.At.In(v.zone).Format("02/01/2006") }

// Ago is the text of a since element. In a fragment it is empty, so that a section counts as changed only when its facts
// have.
func (v wallView) Ago(t time.Time) string {
	if v.fragment {
		return ""
	}
	return v.elapsed(v.At.Sub(t))
}

// Unix is what the browser counts from.
func (v wallView) Unix(t time.Time) int64 { return t.Unix() }

// Talk writes the length of a conversation.
func (v wallView) Talk(d time.Duration) string { return talk(d) }

// Alert is one sentence about something that is wrong.
type alert struct {
	ID   string
	Text string
}

// Alerts lists what is wrong now, the worst first.
func (v wallView) Alerts() []alert {
	var alerts []alert
	for _, p := range []Problem{ProblemPBXLost, ProblemStoreLost, ProblemDraining} {
		if slices.Contains(v.problems, p) {
			alerts = append(alerts, alert{string(p), v.T("alert." + string(p))})
		}
	}
	if v.nobody() {
		alerts = append(alerts, alert{"nobody", v.N("alert.nobody", v.Today.Open)})
	}
	late := 0
	for _, w := range v.Welfare {
		if w.Late(v.At) {
			late++
		}
	}
	if late > 0 {
		alerts = append(alerts, alert{"welfare", v.N("alert.welfare", late)})
	}
	if v.Today.Missed > 0 {
		alerts = append(alerts, alert{"missed", v.N("alert.missed", v.Today.Missed)})
	}
	return alerts
}

// MayTake reports whether somebody may be taken from the wall: nobody looks after her.
func (v wallView) MayTake(w report.Worry) bool { return v.takes && w.TakenBy == "" }

// nobody reports that promises wait and no caller is ready or busy with one.
func (v wallView) nobody() bool {
	if v.Today.Open == 0 || v.Scheme.Paused {
		return false
	}
	working := []call.CallerState{
		call.CallerReady, call.CallerReadyOnce, call.CallerReserved, call.CallerInCall, call.CallerWrapUp,
	}
	for _, c := range v.Callers {
		if !c.Registrar && slices.Contains(working, c.State) {
			return false
		}
	}
	return true
}

// Say is the sentence of the status region.
func (v wallView) Say() string {
	t := v.Today
	return v.T("say.live", "Due", t.Due, "Open", t.Open, "Live", t.Live, "Missed", t.Missed)
}

// slice is one piece of the day's bar. X and Width are in thousandths of the bar.
type slice struct {
	Class    string
	X, Width int
}

// Bar divides the day's planned promises by where they stand.
func (v wallView) Bar() []slice {
	t := v.Today
	total := max(1, t.Planned)
	var bar []slice
	at := 0
	for _, s := range []struct {
		class string
		n     int
	}{
		{"reached", t.Reached}, {"unreached", t.Unreached}, {"live", t.Live}, {"claimed", t.Claimed},
		{"missed", t.Missed}, {"open", t.Open}, {"later", t.Later},
	} {
		if s.n <= 0 {
			continue
		}
		end := min(1000, (at+s.n)*1000/total)
		x := at * 1000 / total
		bar = append(bar, slice{Class: s.class, X: x, Width: max(0, end-x)})
		at += s.n
	}
	return bar
}

// cause is why some of the open promises wait.
type cause struct {
	Key string
	N   int
}

// Causes says by why the open promises wait, those that somebody can do something about first; nothing when they have just
// come due or nothing waits. The dispatcher counts what is due: of the others, an attempt was in vain and the next one comes
// later. Its count and that of the open promises may be of two instants, a second apart.
func (v wallView) Causes() []cause {
	w := v.Waiting
	due := w.TooLate + w.InCall + w.Queued + w.Clock + w.Paused + w.Hours + w.Held + w.LoadLimit + w.NoCaller + w.Lines + w.Rate + w.Starting
	all := []cause{
		{"clock", w.Clock}, {"no_caller", w.NoCaller}, {"load_limit", w.LoadLimit}, {"held", w.Held}, {"lines", w.Lines}, {"rate", w.Rate},
		{"in_call", w.InCall}, {"queued", w.Queued}, {"hours", w.Hours}, {"paused", w.Paused}, {"too_late", w.TooLate}, {"retry", max(v.Today.Open-due, 0)},
	}
	return slices.DeleteFunc(all, func(c cause) bool { return c.N == 0 })
}

// CausesDelayed reports whether the dispatcher has said nothing for a while, or nothing at all, of those who wait.
func (v wallView) CausesDelayed() bool { return v.Today.Open > 0 && v.WaitingStale(v.AsOf) }

// Line is the queue of the registration line.
func (v wallView) Line() report.Queue {
	if len(v.Queues) == 0 {
		return report.Queue{}
	}
	return v.Queues[0]
}

// Off counts the callers who are off.
func (v wallView) Off() int {
	n := 0
	for _, c := range v.Callers {
		if c.State == call.CallerOff {
			n++
		}
	}
	return n
}

// asked is a question that people ask, in the reader's language.
type asked struct {
	Title, Lang string
	Times       int
}

// Questions are what the line was asked most. A title that is missing in the reader's language is told in another.
func (v wallView) Questions() []asked {
	list := make([]asked, len(v.Asked))
	for i, q := range v.Asked {
		list[i].Times = q.Times
		for _, lang := range append([]roster.Language{v.Lang}, roster.Languages()...) {
			if title := q.Title[lang]; title != "" && list[i].Title == "" {
				list[i].Title, list[i].Lang = title, string(lang)
			}
		}
	}
	return list
}

// colleague is a caller with her name.
type colleague struct {
	report.Working
	Name string
}

// callerGroup is the callers in one state, the longest first.
type callerGroup struct {
	State   call.CallerState
	Callers []colleague
}

// Groups sorts the callers by state: those at work first, those set aside last.
func (v wallView) Groups() []callerGroup {
	var groups []callerGroup
	for _, state := range []call.CallerState{
		call.CallerInCall, call.CallerReserved, call.CallerReady, call.CallerReadyOnce, call.CallerWrapUp,
		call.CallerDebrief, call.CallerBreak, call.CallerSetAside,
	} {
		g := callerGroup{State: state}
		for _, c := range v.Callers {
			if name := v.Names[c.ID]; name != "" && c.State == state {
				g.Callers = append(g.Callers, colleague{c, name})
			}
		}
		if len(g.Callers) == 0 {
			continue
		}
		slices.SortStableFunc(g.Callers, func(a, b colleague) int {
			return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.Name, b.Name))
		})
		groups = append(groups, g)
	}
	return groups
}

// CallerReason is why a caller is in her state, when the catalogue has a word for it.
func (v wallView) CallerReason(c colleague) string {
	if c.Reason == "" {
		return ""
	}
	return v.known("reason." + c.Reason)
}

// Detail refines a result, when there is something to say.
func (v wallView) Detail(e report.Ended) string {
	if e.Reason == call.ReasonNone {
		return ""
	}
	return v.known("detail." + string(e.Reason))
}

// Tone is the mark of a result: good, plain or bad. The word beside it says the same.
func (v wallView) Tone(e report.Ended) string {
	switch {
	case e.Reason == call.ReasonBrokenByUs || e.Fault == call.FaultOurs:
		return "bad"
	case e.Result == call.ResultAnswered:
		return "good"
	default:
		return "plain"
	}
}
