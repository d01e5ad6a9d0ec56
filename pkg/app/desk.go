package app

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/callflow"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/postgres"
)

// callers is the dispatcher as callflow.Callers: the two packages know each other through this adapter alone.
type callers struct {
	*dispatch.Dispatcher
	people  people
	witness *witness // Of the calls at this node's PBX.
	reach   *reach   // To the node that leads a scheme; nil when only this one is asked.
	fleet   *fleet   // The other nodes, which are told who is on the line here; nil when there are none.
	log     *zap.Logger
	gate    *gate
	books   callBooks
	now     func() time.Time
}

// callBooks keep the calls that people on the line ask for.
type callBooks interface {
	PromiseCallback(ctx context.Context, scheme int64, c postgres.LineCallback, now time.Time) (dispatch.Occurrence, bool, error)
	Wanted(ctx context.Context, scheme, beneficiary int64) (dispatch.Occurrence, error)
	BookToday(ctx context.Context, scheme, beneficiary int64, closes, now time.Time) error
}

// people are known to the records; the dispatcher knows nobody's name.
type people interface {
	// FirstName returns the given name of a beneficiary of the scheme; empty when it is not known.
	FirstName(ctx context.Context, scheme, beneficiary int64) (string, error)
	// PendingChange returns the change of her calls that waits for her word; its ID is empty when there is none.
	PendingChange(ctx context.Context, scheme, beneficiary int64) (callflow.Change, error)
}

var (
	_ callflow.Callers     = callers{}
	_ dispatch.Switchboard = (*callflow.Connector)(nil)
)

// asFlow turns the dispatcher's errors into those that change what is heard.
func asFlow(err error) error {
	for theirs, ours := range map[error]error{
		dispatch.ErrCallerBusy: callflow.ErrRefusedNow, dispatch.ErrNobodyFree: callflow.ErrNobodyFree,
		dispatch.ErrNoRoom: callflow.ErrNoRoom, dispatch.ErrAlready: callflow.ErrAlready,
		dispatch.ErrNothing: callflow.ErrNothing, dispatch.ErrNoLine: callflow.ErrNoLine, dispatch.ErrUnknownCaller: callflow.ErrUnknownCaller,
	} {
		if errors.Is(err, theirs) {
			return errors.Join(ours, err)
		}
	}
	return err
}

// SetState implements callflow.Callers.
func (c callers) SetState(
	ctx context.Context, scheme, caller int64, state call.CallerState, known callflow.Known,
) error {
	err := c.Dispatcher.SetState(ctx, scheme, caller, state, string(known))
	if errors.Is(err, dispatch.ErrUnknownScheme) {
		_, err = c.reach.grant(ctx, wish{Scheme: scheme, Caller: caller, State: state, Known: known})
	}
	return asFlow(err)
}

// Next implements callflow.Callers. The dispatcher says only what the caller may take herself, so that she may hear the
// first name; without it she is told the rest.
func (c callers) Next(ctx context.Context, scheme, caller int64) (callflow.NextCall, error) {
	up, err := c.Dispatcher.Next(ctx, scheme, caller)
	if errors.Is(err, dispatch.ErrUnknownScheme) {
		var g granted
		if g, err = c.reach.grant(ctx, wish{Scheme: scheme, Caller: caller}); err == nil && g.Next != nil {
			return *g.Next, nil
		}
	}
	if err != nil {
		return callflow.NextCall{}, asFlow(err)
	}
	name, err := c.people.FirstName(ctx, scheme, up.Beneficiary)
	if err != nil {
		c.log.Warn("first name of the next call not known", zap.Int64("scheme", scheme), zap.Error(err))
	}
	asked, err := c.people.PendingChange(ctx, scheme, up.Beneficiary)
	if err != nil {
		c.log.Warn("what waits for the word of the next person is not known", zap.Int64("scheme", scheme), zap.Error(err))
	}
	return callflow.NextCall{Kind: up.Kind, At: up.At, Class: up.Class, Reference: up.Reference, Name: name, Asked: asked.Kind}, nil
}

