package crash

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/app"
	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/phone"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/tests/house"
)

// serviceKilledWhileRinging: kill -9 while the first person's phone rings and the second one's caller has not answered
// yet. The PBX goes on by itself: the first picks up after the restart, the second call comes about while nobody serves. Each
// is recorded once, and each phone rang once.
func serviceKilledWhileRinging(t *testing.T, program string) {
	street := house.Build(t, house.Options{Outside: true})
	service := street.Serve(t, program)
	plan := func(n int, after time.Duration) house.PersonPlan {
		return house.PersonPlan{
			Does: phone.Answers(after, house.PersonTone), Reference: n, Continuity: roster.Strict,
			Ring: 40 * time.Second, CallerRing: 30 * time.Second,
		}
	}
	h := street.Move(t, house.Plan{
		Callers: []house.CallerPlan{{}, {}}, People: []house.PersonPlan{plan(1, 8*time.Second), plan(2, 200*time.Millisecond)},
	})
	first := h.Take(h.Callers[0])
	offer := h.AwaitOffer(h.Callers[1])
	h.AwaitAttempt(h.People[0], 1, call.StateRinging)
	h.AwaitAttempt(h.People[1], 1, call.StateOffered)
	service.Kill()

	second, err := offer.Take(t.Context())
	require.NoError(t, err)
	second.Say(phone.Tone(house.CallerTone))
	hers := h.AwaitCall(h.People[1])
	_, err = hers.HearTone(t.Context(), house.CallerTone)
	require.NoError(t, err, "the PBX joins them by itself")
	street.Serve(t, program)
	h.AwaitAttempt(h.People[1], 1, call.StateBridged)
	theirs := h.AwaitCall(h.People[0])
	_, err = theirs.HearTone(t.Context(), house.CallerTone)
	require.NoError(t, err)
	h.AwaitAttempt(h.People[0], 1, call.StateBridged)
	// Long enough to be a talk.
	house.Await(t, time.Minute, "a talk", func(context.Context) bool { return time.Since(theirs.Answered()) > 4*time.Second })
	h.HangUp(theirs)
	h.HangUp(hers)
	for i, p := range h.People {
		a := h.AwaitEnd(p)
		require.Equal(t, call.ResultAnswered, a.Result, "%+v", a)
		require.Equal(t, call.ReasonNone, a.Reason, "%+v", a)
		require.Equal(t, call.FaultNone, a.Fault, "%+v", a)
		require.False(t, a.Estimated)
		require.Equal(t, 1, h.Ends(a.ID))
		require.Len(t, h.Attempts(p), 1)
		require.Len(t, h.Rang(p.Number), 1, "rung again")
		require.Equal(t, call.OccurrenceReached, h.Occurrences(p)[0].State)
		h.AwaitState(h.Callers[i], call.CallerWrapUp)
	}
	h.HangUp(first)
	h.HangUp(second)
}

// drain: after SIGTERM nobody new is called, those who talk may finish, and the service ends by itself once they have.
func drain(t *testing.T, program string) {
	street := house.Build(t, house.Options{Outside: true, Configure: func(c *app.Config) { c.Drain = time.Minute }})
	service := street.Serve(t, program)
	w := talking(t, street, 2, owed())
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		service.Stop(t, 40*time.Second)
	}()
	talked := w.end(t, 0)
	w.once(t, 0, talked)
	w.AwaitState(w.Callers[0], call.CallerReady) // Her wrap-up is over, and somebody is owed a call.
	require.True(t, service.Running(), "one call goes on")
	talked = w.end(t, 1)
	w.once(t, 1, talked)
	<-stopped
	require.Empty(t, w.Attempts(w.People[2]), "called while the service stopped")
}
