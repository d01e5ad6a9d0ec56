package dispatch

import "math"

// mostTogether is how many occurrences are paired at once; a longer queue is paired in several goes. 200 by 200 take a few
// milliseconds.
const mostTogether = 200

// mostPaced bounds it where starts are paced, because what the pace puts off is paired anew at the next start.
const mostPaced = 64

// spareCallers is how many free callers of a lane are looked at beyond twice the occurrences that wait in it.
const spareCallers = 8

// together pairs what may start now with the free callers as well as possible, all at once, and starts it. It is for the
// moments when several wait on both sides (the opening hour, after an outage), in which taking one after the other gives
// the only caller who speaks Dutch to somebody whom anybody could call.
//
// The occurrences are served in the order of before: one is left out only when those before it need every caller who could
// take it. Hence the bound on deferrals holds as it does one by one: whoever starts something of a lower order could not
// have taken what was left out. What is started together is one decision, which defers what it leaves out once.
type together struct {
	match   matching
	rows    []int32 // Items, in order.
	phases  []phase // What they were filed as.
	columns []int32 // Clerks.
	popped  []int32 // The rows and, in between, items of a person or a number that is in the batch already.
	waiting []laneRows
	started []begun
}

// begun is a pair that was started; -1 stands for no caller.
type begun struct {
	caller int32
	class  uint8
}

// laneRows counts the rows of a lane.
type laneRows struct {
	lane int32
	n    int
}

// both reports whether several occurrences and several callers could be paired now, and whether there are so many callers that
// nobody is worth waiting for: as many as would be looked at.
func (b *Board) both() (yes, plenty bool) {
	if b.allLines() < 2 || len(b.own.h)+len(b.startable) == 0 {
		return false, false
	}
	items, only, free := 0, int32(-1), 0
	several := false
	see := func(k int32) {
		several = several || only >= 0 && only != k
		only = k
	}
	for _, at := range b.startable {
		l := &b.lanes[at]
		for kind := range l.ready {
			for c := range l.ready[kind] {
				items += len(l.ready[kind][c])
			}
		}
		n := int(l.nFree[anything] + l.nFree[light])
		free = max(free, n)
		if n > 1 {
			several = true
		} else if k := b.freest(at, courtesy, nil); k >= 0 {
			see(k)
		}
	}
	for _, kept := range b.own.h {
		items += len(b.clerks[kept.clerk].own)
		see(kept.clerk)
	}
	return several && items > 1, free >= 2*items+spareCallers
}

// startTogether pairs and starts one batch. It reports whether anything started, and when to look again if the pace stopped it.
func (b *Board) startTogether(now int64, d *Decision) (started bool, again int64) {
	t := &b.batch
	t.started = t.started[:0]
	again = b.startPairs(now, d)
	b.decisions++
	for _, s := range t.started {
		b.deferBelow(s.caller, s.class)
	}
	return len(t.started) > 0, again
}

// startPairs pairs one batch and starts the pairs. It returns when to look again if the pace stopped it.
func (b *Board) startPairs(now int64, d *Decision) (again int64) {
	t := &b.batch
	b.gatherRows(now)
	b.gatherColumns()
	t.match.reset(len(t.rows), len(t.columns))
	for r, i := range t.rows {
		it := &b.items[i]
		for c, k := range t.columns {
			if b.mayPair(it, t.phases[r], k) {
				t.match.score[r*t.match.columns+c] = b.scoreOf(it, k, now)
			}
		}
		if it.lane != autoLane {
			t.match.add(r)
		}
	}
	r := 0
	for _, i := range t.popped {
		if r == len(t.rows) || t.rows[r] != i {
			if b.startableNow(i) {
				return 0 // Its person's other call found nobody: one by one it gets its turn.
			}
			continue
		}
		row := r
		r++
		k := int32(-1)
		if b.items[i].lane != autoLane {
			if t.match.columnOf[row] < 0 {
				continue
			}
			k = t.columns[t.match.columnOf[row]]
		} else if b.auto >= b.limits.Automatic {
			continue
		}
		cost := 1
		if k >= 0 {
			cost = int(b.clerks[k].cost)
		}
		if cost > b.lines() {
			return 0 // One by one it is decided who goes on.
		}
		if early := b.paceDue(); now < early {
			return early
		}
		if !b.admits() {
			return 0 // One by one it is found that nothing is admitted.
		}
		class := b.items[i].class
		if ok, early := b.begin(i, k, now, d); !ok {
			if early == math.MaxInt64 || k < 0 && len(b.barred) > 0 {
				return 0 // One by one it is decided who goes on.
			}
			return early
		}
		t.started = append(t.started, begun{caller: k, class: class})
	}
	return 0
}

