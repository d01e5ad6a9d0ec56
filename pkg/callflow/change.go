package callflow

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/rappel-tel/rappel/pkg/ivr"
)

const (
	// soonLimit is how soon somebody is rung back to whom it is said that it is at once.
	soonLimit = 5 * time.Minute
	// awayLimit is how many days ahead a day may be that somebody types by keys: further on is a mistake.
	awayLimit = 200
	// mostMistyped is how many days, or numbers, somebody may type that are none, before a person helps.
	mostMistyped = 2
)

// changing is somebody who says by keys what becomes of the next call that she was told, on the line or in a call of ours.
type changing struct {
	c      *Connector
	key    string // Of the call.
	scheme int64
	zone   *time.Location
	// make notes a change, or makes it, and names the answer to that.
	make func(context.Context, Change) (string, ivr.Vars, error)

	times      []Proposal // To which the call can be moved.
	from, back time.Time  // Her local dates (midnight UTC), as far as she has typed them.
	bad        int        // Days typed that were none.
}

func (g *changing) lookUp(ctx context.Context, s *session, what string) (string, ivr.Vars) {
	switch what {
	case ivr.LookupConfirm:
		return g.confirm(ctx, s), nil
	case ivr.LookupOtherTimes:
		return g.otherTimes(ctx, s)
	case ivr.LookupAwayFrom:
		return g.awayFrom(s)
	case ivr.LookupBack:
		return g.awayUntil(s)
	case ivr.LookupAskChange:
		return g.ask(ctx, s)
	default:
		return ivr.AnswerFailed, nil
	}
}

// told is the person and the call that the dialogue is about; false when it is about none.
func told(s *session) (person, occurrence int64, ok bool) {
	p, known := s.walker.Int("beneficiary")
	o, promised := s.walker.Int("occurrence")
	return int64(p), int64(o), known && promised && o != 0
}

// confirm records that the call told is expected.
func (g *changing) confirm(ctx context.Context, s *session) string {
	_, occurrence, ok := told(s)
	if !ok {
		return ivr.AnswerFailed
	}
	return g.answer("confirm a call", "done", g.c.o.Agenda.Confirm(ctx, g.scheme, occurrence))
}

// answer names the answer to what was tried; done without an error.
func (g *changing) answer(what, done string, err error) string {
	switch {
	case err == nil:
		return done
	case errors.Is(err, ErrGone):
		return "gone"
	case errors.Is(err, ErrWaits):
		return "waits"
	case errors.Is(err, ErrNotAllowed):
		return "refused"
	default:
		g.c.logCommand(what, g.key, err)
		return ivr.AnswerFailed
	}
}

// otherTimes looks up to when the call told can be moved.
func (g *changing) otherTimes(ctx context.Context, s *session) (string, ivr.Vars) {
	_, occurrence, ok := told(s)
	if !ok {
		return ivr.AnswerFailed, nil
	}
	var err error
	if g.times, err = g.c.o.Agenda.OtherTimes(ctx, g.scheme, occurrence); err != nil {
		return g.answer("look up other times", "", err), nil
	}
	if len(g.times) == 0 {
		return "none", nil
	}
	list := make([]ivr.Vars, len(g.times))
	for i, t := range g.times {
		list[i] = ivr.Vars{"time": i, "to_opens": t.Opens.In(g.zone), "to_closes": t.Closes.In(g.zone)}
	}
	return "some", ivr.Vars{"times": list}
}

// today is the local date (midnight UTC).
func (g *changing) today() time.Time {
	y, m, d := g.c.o.Now().In(g.zone).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

// noon is a local date as it is spoken.
func (g *changing) noon(date time.Time) time.Time {
	y, m, d := date.Date()
	return time.Date(y, m, d, 12, 0, 0, 0, g.zone)
}

// wrong is the answer to a day that is none: after a few of them a person helps.
func (g *changing) wrong(answer string) (string, ivr.Vars) {
	if g.bad++; g.bad >= mostMistyped {
		return "often", nil
	}
	return answer, nil
}

// awayFrom reads from which day on she is away: today, tomorrow, or a day that she has typed.
func (g *changing) awayFrom(s *session) (string, ivr.Vars) {
	today := g.today()
	switch s.walker.Text("away_from") {
	case "today":
		g.from = today
	case "tomorrow":
		g.from = today.AddDate(0, 0, 1)
	default:
		from, ok := readDay(s.walker.Text("typed_from"), today.AddDate(0, 0, -1))
		if !ok {
			return g.wrong("bad")
		}
		g.from = from
	}
	return "ok", ivr.Vars{"from": g.noon(g.from), "now": g.c.o.Now().In(g.zone)}
}

// awayUntil reads on which day she is back: after so many days, or on one that she has typed.
func (g *changing) awayUntil(s *session) (string, ivr.Vars) {
	if g.from.IsZero() {
		return ivr.AnswerFailed, nil
	}
	switch s.walker.Text("away_for") {
	case "week":
		g.back = g.from.AddDate(0, 0, 7)
	case "weeks":
		g.back = g.from.AddDate(0, 0, 14)
	case "days":
		days, err := strconv.Atoi(s.walker.Text("typed_days"))
		if err != nil || days < 1 {
			return g.wrong("bad")
		}
		g.back = g.from.AddDate(0, 0, days)
	default:
		back, ok := readDay(s.walker.Text("typed_back"), g.from)
		if !ok {
			// Of the days that are too far away, most are before she leaves.
			if _, passed := readDay(s.walker.Text("typed_back"), g.from.AddDate(0, 0, -awayLimit)); passed {
				return g.wrong("early")
			}
			return g.wrong("bad")
		}
		g.back = back
	}
	return "ok", ivr.Vars{"from": g.noon(g.from), "back": g.noon(g.back), "now": g.c.o.Now().In(g.zone)}
}

// readDay reads a day and a month, two digits each, as the next such date after a day (midnight UTC both). It is none when there
// is no such date, or it is so far away that somebody mistyped.
func readDay(digits string, after time.Time) (time.Time, bool) {
	if len(digits) != 4 {
		return time.Time{}, false
	}
	day, err := strconv.Atoi(digits[:2])
	month, err2 := strconv.Atoi(digits[2:])
	if err != nil || err2 != nil {
		return time.Time{}, false
	}
	for _, year := range []int{after.Year(), after.Year() + 1} {
		at := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
		if at.Day() != day || at.Month() != time.Month(month) {
			continue // No such date, in this year at least.
		}
		if at.After(after) {
			return at, !at.After(after.AddDate(0, 0, awayLimit))
		}
	}
	return time.Time{}, false
}

// ask has the change made that she wants, or noted.
func (g *changing) ask(ctx context.Context, s *session) (string, ivr.Vars) {
	person, occurrence, ok := told(s)
	c := Change{Kind: ChangeKind(s.walker.Text("change")), Beneficiary: person, Occurrence: occurrence}
	switch at, chosen := s.walker.Int("time"); c.Kind {
	case ChangeMove:
		if ok = ok && chosen && at < len(g.times); ok {
			c.To = g.times[at]
		}
	case ChangeAway:
		c.Occurrence, c.From, c.Back = 0, g.from, g.back
		ok = ok && !c.Back.IsZero()
	case ChangeSkip:
	default:
		ok = false
	}
	if !ok {
		return ivr.AnswerFailed, nil
	}
	answer, vars, err := g.make(ctx, c)
	return g.answer("ask for a change", answer, err), vars
}
