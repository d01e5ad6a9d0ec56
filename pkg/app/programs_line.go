package app

import (
	"context"
	"time"

	"github.com/rappel-tel/rappel/pkg/api"
	"github.com/rappel-tel/rappel/pkg/postgres"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/schedule"
)

// programLines are lines as programs see them: api.Lines.
type programLines struct {
	*postgres.Store
	flows *Flows
}

// Line implements api.Lines.
func (p programLines) Line(ctx context.Context, scheme int64, now time.Time) (api.Line, error) {
	var line api.Line
	schemes, err := p.Schemes(ctx)
	if err != nil {
		return line, err
	}
	today := now
	for _, s := range schemes {
		if s.Key != scheme {
			continue
		}
		line.Greeting = s.Spoken
		line.Overflow = api.LineOverflow{After: int(s.Overflow / time.Second), To: s.OverflowTo}
		if zone, err := time.LoadLocation(s.Zone); err == nil {
			today = now.In(zone)
		}
	}
	hours, err := p.LineHours(ctx, scheme, schedule.DateIn(today, today.Location()))
	if err != nil {
		return line, err
	}
	line.Hours = lineHours(hours.Week)
	for _, e := range hours.Exceptions {
		line.Exceptions = append(line.Exceptions, api.LineException{
			First: e.First.Format(time.DateOnly), Last: e.Last.Format(time.DateOnly), Hours: schedule.FormatHours(e.Hours),
		})
	}
	numbers, err := p.DIDs(ctx, scheme)
	if err != nil {
		return line, err
	}
	for _, d := range numbers {
		line.Numbers = append(line.Numbers, api.LineNumber(d))
	}
	pools, err := p.Pools(ctx, scheme)
	for _, pool := range pools {
		line.Pools = append(line.Pools, api.LinePool(pool))
	}
	return line, err
}

// lineHours writes the hours of a week; one without any writes nothing.
func lineHours(week schedule.Week) api.LineHours {
	var days [7]string
	if week.Closed() {
		return api.LineHours{}
	}
	for d, windows := range week {
		days[d] = schedule.FormatHours(windows)
	}
	return api.LineHours{
		Mon: days[time.Monday], Tue: days[time.Tuesday], Wed: days[time.Wednesday], Thu: days[time.Thursday], Fri: days[time.Friday],
		Sat: days[time.Saturday], Sun: days[time.Sunday],
	}
}

// ChangeNumber implements api.Lines.
func (p programLines) ChangeNumber(
	ctx context.Context, scheme int64, number string, change func(*api.LineNumber),
) (api.LineNumber, error) {
	changed, err := p.flows.ChangeLine(ctx, scheme, number, func(d *postgres.DID) {
		if d.Flow == "" { // It is new.
			*d = postgres.DID{Number: number, Delivered: number, Flow: "registration", Languages: []roster.Language{roster.French}}
		}
		wanted := api.LineNumber(*d)
		change(&wanted)
		*d = postgres.DID(wanted)
	})
	return api.LineNumber(changed), asProgram(err)
}

// RemoveNumber implements api.Lines.
func (p programLines) RemoveNumber(ctx context.Context, scheme int64, number string) error {
	return asProgram(p.RemoveDID(ctx, scheme, number))
}

// SetLineHours implements api.Lines.
func (p programLines) SetLineHours(ctx context.Context, scheme int64, days roster.Weekdays, hours []roster.Window, now time.Time) error {
	return asProgram(p.ChangeLineHours(ctx, scheme, now, func(w *schedule.Week) error {
		w.Set(days, hours)
		return nil
	}))
}

// ExceptLine implements api.Lines.
func (p programLines) ExceptLine(ctx context.Context, scheme int64, e schedule.Exception, now time.Time) error {
	return asProgram(p.Store.ExceptLine(ctx, scheme, e, now))
}

// RevokeLineException implements api.Lines.
func (p programLines) RevokeLineException(ctx context.Context, scheme int64, e schedule.Exception, now time.Time) error {
	return asProgram(p.Store.RevokeLineException(ctx, scheme, e, now))
}

// SetGreeting implements api.Lines.
func (p programLines) SetGreeting(ctx context.Context, scheme int64, spoken string, now time.Time) error {
	return asProgram(p.Store.SetGreeting(ctx, scheme, spoken, now))
}

// SetOverflow implements api.Lines.
func (p programLines) SetOverflow(ctx context.Context, scheme int64, change func(*api.LineOverflow), now time.Time) error {
	_, err := p.Store.SetOverflow(ctx, scheme, func(o *postgres.Overflow) {
		wanted := api.LineOverflow{After: int(o.After / time.Second), To: o.To}
		change(&wanted)
		*o = postgres.Overflow{After: time.Duration(wanted.After) * time.Second, To: wanted.To}
	}, now)
	return asProgram(err)
}
