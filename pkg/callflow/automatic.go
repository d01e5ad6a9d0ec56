package callflow

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/telephony"
)

const (
	// adoptLimit is how long it may take to find out what to say in a call that is adopted.
	adoptLimit = 10 * time.Second
)

// automatic is a call without a caller: the beneficiary's phone rings alone and, once she has answered, the flow named as the
// kind of the call speaks to her. What she is told first is spoken before her phone rings, so that she never waits for it.
//
// Whoever says nothing may be slow of hearing, and without a key nobody was reached. What speaks as only an answering machine does
// (machine.go) gets a short message instead; a key makes a person of it.
type automatic struct {
	c     *Connector
	l     *live
	order call.Order
	s     *session
	first ivr.Output // What is said first.
	ready bool       // It is known and spoken.

	began   time.Time // Of dialling, or of adoption.
	latest  time.Time // When her leg was last posted or seen: an older listing need not hold it.
	state   call.State
	up      bool      // She has answered,
	upAt    time.Time // then,
	inApp   bool      // and is ours to speak to.
	adopted bool
	lost    bool // The PBX died.
	refused string
	dial    string

	resumed string // What she had said before another process took the call over, if she is to go on from there.

	asking asking   // The change of her calls that waits for her word,
	change changing // and what she changes herself.

	answers int    // How many were recorded,
	last    string // and the last of them.

	// desk leads whoever wants to be registered to a registrar, or through the form; nil but in an outreach call.
	desk *reception

	speech  speech
	machine bool // A machine speaks,
	repeats int  // and so often its message was begun.
}

// announce runs a call without a caller from its command to its end.
func (c *Connector) announce(l *live, o call.Order) {
	defer c.forget(l)
	a := c.newAutomatic(l, o)
	defer a.s.timer.Stop()
	if f, ok := a.prepare(); !ok {
		a.end(f)
		return
	}
	begun := time.Now()
	err := c.o.Switch.Announce(c.ctx, telephony.Announce{
		Channel: o.Attempt.AnnounceLeg(), BeneficiaryLeg: o.Attempt.BeneficiaryLeg(), Attempt: string(o.Attempt),
		Number: o.Number, Trunk: o.Trunk, CLI: o.CLI, Language: o.Language, Ring: o.BeneficiaryRing, DialBy: o.DialBy,
	})
	if c.ctx.Err() != nil {
		return // Whether it was posted is found out by whoever adopts the call.
	}
	a.latest = time.Now()
	if !errors.Is(err, telephony.ErrDown) {
		c.o.Desk.Placed(o.Attempt, o.Offer, time.Since(begun))
	}
	if err != nil {
		c.o.Logger.Warn("announce command failed", zap.String("attempt", string(o.Attempt)), zap.Error(err))
	}
	switch {
	case errors.Is(err, telephony.ErrRefused):
		a.end(finding{call.ResultFailed, call.ReasonNone, call.FaultOurs})
	case errors.Is(err, telephony.ErrDown):
		a.end(finding{call.ResultFailed, call.ReasonPBXLost, call.FaultOurs})
	default: // When its answer was lost, what comes says whether it was placed.
		a.follow()
	}
}

func (c *Connector) newAutomatic(l *live, o call.Order) *automatic {
	a := &automatic{c: c, l: l, order: o, began: time.Now(), latest: time.Now(), state: call.StateIntent}
	a.s = c.session(l, "", o.Scheme)
	a.s.lang = roster.Language(o.Language)
	a.asking = asking{c: c, key: l.key, scheme: o.Scheme, attempt: o.Attempt}
	a.change = changing{c: c, key: l.key, scheme: o.Scheme, zone: time.UTC, make: a.makeChange}
	a.s.host, a.s.guard, a.s.timer = a, guard{}, time.NewTimer(time.Hour)
	a.s.reconciled, a.s.heard = a.reconciled, a.heard
	if o.Kind == call.KindOutreach {
		a.desk = &reception{c: c, l: l, line: Line{Scheme: o.Scheme}, cli: o.Number, callback: o.Number}
	}
	return a
}

