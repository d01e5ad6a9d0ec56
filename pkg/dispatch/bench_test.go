package dispatch

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/schedule"
)

// crowd is a board with callers of whom four in five are in a call, and occurrences that are all due.
type crowd struct {
	board *Board
	rng   *rand.Rand
	now   time.Time
	all   []Occurrence
	staff []Caller
	busy  []Start
	d     Decision
}

func newCrowd(callers, occurrences int) *crowd {
	c := &crowd{
		rng: rand.New(rand.NewPCG(1, 2)), now: time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC),
		board: NewBoard(Limits{Lines: 1 << 30, Hold: 20 * time.Minute}, schedule.Rules{}),
	}
	day := c.now.Truncate(24 * time.Hour)
	for i := range callers {
		x := Caller{
			ID: int64(i + 1), Roles: []roster.Role{roster.RoleCaller}, State: call.CallerReady, Enabled: true, Endpoint: "x",
			Languages: roster.Languages()[i%4 : i%4+1], HardToday: c.rng.IntN(4), Since: c.now.Add(-time.Duration(c.rng.IntN(3600)) * time.Second),
		}
		if i%3 == 0 {
			x.Languages = roster.Languages()[:2]
		}
		c.staff = append(c.staff, x)
		c.board.SetCaller(&x, c.now)
	}
	for i := range occurrences {
		o := Occurrence{
			ID: int64(i + 1), Beneficiary: int64(i + 1), Kind: call.KindScheduled, State: call.OccurrenceOpen, Class: c.rng.IntN(4),
			Opens: day.Add(570 * time.Minute), Closes: day.Add(time.Duration(11*60+c.rng.IntN(360)) * time.Minute),
			Length: 20 * time.Minute, Language: roster.Languages()[c.rng.IntN(4)], Continuity: roster.Continuities()[c.rng.IntN(3)],
			Reference: c.rng.Int64N(int64(callers)) + 1, Deputy: c.rng.Int64N(int64(callers)) + 1,
			Numbers: []string{fmt.Sprintf("+32%d", i)},
		}
		c.all = append(c.all, o)
		c.board.Put(&o, c.now)
	}
	return c
}

// settle lets everybody free start a call, then sets one in five free again.
func (c *crowd) settle() {
	c.board.Plan(c.now, &c.d)
	c.busy = append(c.busy, c.d.Starts...)
	for range len(c.busy) / 5 {
		c.free()
	}
}

// free ends one of the calls under way, as one that has to be tried again: its caller is ready and it is open.
func (c *crowd) free() {
	i := c.rng.IntN(len(c.busy))
	s := c.busy[i]
	c.busy[i] = c.busy[len(c.busy)-1]
	c.busy = c.busy[:len(c.busy)-1]
	o := &c.all[s.Occurrence-1]
	c.board.Release(o, c.now)
	x := &c.staff[s.Caller-1]
	x.Since = c.now
	c.board.SetCaller(x, c.now)
}

// BenchmarkDecision is one turn of a busy town or nation: a call ends, its caller and its occurrence come back, and Plan
// makes the next pair. It must not allocate, and must hardly grow with what is held.
func BenchmarkDecision(b *testing.B) {
	for _, size := range []struct{ callers, occurrences int }{
		{12, 241}, {100, 10_000}, {1_000, 10_000}, {10_000, 100_000}, {100_000, 1_000_000},
	} {
		b.Run(fmt.Sprintf("callers=%d/occurrences=%d", size.callers, size.occurrences), func(b *testing.B) {
			c := newCrowd(size.callers, size.occurrences)
			c.settle()
			for range 1000 {
				c.turn()
			}
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				c.turn()
			}
		})
	}
}

func (c *crowd) turn() {
	c.now = c.now.Add(time.Microsecond)
	if len(c.busy) > 0 {
		c.free()
	}
	c.board.Plan(c.now, &c.d)
	c.busy = append(c.busy, c.d.Starts...)
}

func TestDecisionAllocatesNothing(t *testing.T) {
	c := newCrowd(200, 2000)
	c.settle()
	for range 20_000 {
		c.turn()
	}
	// Heaps and lists grow to their final size now and then; a decision itself allocates nothing.
	if n := testing.AllocsPerRun(2000, c.turn); n > 0.05 {
		t.Fatalf("%v allocations per decision", n)
	}
}

// BenchmarkOpening is Plan at half past nine: everything falls due and everybody is free.
func BenchmarkOpening(b *testing.B) {
	for _, size := range []struct{ callers, occurrences int }{{12, 241}, {1000, 20_000}} {
		b.Run(fmt.Sprintf("callers=%d/occurrences=%d", size.callers, size.occurrences), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				c := newCrowd(size.callers, size.occurrences)
				b.StartTimer()
				c.board.Plan(c.now, &c.d)
			}
		})
	}
}

// BenchmarkHeld is the memory and the time that filing one occurrence for later takes.
func BenchmarkHeld(b *testing.B) {
	now := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	board := NewBoard(Limits{Lines: 10}, schedule.Rules{})
	b.ReportAllocs()
	i := int64(0)
	for b.Loop() {
		i++
		opens := now.Add(time.Duration(i%86400) * time.Second)
		o := Occurrence{ID: i, Beneficiary: i, Opens: opens, NotBefore: opens, Closes: opens.Add(time.Hour), Numbers: []string{"+32"}}
		board.Put(&o, now)
	}
}
