package callflow

import (
	"context"
	"errors"
	"time"

	"github.com/rappel-tel/rappel/pkg/ivr"
)

// aroundLimit is the longest window that is spoken as one hour ("around ten") instead of two.
const aroundLimit = 75 * time.Minute

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
		people[i] = a.vars(now.In(r.line.zone()))
	}
	if len(people) == 1 {
		return "one", people[0]
	}
	return "several", ivr.Vars{"people": people}
}

// vars are what a dialogue is told of a call, in the zone of now.
func (a Appointment) vars(now time.Time) ivr.Vars {
	zone := now.Location()
	v := ivr.Vars{
		"beneficiary": int(a.Beneficiary), "occurrence": int(a.Occurrence), "changeable": ivr.No, "name": a.FirstName, "now": now,
		"opens": a.Opens.In(zone), "closes": a.Closes.In(zone),
	}
	if a.Changeable {
		v["changeable"] = ivr.Yes
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

// note notes the change that the party wants: nothing changes before she was rung back and has agreed.
func (r *reception) note(ctx context.Context, c Change) (string, ivr.Vars, error) {
	back, err := r.c.o.Agenda.Ask(ctx, r.line.Scheme, c)
	if err != nil {
		return "", nil, err
	}
	r.end = "change"
	now := r.c.o.Now().In(r.line.zone())
	vars := ivr.Vars{"at": back.Opens.In(r.line.zone()), "now": now}
	if back.Opens.Sub(now) <= soonLimit {
		return "soon", vars, nil
	}
	return "later", vars, nil
}
