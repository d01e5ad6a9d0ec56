package dispatch

import (
	"slices"
	"time"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// clerk is a caller as far as every decision looks at her: one line of memory, because among very many callers each line is
// fetched from afar. Whether she is free stands in Board.turns.
type clerk struct {
	own   []int32 // Items kept for her.
	lanes []int32 // Those she serves, in order.
	pos   int32   // In the heap of callers with something kept for them; -1 when not in it.

	cost   uint8 // Lines that a call of hers uses: her own phone may need one too.
	column bool  // Is among those to choose from, while they are gathered.
	ready  bool  // Free but for her rest and her phone.
	fit    bool  // Free but for her rest.
	spent  bool  // Free but for what she has done today.
	light  bool  // Is spared hard calls now.
	duty   bool  // Will come back by herself: worth waiting for.
}

// profile is what else is known of a caller.
type profile struct {
	since int64 // Since when she is ready.
	rest  int64 // Until when she is left alone after a hard call.
	hard  int32 // Hard calls today.

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
func (p *profile) serves(l *lane) bool {
	if !slices.Contains(p.words[:p.langs], l.language) {
		return false
	}
	for _, skill := range l.skills {
		if !slices.Contains(p.words[p.langs:], skill) {
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
	b.clerks, b.profiles = append(b.clerks, clerk{pos: -1, cost: 1}), append(b.profiles, profile{})
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

// isFree reports whether a caller may be given a call now.
func (b *Board) isFree(k int32) bool { return b.turns[k]&1 == 1 }

// setFree makes a caller free or not, in every lane of hers.
func (b *Board) setFree(k int32, free bool) {
	if b.isFree(k) == free {
		return
	}
	c := &b.clerks[k]
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
	x, p := &b.clerks[k], &b.profiles[k]
	load := c.Load.Within(b.limits.Load)
	there := c.Enabled && !c.OnLine && c.State.Available() && slices.Contains(c.Roles, roster.RoleCaller)
	duty := c.Enabled && worthWaiting(c.State) && !spent(load, c)
	spared := spares(load, c)
	known := p.given.are(words{languages: c.Languages, skills: c.Skills})
	if !known || x.light != spared || p.since != c.Since.UnixNano() || p.hard != int32(c.HardToday) {
		b.setFree(k, false) // She is filed by these.
	}
	moved := !known && b.setWords(k, c)
	refile := len(x.own) > 0 && (moved || x.duty && !duty || !x.light && spared)
	x.duty, x.light = duty, spared
	p.since, p.rest, p.hard = c.Since.UnixNano(), c.Rest.UnixNano(), int32(c.HardToday)
	x.cost = 1
	if c.Endpoint == "" && c.Number != "" {
		x.cost = 2
	}
	x.ready, x.spent = there && !spent(load, c), there && spent(load, c)
	if b.endpoints[k] != c.Endpoint {
		b.endpoints[k] = c.Endpoint
		b.locate(k)
	}
	x.fit = x.ready && b.reachable(k)
	free := x.fit && !c.Rest.After(now)
	if !free || refile {
		b.setFree(k, false)
	}
	if refile {
		for _, i := range append([]int32(nil), x.own...) {
			b.unfile(i)
			b.file(i, now.UnixNano())
		}
	}
	if c.Rest.After(now) {
		b.alarm.push(alarm{at: p.rest, item: ^k})
	}
	b.setFree(k, free)
}

// rested makes a caller free again whose rest is over. An alarm of a rest that was changed meanwhile says nothing.
func (b *Board) rested(k int32, at int64) {
	if c := &b.clerks[k]; c.fit && !b.isFree(k) && b.profiles[k].rest == at {
		b.setFree(k, true)
	}
}

// setWords takes a caller's languages and skills over and reports whether they have changed.
func (b *Board) setWords(k int32, c *Caller) bool {
	x := &b.profiles[k]
	x.given = words{languages: c.Languages, skills: c.Skills}
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
	x.langs, x.words = len(c.Languages), x.words[:0]
	for _, l := range c.Languages {
		x.words = append(x.words, b.wordOf(string(l)))
	}
	for _, s := range c.Skills {
		x.words = append(x.words, b.wordOf(s))
	}
	lanes := b.clerks[k].lanes[:0]
	for at := autoLane + 1; at < len(b.lanes); at++ {
		if x.serves(&b.lanes[at]) {
			lanes = append(lanes, int32(at))
		}
	}
	b.clerks[k].lanes = lanes
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
