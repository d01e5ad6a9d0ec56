package dispatch

import (
	"flag"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/schedule"
)

func TestBoardDoesWhatTheModelSays(t *testing.T) {
	thorough(t, 600, 150)
	rapid.Check(t, boardAgainstModel)
}

// thorough asks rapid for more than its defaults, unless it was told otherwise on the command line. The seed is the same
// every time, so that a change is judged by what it changes; -rapid.seed explores.
func thorough(t *testing.T, checks, steps int) {
	for name, value := range map[string]int{"rapid.checks": checks, "rapid.steps": steps, "rapid.seed": 20261122} {
		f := flag.Lookup(name)
		if f.Value.String() != f.DefValue {
			continue
		}
		require.NoError(t, flag.Set(name, strconv.Itoa(value)))
		t.Cleanup(func() { _ = flag.Set(name, f.DefValue) })
	}
}

// oneOf draws any of the values equally often, where rapid prefers the first: calls would hardly ever start.
func oneOf[T any](values []T) *rapid.Generator[T] {
	return rapid.Custom(func(t *rapid.T) T {
		n := 0
		for range 8 {
			n *= 2
			if rapid.Bool().Draw(t, "bit") {
				n++
			}
		}
		return values[n%len(values)]
	})
}

func among[N int | int64](from, to N) *rapid.Generator[N] {
	var values []N
	for n := from; n <= to; n++ {
		values = append(values, n)
	}
	return oneOf(values)
}

// everyDay is the usual hours on every day of the week.
func everyDay() *schedule.Week {
	week := &schedule.Week{}
	for d := range week {
		week[d] = []roster.Window{{Begin: schedule.DefaultOpens, End: schedule.DefaultCloses}}
	}
	return week
}

func boardAgainstModel(t *rapid.T) { boardProperties(t, false) }

