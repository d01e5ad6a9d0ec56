package callflow

import (
	"context"
	"time"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// Outreach keeps who will not be called. Package postgres implements it.
type Outreach interface {
	// MayReachOut returns ErrNothing when whoever is reached at a number (E.164) has said that she will not be called.
	MayReachOut(ctx context.Context, scheme int64, number string) error
	// NeverAgain keeps for ever that nobody is to be called at a number. What is known of her is erased when the call has ended.
	NeverAgain(ctx context.Context, scheme int64, number string, now time.Time) error
}

// deskLookups is what whoever wants to be registered may have looked up or done in an outreach call, as on the line.
func deskLookups() []string {
	return []string{
		ivr.LookupBegin, ivr.LookupHerNumber, ivr.LookupDays, ivr.LookupRegister, ivr.LookupForget, ivr.LookupNumber, ivr.LookupCallback,
	}
}

// openDesk finds out when somebody may answer whoever wants to be registered. While nobody knows it is always, if a registrar is on
// shift.
func (a *automatic) openDesk(ctx context.Context, vars ivr.Vars) {
	line, err := a.c.o.Records.LineOf(ctx, a.order.Scheme)
	if err == nil {
		a.desk.line = line
	} else {
		a.c.logCommand("look up when the line is open", a.l.key, err)
	}
	vars["cli"], vars["callback_number"], vars["resumed"] = "known", national(a.order.Number), a.resumed
}

// interested keeps for the registrars that whoever listens to an outreach call wants to be registered, unless she is registered, or
// thinks better of it, before the call ends. A key is no consent: a registrar asks her.
func (a *automatic) interested() string {
	if a.desk == nil {
		return ivr.AnswerFailed
	}
	if a.desk.form == nil {
		a.desk.form = &registering{draft: Registration{
			ID: string(a.order.Attempt), Scheme: a.order.Scheme, CLI: a.order.Number, Number: a.order.Number, Source: roster.SourceSelf,
			Language: roster.Language(a.order.Language), Consent: roster.ConsentProposed, At: a.c.o.Now(),
		}}
		a.c.registrations.begin(a.desk.form.draft)
	}
	return "done"
}

// neverAgain keeps that whoever listens to an outreach call will not be called again.
func (a *automatic) neverAgain(ctx context.Context) string {
	if a.order.Kind != call.KindOutreach {
		return ivr.AnswerFailed
	}
	if err := a.c.o.Outreach.NeverAgain(ctx, a.order.Scheme, a.order.Number, a.c.o.Now()); err != nil {
		a.c.logCommand("keep that she will not be called", a.l.key, err)
		return ivr.AnswerFailed
	}
	return "done"
}
