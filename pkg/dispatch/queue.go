package dispatch

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/schedule"
)

const (
	// defaultOverflow is how long a party waits for a registrar who speaks her language while one is on shift.
	defaultOverflow = 2 * time.Minute
	// handledKept is how many of the last conversations the expected wait is reckoned from, and handledLeast how many there
	// must be before one is named at all.
	handledKept, handledLeast = 20, 5
)

// Party is an inbound party who waits for a registrar.
type Party struct {
	Key      string // Of the inbound call.
	ID       string // UUID seen outside, in events.
	Language roster.Language
}

// Turn is what a waiting party is told: that a registrar is reserved for her, or that nobody is on shift any more.
type Turn struct {
	Registrar Registrar
	Nobody    bool
}

// Place is where a party stands in the queue.
type Place struct {
	Position int // From 1.
	// Wait is how long it is expected to last: for everybody up to this place as long as the last conversations kept a
	// registrar, her notes included, shared among the registrars on shift who answer in the party's language. 0 means that too
	// little is known to say so.
	Wait time.Duration
}

// Talk is a party who talks to a registrar, as recorded.
type Talk struct {
	Party
	Registrar        int64
	Queued, Answered time.Time
}

// waiter is a party in the queue. The owner's.
type waiter struct {
	Party
	since     time.Time
	tell      func(Turn) // Quick: it queues and returns.
	tried     []int64
	registrar int64 // Reserved for her; 0 for none.
	told      bool  // That nobody is on shift.
	talks     time.Time
}

// queued is one entry of the queue, in its order: a party who waits, or a callback that is owed.
type queued struct {
	party    *waiter
	callback *promise
	since    time.Time
	language roster.Language
}

// joinQueue puts a party at the end of the queue. Whoever comes while nobody is on shift is told so at once and does not wait.
func (e *Engine) joinQueue(p Party, tell func(Turn), now time.Time) error {
	if !e.onShift() {
		return ErrNobodyFree
	}
	w := &waiter{Party: p, since: now, tell: tell}
	e.queue[p.Key] = w
	e.record(InboundStep{Party: p.ID, Key: p.Key, Kind: InboundQueued, Language: p.Language, At: now})
	e.meter.queued(queueOffered)
	e.serveQueue(now)
	return nil
}

// leaveQueue ends the wait of a party, who has gone or chosen something else. A registrar who is reserved for her is free again.
func (e *Engine) leaveQueue(key string, why InboundReason, now time.Time) {
	w := e.queue[key]
	if w == nil {
		return
	}
	delete(e.queue, key)
	if w.registrar != 0 {
		_ = e.releaseRegistrar(w.registrar, key, call.OfferRecalled, now) // She may have left the scheme.
	}
	e.record(InboundStep{Party: w.ID, Kind: InboundLeft, Reason: why, At: now})
	if why == InboundAbandoned {
		e.meter.queued(queueAbandoned)
	}
}

// onShift reports whether a registrar is ready or comes back by herself in a moment.
func (e *Engine) onShift() bool {
	for _, w := range e.staff {
		if w.serves(roster.RoleRegistrar) {
			return true
		}
	}
	return false
}

// serves reports whether a worker of a role is on shift: ready, or back by herself after a call or its notes.
func (w *worker) serves(role roster.Role) bool {
	if !w.Enabled || !slices.Contains(w.Roles, role) {
		return false
	}
	switch w.State {
	case call.CallerReady, call.CallerReadyOnce, call.CallerReserved, call.CallerInCall, call.CallerWrapUp:
		return true
	default:
		return false
	}
}

// line lists the queue in its order: the oldest first. Callbacks keep the place of the party who asked for them. Who is
// offered to a registrar already stands in it no more.
func (e *Engine) line(now time.Time) []queued {
	var list []queued
	for _, w := range e.queue {
		if w.registrar == 0 && w.talks.IsZero() {
			list = append(list, queued{party: w, since: w.since, language: w.Language})
		}
	}
	for id := range e.callbacks {
		p := e.occurrences[id]
		if p == nil {
			delete(e.callbacks, id)
		} else if p.State == call.OccurrenceOpen && !later(p.Opens, p.NotBefore).After(now) {
			list = append(list, queued{callback: p, since: p.Opens, language: p.Language})
		}
	}
	slices.SortFunc(list, func(x, y queued) int {
		if c := x.since.Compare(y.since); c != 0 {
			return c
		}
		return cmp.Compare(x.name(), y.name())
	})
	return list
}

// name makes the order of those who came in the same instant the same every time.
func (q queued) name() string {
	if q.party != nil {
		return q.party.Key
	}
	return strconv.FormatInt(q.callback.ID, 10)
}

