package app

import (
	"context"
	"time"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/callflow"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/postgres"
)

// agenda is the records as callflow.Agenda: the dispatcher learns at once of what has changed. One that leads the scheme elsewhere
// learns of it by the event.
type agenda struct {
	store      *postgres.Store
	dispatcher *dispatch.Dispatcher
	now        func() time.Time
}

var _ callflow.Agenda = agenda{}

// otherTimesLimit is how long somebody on the line waits for other times to be found.
const otherTimesLimit = 6 * time.Second

// OtherTimes implements callflow.Agenda.
func (a agenda) OtherTimes(ctx context.Context, scheme, occurrence int64) ([]callflow.Proposal, error) {
	ctx, cancel := context.WithTimeout(ctx, otherTimesLimit)
	defer cancel()
	return a.store.OtherTimes(ctx, scheme, occurrence, a.now())
}

// Confirm implements callflow.Agenda.
func (a agenda) Confirm(ctx context.Context, scheme, occurrence int64) error {
	return a.store.ConfirmAppointment(ctx, scheme, occurrence, postgres.ChannelLine, a.now())
}

// Ask implements callflow.Agenda.
func (a agenda) Ask(ctx context.Context, scheme int64, c callflow.Change) (callflow.Proposal, error) {
	back, err := a.store.AskChange(ctx, scheme, c, a.now())
	if err == nil {
		a.dispatcher.Changed(scheme)
	}
	return back, err
}

// Change implements callflow.Agenda.
func (a agenda) Change(ctx context.Context, scheme int64, c callflow.Change) error {
	err := a.store.ChangeNow(ctx, scheme, c, postgres.ChannelLine, a.now())
	if err == nil {
		a.dispatcher.Changed(scheme)
	}
	return err
}

// Asked implements callflow.Agenda.
func (a agenda) Asked(ctx context.Context, scheme int64, attempt call.ID) (callflow.Change, error) {
	return a.store.AskedChange(ctx, scheme, attempt)
}

// Settle implements callflow.Agenda.
func (a agenda) Settle(ctx context.Context, scheme int64, told callflow.Told) error {
	err := a.store.SettleChange(ctx, scheme, told, a.now())
	if err == nil {
		a.dispatcher.Changed(scheme) // Her call back is called off at least.
	}
	return err
}
