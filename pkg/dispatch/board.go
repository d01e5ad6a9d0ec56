package dispatch

import (
	"math"
	"sync/atomic"
	"time"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/schedule"
)

// Board is what the dispatcher of one scheme decides from: what is promised, who is there, which phones and lines are in
// use. It does no I/O, starts no goroutine and never asks for the time. It is not safe for concurrent use.
//
// Occurrences and callers live in dense slots and name each other by slot. What may start now is indexed so that a
// decision does not grow with what is held: one heap per lane and class for what the pool may take, a short list per caller for
// what is kept for her, a heap of free callers per lane, and one heap of the instants at which something changes by
// itself.
type Board struct {
	limits Limits
	rules  schedule.Rules
	paused bool
	doubt  bool // It is paused because nobody knows what time it is.

	open       bool  // Scheme hours run, as of Plan's last look.
	openChange int64 // When that changes; 0 means not looked at yet.

	items     []item
	freeItems []int32
	byID      map[int64]int32

	clerks   []clerk
	profiles []profile // By clerk.
	ids      []int64   // By clerk: the caller's key.
	turns    []uint32  // By clerk: how often she has become free or not. She is free while it is odd.
	clerkOf  map[int64]int32

	lanes     []lane
	laneAt    map[requirement]int32
	words     map[string]uint16 // Languages and skills.
	startable startable         // Lanes from which something can start.
	own       ownHeap           // Free callers who have something kept for them.
	alarm     alarms

	groups     []group // People and numbers of which only one call may be under way.
	freeGroups []int32
	people     map[int64]int32
	numbers    map[string]int32

	sites     []site   // The PBXs; the leader's own first.
	several   bool     // Which of them have whose phones is known.
	places    []uint8  // See candidates.
	endpoints []string // By caller: of her softphone; empty for an ordinary phone.
	at        []uint64 // By caller: the PBXs at which she can be rung, by their place.

	trunks   []*trunk            // Which carry the scheme's calls, in the order in which they are tried.
	private  *trunk              // The only one of a board that was given none: that of Limits.
	carriers []*trunk            // Every trunk that has carried one of its calls.
	onlyAt   map[*trunk][]string // The nodes at whose PBXs a trunk is, if not at each.
	barred   []bar               // Trunks for callers only; few, and none where every number may be shown.

	auto      int  // Lines used by calls that need no caller.
	autoWaits bool // For a trunk that may carry the foremost of them, while Plan starts the others.
	counts    [phaseCount]int
	scratch   []int32
	batch     together
	entries   []freeEntry
	decisions uint32 // Counts them: what is started together is one decision.
	gathered  int64  // When those who gather are paired; 0 while nobody gathers.
}

// Limits are the bounds within which a board starts calls.
type Limits struct {
	Lines          int // Trunk lines in all.
	InboundReserve int // Never used outbound.
	// Interval is the least time between two starts on average, by the clock that Plan is given; 0 means no pacing. As
	// many as Burst may follow each other at once.
	Interval time.Duration
	Burst    int
	Hold     time.Duration // How long an occurrence waits for its reference caller.
	// Lead is how long before its window's end an occurrence is started at the latest, by the clock that Plan is
	// given: somebody's phone has to ring first.
	Lead time.Duration
	// Gather is how long several occurrences and several callers wait for company before they are paired, all at once, by the
	// clock that Plan is given; 0 means that they are paired one by one at once.
	Gather time.Duration
	Load   Load // What one caller is given on a day, unless she has bounds of her own.
	// Automatic is how many lines the calls that need no caller use at most; 0 means that callers make them, like the others.
	Automatic int
}

// automatic reports whether calls of a kind are run without a caller.
func (b *Board) automatic(k call.Kind) bool { return b.limits.Automatic > 0 && k.Automatic() }

// phase says where an item is filed.
type phase uint8

const (
	phaseNone   phase = iota
	phaseFuture       // Waits for its window or its next try.
	phaseHeld         // Waits for its reference caller.
	phaseOwn          // Its reference caller or her deputy may take it, nobody else.
	phasePooled       // Anybody in its lane may take it.
	phaseParked       // The person or the number is in another call.
	phaseTaken        // An attempt is under way.
	phaseLapsed       // Too near its window's end to be started.
	phaseQueued       // Due, in the registrars' queue: StartQueued starts it.
	phaseCount
)

