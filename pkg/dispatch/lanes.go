package dispatch

import "math"

// lane is what callers of one language may take, and who of them is free.
type lane struct {
	ready  [classCount][]int32 // Heaps of pooled items.
	passed [classCount]int32   // How often a higher class was started instead of the items of a class.
	free   []freeEntry         // Heap of free callers; entries outlive their caller's freedom.
	nFree  int
}

// freeEntry is a free caller as she was when she became free. It is stale when her version has moved on.
type freeEntry struct {
	since int64
	hard  int32
	clerk int32
	ver   uint32
}

// before: fewest hard calls today, then longest idle.
func (e freeEntry) before(f freeEntry) bool {
	if e.hard != f.hard {
		return e.hard < f.hard
	}
	if e.since != f.since {
		return e.since < f.since
	}
	return e.clerk < f.clerk
}

// pushLane files an item in the heap of its class. Within a class the lane counts deferrals of all alike, so that the
// order of two pooled items never changes.
func (b *Board) pushLane(l *lane, class uint8, i int32) {
	h := append(l.ready[class], i)
	l.ready[class] = h
	b.items[i].pos = int32(len(h) - 1)
	b.siftUp(h, len(h)-1)
}

func (b *Board) removeLane(l *lane, class uint8, i int32) {
	h := l.ready[class]
	at, last := int(b.items[i].pos), len(h)-1
	h[at] = h[last]
	b.items[h[at]].pos = int32(at)
	l.ready[class] = h[:last]
	if at < last {
		b.siftDown(h[:last], at)
		b.siftUp(h[:last], at)
	}
	b.items[i].pos = -1
}

func (b *Board) pooledBefore(i, j int32) bool {
	x, y := &b.items[i], &b.items[j]
	if x.deferred != y.deferred {
		return x.deferred > y.deferred
	}
	return x.sooner(y)
}

func (b *Board) siftUp(h []int32, at int) {
	for at > 0 {
		parent := (at - 1) / 2
		if !b.pooledBefore(h[at], h[parent]) {
			return
		}
		h[at], h[parent] = h[parent], h[at]
		b.items[h[at]].pos, b.items[h[parent]].pos = int32(at), int32(parent)
		at = parent
	}
}

func (b *Board) siftDown(h []int32, at int) {
	for {
		child := 2*at + 1
		if child >= len(h) {
			return
		}
		if child+1 < len(h) && b.pooledBefore(h[child+1], h[child]) {
			child++
		}
		if !b.pooledBefore(h[child], h[at]) {
			return
		}
		h[at], h[child] = h[child], h[at]
		b.items[h[at]].pos, b.items[h[child]].pos = int32(at), int32(child)
		at = child
	}
}

// foremost is the lane's item to start first; -1 for none.
func (b *Board) foremost(l *lane) int32 {
	best := int32(-1)
	for c := classCount - 1; c >= 0; c-- {
		if h := l.ready[c]; len(h) > 0 && (best < 0 || b.before(h[0], best)) {
			best = h[0]
		}
	}
	return best
}

// pushFree files a caller as free in a lane. Stale entries are swept out when they outnumber the free callers.
func (b *Board) pushFree(l *lane, k int32) {
	if len(l.free) > 64 && len(l.free) > 2*l.nFree {
		kept := l.free[:0]
		for _, e := range l.free {
			if b.current(e) {
				kept = append(kept, e)
			}
		}
		l.free = kept
		for at := len(kept)/2 - 1; at >= 0; at-- {
			freeDown(kept, at)
		}
	}
	c := &b.clerks[k]
	l.nFree++
	h := append(l.free, freeEntry{since: c.since, hard: c.hard, clerk: k, ver: c.ver})
	l.free = h
	for at := len(h) - 1; at > 0; {
		parent := (at - 1) / 2
		if !h[at].before(h[parent]) {
			return
		}
		h[at], h[parent] = h[parent], h[at]
		at = parent
	}
}

func (b *Board) current(e freeEntry) bool {
	c := &b.clerks[e.clerk]
	return c.free && c.ver == e.ver
}

func (l *lane) popFree() freeEntry {
	h := l.free
	e, last := h[0], len(h)-1
	h[0] = h[last]
	l.free = h[:last]
	freeDown(l.free, 0)
	return e
}

