package phone

import (
	"context"
	"fmt"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
)

func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkLiveCalls holds calls with audio both ways between two trunks for two
// seconds and reports what one end of one call costs: CPU milliseconds in each
// second. A thousand of them are one core.
func BenchmarkLiveCalls(b *testing.B) {
	for _, n := range []int{50, 400} {
		b.Run(fmt.Sprintf("calls=%d", n), func(b *testing.B) {
			ctx := within(b)
			watch := []float64{600, 700, 800, 900, 1000}
			far, err := NewTrunk(TrunkOptions{
				Listen: "127.0.0.2:0", Tones: watch, Logger: zap.NewNop(),
				Answer: func(Ring) Behaviour { return Answers(0, 1000) },
			})
			require.NoError(b, err)
			defer far.Close()
			near, err := NewTrunk(TrunkOptions{
				Listen: "127.0.0.3:0", PBX: far.Addr().String(), Tones: watch, Logger: zap.NewNop(),
				Answer: func(Ring) Behaviour { return Busy() },
			})
			require.NoError(b, err)
			defer near.Close()
			say := Tone(600)
			for b.Loop() {
				calls := make([]*Call, n)
				var dials sync.WaitGroup
				dialing := make(chan struct{}, 32) // as many at once as a fast dispatcher
				for i := range calls {
					dialing <- struct{}{}
					dials.Go(func() {
						defer func() { <-dialing }()
						c, err := near.Dial(ctx, fmt.Sprintf("+3281%06d", i), fmt.Sprintf("+3282%06d", i), DialOptions{Say: say})
						require.NoError(b, err)
						calls[i] = c
					})
				}
				dials.Wait()
				start, cpu := time.Now(), cpuTime(b)
				held, cancel := context.WithTimeout(ctx, 2*time.Second)
				<-held.Done()
				cancel()
				seconds := time.Since(start).Seconds()
				b.ReportMetric(float64((cpuTime(b)-cpu).Microseconds())/1000/seconds/float64(2*n), "cpu-ms/call-s")
				var lost int64
				for _, c := range calls {
					lost += c.Heard().Lost
					require.NoError(b, c.Hangup(ctx))
				}
				b.ReportMetric(float64(lost), "lost")
			}
			require.NoError(b, far.Ledger().Settle(ctx))
			s := far.Ledger().Summary()
			require.Zero(b, s.SilentCalls+s.AudioFailed+s.DoubleRings, "%+v", s)
		})
	}
}

// BenchmarkCalls is how many calls a second one trunk can set up and end, both
// ends and their audio sockets in this process.
func BenchmarkCalls(b *testing.B) {
	ctx := within(b)
	far, err := NewTrunk(TrunkOptions{
		Listen: "127.0.0.2:0", Logger: zap.NewNop(), Answer: func(Ring) Behaviour { return Behaviour{} },
	})
	require.NoError(b, err)
	defer far.Close()
	near := newPhone(b, "near", nil)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			c, err := near.Dial(ctx, number(far, "1"), DialOptions{})
			require.NoError(b, err)
			require.NoError(b, c.Hangup(ctx))
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
}
