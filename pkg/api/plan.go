package api

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/rappel-tel/rappel/pkg/forecast"
	"github.com/rappel-tel/rappel/pkg/report"
	"github.com/rappel-tel/rappel/pkg/schedule"
)

// errQuery means that the query of an address cannot be read.
var errQuery = errors.New("the query is not understood")

// mostPlays bounds what one question costs: promises and callers, times runs.
const mostPlays = 2_000_000

// plan answers what a day will bring. One plan is made at a time, on one processor: the calls that are made now come first. Who
// asks meanwhile waits.
func (a *API) plan(w http.ResponseWriter, r *http.Request, scheme report.Scheme) {
	now := time.Now()
	q, err := planQuery(r.URL.Query(), scheme, now)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	select {
	case a.planning <- struct{}{}:
		defer func() { <-a.planning }()
	case <-r.Context().Done():
		return
	case <-a.ctx.Done():
		return
	}
	day, err := a.opts.Days.Day(r.Context(), scheme.Key, q.date, now)
	if err == nil && q.callers >= 0 {
		err = day.StaffWith(q.callers)
	}
	if err == nil && (len(day.Promises)+len(day.Callers))*q.Runs > mostPlays {
		err = fmt.Errorf("%w: so many runs of so many promises and callers are too much here; rappel plan does it", errQuery)
	}
	if err != nil {
		a.fail(w, r, err)
		return
	}
	plan, err := forecast.PlanDay(r.Context(), &day, q.target, q.Options)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	a.reply(w, plan)
}

// planQuestion is what a client asks of a day.
type planQuestion struct {
	forecast.Options
	date    time.Time
	callers int // Less than 0 means those of the roster.
	target  float64
}

func planQuery(v url.Values, scheme report.Scheme, now time.Time) (planQuestion, error) {
	q := planQuestion{callers: -1, target: -1, Options: forecast.Options{Workers: 1}}
	zone, err := time.LoadLocation(scheme.Zone)
	if err != nil {
		return q, fmt.Errorf("load zone of the scheme: %w", err)
	}
	q.date = schedule.DateIn(now, zone)
	for name, texts := range v {
		text := texts[0]
		switch name {
		case "date":
			q.date, err = time.Parse(time.DateOnly, text)
		case "callers":
			q.callers, err = strconv.Atoi(text)
			if q.callers < 0 || q.callers > 10_000 {
				err = errQuery
			}
		case "seed":
			q.Seed, err = strconv.ParseUint(text, 10, 64)
		case "runs":
			q.Runs, err = strconv.Atoi(text)
			if q.Runs < 1 || q.Runs > 1000 {
				err = errQuery
			}
		case "target":
			q.target, err = strconv.ParseFloat(text, 64)
			if !(q.target >= 0 && q.target <= math.MaxInt32) { // Neither NaN nor infinite, which JSON does not have.
				err = errQuery
			}
		default:
			err = errQuery
		}
		if err != nil || len(texts) > 1 {
			return q, fmt.Errorf("%w: %s; ask ?date=2026-11-24&callers=8&runs=200&seed=1&target=0.5, each once or not at all", errQuery, name)
		}
	}
	return q, nil
}