// boardProperties drives a board and the model by the same events. One by one the board has to make the model's choice;
// together its choice has to be safe, complete, within the bound, and the best.
func boardProperties(t *rapid.T, together bool) {
	limits := Limits{
		Lines: among(3, 9).Draw(t, "lines"), InboundReserve: among(1, 2).Draw(t, "reserve"),
		Interval: time.Duration(among(0, 2).Draw(t, "interval")) * time.Minute / 2,
		Burst:    among(1, 3).Draw(t, "burst"), Hold: 20 * time.Minute, Lead: time.Minute,
		Automatic: among(1, 2).Draw(t, "automatic"),
		Load:      Load{Calls: oneOf([]int{0, 0, 3, 6}).Draw(t, "calls"), Hard: among(0, 3).Draw(t, "most hard"), HardInRow: among(0, 2).Draw(t, "in a row"), Talk: time.Hour},
	}
	rules := schedule.Rules{Hours: everyDay()}
	if together {
		limits.Gather = 1
	}
	m := &model{limits: limits, rules: rules, holds: map[string]int{}}
	b := NewBoard(limits, rules)
	now := time.Date(2026, 11, 24, 9, oneOf([]int{29, 35}).Draw(t, "minute"), 0, 0, time.UTC)
	var d Decision
	again := time.Time{}
	quiet := false // Nothing has changed since the last Plan.
	languages := oneOf(roster.Languages()[:2])
	skills := oneOf([][]string{nil, nil, {"dementia"}, {"sign"}, {"sign", "dementia"}})
	callerID := among(int64(1), 5)
	find := func(t *rapid.T, want func(*modelItem) bool) *modelItem {
		var fit []*modelItem
		for _, o := range m.items {
			if want(o) {
				fit = append(fit, o)
			}
		}
		if len(fit) == 0 {
			t.Skip("none")
		}
		return oneOf(fit).Draw(t, "occurrence")
	}
	drop := func(o *modelItem) { m.items = slices.DeleteFunc(m.items, func(x *modelItem) bool { return x == o }) }
	nextID, moment := int64(0), 0
	for id := int64(1); id <= 5; id++ { // The board hears of every caller in order: ties go by it.
		c := Caller{ID: id, State: call.CallerReady, Since: now.Add(time.Duration(id)), Endpoint: "softphone", Languages: roster.Languages()[:2], Enabled: true, Roles: []roster.Role{roster.RoleCaller}}
		m.callers = append(m.callers, &modelCaller{Caller: c})
		b.SetCaller(&c, now)
	}
	actions := map[string]func(*rapid.T){
		"occurrence": func(t *rapid.T) {
			nextID++
			opens := now.Add(time.Duration(oneOf([]int{-60, -20, -5, 0, 0, 1, 5, 30}).Draw(t, "opens")) * time.Minute)
			o := Occurrence{
				ID: nextID, Beneficiary: among(int64(1), 9).Draw(t, "person"), Kind: call.KindScheduled,
				State: call.OccurrenceOpen, Class: among(0, 3).Draw(t, "class"), Opens: opens, NotBefore: opens,
				Closes: opens.Add(time.Duration(oneOf([]int{60, 20, 120, 180, 5, 240}).Draw(t, "window")) * time.Minute),
				Length: time.Duration(among(5, 30).Draw(t, "length")) * time.Minute, Language: languages.Draw(t, "language"),
				Reference: among(int64(0), 5).Draw(t, "reference"), Deputy: among(int64(0), 5).Draw(t, "deputy"),
				LastCaller: among(int64(0), 5).Draw(t, "last"), Continuity: oneOf(roster.Continuities()).Draw(t, "continuity"),
				Numbers:  rapid.SliceOfN(oneOf([]string{"1", "2", "3", "4", "5", "6", "7", "8"}), 1, 2).Draw(t, "numbers"),
				Deferred: among(0, 1).Draw(t, "deferred"), Skills: skills.Draw(t, "skills"), Hard: among(0, 3).Draw(t, "hard") == 0,
			}
			if among(0, 7).Draw(t, "kind") == 0 {
				o.Kind = call.KindPresence
			}
			item := &modelItem{Occurrence: o, deferred: o.Deferred}
			m.items = append(m.items, item)
			m.look(item, now)
			m.file(item, now)
			b.Put(&o, now)
			quiet = false
		},
		"edit": func(t *rapid.T) {
			o := find(t, func(o *modelItem) bool { return !o.taken })
			o.Class, o.Reference = among(0, 3).Draw(t, "class"), among(int64(0), 5).Draw(t, "reference")
			o.Numbers = rapid.SliceOfN(oneOf([]string{"1", "2", "3", "4", "5", "6", "7", "8"}), 1, 2).Draw(t, "numbers")
			m.look(o, now)
			m.file(o, now)
			b.Put(&o.Occurrence, now)
			quiet = false
		},
		"pause": func(t *rapid.T) {
			m.paused = !m.paused && among(0, 7).Draw(t, "paused") == 0
			b.Pause(m.paused, false)
			quiet = false
		},
		"caller": func(t *rapid.T) {
			c := m.caller(callerID.Draw(t, "caller"))
			for _, o := range m.items {
				if o.taken && o.by == c.ID {
					t.Skip("in a call")
				}
			}
			moment++
			c.State = call.CallerReady
			if among(0, 2).Draw(t, "away") == 0 {
				c.State = oneOf(call.CallerStates()).Draw(t, "state")
			}
			c.Since = now.Add(time.Duration(moment)) // No two alike: who is longest idle is never a tie.
			c.Languages = rapid.SliceOfNDistinct(languages, 1, 2, rapid.ID[roster.Language]).Draw(t, "languages")
			c.Enabled = among(0, 5).Draw(t, "enabled") > 0
			c.HardToday = among(0, 3).Draw(t, "hard")
			c.HardInRow, c.CallsToday = among(0, 2).Draw(t, "in a row"), among(0, 4).Draw(t, "calls")
			c.TalkToday = time.Duration(among(0, 70).Draw(t, "talk")) * time.Minute
			c.Skills = skills.Draw(t, "skills")
			c.Rest = now.Add(time.Duration(oneOf([]int{-20, -20, -20, 1, 5}).Draw(t, "rest")) * time.Minute)
			c.resting = now.Before(c.Rest)
			c.Endpoint, c.Number = "softphone", ""
			if among(0, 3).Draw(t, "ordinary") == 0 {
				c.Endpoint, c.Number = "", "+329"
			}
			m.settleAll(now)
			b.SetCaller(&c.Caller, now)
			quiet = false
		},
		"time": func(t *rapid.T) {
			now = now.Add(time.Duration(oneOf([]int{1, 1, 2, 3, 5, 10, 45}).Draw(t, "minutes")) * time.Minute)
		},
		"end": func(t *rapid.T) {
			o := find(t, func(o *modelItem) bool { return o.taken })
			o.taken = false
			if rapid.Bool().Draw(t, "again") {
				o.Attempts += among(0, 1).Draw(t, "counted")
				o.NotBefore = now.Add(time.Duration(among(0, 30).Draw(t, "wait")) * time.Minute)
			} else {
				o.State = call.OccurrenceReached
				drop(o)
			}
			o.ready = false
			m.look(o, now)
			if c := m.caller(o.by); c != nil {
				moment++
				c.State, c.Since = call.CallerReady, now.Add(time.Duration(moment))
				c.CallsToday, c.resting = c.CallsToday+1, now.Before(c.Rest)
				m.settleAll(now)
				b.Release(&o.Occurrence, now)
				b.SetCaller(&c.Caller, now)
			} else {
				m.settleAll(now)
				b.Release(&o.Occurrence, now)
			}
			quiet = false
		},
		"another": func(t *rapid.T) {
			o := find(t, func(o *modelItem) bool { return o.taken && !o.automatic() })
			former := m.caller(o.by)
			got := b.Another(o.ID, []int64{former.ID}, now)
			if got != 0 {
				if !m.free(got) || !m.able(got, o) || m.strict(o) && got != o.Reference && got != o.Deputy ||
					cost(m.caller(got)) > m.lines()+o.cost {
					t.Fatalf("offered to %d", got)
				}
				if more := cost(m.caller(got)) - o.cost; more > 0 { // Her own phone is rung through the trunk too.
					if m.pace.Before(now) {
						m.pace = now
					}
					m.pace = m.pace.Add(time.Duration(more) * m.limits.Interval)
				}
				o.by, o.cost = got, cost(m.caller(got))
				former.State = call.CallerSetAside
				m.settleAll(now)
				b.SetCaller(&former.Caller, now)
				quiet = false
				return
			}
			open, _ := rules.Open(now)
			for _, c := range m.callers {
				if open && !m.paused && now.Before(o.Closes.Add(-limits.Lead)) && m.free(c.ID) && m.able(c.ID, o) && !m.strict(o) &&
					cost(c) <= m.lines()+o.cost {
					t.Fatalf("not offered to %d", c.ID)
				}
			}
		},
		"hold number": func(t *rapid.T) {
			n := oneOf([]string{"", "1", "2"}).Draw(t, "number")
			m.holds[n]++
			m.nHolds++
			m.settleAll(now)
			b.HoldNumber(n)
			quiet = false
		},
		"release number": func(t *rapid.T) {
			n := oneOf([]string{"", "1", "2"}).Draw(t, "number")
			if m.holds[n] == 0 {
				t.Skip("not held")
			}
			m.holds[n]--
			m.nHolds--
			m.settleAll(now)
			b.ReleaseNumber(n, now)
			quiet = false
		},
		"remove": func(t *rapid.T) {
			o := find(t, func(o *modelItem) bool { return !o.taken })
			b.Remove(o.ID)
			drop(o)
			quiet = false
		},
		"plan": func(t *rapid.T) {
			early := quiet && !again.IsZero() && now.Before(again)
			b.Plan(now, &d)
			slices.Sort(d.Ended)
			if want := m.ended(now); !slices.Equal(d.Ended, want) {
				t.Fatalf("ended %v, want %v", d.Ended, want)
			}
			for _, id := range d.Ended {
				b.Remove(id)
			}
			m.items = slices.DeleteFunc(m.items, func(o *modelItem) bool { return slices.Contains(d.Ended, o.ID) })
			if together {
				first := slices.Clone(d.Starts)
				now = now.Add(1) // Whoever gathers has gathered.
				b.Plan(now, &d)
				if early && len(d.Starts) > 0 {
					t.Fatalf("told to look again at %v only, but at %v there was work", again, now)
				}
				if len(d.Ended) > 0 {
					t.Skip("a window ended within the nanosecond")
				}
				m.judge(t, b, append(first, d.Starts...), now)
				again, quiet = d.Again, true
				return
			}
			want := m.plan(now)
			if !slices.Equal(d.Starts, want) {
				t.Fatalf("at %v starts %v, want %v", now, d.Starts, want)
			}
			if early && (len(d.Starts) > 0 || len(d.Ended) > 0) {
				t.Fatalf("told to look again at %v only, but at %v there was work", again, now)
			}
			if m.violation != "" {
				t.Fatal(m.violation)
			}
			again, quiet = d.Again, true
			b.checkWaiting(t, now)
			if len(want) == 0 {
				for _, o := range m.items {
					if cause := b.Why(o.ID, now); cause == CauseNone || cause == CauseUnknown {
						t.Fatalf("%d waits without a reason: %q", o.ID, cause)
					}
				}
			}
		},
		"": func(t *rapid.T) {
			if got := m.lines(); got != b.lines() {
				t.Fatalf("%d lines, want %d", b.lines(), got)
			}
			b.check(t)
		},
	}
	for _, often := range []string{"occurrence", "caller", "end", "plan"} { // What makes calls start.
		actions[often+" again"] = actions[often]
		actions[often+" once more"] = actions[often]
	}
	t.Repeat(actions)
}

