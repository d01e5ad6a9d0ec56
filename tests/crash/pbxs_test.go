package crash

import (
	"context"
	"fmt"
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

// twoPBXs: one scheme, two nodes, a caller at the PBX of each. Nobody is rung at one PBX who is on the line at the other. The leader has
// each called where her phone is registered. Then
// the other node's PBX dies under a call: who talks at the first hears nothing of it, new calls are placed there, and so are hers once
// her phone has registered with it. Nobody is rung by two calls.
func twoPBXs(t *testing.T, program string) {
	bus := startNATS(t)
	street := house.Build(t, house.Options{Outside: true})
	street.Config.NATS.URL = bus.ClientURL()
	other := setuptest.Asterisk(t, func(o *setup.AsteriskOptions) { o.SoundsDir = street.Asterisk.SoundsDir() })
	dir := t.TempDir()
	leader := street.Serve(t, program)
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
	second := street.Node(t, program, dir, other)
	near, far, both := h.Callers[0], h.Callers[1], h.Callers[2]
	require.NoError(t, far.Phone.Unregister(t.Context()))
	far.Phone = h.PlugInto(far, other)
	h.PlugInto(both, other)
	party := h.DialNumber(h.People[0].Number, fmt.Sprintf("sip:%s@%s", h.Line, other.SIPAddr()), phone.DialOptions{Say: phone.Silence()})
	h.Hears(party, time.Time{}, house.Beginning(h.Prompt("line.greeting", nil), 2*time.Second), 40*time.Second)
	h.Ready(near)
	house.Await(t, time.Minute, "time in which she would be rung", longerThan(4*time.Second))
	require.Equal(t, call.CallerReady, h.CallerState(near))
	require.Empty(t, h.Attempts(h.People[0]), "she is on the line at the other PBX")
	h.HangUp(party)
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
	// Her former phone leaves the PBX that is back, which remembers it.
	house.Await(t, time.Minute, "her to unregister", func(ctx context.Context) bool { return far.Phone.Unregister(ctx) == nil })
	far.Phone = h.PlugInto(far, street.Asterisk)
	h.Ready(far)
	_, err = h.Take(far).HearTone(t.Context(), house.PersonTone)
	require.NoError(t, err)
	require.Less(t, hers.LongestToneGap(house.PersonTone, talking, time.Now().Add(-200*time.Millisecond)), soundLimit)

	h.HangUp(theirs)
	end := h.AwaitEnd(h.People[0])
	require.Equal(t, call.ResultAnswered, end.Result)
	require.Len(t, h.Rang(h.People[0].Number), 1)
	h.HangUp(hers)
	machineLost(t, h, func() {
		leader.Kill()
		require.NoError(t, street.Asterisk.Kill())
	}, dir, other)
	require.True(t, second.Running())
	require.Zero(t, w.Trunk.Ledger().Summary().DoubleRings)
	require.Zero(t, w.Trunk.Ledger().Summary().SilentCalls)
}

// machineLost: the leader and its PBX die in one instant, while there two callers talk and a phone rings. The node in a folder leads
// within seconds, and nothing is lost: those who talked were reached, as far as anybody can know, and are not rung again; whoever
// was being rung is called anew at the PBX that is left, once nothing can ring there any more.
func machineLost(t *testing.T, h *house.House, kill func(), dir string, left *setup.Asterisk) {
	near, far, both := h.Callers[0], h.Callers[1], h.Callers[2]
	talking := map[*house.Person]house.Attempt{}
	for _, p := range h.People {
		for _, a := range h.Attempts(p) {
			if a.State == call.StateBridged {
				require.Empty(t, placedAt(t, h, a.ID), "at the leader's PBX")
				talking[p] = a
			}
		}
	}
	require.Len(t, talking, 2, "far and both talk")
	ringing := h.Join(t, house.PersonPlan{
		Reference: 1, Continuity: roster.Strict, Ring: 30 * time.Second,
		Choose: func(_ phone.Ring, n int) phone.Behaviour {
			if n == 0 {
				return phone.Declines(20 * time.Second) // The operator gives up; nobody hears of it.
			}
			return phone.Answers(200*time.Millisecond, house.PersonTone)
		},
	})
	h.Take(near)
	rings := h.AwaitAttempt(ringing, 1, call.StateRinging)
	_, epoch := h.Lead()

	kill()
	lost := time.Now()
	near.Phone = h.PlugInto(near, left)
	house.Await(t, time.Minute, "the other node to lead", func(context.Context) bool {
		node, now := h.Lead()
		return node == nodeIn(t, dir) && now == epoch+1
	})
	tookOver(t, "a machine", lost)
	for p, a := range talking {
		n := len(h.Attempts(p))
		house.Await(t, 3*time.Minute, "the call of a lost machine to be closed", func(context.Context) bool {
			return h.Attempts(p)[n-1].State == call.StateEnded
		})
		end := h.Attempts(p)[n-1]
		require.Equal(t, a.ID, end.ID)
		require.Equal(t, call.ResultAnswered, end.Result, "%+v", end)
		require.Equal(t, call.ReasonRestart, end.Reason, "%+v", end)
		require.True(t, end.Estimated, "%+v", end)
		require.Equal(t, call.OccurrenceReached, h.Occurrences(p)[0].State)
		require.Equal(t, 1, h.Ends(end.ID))
	}
	for _, c := range []*house.Caller{far, both} {
		h.AwaitState(c, call.CallerReady)
	}
	_, err := h.Take(near).HearTone(t.Context(), house.PersonTone)
	require.NoError(t, err)
	end := h.Attempts(ringing)[0]
	require.Equal(t, rings.ID, end.ID)
	require.Equal(t, call.ResultUnknown, end.Result, "%+v", end)
	require.Equal(t, call.ReasonRestart, end.Reason, "%+v", end)
	require.Equal(t, call.FaultOurs, end.Fault, "%+v", end)
	rung := h.Rang(ringing.Number)
	require.Len(t, rung, 2)
	require.True(t, rung[0].Ended.Before(rung[1].Invited), "rung by two calls: %+v", rung)
	require.Empty(t, placedAt(t, h, h.AwaitAttempt(ringing, 2, call.StateBridged).ID), "at the PBX that is left")
	for p := range talking {
		require.LessOrEqual(t, len(h.Rang(p.Number)), len(h.Attempts(p)), "rung again")
	}
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
