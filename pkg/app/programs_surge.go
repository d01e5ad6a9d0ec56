package app

import (
	"context"
	"time"

	"github.com/rappel-tel/rappel/pkg/api"
	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/postgres"
)

// programSurges are surges and surveys as programs see them: api.Surges.
type programSurges struct{ store *postgres.Store }

var _ api.Surges = programSurges{}

// Surge implements api.Surges.
func (p programSurges) Surge(ctx context.Context, scheme int64, s api.Surge, now time.Time) (api.Surged, error) {
	done, err := p.store.Surge(ctx, scheme, postgres.Surge{
		Kind: s.Kind, Purpose: s.Register, Classes: s.Classes, Languages: s.Languages,
	}, now, s.DryRun)
	return api.Surged{
		People: done.People, Away: done.Away, Before: done.Before, Booked: done.Booked, Opens: done.Opens.UTC(), Closes: done.Closes.UTC(),
		Seconds: int64(done.Lasts / time.Second),
	}, err
}

// Surges implements api.Surges.
func (p programSurges) Surges(ctx context.Context, scheme int64, today time.Time) ([]api.SurgeState, error) {
	found, err := p.store.Surges(ctx, scheme, today)
	list := make([]api.SurgeState, len(found))
	for i, s := range found {
		states := map[string]int{}
		for state, n := range s.ByState {
			states[string(state)] = n
		}
		answers := s.ByAnswer
		if answers == nil {
			answers = map[string]int{}
		}
		list[i] = api.SurgeState{
			Day: s.Day.Format(time.DateOnly), Kind: s.Kind, Calls: s.Calls, Stopped: !s.Stopped.IsZero(), States: states, Answers: answers,
		}
	}
	return list, err
}

// StopSurge implements api.Surges.
func (p programSurges) StopSurge(ctx context.Context, scheme int64, kind call.Kind, today, now time.Time) (int, error) {
	n, err := p.store.StopSurge(ctx, scheme, kind, today, now)
	return n, asProgram(err)
}

// SurveyAnswers implements api.Surges.
func (p programSurges) SurveyAnswers(ctx context.Context, scheme int64) ([]api.SurveyAnswer, error) {
	found, err := p.store.SurveyAnswers(ctx, scheme)
	list := make([]api.SurveyAnswer, len(found))
	for i, a := range found {
		list[i] = api.SurveyAnswer{
			Survey: a.Survey, Month: a.Month.Format("2006-01"), Question: a.Question, Answer: a.Answer, Given: a.Given, Share: a.Share,
		}
	}
	return list, err
}