// prepare has spoken what she is told first. It reports false when she could be told nothing.
func (a *automatic) prepare() (finding, bool) {
	by := a.order.DialBy
	if a.adopted { // It is dialled already, as a rule.
		by = time.Now().Add(adoptLimit)
	}
	ctx, cancel := context.WithDeadline(a.c.ctx, by)
	defer cancel()
	if !a.s.book.Has(string(a.order.Kind)) {
		a.c.o.Logger.Error("there is no flow for this kind of call", zap.String("kind", string(a.order.Kind)))
		return finding{call.ResultFailed, call.ReasonNone, call.FaultOurs}, false
	}
	vars, err := a.vars(ctx)
	if errors.Is(err, ErrNothing) {
		return finding{call.ResultCancelled, call.ReasonNothingToSay, call.FaultNone}, false
	} else if err != nil {
		a.c.logCommand("look up what to say", a.l.key, err)
		return finding{call.ResultFailed, call.ReasonNone, call.FaultOurs}, false
	}
	a.s.begin(string(a.order.Kind), roster.Language(a.order.Language), vars)
	a.first = a.s.walker.Begin()
	for _, u := range a.first.Say {
		if _, err := a.s.media(ctx, u); err != nil {
			a.c.metrics.mute.Inc()
			a.c.logCommand("speak prompt "+u.Key, a.l.key, err)
			return finding{call.ResultFailed, call.ReasonNone, call.FaultOurs}, false
		}
	}
	a.ready = true
	return finding{}, true
}

// vars are what the flow knows from the beginning: what the scheme is called, where that is known, and for a reminder of what. A
// confirmation needs a change that waits.
func (a *automatic) vars(ctx context.Context) (ivr.Vars, error) {
	vars := ivr.Vars{}
	if a.order.Kind == call.KindOutreach { // She may have refused since she was put on the list.
		if err := a.c.o.Outreach.MayReachOut(ctx, a.order.Scheme, a.order.Number); err != nil {
			return nil, err
		}
		a.openDesk(ctx, vars)
	}
	if name, err := a.c.o.Records.Spoken(ctx, a.order.Scheme); err != nil {
		a.c.logCommand("look up what the scheme is called", a.l.key, err)
	} else {
		vars["scheme"] = name
	}
	switch a.order.Kind {
	case call.KindReminder:
	case call.KindConfirmation:
		return vars, a.asking.find(ctx)
	default:
		return vars, nil
	}
	next, err := a.c.o.Records.Upcoming(ctx, a.order.Scheme, a.order.Attempt, a.c.o.Now())
	if err != nil {
		return nil, err
	}
	a.change.zone = next.Opens.Location()
	maps.Copy(vars, next.vars(a.c.o.Now().In(a.change.zone)))
	return vars, nil
}

// follow waits until she has answered, lets the flow speak to her, and reports what came of it.
func (a *automatic) follow() {
	f := a.await()
	if a.c.ctx.Err() != nil {
		return
	}
	if a.inApp && !a.s.gone {
		f = a.talk()
	}
	if a.c.ctx.Err() == nil {
		a.end(f)
	}
}

// await waits until she is ours to speak to, or the attempt has ended otherwise, and says how.
func (a *automatic) await() finding {
	limit := a.order.BeneficiaryRing + ringSlackLong
	if a.adopted {
		limit += time.Until(a.order.DialBy) // It may be posted yet.
	}
	end := time.Now().Add(max(limit, ringSlackLong))
	for {
		switch {
		case a.s.gone, a.lost, a.refused != "" && a.s.channel == "":
			return a.missed()
		case a.inApp, a.c.ctx.Err() != nil:
			return finding{}
		}
		e, woke := a.s.wait(end)
		if woke {
			a.on(e)
			continue
		}
		if a.s.gone || a.lost || a.inApp || a.c.ctx.Err() != nil || time.Now().Before(end) {
			continue
		}
		listed, known := a.look()
		switch {
		case !known:
			end = time.Now().Add(askAgain)
		case !listed:
			return a.missed()
		default:
			end = time.Now().Add(ringSlackLong)
		}
	}
}

