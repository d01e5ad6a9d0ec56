package dispatch

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
		if !c.free {
			break
		}
		if c.suits(&o.b.items[i]) && (c.best < 0 || o.b.before(i, c.best)) {
			c.best = i
		}
	}
	wanted := c.best >= 0
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