// startableNow reports whether an item still waits for a caller.
func (b *Board) startableNow(i int32) bool {
	switch b.items[i].phase {
	case phaseHeld, phaseOwn, phasePooled:
		return true
	default:
		return false
	}
}

// mayPair reports whether a free caller may take an item that was filed in a phase.
func (b *Board) mayPair(it *item, filed phase, k int32) bool {
	if !b.mayTake(k, it) {
		return false
	}
	switch filed {
	case phaseHeld:
		return k == it.reference
	case phaseOwn:
		return k == it.reference || k == it.deputy
	default:
		return true
	}
}

// gatherRows collects what comes first, of each person and number one, as many as there are lines. Everything stays filed.
func (b *Board) gatherRows(now int64) {
	t := &b.batch
	t.rows, t.phases, t.popped = t.rows[:0], t.phases[:0], t.popped[:0]
	most := min(mostTogether, b.allLines())
	if b.limits.Interval > 0 || b.bounded() {
		most = min(most, mostPaced)
	}
	for len(t.rows) < most {
		i, _ := b.pick(now)
		if i < 0 {
			break
		}
		it := &b.items[i]
		t.popped, t.phases = append(t.popped, i), append(t.phases, it.phase)
		b.unfile(i)
		if p, n := &b.groups[it.person], &b.groups[it.number]; !p.marked && !n.marked {
			p.marked, n.marked = true, true
			t.rows = append(t.rows, i)
		}
	}
	// Put back what was taken out, and keep the phases of the rows.
	kept := 0
	for at, i := range t.popped {
		it, p := &b.items[i], t.phases[at]
		b.refile(i, p)
		if kept < len(t.rows) && t.rows[kept] == i {
			t.phases[kept] = p
			kept++
			b.groups[it.person].marked, b.groups[it.number].marked = false, false
		}
	}
	t.phases = t.phases[:kept]
}

// refile files an item again as it was.
func (b *Board) refile(i int32, p phase) {
	it := &b.items[i]
	b.enter(i, p)
	switch p {
	case phaseHeld:
		b.addOwn(it.reference, i)
	case phaseOwn:
		b.addOwn(it.reference, i)
		if it.deputy != it.reference {
			b.addOwn(it.deputy, i)
		}
	default:
		b.pushReady(i)
	}
}

// gatherColumns collects the free callers to choose from: the rows' own, and of each lane those who come first.
func (b *Board) gatherColumns() {
	t := &b.batch
	t.columns, t.waiting = t.columns[:0], t.waiting[:0]
	for _, i := range t.rows {
		it := &b.items[i]
		for _, k := range [2]int32{it.reference, it.deputy} {
			if b.mayTake(k, it) {
				b.column(k)
			}
		}
		at := 0
		for at < len(t.waiting) && t.waiting[at].lane != it.lane {
			at++
		}
		if at == len(t.waiting) {
			t.waiting = append(t.waiting, laneRows{lane: it.lane})
		}
		t.waiting[at].n++
	}
	for _, w := range t.waiting {
		for kind := range b.lanes[w.lane].free {
			b.columnsOf(w.lane, kind, 2*w.n+spareCallers)
		}
	}
	// Lanes share callers: what the first of each lane leaves open is filled up.
	for _, w := range t.waiting {
		for kind := range b.lanes[w.lane].free {
			if len(t.columns) < 2*len(t.rows) {
				b.columnsOf(w.lane, kind, 2*len(t.rows))
			}
		}
	}
	for _, k := range t.columns {
		b.clerks[k].column = false
	}
}

func (b *Board) column(k int32) {
	if c := &b.clerks[k]; !c.column {
		c.column = true
		b.batch.columns = append(b.batch.columns, k)
	}
}

// columnsOf adds the first of a lane's free callers, who stay filed.
func (b *Board) columnsOf(at int32, kind, most int) {
	f := &b.lanes[at].free[kind]
	taken := b.entries[:0]
	for len(taken) < most {
		e, from := f.first(b)
		if from == nobody {
			break
		}
		f.takeOut(from)
		taken = append(taken, e)
		b.column(e.clerk)
	}
	f.putBack(taken)
	b.entries = taken[:0]
}