// CloseCall implements callflow.Callers. Another node that leads the scheme by now asks for what is said here; if this one
// leads it again first, it is told then.
func (c callers) CloseCall(ctx context.Context, closing callflow.Closing) error {
	err := leader{c.Dispatcher}.CloseCall(ctx, closing)
	if !errors.Is(err, dispatch.ErrUnknownScheme) || !c.witness.closed(closing) {
		return asFlow(err)
	}
	if err := c.witness.handClosings(ctx, closing.Scheme); err != nil && !errors.Is(err, dispatch.ErrUnknownScheme) {
		c.log.Warn("what was said of a call is told later", zap.Int64("scheme", closing.Scheme), zap.Error(err))
	}
	return nil
}

// CallerLeft implements callflow.Callers.
func (c callers) CallerLeft(scheme, caller int64, attempt call.ID, at time.Time) {
	c.witness.callerLeft(attempt)
	leader{c.Dispatcher}.CallerLeft(scheme, caller, attempt, at)
}

// leader is the dispatcher as it is told of calls at another node's PBX.
type leader struct{ *dispatch.Dispatcher }

// CloseCall implements closer.
func (l leader) CloseCall(ctx context.Context, c callflow.Closing) error {
	return l.Dispatcher.CloseCall(ctx, c.Scheme, dispatch.CloseCall{
		Attempt: c.Attempt, Caller: c.Caller, Disposition: c.Disposition, FollowUp: c.FollowUp, DayLater: c.DayLater, At: c.At,
	})
}

// CallerLeft implements closer.
func (l leader) CallerLeft(scheme, caller int64, attempt call.ID, _ time.Time) {
	l.Dispatcher.CallerLeft(scheme, caller, attempt)
}

// JoinQueue implements callflow.Callers.
func (c callers) JoinQueue(ctx context.Context, scheme int64, p callflow.Party, tell func(callflow.Turn)) error {
	return asFlow(c.Dispatcher.JoinQueue(ctx, scheme, dispatch.Party(p), func(t dispatch.Turn) {
		tell(callflow.Turn{Registrar: callflow.Registrar(t.Registrar), Nobody: t.Nobody})
	}))
}

// QueuePlace implements callflow.Callers.
func (c callers) QueuePlace(ctx context.Context, scheme int64, key string) (callflow.Place, error) {
	place, err := c.Dispatcher.QueuePlace(ctx, scheme, key)
	return callflow.Place(place), asFlow(err)
}

// MayRing implements callflow.Callers.
func (c callers) MayRing(ctx context.Context, scheme int64, number string) error {
	err := c.gate.pass(ctx, call.Order{Scheme: scheme, Number: number}, time.Now())
	if errors.Is(err, dispatch.ErrNotPermitted) {
		return errors.Join(callflow.ErrNotAllowed, err)
	}
	return err
}

// PromiseCallback implements callflow.Callers. Nothing is promised that the gate would not let through.
func (c callers) PromiseCallback(ctx context.Context, want callflow.Callback) error {
	if err := c.MayRing(ctx, want.Scheme, want.Number); err != nil {
		return err
	}
	occurrence, booked, err := c.books.PromiseCallback(ctx, want.Scheme, postgres.LineCallback{
		Number: want.Number, Typed: want.Typed, Language: want.Language, Asked: want.Asked,
	}, c.now())
	if booked {
		c.Take(occurrence, want.Scheme)
	}
	return err
}

// CallToday implements callflow.Callers.
func (c callers) CallToday(ctx context.Context, scheme, beneficiary int64) (time.Time, error) {
	want, err := c.books.Wanted(ctx, scheme, beneficiary)
	if err != nil {
		return time.Time{}, err
	}
	at, closes, err := c.Dispatcher.RoomToday(ctx, scheme, want)
	if err != nil {
		return time.Time{}, asFlow(err)
	}
	if err := c.books.BookToday(ctx, scheme, beneficiary, closes, c.now()); err != nil {
		return time.Time{}, asFlow(err)
	}
	c.Changed(scheme)
	return at, nil
}

// TakeLine implements callflow.Callers. Whoever leads the scheme knows which lines are free.
func (c callers) TakeLine(ctx context.Context, scheme int64, key string) (callflow.Way, error) {
	way, err := c.Dispatcher.TakeLine(ctx, scheme, "", key)
	if errors.Is(err, dispatch.ErrUnknownScheme) {
		g, err := c.reach.grant(ctx, wish{Scheme: scheme, Line: key})
		if err == nil && g.Way == nil { // A node of an earlier release.
			err = dispatch.ErrUnknownScheme
		}
		if err != nil {
			return callflow.Way{}, asFlow(err)
		}
		c.reach.took(key)
		return *g.Way, nil
	}
	return callflow.Way(way), asFlow(err)
}