// serveQueue gives registrars who are free to whoever waits, the oldest first, and returns when to look again.
func (e *Engine) serveQueue(now time.Time) (again time.Time) {
	if len(e.queue) == 0 && len(e.callbacks) == 0 {
		return time.Time{}
	}
	shift := e.onShift()
	for _, q := range e.line(now) {
		if q.party != nil && !shift {
			if !q.party.told {
				q.party.told = true
				q.party.tell(Turn{Nobody: true})
			}
			continue
		}
		w := e.registrarFor(q, now)
		if due := q.since.Add(e.overflow()); w == nil && due.After(now) {
			again = sooner(again, due) // Others may take it then.
		}
		switch {
		case w == nil:
		case q.party != nil:
			r, early, ok := e.reserveFor(q.party, w, now)
			if ok {
				q.party.tell(Turn{Registrar: r})
			}
			again = sooner(again, early)
		case e.down || e.draining || now.Before(e.holdOff) || e.admissions.at("").room(e, e.opts.RealNow()) == 0:
			again = sooner(again, now.Add(e.opts.service(pbxPause)))
		default:
			start, early := e.board.StartQueued(q.callback.ID, w.ID, now)
			if start.Caller != 0 {
				e.claim(start, now)
			}
			again = sooner(again, early)
		}
	}
	return again
}

func (e *Engine) overflow() time.Duration {
	if e.settings.Overflow > 0 {
		return e.settings.Overflow
	}
	return defaultOverflow
}

// registrarFor chooses who answers: a registrar who speaks the language before one who does not, then the longest idle. While
// a registrar who speaks it is on shift the others wait for the overflow; after it the scheme's other pool helps too. One
// who was rung for the party in vain is rung again only when nobody else is on shift.
func (e *Engine) registrarFor(q queued, now time.Time) *worker {
	var best *worker
	spoken, untried := false, false
	over := now.Sub(q.since) >= e.overflow()
	for _, w := range e.staff {
		if w.serves(roster.RoleRegistrar) {
			spoken = spoken || slices.Contains(w.Languages, q.language)
			untried = untried || !q.tried(w.ID)
		}
	}
	for _, w := range e.staff {
		able := w.serves(roster.RoleRegistrar) || over && e.settings.OverflowTo != "" && w.serves(e.settings.OverflowTo)
		switch {
		case !able || w.OnLine || !w.State.Available(),
			spoken && !over && !slices.Contains(w.Languages, q.language),
			untried && q.tried(w.ID):
			continue
		}
		if best == nil || registrarBefore(w, best, q.language) {
			best = w
		}
	}
	return best
}

func (q queued) tried(registrar int64) bool {
	return q.party != nil && slices.Contains(q.party.tried, registrar)
}

func registrarBefore(x, y *worker, language roster.Language) bool {
	if rx, ry := slices.Contains(x.Roles, roster.RoleRegistrar), slices.Contains(y.Roles, roster.RoleRegistrar); rx != ry {
		return rx
	}
	if sx, sy := slices.Contains(x.Languages, language), slices.Contains(y.Languages, language); sx != sy {
		return sx
	}
	if !x.Since.Equal(y.Since) {
		return x.Since.Before(y.Since)
	}
	return x.ID < y.ID
}

// reserveFor reserves a registrar for a party, with a line of the trunk when her phone is an ordinary one. It reports false when
// there is none, and when to look again if the pace is why.
func (e *Engine) reserveFor(p *waiter, w *worker, now time.Time) (r Registrar, again time.Time, ok bool) {
	if w.Endpoint == "" {
		on, early := e.board.reserve(1, 0, now.UnixNano(), "")
		if on == nil {
			return r, timeOf(early), false
		}
		w.line, r.Trunk = on, on.name
	}
	p.tried, p.registrar = append(p.tried, w.ID), w.ID
	w.once = w.State == call.CallerReadyOnce
	w.readySince, w.inbound = w.Since, p.Key
	e.setState(w, call.CallerReserved, "", now)
	r.ID, r.Endpoint, r.Language = w.ID, w.Endpoint, p.Language
	if r.Endpoint == "" {
		r.Number = w.Number
	}
	if len(w.Languages) > 0 && !slices.Contains(w.Languages, p.Language) {
		r.Language = w.Languages[0]
	}
	return r, time.Time{}, true
}

// confirmRegistrar says whether a registrar who has just answered may still take the call she was reserved for: she may have
// left the scheme while her phone rang.
func (e *Engine) confirmRegistrar(registrar int64, key string) error {
	if w := e.staff[registrar]; w == nil || !w.Enabled || w.inbound != key {
		return ErrUnknownCaller
	}
	return nil
}

// joined learns that a party talks to the registrar who was reserved for her.
func (e *Engine) joined(key string, now time.Time) {
	p := e.queue[key]
	if p == nil || !p.talks.IsZero() {
		return
	}
	p.talks = now
	e.record(InboundStep{Party: p.ID, Kind: InboundAnswered, Registrar: p.registrar, At: now})
	e.meter.answered(now.Sub(p.since))
	if w := e.staff[p.registrar]; w != nil && w.inbound == key && w.State == call.CallerReserved {
		w.heard()
		e.setState(w, call.CallerInCall, "", now)
	}
}

