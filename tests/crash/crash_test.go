// Package crash kills real processes under real calls: the service, Asterisk and PostgreSQL. Promises, outcomes and the
// voices of those who talk must survive.
package crash

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/phone"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/tests/house"
)

func TestMain(m *testing.M) { os.Exit(m.Run()) } //nolint:forbidigo // The status of the tests is that of the process.

// talks is a house in which n callers talk to n people, each to her own.
type talks struct {
	*house.House
	hers, theirs []*phone.Call
	since        []time.Time
}

func talking(t *testing.T, street *house.Street, n int, more ...house.PersonPlan) *talks {
	t.Helper()
	var plan house.Plan
	plan.WrapUp = 2 * time.Second
	for i := range n {
		plan.Callers = append(plan.Callers, house.CallerPlan{})
		plan.People = append(plan.People, house.PersonPlan{
			Does: phone.Answers(200*time.Millisecond, house.PersonTone), Reference: i + 1, Continuity: roster.Strict,
		})
	}
	plan.People = append(plan.People, more...)
	w := &talks{House: street.Move(t, plan)}
	for i := range n {
		w.hers = append(w.hers, w.Take(w.Callers[i]))
	}
	for i := range n {
		w.theirs = append(w.theirs, w.AwaitCall(w.People[i]))
		w.since = append(w.since, w.theirs[i].Answered())
	}
	for i := range n {
		w.AwaitAttempt(w.People[i], 1, call.StateBridged)
	}
	return w
}

// soundSince asserts that both sides of a call have heard each other from an instant until now.
func (w *talks) soundSince(t *testing.T, i int, begin time.Time) {
	t.Helper()
	now := time.Now().Add(-200 * time.Millisecond) // What is on its way.
	require.Less(t, w.hers[i].LongestToneGap(house.PersonTone, begin, now), time.Second, "caller %d", i)
	require.Less(t, w.theirs[i].LongestToneGap(house.CallerTone, begin, now), time.Second, "person %d", i)
}

// once asserts that the ith call was answered, with the talk seconds its phones saw, and that nobody was rung again for it.
func (w *talks) once(t *testing.T, i int, talk time.Duration) house.Attempt {
	t.Helper()
	p := w.People[i]
	a := w.AwaitEnd(p)
	require.Equal(t, call.ResultAnswered, a.Result, "%+v", a)
	require.InDelta(t, talk.Seconds(), a.Talk.Seconds(), 2.5, "%+v", a) // A new process starts the clock a little late.
	require.Len(t, w.Attempts(p), 1)
	require.Len(t, w.Rang(p.Number), 1, "rung again")
	require.Equal(t, 1, w.Ends(a.ID), "events of the end")
	promises := w.Occurrences(p)
	require.Equal(t, call.OccurrenceReached, promises[0].State, "%+v", promises)
	require.Equal(t, 1, promises[0].Attempts)
	require.Equal(t, call.OccurrenceOpen, promises[len(promises)-1].State)
	return a
}

// TestServiceKilled: kill -9 while five bridged calls talk. Audio goes on; after the restart the calls are adopted and their
// outcomes recorded exactly once. One of them ends by itself while the service is dead.
func TestServiceKilled(t *testing.T) {
	street := house.Build(t, house.Options{Outside: true})
	program := house.Program(t)
	service := street.Serve(t, program)
	w := talking(t, street, 5)

	service.Kill()
	killed := time.Now()
	w.HangUp(w.theirs[4])
	short := time.Since(w.since[4])
	w.AwaitDone(w.hers[4], 5*time.Second)
	house.Await(t, 10*time.Second, "five seconds without a service", func(context.Context) bool { return time.Since(killed) > 5*time.Second })
	for i := range 4 {
		w.soundSince(t, i, killed)
	}

	street.Serve(t, program)
	a := w.AwaitEnd(w.People[4])
	require.True(t, a.Estimated, "nobody saw its end")
	require.Equal(t, call.ReasonRestart, a.Reason)
	require.Equal(t, call.FaultNone, a.Fault)
	require.GreaterOrEqual(t, a.Talk, short-time.Second)
	require.Less(t, a.Talk, time.Since(w.since[4])+time.Second)
	w.AwaitState(w.Callers[4], call.CallerWrapUp)

	// The others are followed again: what happens now is seen as it happens.
	for i := range 4 {
		w.soundSince(t, i, killed)
	}
	var talked [4]time.Duration
	for i := range 4 {
		if i%2 == 0 {
			w.HangUp(w.theirs[i])
		} else {
			w.HangUp(w.hers[i])
		}
		talked[i] = time.Since(w.since[i])
	}
	for i := range 4 {
		a := w.once(t, i, talked[i])
		require.Equal(t, call.ReasonNone, a.Reason, "%+v", a)
		require.Equal(t, call.FaultNone, a.Fault)
		require.False(t, a.Estimated)
		w.AwaitState(w.Callers[i], call.CallerWrapUp)
	}
	require.Len(t, w.Rang(w.People[4].Number), 1, "rung again")
	require.Len(t, w.Attempts(w.People[4]), 1)
	require.Equal(t, 1, w.Ends(a.ID))
	require.Equal(t, call.OccurrenceReached, w.Occurrences(w.People[4])[0].State)
	require.Zero(t, w.Trunk.Ledger().Summary().DoubleRings)
}
