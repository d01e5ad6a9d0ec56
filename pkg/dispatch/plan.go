package dispatch

import (
	"math"
	"time"
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
	// Full is set when more would have started had Admit allowed it.
	Full bool
}

// Plan decides what starts at now, marks it as taken, and says when to look again.
//
// What starts first: the most often deferred, then the higher class, the smaller slack, the older. With whom: the
// reference caller; while the hold lasts nobody else; then the deputy, then (unless the agreement is strict) whoever of the
// pool has had the fewest hard calls today and has been idle longest; never anybody who lacks the language or a skill, or
// has done what her Load allows. The bounds are those of Limits, the scheme's hours, one call per person and per number.
//
// Each start counts as one deferral for every occurrence of a lower class that this caller could have taken. As the times
// deferred order first, no occurrence is deferred twice running while one of a higher class that was never deferred is
// started in its place. Calls that need no caller defer one another only.
func (b *Board) Plan(now time.Time, d *Decision) {
	d.Starts, d.Ended, d.Full = d.Starts[:0], d.Ended[:0], false
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
		if a.item < 0 {
			b.rested(^a.item, a.at)
			continue
		}
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

// startAll starts what can start, and returns when to look again (math.MaxInt64 for never).
func (b *Board) startAll(now int64, d *Decision) int64 {
	if b.limits.Gather > 0 {
		for b.admits() {
			both, plenty := b.both()
			if !both {
				break
			}
			if b.gathered == 0 {
				b.gathered = now
				if !plenty {
					b.gathered += int64(b.limits.Gather)
				}
			}
			if now < b.gathered {
				return b.gathered
			}
			if early := b.paceDue(); now < early {
				return early
			}
			started, again := b.startTogether(now, d)
			if again > 0 {
				return again
			}
			if !started {
				break
			}
		}
		if both, _ := b.both(); !both {
			b.gathered = 0
		}
	}
	return b.startEach(now, d)
}

// startEach takes pairs one by one until none is left, and returns when to look again.
func (b *Board) startEach(now int64, d *Decision) int64 {
	again := int64(math.MaxInt64)
	skipped := b.scratch[:0]
	for {
		lines := b.lines()
		if lines <= 0 {
			if i, _ := b.pick(now); i >= 0 {
				b.starve()
			}
			break
		}
		i, k := b.pick(now)
		if i < 0 {
			break
		}
		if early := b.paceDue(); now < early {
			again = early
			break
		}
		if !b.admits() {
			d.Full = true
			break
		}
		if k >= 0 && !b.admitsFor(k) {
			// The PBXs that have her phone are given no more now: the others go on.
			d.Full = true
			b.setFree(k, false)
			skipped = append(skipped, k)
			continue
		}
		if k >= 0 && int(b.clerks[k].cost) > lines {
			// Her own phone needs a line too and there is none: the others go on.
			b.setFree(k, false)
			skipped = append(skipped, k)
			continue
		}
		class := b.items[i].class
		if started, early := b.begin(i, k, now, d); !started {
			again = min(again, early)
			if k >= 0 && b.several {
				// The trunks of the PBXs that have her phone have no line, or are not due: the others go on.
				b.setFree(k, false)
				skipped = append(skipped, k)
				continue
			}
			if k < 0 && len(b.barred) > 0 {
				// None of its trunks has a line now, or is due: those that other trunks may carry go on.
				b.autoWaits = true
				b.fixLane(autoLane)
				continue
			}
			break
		}
		b.decisions++
		b.deferBelow(k, class)
	}
	for _, k := range skipped {
		b.setFree(k, true)
	}
	b.scratch = skipped[:0]
	if b.autoWaits {
		b.autoWaits = false
		b.fixLane(autoLane)
	}
	return again
}

// begin starts an item with a caller, or without one (-1), at the first PBX and on the first trunk that may carry it. It reports
// false when there is none, and when to look again: where a trunk is shared, another scheme may have been quicker.
func (b *Board) begin(i, k int32, now int64, d *Decision) (started bool, again int64) {
	cost := 1
	if k >= 0 {
		cost = int(b.clerks[k].cost)
	}
	on, at, again := b.place(k, cost, b.items[i].machine, now)
	if on == nil {
		return false, again
	}
	s := Start{Occurrence: b.items[i].id, Deferred: int(b.deferredOf(&b.items[i]))}
	if k >= 0 {
		s.Caller = b.ids[k]
	}
	d.Starts = append(d.Starts, s)
	b.carry(i, on)
	b.take(i, k)
	b.settleAt(i, at)
	b.sites[at].started = true
	if b.sites[at].admitted > 0 {
		b.sites[at].admitted--
	}
	return true, 0
}

// pick returns the item to start first and the caller for it; -1 and -1 when there is no pair, -1 for the caller of a call
// that needs none.
func (b *Board) pick(now int64) (i, k int32) {
	for {
		first := rank{item: -1}
		k = -1
		if len(b.own.h) > 0 {
			first, k = b.own.h[0].rank, b.own.h[0].clerk
		}
		if len(b.startable) > 0 {
			if pooled := b.lanes[b.startable[0]].first; first.item < 0 || b.before(pooled, first) {
				first, k = pooled, -1
			}
		}
		if i = first.item; i < 0 {
			return -1, -1
		}
		it := &b.items[i]
		if now >= it.closes-int64(b.limits.Lead) {
			b.unfile(i)
			b.enter(i, phaseLapsed)
			continue
		}
		if it.lane == autoLane {
			return i, -1
		}
		if k >= 0 && it.phase == phaseOwn && b.mayTake(it.reference, it) {
			k = it.reference
		}
		if k < 0 {
			k = b.callerFor(it, nil)
		}
		return i, k
	}
}

// mayTake reports whether a caller is free and may take an item.
func (b *Board) mayTake(k int32, it *item) bool {
	return k >= 0 && b.isFree(k) && b.clerks[k].suits(it)
}

// callerFor chooses among the free callers for an item of which the pool may have a part. Accept may refuse one.
func (b *Board) callerFor(it *item, accept func(k int32) bool) int32 {
	if it.continuity == rotate {
		last := it.last
		if k := b.freest(it.lane, it.hard, func(k int32) bool { return k != last && (accept == nil || accept(k)) }); k >= 0 {
			return k
		}
		return b.freest(it.lane, it.hard, accept)
	}
	for _, k := range [2]int32{it.reference, it.deputy} {
		if b.mayTake(k, it) && (accept == nil || accept(k)) {
			return k
		}
	}
	if it.continuity == strict {
		return -1
	}
	return b.freest(it.lane, it.hard, accept)
}

// take starts an item with a caller, or without one (-1).
func (b *Board) take(i, k int32) {
	it := &b.items[i]
	b.unfile(i)
	b.enter(i, phaseTaken)
	it.held, it.cost = k, 1
	if k >= 0 {
		it.cost = b.clerks[k].cost
	} else {
		b.auto++
		b.fixLane(autoLane)
	}
	b.busy(it.person)
	b.busy(it.number)
	if k >= 0 {
		b.setFree(k, false)
		b.clerks[k].fit, b.clerks[k].ready = false, false
	}
}

// deferBelow counts one deferral for everything of a lower class that the caller of a start could have taken; -1 stands for
// a call that needs none. Within one decision nothing is deferred twice.
func (b *Board) deferBelow(k int32, class uint8) {
	if class == 0 {
		return
	}
	if k < 0 {
		b.deferLane(autoLane, courtesy, class)
		return
	}
	c := &b.clerks[k]
	for _, at := range c.lanes {
		for kind := range 2 - c.kind() {
			b.deferLane(at, kind, class)
		}
	}
	for _, i := range c.own {
		it := &b.items[i]
		if it.class >= class || it.passedIn == b.decisions || !c.suits(it) {
			continue
		}
		it.deferred++
		it.passedIn = b.decisions
		for _, other := range [2]int32{it.reference, it.deputy} {
			if other >= 0 && other != k && it.phase == phaseOwn {
				b.own.fix(other)
			}
		}
	}
	b.own.fix(k)
}

// deferLane counts one deferral for what a lane holds below a class.
func (b *Board) deferLane(at int32, kind int, class uint8) {
	l := &b.lanes[at]
	if l.decision[kind] != b.decisions {
		l.decision[kind], l.below[kind] = b.decisions, 0
	}
	for lower := l.below[kind]; lower < class; lower++ {
		l.passed[kind][lower]++
	}
	l.below[kind] = max(l.below[kind], class)
	if l.pos >= 0 {
		b.fixLane(at)
	}
}