// GiveLine implements callflow.Callers. What was taken at a node that does not answer now it gives back by itself, later.
func (c callers) GiveLine(scheme int64, key string) {
	c.Dispatcher.GiveLine(scheme, key)
	if !c.reach.gives(key) {
		return
	}
	if _, err := c.reach.grant(context.Background(), wish{Scheme: scheme, Line: key, Give: true}); err != nil {
		c.log.Debug("a line is given back later", zap.Int64("scheme", scheme), zap.Error(err))
	}
}

// LeaveQueue implements callflow.Callers.
func (c callers) LeaveQueue(scheme int64, key string, why callflow.LeftReason) {
	c.Dispatcher.LeaveQueue(scheme, key, dispatch.InboundReason(why))
}

// ConfirmRegistrar implements callflow.Callers.
func (c callers) ConfirmRegistrar(ctx context.Context, scheme, registrar int64, key string) error {
	return asFlow(c.Dispatcher.ConfirmRegistrar(ctx, scheme, registrar, key))
}

// ReleaseRegistrar implements callflow.Callers.
func (c callers) ReleaseRegistrar(ctx context.Context, scheme, registrar int64, key string, state call.OfferState) error {
	return asFlow(c.Dispatcher.ReleaseRegistrar(ctx, scheme, registrar, key, state))
}

// HoldNumber implements callflow.Callers.
func (c callers) HoldNumber(_ context.Context, number, key, trunk string) error {
	c.Dispatcher.HoldNumber(number, key, trunk)
	c.fleet.hold(key, number)
	return nil
}

// ReleaseNumber implements callflow.Callers.
func (c callers) ReleaseNumber(_ context.Context, _, key string) error {
	c.Dispatcher.ReleaseNumber(key)
	c.fleet.release(key)
	return nil
}

// OnLine implements callflow.Callers.
func (c callers) OnLine(scheme, caller int64, inUse bool) {
	c.Dispatcher.OnLine(scheme, caller, inUse)
	c.fleet.onLine(dispatch.OnLine{Scheme: scheme, Caller: caller}, inUse)
}

// switchboard stands for the connector until it is made: the dispatcher and the connector need each other. No order reaches
// the connector but through the gate.
type switchboard struct {
	gate      gate
	connector dispatch.Switchboard // The connector, once it is made.
	witness   *witness
	// elsewhere follows what runs at the PBX of other nodes; nil when there are none.
	elsewhere *elsewhere
	node      string
}

// Start implements dispatch.Switchboard.
func (s *switchboard) Start(ctx context.Context, order call.Order) error {
	if s.elsewhere == nil || order.Node == "" || order.Node == s.node {
		return s.startHere(ctx, order)
	}
	if err := s.gate.pass(ctx, order, time.Now()); err != nil {
		return err
	}
	return s.elsewhere.place(ctx, order)
}

// startHere starts a call at this node's PBX.
func (s *switchboard) startHere(ctx context.Context, order call.Order) error {
	if err := s.gate.pass(ctx, order, time.Now()); err != nil {
		return err
	}
	return s.connector.Start(ctx, order)
}

// Recall implements dispatch.Switchboard.
func (s *switchboard) Recall(attempt call.ID) {
	if s.elsewhere == nil || !s.elsewhere.recall(context.Background(), attempt) {
		s.connector.Recall(attempt)
	}
}

// AdoptTalks implements dispatch.Switchboard.
func (s *switchboard) AdoptTalks(ctx context.Context, talks []call.Talk) {
	s.connector.AdoptTalks(ctx, talks)
}

// Adopt implements dispatch.Switchboard. Calls at another node's PBX are that node's to follow.
func (s *switchboard) Adopt(ctx context.Context, live []call.Live) {
	var ours []call.Live
	theirs := map[string][]call.Live{}
	for _, l := range live {
		switch {
		case s.elsewhere != nil && l.Node != "" && l.Node != s.node:
			theirs[l.Node] = append(theirs[l.Node], l)
		case s.witness.repeat(l): // It ended here while another node led, or nobody.
		default:
			ours = append(ours, l)
		}
	}
	s.connector.Adopt(ctx, ours)
	for node, calls := range theirs {
		s.elsewhere.follow(ctx, node, calls)
	}
}
