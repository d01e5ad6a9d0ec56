package postgres

import (
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
)

// ledger holds the rows a batch touches, decides each operation on them in order, and notes what has changed. It does no
// I/O. It is used by one goroutine for one batch.
type ledger struct {
	scheme int64
	epoch  int64 // Under which the writer leads, or led.
	fenced bool  // Somebody else leads: decisions are refused, facts are kept.
	at     time.Time
	today  time.Time // Local date of at in the scheme's zone.

	*memory
	keys    *keys // What the batch touches.
	journal journal

	bookings    []*booking
	lastCallers map[int64]int64  // By beneficiary.
	later       []*attemptRow    // Closed with "a day later" in this batch, or ended after that.
	worries     []*occurrenceRow // Ended so that the welfare ladder begins.
	firsts      []*occurrenceRow // First calls that were settled.
	asked       []*occurrenceRow // Ended that asked for somebody's word.
	refused     []int64          // People whose outreach call ended: they may have refused in it.
	parties     map[string]*partyRow
	surveys     map[surveyAnswer]int64
	callbacks   []*dispatch.Occurrence

	numbersBefore  map[string]call.ID // Of the keys.
	reservedBefore map[int64]offerKey
}

type offerKey struct {
	attempt call.ID
	offer   int
}

type attemptRow struct {
	id          call.ID
	occurrence  int64
	beneficiary int64
	number      string
	state       call.State
	offer       int
	caller      int64
	dialBy      time.Time
	rungBefore  bool
	accepted    time.Time
	ringing     time.Time
	bridged     time.Time
	ended       time.Time
	channel     string
	result      call.Result
	reason      call.Reason
	fault       call.Fault
	cause       int
	talk        time.Duration
	rang        bool
	estimated   bool
	disposition call.Disposition
	followUp    bool
	dayLater    bool
	closed      time.Time
	answer      string
	answers     int
	events      int

	claim   *dispatch.Claim // Set when this batch makes the row.
	changed bool
}

type offerRow struct {
	caller int64
	state  call.OfferState
	ended  time.Time

	order   *call.Order // Set when this batch makes the row.
	made    time.Time
	changed bool
}

type occurrenceRow struct {
	id          int64
	uid         uuid.UUID
	agreement   int64
	beneficiary int64
	kind        call.Kind
	sequence    int
	localDate   time.Time
	state       call.OccurrenceState
	notBefore   time.Time
	deferred    int
	attempts    int
	rang        bool
	ended       time.Time
	events      int

	changed bool
}

type callerRow struct {
	id          int64
	uid         uuid.UUID
	state       call.CallerState
	reason      string
	since       time.Time
	missedInRow int
	day         time.Time
	calls       int
	hard        int
	lastEnded   time.Time
	talk        time.Duration
	hardInRow   int
	rowBefore   int       // Hard calls in a row before the last call.
	lastCall    call.ID   // In which she talked; empty when there was none on that day.
	hardEnded   time.Time // When her last hard call ended; zero when the last call was none after all.
	events      int

	changed bool
}

// booking is an occurrence to be booked; its id is written into next.
type booking struct {
	next     *dispatch.Occurrence
	sequence int
	find     bool      // Only look for the id of one that was booked before.
	instead  time.Time // The date from which it was put off; zero as a rule.
}

// apply decides one operation. The operation's error leaves the ledger as it was.
func (l *ledger) apply(op dispatch.Op) error {
	switch op := op.(type) {
	case dispatch.Claim:
		return l.claim(op)
	case dispatch.Offer:
		return l.offer(op)
	case dispatch.OfferEnd:
		return l.offerEnd(op)
	case dispatch.Progress:
		return l.progress(op.Step)
	case dispatch.Answer:
		return l.answered(op)
	case dispatch.Finish:
		return l.finish(op)
	case dispatch.Settle:
		return l.settle(op.Settlement)
	case dispatch.CallerChange:
		return l.callerChange(op)
	case dispatch.CloseCall:
		return l.closeCall(op)
	case dispatch.InboundStep:
		return l.inboundStep(op)
	default:
		return errUnknownOp
	}
}

