package dispatchtest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/schedule"
)

// morning is when the sampled days begin.
func morning() time.Time { return time.Date(2026, 11, 24, 9, 30, 0, 0, time.UTC) }

// Of a day of a pool: calls come in bursts.
const (
	poolCallers = 20
	poolMinutes = 450
)

// shift is one such day, the same for whoever assigns: how many calls come in each minute, and how long each takes.
type shift struct {
	arrivals []int
	lengths  []time.Duration
}

func newShift(seed uint64) shift {
	rng := rand.New(rand.NewPCG(seed, 6))
	var s shift
	for range poolMinutes {
		n := rng.IntN(3) * rng.IntN(3)
		s.arrivals = append(s.arrivals, n)
		for range n {
			s.lengths = append(s.lengths, time.Duration(5+rng.IntN(20))*time.Minute)
		}
	}
	return s
}

// spreadOf is the difference between the idlest and the busiest share of a day.
func spreadOf(busy map[int64]time.Duration) float64 {
	least, most := math.Inf(1), math.Inf(-1)
	for id := int64(1); id <= poolCallers; id++ {
		idle := 1 - busy[id].Minutes()/poolMinutes
		least, most = min(least, idle), max(most, idle)
	}
	return most - least
}

// LongestIdleFirst gives every call, in the order of arrival, to whoever has been idle longest.
func LongestIdleFirst(seed uint64) float64 {
	s := newShift(seed)
	since, until, busy := map[int64]int{}, map[int64]int{}, map[int64]time.Duration{}
	for id := int64(1); id <= poolCallers; id++ {
		since[id] = -int(id)
	}
	waiting, next := 0, 0
	for minute, n := range s.arrivals {
		for waiting += n; waiting > 0; waiting-- {
			longest := int64(0)
			for id := int64(1); id <= poolCallers; id++ {
				if until[id] <= minute && (longest == 0 || since[id] < since[longest]) {
					longest = id
				}
			}
			if longest == 0 {
				break
			}
			length := s.lengths[next]
			next++
			until[longest] = minute + int(length.Minutes())
			since[longest] = until[longest]
			busy[longest] += length
		}
	}
	return spreadOf(busy)
}

// IdleSpread has a board share the same day's calls.
func IdleSpread(seed uint64, gather time.Duration) float64 {
	s := newShift(seed)
	now := morning()
	board := dispatch.NewBoard(dispatch.Limits{Lines: 100, Gather: gather}, schedule.Rules{})
	staff, until, busy := map[int64]*dispatch.Caller{}, map[int64]time.Time{}, map[int64]time.Duration{}
	current, occurrences := map[int64]*dispatch.Occurrence{}, map[int64]*dispatch.Occurrence{}
	for id := int64(1); id <= poolCallers; id++ {
		staff[id] = &dispatch.Caller{
			ID: id, Roles: []roster.Role{roster.RoleCaller}, State: call.CallerReady, Enabled: true, Endpoint: "x",
			Languages: []roster.Language{roster.French}, Since: now.Add(-time.Duration(id) * time.Minute),
		}
		board.SetCaller(staff[id], now)
	}
	var d dispatch.Decision
	next := 0
	for _, n := range s.arrivals {
		for id := int64(1); id <= poolCallers; id++ {
			if o := current[id]; o != nil && !now.Before(until[id]) {
				delete(current, id)
				o.State = call.OccurrenceReached
				board.Release(o, now)
				staff[id].Since = until[id]
				board.SetCaller(staff[id], now)
			}
		}
		for range n {
			id := int64(len(occurrences) + 1)
			o := &dispatch.Occurrence{
				ID: id, Beneficiary: id, State: call.OccurrenceOpen, Opens: now, Closes: now.Add(12 * time.Hour),
				Language: roster.French, Numbers: []string{fmt.Sprint(id)},
			}
			occurrences[id] = o
			board.Put(o, now)
		}
		began := now
		for range 2 {
			board.Plan(now, &d)
			for _, start := range d.Starts {
				length := s.lengths[next]
				next++
				current[start.Caller], until[start.Caller] = occurrences[start.Occurrence], began.Add(length)
				busy[start.Caller] += length
			}
			now = now.Add(1)
		}
		now = began.Add(time.Minute)
	}
	return spreadOf(busy)
}
