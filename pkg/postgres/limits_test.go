package postgres_test

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

// liveness bounds how long a test waits for what must come.
const liveness = time.Minute

// shift is one caller's day on real records, with a clock that the test sets.
type shift struct {
	*fixture
	scheme  int64
	caller  int64
	offset  atomic.Int64 // Nanoseconds that the clock is ahead of the test's.
	board   *dispatchtest.Switchboard
	desk    *dispatch.Dispatcher
	started int
}

func (s *shift) now() time.Time { return today.Add(time.Duration(s.offset.Load())) }

// open begins a life of the service.
func (s *shift) open() {
	s.t.Helper()
	desk, err := dispatch.New(dispatch.Options{
		Store: s.fixture, Switchboard: s.board, Logger: zap.NewNop(), Now: s.now, RealNow: s.now, Gather: -1, Together: -1,
	})
	require.NoError(s.t, err)
	s.desk = desk
	require.NoError(s.t, desk.Lead(s.t.Context(), s.scheme))
}

// advance sets the clock ahead and has the dispatcher look.
func (s *shift) advance(d time.Duration) {
	s.offset.Add(int64(d))
	s.desk.Changed(s.scheme)
}

// next waits for the next order. The clock goes on meanwhile, by seconds at most: what a loaded machine made fail, such as a
// query that took too long, is tried again after a while of the service's time.
func (s *shift) next() call.Order {
	s.t.Helper()
	require.Eventually(s.t, func() bool {
		s.offset.Add(int64(time.Millisecond))
		return len(s.board.Started()) > s.started
	}, liveness, 5*time.Millisecond)
	s.started++
	return s.board.Started()[s.started-1]
}

// talk has an order answered and its caller say what the call was.
func (s *shift) talk(o call.Order, d call.Disposition) {
	s.t.Helper()
	s.offset.Add(int64(10 * time.Minute))
	s.desk.Ended(call.Outcome{
		Scheme: s.scheme, Attempt: o.Attempt, Offer: o.Offer, OfferState: call.OfferAccepted, Result: call.ResultAnswered,
		Fault: call.FaultNone, Talk: 10 * time.Minute, Rang: true, At: s.now(),
	})
	require.NoError(s.t, s.desk.CloseCall(s.t.Context(), s.scheme, dispatch.CloseCall{
		Attempt: o.Attempt, Caller: s.caller, Disposition: d, At: s.now(),
	}))
}

// nothingStarts holds the dispatcher to starting nothing, once it has seen the clock.
func (s *shift) nothingStarts() {
	s.t.Helper()
	s.desk.Changed(s.scheme)
	// A question is answered after what was put before it; each answer ends a turn in which something could have started.
	for range 3 {
		_, err := s.desk.Figures(s.t.Context(), s.scheme)
		require.NoError(s.t, err)
	}
	require.Len(s.t, s.board.Started(), s.started)
}

// TestALimitHoldsAcrossARestart has a caller with limits, and kills the service between her calls.
func TestALimitHoldsAcrossARestart(t *testing.T) {
	t.Parallel()
	s := &shift{fixture: newFixture(t), board: &dispatchtest.Switchboard{}}
	s.scheme = s.AddScheme(dispatch.Scheme{
		Name: "Namur", Zone: time.UTC, Country: "BE", Opens: 8 * 60, Closes: 20 * 60, Lines: 4, InboundReserve: 1, CallsPerSecond: 100,
		CLI:  map[call.Kind]string{"": "+3281990000"},
		Load: dispatch.Load{Calls: 9, HardInRow: 1, Breather: 20 * time.Minute},
	})
	s.caller = s.AddCaller(s.scheme, dispatch.Caller{
		Roles: []roster.Role{roster.RoleCaller}, Languages: []roster.Language{roster.French}, State: call.CallerReady,
		Since: today, Enabled: true, Endpoint: "softphone", Load: dispatch.Load{Calls: 3}, Skills: []string{"dementia"},
	})
	date := today.Truncate(24 * time.Hour)
	promise := func(n, class int, hard bool, skills ...string) {
		s.AddOccurrence(s.scheme, dispatch.Occurrence{
			Kind: call.KindScheduled, Class: class, Opens: today.Add(-time.Hour), Closes: today.Add(6 * time.Hour), LocalDate: date,
			Length: 20 * time.Minute, Language: roster.French, Numbers: []string{fmt.Sprintf("+328100000%d", n)}, Hard: hard, Skills: skills,
			Terms: roster.Agreement{Cadence: roster.Weekly, PerWeek: 1, Days: []time.Weekday{date.Weekday()}},
		})
	}
	promise(1, 3, true, "dementia")
	promise(2, 3, true)
	promise(3, 0, false)
	promise(4, 3, false, "sign language")
	promise(5, 1, true)
	restart := func() {
		s.desk.Close()
		s.open()
	}
	s.open()
	t.Cleanup(func() { s.desk.Close() })

	first := s.next()
	require.Contains(t, []string{"+3281000001", "+3281000002"}, first.Number, "the highest class first")
	s.talk(first, call.DispositionDifficult)
	s.nothingStarts()
	restart()
	s.nothingStarts()
	s.advance(19 * time.Minute)
	s.nothingStarts()
	s.advance(2 * time.Minute)
	second := s.next()
	require.Equal(t, "+3281000003", second.Number, "a courtesy call between two hard ones, whatever their class")
	restart()
	s.talk(second, call.DispositionCourtesy)
	third := s.next()
	require.Contains(t, []string{"+3281000001", "+3281000002"}, third.Number)
	s.talk(third, call.DispositionCourtesy)
	s.nothingStarts()
	restart()
	s.advance(time.Hour)
	s.nothingStarts() // Her three calls of the day, and nobody knows sign language.
	c := s.Caller(s.caller)
	require.Equal(t, 3, c.CallsToday)
	require.Equal(t, 30*time.Minute, c.TalkToday)
	require.Equal(t, 1, c.HardToday)
}
