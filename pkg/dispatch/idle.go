package dispatch

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

// pushFree files a caller as free in a lane. Stale entries are swept out when they outnumber the free callers.
func (b *Board) pushFree(at, k int32) {
	l, c := &b.lanes[at], &b.clerks[k]
	kind := c.kind()
	h := l.free[kind]
	if len(h) > 64 && len(h) > 2*l.nFree[kind] {
		kept := h[:0]
		for _, e := range h {
			if b.current(e) {
				kept = append(kept, e)
			}
		}
		h = kept
		for at := len(kept)/2 - 1; at >= 0; at-- {
			freeDown(kept, at)
		}
	}
	l.nFree[kind]++
	h = append(h, freeEntry{since: c.since, hard: c.hard, clerk: k, ver: c.ver})
	freeUp(h, len(h)-1)
	l.free[kind] = h
	b.fixLane(at)
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
	c := &b.clerks[e.clerk]
	return c.free && c.ver == e.ver
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
	h := l.free[kind]
	e, last := h[0], len(h)-1
	h[0] = h[last]
	l.free[kind] = h[:last]
	freeDown(l.free[kind], 0)
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