// item is an occurrence as far as the decision needs it. Times are Unix nanoseconds, slots are -1 for none.
type item struct {
	id      int64
	opens   int64
	closes  int64
	due     int64 // Opens, or the next try.
	slackAt int64 // Closes less the planned length: the smaller, the less slack, whatever the time.
	hold    int64 // Until when it is kept for the reference caller.

	reference, deputy, last int32 // Slots of callers.
	person, number          int32 // Groups.
	nextPerson, nextNumber  int32 // Next item of the same group.
	pos                     int32 // In the lane's heap.
	gen                     uint32
	passedIn                uint32 // The last decision in which it was deferred, while it is kept for somebody.
	deferred                int32  // While pooled: less what the lane had counted when it came in.
	held                    int32  // The caller whose line it is, while taken.
	on                      uint16 // While taken: its trunk's place in carriers, from 1; 0 means the board's first.
	cost                    uint8
	site                    uint8 // The PBX of the call, while taken.

	lane       int32
	class      uint8
	phase      phase
	continuity uint8
	hard       uint8 // Courtesy, or expected to be hard.
	given      bool  // The hold was given up: somebody else could have been asked already.
	queued     bool  // It waits in the registrars' queue.
	machine    uint8 // Its kind when it needs no caller; see machineOf.
}

const (
	preferred uint8 = iota
	strict
	rotate
)

// NewBoard returns an empty board.
func NewBoard(limits Limits, rules schedule.Rules) *Board {
	b := &Board{
		byID: map[int64]int32{}, clerkOf: map[int64]int32{}, people: map[int64]int32{}, numbers: map[string]int32{},
		laneAt: map[requirement]int32{}, words: map[string]uint16{}, lanes: []lane{{pos: -1}}, sites: []site{{usable: true, admitted: noBound}},
	}
	b.own.b = b
	b.private = newTrunk("", new(atomic.Int64))
	b.use([]*trunk{b.private}, nil)
	b.Configure(limits, rules)
	return b
}

// Configure changes the limits and the scheme's hours.
func (b *Board) Configure(limits Limits, rules schedule.Rules) {
	b.private.allow(limits.Lines, limits.InboundReserve, limits.Interval, limits.Burst)
	b.limits, b.rules, b.openChange = limits, rules, 0
	b.fixLane(autoLane)
}

// Admit bounds how many calls the next Plan starts at the leader's own PBX; see AdmitAt.
func (b *Board) Admit(room int) { b.AdmitAt("", room) }

// Pause stops or resumes all starts. Doubt stops them too: nobody knows what time it is.
func (b *Board) Pause(paused, doubt bool) { b.paused, b.doubt = paused || doubt, doubt && !paused }

// NumberFor is the number to ring next for an occurrence: each counted attempt moves on to the person's next number.
func NumberFor(o *Occurrence) string {
	if len(o.Numbers) == 0 {
		return ""
	}
	return o.Numbers[o.Attempts%len(o.Numbers)]
}

// Put files an open occurrence, or files it anew after a change; it keeps the deferrals counted so far. An occurrence that
// is under way is left alone.
func (b *Board) Put(o *Occurrence, now time.Time) {
	deferred := int32(o.Deferred)
	if i, ok := b.slotFor(o); ok {
		if b.items[i].phase == phaseTaken {
			return
		}
		deferred = max(deferred, b.deferredOf(&b.items[i]))
		b.remove(i)
	}
	i := b.insert(o)
	b.items[i].deferred = deferred
	b.file(i, now.UnixNano())
}

// slotFor returns the slot of an occurrence that is held.
func (b *Board) slotFor(o *Occurrence) (i int32, ok bool) {
	if i = o.slot; int(i) < len(b.items) && b.items[i].id == o.ID {
		return i, true
	}
	i, ok = b.byID[o.ID]
	return i, ok
}

func (b *Board) insert(o *Occurrence) int32 {
	var i int32
	if n := len(b.freeItems); n > 0 {
		i = b.freeItems[n-1]
		b.freeItems = b.freeItems[:n-1]
	} else {
		i = int32(len(b.items))
		b.items = append(b.items, item{})
	}
	it := &b.items[i]
	*it = item{gen: it.gen + 1, person: b.personGroup(o.Beneficiary), number: b.numberGroup(NumberFor(o))}
	it.nextPerson, b.groups[it.person].head = b.groups[it.person].head, i
	it.nextNumber, b.groups[it.number].head = b.groups[it.number].head, i
	b.byID[o.ID], o.slot = i, i
	b.counts[phaseNone]++
	b.describe(i, o)
	b.alarm.push(alarm{at: it.closes, item: i, gen: it.gen})
	return i
}

// describe takes an occurrence over into its item, all but its person and number.
func (b *Board) describe(i int32, o *Occurrence) {
	due := o.Opens
	if o.NotBefore.After(due) {
		due = o.NotBefore
	}
	it := &b.items[i]
	it.id, it.opens, it.closes, it.due = o.ID, o.Opens.UnixNano(), o.Closes.UnixNano(), due.UnixNano()
	it.slackAt = slackAt(o).UnixNano()
	it.reference = b.slotAgain(it.reference, o.Reference)
	it.deputy, it.last = b.slotAgain(it.deputy, o.Deputy), b.slotAgain(it.last, o.LastCaller)
	it.held, it.pos, it.passedIn, it.given = -1, -1, 0, false
	it.lane, it.class = b.laneOf(o), uint8(min(max(o.Class, 0), classCount-1))
	it.hold = holdEnds(o, b.limits.Hold).UnixNano()
	it.continuity = preferred
	switch {
	case o.Continuity == roster.Rotate:
		it.continuity = rotate
	case o.Continuity == roster.Strict && (o.Reference != 0 || o.Deputy != 0):
		it.continuity = strict
	}
	it.queued, it.hard, it.machine = o.Queued, courtesy, b.machineOf(o.Kind)
	if o.Hard && it.lane != autoLane {
		it.hard = hard
	}
}

