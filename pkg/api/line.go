package api

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/schedule"
)

// Lines is how people reach a scheme. Package app implements it.
type Lines interface {
	Line(ctx context.Context, scheme int64, now time.Time) (Line, error)
	// ChangeNumber makes a number that people dial, or changes it. The error may be ErrTaken, or ErrNoFlow when its flow is not
	// there.
	ChangeNumber(ctx context.Context, scheme int64, number string, change func(*LineNumber)) (LineNumber, error)
	// RemoveNumber takes one away, or returns ErrNoNumber.
	RemoveNumber(ctx context.Context, scheme int64, number string) error
	// SetLineHours gives some days of the week the hours in which somebody answers. The error may be ErrHours.
	SetLineHours(ctx context.Context, scheme int64, days roster.Weekdays, hours []roster.Window, now time.Time) error
	// ExceptLine gives dates other hours, or none. The errors are ErrHours and ErrDatesBackward.
	ExceptLine(ctx context.Context, scheme int64, e schedule.Exception, now time.Time) error
	// RevokeLineException takes that back, or returns ErrNoException.
	RevokeLineException(ctx context.Context, scheme int64, e schedule.Exception, now time.Time) error
	// SetGreeting says what the line calls the scheme; "" is a neutral greeting. The error may be ErrGreeting.
	SetGreeting(ctx context.Context, scheme int64, spoken string, now time.Time) error
	// SetOverflow changes when others help the registrars. The error may be ErrOverflow.
	SetOverflow(ctx context.Context, scheme int64, change func(*LineOverflow), now time.Time) error
}

// Errors of lines.
var (
	// ErrNoNumber means that the scheme has no such number that people dial.
	ErrNoNumber = errors.New("the scheme has no such number")
	// ErrTaken means that a number is another line already, of this scheme or of another.
	ErrTaken = errors.New("the number, or the same as the trunk delivers it, is another line already")
	// ErrNoException means that no exception begins and ends on those dates.
	ErrNoException = errors.New("no exception begins and ends on these dates")
	// ErrHours means that hours are not in order, overlap, or lie outside the day.
	ErrHours = errors.New("the hours are not in order and apart, inside one day")
	// ErrOverflow means that an overflow is none: see Lines.
	ErrOverflow = errors.New("an overflow begins after 1 to 3600 seconds, and leads to callers, coordinators or nobody")
	// ErrGreeting means that what the greeting is to call a scheme cannot be read out, or not in time.
	ErrGreeting = errors.New("the greeting says 100 characters at most, and none that cannot be read out")
)

// Line is everything of a scheme's line.
type Line struct {
	Greeting   string          `json:"greeting"` // What the line calls the scheme; empty for a neutral greeting.
	Numbers    []LineNumber    `json:"numbers"`
	Hours      LineHours       `json:"hours"`
	Exceptions []LineException `json:"exceptions"`
	Overflow   LineOverflow    `json:"overflow"`
	Pools      []LinePool      `json:"pools"`
}

// LineNumber is a number that people dial.
type LineNumber struct {
	Number    string            `json:"number"`    // E.164.
	Delivered string            `json:"delivered"` // As the trunk delivers it.
	Flow      string            `json:"flow"`
	Languages []roster.Language `json:"languages"`
}

// LineHours is when somebody answers, by day of the week, as "13:30-17:00" or "closed". Without any the line is never closed by
// the clock.
type LineHours struct {
	Mon string `json:"mon,omitempty"`
	Tue string `json:"tue,omitempty"`
	Wed string `json:"wed,omitempty"`
	Thu string `json:"thu,omitempty"`
	Fri string `json:"fri,omitempty"`
	Sat string `json:"sat,omitempty"`
	Sun string `json:"sun,omitempty"`
}

// LineException is a stretch of dates with other hours.
type LineException struct {
	First string `json:"first"`
	Last  string `json:"last"`
	Hours string `json:"hours"` // Or "closed".
}

// LineOverflow says when somebody waits no longer for a registrar who speaks her language.
type LineOverflow struct {
	After int         `json:"after_s"`
	To    roster.Role `json:"to,omitempty"` // Who helps the registrars then; empty is nobody else.
}

// LinePool is who there is of a role and a language.
type LinePool struct {
	Role     roster.Role     `json:"role"`
	Language roster.Language `json:"language"`
	People   int             `json:"people"`
	OnShift  int             `json:"on_shift"`
}

func (a *API) line(q ask) (any, error) {
	line, err := a.opts.Lines.Line(q.Context(), q.scheme.Key, q.now)
	if err != nil {
		return nil, err
	}
	line.Numbers = append([]LineNumber{}, line.Numbers...)
	line.Exceptions = append([]LineException{}, line.Exceptions...)
	line.Pools = append([]LinePool{}, line.Pools...)
	return line, nil
}

