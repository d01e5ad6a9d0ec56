package dispatch

import (
	"slices"
	"time"
)

// PBX is a switch at which calls of a scheme may be placed, as its node says. A call lives at one PBX from its first leg to its
// end: one at which its caller's phone is registered, and which has a trunk with a line.
type PBX struct {
	Node string // Which places calls there; empty is the node that leads.
	// Phones are the endpoints of the softphones that are registered there. Whoever uses the map changes it no more.
	Phones map[string]bool
}

// site is a PBX as a board sees it. Its place in the board's list stays while the board lives.
type site struct {
	node     string
	phones   map[string]bool
	usable   bool
	admitted int  // How many calls may still be started there; noBound for any number.
	calls    int  // Of this board.
	started  bool // A call, since the number was last bounded.
}

// here is the place of the leader's own PBX in the list, and everywhere a set of all.
const (
	here       = 0
	everywhere = ^uint64(0)
	mostSites  = 64
)

// UsePBXs says at which PBXs calls may be placed from now on. Without any it is the leader's own, whose phones nobody knows: a
// caller is then offered a call wherever her phone is. Calls under way stay where they are.
func (b *Board) UsePBXs(list []PBX, now time.Time) {
	for i := range b.sites {
		b.sites[i].usable, b.sites[i].phones = false, nil
	}
	b.several = list != nil
	if list == nil {
		b.sites[here].usable = true
	}
	for _, p := range list {
		if at := b.siteOf(p.Node); at >= 0 {
			b.sites[at].usable, b.sites[at].phones = true, p.Phones
		}
	}
	for k := range b.clerks {
		b.locate(int32(k))
		b.refit(int32(k), now)
	}
}

// Avoid places no call at a node's PBX until UsePBXs names it again: it takes none.
func (b *Board) Avoid(node string, now time.Time) {
	if at := b.siteOf(node); at >= 0 && b.several {
		b.sites[at].usable = false
		for k := range b.clerks {
			b.refit(int32(k), now)
		}
	}
}

// siteOf is the place of a node's PBX, which is made for one that was not seen before; -1 when there are too many.
func (b *Board) siteOf(node string) int {
	at := slices.IndexFunc(b.sites, func(s site) bool { return s.node == node })
	if at < 0 && len(b.sites) < mostSites {
		at = len(b.sites)
		b.sites = append(b.sites, site{node: node, admitted: noBound})
	}
	return at
}

// locate finds out at which PBXs a caller can be rung. An ordinary phone is reached from each.
func (b *Board) locate(k int32) {
	b.at[k] = everywhere
	if !b.several || b.endpoints[k] == "" {
		return
	}
	b.at[k] = 0
	for i := range b.sites {
		if b.sites[i].phones[b.endpoints[k]] {
			b.at[k] |= 1 << i
		}
	}
}

// reachable reports whether a caller can be rung at a PBX that is used.
func (b *Board) reachable(k int32) bool {
	for i := range b.sites {
		if b.sites[i].usable && b.at[k]&(1<<i) != 0 {
			return true
		}
	}
	return false
}

// refit makes a caller free or not whose phone can be rung now, or no longer.
func (b *Board) refit(k int32, now time.Time) {
	c := &b.clerks[k]
	fit := c.ready && b.reachable(k)
	if fit == c.fit {
		return
	}
	c.fit = fit
	b.setFree(k, fit && b.profiles[k].rest <= now.UnixNano())
}

// AdmitAt bounds how many calls the next Plan starts at a node's PBX; less than 0 bounds nothing, as at first.
func (b *Board) AdmitAt(node string, room int) {
	if at := b.siteOf(node); at >= 0 {
		b.sites[at].admitted, b.sites[at].started = max(room, noBound), false
	}
}

// admits reports whether any PBX may be given a call, and bounded whether one of them bounds their number.
func (b *Board) admits() bool {
	return slices.ContainsFunc(b.sites, func(s site) bool { return s.usable && s.admitted != 0 })
}

func (b *Board) bounded() bool {
	return slices.ContainsFunc(b.sites, func(s site) bool { return s.usable && s.admitted != noBound })
}

// admitsFor reports whether a PBX may be given a call at which a caller can be rung; -1 is a call that needs none.
func (b *Board) admitsFor(k int32) bool { return len(b.candidates(k)) > 0 }

// candidates are the PBXs that may be given a call with a caller, or without one (-1): those with the fewest calls of this
// scheme first, the leader's own before others. The list is good until the next one is made.
func (b *Board) candidates(k int32) []uint8 {
	list := b.places[:0]
	for i := range b.sites {
		s := &b.sites[i]
		if s.usable && s.admitted != 0 && (k < 0 || b.at[k]&(1<<i) != 0) {
			list = append(list, uint8(i))
		}
	}
	if len(list) > 1 {
		slices.SortStableFunc(list, func(x, y uint8) int { return b.sites[x].calls - b.sites[y].calls })
	}
	b.places = list
	return list
}

// NodeOf names the node at whose PBX the call of an occurrence is that was started; empty is the leader's own.
func (b *Board) NodeOf(occurrence int64) string {
	if i, ok := b.byID[occurrence]; ok {
		return b.sites[b.items[i].site].node
	}
	return ""
}

// settleAt counts a call at a PBX, and unsettle no longer.
func (b *Board) settleAt(i int32, at uint8) {
	b.items[i].site = at
	b.sites[at].calls++
}

func (b *Board) unsettle(i int32) {
	b.sites[b.items[i].site].calls--
	b.items[i].site = here
}

// move counts the call of an occurrence that was adopted at the PBX where it is.
func (b *Board) move(occurrence int64, node string) {
	i, ok := b.byID[occurrence]
	at := b.siteOf(node)
	if !ok || b.items[i].phase != phaseTaken || at < 0 {
		return
	}
	b.unsettle(i)
	b.settleAt(i, uint8(at))
}

// asPlaced turns nodes into how orders and the board name them: the leader's own PBX has no name there.
func (e *Engine) asPlaced(nodes []string) []string {
	placed := slices.Clone(nodes)
	if at := slices.Index(placed, e.opts.Holder); at >= 0 {
		placed[at] = ""
	}
	return placed
}
