package dispatch

// ownHeap orders the free callers who have something kept for them by the foremost of it.
type ownHeap struct {
	b *Board
	h []keptRank
}

// keptRank is a caller with the foremost of what is kept for her.
type keptRank struct {
	rank
	clerk int32
}

func (o *ownHeap) before(x, y int) bool { return o.b.before(o.h[x].rank, o.h[y].rank) }

func (o *ownHeap) swap(x, y int) {
	o.h[x], o.h[y] = o.h[y], o.h[x]
	o.b.clerks[o.h[x].clerk].pos, o.b.clerks[o.h[y].clerk].pos = int32(x), int32(y)
}

// fix puts a caller where she belongs after her freedom or what is kept for her has changed.
func (o *ownHeap) fix(k int32) {
	c := &o.b.clerks[k]
	best := keptRank{rank: rank{item: -1}, clerk: k}
	if o.b.isFree(k) {
		for _, i := range c.own {
			if !c.suits(&o.b.items[i]) {
				continue
			}
			if r := o.b.rankOf(i); best.item < 0 || o.b.before(r, best.rank) {
				best.rank = r
			}
		}
	}
	switch {
	case best.item >= 0 && c.pos < 0:
		c.pos = int32(len(o.h))
		o.h = append(o.h, best)
		o.up(int(c.pos))
	case best.item >= 0:
		o.h[c.pos] = best
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
