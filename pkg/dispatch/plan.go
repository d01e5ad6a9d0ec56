package dispatch

import (
	"math"
	"slices"
	"time"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// Start says that an occurrence starts now, with a caller.
type Start struct {
	Occurrence int64
	Caller     int64
	Deferred   int // How often it was deferred before.
}

// Decision is what Plan says. The slices are reused from one Plan to the next.
type Decision struct {
	Starts []Start
	// Ended holds the occurrences whose window has closed without an attempt under way.
	Ended []int64
	// Again is when to look again if nothing happens before; zero means that nothing changes by itself.
	Again time.Time
}

// Plan decides what starts at now, marks it as taken, and says when to look again.
//
// What starts first: the most often deferred, then the higher class, the smaller slack, the older. With whom: the
// reference caller; while the hold lasts nobody else; then the deputy, then (unless the agreement is strict) whoever of the
// pool has had the fewest hard calls today and has been idle longest. The bounds are those of Limits, the scheme's
// hours, one call per person and per number.
//
// Each start counts as one deferral for every occurrence of a lower class that this caller could have taken. As the times
// deferred order first, no occurrence is deferred twice running while one of a higher class that was never deferred is
// started in its place.
func (b *Board) Plan(now time.Time, d *Decision) {
	d.Starts, d.Ended = d.Starts[:0], d.Ended[:0]
	ns := now.UnixNano()
	b.advance(ns, d)
	open := b.hoursRun(now)
	again := b.openChange
	if open && !b.paused {
		again = min(again, b.startAll(ns, d))
	}
	d.Again = timeOf(min(again, b.alarm.next()))
}

// hoursRun reports whether the scheme's hours run, and remembers until when.
func (b *Board) hoursRun(now time.Time) bool {
	if ns := now.UnixNano(); b.openChange == 0 || ns >= b.openChange {
		open, change := b.rules.Open(now)
		b.open, b.openChange = open, change.UnixNano()
	}
	return b.open
}

// advance files what has come due by now.
func (b *Board) advance(now int64, d *Decision) {
	for b.alarm.next() <= now {
		a := b.alarm.pop()
		it := &b.items[a.item]
		if it.gen != a.gen {
			continue
		}
		switch {
		case now >= it.closes:
			if it.phase != phaseTaken {
				b.unfile(a.item)
				b.enter(a.item, phaseLapsed)
				it.gen++ // Its other alarms have nothing more to say.
				d.Ended = append(d.Ended, it.id)
			}
		case it.phase == phaseFuture && now >= it.due, it.phase == phaseHeld && now >= it.hold:
			b.unfile(a.item)
			b.file(a.item, now)
		}
	}
}

// startAll takes pairs until none is left, and returns when to look again (math.MaxInt64 for never).
func (b *Board) startAll(now int64, d *Decision) int64 {
	again := int64(math.MaxInt64)
	skipped := b.scratch[:0]
	for {
		lines := b.lines()
		if lines <= 0 {
			break
		}
		i, k := b.pick(now)
		if i < 0 {
			break
		}
		if early := b.pace - int64(b.limits.Burst-1)*int64(b.limits.Interval); now < early {
			again = early
			break
		}
		if int(b.clerks[k].cost) > lines {
			// Her own phone needs a line too and there is none: the others go on.
			b.setFree(k, false)
			skipped = append(skipped, k)
			continue
		}
		d.Starts = append(d.Starts, Start{
			Occurrence: b.items[i].id, Caller: b.clerks[k].id, Deferred: int(b.deferredOf(&b.items[i])),
		})
		b.take(i, k)
		b.pace = max(b.pace, now) + int64(b.limits.Interval)
	}
	for _, k := range skipped {
		b.setFree(k, true)
	}
	b.scratch = skipped[:0]
	return again
}

// pick returns the item to start first and the caller for it; -1 when there is no pair.
func (b *Board) pick(now int64) (i, k int32) {
	for {
		i, k = -1, -1
		if len(b.own.h) > 0 {
			k = b.own.h[0]
			i = b.clerks[k].best
		}
		for l := range b.lanes {
			if b.lanes[l].nFree == 0 {
				continue
			}
			if first := b.foremost(&b.lanes[l]); first >= 0 && (i < 0 || b.before(first, i)) {
				i, k = first, -1
			}
		}
		if i < 0 {
			return -1, -1
		}
		it := &b.items[i]
		if now >= it.closes-int64(b.limits.Lead) {
			b.unfile(i)
			b.enter(i, phaseLapsed)
			continue
		}
		if k >= 0 && it.phase == phaseOwn && b.mayTake(it.reference, it.lane) {
			k = it.reference
		}
		if k < 0 {
			k = b.callerFor(it, nil)
		}
		return i, k
	}
}

// mayTake reports whether a caller is free and speaks the language.
func (b *Board) mayTake(k int32, lane uint8) bool {
	return k >= 0 && b.clerks[k].free && b.clerks[k].speaks(lane)
}

// callerFor chooses among the free callers for an item of which the pool may have a part. Accept may refuse one.
func (b *Board) callerFor(it *item, accept func(k int32) bool) int32 {
	l := &b.lanes[it.lane]
	if it.continuity == rotate {
		last := it.last
		if k := b.freest(l, func(k int32) bool { return k != last && (accept == nil || accept(k)) }); k >= 0 {
			return k
		}
		return b.freest(l, accept)
	}
	for _, k := range [2]int32{it.reference, it.deputy} {
		if b.mayTake(k, it.lane) && (accept == nil || accept(k)) {
			return k
		}
	}
	if it.continuity == strict {
		return -1
	}
	return b.freest(l, accept)
}

// take starts an item with a caller.
func (b *Board) take(i, k int32) {
	it, c := &b.items[i], &b.clerks[k]
	b.unfile(i)
	b.enter(i, phaseTaken)
	it.held, it.cost = k, c.cost
	b.outbound += int(c.cost)
	b.busy(it.person)
	b.busy(it.number)
	b.setFree(k, false)
	b.deferBelow(c, k, it.class)
}

// deferBelow counts one deferral for everything of a lower class that the caller could have taken.
func (b *Board) deferBelow(c *clerk, k int32, class uint8) {
	if class == 0 {
		return
	}
	for l := range b.lanes {
		if c.speaks(uint8(l)) {
			for lower := range class {
				b.lanes[l].passed[lower]++
			}
		}
	}
	for _, i := range c.own {
		it := &b.items[i]
		if it.class >= class {
			continue
		}
		it.deferred++
		for _, other := range [2]int32{it.reference, it.deputy} {
			if other >= 0 && other != k && it.phase == phaseOwn {
				b.own.fix(other)
			}
		}
	}
	b.own.fix(k)
}

// setFree makes a caller free or not, in every lane of hers.
func (b *Board) setFree(k int32, free bool) {
	c := &b.clerks[k]
	if c.free == free {
		return
	}
	c.free = free
	c.ver++
	for l := range b.lanes {
		if !c.speaks(uint8(l)) {
			continue
		}
		if free {
			b.pushFree(&b.lanes[l], k)
		} else {
			b.lanes[l].nFree--
		}
	}
	b.own.fix(k)
}

// SetCaller files a caller, or files her anew after a change. Since is when she became ready; her place among the idle
// depends on it. A caller who is not enabled is off.
func (b *Board) SetCaller(c *Caller, now time.Time) {
	k := b.slotOf(c.ID)
	x := &b.clerks[k]
	b.setFree(k, false)
	var langs uint8
	for _, l := range c.Languages {
		langs |= 1 << laneOf(l)
	}
	duty := c.Enabled && worthWaiting(c.State)
	refile := len(x.own) > 0 && (langs != x.langs || x.duty && !duty)
	x.langs, x.duty, x.hard, x.since = langs, duty, int32(c.HardToday), c.Since.UnixNano()
	x.cost = 1
	if c.Endpoint == "" && c.Number != "" {
		x.cost = 2
	}
	if refile {
		for _, i := range append([]int32(nil), x.own...) {
			b.unfile(i)
			b.file(i, now.UnixNano())
		}
	}
	b.setFree(k, c.Enabled && !c.OnLine && c.State.Available() && slices.Contains(c.Roles, roster.RoleCaller))
}

// worthWaiting reports whether an occurrence is held for a caller in this state: she is at work and comes back.
func worthWaiting(s call.CallerState) bool {
	switch s {
	case call.CallerReady, call.CallerReadyOnce, call.CallerReserved, call.CallerInCall, call.CallerWrapUp,
		call.CallerBreak:
		return true
	default:
		return false
	}
}

// Another chooses a further caller for an attempt under way and gives her the line of the one before, who has to be set to
// another state by SetCaller. It returns 0 when nobody may take it: nobody free but those tried, scheme closed or
// paused, too near the window's end. The agreement's hold no longer counts.
func (b *Board) Another(occurrence int64, tried []int64, now time.Time) (caller int64) {
	i, ok := b.byID[occurrence]
	if !ok || b.items[i].phase != phaseTaken || b.paused || !b.hoursRun(now) {
		return 0
	}
	it := &b.items[i]
	if now.UnixNano() >= it.closes-int64(b.limits.Lead) {
		return 0
	}
	room := b.lines() + int(it.cost)
	k := b.callerFor(it, func(k int32) bool {
		return int(b.clerks[k].cost) <= room && !slices.Contains(tried, b.clerks[k].id)
	})
	if k < 0 {
		return 0
	}
	b.outbound += int(b.clerks[k].cost) - int(it.cost)
	it.held, it.cost = k, b.clerks[k].cost
	b.setFree(k, false)
	return b.clerks[k].id
}

// Adopt marks an occurrence as taken by an attempt that an earlier process started: whatever the limits say now, its line,
// person and number are in use.
func (b *Board) Adopt(o *Occurrence, caller int64, number string, now time.Time) {
	b.Put(o, now)
	i := b.byID[o.ID]
	it := &b.items[i]
	if it.phase == phaseTaken {
		return
	}
	b.unfile(i)
	b.enter(i, phaseTaken)
	if g := b.numberGroup(number); g != it.number {
		b.unlinkNumber(i)
		b.dropNumber(it.number)
		it.number = g
		it.nextNumber, b.groups[g].head = b.groups[g].head, i
	}
	it.held, it.cost = b.slotOf(caller), 1
	if it.held >= 0 {
		it.cost = b.clerks[it.held].cost
		b.setFree(it.held, false)
	}
	b.outbound += int(it.cost)
	b.busy(it.person)
	b.busy(it.number)
}

// Release ends the attempt of an occurrence: line, person and number are free again. The occurrence as it stands now is
// filed again when it is open and forgotten otherwise. The caller keeps the state that SetCaller gives her.
func (b *Board) Release(o *Occurrence, now time.Time) {
	i, ok := b.byID[o.ID]
	if !ok || b.items[i].phase != phaseTaken {
		return
	}
	it := &b.items[i]
	person, number, ns := it.person, it.number, now.UnixNano()
	b.outbound -= int(it.cost)
	b.enter(i, phaseNone)
	b.idle(person, ns)
	b.idle(number, ns)
	deferred := it.deferred
	b.remove(i)
	if o.State == call.OccurrenceOpen {
		i = b.insert(o)
		b.items[i].deferred = max(int32(o.Deferred), deferred)
		b.file(i, ns)
	}
}

// Deferred is how often an occurrence was deferred by now.
func (b *Board) Deferred(occurrence int64) int {
	if i, ok := b.byID[occurrence]; ok {
		return int(b.deferredOf(&b.items[i]))
	}
	return 0
}
