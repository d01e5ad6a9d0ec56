package dispatchtest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/schedule"
)

// Apply implements dispatch.Store.
func (m *Memory) Apply(_ context.Context, scheme, epoch int64, _ time.Time, ops []dispatch.Op) ([]error, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var after error
	if m.fault != nil {
		var before error
		if before, after = m.fault(ops); before != nil {
			return nil, before
		}
	}
	if s := m.schemes[scheme]; s == nil || s.epoch != epoch {
		return nil, dispatch.ErrFenced
	}
	errs := make([]error, len(ops))
	for i, op := range ops {
		errs[i] = m.apply(scheme, op)
	}
	if after != nil {
		return nil, after
	}
	return errs, nil
}

func (m *Memory) apply(scheme int64, op dispatch.Op) error {
	switch op := op.(type) {
	case dispatch.Claim:
		return m.claim(scheme, op)
	case dispatch.Offer:
		return m.offer(op)
	case dispatch.OfferEnd:
		if a := m.attempts[op.Attempt]; a != nil && op.Offer >= 1 && op.Offer <= len(a.Offers) {
			a.Offers[op.Offer-1] = op.State
			if a.State != call.StateEnded && op.Offer == a.Order.Offer {
				m.release(a)
			}
		}
	case dispatch.Progress:
		m.progress(op.Step)
	case dispatch.Answer:
		return m.answer(scheme, op)
	case dispatch.Finish:
		return m.finish(scheme, op)
	case dispatch.Settle:
		o := m.occurrences[op.Settlement.Occurrence]
		if o == nil || o.State != call.OccurrenceOpen {
			return dispatch.ErrStale
		}
		m.settle(scheme, op.Settlement)
	case dispatch.CallerChange:
		c := m.callers[op.Caller]
		if c == nil {
			return dispatch.ErrStale
		}
		c.State, c.Since = op.State, op.At
	case dispatch.CloseCall:
		a := m.attempts[op.Attempt]
		if a == nil {
			return dispatch.ErrStale
		}
		before := a.Closing
		if op.Disposition == call.DispositionNone && before != nil {
			op.Disposition = before.Disposition
		}
		if c := m.callers[op.Caller]; c != nil {
			c.felt(op, before)
		}
		op.DayLater = op.DayLater || before != nil && before.DayLater
		a.Closing = &op
		if op.DayLater && (before == nil || !before.DayLater) {
			return m.dayLater(scheme, a)
		}
	case dispatch.InboundStep:
		m.inbound = append(m.inbound, op)
	default:
		return fmt.Errorf("apply %T: unknown operation", op)
	}
	return nil
}

func (m *Memory) claim(scheme int64, op dispatch.Claim) error {
	if a := m.attempts[op.Order.Attempt]; a != nil {
		if a.Occurrence == op.Occurrence && a.State != call.StateEnded {
			return nil
		}
		return dispatch.ErrStale
	}
	o := m.occurrences[op.Occurrence]
	switch {
	case o == nil || o.scheme != scheme || o.State != call.OccurrenceOpen:
		return dispatch.ErrStale
	case m.numbers[op.Order.Number] != "", m.people[o.Beneficiary] != "":
		return dispatch.ErrNumberBusy
	case op.Order.Caller != 0 && m.reserved[op.Order.Caller] != "":
		return dispatch.ErrCallerReserved
	}
	o.State = call.OccurrenceClaimed
	m.numbers[op.Order.Number] = op.Order.Attempt
	m.people[o.Beneficiary] = op.Order.Attempt
	var offers []call.OfferState
	if op.Order.Caller != 0 {
		m.reserved[op.Order.Caller] = op.Order.Attempt
		offers = []call.OfferState{call.OfferRinging}
	}
	m.attempts[op.Order.Attempt] = &Attempt{
		LiveAttempt: dispatch.LiveAttempt{
			Live:       call.Live{Order: op.Order, State: call.StateIntent, ClaimedAt: op.At, Node: cmp.Or(op.Order.Node, m.schemes[scheme].holder)},
			Occurrence: op.Occurrence,
		},
		Offers: offers,
	}
	return nil
}

func (m *Memory) offer(op dispatch.Offer) error {
	a := m.attempts[op.Order.Attempt]
	switch {
	case a == nil || a.State == call.StateEnded || a.Order.Caller == 0:
		return dispatch.ErrStale
	case a.Order.Offer == op.Order.Offer && a.Order.Caller == op.Order.Caller:
		return nil
	case op.Order.Offer != a.Order.Offer+1:
		return dispatch.ErrStale
	case m.reserved[op.Order.Caller] != "":
		return dispatch.ErrCallerReserved
	}
	m.release(a)
	m.reserved[op.Order.Caller] = op.Order.Attempt
	a.Order = op.Order
	a.Offers = append(a.Offers, call.OfferRinging)
	return nil
}

// release gives the reservation of an attempt's caller back.
func (m *Memory) release(a *Attempt) {
	if m.reserved[a.Order.Caller] == a.Order.Attempt {
		delete(m.reserved, a.Order.Caller)
	}
}

func (m *Memory) progress(step call.Step) {
	a := m.attempts[step.Attempt]
	if a == nil || step.Offer != a.Order.Offer || !a.State.CanBecome(step.State) {
		return
	}
	a.State = step.State
	o := m.occurrences[a.Occurrence]
	switch step.State {
	case call.StateAccepted:
		a.Offers[step.Offer-1] = call.OfferAccepted
	case call.StateRinging:
		a.Channel = step.Channel
		o.Rang = true
	case call.StateBridged:
		a.BridgedAt = step.At
		o.State = call.OccurrenceLive
	default:
	}
}

