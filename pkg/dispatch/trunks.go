package dispatch

import (
	"cmp"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rappel-tel/rappel/pkg/call"
)

// Trunk is a way to the telephone network as a scheme uses it: what its operator allows on it, and which numbers the scheme
// presents there. Schemes that name the same Endpoint share its lines and its pace.
type Trunk struct {
	Endpoint       string
	Lines          int                  // In all.
	InboundReserve int                  // Never used outbound; 0 means a fifth of all, at least 1.
	CallsPerSecond float64              // 0 means no pacing.
	CLI            map[call.Kind]string // Number presented, per kind; the empty kind is the default.
	Nodes          []string             // At whose PBXs it is; every one's when there is none.
}

// trunk is the lines of a trunk and their use, by every board that uses it. It is safe for use by several goroutines. Instants
// are those of the boards' clock.
type trunk struct {
	name    string
	unknown *atomic.Int64 // Inbound calls of which nobody knows through which trunk they came: they count on each.

	mu       sync.Mutex
	lines    int
	reserve  int
	interval int64
	burst    int
	outbound int
	inbound  int
	pace     int64          // When the next call is due (generic cell rate algorithm).
	users    map[*Board]use // Who may be told that a line is free.
	share    shared         // With other nodes.
}

// use is a board's part in a trunk.
type use struct {
	lines int
	told  func() // Nil for a board that nobody wakes.
}

func newTrunk(name string, unknown *atomic.Int64) *trunk {
	return &trunk{name: name, unknown: unknown, reserve: 1, burst: 1, users: map[*Board]use{}}
}

// allow sets what the operator allows.
func (t *trunk) allow(lines, reserve int, interval time.Duration, burst int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines, t.reserve, t.interval, t.burst = lines, max(reserve, 1), int64(interval), max(burst, 1)
}

// room is how many lines may still be used outbound. Those who ring in always keep their reserve.
func (t *trunk) room() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.free()
}

func (t *trunk) free() int {
	return min(t.lines-max(t.reserve, t.inbound+int(t.unknown.Load())+t.share.inbound), t.granted()) - t.outbound
}

// due is when the next call may be started.
func (t *trunk) due() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.earliest()
}

func (t *trunk) earliest() int64 { return t.pace - int64(t.burst-1)*t.pause() }

// take uses lines for a call of a board if there are so many and its time has come. Early is set when only the time has not.
func (t *trunk) take(b *Board, lines int, now int64) (ok bool, early int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.free() < lines:
		t.starving()
		return false, 0
	case now < t.earliest():
		return false, t.earliest()
	}
	t.pace = max(t.pace, now) + int64(lines)*t.pause()
	t.count(b, lines)
	return true, 0
}

// change uses more lines for a call under way, or fewer when less than 0. What is taken goes at once; whoever asks for more has
// looked for room before. It reports false when there is none left.
func (t *trunk) change(b *Board, lines int, now int64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if lines > 0 {
		if t.free() < lines {
			t.starving()
			return false
		}
		t.pace = max(t.pace, now) + int64(lines)*t.pause()
	}
	t.count(b, lines)
	return true
}

// adopt counts lines that are in use, whatever is allowed.
func (t *trunk) adopt(b *Board, lines int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.count(b, lines)
}

func (t *trunk) count(b *Board, lines int) {
	t.outbound += lines
	u := t.users[b]
	u.lines += lines
	t.users[b] = u
	if lines < 0 {
		t.tell(b)
	}
}

// tell wakes the other boards that use the trunk: a line is free.
func (t *trunk) tell(by *Board) {
	for b, u := range t.users {
		if b != by && u.told != nil {
			u.told()
		}
	}
}

// ring counts inbound calls.
func (t *trunk) ring(calls int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.inbound = max(t.inbound+calls, 0)
	if calls < 0 {
		t.tell(nil)
	}
}

// join and leave say that a board uses the trunk, or no longer: what it held is free here.
func (t *trunk) join(b *Board, told func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	u := t.users[b]
	u.told = told
	t.users[b] = u
}