// remove forgets an item.
func (b *Board) remove(i int32) {
	b.unfile(i)
	it := &b.items[i]
	b.unlinkPerson(i)
	b.unlinkNumber(i)
	b.dropGroups(it.person, it.number)
	b.counts[phaseNone]--
	delete(b.byID, it.id)
	it.id = 0
	it.gen++
	b.freeItems = append(b.freeItems, i)
}

// Remove forgets an occurrence: it has ended, or is no longer ours. An attempt under way has to end first.
func (b *Board) Remove(occurrence int64) {
	if i, ok := b.byID[occurrence]; ok && b.items[i].phase != phaseTaken {
		b.remove(i)
	}
}

// file puts an item where it belongs at now.
func (b *Board) file(i int32, now int64) {
	it := &b.items[i]
	switch {
	case now >= it.closes-int64(b.limits.Lead):
		b.enter(i, phaseLapsed)
	case now < it.due:
		b.enter(i, phaseFuture)
		b.alarm.push(alarm{at: it.due, item: i, gen: it.gen})
	case b.groups[it.person].busy > 0 || b.groups[it.number].busy > 0:
		b.enter(i, phaseParked)
	case it.queued:
		b.enter(i, phaseQueued)
	case it.lane == autoLane:
		b.enter(i, phasePooled)
		b.pushReady(i)
	case it.continuity != rotate && !it.given && now < it.hold && b.onDuty(it.reference, it):
		b.enter(i, phaseHeld)
		b.addOwn(it.reference, i)
		b.alarm.push(alarm{at: it.hold, item: i, gen: it.gen})
	case it.continuity == strict:
		b.enter(i, phaseOwn)
		it.given = true
		b.addOwn(it.reference, i)
		if it.deputy != it.reference {
			b.addOwn(it.deputy, i)
		}
	default:
		b.enter(i, phasePooled)
		it.given = true
		b.pushReady(i)
	}
}

// unfile takes an item out of wherever it is filed.
func (b *Board) unfile(i int32) {
	it := &b.items[i]
	switch it.phase {
	case phaseHeld:
		b.dropOwn(it.reference, i)
	case phaseOwn:
		b.dropOwn(it.reference, i)
		if it.deputy != it.reference {
			b.dropOwn(it.deputy, i)
		}
	case phasePooled:
		b.dropReady(i)
	default: // It is in no list.
	}
	b.enter(i, phaseNone)
}

func (b *Board) enter(i int32, p phase) {
	b.counts[b.items[i].phase]--
	b.items[i].phase = p
	b.counts[p]++
}

// onDuty reports whether a caller is worth waiting for.
func (b *Board) onDuty(k int32, it *item) bool {
	return k >= 0 && b.clerks[k].duty && b.clerks[k].suits(it)
}

// deferredOf is how often an item was deferred by now.
func (b *Board) deferredOf(it *item) int32 {
	if it.phase == phasePooled {
		return it.deferred + b.lanes[it.lane].passed[it.hard][it.class]
	}
	return it.deferred
}

// rank is what orders an item among others. Heaps hold ranks, so that an item is looked at only when its turn has come, or
// when nothing else tells two apart.
type rank struct {
	slackAt  int64
	deferred int32
	item     int32
	class    uint8
}

func (b *Board) rankOf(i int32) rank {
	it := &b.items[i]
	return rank{slackAt: it.slackAt, deferred: b.deferredOf(it), item: i, class: it.class}
}

// before is the order in which items start: times deferred, class, slack, age.
func (b *Board) before(x, y rank) bool {
	if x.deferred != y.deferred {
		return x.deferred > y.deferred
	}
	if x.class != y.class {
		return x.class > y.class
	}
	if x.slackAt != y.slackAt {
		return x.slackAt < y.slackAt
	}
	return b.items[x.item].older(&b.items[y.item])
}

func (it *item) older(other *item) bool {
	if it.opens != other.opens {
		return it.opens < other.opens
	}
	return it.id < other.id
}

// timeOf is the reverse of UnixNano; math.MaxInt64 is no time.
func timeOf(ns int64) time.Time {
	if ns == math.MaxInt64 {
		return time.Time{}
	}
	return time.Unix(0, ns)
}