// isFact reports whether an operation records what has happened on the telephone. Facts are fenced by their own attempt,
// whatever the epoch; everything else is a decision of whoever leads.
func isFact(op dispatch.Op) bool {
	switch op.(type) {
	case dispatch.OfferEnd, dispatch.Progress, dispatch.Answer, dispatch.Finish, dispatch.CloseCall:
		return true
	default:
		return false
	}
}

func (l *ledger) claim(c dispatch.Claim) error {
	id, order := c.Order.Attempt, c.Order
	if l.fenced {
		return dispatch.ErrFenced
	}
	if l.attempts[id] != nil {
		if l.sameClaim(l.attempts[id], c) {
			return nil
		}
		return dispatch.ErrStale
	}
	occ := l.occurrences[c.Occurrence]
	if occ == nil || occ.state != call.OccurrenceOpen || order.Caller != 0 && l.callers[order.Caller] == nil {
		return dispatch.ErrStale
	}
	if l.numbers[order.Number] != "" || l.persons[occ.beneficiary] != "" {
		return dispatch.ErrNumberBusy
	}
	if _, held := l.reserved[order.Caller]; held {
		return dispatch.ErrCallerReserved
	}
	a := &attemptRow{
		id: id, occurrence: occ.id, beneficiary: occ.beneficiary, number: order.Number, state: call.StateIntent,
		offer: order.Offer, caller: order.Caller, dialBy: order.DialBy, rungBefore: order.RungBefore, claim: &c, changed: true,
	}
	l.attempts[id] = a
	l.numbers[order.Number] = id
	l.persons[occ.beneficiary] = id
	if order.Caller != 0 {
		key := offerKey{id, order.Offer}
		l.offers[key] = &offerRow{caller: order.Caller, state: call.OfferRinging, order: &a.claim.Order, made: c.At}
		l.reserved[order.Caller] = key
	}
	occ.state, occ.changed = call.OccurrenceClaimed, true
	l.noteAttempt(a, "claimed", c.At, claimedData{
		Occurrence: occ.uid.String(), Caller: l.callerUID(order.Caller), Offer: order.Offer, CallKind: string(order.Kind),
	})
	return nil
}

// sameClaim reports whether a claim was applied before and its attempt still runs.
func (l *ledger) sameClaim(a *attemptRow, c dispatch.Claim) bool {
	if a.occurrence != c.Occurrence || a.state == call.StateEnded {
		return false
	}
	if c.Order.Caller == 0 {
		return a.caller == 0
	}
	o := l.offers[offerKey{a.id, c.Order.Offer}]
	return o != nil && o.caller == c.Order.Caller
}

func (l *ledger) offer(o dispatch.Offer) error {
	id, order := o.Order.Attempt, o.Order
	if l.fenced {
		return dispatch.ErrFenced
	}
	a, key := l.attempts[id], offerKey{id, order.Offer}
	if a == nil || a.caller == 0 {
		return dispatch.ErrStale
	}
	if made := l.offers[key]; made != nil {
		if made.caller == order.Caller {
			return nil
		}
		return dispatch.ErrStale
	}
	if a.state != call.StateIntent && a.state != call.StateOffered || order.Offer <= a.offer || l.callers[order.Caller] == nil {
		return dispatch.ErrStale
	}
	if _, held := l.reserved[order.Caller]; held {
		return dispatch.ErrCallerReserved
	}
	l.reserved[order.Caller] = key
	l.offers[key] = &offerRow{caller: order.Caller, state: call.OfferRinging, order: &order, made: o.At}
	a.offer, a.caller, a.dialBy, a.changed = order.Offer, order.Caller, order.DialBy, true
	a.rungBefore = a.rungBefore || order.RungBefore
	l.noteAttempt(a, "offer", o.At, offerData{Caller: l.callerUID(order.Caller), Offer: order.Offer})
	return nil
}

func (l *ledger) offerEnd(e dispatch.OfferEnd) error {
	key := offerKey{e.Attempt, e.Offer}
	a, o := l.attempts[e.Attempt], l.offers[key]
	switch {
	case a == nil:
		return errUnknownAttempt
	case o == nil:
		return dispatch.ErrStale
	}
	if !o.ended.IsZero() || o.state == e.State || a.state == call.StateEnded || e.State == call.OfferRinging {
		return nil
	}
	l.endOffer(o, e.State, e.At)
	if e.State != call.OfferAccepted && l.reserved[o.caller] == key {
		delete(l.reserved, o.caller)
	}
	l.noteAttempt(a, "offer_ended", e.At, offerEndedData{
		Caller: l.callerUID(o.caller), Offer: e.Offer, State: string(e.State),
	})
	return nil
}

