package dispatch

import (
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestTogetherIsSafeCompleteAndBest(t *testing.T) {
	thorough(t, 600, 150)
	rapid.Check(t, func(t *rapid.T) { boardProperties(t, true) })
}

// judge holds what a board started together against the model, and takes it over.
func (m *model) judge(t *rapid.T, board *Board, starts []Start, now time.Time) {
	for _, o := range m.items {
		m.look(o, now)
	}
	for _, c := range m.callers {
		c.resting = now.Before(c.Rest)
	}
	m.settleAll(now)
	open, _ := m.rules.Open(now)
	if len(starts) > 0 && (!open || m.paused) {
		t.Fatal("started while closed or paused")
	}
	m.skipped = map[int64]bool{}
	defer func() { m.skipped = nil }()
	ours, best := m.scores(starts, now)
	if math.Abs(ours-best) > 1e-6 && !m.crowded() {
		t.Fatalf("paired for %v, could have been %v: %v", ours, best, starts)
	}
	passed := map[*modelItem]bool{}
	for at := range starts {
		m.follow(t, starts, at, now, passed)
	}
	for _, o := range m.items {
		// Those whose person was taken meanwhile were passed over for her sake, or not, by when that was.
		got, sure := board.Deferred(o.ID), o.ready
		if !o.taken && (got < o.deferred || got > o.deferred+len(starts) || sure && (got > o.deferred) != passed[o]) {
			t.Fatalf("%d was deferred %d times, now %d, passed over: %v", o.ID, o.deferred, got, passed[o])
		}
		o.deferred = got
	}
	if !open || m.paused || now.Before(m.paceDue()) {
		return
	}
	for _, o := range m.items {
		if by := m.callerFor(o); o.ready && m.lines() > 0 && by != 0 && cost(m.caller(by)) <= m.lines() {
			t.Fatalf("%d waits although %d could take it", o.ID, by)
		}
	}
}

func (m *model) paceDue() time.Time {
	return m.pace.Add(-time.Duration(m.limits.Burst-1) * m.limits.Interval)
}

// follow takes one start over, if it is allowed. What else starts in this Plan waits for nobody.
func (m *model) follow(t *rapid.T, starts []Start, n int, now time.Time, passed map[*modelItem]bool) {
	s, rest := starts[n], starts[n+1:]
	at := slices.IndexFunc(m.items, func(o *modelItem) bool { return o.ID == s.Occurrence })
	if at < 0 {
		t.Fatalf("started %d, which is not there", s.Occurrence)
	}
	o, by := m.items[at], s.Caller
	if o.automatic() {
		by = noCaller
	}
	switch {
	case !o.ready:
		t.Fatalf("started %d, which is not ready", o.ID)
	case by != noCaller && !m.free(by), !m.mayTake(o, by), o.automatic() && m.callerFor(o) == 0:
		t.Fatalf("started %d with %d", o.ID, by)
	case cost(m.caller(by)) > m.lines():
		t.Fatal("started beyond the lines")
	case now.Before(m.paceDue()):
		t.Fatal("started too fast")
	case s.Deferred < o.deferred || s.Deferred > o.deferred+n:
		t.Fatalf("%d was deferred %d times, not %d", o.ID, o.deferred, s.Deferred)
	}
	for _, x := range m.items {
		if x == o || !x.ready || x.Class >= o.Class || !m.mayTake(x, by) || x.Beneficiary == o.Beneficiary ||
			NumberFor(&x.Occurrence) == NumberFor(&o.Occurrence) {
			continue
		}
		if x.deferred > 0 && s.Deferred == 0 && !slices.ContainsFunc(rest, func(s Start) bool { return s.Occurrence == x.ID }) {
			t.Fatalf("%d deferred %d times, again for %d", x.ID, x.deferred, o.ID)
		}
		passed[x] = true
	}
	o.taken, o.ready, o.by, o.cost = true, false, by, cost(m.caller(by))
	m.settleAll(now)
	if m.pace.Before(now) {
		m.pace = now
	}
	m.pace = m.pace.Add(time.Duration(o.cost) * m.limits.Interval)
}

// crowded reports whether the batch may have been cut: two for one phone, pace, or lines short.
func (m *model) crowded() bool {
	for _, o := range m.items {
		for _, x := range m.items {
			if x != o && x.ready && o.ready && (x.Beneficiary == o.Beneficiary || NumberFor(&x.Occurrence) == NumberFor(&o.Occurrence)) {
				return true
			}
		}
	}
	if m.limits.Interval > 0 || m.lines() < 2*len(m.callers)+m.limits.Automatic {
		return true
	}
	return false
}

// scores sums the scores of the starts, and of the best way to give the same occurrences to free callers.
func (m *model) scores(starts []Start, now time.Time) (ours, best float64) {
	var items []*modelItem
	for _, s := range starts {
		for _, o := range m.items {
			if o.ID == s.Occurrence && !o.automatic() && m.caller(s.Caller) != nil {
				items = append(items, o)
				ours += Score(&o.Occurrence, &m.caller(s.Caller).Caller, m.limits.Load, now)
			}
		}
	}
	taken := map[int64]bool{}
	var try func(at int) float64
	try = func(at int) float64 {
		if at == len(items) {
			return 0
		}
		top := math.Inf(-1)
		for _, c := range m.callers {
			if taken[c.ID] || !m.free(c.ID) || !m.mayTake(items[at], c.ID) {
				continue
			}
			taken[c.ID] = true
			top = max(top, Score(&items[at].Occurrence, &c.Caller, m.limits.Load, now)+try(at+1))
			delete(taken, c.ID)
		}
		return top
	}
	return ours, try(0)
}