func (t *trunk) leave(b *Board) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.outbound -= t.users[b].lines
	delete(t.users, b)
	t.tell(b)
}

// holds is how many lines a board uses, and how many those who ring in do.
func (t *trunk) holds(b *Board) (outbound, inbound int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.users[b].lines, t.inbound + int(t.unknown.Load())
}

// trunks are those of every scheme that is led here, by name: a trunk has its lines and its pace once, whoever uses it.
type trunks struct {
	unknown atomic.Int64
	clock   func() time.Time // Real time; nil when no other node uses them.
	short   chan struct{}    // Size 1: lines are missing.
	mu      sync.Mutex
	named   map[string]*trunk
}

// get returns the trunk of a name.
func (t *trunks) get(name string) *trunk {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.named == nil {
		t.named = map[string]*trunk{}
	}
	known := t.named[name]
	if known == nil {
		known = newTrunk(name, &t.unknown)
		known.share.clock, known.share.starve = t.clock, t.starve
		t.named[name] = known
	}
	return known
}

// ring counts an inbound call; without a name of its trunk it counts on each.
func (t *trunks) ring(name string, calls int) {
	if name != "" {
		t.get(name).ring(calls)
		return
	}
	t.unknown.Add(int64(calls))
	if calls > 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, known := range t.named {
		known.ring(0)
		known.wakeAll()
	}
}

func (t *trunk) wakeAll() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tell(nil)
}

// lines is how many lines may still be used outbound by one call: the most that any of the scheme's trunks has.
func (b *Board) lines() int {
	most := math.MinInt
	for _, t := range b.trunks {
		if b.atHand(t) {
			most = max(most, t.room())
		}
	}
	return most
}

// atHand reports whether a trunk is at a PBX that is used.
func (b *Board) atHand(t *trunk) bool {
	only := b.onlyAt[t]
	return len(only) == 0 || slices.ContainsFunc(b.sites, func(s site) bool { return s.usable && slices.Contains(only, s.node) })
}

// allLines is how many lines may still be used outbound on all of the scheme's trunks.
func (b *Board) allLines() (n int) {
	for _, t := range b.trunks {
		n += max(0, t.room())
	}
	return n
}

// paceDue is when the next call may be started on a trunk that has a line, at the agreed calls per second.
func (b *Board) paceDue() int64 {
	first := int64(math.MaxInt64)
	for _, t := range b.trunks {
		if len(b.trunks) == 1 || t.room() > 0 && b.atHand(t) {
			first = min(first, t.due())
		}
	}
	return first
}

// bar keeps calls of a kind that needs no caller off a trunk, which presents no number for them.
type bar struct {
	on      *trunk
	machine uint8 // As item has it.
}

// machineOf numbers a kind of call that needs no caller; 0 stands for those that callers make.
func (b *Board) machineOf(k call.Kind) uint8 {
	if !b.automatic(k) {
		return 0
	}
	return uint8(1 + slices.Index(call.Kinds(), k))
}

// place uses lines for a call with a caller, or without one (-1), at the first PBX that may be given it and has a trunk for it. It
// returns nil when there is none, and when to look again.
func (b *Board) place(k int32, lines int, machine uint8, now int64) (on *trunk, at uint8, again int64) {
	again = math.MaxInt64
	for _, at := range b.candidates(k) {
		on, early := b.reserve(lines, machine, now, b.sites[at].node)
		if on != nil {
			return on, at, 0
		}
		again = min(again, early)
	}
	return nil, here, again
}

// reserve uses lines of the first trunk of a PBX that has them and on which a call is due; machine numbers its kind when it needs
// no caller. It returns nil when there is none, and when to look again: another scheme may have been quicker.
func (b *Board) reserve(lines int, machine uint8, now int64, node string) (on *trunk, again int64) {
	again = math.MaxInt64
	for _, t := range b.trunks {
		if only := b.onlyAt[t]; len(only) > 0 && !slices.Contains(only, node) {
			continue
		}
		if machine != 0 && slices.Contains(b.barred, bar{t, machine}) {
			continue
		}
		ok, early := t.take(b, lines, now)
		if ok {
			return t, 0
		}
		if early > 0 {
			again = min(again, early)
		}
	}
	return nil, again
}

