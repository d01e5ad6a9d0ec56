package forecast

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/schedule"
)

func TestPublishedTables(t *testing.T) {
	// 200 calls of 3 minutes an hour, as textbooks of call centres work it out, and 720 of 4 minutes.
	for _, c := range []struct {
		perHour                   float64
		handle, within            time.Duration
		servers                   int
		delay, answered, wait, at float64
	}{
		{200, 3 * time.Minute, 20 * time.Second, 11, 0.682, 0.390, 122.8, 0.909},
		{200, 3 * time.Minute, 20 * time.Second, 14, 0.174, 0.888, 7.8, 0.714},
		{720, 4 * time.Minute, 15 * time.Second, 55, 0.239, 0.846, 8.18, 0.873},
	} {
		q := Queue{PerHour: c.perHour, Handle: c.handle, Servers: c.servers}
		require.InDelta(t, c.delay, q.Delay(), 0.0006)
		require.InDelta(t, c.answered, q.Within(c.within), 0.0006)
		require.InDelta(t, c.wait, q.Wait().Seconds(), 0.05)
		require.InDelta(t, c.at, q.Occupancy(), 0.0006)
		require.InDelta(t, q.Wait().Seconds()*c.perHour/3600, q.steady().waiting, 1e-6, "Little's law")
	}
	require.Equal(t, 14, Queue{PerHour: 200, Handle: 3 * time.Minute}.Needed(0.8, 20*time.Second))

	// O. Garnett, A. Mandelbaum and M. Reiman, "Designing a call center with impatient customers", 2002, table 1: 50 agents, 48
	// calls a minute, a minute each, who wait for two.
	q := Queue{PerHour: 2880, Handle: time.Minute, Servers: 50}
	require.InDelta(t, 20.8, q.Wait().Seconds(), 0.05)
	require.InDelta(t, 17, q.steady().waiting, 0.5)
	require.InDelta(t, 0.96, q.Occupancy(), 0.005)
	q.Patience = 2 * time.Minute
	require.InDelta(t, 0.031, q.Abandoned(), 0.0005)
	require.InDelta(t, 3.7, q.Wait().Seconds(), 0.05)
	require.InDelta(t, 3, q.steady().waiting, 0.5)
	require.InDelta(t, 0.93, q.Occupancy(), 0.005)
}

// TestQueueIsTheSumOfItsStates compares the closed form with the balance of births and deaths, state by state.
func TestQueueIsTheSumOfItsStates(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		q := Queue{
			PerHour: rapid.Float64Range(1, 400).Draw(rt, "calls"), Handle: time.Duration(rapid.IntRange(20, 1200).Draw(rt, "handle")) * time.Second,
			Patience: time.Duration(rapid.IntRange(5, 3600).Draw(rt, "patience")) * time.Second, Servers: rapid.IntRange(1, 60).Draw(rt, "servers"),
		}
		log := make([]float64, 4000)
		most := 0.0
		for i := 1; i < len(log); i++ {
			out := float64(min(i, q.Servers))*q.mu() + float64(max(i-q.Servers, 0))*q.theta()
			log[i] = log[i-1] + math.Log(q.lambda()/out)
			most = max(most, log[i])
		}
		sum, delay, waiting := 0.0, 0.0, 0.0
		for i, l := range log {
			p := math.Exp(l - most)
			sum += p
			if i >= q.Servers {
				delay += p
				waiting += p * float64(i-q.Servers)
			}
		}
		s := q.steady()
		require.InEpsilon(rt, delay/sum+1e-12, s.delay+1e-12, 1e-8)
		require.InEpsilon(rt, waiting/sum+1e-12, s.waiting+1e-12, 1e-8)
		require.InDelta(rt, 1-q.Abandoned(), q.Within(100*q.Patience), 1e-6, "who does not give up is answered")
		more := q
		more.Servers++
		require.GreaterOrEqual(rt, more.Within(20*time.Second), q.Within(20*time.Second)-1e-9)
		n := q.Needed(0.8, 20*time.Second)
		q.Servers = n
		require.GreaterOrEqual(rt, q.Within(20*time.Second), 0.8)
	})
}

