package dispatch

import "math/bits"

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

func (b *Board) current(e freeEntry) bool {
	return b.turns[e.clerk] == e.turn
}

// freeCallers are those of a lane who are free, in the order of before.
//
// Who becomes free now has been idle for less time than all others: of those with as many hard calls she is the last. So there is a
// queue for each number of hard calls, the first of the first queue is the choice, and filing somebody is to append her,
// whatever their number. Whoever is not the last (her rest is over, her shift began before she could be rung) is filed in a heap
// beside the queues. Nobody is looked for when she is no longer free: her entries are stale, and dropped where they are met.
type freeCallers struct {
	filled uint8 // The queues with entries, a bit each.
	queues [hardQueues]freeQueue
	others []freeEntry // A heap.
}

// hardQueues is how many numbers of hard calls have a queue of their own, but for the last, which holds all above.
const hardQueues = 8

// add files a caller who has become free; free is how many of them are.
func (f *freeCallers) add(b *Board, e freeEntry, free int) {
	at := min(int(e.hard), hardQueues-1)
	if q := &f.queues[at]; q.push(b, e) {
		f.filled |= 1 << at
		q.first(b) // What is stale before her: a decision need not drop it.
		return
	}
	if len(f.others) > 2*free+64 { // Most of them are stale.
		f.sweep(b)
	}
	f.others = append(f.others, e)
	freeUp(f.others, len(f.others)-1)
}

// takeOut removes whom first has found, from where she is filed.
func (f *freeCallers) takeOut(from int) {
	if from == fromOthers {
		f.others = freeDrop(f.others)
		return
	}
	f.queues[from].head++
}

// Where first found somebody, if not in a queue.
const (
	nobody     = -1
	fromOthers = hardQueues
)

// first finds the first of them, and where she is filed.
func (f *freeCallers) first(b *Board) (e freeEntry, from int) {
	from = nobody
	for f.filled != 0 {
		at := bits.TrailingZeros8(f.filled)
		if x, ok := f.queues[at].first(b); ok {
			e, from = x, at
			break
		}
		f.filled &^= 1 << at
	}
	for len(f.others) > 0 && !b.current(f.others[0]) {
		f.others = freeDrop(f.others)
	}
	if len(f.others) > 0 && (from == nobody || f.others[0].before(e)) {
		return f.others[0], fromOthers
	}
	return e, from
}

// sweep drops what is stale beside the queues.
func (f *freeCallers) sweep(b *Board) {
	kept := f.others[:0]
	for _, e := range f.others {
		if b.current(e) {
			kept = append(kept, e)
			freeUp(kept, len(kept)-1)
		}
	}
	f.others = kept
}

// freeQueue is a queue of free callers in the order of before.
type freeQueue struct {
	ring       []freeEntry // As long as a power of two; empty at first.
	head, tail uint        // Of the first entry, and behind the last: they only grow.
}

func (q *freeQueue) at(i uint) *freeEntry { return &q.ring[i&uint(len(q.ring)-1)] }

// push appends an entry unless it has to come before the last, and reports whether it did.
func (q *freeQueue) push(b *Board, e freeEntry) bool {
	if q.head != q.tail && e.before(*q.at(q.tail - 1)) {
		return false
	}
	if q.tail-q.head == uint(len(q.ring)) {
		q.sweep(b)
	}
	*q.at(q.tail) = e
	q.tail++
	return true
}

// first drops stale entries until the first is a caller who is free.
func (q *freeQueue) first(b *Board) (freeEntry, bool) {
	for ; q.head != q.tail; q.head++ {
		if e := *q.at(q.head); b.current(e) {
			return e, true
		}
	}
	return freeEntry{}, false
}

// sweep makes room in a full queue: what is stale is dropped, and if that is less than half, the ring is doubled. So it is looked
// through only after as many have come as it leaves.
func (q *freeQueue) sweep(b *Board) {
	kept := q.head
	for i := q.head; i != q.tail; i++ {
		if e := *q.at(i); b.current(e) {
			*q.at(kept) = e
			kept++
		}
	}
	q.tail = kept
	if n := q.tail - q.head; 2*n >= uint(len(q.ring)) {
		ring := make([]freeEntry, max(16, 2*len(q.ring)))
		for i := range n {
			ring[i] = *q.at(q.head + i)
		}
		q.ring, q.head, q.tail = ring, 0, n
	}
}

// freeUp moves an entry of a heap to where it belongs.
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

// freeDrop takes the first off a heap.
func freeDrop(h []freeEntry) []freeEntry {
	last := len(h) - 1
	h[0] = h[last]
	h = h[:last]
	for at := 0; ; {
		child := 2*at + 1
		if child >= len(h) {
			return h
		}
		if child+1 < len(h) && h[child+1].before(h[child]) {
			child++
		}
		if !h[child].before(h[at]) {
			return h
		}
		h[at], h[child] = h[child], h[at]
		at = child
	}
}

// pushFree files a caller as free in a lane.
func (b *Board) pushFree(at, k int32) {
	l, p := &b.lanes[at], &b.profiles[k]
	kind := b.clerks[k].kind()
	l.nFree[kind]++
	l.free[kind].add(b, freeEntry{since: p.since, hard: p.hard, clerk: k, turn: b.turns[k]}, int(l.nFree[kind]))
	if l.nFree[kind] == 1 { // Otherwise something could start here before.
		b.fixLane(at)
	}
}

// freest returns the lane's free caller with the fewest hard calls and the longest idle time whom accept takes; -1 for
// none. Only those who may be given hard calls now take a hard one. Those refused stay filed.
func (b *Board) freest(at int32, heavy uint8, accept func(k int32) bool) int32 {
	found := b.freestOf(at, anything, accept)
	if heavy == hard {
		return found.clerk
	}
	if other := b.freestOf(at, light, accept); found.clerk < 0 || other.clerk >= 0 && other.before(found) {
		return other.clerk
	}
	return found.clerk
}

// freestOf is the first of a lane's free callers of a kind whom accept takes; its clerk is -1 when there is none.
func (b *Board) freestOf(at int32, kind int, accept func(k int32) bool) freeEntry {
	f := &b.lanes[at].free[kind]
	if accept == nil {
		if e, from := f.first(b); from != nobody {
			return e
		}
		return freeEntry{clerk: -1}
	}
	found := freeEntry{clerk: -1}
	taken := b.entries[:0]
	for {
		e, from := f.first(b)
		if from == nobody {
			break
		}
		if accept(e.clerk) {
			found = e
			break
		}
		f.takeOut(from)
		taken = append(taken, e)
	}
	f.putBack(taken)
	b.entries = taken[:0]
	return found
}

// putBack files those again who were taken out.
func (f *freeCallers) putBack(taken []freeEntry) {
	for _, e := range taken {
		f.others = append(f.others, e)
		freeUp(f.others, len(f.others)-1)
	}
}
