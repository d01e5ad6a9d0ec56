package api

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rappel-tel/rappel/pkg/callflow"
)

// Agenda is people's next calls, as a registrar who has talked to them changes them. Package postgres implements it.
type Agenda interface {
	// NextAppointment returns the next agreed call of the person with a ref; its Opens is zero when there is none. The error is
	// callflow.ErrNothing when the scheme has no such person.
	NextAppointment(ctx context.Context, scheme int64, ref string, now time.Time) (callflow.Next, error)
	// OtherTimes returns the times to which a call can be moved and be kept there, three at most, or callflow.ErrGone.
	OtherTimes(ctx context.Context, scheme, occurrence int64, now time.Time) ([]callflow.Proposal, error)
	// ConfirmAppointment records that somebody expects a call, or returns callflow.ErrGone.
	ConfirmAppointment(ctx context.Context, scheme, occurrence int64, channel string, now time.Time) error
	// ChangeNow makes a change at once, or returns callflow.ErrGone.
	ChangeNow(ctx context.Context, scheme int64, c callflow.Change, channel string, now time.Time) error
	// SettleChange makes a change that waits for a person's word, or drops it. It returns callflow.ErrGone when it can no longer be
	// made, and callflow.ErrNothing when it does not wait.
	SettleChange(ctx context.Context, scheme int64, told callflow.Told, now time.Time) error
	// CallToday books a call today for the person with a ref and says at about what time. It returns dispatch.ErrNoRoom when it
	// could not be kept or would break a promise, dispatch.ErrAlready when she has a call today, roster.ErrNotAgreed, and
	// roster.ErrNoBeneficiary.
	CallToday(ctx context.Context, scheme int64, ref string, now time.Time) (time.Time, error)
	// Changes lists what was asked since an instant, the latest first; of one person when a ref is given.
	Changes(ctx context.Context, scheme int64, ref string, since time.Time) ([]callflow.Noted, error)
}

var (
	// errNoCall means that the person has no agreed call to come, or that it can no longer be changed so.
	errNoCall = errors.New("no call can be changed so")
	// errNoChange means that no such change waits for the person's word: what was told of it was settled meanwhile.
	errNoChange = errors.New("no such change waits")
)

const (
	// changesSince is of how many days changes are listed.
	changesSince = 30
	// registrar is the channel of what programs change: somebody has talked to the person.
	registrar = "registrar"
)

// timeBody is a stretch of time in which somebody is called.
type timeBody struct {
	Opens  time.Time `json:"opens"`
	Closes time.Time `json:"closes"`
}

// nextBody is the next agreed call of a person.
type nextBody struct {
	Person    string       `json:"person"`
	Opens     *time.Time   `json:"opens,omitempty"`
	Closes    *time.Time   `json:"closes,omitempty"`
	Confirmed bool         `json:"confirmed"`
	Pending   *pendingBody `json:"pending,omitempty"`
	Times     []timeBody   `json:"times"`
}

// pendingBody is a change that waits for a person's word.
type pendingBody struct {
	ID     string              `json:"id"`
	Change callflow.ChangeKind `json:"change"`
	Call   *timeBody           `json:"call,omitempty"`
	To     *timeBody           `json:"to,omitempty"`
	From   string              `json:"from,omitempty"`
	Back   string              `json:"back,omitempty"`
}

// bodyOfPending is nil for none.
func bodyOfPending(c callflow.Change) *pendingBody {
	if c.ID == "" {
		return nil
	}
	body := &pendingBody{ID: c.ID, Change: c.Kind, Call: stretch(c.Promised), To: stretch(c.To)}
	if !c.Back.IsZero() {
		body.From, body.Back = c.From.Format(time.DateOnly), c.Back.Format(time.DateOnly)
	}
	return body
}

// next finds the person of the path.
func (a *API) next(q ask) (callflow.Next, error) {
	next, err := a.opts.Agenda.NextAppointment(q.Context(), q.scheme.Key, q.PathValue("person"), q.now)
	if errors.Is(err, callflow.ErrNothing) {
		return next, ErrNoPerson
	}
	return next, err
}