// releaseRegistrar ends a registrar's reservation. A party who has not talked keeps her place in the queue.
func (e *Engine) releaseRegistrar(registrar int64, key string, state call.OfferState, now time.Time) error {
	w := e.staff[registrar]
	if p := e.queue[key]; p != nil && p.registrar == registrar {
		p.registrar = 0
		if !p.talks.IsZero() {
			delete(e.queue, key)
			e.record(InboundStep{Party: p.ID, Kind: InboundEnded, Registrar: registrar, At: now})
			if w != nil && w.inbound == key {
				w.keptFrom = p.talks
			}
		}
	}
	if w != nil && w.inbound == key && w.line != nil {
		w.line.adopt(e.board, -1)
		w.line = nil
	}
	if w == nil || w.inbound != key || key == "" {
		return ErrUnknownCaller
	}
	if state != call.OfferAccepted {
		e.afterOffer(w, state, now)
		return nil
	}
	w.inbound = ""
	w.heard()
	e.wrapUp(w, call.Outcome{Result: call.ResultAnswered}, now)
	return nil
}

// goesOn reports whether a talk on record may go on: one of a call out does with its attempt, and nobody talks in two calls.
func (s *Snapshot) goesOn(t Talk) bool {
	_, _, _, noAttempt := call.ParseLeg(call.ID(t.Key).BeneficiaryLeg())
	ofCall := noAttempt != nil
	for i := range s.Live {
		if o := &s.Live[i].Order; o.Caller == t.Registrar {
			return false
		} else if string(o.Attempt) == t.Key {
			ofCall = true
		}
	}
	return ofCall
}

// adoptTalk takes a talk over that was under way when an earlier process ended: the registrar's phone is in use until the switchboard
// says that it is over.
func (e *Engine) adoptTalk(t Talk, goesOn bool, now time.Time) {
	w := e.staff[t.Registrar]
	if !goesOn || w == nil || w.inbound != "" {
		e.record(InboundStep{Party: t.ID, Kind: InboundEnded, Registrar: t.Registrar, At: now})
		return
	}
	e.queue[t.Key] = &waiter{Party: t.Party, since: t.Queued, tell: func(Turn) {}, registrar: t.Registrar, talks: t.Answered}
	w.inbound = t.Key
	if w.State != call.CallerInCall { // It was answered, and that she talks not recorded any more.
		e.setState(w, call.CallerInCall, "", now)
	}
	e.talks = append(e.talks, call.Talk{Scheme: e.scheme, Key: t.Key, Registrar: t.Registrar})
}

// handledIn remembers how long a conversation kept a registrar, notes included.
func (e *Engine) handledIn(d time.Duration) {
	e.handled = append(e.handled, d)
	if len(e.handled) > handledKept {
		e.handled = e.handled[1:]
	}
	e.meter.handleTime.Observe(d.Seconds())
}

// place says where a party stands: how many are before her of those who wait for somebody whom she waits for too.
func (e *Engine) place(key string, now time.Time) (Place, error) {
	p := e.queue[key]
	if p == nil {
		return Place{}, ErrNothing
	}
	mine := e.servers(p.Language)
	place := Place{Position: 1}
	for _, q := range e.line(now) {
		if q.party == p {
			break
		}
		if slices.ContainsFunc(e.servers(q.language), func(id int64) bool { return slices.Contains(mine, id) }) {
			place.Position++
		}
	}
	if len(mine) > 0 && len(e.handled) >= handledLeast {
		var sum time.Duration
		for _, d := range e.handled {
			sum += d
		}
		place.Wait = time.Duration(place.Position) * sum / time.Duration(len(e.handled)*len(mine))
	}
	return place, nil
}

// servers are the registrars on shift who answer in a language, or all of them when none does.
func (e *Engine) servers(language roster.Language) []int64 {
	var speak, all []int64
	for id, w := range e.staff {
		if !w.serves(roster.RoleRegistrar) {
			continue
		}
		all = append(all, id)
		if slices.Contains(w.Languages, language) {
			speak = append(speak, id)
		}
	}
	if len(speak) > 0 {
		return speak
	}
	return all
}

// waitingParties counts the parties who do not talk yet.
func (e *Engine) waitingParties() (n int) {
	for _, p := range e.queue {
		if p.talks.IsZero() {
			n++
		}
	}
	return n
}

// QueueWindow is when a callback of the line may be made: from the moment its party came into the queue, which is her place,
// until the scheme closes on the next day, so that the end of a shift breaks no promise.
func QueueWindow(asked, now time.Time, r schedule.Rules) schedule.Slot {
	closes := now
	for range 14 { // Hours may have gaps, and holidays follow weekends.
		open, change := r.Open(closes)
		if !change.After(closes) {
			break
		}
		if closes = change; open && closes.Sub(now) > 20*time.Hour {
			break
		}
	}
	if closes.Sub(now) < time.Hour {
		closes = now.AddDate(0, 0, 1)
	}
	return schedule.Slot{Date: r.DateIn(asked), Opens: asked, Closes: closes}
}
