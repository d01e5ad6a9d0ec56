package dispatch

import (
	"slices"
	"time"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// clerk is a caller as far as the decision needs her.
//
// What every decision looks at stands first: among very many callers each further line of memory is fetched from afar.
type clerk struct {
	cost   uint8 // Lines that a call of hers uses: her own phone may need one too.
	column bool  // Is among those to choose from, while they are gathered.
	free   bool  // May be given a call now.
	ready  bool  // Free but for her rest and her phone.
	fit    bool  // Free but for her rest.
	spent  bool  // Free but for what she has done today.
	light  bool  // Is spared hard calls now.
	duty   bool  // Will come back by herself: worth waiting for.

	hard  int32
	best  int32   // The foremost of her own items while she is free; -1 for none.
	pos   int32   // In the heap of callers with something kept for them; -1 when not in it.
	since int64   // Since when she is ready.
	rest  int64   // Until when she is left alone after a hard call.
	own   []int32 // Items kept for her.
	lanes []int32 // Those she serves, in order.

	given words    // From which the words were taken.
	words []uint16 // Her languages, then her skills, as they were given.
	langs int      // How many of the words are languages.
}

// words are a caller's languages and skills. Whoever gives them changes them by giving others.
type words struct {
	languages []roster.Language
	skills    []string
}

// are reports whether two are the same lists in memory.
func (w words) are(other words) bool {
	return sameList(w.languages, other.languages) && sameList(w.skills, other.skills)
}

func sameList[T any](a, b []T) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// serves reports whether a caller has a lane's language and skills.
func (c *clerk) serves(l *lane) bool {
	if !slices.Contains(c.words[:c.langs], l.language) {
		return false
	}
	for _, skill := range l.skills {
		if !slices.Contains(c.words[c.langs:], skill) {
			return false
		}
	}
	return true
}

// suits reports whether an item is for a caller like her: language, skills, and what she can bear now.
func (c *clerk) suits(it *item) bool {
	if c.light && it.hard == hard {
		return false
	}
	_, ok := slices.BinarySearch(c.lanes, it.lane)
	return ok
}

// kind says in which of a lane's heaps of free callers she is filed.
func (c *clerk) kind() int {
	if c.light {
		return light
	}
	return anything
}

// slotOf returns the slot of a caller, also of one who is not known yet: then she is off.
func (b *Board) slotOf(caller int64) int32 {
	if caller == 0 {
		return -1
	}
	if k, ok := b.clerkOf[caller]; ok {
		return k
	}
	k := int32(len(b.clerks))
	b.clerks = append(b.clerks, clerk{best: -1, pos: -1, cost: 1})
	b.ids = append(b.ids, caller)
	b.endpoints, b.at = append(b.endpoints, ""), append(b.at, everywhere)
	b.turns = append(b.turns, 0)
	b.clerkOf[caller] = k
	return k
}

// slotAgain is slotOf for a caller who probably has the slot that is given.
func (b *Board) slotAgain(k int32, caller int64) int32 {
	if k >= 0 && int(k) < len(b.ids) && b.ids[k] == caller {
		return k
	}
	return b.slotOf(caller)
}

// setFree makes a caller free or not, in every lane of hers.
func (b *Board) setFree(k int32, free bool) {
	c := &b.clerks[k]
	if c.free == free {
		return
	}
	c.free = free
	b.turns[k]++
	for _, at := range c.lanes {
		if free {
			b.pushFree(at, k)
			continue
		}
		l := &b.lanes[at]
		if l.nFree[c.kind()]--; l.pos >= 0 && l.nFree[c.kind()] == 0 {
			b.fixLane(at)
		}
	}
	b.own.fix(k)
}

// SetCaller files a caller, or files her anew after a change. Since is when she became ready; her place among the idle
// depends on it. A caller who is not enabled is off; one who has done what her Load allows for the day is given nothing.
func (b *Board) SetCaller(c *Caller, now time.Time) {
	k := b.slotAgain(c.slot, c.ID)
	c.slot = k
	x := &b.clerks[k]
	b.setFree(k, false)
	load := c.Load.Within(b.limits.Load)
	duty := c.Enabled && worthWaiting(c.State) && !spent(load, c)
	spared := spares(load, c)
	moved := b.setWords(x, c)
	refile := len(x.own) > 0 && (moved || x.duty && !duty || !x.light && spared)
	x.duty, x.light, x.hard, x.since, x.rest = duty, spared, int32(c.HardToday), c.Since.UnixNano(), c.Rest.UnixNano()
	x.cost = 1
	if c.Endpoint == "" && c.Number != "" {
		x.cost = 2
	}
	if refile {
		for _, i := range append([]int32(nil), x.own...) {
			b.unfile(i)
			b.file(i, now.UnixNano())
		}
	}
	x = &b.clerks[k]
	there := c.Enabled && !c.OnLine && c.State.Available() && slices.Contains(c.Roles, roster.RoleCaller)
	x.ready, x.spent = there && !spent(load, c), there && spent(load, c)
	if b.endpoints[k] != c.Endpoint {
		b.endpoints[k] = c.Endpoint
		b.locate(k)
	}
	x.fit = x.ready && b.reachable(k)
	if c.Rest.After(now) {
		b.alarm.push(alarm{at: x.rest, item: ^k})
		b.own.fix(k)
		return
	}
	b.setFree(k, x.fit)
}

// rested makes a caller free again whose rest is over. An alarm of a rest that was changed meanwhile says nothing.
func (b *Board) rested(k int32, at int64) {
	if c := &b.clerks[k]; c.fit && !c.free && c.rest == at {
		b.setFree(k, true)
	}
}

// setWords takes a caller's languages and skills over and reports whether they have changed.
func (b *Board) setWords(x *clerk, c *Caller) bool {
	given := words{languages: c.Languages, skills: c.Skills}
	if x.given.are(given) {
		return false
	}
	x.given = given
	same := len(c.Languages) == x.langs && len(c.Languages)+len(c.Skills) == len(x.words)
	for i, l := range c.Languages {
		same = same && b.wordOf(string(l)) == x.words[i]
	}
	for i, s := range c.Skills {
		same = same && b.wordOf(s) == x.words[x.langs+i]
	}
	if same {
		return false
	}
	x.langs, x.words, x.lanes = len(c.Languages), x.words[:0], x.lanes[:0]
	for _, l := range c.Languages {
		x.words = append(x.words, b.wordOf(string(l)))
	}
	for _, s := range c.Skills {
		x.words = append(x.words, b.wordOf(s))
	}
	for at := autoLane + 1; at < len(b.lanes); at++ {
		if x.serves(&b.lanes[at]) {
			x.lanes = append(x.lanes, int32(at))
		}
	}
	return true
}

// worthWaiting reports whether an occurrence is held for a caller in this state: she is at work and comes back.
func worthWaiting(s call.CallerState) bool {
	switch s {
	case call.CallerReady, call.CallerReadyOnce, call.CallerReserved, call.CallerInCall, call.CallerWrapUp,
		call.CallerBreak:
		return true
	default:
		return false
	}
}
