package callflow

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/schedule"
)

// fact says how things are in this moment.
func (r *reception) fact(ctx context.Context, what string) (string, ivr.Vars) {
	ctx, cancel := context.WithTimeout(ctx, r.c.o.Patience)
	defer cancel()
	now := r.c.o.Now()
	switch what {
	case ivr.FactHours:
		return r.hours(now)
	case ivr.FactHoliday:
		if r.line.Calendar.Holiday(schedule.DateIn(now, r.line.zone())) {
			return ivr.Yes, nil
		}
		return ivr.No, nil
	case ivr.FactKnown:
		if r.known == "" {
			r.known = r.isKnown(ctx, now)
		}
		return r.known, nil
	case ivr.FactQueue:
		n, err := r.c.o.Callers.QueueLength(ctx, r.line.Scheme)
		if err == nil {
			return strconv.Itoa(n), nil
		}
		r.c.logCommand("ask for the length of the queue", r.l.key, err)
	}
	return ivr.AnswerFailed, nil
}

// isKnown says whether somebody is reached at the party's number whom the scheme calls. A flow may let that be heard, and a
// number can be forged: whoever asks too often, or on a line that too many strangers ring, finds out nothing.
func (r *reception) isKnown(ctx context.Context, now time.Time) string {
	switch {
	case r.cli == "":
		return ivr.KnownWithheld
	case !r.c.knowing.may(r.line.Number, r.cli, now):
		return ivr.AnswerFailed
	}
	found, err := r.c.o.Records.Appointments(ctx, r.line.Scheme, r.cli, now)
	switch {
	case errors.Is(err, ErrNothing) || err == nil && len(found) == 0:
		r.c.knowing.unknown(r.line.Number, now)
		return ivr.No
	case err != nil:
		r.c.logCommand("look up who is reached at the number", r.l.key, err)
		return ivr.AnswerFailed
	}
	return ivr.Yes
}

// hours says whether somebody may answer now, by the hours of the line, and when they begin again.
func (r *reception) hours(now time.Time) (string, ivr.Vars) {
	if r.line.Hours == nil {
		return ivr.HoursOpen, nil
	}
	open, change := r.line.Hours.Open(now)
	if open {
		return ivr.HoursOpen, ivr.Vars{"reopens": nil}
	}
	zone := r.line.zone()
	v := ivr.Vars{"reopens": change.In(zone), "now": now.In(zone)}
	if change.Sub(now) > farthest {
		v["reopens"] = nil // The line is closed until further notice.
	}
	return ivr.HoursClosed, v
}

// farthest is how far ahead a date is spoken without its year.
const farthest = 300 * 24 * time.Hour
