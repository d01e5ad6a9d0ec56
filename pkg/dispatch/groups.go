package dispatch

import "time"

// group is a person or a number: of its items only one may be under way.
type group struct {
	head   int32 // First item.
	busy   int32
	marked bool   // Is in the batch that is being gathered.
	person int64  // The key of a person's group.
	number string // The key of a number's group.
}

func (b *Board) personGroup(person int64) int32 {
	g, ok := b.people[person]
	if !ok {
		g = b.newGroup(group{head: -1, person: person})
		b.people[person] = g
	}
	return g
}

func (b *Board) numberGroup(number string) int32 {
	g, ok := b.numbers[number]
	if !ok {
		g = b.newGroup(group{head: -1, number: number})
		b.numbers[number] = g
	}
	return g
}

func (b *Board) newGroup(x group) int32 {
	if n := len(b.freeGroups); n > 0 {
		g := b.freeGroups[n-1]
		b.freeGroups = b.freeGroups[:n-1]
		b.groups[g] = x
		return g
	}
	b.groups = append(b.groups, x)
	return int32(len(b.groups) - 1)
}

// dropGroups forgets a person's and a number's group when nothing refers to them.
func (b *Board) dropGroups(person, number int32) {
	if x := b.groups[person]; x.head < 0 && x.busy == 0 {
		delete(b.people, x.person)
		b.freeGroups = append(b.freeGroups, person)
	}
	b.dropNumber(number)
}

func (b *Board) dropNumber(number int32) {
	if x := b.groups[number]; x.head < 0 && x.busy == 0 {
		delete(b.numbers, x.number)
		b.freeGroups = append(b.freeGroups, number)
	}
}

func (b *Board) unlinkPerson(i int32) {
	it := &b.items[i]
	for at := &b.groups[it.person].head; *at >= 0; at = &b.items[*at].nextPerson {
		if *at == i {
			*at = it.nextPerson
			return
		}
	}
}

func (b *Board) unlinkNumber(i int32) {
	it := &b.items[i]
	for at := &b.groups[it.number].head; *at >= 0; at = &b.items[*at].nextNumber {
		if *at == i {
			*at = it.nextNumber
			return
		}
	}
}

// busy parks what waits for the person or the number; idle does the reverse.
func (b *Board) busy(g int32) {
	b.groups[g].busy++
	if b.groups[g].busy > 1 {
		return
	}
	for i := range b.membersOf(g) {
		if p := b.items[i].phase; p == phaseHeld || p == phaseOwn || p == phasePooled || p == phaseQueued {
			b.unfile(i)
			b.enter(i, phaseParked)
			b.items[i].given = false
		}
	}
}

func (b *Board) idle(g int32, now int64) {
	b.groups[g].busy--
	if b.groups[g].busy > 0 {
		return
	}
	for i := range b.membersOf(g) {
		if b.items[i].phase == phaseParked {
			b.enter(i, phaseNone)
			b.file(i, now)
		}
	}
}

// Of lists the occurrences of a person that are held.
func (b *Board) Of(person int64) (ids []int64) {
	if g, ok := b.people[person]; ok {
		for i := range b.membersOf(g) {
			ids = append(ids, b.items[i].id)
		}
	}
	return ids
}

// membersOf yields the items of a group, which may be refiled meanwhile.
func (b *Board) membersOf(g int32) func(yield func(int32) bool) {
	return func(yield func(int32) bool) {
		for i := b.groups[g].head; i >= 0; {
			it := &b.items[i]
			next := it.nextPerson
			if it.number == g {
				next = it.nextNumber
			}
			if !yield(i) {
				return
			}
			i = next
		}
	}
}

// HoldNumber marks a number as being in a call that is none of ours to start, on the inbound line for example: it uses a
// line, and nobody rings the number. An empty number only uses the line.
func (b *Board) HoldNumber(number string) {
	b.private.ring(1)
	if number != "" {
		b.busy(b.numberGroup(number))
	}
}

// ReleaseNumber gives a number back that HoldNumber took.
func (b *Board) ReleaseNumber(number string, now time.Time) {
	b.private.ring(-1)
	if g, ok := b.numbers[number]; ok && number != "" {
		b.idle(g, now.UnixNano())
		b.dropNumber(g)
	}
}