// endOffer writes what became of an offer and counts what its caller missed in a row.
func (l *ledger) endOffer(o *offerRow, state call.OfferState, at time.Time) {
	o.state, o.changed = state, true
	if state != call.OfferAccepted {
		o.ended = at
	}
	c := l.callers[o.caller]
	if c == nil {
		return
	}
	switch state {
	case call.OfferTimedOut:
		c.missedInRow, c.changed = c.missedInRow+1, true
	case call.OfferAccepted:
		c.missedInRow, c.changed = 0, true
	case call.OfferRinging, call.OfferDeclined, call.OfferFailed, call.OfferRecalled:
		// Not taking an offer is what counts, not being unable to.
	}
}

func (l *ledger) progress(s call.Step) error {
	a := l.attempts[s.Attempt]
	if a == nil {
		return errUnknownAttempt
	}
	if s.State == a.state || !a.state.CanBecome(s.State) || s.State == call.StateEnded || s.Offer < a.offer {
		return nil
	}
	a.state, a.changed = s.State, true
	if s.State != call.StateOffered {
		if o := l.offers[offerKey{s.Attempt, s.Offer}]; o != nil && o.state == call.OfferRinging {
			l.endOffer(o, call.OfferAccepted, s.At)
		}
	}
	switch s.State {
	case call.StateAccepted:
		a.accepted = s.At
	case call.StateRinging:
		a.ringing, a.rang = s.At, true
	case call.StateBridged:
		a.bridged, a.rang = s.At, true
	case call.StateIntent, call.StateOffered, call.StateEnded:
	}
	if occ := l.occurrences[a.occurrence]; occ != nil && !occ.state.Ended() && a.rang {
		occ.rang, occ.changed = true, true
		if s.State == call.StateBridged {
			occ.state = call.OccurrenceLive
		}
	}
	if s.Channel != "" {
		a.channel = s.Channel
	}
	l.noteAttempt(a, string(s.State), s.At, progressData{Offer: s.Offer})
	return nil
}

func (l *ledger) finish(f dispatch.Finish) error {
	o := f.Outcome
	a := l.attempts[o.Attempt]
	if a == nil {
		l.lookUp(f.Settlement.Next)
		return errUnknownAttempt
	}
	// What an overtaken leader knows of an earlier offer says nothing about the attempt: a later one may be ringing.
	if a.state == call.StateEnded || !o.AttemptEnded() || o.Offer != 0 && o.Offer < a.offer {
		l.lookUp(f.Settlement.Next)
		return dispatch.ErrStale
	}
	a.state, a.ended, a.changed = call.StateEnded, o.At, true
	a.result, a.reason, a.fault, a.cause = o.Result, o.Reason, o.Fault, o.Cause
	if a.fault == "" {
		a.fault = call.FaultNone
	}
	a.talk, a.estimated = o.Talk, o.EndEstimated
	a.rang = a.rang || o.Rang
	l.closeOffers(a, o)
	delete(l.numbers, a.number)
	if l.persons[a.beneficiary] == a.id {
		delete(l.persons, a.beneficiary)
	}
	for n := 1; n <= a.offer; n++ {
		if row := l.offers[offerKey{a.id, n}]; row != nil && l.reserved[row.caller].attempt == a.id {
			delete(l.reserved, row.caller)
		}
	}
	if o.Result == call.ResultAnswered && a.caller != 0 {
		l.lastCallers[a.beneficiary] = a.caller
		if c := l.callers[a.caller]; c != nil {
			c.talked(a, f, l.today)
		}
	}
	if c := l.callers[a.caller]; c != nil {
		c.lastEnded, c.changed = o.At, true
	}
	l.noteAttempt(a, "ended", o.At, endedData{
		Result: string(a.result), Reason: string(a.reason), Fault: string(a.fault), Cause: a.cause,
		TalkMS: a.talk.Milliseconds(), Rang: a.rang, Estimated: a.estimated, Caller: l.callerUID(a.caller),
	})
	occ := l.occurrences[f.Settlement.Occurrence]
	if occ != nil && occ.id == a.occurrence && !occ.state.Ended() {
		l.settleRow(occ, f.Settlement)
	} else {
		l.lookUp(f.Settlement.Next)
	}
	if a.dayLater && !slices.Contains(l.later, a) {
		l.later = append(l.later, a)
	}
	if occ != nil && occ.kind == call.KindOutreach {
		l.refused = append(l.refused, a.beneficiary)
	}
	return nil
}