// onTrunk is the trunk of an item that is taken.
func (b *Board) onTrunk(i int32) *trunk {
	if on := b.items[i].on; on > 0 {
		return b.carriers[on-1]
	}
	return b.trunks[0]
}

// carry notes the trunk of an item that is taken.
func (b *Board) carry(i int32, on *trunk) {
	at := slices.Index(b.carriers, on)
	if at < 0 {
		at = len(b.carriers)
		b.carriers = append(b.carriers, on)
	}
	b.items[i].on = uint16(at + 1)
}

// TrunkOf names the trunk that carries the call of an occurrence that was started; empty when the board was given none.
func (b *Board) TrunkOf(occurrence int64) string {
	if i, ok := b.byID[occurrence]; ok {
		return b.onTrunk(i).name
	}
	return b.trunks[0].name
}

// use gives the board the trunks of its scheme, which others may share. It replaces those it had: calls on them go on, and
// give their lines back to them.
func (b *Board) use(list []*trunk, told func()) {
	for _, t := range list {
		t.join(b, told)
	}
	b.trunks = list
}

// rehome puts the call of an occurrence that was adopted on its trunk.
func (b *Board) rehome(occurrence int64, on *trunk) {
	i, ok := b.byID[occurrence]
	if !ok || b.items[i].phase != phaseTaken || b.onTrunk(i) == on {
		return
	}
	b.onTrunk(i).adopt(b, -int(b.items[i].cost))
	on.adopt(b, int(b.items[i].cost))
	b.carry(i, on)
}

// letGo gives every line back that the board holds: nobody decides by it any more.
func (b *Board) letGo() {
	for _, t := range b.trunks {
		t.leave(b)
	}
	for _, t := range b.carriers {
		t.leave(b)
	}
}

// ways are the trunks of a scheme.
func (s *Scheme) ways() []Trunk {
	if len(s.Trunks) > 0 {
		return s.Trunks
	}
	return []Trunk{{
		Endpoint: s.Trunk, Lines: s.Lines, InboundReserve: s.InboundReserve, CallsPerSecond: s.CallsPerSecond, CLI: s.CLI,
	}}
}

// cli is the number presented on a trunk for a kind of call.
func (s *Scheme) cli(endpoint string, kind call.Kind) string {
	for _, t := range s.ways() {
		if t.Endpoint != endpoint {
			continue
		}
		return cmp.Or(t.number(kind), t.CLI[""])
	}
	return ""
}

func (t *Trunk) reserve() int {
	if t.InboundReserve > 0 {
		return t.InboundReserve
	}
	return max(1, t.Lines/5)
}

// paceOf is the time between two calls on a trunk, by the service's clock, and how many may follow each other at once.
func (e *Engine) paceOf(t Trunk) (interval time.Duration, burst int) {
	if t.CallsPerSecond <= 0 {
		return 0, 1
	}
	return e.opts.service(time.Duration(float64(time.Second) / t.CallsPerSecond)), max(1, int(t.CallsPerSecond/20))
}

// useTrunks gives the board the trunks of the settings.
func (e *Engine) useTrunks() {
	var list []*trunk
	var barred []bar
	onlyAt := map[*trunk][]string{}
	for _, way := range e.settings.ways() {
		interval, burst := e.paceOf(way)
		t := e.network.get(way.Endpoint)
		t.allow(way.Lines, way.reserve(), interval, burst)
		list = append(list, t)
		for _, kind := range call.Kinds() {
			if e.settings.presentableOn(way, kind) != nil {
				barred = append(barred, bar{t, e.board.machineOf(kind)})
			}
		}
		if len(way.Nodes) > 0 {
			onlyAt[t] = e.asPlaced(way.Nodes)
		}
	}
	e.board.use(list, e.poke)
	e.board.barred, e.board.onlyAt = barred, onlyAt
}
