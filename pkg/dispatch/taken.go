package dispatch

import (
	"slices"
	"time"

	"github.com/rappel-tel/rappel/pkg/call"
)

// Another chooses a further caller for an attempt under way and gives her the line of the one before, who has to be set to
// another state by SetCaller. It returns 0 when nobody may take it: nobody free but those tried, scheme closed or
// paused, too near the window's end. The agreement's hold no longer counts.
func (b *Board) Another(occurrence int64, tried []int64, now time.Time) (caller int64) {
	i, ok := b.byID[occurrence]
	if !ok || b.items[i].phase != phaseTaken || b.items[i].held < 0 || b.items[i].queued || b.paused || !b.hoursRun(now) {
		return 0
	}
	it := &b.items[i]
	if now.UnixNano() >= it.closes-int64(b.limits.Lead) {
		return 0
	}
	on := b.onTrunk(i)
	room := on.room() + int(it.cost)
	k := b.callerFor(it, func(k int32) bool {
		return int(b.clerks[k].cost) <= room && b.at[k]&(1<<it.site) != 0 && !slices.Contains(tried, b.ids[k])
	})
	if k < 0 {
		return 0
	}
	if !on.change(b, int(b.clerks[k].cost)-int(it.cost), now.UnixNano()) {
		return 0 // Another scheme was quicker.
	}
	it.held, it.cost = k, b.clerks[k].cost
	b.setFree(k, false)
	b.clerks[k].fit, b.clerks[k].ready = false, false
	return b.ids[k]
}

// Adopt marks an occurrence as taken by an attempt that an earlier process started: whatever the limits say now, its line,
// person and number are in use.
func (b *Board) Adopt(o *Occurrence, caller int64, number string, now time.Time) {
	b.Put(o, now)
	i := b.byID[o.ID]
	it := &b.items[i]
	if it.phase == phaseTaken {
		return
	}
	b.unfile(i)
	b.enter(i, phaseTaken)
	if g := b.numberGroup(number); g != it.number {
		b.unlinkNumber(i)
		b.dropNumber(it.number)
		it.number = g
		it.nextNumber, b.groups[g].head = b.groups[g].head, i
	}
	it.held, it.cost = b.slotOf(caller), 1
	if it.held >= 0 {
		it.cost = b.clerks[it.held].cost
		b.setFree(it.held, false)
		b.clerks[it.held].fit, b.clerks[it.held].ready = false, false
	} else {
		b.auto++
		b.fixLane(autoLane)
	}
	b.carry(i, b.trunks[0])
	b.trunks[0].adopt(b, int(it.cost))
	b.settleAt(i, here)
	b.busy(it.person)
	b.busy(it.number)
}

// Release ends the attempt of an occurrence: line, person and number are free again. The occurrence as it stands now is
// filed again when it is open and forgotten otherwise. The caller keeps the state that SetCaller gives her.
func (b *Board) Release(o *Occurrence, now time.Time) {
	i, ok := b.slotFor(o)
	if !ok || b.items[i].phase != phaseTaken {
		return
	}
	o.slot = i
	it := &b.items[i]
	person, number, ns := it.person, it.number, now.UnixNano()
	b.onTrunk(i).adopt(b, -int(it.cost))
	it.on = 0
	b.unsettle(i)
	if it.held < 0 {
		b.auto--
		b.fixLane(autoLane)
	}
	b.enter(i, phaseNone)
	b.idle(person, ns)
	b.idle(number, ns)
	deferred := it.deferred
	switch {
	case o.State != call.OccurrenceOpen:
		b.remove(i)
		return
	case b.groups[person].person == o.Beneficiary && b.groups[number].number == NumberFor(o):
		b.redo(i, o, ns)
	default:
		b.remove(i)
		i = b.insert(o)
	}
	b.items[i].deferred = max(int32(o.Deferred), deferred)
	b.file(i, ns)
}

// redo describes an item that is to be filed again for the same person and number. The alarm of its window's end goes on,
// unless that has moved or is past.
func (b *Board) redo(i int32, o *Occurrence, now int64) {
	it := &b.items[i]
	closes := it.closes
	b.describe(i, o)
	if it.closes != closes {
		it.gen++
	}
	if it.closes != closes || now >= closes {
		b.alarm.push(alarm{at: it.closes, item: i, gen: it.gen})
	}
}

// Deferred is how often an occurrence was deferred by now.
func (b *Board) Deferred(occurrence int64) int {
	if i, ok := b.byID[occurrence]; ok {
		return int(b.deferredOf(&b.items[i]))
	}
	return 0
}

// StartQueued starts a callback of the registrars' queue with a free registrar, within the lines, the pace and the hours. A
// zero Start says that it does not start now, and again when to look again if the pace is why; other causes end by an event.
func (b *Board) StartQueued(occurrence, registrar int64, now time.Time) (s Start, again time.Time) {
	i, ok := b.byID[occurrence]
	if !ok {
		return s, again
	}
	it, ns := &b.items[i], now.UnixNano()
	if it.phase == phaseFuture && ns >= it.due {
		b.unfile(i)
		b.file(i, ns)
	}
	k := b.slotOf(registrar)
	switch {
	case it.phase != phaseQueued || b.paused || !b.hoursRun(now) || ns >= it.closes-int64(b.limits.Lead):
		return s, again
	case int(b.clerks[k].cost) > b.lines():
		return s, again
	case ns < b.paceDue():
		return s, timeOf(b.paceDue())
	}
	var d Decision
	if started, early := b.begin(i, k, ns, &d); !started {
		return s, timeOf(early)
	}
	return d.Starts[0], again
}
