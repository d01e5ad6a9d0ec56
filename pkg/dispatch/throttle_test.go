package dispatch_test

import (
	"container/heap"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/rappel-tel/rappel/pkg/dispatch"
)

// slowPBX is a PBX on a simulated clock as it was measured: it bears so many calls a second; beyond, they queue and its answers
// take as long as the queue. One that was driven so far that answers take a second does half the work for a minute.
type slowPBX struct {
	capacity func(now time.Time) float64 // Calls per second; 0 stands still.
	free     time.Time                   // When the queue is empty.
	sick     time.Time                   // Until when it does half the work.
}

const (
	answerBase = 5 * time.Millisecond // Of an idle PBX.
	gaveUp     = 5 * time.Second      // The command's deadline.
)

// post returns how long the answer to a command takes; at most until its deadline.
func (p *slowPBX) post(now time.Time) time.Duration {
	if p.free.Before(now) {
		p.free = now
	}
	for p.capacity(p.free) == 0 {
		p.free = p.free.Add(100 * time.Millisecond)
	}
	work := time.Duration(float64(time.Second) / p.capacity(p.free))
	if p.free.Before(p.sick) {
		work *= 2
	}
	p.free = p.free.Add(work)
	took := p.free.Sub(now)
	if took > time.Second {
		p.sick = p.free.Add(time.Minute)
	}
	return min(answerBase+took, gaveUp)
}

// answer is one on its way.
type answer struct {
	at, posted time.Time
	leg        string
}

type answers []answer

func (a answers) Len() int           { return len(a) }
func (a answers) Less(i, j int) bool { return a[i].at.Before(a[j].at) }
func (a answers) Swap(i, j int)      { a[i], a[j] = a[j], a[i] }
func (a *answers) Push(x any)        { *a = append(*a, x.(answer)) }
func (a *answers) Pop() any {
	old := *a
	last := old[len(old)-1]
	*a = old[:len(old)-1]
	return last
}

// drive has calls wait for the PBX at every instant, or none when demand says so, and returns how many were started in each
// second and how long the answers to these took. A commit of ten milliseconds lies between the decision and the command.
func drive(pbx *slowPBX, t *dispatch.Throttle, length time.Duration, demand func(now time.Time) int) (starts []int, took [][]time.Duration) {
	const commit = 10 * time.Millisecond
	var flying answers
	seconds := int(length / time.Second)
	starts, took = make([]int, seconds), make([][]time.Duration, seconds)
	for now := zeroHour; now.Before(zeroHour.Add(length)); now = now.Add(time.Millisecond) {
		for len(flying) > 0 && !flying[0].at.After(now) {
			a := heap.Pop(&flying).(answer)
			t.End(a.leg)
			t.Answered(a.at.Sub(a.posted), now)
		}
		wanted := demand(now)
		room := t.Room(now)
		for range min(wanted, room) {
			n := len(starts) + len(flying)
			second := int(now.Sub(zeroHour) / time.Second)
			leg := strconv.Itoa(int(now.UnixNano())) + "-" + strconv.Itoa(n) + "-" + strconv.Itoa(starts[second])
			t.Begin(leg, now)
			starts[second]++
			posted := now.Add(commit)
			d := pbx.post(posted)
			took[second] = append(took[second], d)
			heap.Push(&flying, answer{at: posted.Add(d), posted: posted, leg: leg})
		}
		if wanted > room {
			t.Wait(now, 1)
		}
	}
	return starts, took
}

var zeroHour = time.Date(2026, 6, 16, 9, 30, 0, 0, time.UTC)

func always(time.Time) int { return 1000 }

func bears(perSecond float64) func(time.Time) float64 {
	return func(time.Time) float64 { return perSecond }
}

func sum(list []int) (n int) {
	for _, x := range list {
		n += x
	}
	return n
}

// p99 of the answers of some seconds.
func p99(took [][]time.Duration) time.Duration {
	all := slices.Sorted(slices.Values(slices.Concat(took...)))
	return all[len(all)*99/100]
}

