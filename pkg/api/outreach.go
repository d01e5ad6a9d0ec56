package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/rappel-tel/rappel/pkg/report"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// Outreach keeps the list of people to whom the scheme introduces itself. Package postgres implements it.
type Outreach interface {
	AddOutreach(ctx context.Context, scheme int64, people []roster.Beneficiary, now time.Time, rehearse bool) (report.OutreachAdded, error)
	// StartOutreach returns an error that wraps dispatch.ErrOwnCLI when such calls have no number to present.
	StartOutreach(ctx context.Context, scheme int64, now time.Time, rehearse bool) (report.OutreachBooked, error)
	// StopOutreach returns how many calls it cancelled; report.ErrNoOutreach when none waited.
	StopOutreach(ctx context.Context, scheme int64, now time.Time) (int, error)
	// EndOutreach cancels what waits, and erases who the people of the list are.
	EndOutreach(ctx context.Context, scheme int64, now time.Time) (report.OutreachEnded, error)
	Outreach(ctx context.Context, scheme int64) (report.Outreach, error)
}

// listedBody is somebody for the list.
type listedBody struct {
	Number   string          `json:"number"`
	Language roster.Language `json:"language"`
	Given    string          `json:"given"`
	Family   string          `json:"family"`
}

// addOutreach puts people on the list.
func (a *API) addOutreach(q ask) (any, error) {
	var sent struct {
		People []listedBody `json:"people"`
		DryRun bool         `json:"dry_run"`
	}
	if err := q.read(&sent); err != nil {
		return nil, err
	}
	people := make([]roster.Beneficiary, len(sent.People))
	for i, p := range sent.People {
		if p.Language == "" {
			p.Language = q.scheme.Language
		}
		switch {
		case !isE164(p.Number):
			return nil, fmt.Errorf("%w: people[%d].number is not in the form +33199001234", errBody, i)
		case !slices.Contains(roster.Languages(), p.Language):
			return nil, fmt.Errorf("%w: people[%d].language is none of fr, nl, de and en", errBody, i)
		}
		people[i] = roster.Beneficiary{Given: p.Given, Family: p.Family, Language: p.Language, Numbers: []roster.Number{{E164: p.Number}}}
	}
	return a.opts.Outreach.AddOutreach(q.Context(), q.scheme.Key, people, q.now, sent.DryRun)
}

// startOutreach books the calls.
func (a *API) startOutreach(q ask) (any, error) {
	var sent struct {
		DryRun bool `json:"dry_run"`
	}
	if err := q.read(&sent); err != nil {
		return nil, err
	}
	return a.opts.Outreach.StartOutreach(q.Context(), q.scheme.Key, q.now, sent.DryRun)
}

// stopOutreach cancels what has not begun.
func (a *API) stopOutreach(q ask) (any, error) {
	var sent struct{}
	if err := q.read(&sent); err != nil {
		return nil, err
	}
	n, err := a.opts.Outreach.StopOutreach(q.Context(), q.scheme.Key, q.now)
	if err != nil && !errors.Is(err, report.ErrNoOutreach) {
		return nil, err
	}
	return struct {
		Cancelled int `json:"cancelled"`
	}{n}, nil
}

// endOutreach ends the list.
func (a *API) endOutreach(q ask) (any, error) {
	var sent struct{}
	if err := q.read(&sent); err != nil {
		return nil, err
	}
	return a.opts.Outreach.EndOutreach(q.Context(), q.scheme.Key, q.now)
}

// outreach says how the list stands.
func (a *API) outreach(w http.ResponseWriter, r *http.Request, scheme report.Scheme) {
	o, err := a.opts.Outreach.Outreach(r.Context(), scheme.Key)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	a.reply(w, o)
}
