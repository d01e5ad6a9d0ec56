package api

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// Surges calls whole registers, and counts what they answered.
type Surges interface {
	// Surge books one call for everybody of a register. It returns an error that wraps dispatch.ErrOwnCLI when such calls have no number
	// to present.
	Surge(ctx context.Context, scheme int64, s Surge, now time.Time) (Surged, error)
	// Surges says how those of a local date and later stand, the latest first.
	Surges(ctx context.Context, scheme int64, today time.Time) ([]SurgeState, error)
	// StopSurge returns how many calls it cancelled, or ErrNoSurge. An empty kind stops every kind.
	StopSurge(ctx context.Context, scheme int64, kind call.Kind, today, now time.Time) (int, error)
	// SurveyAnswers counts what was answered in surveys, by survey, month and question.
	SurveyAnswers(ctx context.Context, scheme int64) ([]SurveyAnswer, error)
}

// ErrNoSurge means that no surge goes on.
var ErrNoSurge = errors.New("no surge goes on")

// Surge says which people of a register are called, and how. It is what is sent, too.
type Surge struct {
	Kind      call.Kind         `json:"kind"`
	Register  roster.Purpose    `json:"register"`
	Classes   []int             `json:"classes"`   // Empty means every class.
	Languages []roster.Language `json:"languages"` // Empty means every language.
	DryRun    bool              `json:"dry_run"`
}

// Surged is what a surge books, or would book.
type Surged struct {
	People  int       `json:"people"`
	Away    int       `json:"away"`
	Before  int       `json:"before"` // With a call of the kind on that day already.
	Booked  int       `json:"booked"`
	Opens   time.Time `json:"opens"`
	Closes  time.Time `json:"closes"`
	Seconds int64     `json:"seconds"` // It lasts, with the lines and callers there are; 0 when there are none.
}

// SurgeState is how a surge stands.
type SurgeState struct {
	Day     string         `json:"day"`
	Kind    call.Kind      `json:"kind"`
	Calls   int            `json:"calls"`
	Stopped bool           `json:"stopped"`
	States  map[string]int `json:"states"`
	Answers map[string]int `json:"answers"`
}

// SurveyAnswer is how often an answer was given in a month, and its share of the answers to its question.
type SurveyAnswer struct {
	Survey   string  `json:"survey"`
	Month    string  `json:"month"`
	Question string  `json:"question"`
	Answer   string  `json:"answer"`
	Given    int     `json:"given"`
	Share    float64 `json:"share"`
}

// SurgeKinds are the calls that a whole register may get on one day.
func SurgeKinds() []call.Kind {
	return []call.Kind{call.KindPresence, call.KindScheduled, call.KindReminder, call.KindSurvey}
}

// startSurge calls a whole register.
func (a *API) startSurge(q ask) (any, error) {
	var sent Surge
	if err := q.read(&sent); err != nil {
		return nil, err
	}
	if sent.Register == "" {
		sent.Register = roster.PurposeCallingScheme
	}
	switch {
	case !slices.Contains(SurgeKinds(), sent.Kind):
		return nil, fmt.Errorf("%w: kind is none of %v", errBody, SurgeKinds())
	case !slices.Contains(roster.Purposes(), sent.Register):
		return nil, fmt.Errorf("%w: register is none of %v", errBody, roster.Purposes())
	case slices.ContainsFunc(sent.Classes, func(c int) bool { return c < 0 || c > 3 }):
		return nil, fmt.Errorf("%w: classes are 0 to 3", errBody)
	case slices.ContainsFunc(sent.Languages, func(l roster.Language) bool { return !slices.Contains(roster.Languages(), l) }):
		return nil, fmt.Errorf("%w: languages are fr, nl, de and en", errBody)
	}
	return a.opts.Surges.Surge(q.Context(), q.scheme.Key, sent, q.now)
}

// surges tells how today's and later surges stand.
func (a *API) surges(q ask) (any, error) {
	today, err := q.today()
	if err != nil {
		return nil, err
	}
	list, err := a.opts.Surges.Surges(q.Context(), q.scheme.Key, today)
	if err != nil {
		return nil, err
	}
	return struct {
		Surges []SurgeState `json:"surges"`
	}{append([]SurgeState{}, list...)}, nil
}

// stopSurge cancels what has not begun.
func (a *API) stopSurge(q ask) (any, error) {
	var sent struct {
		Kind call.Kind `json:"kind"`
	}
	if err := q.read(&sent); err != nil {
		return nil, err
	}
	if sent.Kind != "" && !slices.Contains(SurgeKinds(), sent.Kind) {
		return nil, fmt.Errorf("%w: kind is none of %v", errBody, SurgeKinds())
	}
	today, err := q.today()
	if err != nil {
		return nil, err
	}
	n, err := a.opts.Surges.StopSurge(q.Context(), q.scheme.Key, sent.Kind, today, q.now)
	if errors.Is(err, ErrNoSurge) {
		n, err = 0, nil // It is as it shall be.
	}
	return struct {
		Cancelled int `json:"cancelled"`
	}{n}, err
}

// surveyAnswers counts what was answered in surveys. It names nobody.
func (a *API) surveyAnswers(q ask) (any, error) {
	list, err := a.opts.Surges.SurveyAnswers(q.Context(), q.scheme.Key)
	if err != nil {
		return nil, err
	}
	return struct {
		Answers []SurveyAnswer `json:"answers"`
	}{append([]SurveyAnswer{}, list...)}, nil
}