func TestThrottleFindsWhatThePBXBears(t *testing.T) {
	t.Parallel()
	for _, capacity := range []float64{10, 40, 150, 300} {
		throttle := dispatch.NewThrottle(100, zeroHour)
		starts, took := drive(&slowPBX{capacity: bears(capacity)}, throttle, 5*time.Minute, always)
		last := float64(sum(starts[180:])) / 120
		t.Logf("bears %.0f/s: %.1f/s in the last two minutes, p99 %s, worst second at first %v, falls %d", capacity, last, p99(took[180:]), starts[:10], throttle.Falls())
		require.Greater(t, last, 0.7*capacity)
		require.LessOrEqual(t, last, 1.02*capacity)
		require.Less(t, p99(took[180:]), 500*time.Millisecond)
	}
}

func TestThrottleLetsNothingPileUpBehindAPBXThatStandsStill(t *testing.T) {
	t.Parallel()
	stands := func(now time.Time) float64 {
		if at := now.Sub(zeroHour); at > time.Minute && at < 80*time.Second {
			return 0
		}
		return 150
	}
	throttle := dispatch.NewThrottle(100, zeroHour)
	starts, took := drive(&slowPBX{capacity: stands}, throttle, 5*time.Minute, always)
	t.Logf("starts while it stood still %v, then %v, then %v", starts[58:80], starts[80:100], starts[150:160])
	require.Less(t, sum(starts[61:80]), 80+4*19+20, "half a second's worth, and what the deadline gave back")
	require.Greater(t, sum(starts[240:]), 60*100, "recovered by itself")
	require.Less(t, p99(took[240:]), 500*time.Millisecond)
}

func TestThrottleIsNotNoticedByATown(t *testing.T) {
	t.Parallel()
	throttle := dispatch.NewThrottle(100, zeroHour)
	n := 0
	starts, _ := drive(&slowPBX{capacity: bears(150)}, throttle, 4*time.Minute, func(now time.Time) int {
		if now.Sub(zeroHour)%(700*time.Millisecond) == 0 {
			n++
			return 1
		}
		return 0
	})
	require.Equal(t, n, sum(starts), "each at once")
	require.Zero(t, throttle.Falls())
	require.InDelta(t, 100, throttle.Rate(), 0.1)
}

// TestThrottleHoldsItsBounds: whatever the PBX does and whoever waits, no more is under way than half a second's worth, no
// more starts in a second than the highest rate of it and its burst allow, and after two quiet minutes the PBX is used again.
func TestThrottleHoldsItsBounds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		bearable := rapid.Float64Range(8, 400).Draw(t, "capacity")
		phases := rapid.SliceOfN(rapid.SampledFrom([]float64{0, 0.1, 0.5, 1, 1, 2}), 3, 6).Draw(t, "phases")
		const each = 10 * time.Second
		faulty := time.Duration(len(phases)) * each
		capacity := func(now time.Time) float64 {
			at := now.Sub(zeroHour)
			if at >= faulty {
				return bearable
			}
			return bearable * phases[max(0, at)/each]
		}
		throttle := dispatch.NewThrottle(rapid.Float64Range(1, 300).Draw(t, "first"), zeroHour)
		demand := func(time.Time) int {
			most := int(max(4, throttle.Rate()/2))
			if under := throttle.UnderWay(); under > most {
				// Those decided at a higher rate may still be under way.
				if throttle.Room(zeroHour) > 0 {
					t.Fatalf("%d under way, %d allowed, and room for more", under, most)
				}
			}
			return 1000
		}
		length := faulty + 4*time.Minute
		starts, _ := drive(&slowPBX{capacity: capacity}, throttle, length, demand)
		last := float64(sum(starts[len(starts)-30:])) / 30
		if last < 0.5*bearable || last > 1.2*bearable {
			t.Fatalf("%.1f/s at the end, %.1f/s are bearable", last, bearable)
		}
	})
}