func freeDown(h []freeEntry, at int) {
	for {
		child := 2*at + 1
		if child >= len(h) {
			return
		}
		if child+1 < len(h) && h[child+1].before(h[child]) {
			child++
		}
		if !h[child].before(h[at]) {
			return
		}
		h[at], h[child] = h[child], h[at]
		at = child
	}
}

// freest returns the lane's free caller with the fewest hard calls and the longest idle time whom accept takes; -1 for
// none. Those refused stay filed.
func (b *Board) freest(l *lane, accept func(k int32) bool) int32 {
	found := int32(-1)
	var refused []freeEntry
	for found < 0 && len(l.free) > 0 {
		if e := l.free[0]; !b.current(e) {
			l.popFree()
		} else if accept == nil || accept(e.clerk) {
			found = e.clerk
		} else {
			refused = append(refused, l.popFree())
		}
	}
	for _, e := range refused {
		l.nFree-- // pushFree counts it again.
		b.pushFree(l, e.clerk)
	}
	return found
}

// ownHeap orders the free callers who have something kept for them by the foremost of it.
type ownHeap struct {
	b *Board
	h []int32
}

func (o *ownHeap) before(x, y int) bool {
	return o.b.before(o.b.clerks[o.h[x]].best, o.b.clerks[o.h[y]].best)
}

func (o *ownHeap) swap(x, y int) {
	o.h[x], o.h[y] = o.h[y], o.h[x]
	o.b.clerks[o.h[x]].pos, o.b.clerks[o.h[y]].pos = int32(x), int32(y)
}

// fix puts a caller where she belongs after her freedom or what is kept for her has changed.
func (o *ownHeap) fix(k int32) {
	c := &o.b.clerks[k]
	c.best = -1
	for _, i := range c.own {
		if c.speaks(o.b.items[i].lane) && (c.best < 0 || o.b.before(i, c.best)) {
			c.best = i
		}
	}
	wanted := c.free && c.best >= 0
	switch {
	case wanted && c.pos < 0:
		c.pos = int32(len(o.h))
		o.h = append(o.h, k)
		o.up(int(c.pos))
	case wanted:
		o.down(int(c.pos))
		o.up(int(c.pos))
	case c.pos >= 0:
		at, last := int(c.pos), len(o.h)-1
		o.swap(at, last)
		o.h = o.h[:last]
		c.pos = -1
		if at < last {
			o.down(at)
			o.up(at)
		}
	}
}

func (o *ownHeap) up(at int) {
	for at > 0 && o.before(at, (at-1)/2) {
		o.swap(at, (at-1)/2)
		at = (at - 1) / 2
	}
}

func (o *ownHeap) down(at int) {
	for {
		child := 2*at + 1
		if child >= len(o.h) {
			return
		}
		if child+1 < len(o.h) && o.before(child+1, child) {
			child++
		}
		if !o.before(child, at) {
			return
		}
		o.swap(at, child)
		at = child
	}
}

func (b *Board) addOwn(k, i int32) {
	if k >= 0 {
		b.clerks[k].own = append(b.clerks[k].own, i)
		b.own.fix(k)
	}
}

func (b *Board) dropOwn(k, i int32) {
	if k < 0 {
		return
	}
	own := b.clerks[k].own
	for at := range own {
		if own[at] == i {
			own[at] = own[len(own)-1]
			b.clerks[k].own = own[:len(own)-1]
			b.own.fix(k)
			return
		}
	}
}

// alarm is an instant at which an item has to be looked at.
type alarm struct {
	at   int64
	item int32
	gen  uint32
}

// alarms is a heap of them.
type alarms struct{ at []alarm }

func (a *alarms) push(x alarm) {
	h := append(a.at, x)
	a.at = h
	for at := len(h) - 1; at > 0; {
		parent := (at - 1) / 4
		if h[parent].at <= h[at].at {
			return
		}
		h[at], h[parent] = h[parent], h[at]
		at = parent
	}
}

func (a *alarms) next() int64 {
	if len(a.at) == 0 {
		return math.MaxInt64
	}
	return a.at[0].at
}

func (a *alarms) pop() alarm {
	h := a.at
	top, last := h[0], len(h)-1
	h[0] = h[last]
	h = h[:last]
	a.at = h
	for at := 0; ; {
		least := at
		for child := 4*at + 1; child <= 4*at+4 && child < len(h); child++ {
			if h[child].at < h[least].at {
				least = child
			}
		}
		if least == at {
			return top
		}
		h[at], h[least] = h[least], h[at]
		at = least
	}
}