// saveNumber makes or changes a number; what is not sent stays as it was.
func (a *API) saveNumber(q ask) (any, error) {
	var sent struct {
		Number    string            `json:"number"`
		Delivered *string           `json:"delivered"`
		Flow      *string           `json:"flow"`
		Languages []roster.Language `json:"languages"`
	}
	if err := q.read(&sent); err != nil {
		return nil, err
	}
	if !isE164(sent.Number) {
		return nil, errNumber
	}
	for i, l := range sent.Languages {
		if !slices.Contains(roster.Languages(), l) || slices.Contains(sent.Languages[:i], l) {
			return nil, fmt.Errorf("%w: languages are some of fr, nl, de and en, each once", errBody)
		}
	}
	return a.opts.Lines.ChangeNumber(q.Context(), q.scheme.Key, sent.Number, func(n *LineNumber) {
		if sent.Delivered != nil {
			n.Delivered = *sent.Delivered
		}
		if sent.Flow != nil {
			n.Flow = *sent.Flow
		}
		if len(sent.Languages) > 0 {
			n.Languages = sent.Languages
		}
	})
}

func (a *API) removeNumber(q ask) (any, error) {
	number, err := q.number()
	if err != nil {
		return nil, err
	}
	return nil, a.opts.Lines.RemoveNumber(q.Context(), q.scheme.Key, number)
}

func (a *API) setLineHours(q ask) (any, error) {
	var sent struct {
		Days  string `json:"days"`
		Hours string `json:"hours"`
	}
	if err := q.read(&sent); err != nil {
		return nil, err
	}
	days, err := schedule.ParseWeekdays(sent.Days)
	if err != nil {
		return nil, fmt.Errorf("%w: days: %w", errBody, err)
	}
	hours, err := schedule.ParseHours(sent.Hours)
	if err != nil {
		return nil, fmt.Errorf("%w: hours: %w", errBody, err)
	}
	return nil, a.opts.Lines.SetLineHours(q.Context(), q.scheme.Key, days, hours, q.now)
}

// openLine answers the line on dates in other hours than usual.
func (a *API) openLine(q ask) (any, error) {
	var sent struct {
		dates
		Hours string `json:"hours"`
	}
	e, err := q.exception(&sent, &sent.dates)
	if err != nil {
		return nil, err
	}
	if e.Hours, err = schedule.ParseHours(sent.Hours); err != nil || len(e.Hours) == 0 {
		return nil, fmt.Errorf("%w: hours are such as 10:00-12:00; line/close closes", errBody)
	}
	return nil, a.opts.Lines.ExceptLine(q.Context(), q.scheme.Key, e, q.now)
}

func (a *API) closeLine(q ask) (any, error) {
	var sent dates
	e, err := q.exception(&sent, &sent)
	if err != nil {
		return nil, err
	}
	return nil, a.opts.Lines.ExceptLine(q.Context(), q.scheme.Key, e, q.now)
}

// usualLine takes back what was said of dates.
func (a *API) usualLine(q ask) (any, error) {
	var sent dates
	e, err := q.exception(&sent, &sent)
	if err != nil {
		return nil, err
	}
	return nil, a.opts.Lines.RevokeLineException(q.Context(), q.scheme.Key, e, q.now)
}

// dates are a stretch of dates as it is sent; without a last one it is the first alone.
type dates struct {
	First string `json:"first"`
	Last  string `json:"last"`
}

// exception reads what is sent, and the dates in it.
func (q ask) exception(sent any, d *dates) (e schedule.Exception, err error) {
	if err := q.read(sent); err != nil {
		return e, err
	}
	if e.First, err = time.Parse(time.DateOnly, d.First); err != nil {
		return e, fmt.Errorf("%w: first is no date such as 2026-12-24", errBody)
	}
	if d.Last == "" {
		return e, nil
	}
	if e.Last, err = time.Parse(time.DateOnly, d.Last); err != nil {
		return e, fmt.Errorf("%w: last is no date such as 2026-12-26", errBody)
	}
	return e, nil
}

// setGreeting says what the line calls the scheme.
func (a *API) setGreeting(q ask) (any, error) {
	var sent struct {
		Greeting *string `json:"greeting"`
	}
	if err := q.read(&sent); err != nil {
		return nil, err
	}
	if sent.Greeting == nil {
		return nil, fmt.Errorf(`%w: greeting is missing; "" is a neutral greeting`, errBody)
	}
	return nil, a.opts.Lines.SetGreeting(q.Context(), q.scheme.Key, *sent.Greeting, q.now)
}

// setOverflow changes when others help the registrars; what is not sent stays as it was.
func (a *API) setOverflow(q ask) (any, error) {
	var sent struct {
		After *int         `json:"after_s"`
		To    *roster.Role `json:"to"`
	}
	if err := q.read(&sent); err != nil {
		return nil, err
	}
	return nil, a.opts.Lines.SetOverflow(q.Context(), q.scheme.Key, func(o *LineOverflow) {
		if sent.After != nil {
			o.After = *sent.After
		}
		if sent.To != nil {
			o.To = *sent.To
		}
	}, q.now)
}
