package crash

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/phone"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/setup"
	"github.com/rappel-tel/rappel/pkg/setup/setuptest"
	"github.com/rappel-tel/rappel/tests/house"
)

// twoPBXs: one scheme, two nodes, a caller at the PBX of each. The leader has each called where her phone is registered. Then
// the other node's PBX dies under a call: who talks at the first hears nothing of it, new calls are placed there, and so are hers once
// her phone has registered with it. Nobody is rung by two calls.
func twoPBXs(t *testing.T, program string) {
	bus := startNATS(t)
	street := house.Build(t, house.Options{Outside: true})
	street.Config.NATS.URL = bus.ClientURL()
	other := setuptest.Asterisk(t, func(o *setup.AsteriskOptions) { o.SoundsDir = street.Asterisk.SoundsDir() })
	dir := t.TempDir()
	street.Serve(t, program)
	plan := house.Plan{Callers: []house.CallerPlan{{}, {}, {}}, NotReady: true, MaxAttempts: 3, WrapUp: time.Second}
	for _, reference := range []int{1, 2, 2, 3} {
		plan.People = append(plan.People, house.PersonPlan{
			Does: phone.Answers(200*time.Millisecond, house.PersonTone), Reference: reference, Continuity: roster.Strict,
		})
	}
	h := street.Move(t, plan)
	w := &talks{House: h}
	house.Await(t, time.Minute, "the first node to lead", func(context.Context) bool {
		leader, _ := h.Lead()
		return leader != "" && leader == nodeIn(t, street.Config.Data)
	})
	street.Node(t, program, dir, other)
	near, far, both := h.Callers[0], h.Callers[1], h.Callers[2]
	require.NoError(t, far.Phone.Unregister(t.Context()))
	far.Phone = h.PlugInto(far, other)
	h.PlugInto(both, other)
	h.Ready(near)
	h.Ready(far) // Her code, dialled at the other PBX, reaches the leader.

	hers, theirs := h.Take(near), h.AwaitCall(h.People[0])
	farHers := h.Take(far)
	first := awaitOneOf(t, h, 1, 2)
	farTheirs := h.AwaitCall(h.People[first])
	for heard, call := range map[*phone.Call]float64{hers: house.PersonTone, theirs: house.CallerTone, farHers: house.PersonTone, farTheirs: house.CallerTone} {
		_, err := heard.HearTone(t.Context(), call)
		require.NoError(t, err)
	}
	// She may have been offered one at the PBX that her phone had just left, which ended that attempt.
	nth := len(h.Attempts(h.People[first]))
	away := h.AwaitAttempt(h.People[first], nth, call.StateBridged)
	require.Equal(t, nodeIn(t, dir), placedAt(t, h, away.ID))
	require.Empty(t, placedAt(t, h, h.AwaitAttempt(h.People[0], 1, call.StateBridged).ID), "at the leader's own")

	talking := time.Now()
	require.NoError(t, other.Kill())
	lost := time.Now()
	h.Ready(both)
	_, err := h.Take(both).HearTone(t.Context(), house.PersonTone)
	require.NoError(t, err)
	t.Logf("a new call talks at the other PBX %s after one was lost", time.Since(lost).Round(10*time.Millisecond))
	require.Empty(t, placedAt(t, h, h.AwaitAttempt(h.People[3], 1, call.StateBridged).ID), "at the PBX that is left")
	require.NoError(t, other.Start(t.Context()))
	require.Equal(t, call.FaultOurs, h.AwaitAttempt(h.People[first], nth, call.StateEnded).Fault, "it says so when it is back")
	far.Phone = h.PlugInto(far, street.Asterisk)
	h.Ready(far)
	_, err = h.Take(far).HearTone(t.Context(), house.PersonTone)
	require.NoError(t, err)
	require.Less(t, hers.LongestToneGap(house.PersonTone, talking, time.Now().Add(-200*time.Millisecond)), soundLimit)

	h.HangUp(theirs)
	end := h.AwaitEnd(h.People[0])
	require.Equal(t, call.ResultAnswered, end.Result)
	require.Len(t, h.Rang(h.People[0].Number), 1)
	require.Zero(t, w.Trunk.Ledger().Summary().DoubleRings)
	require.Zero(t, w.Trunk.Ledger().Summary().SilentCalls)
}

// awaitOneOf waits until one of some people is rung, and says who.
func awaitOneOf(t *testing.T, h *house.House, among ...int) int {
	t.Helper()
	who := -1
	house.Await(t, time.Minute, "one of them to be rung", func(context.Context) bool {
		for _, i := range among {
			if len(h.Rang(h.People[i].Number)) > 0 {
				who = i
			}
		}
		return who >= 0
	})
	return who
}

// placedAt is the node to whose PBX an attempt was handed; empty for that of the leader.
func placedAt(t *testing.T, h *house.House, attempt call.ID) (node string) {
	t.Helper()
	require.NoError(t, h.Pool().QueryRow(t.Context(), `SELECT coalesce(node, '') FROM attempt WHERE scheme_id = $1 AND attempt_id = $2::uuid`,
		h.Scheme.Key, string(attempt)).Scan(&node))
	return node
}