func (m *Memory) finish(scheme int64, op dispatch.Finish) error {
	a := m.attempts[op.Outcome.Attempt]
	if a == nil || a.State == call.StateEnded || op.Outcome.Offer != 0 && op.Outcome.Offer < a.Order.Offer {
		return dispatch.ErrStale
	}
	m.release(a)
	delete(m.numbers, a.Order.Number)
	delete(m.people, m.occurrences[a.Occurrence].Beneficiary)
	a.State, a.Outcome = call.StateEnded, op.Outcome
	a.Finishes++
	a.vain = op.Vain(&m.occurrences[a.Occurrence].Occurrence)
	if op.Outcome.OfferState != "" && op.Outcome.Offer > 0 && op.Outcome.Offer == len(a.Offers) {
		a.Offers[op.Outcome.Offer-1] = op.Outcome.OfferState
	}
	if c := m.callers[a.Order.Caller]; c != nil && op.Outcome.Result == call.ResultAnswered {
		c.talked(a, op)
		m.occurrences[a.Occurrence].LastCaller = a.Order.Caller
	}
	if c := m.callers[a.Order.Caller]; c != nil {
		c.LastEnded = op.Outcome.At
	}
	m.settle(scheme, op.Settlement)
	if a.Closing != nil && a.Closing.DayLater {
		return m.dayLater(scheme, a)
	}
	return nil
}

// talked takes an answered call into a caller's day.
func (c *staff) talked(a *Attempt, op dispatch.Finish) {
	c.CallsToday++
	c.TalkToday += op.Talk
	c.LastCall, c.RowBefore = a.Order.Attempt, c.HardInRow
	switch {
	case a.Closing != nil && a.Closing.Disposition == call.DispositionDifficult:
		c.HardInRow, c.HardEnded = c.RowBefore+1, op.Outcome.At
	case !op.Hard:
		c.HardInRow = 0
	}
}

// felt takes it into a caller's day what she says of a call; before is what she said of it before.
func (c *staff) felt(op dispatch.CloseCall, before *dispatch.CloseCall) {
	was := before != nil && before.Disposition == call.DispositionDifficult
	is := op.Disposition == call.DispositionDifficult
	last := c.LastCall == op.Attempt
	switch {
	case is && !was:
		c.HardToday++
		if last {
			c.HardInRow, c.HardEnded = c.RowBefore+1, c.LastEnded
		}
	case was && !is:
		c.HardToday--
		if last {
			c.HardInRow, c.HardEnded = 0, time.Time{}
		}
	}
}

func (m *Memory) answer(scheme int64, op dispatch.Answer) error {
	a := m.attempts[op.Given.Attempt]
	if a == nil || a.State == call.StateEnded && op.Given.N > a.Answers {
		return dispatch.ErrStale
	}
	if op.Given.N > a.Answers {
		a.Answers = op.Given.N
		if op.Given.Survey == "" {
			a.Answer = op.Given.Answer
		} else {
			m.surveys[SurveyAnswer{op.Given.Survey, op.Given.Question, op.Given.Answer}]++
		}
	}
	if op.Callback == nil {
		return nil
	}
	for id, o := range m.occurrences {
		if o.scheme == scheme && o.Beneficiary == op.Callback.Beneficiary && o.Kind == op.Callback.Kind && !o.State.Ended() {
			op.Callback.ID, op.Callback.Agreement = id, o.Agreement
			return nil
		}
	}
	op.Callback.ID = m.add(scheme, *op.Callback)
	return nil
}

// dayLater moves the call that follows a closed one.
func (m *Memory) dayLater(scheme int64, a *Attempt) error {
	calendar, err := m.schemes[scheme].Calendar()
	if err != nil {
		return fmt.Errorf("close call of scheme %d: %w", scheme, err)
	}
	closed := m.occurrences[a.Occurrence]
	var bookings []dispatch.Booking
	for _, o := range m.occurrences {
		if o.scheme == scheme && o.Beneficiary == closed.Beneficiary && o.LocalDate.After(closed.LocalDate) {
			bookings = append(bookings, dispatch.Booking{
				ID: o.ID, Agreement: o.Agreement, Kind: o.Kind, LocalDate: o.LocalDate, State: o.State,
			})
		}
	}
	rules := dispatch.RulesOf(&m.schemes[scheme].Scheme, calendar)
	s, ok := dispatch.DayLater(&closed.Occurrence, bookings, rules, a.Closing.At)
	if !ok {
		return nil
	}
	m.occurrences[s.Occurrence].State = s.State
	s.Next.ID = m.add(scheme, *s.Next)
	return nil
}

func (m *Memory) settle(scheme int64, s dispatch.Settlement) {
	o := m.occurrences[s.Occurrence]
	o.State, o.Attempts, o.Deferred = s.State, s.Attempts, s.Deferred
	o.Rang = o.Rang || s.Rang
	if s.State == call.OccurrenceOpen {
		o.NotBefore = s.NotBefore
	}
	away := slices.ContainsFunc(o.Pauses, func(p schedule.Pause) bool {
		return !o.LocalDate.Before(p.First) && (p.Last.IsZero() || !o.LocalDate.After(p.Last))
	})
	if o.Kind.Welfare(s.State) && !away {
		o.welfare++
	}
	if s.Next == nil {
		return
	}
	// What moves to a later window of its day is one more of that day.
	if id := m.known(scheme, s.Next); id != 0 && (s.State != call.OccurrenceMoved || m.occurrences[id].State != s.State) {
		s.Next.ID = id
		if m.occurrences[id].State == call.OccurrenceMoved {
			s.Next.ID = 0
		}
		return
	}
	s.Next.ID = m.add(scheme, *s.Next)
}