func TestQueuesOfAnySize(t *testing.T) {
	for _, q := range []Queue{
		{PerHour: 1e6, Handle: time.Hour, Patience: time.Hour, Servers: 1}, {PerHour: 1e-6, Handle: time.Second, Servers: 5000},
		{PerHour: 1e6, Handle: time.Minute, Patience: time.Second, Servers: 9000}, {PerHour: 60, Handle: time.Hour, Servers: 3}, {Handle: time.Second, Servers: 1},
		{PerHour: 59, Handle: time.Minute, Patience: 1000 * time.Hour, Servers: 1},
	} {
		for _, x := range []float64{q.Delay(), q.Abandoned(), q.Within(time.Minute), q.Occupancy()} {
			require.False(t, math.IsNaN(x) || x < 0 || x > 1, "%+v: %v", q, x)
		}
	}
}

// mmn is a stretch of a queue as a day of the dispatcher: promises come at random and are taken in order by callers who do
// nothing else; whoever waits past her patience is missed.
func mmn(q Queue, arrivals int, seed uint64) *stage {
	rng := rand.New(rand.NewPCG(seed, 17))
	date := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	always := []roster.Window{{Begin: 0, End: 24 * 60}}
	day := &Day{
		Scheme: dispatch.Scheme{
			ID: 1, Zone: time.UTC, Trunk: "trunk", Lines: q.Servers + 2, InboundReserve: 1,
			Hours: &schedule.Week{always, always, always, always, always, always, always},
		},
		Date: date, From: date,
	}
	at := date
	for i := range arrivals {
		at = at.Add(time.Duration(rng.ExpFloat64() / q.lambda() * float64(time.Second)))
		patience := 1000 * 24 * time.Hour
		if q.Patience > 0 {
			patience = max(time.Duration(rng.ExpFloat64()*float64(q.Patience)), 2)
		}
		day.Promises = append(day.Promises, Promise{Occurrence: dispatch.Occurrence{
			ID: int64(i + 1), Beneficiary: int64(i + 1), Kind: call.KindScheduled, Opens: at, Closes: at.Add(patience), Length: patience,
			Language: roster.French, Numbers: []string{fmt.Sprint(i)},
		}})
	}
	model := newModel(&day.History)
	*model = Model{fixed: true, meanTalk: q.Handle}
	for h := range model.results {
		model.results[h][answered] = 1
	}
	helpers := day.Helpers(q.Servers, []Shift{{Begins: date, Ends: at.Add(24 * time.Hour)}})
	s, err := newStage(day, model, helpers)
	if err != nil {
		panic(err)
	}
	s.lead = 1
	return s
}

// textbook is the queue as the recursion of Kiefer and Wolfowitz has it, on the arrivals, the talks and the patience of a day:
// who comes is given to whoever is free first, unless she gives up before. It returns the waits, of those who gave up too.
type textbook struct{ free []float64 } // When each server is free.

func (b *textbook) arrive(at, patience, talk float64) (wait float64, gaveUp bool) {
	first := 0
	for i := range b.free {
		if b.free[i] < b.free[first] {
			first = i
		}
	}
	wait = max(b.free[first]-at, 0)
	if wait >= patience {
		return patience, true
	}
	b.free[first] = at + wait + talk
	return wait, false
}

