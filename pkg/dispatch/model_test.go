package dispatch

import (
	"fmt"
	"slices"
	"time"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/schedule"
)

// model says what a board should do, by looking at everything each time. It shares nothing with Board but Limits.
type model struct {
	limits    Limits
	rules     schedule.Rules
	callers   []*modelCaller // In the order in which the board first heard of them.
	items     []*modelItem
	holds     map[string]int
	nHolds    int
	pace      time.Time
	skipped   map[int64]bool
	paused    bool
	violation string
}

type modelCaller struct {
	Caller
	resting bool // As of the last look.
}

// spared and spent say the bounds of a day in the words of Load's doc.
func (m *model) spared(c *modelCaller) bool {
	l := m.limits.Load
	return l.Hard > 0 && c.HardToday >= l.Hard || l.HardInRow > 0 && c.HardInRow >= l.HardInRow
}

func (m *model) spent(c *modelCaller) bool {
	l := m.limits.Load
	return l.Calls > 0 && c.CallsToday >= l.Calls || l.Talk > 0 && c.TalkToday >= l.Talk
}

type modelItem struct {
	Occurrence
	due                bool // Its time has come, as of the last look: only Plan, Put and Release look at the time.
	ready, held, taken bool
	deferred, cost     int
	by                 int64
}

func (m *model) caller(id int64) *modelCaller {
	for _, c := range m.callers {
		if c.ID == id {
			return c
		}
	}
	return nil
}

// able: has she the language and the skills, and is she not spared this one?
func (m *model) able(id int64, o *modelItem) bool {
	c := m.caller(id)
	if c == nil || o.automatic() || o.Hard && m.spared(c) {
		return false
	}
	for _, s := range o.Skills {
		if !slices.Contains(c.Skills, s) {
			return false
		}
	}
	return slices.Contains(c.Languages, o.Language)
}

func (o *modelItem) automatic() bool { return o.Kind == call.KindPresence }

// noCaller stands for the caller of a call that needs none.
const noCaller = -1

func (m *model) free(id int64) bool {
	c := m.caller(id)
	if c == nil || !c.Enabled || c.OnLine || !c.State.Available() || m.skipped[id] || m.spent(c) || c.resting {
		return false
	}
	for _, o := range m.items {
		if o.taken && o.by == id {
			return false
		}
	}
	return true
}

func cost(c *modelCaller) int {
	if c != nil && c.Endpoint == "" && c.Number != "" {
		return 2
	}
	return 1
}

func (m *model) lines() int {
	used := 0
	for _, o := range m.items {
		if o.taken {
			used += o.cost
		}
	}
	return m.limits.Lines - max(m.limits.InboundReserve, m.nHolds) - used
}

// inCall reports whether the person or the number is in another call.
func (m *model) inCall(o *modelItem) bool {
	for _, x := range m.items {
		if x.taken && x != o && (x.Beneficiary == o.Beneficiary || NumberFor(&x.Occurrence) == NumberFor(&o.Occurrence)) {
			return true
		}
	}
	return m.holds[NumberFor(&o.Occurrence)] > 0
}

func (m *model) holdEnds(o *modelItem) time.Time {
	end := o.Opens.Add(m.limits.Hold)
	if last := o.Closes.Add(-o.Length); last.Before(end) {
		end = last
	}
	return end
}

func (m *model) look(o *modelItem, now time.Time) {
	o.due = !now.Before(o.Opens) && !now.Before(o.NotBefore)
}

// file decides anew whether an occurrence is ready and held.
func (m *model) file(o *modelItem, now time.Time) {
	o.ready = o.due && !o.taken && !m.inCall(o) && now.Before(o.Closes.Add(-m.limits.Lead))
	c := m.caller(o.Reference)
	o.held = o.ready && o.Continuity != roster.Rotate && now.Before(m.holdEnds(o)) && c != nil && c.Enabled &&
		worthWaiting(c.State) && !m.spent(c) && m.able(c.ID, o)
}

// settleAll files again what has changed: ready or not, held or not any more.
func (m *model) settleAll(now time.Time) {
	for _, o := range m.items {
		was, held := o.ready, o.held
		m.file(o, now)
		if was && o.ready && !held {
			o.held = false // A hold that was given up is not taken up again.
		}
	}
}

func (m *model) strict(o *modelItem) bool {
	return o.Continuity == roster.Strict && (o.Reference != 0 || o.Deputy != 0)
}