// appointment tells the next agreed call of a person, and to when it can be moved.
func (a *API) appointment(q ask) (any, error) {
	next, err := a.next(q)
	if err != nil {
		return nil, err
	}
	body := nextBody{Person: q.PathValue("person"), Confirmed: next.Confirmed, Pending: bodyOfPending(next.Pending), Times: []timeBody{}}
	if next.Occurrence == 0 {
		return body, nil
	}
	opens, closes := next.Opens.UTC(), next.Closes.UTC()
	body.Opens, body.Closes = &opens, &closes
	times, err := a.opts.Agenda.OtherTimes(q.Context(), q.scheme.Key, next.Occurrence, q.now)
	if err != nil && !errors.Is(err, callflow.ErrGone) {
		return nil, err
	}
	for _, t := range times {
		body.Times = append(body.Times, timeBody{t.Opens.UTC(), t.Closes.UTC()})
	}
	return body, nil
}

// confirmAppointment records that a person expects her next call.
func (a *API) confirmAppointment(q ask) (any, error) {
	var sent struct{}
	next, err := a.nextOf(q, &sent)
	if err != nil {
		return nil, err
	}
	return nil, noCall(a.opts.Agenda.ConfirmAppointment(q.Context(), q.scheme.Key, next.Occurrence, registrar, q.now))
}

// skipAppointment calls a person's next call off, which is named by when it opens: asked again, it does not skip the one after.
func (a *API) skipAppointment(q ask) (any, error) {
	var sent struct {
		Call time.Time `json:"call"`
	}
	next, err := a.nextOf(q, &sent)
	if err != nil {
		return nil, err
	}
	if sent.Call.IsZero() {
		return nil, fmt.Errorf("%w: call is missing: when the call opens", errBody)
	}
	if !next.Opens.Equal(sent.Call) {
		return nil, a.changed(q, callflow.ChangeSkip, sent.Call)
	}
	return nil, a.changeNow(q, callflow.Change{Kind: callflow.ChangeSkip, Beneficiary: next.Beneficiary, Occurrence: next.Occurrence})
}

// moveAppointment moves a person's next call, which is named by when it opens, to one of the times that it can be moved to.
func (a *API) moveAppointment(q ask) (any, error) {
	var sent struct {
		Call  time.Time `json:"call"`
		Opens time.Time `json:"opens"`
	}
	next, err := a.nextOf(q, &sent)
	if err != nil {
		return nil, err
	}
	if sent.Call.IsZero() {
		return nil, fmt.Errorf("%w: call is missing: when the call opens", errBody)
	}
	if !next.Opens.Equal(sent.Call) {
		return nil, a.changed(q, callflow.ChangeMove, sent.Call)
	}
	times, err := a.opts.Agenda.OtherTimes(q.Context(), q.scheme.Key, next.Occurrence, q.now)
	if err != nil {
		return nil, noCall(err)
	}
	for _, t := range times {
		if t.Opens.Equal(sent.Opens) {
			return nil, a.changeNow(q, callflow.Change{
				Kind: callflow.ChangeMove, Beneficiary: next.Beneficiary, Occurrence: next.Occurrence, To: t,
			})
		}
	}
	return nil, fmt.Errorf("%w: opens is none of the times that it can be moved to", errBody)
}

// callToday books a call today for whoever asks for one, where no promise suffers.
func (a *API) callToday(q ask) (any, error) {
	var sent struct{}
	if err := q.read(&sent); err != nil {
		return nil, err
	}
	at, err := a.opts.Agenda.CallToday(q.Context(), q.scheme.Key, q.PathValue("person"), q.now)
	return struct {
		At time.Time `json:"at"`
	}{at.UTC()}, err
}

