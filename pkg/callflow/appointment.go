package callflow

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/rappel-tel/rappel/pkg/ivr"
)

const (
	// aroundLimit is the longest window that is spoken as one hour ("around ten") instead of two.
	aroundLimit = 75 * time.Minute
	// soonLimit is how soon somebody is rung back to whom it is said that it is at once.
	soonLimit = 5 * time.Minute
	// awayLimit is how far away the day may be on which somebody says by keys that she is back: further on is a mistake.
	awayLimit = 200
	// mostBadDays is how many dates somebody may type that are none, before a person helps.
	mostBadDays = 2
)

// appointments looks up the next call of whoever is reached at the party's number. Whoever asks too often, or on a line from
// which too many numbers ask that nobody has, is told nothing, known or not.
func (r *reception) appointments(ctx context.Context) (string, ivr.Vars) {
	now := r.c.o.Now()
	if r.cli == "" {
		r.c.metrics.appointments.WithLabelValues("withheld").Inc()
		return "unknown", nil
	}
	if !r.c.probes.may(r.line.Number, r.cli, now) {
		r.c.metrics.appointments.WithLabelValues("slow").Inc()
		return "slow", nil
	}
	found, err := r.c.o.Records.Appointments(ctx, r.line.Scheme, r.cli, now)
	switch {
	case errors.Is(err, ErrNothing) || err == nil && len(found) == 0:
		r.c.probes.unknown(r.line.Number, now)
		r.c.metrics.appointments.WithLabelValues("unknown").Inc()
		return "unknown", nil
	case err != nil:
		r.c.logCommand("look up appointments", r.l.key, err)
		return ivr.AnswerFailed, nil
	}
	r.c.metrics.appointments.WithLabelValues("known").Inc()
	people := make([]ivr.Vars, len(found))
	for i, a := range found {
		people[i] = r.spoken(a, now)
	}
	if len(people) == 1 {
		return "one", people[0]
	}
	return "several", ivr.Vars{"people": people}
}

func (r *reception) spoken(a Appointment, now time.Time) ivr.Vars {
	zone := r.line.zone()
	v := ivr.Vars{
		"beneficiary": int(a.Beneficiary), "occurrence": int(a.Occurrence), "changeable": "no", "name": a.FirstName, "now": now.In(zone),
		"opens": a.Opens.In(zone), "closes": a.Closes.In(zone),
	}
	if a.Changeable {
		v["changeable"] = "yes"
	}
	switch {
	case a.Opens.IsZero():
		v["window"] = "none"
	case a.Closes.Sub(a.Opens) <= aroundLimit:
		v["window"] = "around"
	default:
		v["window"] = "between"
	}
	return v
}

// told is the person and the call that the dialogue is about; false when it is about none.
func told(s *session) (person, occurrence int64, ok bool) {
	p, known := s.walker.Int("beneficiary")
	o, promised := s.walker.Int("occurrence")
	return int64(p), int64(o), known && promised && o != 0
}

// confirm records that the call told is expected.
func (r *reception) confirm(ctx context.Context, s *session) string {
	_, occurrence, ok := told(s)
	if !ok {
		return ivr.AnswerFailed
	}
	return r.answer("confirm a call", "done", r.c.o.Agenda.Confirm(ctx, r.line.Scheme, occurrence))
}

// answer names the answer to what was tried; done without an error.
func (r *reception) answer(what, done string, err error) string {
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
		r.c.logCommand(what, r.l.key, err)
		return ivr.AnswerFailed
	}
}

// otherTimes looks up to when the call told can be moved.
func (r *reception) otherTimes(ctx context.Context, s *session) (string, ivr.Vars) {
	_, occurrence, ok := told(s)
	if !ok {
		return ivr.AnswerFailed, nil
	}
	var err error
	if r.times, err = r.c.o.Agenda.OtherTimes(ctx, r.line.Scheme, occurrence); err != nil {
		return r.answer("look up other times", "", err), nil
	}
	if len(r.times) == 0 {
		return "none", nil
	}
	zone := r.line.zone()
	list := make([]ivr.Vars, len(r.times))
	for i, t := range r.times {
		list[i] = ivr.Vars{"time": i, "to_opens": t.Opens.In(zone), "to_closes": t.Closes.In(zone)}
	}
	return "some", ivr.Vars{"times": list}
}

