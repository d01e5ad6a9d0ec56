package forecast

import (
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// town is a day of a scheme shaped like Namur's: windows of the morning, of the afternoon or of the whole day, a reference caller for most,
// callers there in the morning, in the afternoon or all day.
func town(promises, callers int, seed uint64) *Day {
	rng := rand.New(rand.NewPCG(seed, 9))
	zone := time.UTC
	date := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	day := &Day{
		Scheme: dispatch.Scheme{
			ID: 1, Zone: zone, Trunk: "trunk", Lines: 4*callers + 4, InboundReserve: 1, Hold: 10 * time.Minute, WrapUp: 2 * time.Minute,
			Country: "BE", Opens: 570, Closes: 1020,
		},
		Date: date, From: date,
	}
	at := func(minutes int) time.Time { return date.Add(time.Duration(minutes) * time.Minute) }
	shifts := [][]Shift{{{at(570), at(780)}}, {{at(780), at(1020)}}, {{at(570), at(720)}, {at(780), at(1020)}}}
	languages := [][]roster.Language{{roster.French}, {roster.French, roster.Dutch}, {roster.Dutch, roster.French, roster.German}}
	for i := range callers {
		day.Callers = append(day.Callers, Caller{
			Caller: dispatch.Caller{
				ID: int64(i + 1), Roles: []roster.Role{roster.RoleCaller}, Languages: languages[i%3], Enabled: true, Endpoint: fmt.Sprint(i),
			},
			Ref: fmt.Sprintf("A%02d", i+1), Shifts: shifts[i%3],
		})
	}
	windows := [][2]int{{570, 720}, {570, 1020}, {780, 1020}, {840, 960}, {600, 660}}
	for i := range promises {
		w := windows[rng.IntN(len(windows))]
		language := roster.French
		if rng.IntN(10) == 0 {
			language = roster.Dutch
		}
		o := dispatch.Occurrence{
			ID: int64(i + 1), Agreement: int64(i + 1), Beneficiary: int64(i + 1), Kind: call.KindScheduled, Class: rng.IntN(4), Opens: at(w[0]), Closes: at(w[1]),
			Length: time.Duration(10+5*rng.IntN(4)) * time.Minute, Language: language, LocalDate: date, Hard: rng.IntN(4) == 0,
			Terms:      roster.Agreement{Cadence: roster.Daily, Windows: []roster.Window{{Begin: roster.Clock(w[0]), End: roster.Clock(w[1])}}},
			Continuity: roster.Continuities()[1+rng.IntN(2)], Numbers: []string{fmt.Sprintf("+32%d", 470000000+i)},
		}
		if callers > 0 {
			o.Reference, o.Deputy = rng.Int64N(int64(callers))+1, rng.Int64N(int64(callers))+1
		}
		day.Promises = append(day.Promises, Promise{Occurrence: o, Ref: fmt.Sprintf("B%05d", i+1)})
	}
	return day
}

// BenchmarkSimulate prints what a simulation of 200 plays takes on this machine's processors, and the processor time of one
// promise in one play, which says more where others are at work. With a pace of one call a second every start at the opening hour is
// paired anew.
func BenchmarkSimulate(b *testing.B) {
	for _, c := range []struct {
		promises int
		pace     float64
	}{{46, 1}, {500, 1}, {10_000, 0}, {10_000, 1}} {
		b.Run(fmt.Sprintf("promises=%d/pace=%v", c.promises, c.pace), func(b *testing.B) {
			day := town(c.promises, c.promises/12+1, 1)
			day.Scheme.CallsPerSecond = c.pace
			var before, after syscall.Rusage
			require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &before))
			b.ReportAllocs()
			for b.Loop() {
				_, err := Simulate(b.Context(), day, Options{Runs: 4})
				require.NoError(b, err)
			}
			require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &after))
			used := time.Duration(after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano())
			b.ReportMetric(b.Elapsed().Seconds()/float64(b.N)/4*200, "s/200-runs")
			b.ReportMetric(used.Seconds()*1e6/float64(b.N)/4/float64(c.promises), "cpu-us/promise")
			b.ReportMetric(used.Seconds()/float64(b.N)/4*200, "cpu-s/200-runs")
		})
	}
}
