package api

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rappel-tel/rappel/pkg/callflow"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/schedule"
)

// Errors of People.
var (
	// ErrNoPerson means that the scheme has nobody with the ref.
	ErrNoPerson = errors.New("no such person")
	// ErrNotAway means that no absence of the person is to come or under way.
	ErrNotAway = errors.New("no absence is announced")
	// ErrDatesBackward means that a last day lies before the first.
	ErrDatesBackward = errors.New("the last day is before the first")
)

// People are how the line treats people, and when they are away.
type People interface {
	// Settings returns how the line treats the person with a ref, or ErrNoPerson.
	Settings(ctx context.Context, scheme int64, ref string) (callflow.Settings, error)
	// ChangeSettings changes it, from her next call on, and returns how it is now, or ErrNoPerson.
	ChangeSettings(ctx context.Context, scheme int64, ref string, change callflow.SettingsChange) (callflow.Settings, error)
	// Absences lists the absences that are not over on a date (midnight UTC), by their first day.
	Absences(ctx context.Context, scheme int64, today time.Time) ([]Absence, error)
	// Announce keeps an absence, and brings her promises in line with it. Announced again it stays one. It returns ErrNoPerson and
	// ErrDatesBackward.
	Announce(ctx context.Context, scheme int64, a Absence, now time.Time) (Replanned, error)
	// EndAbsence ends the absence that begins first of those that are not over: she is back on a date. It returns ErrNoPerson and
	// ErrNotAway.
	EndAbsence(ctx context.Context, scheme int64, ref string, back, now time.Time) (Replanned, error)
}

// Absence is when somebody is away, or is not to be called though she is there. Its days are hers (midnight UTC), both included.
type Absence struct {
	Ref         string
	First, Last time.Time // A zero Last leaves it open.
	NoCall      bool      // She is there.
	WelcomeBack bool      // She is called on the first day after it on which she can be.
}

// Replanned is what became of promises.
type Replanned struct {
	Moved     int `json:"moved"`
	Cancelled int `json:"cancelled"`
	Booked    int `json:"booked"`
}

// personBody is how the line treats somebody. In a change, what is missing stays as it was.
type personBody struct {
	Language         *roster.Language `json:"language"`
	LongerWaits      *bool            `json:"longer_waits"`
	StraightToPerson *bool            `json:"straight_to_person"`
	Simpler          *bool            `json:"simpler"`
}

func (a *API) person(q ask) (any, error) {
	s, err := a.opts.People.Settings(q.Context(), q.scheme.Key, q.PathValue("person"))
	return personBody{&s.Language, &s.LongerWaits, &s.StraightToPerson, &s.Simpler}, err
}

// setPerson changes how the line treats somebody, and answers with what is so now.
func (a *API) setPerson(q ask) (any, error) {
	var sent personBody
	if err := q.read(&sent); err != nil {
		return nil, err
	}
	if sent.Language != nil && !slices.Contains(roster.Languages(), *sent.Language) {
		return nil, fmt.Errorf("%w: language is fr, nl, de or en", errBody)
	}
	s, err := a.opts.People.ChangeSettings(q.Context(), q.scheme.Key, q.PathValue("person"), callflow.SettingsChange(sent))
	return personBody{&s.Language, &s.LongerWaits, &s.StraightToPerson, &s.Simpler}, err
}

// absenceBody is an absence as it is told.
type absenceBody struct {
	Person      string `json:"person"`
	First       string `json:"first"`
	Last        string `json:"last,omitempty"`
	NoCall      bool   `json:"no_call"`
	WelcomeBack bool   `json:"welcome_back"`
}

// today is the scheme's date.
func (q ask) today() (time.Time, error) {
	zone, err := time.LoadLocation(q.scheme.Zone)
	if err != nil {
		return time.Time{}, fmt.Errorf("load zone of the scheme: %w", err)
	}
	return schedule.DateIn(q.now, zone), nil
}

func (a *API) absences(q ask) (any, error) {
	today, err := q.today()
	if err != nil {
		return nil, err
	}
	list, err := a.opts.People.Absences(q.Context(), q.scheme.Key, today)
	if err != nil {
		return nil, err
	}
	body := struct {
		Absences []absenceBody `json:"absences"`
	}{Absences: []absenceBody{}}
	for _, one := range list {
		told := absenceBody{Person: one.Ref, First: one.First.Format(time.DateOnly), NoCall: one.NoCall, WelcomeBack: one.WelcomeBack}
		if !one.Last.IsZero() {
			told.Last = one.Last.Format(time.DateOnly)
		}
		body.Absences = append(body.Absences, told)
	}
	return body, nil
}

// date reads a date, if there is one.
func date(name, text string, into *time.Time) error {
	if text == "" {
		return nil
	}
	day, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return fmt.Errorf("%w: %s is no date such as 2026-12-24", errBody, name)
	}
	*into = day
	return nil
}

// announceAbsence announces an absence, from today on unless a first day is named.
func (a *API) announceAbsence(q ask) (any, error) {
	var sent struct {
		First       string `json:"first"`
		Last        string `json:"last"`
		NoCall      bool   `json:"no_call"`
		WelcomeBack *bool  `json:"welcome_back"`
	}
	if err := q.read(&sent); err != nil {
		return nil, err
	}
	today, err := q.today()
	if err != nil {
		return nil, err
	}
	absence := Absence{Ref: q.PathValue("person"), First: today, NoCall: sent.NoCall, WelcomeBack: !sent.NoCall}
	if sent.WelcomeBack != nil {
		absence.WelcomeBack = *sent.WelcomeBack && !sent.NoCall
	}
	if err := errors.Join(date("first", sent.First, &absence.First), date("last", sent.Last, &absence.Last)); err != nil {
		return nil, err
	}
	return a.opts.People.Announce(q.Context(), q.scheme.Key, absence, q.now)
}

// endAbsence ends somebody's absence: she is back today, unless another day is named.
func (a *API) endAbsence(q ask) (any, error) {
	var sent struct {
		Back string `json:"back"`
	}
	if err := q.read(&sent); err != nil {
		return nil, err
	}
	back, err := q.today()
	if err != nil {
		return nil, err
	}
	if err := date("back", sent.Back, &back); err != nil {
		return nil, err
	}
	return a.opts.People.EndAbsence(q.Context(), q.scheme.Key, q.PathValue("person"), back, q.now)
}
