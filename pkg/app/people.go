package app

import (
	"context"
	"time"

	"github.com/rappel-tel/rappel/pkg/api"
	"github.com/rappel-tel/rappel/pkg/callflow"
	"github.com/rappel-tel/rappel/pkg/postgres"
)

// programPeople are people as programs see them: api.People.
type programPeople struct{ store *postgres.Store }

var _ api.People = programPeople{}

// Settings implements api.People.
func (p programPeople) Settings(ctx context.Context, scheme int64, ref string) (callflow.Settings, error) {
	s, err := p.store.Settings(ctx, scheme, ref)
	return s, asProgram(err)
}

// ChangeSettings implements api.People.
func (p programPeople) ChangeSettings(ctx context.Context, scheme int64, ref string, c callflow.SettingsChange) (callflow.Settings, error) {
	s, err := p.store.ChangeSettings(ctx, scheme, ref, c)
	return s, asProgram(err)
}

// Absences implements api.People.
func (p programPeople) Absences(ctx context.Context, scheme int64, today time.Time) ([]api.Absence, error) {
	found, err := p.store.Absences(ctx, scheme, "", today)
	list := make([]api.Absence, len(found))
	for i, a := range found {
		list[i] = api.Absence{Ref: a.Ref, First: a.First, Last: a.Last, NoCall: a.NoCall, WelcomeBack: a.WelcomeBack}
	}
	return list, err
}

// Announce implements api.People.
func (p programPeople) Announce(ctx context.Context, scheme int64, a api.Absence, now time.Time) (api.Replanned, error) {
	_, done, err := p.store.Announce(ctx, scheme, postgres.Pause{
		Ref: a.Ref, First: a.First, Last: a.Last, NoCall: a.NoCall, WelcomeBack: a.WelcomeBack,
	}, now)
	return api.Replanned(done), asProgram(err)
}

// EndAbsence implements api.People.
func (p programPeople) EndAbsence(ctx context.Context, scheme int64, ref string, back, now time.Time) (api.Replanned, error) {
	_, done, err := p.store.EndAbsence(ctx, scheme, ref, back, now)
	return api.Replanned(done), asProgram(err)
}