// check looks for inner contradictions.
func (b *Board) check(t *rapid.T) {
	var counts [phaseCount]int
	for id, i := range b.byID {
		if b.items[i].id != id {
			t.Fatalf("item %d filed as %d", b.items[i].id, id)
		}
		counts[b.items[i].phase]++
	}
	if counts != b.counts {
		t.Fatalf("counts %v, want %v", b.counts, counts)
	}
	for at := range b.lanes {
		l := &b.lanes[at]
		var n [2]int32
		for k := range b.clerks {
			if b.isFree(int32(k)) && b.profiles[k].serves(l) && at != autoLane {
				n[b.clerks[k].kind()]++
			}
		}
		if n != l.nFree {
			t.Fatalf("lane %d counts %d free, want %d", at, l.nFree, n)
		}
		for kind := range l.ready {
			for c, h := range l.ready[kind] {
				for pos, r := range h {
					it := &b.items[r.item]
					if r.deferred != it.deferred || r.slackAt != it.slackAt || int(it.pos) != pos || int(it.class) != c || it.phase != phasePooled || int(it.hard) != kind || int(it.lane) != at {
						t.Fatalf("item misfiled in lane %d", at)
					}
				}
			}
		}
		if first := b.foremost(l); (first.item >= 0) != (l.pos >= 0) || first.item >= 0 && l.first != first {
			t.Fatalf("lane %d would start %+v, filed with %+v at %d", at, first, l.first, l.pos)
		}
	}
}
