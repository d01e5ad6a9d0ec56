package dispatch

// freeEntry is a free caller as she was when she became free. It is stale when that has changed since.
type freeEntry struct {
	since int64
	hard  int32
	clerk int32
	turn  uint32
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

// sweepStep is how many entries of a heap in which stale ones outnumber the free callers are looked at whenever one is filed:
// more than one, so that they never do for long, and few, so that no decision pays for many.
const sweepStep = 4

// pushFree files a caller as free in a lane.
func (b *Board) pushFree(at, k int32) {
	l, c := &b.lanes[at], &b.clerks[k]
	kind := c.kind()
	h := l.free[kind]
	if len(h) > 64 && len(h) > 2*l.nFree[kind] {
		for range sweepStep {
			// From the end on: most entries are there.
			if l.sweep[kind]--; l.sweep[kind] < 0 || l.sweep[kind] >= len(h) {
				l.sweep[kind] = len(h) - 1
			}
			if i := l.sweep[kind]; !b.current(h[i]) {
				h = freeDrop(h, i)
			}
		}
	}
	l.nFree[kind]++
	first := l.nFree[kind] == 1 // Otherwise something could start here before.
	h = append(h, freeEntry{since: c.since, hard: c.hard, clerk: k, turn: b.turns[k]})
	freeUp(h, len(h)-1)
	l.free[kind] = h
	if first {
		b.fixLane(at)
	}
}

// freeDrop takes an entry out of a heap.
func freeDrop(h []freeEntry, i int) []freeEntry {
	last := len(h) - 1
	h[i] = h[last]
	if h = h[:last]; i < last {
		freeDown(h, i)
		freeUp(h, i)
	}
	return h
}

func freeUp(h []freeEntry, at int) {
	for at > 0 {
		parent := (at - 1) / 2
		if !h[at].before(h[parent]) {
			return
		}
		h[at], h[parent] = h[parent], h[at]
		at = parent
	}
}

func (b *Board) current(e freeEntry) bool {
	return b.turns[e.clerk] == e.turn
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

// popFree takes the top off one of a lane's heaps of free callers.
func (l *lane) popFree(kind int) freeEntry {
	e := l.free[kind][0]
	l.free[kind] = freeDrop(l.free[kind], 0)
	return e
}

// freest returns the lane's free caller with the fewest hard calls and the longest idle time whom accept takes; -1 for
// none. Only those who may be given hard calls now take a hard one. Those refused stay filed.
func (b *Board) freest(at int32, heavy uint8, accept func(k int32) bool) int32 {
	found := b.freestOf(at, anything, accept)
	if heavy == hard {
		return found
	}
	other := b.freestOf(at, light, accept)
	if found < 0 || other >= 0 && b.entryOf(other).before(b.entryOf(found)) {
		return other
	}
	return found
}

func (b *Board) entryOf(k int32) freeEntry {
	c := &b.clerks[k]
	return freeEntry{since: c.since, hard: c.hard, clerk: k}
}

func (b *Board) freestOf(at int32, kind int, accept func(k int32) bool) int32 {
	l := &b.lanes[at]
	found := int32(-1)
	var refused []freeEntry
	for found < 0 && len(l.free[kind]) > 0 {
		if e := l.free[kind][0]; !b.current(e) {
			l.popFree(kind)
		} else if accept == nil || accept(e.clerk) {
			found = e.clerk
		} else {
			refused = append(refused, l.popFree(kind))
		}
	}
	for _, e := range refused {
		h := append(l.free[kind], e)
		freeUp(h, len(h)-1)
		l.free[kind] = h
	}
	return found
}
