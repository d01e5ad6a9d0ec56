package calls

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/phone"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/tests/house"
)

// together runs functions at once and waits for all of them.
func together(all ...func()) {
	var wg sync.WaitGroup
	for _, f := range all {
		wg.Go(f)
	}
	wg.Wait()
}

// oneAfterTheOther has two callers call one telephone twice, and asserts that it never has two calls.
func oneAfterTheOther(t *testing.T, h *house.House, number string) {
	t.Helper()
	together(func() { takeOne(h, h.Callers[0]) }, func() { takeOne(h, h.Callers[1]) })
	house.Await(t, 60*time.Second, "two calls to end", func(context.Context) bool {
		over := 0
		for _, r := range h.Rang(number) {
			if !r.Ended.IsZero() {
				over++
			}
		}
		return over == 2
	})
	rings := h.Rang(number)
	require.False(t, rings[1].Invited.Before(rings[0].Ended), "the second call began before the first had ended")
	require.NotEqual(t, rings[0].Attempt, rings[1].Attempt)
	summary := h.Trunk.Ledger().Summary()
	require.Zero(t, summary.DoubleRings)
	require.Zero(t, summary.SilentCalls)
}

// takeOne takes one call and stays until it ends.
func takeOne(h *house.House, c *house.Caller) {
	hers := h.Take(c)
	defer h.HangUp(hers)
	for range 2 {
		select {
		case <-hers.Done():
			return
		case <-time.After(4 * time.Second): // The keypad's menu is heard by now.
		}
	}
}

// twoForOne: two promises to one person are due at once and two callers are free.
func twoForOne(t *testing.T, street *house.Street) {
	plan := picksUp()
	plan.Does = plan.Does.HangsUpAfter(2 * time.Second)
	h := street.Move(t, house.Plan{Callers: []house.CallerPlan{{}, {}}, People: []house.PersonPlan{plan}, NotReady: true})
	person := h.People[0]
	house.Await(t, 60*time.Second, "her call to be booked", func(context.Context) bool { return len(h.Occurrences(person)) > 0 })
	_, err := h.Pool().Exec(t.Context(), `INSERT INTO occurrence
			(scheme_id, uid, agreement_id, beneficiary_id, kind, local_date, opens_at, closes_at, length_ms, not_before)
		SELECT scheme_id, gen_random_uuid(), agreement_id, beneficiary_id, 'call_today', local_date, opens_at, closes_at, length_ms, not_before
		FROM occurrence WHERE scheme_id = $1 AND beneficiary_id = $2 ORDER BY local_date LIMIT 1`, h.Scheme.Key, person.Key)
	require.NoError(t, err)
	// Somebody new makes the dispatcher look at the records again; her call is booked in that same look.
	another := h.Join(t, house.PersonPlan{Does: phone.Busy(), NotDue: true})
	house.Await(t, 60*time.Second, "somebody new to be booked", func(context.Context) bool { return len(h.Occurrences(another)) > 0 })
	together(func() { h.Ready(h.Callers[0]) }, func() { h.Ready(h.Callers[1]) })
	oneAfterTheOther(t, h, person.Number)
	for _, a := range h.Attempts(person) {
		require.Equal(t, call.ResultAnswered, a.Result)
	}
}

// sharedNumber: two people behind one telephone are due at once and two callers are free.
func sharedNumber(t *testing.T, street *house.Street) {
	number := street.Number()
	plan := picksUp()
	plan.Does, plan.Number, plan.Continuity = plan.Does.HangsUpAfter(2*time.Second), number, roster.Preferred
	h := street.Move(t, house.Plan{Callers: []house.CallerPlan{{}, {}}, People: []house.PersonPlan{plan, plan}})
	oneAfterTheOther(t, h, number)
	for _, p := range h.People {
		require.Equal(t, call.ResultAnswered, h.AwaitEnd(p).Result)
	}
}
