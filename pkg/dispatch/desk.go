package dispatch

import (
	"time"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// Upcoming is what a caller would be given next.
type Upcoming struct {
	Occurrence  int64
	Beneficiary int64
	Kind        call.Kind
	Class       int
	At          time.Time // When it may be dialled; the past means now.
	Reference   bool      // The caller is the person's reference caller.
}

// Registrar is a registrar reserved for an inbound call.
type Registrar struct {
	ID       int64
	Endpoint string // Softphone; empty for an ordinary phone.
	Number   string // Ordinary phone, E.164.
	Trunk    string // For the ordinary phone.
	Language roster.Language
}

// next says what a caller would be given: the foremost of what she may take now, else what comes due first of it.
func (e *Engine) next(caller int64, now time.Time) (Upcoming, error) {
	w := e.staff[caller]
	if w == nil || !w.Enabled {
		return Upcoming{}, ErrUnknownCaller
	}
	id := e.board.Preview(caller, now)
	p := e.occurrences[id]
	if p == nil {
		return Upcoming{}, ErrNothing
	}
	return Upcoming{
		Occurrence: id, Beneficiary: p.Beneficiary, Kind: p.Kind, Class: p.Class, At: later(p.Opens, p.NotBefore),
		Reference: p.Reference == caller,
	}, nil
}

// Preview returns the occurrence that a caller would be given if she were free and alone: now, or else first. It looks at
// every occurrence held, so it is for a person who asks, not for deciding. It returns 0 for none.
func (b *Board) Preview(caller int64, _ time.Time) int64 {
	k, ok := b.clerkOf[caller]
	if !ok {
		return 0
	}
	c := &b.clerks[k]
	best, first := int32(-1), int32(-1)
	for _, i := range b.byID {
		it := &b.items[i]
		mine := it.reference == k || it.deputy == k
		if !c.suits(it) || it.continuity == strict && !mine {
			continue
		}
		switch it.phase {
		case phasePooled, phaseOwn:
			if best < 0 || b.before(b.rankOf(i), b.rankOf(best)) {
				best = i
			}
		case phaseHeld:
			if it.reference == k && (best < 0 || b.before(b.rankOf(i), b.rankOf(best))) {
				best = i
			}
		case phaseFuture:
			if first < 0 || b.comesBefore(i, first, k) {
				first = i
			}
		default: // In a call, or too late.
		}
	}
	switch {
	case best >= 0:
		return b.items[best].id
	case first >= 0:
		return b.items[first].id
	default:
		return 0
	}
}

// comesBefore orders what is not due yet for a caller: due sooner, then her own people, then the usual order.
func (b *Board) comesBefore(i, j, k int32) bool {
	x, y := &b.items[i], &b.items[j]
	if x.due != y.due {
		return x.due < y.due
	}
	if mine := x.reference == k; mine != (y.reference == k) {
		return mine
	}
	return b.before(b.rankOf(i), b.rankOf(j))
}

// closeCall records what a caller says of a call. A difficult one counts against her hard calls of the day.
func (e *Engine) closeCall(c CloseCall, now time.Time) {
	if c.At.IsZero() {
		c.At = now
	}
	e.record(c)
	w := e.staff[c.Caller]
	if w == nil {
		return
	}
	switch known := w.closed == c.Attempt; {
	case c.Disposition == call.DispositionDifficult && !known:
		e.feltHard(w, c.Attempt, true)
	case c.Disposition == call.DispositionCourtesy && known:
		e.feltHard(w, c.Attempt, false)
	default:
		return
	}
	e.board.SetCaller(&w.Caller, now)
}

// Figures is how a scheme stands at an instant.
type Figures struct {
	At         time.Time
	Healthy    bool
	Paused     bool
	Until      time.Time // What opens before is held, the rest only recorded; zero means all within the horizon.
	Future     int       // Open occurrences that are not due yet, of those held.
	Held       int       // Due, kept for the reference caller.
	Waiting    int       // Due, for a caller: any of the pool, or the pair of a strict agreement.
	Parked     int       // Due, but the person or the number is in another call.
	Lapsed     int       // Due, but too near the window's end to start.
	Claimed    int       // Under way, nobody talks yet.
	Live       int       // Two people talk.
	LinesOut   int       // Lines used by attempts.
	LinesIn    int       // Lines used by the registration line.
	LinesFree  int       // Lines that may still be used outbound.
	Unrecorded int       // Operations not committed yet.
	Callers    map[call.CallerState]int
}

// figures counts. Callers are few; the rest is kept up to date.
func (e *Engine) figures(now time.Time) Figures {
	b := e.board
	f := Figures{
		At: now, Healthy: !e.down, Paused: e.settings.Paused, Future: b.counts[phaseFuture], Held: b.counts[phaseHeld],
		Waiting: b.counts[phaseOwn] + b.counts[phasePooled], Parked: b.counts[phaseParked], Lapsed: b.counts[phaseLapsed],
		Until: e.until, LinesFree: b.allLines(), Unrecorded: e.recorder.waiting(),
		Callers: map[call.CallerState]int{},
	}
	for _, t := range b.trunks {
		outbound, inbound := t.holds(b)
		f.LinesOut, f.LinesIn = f.LinesOut+outbound, f.LinesIn+inbound
	}
	for _, a := range e.attempts {
		if a.live.State == call.StateBridged {
			f.Live++
		} else {
			f.Claimed++
		}
	}
	for _, w := range e.staff {
		if w.Enabled {
			f.Callers[w.State]++
		}
	}
	return f
}

// Cause says why an occurrence does not start.
type Cause string

// The causes.
const (
	CauseNone    Cause = ""          // It could start: the next Plan starts it.
	CauseFuture  Cause = "future"    // Its window or its next try has not come.
	CauseHeld    Cause = "held"      // Kept for its reference caller.
	CauseInCall  Cause = "in_call"   // The person or the number is in another call.
	CauseTaken   Cause = "taken"     // An attempt is under way.
	CauseLapsed  Cause = "lapsed"    // Too near its window's end.
	CauseClosed  Cause = "closed"    // Outside the scheme's hours.
	CausePaused  Cause = "paused"    // The scheme is paused.
	CauseClock   Cause = "clock"     // Nobody knows what time it is.
	CauseLines   Cause = "lines"     // No line may be used.
	CausePace    Cause = "pace"      // Calls per second, as agreed or as the PBX bears.
	CauseNobody  Cause = "no_caller" // No free caller may take it.
	CauseUnknown Cause = "unknown"   // It is not held here.
)

// Why says why an occurrence does not start at now, as of the last Plan.
func (b *Board) Why(occurrence int64, now time.Time) Cause {
	i, ok := b.byID[occurrence]
	if !ok {
		return CauseUnknown
	}
	it := &b.items[i]
	switch it.phase {
	case phaseFuture:
		return CauseFuture
	case phaseParked:
		return CauseInCall
	case phaseTaken:
		return CauseTaken
	case phaseLapsed:
		return CauseLapsed
	default: // It is ready.
	}
	free := b.callerFree(it)
	switch {
	case now.UnixNano() >= it.closes-int64(b.limits.Lead):
		return CauseLapsed
	case b.doubt:
		return CauseClock
	case b.paused:
		return CausePaused
	case !b.hoursRun(now):
		return CauseClosed
	case !free && it.phase == phaseHeld:
		return CauseHeld
	case !free && it.lane == autoLane:
		return CauseLines
	case !free:
		return CauseNobody
	case b.lines() <= 0:
		return CauseLines
	case !b.admits(), now.UnixNano() < b.paceDue():
		return CausePace
	default:
		return CauseNone
	}
}

// callerFree reports whether somebody free may take an item and has the lines she needs.
func (b *Board) callerFree(it *item) bool {
	fits := func(k int32) bool {
		return b.mayTake(k, it) && (b.lines() <= 0 || int(b.clerks[k].cost) <= b.lines())
	}
	switch {
	case it.lane == autoLane:
		return b.auto < b.limits.Automatic
	case it.phase == phaseHeld:
		return fits(it.reference)
	}
	if it.phase == phaseOwn {
		return fits(it.reference) || fits(it.deputy)
	}
	return b.freest(it.lane, it.hard, fits) >= 0
}
