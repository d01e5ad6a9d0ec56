package crash

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/phone"
	"github.com/rappel-tel/rappel/pkg/postgres"
	"github.com/rappel-tel/rappel/tests/house"
)

// serviceKilledWhileItSpeaks: kill -9 while one person listens to a call without a caller and another's phone rings. The next
// service speaks to both, from the beginning; each presses one, each is reached once, and each phone rang once.
func serviceKilledWhileItSpeaks(t *testing.T, program string) {
	street := house.Build(t, house.Options{Outside: true})
	service := street.Serve(t, program)
	plan := func(after time.Duration) house.PersonPlan {
		return house.PersonPlan{NotDue: true, Does: phone.Answers(after, house.PersonTone), Ring: 50 * time.Second}
	}
	h := street.Move(t, house.Plan{
		Callers: []house.CallerPlan{{}}, People: []house.PersonPlan{plan(200 * time.Millisecond), plan(20 * time.Second)},
	})
	done, err := h.Store.Surge(t.Context(), h.Scheme.Key, postgres.Surge{Kind: call.KindPresence}, h.Now(), false)
	require.NoError(t, err)
	require.Equal(t, 2, done.Booked)
	listens := h.AwaitCall(h.People[0])
	h.Hears(listens, time.Time{}, house.Beginning(h.Prompt("automatic.greeting", nil), 3*time.Second), 40*time.Second)
	h.AwaitAttempt(h.People[0], 1, call.StateBridged)
	h.AwaitAttempt(h.People[1], 1, call.StateRinging)
	service.Kill()
	killed := time.Now()

	service = street.Serve(t, program)
	for i, theirs := range []*phone.Call{listens, h.AwaitCall(h.People[1])} {
		h.Hears(theirs, killed, house.Beginning(h.Prompt("presence.question", nil), 3*time.Second), 60*time.Second)
		require.NoError(t, theirs.SendDTMF(t.Context(), "1"))
		h.Hears(theirs, killed, h.Prompt("presence.well", nil), 40*time.Second)
		h.AwaitDone(theirs, 30*time.Second)
		a := h.AwaitEnd(h.People[i])
		require.Equal(t, call.ResultAnswered, a.Result, "%+v", a)
		require.Equal(t, 1, h.Ends(a.ID))
		require.Len(t, h.Attempts(h.People[i]), 1)
		require.Len(t, h.Rang(h.People[i].Number), 1, "rung again")
	}
	service = killedWhileTheyRegister(t, street, program, service)
	killedWhileTheyAreAsked(t, street, program, service)
}