// settleChange records what a person has said of the change that waits for her word, to whoever has talked to her.
func (a *API) settleChange(q ask) (any, error) {
	var sent struct {
		Change string `json:"change"`
		Agreed *bool  `json:"agreed"`
	}
	if err := q.read(&sent); err != nil {
		return nil, err
	}
	next, err := a.next(q)
	switch {
	case err != nil:
		return nil, err
	case sent.Agreed == nil:
		return nil, fmt.Errorf("%w: agreed says what she has said: true or false", errBody)
	}
	told := callflow.Told{Beneficiary: next.Beneficiary, Change: sent.Change, Agreed: *sent.Agreed}
	err = a.opts.Agenda.SettleChange(q.Context(), q.scheme.Key, told, q.now)
	if errors.Is(err, callflow.ErrNothing) {
		return nil, a.settled(q, told)
	}
	return nil, noCall(err)
}

// settled reports whether a change was settled so already, and returns errNoChange when it was not.
func (a *API) settled(q ask, told callflow.Told) error {
	list, err := a.opts.Agenda.Changes(q.Context(), q.scheme.Key, q.PathValue("person"), q.now.AddDate(0, 0, -changesSince))
	if err != nil {
		return err
	}
	want := callflow.ChangeRefused
	if told.Agreed {
		want = callflow.ChangeDone
	}
	for _, n := range list {
		if n.ID == told.Change && n.State == want {
			return nil
		}
	}
	return errNoChange
}

// changed reports whether a call was changed so already, and returns errNoCall when it was not.
func (a *API) changed(q ask, kind callflow.ChangeKind, opens time.Time) error {
	list, err := a.opts.Agenda.Changes(q.Context(), q.scheme.Key, q.PathValue("person"), q.now.AddDate(0, 0, -changesSince))
	if err != nil {
		return err
	}
	for _, n := range list {
		if n.Kind == kind && n.State == callflow.ChangeDone && n.Promised.Opens.Equal(opens) {
			return nil
		}
	}
	return errNoCall
}

// nextOf reads what was sent and finds the call that it is about.
func (a *API) nextOf(q ask, sent any) (callflow.Next, error) {
	if err := q.read(sent); err != nil {
		return callflow.Next{}, err
	}
	next, err := a.next(q)
	if err == nil && next.Occurrence == 0 {
		err = errNoCall
	}
	return next, err
}

func (a *API) changeNow(q ask, c callflow.Change) error {
	return noCall(a.opts.Agenda.ChangeNow(q.Context(), q.scheme.Key, c, registrar, q.now))
}

func noCall(err error) error {
	if errors.Is(err, callflow.ErrGone) {
		return errNoCall
	}
	return err
}

// changeBody is a change as it is told.
type changeBody struct {
	Person  string               `json:"person"`
	Change  callflow.ChangeKind  `json:"change"`
	State   callflow.ChangeState `json:"state"`
	Asked   time.Time            `json:"asked"`
	Settled *time.Time           `json:"settled,omitempty"`
	Channel string               `json:"channel"`
	Call    *timeBody            `json:"call,omitempty"`
	To      *timeBody            `json:"to,omitempty"`
	From    string               `json:"from,omitempty"`
	Back    string               `json:"back,omitempty"`
}

// changes lists what was asked of people's calls lately.
func (a *API) changes(q ask) (any, error) {
	list, err := a.opts.Agenda.Changes(q.Context(), q.scheme.Key, q.URL.Query().Get("person"), q.now.AddDate(0, 0, -changesSince))
	if err != nil {
		return nil, err
	}
	body := make([]changeBody, len(list))
	for i, n := range list {
		body[i] = changeBody{
			Person: n.Ref, Change: n.Kind, State: n.State, Asked: n.At.UTC(), Channel: n.Channel, Call: stretch(n.Promised), To: stretch(n.To),
		}
		if !n.Settled.IsZero() {
			settled := n.Settled.UTC()
			body[i].Settled = &settled
		}
		if !n.Back.IsZero() {
			body[i].From, body[i].Back = n.From.Format(time.DateOnly), n.Back.Format(time.DateOnly)
		}
	}
	return struct {
		Changes []changeBody `json:"changes"`
	}{body}, nil
}

func stretch(p callflow.Proposal) *timeBody {
	if p.Opens.IsZero() {
		return nil
	}
	return &timeBody{p.Opens.UTC(), p.Closes.UTC()}
}