// mayTake: could this caller take it, were she free?
func (m *model) mayTake(o *modelItem, id int64) bool {
	if id == noCaller {
		return o.automatic()
	}
	if !m.able(id, o) {
		return false
	}
	if o.held {
		return id == o.Reference
	}
	if m.strict(o) {
		return id == o.Reference || id == o.Deputy
	}
	return true
}

func (m *model) callerFor(o *modelItem) int64 {
	if o.automatic() {
		used := 0
		for _, x := range m.items {
			if x.taken && x.automatic() {
				used++
			}
		}
		if used < m.limits.Automatic {
			return noCaller
		}
		return 0
	}
	var best *modelCaller
	better := func(c *modelCaller) bool {
		if best == nil {
			return true
		}
		rank := func(c *modelCaller) int {
			switch {
			case o.Continuity == roster.Rotate && c.ID == o.LastCaller:
				return 3
			case o.Continuity == roster.Rotate:
				return 2
			case c.ID == o.Reference:
				return 0
			case c.ID == o.Deputy:
				return 1
			default:
				return 2
			}
		}
		if rc, rb := rank(c), rank(best); rc != rb {
			return rc < rb
		}
		if c.HardToday != best.HardToday {
			return c.HardToday < best.HardToday
		}
		return c.Since.Before(best.Since)
	}
	for _, c := range m.callers {
		if m.free(c.ID) && m.mayTake(o, c.ID) && better(c) {
			best = c
		}
	}
	if best == nil {
		return 0
	}
	return best.ID
}

func modelBefore(x, y *modelItem) bool {
	if x.deferred != y.deferred {
		return x.deferred > y.deferred
	}
	if x.Class != y.Class {
		return x.Class > y.Class
	}
	if sx, sy := x.Closes.Add(-x.Length), y.Closes.Add(-y.Length); !sx.Equal(sy) {
		return sx.Before(sy)
	}
	if !x.Opens.Equal(y.Opens) {
		return x.Opens.Before(y.Opens)
	}
	return x.ID < y.ID
}

func (m *model) plan(now time.Time) (starts []Start) {
	for _, o := range m.items {
		m.look(o, now)
	}
	for _, c := range m.callers {
		c.resting = now.Before(c.Rest)
	}
	m.settleAll(now)
	open, _ := m.rules.Open(now)
	if !open || m.paused {
		return nil
	}
	m.skipped = map[int64]bool{}
	defer func() { m.skipped = nil }()
	for m.lines() > 0 {
		var best *modelItem
		for _, o := range m.items {
			if o.ready && m.callerFor(o) != 0 && (best == nil || modelBefore(o, best)) {
				best = o
			}
		}
		if best == nil || now.Before(m.pace.Add(-time.Duration(m.limits.Burst-1)*m.limits.Interval)) {
			return starts
		}
		by := m.callerFor(best)
		c := m.caller(by)
		if cost(c) > m.lines() {
			m.skipped[c.ID] = true
			continue
		}
		starts = append(starts, Start{Occurrence: best.ID, Caller: max(by, 0), Deferred: best.deferred})
		// Bound: nothing deferred waits for something of a higher class that never was.
		for _, o := range m.items {
			if o != best && o.ready && m.mayTake(o, by) && o.deferred > 0 && best.deferred == 0 && best.Class > o.Class {
				m.violation = fmt.Sprintf("%d deferred %d times, again for %d", o.ID, o.deferred, best.ID)
			}
			// A second promise to the same phone is not put off for another's sake.
			if o != best && o.ready && o.Class < best.Class && m.mayTake(o, by) && o.Beneficiary != best.Beneficiary &&
				NumberFor(&o.Occurrence) != NumberFor(&best.Occurrence) {
				o.deferred++
			}
		}
		best.taken, best.ready, best.by, best.cost = true, false, by, cost(c)
		m.settleAll(now)
		if m.pace.Before(now) {
			m.pace = now
		}
		m.pace = m.pace.Add(time.Duration(best.cost) * m.limits.Interval)
	}
	return starts
}

// ended are the occurrences whose window has closed.
func (m *model) ended(now time.Time) (ids []int64) {
	for _, o := range m.items {
		if !o.taken && !now.Before(o.Closes) {
			ids = append(ids, o.ID)
		}
	}
	return ids
}
