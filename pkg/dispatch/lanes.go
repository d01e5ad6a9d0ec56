package dispatch

import (
	"slices"
	"strings"

	"github.com/rappel-tel/rappel/pkg/roster"
)

// lane is what the callers of one language, with certain skills, may take, and who of them is free. The automatic lane is for
// the calls that need no caller.
//
// What it holds is kept apart by whether it is expected to be hard, and so are its free callers by whether they may be
// given hard calls now: one heap each, so that nobody is looked at in vain.
type lane struct {
	// What every decision looks at stands first, in one line of memory.
	first    rank      // Of the item to start first; valid while pos >= 0.
	pos      int32     // In the heap of lanes from which something can start; -1 when not in it.
	nFree    [2]int32  // Free callers: [may take both, courtesy only].
	decision [2]uint32 // The last decision in which something of it was deferred,
	below    [2]uint8  // and everything below which class.
	language uint16
	passed   [2][classCount]int32 // How often a higher class was started instead of the items of such a heap.

	free   [2]freeCallers
	ready  [2][classCount][]rank // Heaps of pooled items: [courtesy, hard][class]. Deferrals as item.deferred has them.
	skills []uint16              // Sorted; empty asks for none.
}

// autoLane is the lane of the calls that need no caller.
const autoLane = 0

const classCount = 4

const (
	courtesy = 0 // In ready and passed.
	hard     = 1
	anything = 0 // In free.
	light    = 1
)

// requirement is a lane's key.
type requirement struct {
	language roster.Language
	skills   string
}

// laneOf returns the lane of an occurrence, made when it is the first of its kind: the callers who serve it are filed in it.
func (b *Board) laneOf(o *Occurrence) int32 {
	if b.automatic(o.Kind) {
		return autoLane
	}
	key := requirement{language: o.Language}
	switch len(o.Skills) {
	case 0:
	case 1:
		key.skills = o.Skills[0]
	default:
		sorted := slices.Sorted(slices.Values(o.Skills))
		key.skills = strings.Join(slices.Compact(sorted), "\x00")
	}
	if at, ok := b.laneAt[key]; ok {
		return at
	}
	l := lane{language: b.wordOf(string(o.Language)), pos: -1}
	for _, skill := range o.Skills {
		l.skills = append(l.skills, b.wordOf(skill))
	}
	slices.Sort(l.skills)
	l.skills = slices.Compact(l.skills)
	at := int32(len(b.lanes))
	b.lanes = append(b.lanes, l)
	b.laneAt[key] = at
	for k := range b.clerks {
		if b.profiles[k].serves(&b.lanes[at]) {
			b.clerks[k].lanes = append(b.clerks[k].lanes, at)
			if b.isFree(int32(k)) {
				b.pushFree(at, int32(k))
			}
		}
	}
	return at
}

// wordOf numbers a language or a skill.
func (b *Board) wordOf(word string) uint16 {
	n, ok := b.words[word]
	if !ok {
		n = uint16(len(b.words))
		b.words[word] = n
	}
	return n
}

// pushReady files an item in the heap of its class. Within such a heap deferrals are counted for all alike, so that the order
// of two items in it never changes.
func (b *Board) pushReady(i int32) {
	it := &b.items[i]
	l := &b.lanes[it.lane]
	it.deferred -= l.passed[it.hard][it.class]
	h := append(l.ready[it.hard][it.class], rank{slackAt: it.slackAt, deferred: it.deferred, item: i, class: it.class})
	l.ready[it.hard][it.class] = h
	it.pos = int32(len(h) - 1)
	b.siftUp(h, len(h)-1)
	b.freest(it.lane, it.hard, nil) // Drops what is stale before her who will be chosen, so that a decision need not.
	b.fixLane(it.lane)
}