// on takes an event of her leg, or the refusal to ring her.
func (a *automatic) on(e telephony.Event) {
	if e.Type == telephony.EventRefused {
		a.refused = telephony.RefusedNumber
		if len(e.Args) > 0 {
			a.refused = e.Args[0]
		}
		return
	}
	if e.Leg != a.order.Attempt.BeneficiaryLeg() && e.Channel != a.s.channel {
		return
	}
	a.latest = time.Now()
	if e.Type == telephony.EventGone && a.s.channel == "" { // The only one of its events that came.
		a.s.channel, a.s.gone, a.s.cause = e.Channel, true, e.Cause
		return
	}
	a.s.channel = e.Channel
	switch e.Type {
	case telephony.EventRinging:
		a.step(call.StateRinging)
	case telephony.EventUp:
		a.answered()
		a.speech.answered = e.Time
	case telephony.EventDialEnded:
		a.dial = e.Dial
	case telephony.EventSilent: // It was quick; that it goes on is told later.
		a.speech.fellSilent(e)
	case telephony.EventEntered:
		a.answered()
		a.inApp = true
	}
}

func (a *automatic) answered() {
	if !a.up {
		a.up, a.upAt = true, time.Now()
	}
	a.step(call.StateRinging)
	a.step(call.StateBridged)
}

// step reports progress that has not been reported yet.
func (a *automatic) step(state call.State) {
	if !a.state.CanBecome(state) {
		return
	}
	a.state = state
	a.c.o.Desk.Step(call.Step{
		Scheme: a.order.Scheme, Attempt: a.order.Attempt, Offer: a.order.Offer, State: state, At: a.c.o.Now(),
		Channel: a.s.channel,
	})
}

// reconciled makes up for what a cut event stream did not tell.
func (a *automatic) reconciled(r telephony.Reconciliation) {
	if r.Fresh && !r.At.Before(a.latest) {
		a.lost = true
	}
	a.see(r)
}

// look asks the PBX for her leg. It reports whether it is there, and whether the PBX has answered at all.
func (a *automatic) look() (listed, known bool) {
	begun := time.Now()
	channels, err := a.c.o.Switch.Channels(a.c.ctx)
	if err != nil {
		a.c.logCommand("list channels", a.l.key, err)
		return false, false
	}
	return a.see(telephony.Reconciliation{Channels: channels, At: begun}), true
}

// see takes what a listing says of her leg, and reports whether it is there. A leg posted after the listing need not be.
func (a *automatic) see(r telephony.Reconciliation) bool {
	at := slices.IndexFunc(r.Channels, func(ch telephony.Channel) bool { return ch.Leg == a.order.Attempt.BeneficiaryLeg() })
	if at < 0 {
		if a.s.channel != "" && !r.At.Before(a.latest) {
			a.s.gone = true
		}
		return r.At.Before(a.latest)
	}
	ch := r.Channels[at]
	a.s.channel, a.latest = ch.ID, time.Now()
	switch ch.State { //nolint:exhaustive // A channel that is down yet tells nothing.
	case telephony.ChannelRinging:
		a.step(call.StateRinging)
	case telephony.ChannelUp:
		a.answered()
		a.inApp = a.inApp || ch.InApp
	}
	return true
}

// missed says what came of a call in which the flow has not spoken to her.
func (a *automatic) missed() finding {
	switch {
	case a.answers > 0:
		return finding{call.ResultAnswered, call.ReasonNone, call.FaultNone}
	case a.lost:
		return finding{call.ResultFailed, call.ReasonPBXLost, call.FaultOurs}
	case a.up: // The PBX has told her that we call again.
		return finding{call.ResultAnswered, call.ReasonAnsweredUnheld, call.FaultOurs}
	case a.refused == telephony.RefusedDialBy:
		return finding{call.ResultCancelled, call.ReasonDialBy, call.FaultOurs}
	case a.refused != "":
		return finding{call.ResultFailed, call.ReasonNone, call.FaultOurs}
	case a.s.channel == "" && a.adopted:
		return finding{call.ResultUnknown, call.ReasonRestart, call.FaultOurs}
	case a.s.channel == "":
		return finding{call.ResultUnknown, call.ReasonPBXLost, call.FaultOurs}
	}
	return classify(verdict{
		cause: a.s.cause, dial: a.dial, rang: a.state == call.StateRinging, elapsed: time.Since(a.began),
		ring: a.order.BeneficiaryRing,
	})
}