// TestSimulationAgreesWithErlang proves it in two steps, because the first needs few calls and the second many. Call by call,
// the dispatcher's engine makes people wait as long as the textbook's recursion does on the same arrivals, talks and patience
// (but for the few milliseconds in which it gathers). And over so many calls that the mean is known to 1 % (two standard errors, of
// batch means), the recursion agrees with Erlang's formulas to 1 %.
func TestSimulationAgreesWithErlang(t *testing.T) {
	for _, q := range []Queue{
		{PerHour: 10, Handle: 3 * time.Minute, Servers: 1},
		{PerHour: 20, Handle: 3 * time.Minute, Servers: 2},
		{PerHour: 60, Handle: 3 * time.Minute, Servers: 5},
		{PerHour: 150, Handle: 3 * time.Minute, Servers: 10},
		{PerHour: 20, Handle: 3 * time.Minute, Servers: 1, Patience: 3 * time.Minute},
		{PerHour: 100, Handle: 3 * time.Minute, Servers: 5, Patience: 3 * time.Minute},
		{PerHour: 220, Handle: 3 * time.Minute, Servers: 10, Patience: 2 * time.Minute},
		{PerHour: 600, Handle: 3 * time.Minute, Servers: 20, Patience: 6 * time.Minute},
	} {
		t.Run(fmt.Sprintf("%+v", q), func(t *testing.T) {
			t.Parallel()
			sameAsTextbook(t, q)
			if !testing.Short() { // Arithmetic in one goroutine: the race detector has nothing to look for in it.
				textbookAsErlang(t, q)
			}
		})
	}
}

func sameAsTextbook(t *testing.T, q Queue) {
	const arrivals = 1500
	s := mmn(q, arrivals, 1)
	waits := map[int32]float64{}
	s.seen = func(p *play, i int32, _ *call.Order) { waits[i] = p.now.Sub(p.promises[i].due).Seconds() }
	dice := chance(7)
	_, err := s.playOnce(t.Context(), dice)
	require.NoError(t, err)
	book := textbook{free: make([]float64, q.Servers)}
	strayed := 0
	for i := range s.day.Promises {
		p := &s.day.Promises[i]
		d := dice.with(diceRing).with(uint64(p.ID)).with(0)
		s.model.resultOf(0, &d)
		want, gaveUp := book.arrive(p.Opens.Sub(s.day.From).Seconds(), p.Closes.Sub(p.Opens).Seconds(), s.model.talkOf(0, &d).Seconds())
		got, served := waits[int32(i)]
		if served == gaveUp || served && math.Abs(want-got) > 0.05 {
			strayed++
		}
	}
	// Where two things happen within the milliseconds of gathering, their order may be another.
	require.LessOrEqual(t, strayed, arrivals/500)
}

func textbookAsErlang(t *testing.T, q Queue) {
	const batches, warm = 40, 10_000
	size := 60_000
	if q.Patience == 0 {
		size = 400_000 // A queue that nobody leaves has a long memory.
	}
	rng := rand.New(rand.NewPCG(3, uint64(q.Servers)))
	book := textbook{free: make([]float64, q.Servers)}
	at := 0.0
	var wait, delayed, gone [batches]float64
	for i := range batches*size + warm {
		at += rng.ExpFloat64() / q.lambda()
		patience := math.Inf(1)
		if q.Patience > 0 {
			patience = rng.ExpFloat64() * q.Patience.Seconds()
		}
		waited, gaveUp := book.arrive(at, patience, rng.ExpFloat64()*q.Handle.Seconds())
		b := (i - warm) / size
		if i < warm {
			continue
		}
		wait[b] += waited / float64(size)
		if waited > 0 {
			delayed[b] += 1 / float64(size)
		}
		if gaveUp {
			gone[b] += 1 / float64(size)
		}
	}
	within := func(what string, x []float64, want float64) {
		mean, square := 0.0, 0.0
		for _, v := range x {
			mean += v / batches
		}
		for _, v := range x {
			square += (v - mean) * (v - mean)
		}
		two := 2 * math.Sqrt(square/(batches-1)/batches)
		require.Less(t, two, 0.01*want, "%s: too few calls to tell", what)
		require.InEpsilon(t, want, mean, 0.01, what)
	}
	within("wait", wait[:], q.Wait().Seconds())
	within("delay", delayed[:], q.Delay())
	if q.Patience > 0 {
		within("abandoned", gone[:], q.Abandoned())
	}
}