// typedDay reads the day on which she is back.
func (r *reception) typedDay(s *session) (string, ivr.Vars) {
	zone := r.line.zone()
	y, m, d := r.c.o.Now().In(zone).Date()
	back, ok := readDay(s.walker.Text("typed_back"), time.Date(y, m, d, 0, 0, 0, 0, time.UTC))
	if !ok {
		if r.badDays++; r.badDays >= mostBadDays {
			return "often", nil
		}
		return "bad", nil
	}
	r.change.Back = back
	y, m, d = back.Date()
	return "ok", ivr.Vars{"back": time.Date(y, m, d, 12, 0, 0, 0, zone)}
}

// readDay reads a day and a month, two digits each, as the next such date after today (midnight UTC both). It is none when there
// is no such date, or it is so far away that somebody mistyped.
func readDay(digits string, today time.Time) (time.Time, bool) {
	if len(digits) != 4 {
		return time.Time{}, false
	}
	day, err := strconv.Atoi(digits[:2])
	month, err2 := strconv.Atoi(digits[2:])
	if err != nil || err2 != nil {
		return time.Time{}, false
	}
	for _, year := range []int{today.Year(), today.Year() + 1} {
		at := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
		if at.Day() != day || at.Month() != time.Month(month) {
			continue // No such date, in this year at least.
		}
		if at.After(today) {
			return at, !at.After(today.AddDate(0, 0, awayLimit))
		}
	}
	return time.Time{}, false
}

// askChange notes the change that the party wants. Nothing changes before she was rung back and has agreed.
func (r *reception) askChange(ctx context.Context, s *session) (string, ivr.Vars) {
	person, occurrence, ok := told(s)
	c := Change{Kind: ChangeKind(s.walker.Text("change")), Beneficiary: person, Occurrence: occurrence}
	switch at, chosen := s.walker.Int("time"); c.Kind {
	case ChangeMove:
		if ok = ok && chosen && at < len(r.times); ok {
			c.To = r.times[at]
		}
	case ChangeAway:
		c.Occurrence, c.Back = 0, r.change.Back
		ok = ok && !c.Back.IsZero()
	case ChangeSkip:
	default:
		ok = false
	}
	if !ok {
		return ivr.AnswerFailed, nil
	}
	back, err := r.c.o.Agenda.Ask(ctx, r.line.Scheme, c)
	if err != nil {
		return r.answer("ask for a change", "", err), nil
	}
	r.end = "change"
	zone := r.line.zone()
	now := r.c.o.Now().In(zone)
	vars := ivr.Vars{"at": back.Opens.In(zone), "now": now}
	if back.Opens.Sub(now) <= soonLimit {
		return "soon", vars
	}
	return "later", vars
}

// changeVars are what the flow of a call back knows from the beginning.
func changeVars(c Change, now time.Time) ivr.Vars {
	zone := c.Promised.Opens.Location()
	v := ivr.Vars{
		"change": string(c.Kind), "now": now.In(zone), "opens": c.Promised.Opens, "closes": c.Promised.Closes,
		"to_opens": c.To.Opens, "to_closes": c.To.Closes,
	}
	if c.Kind == ChangeAway {
		y, m, d := c.Back.Date()
		v["back"] = time.Date(y, m, d, 12, 0, 0, 0, zone)
	}
	return v
}

// settle makes the change that a call back asks about, or drops it.
func (a *automatic) settle(ctx context.Context, agreed bool) string {
	switch err := a.c.o.Agenda.Settle(ctx, a.order.Scheme, a.order.Attempt, agreed); {
	case err == nil:
		return "done"
	case errors.Is(err, ErrGone), errors.Is(err, ErrNothing):
		return "gone"
	default:
		a.c.logCommand("settle a change", a.l.key, err)
		return ivr.AnswerFailed
	}
}