// talk lets the flow speak to her until it ends or she has hung up. Then her line is ended and seen to its end, so that it is
// free when that is reported.
func (a *automatic) talk() finding {
	if !a.ready { // It was not known what to say when the call was adopted.
		if f, ok := a.prepare(); !ok {
			a.s.hangUp()
			a.s.awaitGone()
			return f
		}
	}
	a.s.guard = guard{on: true, at: time.Now().Add(guardSoon)}
	a.s.walk(a.first)
	if a.desk != nil {
		a.desk.leaveForm()
	}
	a.s.hangUp()
	a.s.awaitGone()
	switch {
	case a.answers > 0:
		return finding{call.ResultAnswered, call.ReasonNone, call.FaultNone}
	case a.lost:
		return finding{call.ResultFailed, call.ReasonPBXLost, call.FaultOurs}
	case a.s.plays == 0: // She heard nothing of us.
		return finding{call.ResultFailed, call.ReasonNone, call.FaultOurs}
	case a.machine && a.s.walker.Text("keyed") == "":
		return finding{call.ResultMachine, call.ReasonNone, call.FaultTheirs}
	default:
		return finding{call.ResultNoAnswer, call.ReasonNoKey, call.FaultTheirs}
	}
}

// end reports the outcome.
func (a *automatic) end(f finding) {
	o := call.Outcome{
		Scheme: a.order.Scheme, Attempt: a.order.Attempt, Offer: a.order.Offer, Result: f.result, Reason: f.reason, Fault: f.fault,
		Cause: int(a.s.cause), Rang: a.state == call.StateRinging || a.up, EndEstimated: a.adopted && a.s.channel == "",
	}
	if a.up && f.result == call.ResultAnswered && f.reason == call.ReasonNone {
		o.Talk = time.Since(a.upAt)
	}
	a.c.report(a.l, o)
}

// ask does what only a call without a caller may: whoever wants a person is called back by one, but who wants to be registered is
// led to a registrar.
func (a *automatic) ask(ctx context.Context, s *session, o ivr.Output) (string, ivr.Vars, bool) {
	if a.desk != nil && o.Ask != ivr.AskLookup {
		return a.desk.ask(ctx, s, o)
	}
	switch o.Ask {
	case ivr.AskQueue:
		return ivr.AnswerNobody, nil, true
	case ivr.AskLookup:
		name, vars := a.lookUp(ctx, s, o.What)
		return name, vars, true
	default:
		return ivr.AnswerFailed, nil, true
	}
}

func (a *automatic) lookUp(ctx context.Context, s *session, what string) (string, ivr.Vars) {
	switch what {
	case ivr.LookupInterested:
		return a.interested(), nil
	case ivr.LookupNeverAgain:
		return a.neverAgain(ctx), nil
	}
	if a.desk != nil && slices.Contains(deskLookups(), what) {
		return a.desk.lookUp(ctx, s, what)
	}
	if name, vars, ok := a.asking.lookUp(ctx, what); ok {
		return name, vars
	}
	return a.change.lookUp(ctx, s, what)
}

// makeChange makes a change at once: we have rung the number that is known.
func (a *automatic) makeChange(ctx context.Context, c Change) (string, ivr.Vars, error) {
	return "done", nil, a.c.o.Agenda.Change(ctx, a.order.Scheme, c)
}

// walked records what she has answered, as soon as the flow has set it.
func (a *automatic) walked(s *session) {
	if a.desk != nil {
		a.desk.fill(s)
	}
	question, answer, survey := s.walker.Text("question"), s.walker.Text("answer"), s.walker.Text("survey")
	said := question + " " + answer
	if answer == "" || said == a.last {
		return
	}
	a.answers, a.last = a.answers+1, said
	a.c.o.Desk.Answered(call.Answer{
		Scheme: a.order.Scheme, Attempt: a.order.Attempt, N: a.answers, Question: question, Answer: answer, Survey: survey,
		At: a.c.o.Now(),
	})
}