func (b *Board) dropReady(i int32) {
	it := &b.items[i]
	l := &b.lanes[it.lane]
	h := l.ready[it.hard][it.class]
	at, last := int(it.pos), len(h)-1
	h[at] = h[last]
	b.items[h[at].item].pos = int32(at)
	l.ready[it.hard][it.class] = h[:last]
	if at < last {
		b.siftDown(h[:last], at)
		b.siftUp(h[:last], at)
	}
	it.pos = -1
	it.deferred += l.passed[it.hard][it.class]
	b.fixLane(it.lane)
}

func (b *Board) siftUp(h []rank, at int) {
	for at > 0 {
		parent := (at - 1) / 2
		if !b.before(h[at], h[parent]) {
			return
		}
		b.swapReady(h, at, parent)
		at = parent
	}
}

func (b *Board) siftDown(h []rank, at int) {
	for {
		child := 2*at + 1
		if child >= len(h) {
			return
		}
		if child+1 < len(h) && b.before(h[child+1], h[child]) {
			child++
		}
		if !b.before(h[child], h[at]) {
			return
		}
		b.swapReady(h, at, child)
		at = child
	}
}

func (b *Board) swapReady(h []rank, x, y int) {
	h[x], h[y] = h[y], h[x]
	b.items[h[x].item].pos, b.items[h[y].item].pos = int32(x), int32(y)
}

// foremost is the rank of the lane's item to start first among those for which somebody is free; its item is -1 for none.
func (b *Board) foremost(l *lane) rank {
	best := rank{item: -1}
	heaps := 0 // How many of the two kinds can start.
	switch {
	case l == &b.lanes[autoLane]:
		if b.auto < b.limits.Automatic && !b.autoWaits {
			heaps = 1
		}
	case l.nFree[anything] > 0:
		heaps = 2
	case l.nFree[light] > 0:
		heaps = 1
	}
	for kind := range heaps {
		for c := classCount - 1; c >= 0; c-- {
			if h := l.ready[kind][c]; len(h) > 0 {
				first := h[0]
				first.deferred += l.passed[kind][c]
				if best.item < 0 || b.before(first, best) {
					best = first
				}
			}
		}
	}
	return best
}

// startable is a heap of the lanes from which something can start, ordered by their foremost items. It is nearly empty
// most of the time: what can start has started.
type startable []int32

// fixLane puts a lane where it belongs after its items, its free callers or its counts have changed.
func (b *Board) fixLane(at int32) {
	l := &b.lanes[at]
	first := b.foremost(l)
	switch {
	case first.item >= 0:
		l.first = first
		if l.pos < 0 {
			l.pos = int32(len(b.startable))
			b.startable = append(b.startable, at)
		}
		b.lanesDown(int(l.pos))
		b.lanesUp(int(l.pos))
	case l.pos >= 0:
		hole, last := int(l.pos), len(b.startable)-1
		b.swapLanes(hole, last)
		b.startable = b.startable[:last]
		l.pos = -1
		if hole < last {
			b.lanesDown(hole)
			b.lanesUp(hole)
		}
	}
}

func (b *Board) laneBefore(x, y int) bool {
	return b.before(b.lanes[b.startable[x]].first, b.lanes[b.startable[y]].first)
}

func (b *Board) swapLanes(x, y int) {
	h := b.startable
	h[x], h[y] = h[y], h[x]
	b.lanes[h[x]].pos, b.lanes[h[y]].pos = int32(x), int32(y)
}

func (b *Board) lanesUp(at int) {
	for at > 0 && b.laneBefore(at, (at-1)/2) {
		b.swapLanes(at, (at-1)/2)
		at = (at - 1) / 2
	}
}

func (b *Board) lanesDown(at int) {
	for {
		child := 2*at + 1
		if child >= len(b.startable) {
			return
		}
		if child+1 < len(b.startable) && b.laneBefore(child+1, child) {
			child++
		}
		if !b.laneBefore(child, at) {
			return
		}
		b.swapLanes(at, child)
		at = child
	}
}
