package dispatch_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/dispatch/dispatchtest"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// BenchmarkEngine burns due occurrences down over a store in memory with phones that answer and hang up at once: claim,
// order, outcome and next occurrence of every call pass through the owner and the recorder.
func BenchmarkEngine(b *testing.B) {
	now := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	began := time.Now()
	store := dispatchtest.NewMemory()
	scheme := store.AddScheme(dispatch.Scheme{Zone: time.UTC, Trunk: "trunk", Lines: 1 << 20})
	for range 1000 {
		store.AddCaller(scheme, dispatch.Caller{
			Roles: []roster.Role{roster.RoleCaller}, Languages: roster.Languages(), Enabled: true, Endpoint: "x",
			State: call.CallerReady, Since: now,
		})
	}
	day := now.Truncate(24 * time.Hour)
	for i := range b.N {
		store.AddOccurrence(scheme, dispatch.Occurrence{
			Kind: call.KindScheduled, Class: i % 4, Opens: day.Add(570 * time.Minute), Closes: day.Add(17 * time.Hour),
			LocalDate: day, Length: 20 * time.Minute, Language: roster.Languages()[i%4], Numbers: []string{fmt.Sprintf("+32%d", i)},
		})
	}
	board := &dispatchtest.Switchboard{}
	d, err := dispatch.New(dispatch.Options{
		Store: store, Switchboard: board, Logger: zap.NewNop(), Now: func() time.Time { return now.Add(time.Since(began)) },
	})
	require.NoError(b, err)
	defer d.Close()
	var ended atomic.Int64
	done := make(chan struct{})
	board.OnStart = func(o call.Order) error {
		d.Ended(call.Outcome{
			Scheme: o.Scheme, Attempt: o.Attempt, Offer: o.Offer, OfferState: call.OfferAccepted,
			Result: call.ResultAnswered, Rang: true,
		})
		if ended.Add(1) == int64(b.N) {
			close(done)
		}
		return nil
	}
	b.ReportAllocs()
	b.ResetTimer()
	require.NoError(b, d.Lead(b.Context(), scheme))
	<-done
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
}
