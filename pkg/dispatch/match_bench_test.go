package dispatch

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/schedule"
)

// newNation is a crowd of forty skills and eight languages: every caller has four skills and one or two languages, every
// occurrence asks for one of each that its reference caller has, so that continuity, skills, load and ageing all matter.
func newNation(callers int) *crowd {
	const skills, languages = 40, 8
	c := &crowd{
		rng: rand.New(rand.NewPCG(3, 4)), now: time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC),
		board: NewBoard(Limits{
			Lines: 1 << 30, Hold: 20 * time.Minute, Load: Load{Calls: 1 << 20, Hard: 1 << 20, HardInRow: 3},
		}, schedule.Rules{}),
	}
	for i := range callers {
		x := Caller{
			ID: int64(i + 1), Roles: []roster.Role{roster.RoleCaller}, State: call.CallerReady, Enabled: true, Endpoint: "x",
			HardToday: c.rng.IntN(4), HardInRow: c.rng.IntN(4), Since: c.now.Add(-time.Duration(c.rng.IntN(3600)) * time.Second),
		}
		for _, s := range c.rng.Perm(skills)[:4] {
			x.Skills = append(x.Skills, fmt.Sprintf("skill%d", s))
		}
		for _, l := range c.rng.Perm(languages)[:1+c.rng.IntN(2)] {
			x.Languages = append(x.Languages, roster.Language(fmt.Sprintf("l%d", l)))
		}
		c.staff = append(c.staff, x)
	}
	for i := range c.staff {
		c.board.SetCaller(&c.staff[i], c.now)
	}
	day := c.now.Truncate(24 * time.Hour)
	for i := range 2 * callers {
		reference := &c.staff[c.rng.IntN(callers)]
		o := Occurrence{
			ID: int64(i + 1), Beneficiary: int64(i + 1), Kind: call.KindScheduled, State: call.OccurrenceOpen, Class: c.rng.IntN(4),
			Opens: day.Add(570 * time.Minute), Closes: day.Add(time.Duration(11*60+c.rng.IntN(360)) * time.Minute),
			Length: 20 * time.Minute, Language: reference.Languages[0], Skills: reference.Skills[c.rng.IntN(4):][:1],
			Continuity: roster.Continuities()[c.rng.IntN(3)], Reference: reference.ID, Deputy: c.rng.Int64N(int64(callers)) + 1,
			Hard: c.rng.IntN(2) == 0, Numbers: []string{fmt.Sprintf("+32%d", i)},
		}
		c.all = append(c.all, o)
	}
	for i := range c.all {
		c.board.Put(&c.all[i], c.now)
	}
	return c
}

// BenchmarkMatch is one decision under the full policy: Plan makes the next pair after a call has ended, its caller and its
// occurrence have come back. It reports the median and the 99th percentile of the decision and of what files them.
func BenchmarkMatch(b *testing.B) {
	for _, callers := range []int{100, 1_000, 10_000, 100_000} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			c := newNation(callers)
			c.settle()
			for range max(1000, callers) {
				c.turn()
			}
			decided, filed := make([]time.Duration, 0, b.N), make([]time.Duration, 0, b.N)
			var all time.Duration
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				c.now = c.now.Add(time.Microsecond)
				began := time.Now()
				if len(c.busy) > 0 {
					c.free()
				}
				then := time.Now()
				c.board.Plan(c.now, &c.d)
				decided, filed = append(decided, time.Since(then)), append(filed, then.Sub(began))
				all += decided[len(decided)-1]
				c.busy = append(c.busy, c.d.Starts...)
			}
			b.StopTimer()
			slices.Sort(decided)
			slices.Sort(filed)
			b.ReportMetric(float64(all.Nanoseconds())/float64(b.N), "mean-ns")
			b.ReportMetric(float64(decided[len(decided)/2].Nanoseconds()), "p50-ns")
			b.ReportMetric(float64(decided[len(decided)*99/100].Nanoseconds()), "p99-ns")
			b.ReportMetric(float64(filed[len(filed)/2].Nanoseconds()), "filed-p50-ns")
			b.ReportMetric(float64(filed[len(filed)*99/100].Nanoseconds()), "filed-p99-ns")
		})
	}
}

func TestMatchAllocatesNothing(t *testing.T) {
	c := newNation(400)
	c.settle()
	for range 20_000 {
		c.turn()
	}
	if n := testing.AllocsPerRun(2000, c.turn); n > 0.05 {
		t.Fatalf("%v allocations per decision", n)
	}
}