// lookUp asks for the key of an occurrence that an earlier writer may have booked.
func (l *ledger) lookUp(next *dispatch.Occurrence) {
	if next != nil {
		l.bookings = append(l.bookings, &booking{next: next, find: true})
	}
}

// closeOffers ends the offers of an attempt that ended.
func (l *ledger) closeOffers(a *attemptRow, o call.Outcome) {
	for n := a.offer; n >= 1; n-- {
		row := l.offers[offerKey{a.id, n}]
		if row == nil || !row.ended.IsZero() {
			continue
		}
		state := row.state
		if n == o.Offer && o.OfferState != "" && o.OfferState != call.OfferRinging {
			state = o.OfferState
		} else if state == call.OfferRinging {
			state = call.OfferRecalled
		}
		if state != row.state {
			l.endOffer(row, state, o.At)
		}
		row.ended, row.changed = o.At, true
	}
}

func (l *ledger) settle(s dispatch.Settlement) error {
	if l.fenced {
		return dispatch.ErrFenced
	}
	occ := l.occurrences[s.Occurrence]
	if occ == nil || occ.state != call.OccurrenceOpen || s.State == call.OccurrenceClaimed || s.State == call.OccurrenceLive {
		l.lookUp(s.Next)
		return dispatch.ErrStale
	}
	l.settleRow(occ, s)
	return nil
}

func (l *ledger) settleRow(occ *occurrenceRow, s dispatch.Settlement) {
	occ.state, occ.changed = s.State, true
	occ.attempts, occ.deferred, occ.rang = s.Attempts, s.Deferred, occ.rang || s.Rang
	if s.State.Ended() {
		occ.ended = s.At
	} else if !s.NotBefore.IsZero() {
		occ.notBefore = s.NotBefore
	}
	l.noteOccurrence(occ, string(s.State), s.At, settledData{Attempts: s.Attempts, Deferred: s.Deferred, Rang: occ.rang})
	if occ.kind.Welfare(s.State) && occ.agreement >= 0 { // Who is called back by the line is perhaps nobody we know.
		l.worries = append(l.worries, occ)
	}
	if occ.kind == call.KindFirst {
		l.firsts = append(l.firsts, occ)
	}
	if occ.kind == call.KindConfirmation && s.State.Ended() {
		l.asked = append(l.asked, occ)
	}
	if s.Next == nil {
		return
	}
	b := &booking{next: s.Next}
	if s.State == call.OccurrenceMoved && s.Next.Agreement == occ.agreement && s.Next.Kind == occ.kind &&
		s.Next.LocalDate.Equal(occ.localDate) {
		b.sequence = occ.sequence + 1
	}
	l.bookings = append(l.bookings, b)
}

func (l *ledger) callerChange(c dispatch.CallerChange) error {
	if l.fenced {
		return dispatch.ErrFenced
	}
	row := l.callers[c.Caller]
	if row == nil {
		return dispatch.ErrStale
	}
	// Changes come in the order of their instants. What is recorded tells whether this one was before.
	at, last := c.At.UnixMicro(), row.since.UnixMicro()
	if at < last || at == last && c.State == row.state && c.Reason == row.reason {
		return nil
	}
	row.state, row.reason, row.since, row.changed = c.State, c.Reason, c.At, true
	l.noteCaller(row, "state", c.At, callerData{State: string(c.State), Reason: c.Reason})
	return nil
}

func (l *ledger) callerUID(id int64) string {
	if c := l.callers[id]; c != nil {
		return c.uid.String()
	}
	return ""
}

// newLedger returns a ledger on what is remembered of the scheme.
func newLedger(scheme, epoch int64, m *memory) *ledger {
	return &ledger{memory: m, scheme: scheme, epoch: epoch, lastCallers: map[int64]int64{}, parties: map[string]*partyRow{}}
}
