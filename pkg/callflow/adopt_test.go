package callflow

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/telephony"
	"github.com/rappel-tel/rappel/pkg/telephony/telephonytest"
)

// TestLostAnswers: whatever becomes of the command, the PBX is told once and every attempt ends once.
func TestLostAnswers(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name  string
		err   error
		act   bool
		want  call.Result
		offer call.OfferState
		after time.Duration // The outcome is not known before.
	}{
		{"it was carried out", telephony.ErrUnanswered, true, call.ResultAnswered, call.OfferAccepted, time.Minute},
		{"it was not", telephony.ErrUnanswered, false, call.ResultUnknown, call.OfferFailed, 2 * time.Minute},
		{"the PBX is out of reach", telephony.ErrDown, false, call.ResultFailed, call.OfferFailed, 0},
		{"the PBX refused", telephony.ErrRefused, false, "", call.OfferFailed, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				r := newRig(t, nil)
				defer r.close()
				r.pbx.SetPhone("anna", telephonytest.Script{})
				r.pbx.SetPhone(number, telephonytest.Script{HangUpBridged: time.Minute})
				r.pbx.FailNext("Connect", c.err, c.act)
				require.NoError(t, r.c.Start(t.Context(), order()))
				if c.after > 0 {
					time.Sleep(c.after - time.Second)
					synctest.Wait()
					require.Empty(t, r.seen().outcomes)
				}
				time.Sleep(3 * time.Minute)
				require.Len(t, r.seen().outcomes, 1)
				require.Equal(t, c.want, r.seen().outcomes[0].Result)
				require.Equal(t, c.offer, r.seen().outcomes[0].OfferState)
				r.sound(t)
			})
		})
	}
}

func TestCutsAndRestartsOfThePBX(t *testing.T) {
	t.Parallel()
	phones := map[string]struct{ caller, hers telephonytest.Script }{
		"offered":  {telephonytest.Script{Answer: 15 * time.Second}, telephonytest.Script{}},
		"ringing":  {telephonytest.Script{}, telephonytest.Script{Answer: 30 * time.Second}},
		"bridged":  {telephonytest.Script{}, telephonytest.Script{}},
		"busy cut": {telephonytest.Script{Answer: 12 * time.Second}, telephonytest.Script{Refuse: telephony.CauseBusy, Ring: -1}},
		"ends cut": {telephonytest.Script{HangUpBridged: 12 * time.Second}, telephonytest.Script{HangUpBridged: 12 * time.Second}},
	}
	cases := []struct {
		phones  string
		restart bool
		want    call.Result
		reason  call.Reason
		fault   call.Fault
	}{
		{"offered", true, call.ResultFailed, call.ReasonPBXLost, call.FaultOurs},
		{"ringing", true, call.ResultFailed, call.ReasonPBXLost, call.FaultOurs},
		{"bridged", true, call.ResultFailed, call.ReasonPBXLost, call.FaultOurs},
		{"offered", false, call.ResultAnswered, "", call.FaultNone},
		{"ringing", false, call.ResultAnswered, "", call.FaultNone},
		{"bridged", false, call.ResultAnswered, "", call.FaultNone},
		{"ends cut", false, call.ResultAnswered, "", call.FaultNone},
		{"busy cut", false, call.ResultUnknown, "", call.FaultOurs}, // The caller is told, and she is tried again.
	}
	for _, c := range cases {
		name := c.phones + " cut"
		if c.restart {
			name = c.phones + " restart"
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				r := newRig(t, nil)
				defer r.close()
				r.pbx.SetPhone("anna", phones[c.phones].caller)
				r.pbx.SetPhone(number, phones[c.phones].hers)
				o := order()
				require.NoError(t, r.c.Start(t.Context(), o))
				time.Sleep(10 * time.Second)
				if c.restart {
					r.pbx.Restart()
				} else {
					r.pbx.Down()
					time.Sleep(10 * time.Second)
					r.pbx.Up()
					time.Sleep(time.Minute)
					r.pbx.HangUp(o.Attempt.CallerLeg(1), telephony.CauseNormal)
				}
				time.Sleep(time.Minute)
				synctest.Wait()
				require.Len(t, r.seen().outcomes, 1)
				got := r.seen().outcomes[0]
				require.Equal(t, []any{c.want, c.reason, c.fault}, []any{got.Result, got.Reason, got.Fault})
				require.Equal(t, c.restart || strings.HasSuffix(c.phones, " cut"), got.EndEstimated)
				if !c.restart { // A PBX that dies falls silent.
					require.Empty(t, r.pbx.Silent())
				}
				require.Empty(t, r.pbx.PostedTwice())
				require.Zero(t, r.c.Live())
			})
		})
	}
}

// TestAdoption ends the process at one moment of a call and starts another on the same PBX.
func TestAdoption(t *testing.T) {
	t.Parallel()
	type script = telephonytest.Script
	cases := []struct {
		name         string
		caller, hers script
		at           time.Duration // When the process dies.
		away         time.Duration
		state        call.State // As recorded.
		want         call.Result
		reason       call.Reason
		estimated    bool
	}{
		{
			name: "bridged, talks on", hers: script{HangUpBridged: 90 * time.Second}, at: 10 * time.Second,
			away: 20 * time.Second, state: call.StateBridged, want: call.ResultAnswered,
		},
		{
			name: "bridged, ended meanwhile", caller: script{HangUpBridged: 15 * time.Second}, at: 10 * time.Second,
			hers: script{HangUpBridged: 15 * time.Second}, away: 20 * time.Second, state: call.StateBridged,
			want: call.ResultAnswered, reason: call.ReasonRestart, estimated: true,
		},
		{
			name: "bridged, the record says ringing", hers: script{HangUpBridged: 90 * time.Second}, at: 10 * time.Second,
			away: 20 * time.Second, state: call.StateRinging, want: call.ResultAnswered,
		},
		{
			name: "ringing, answered meanwhile", hers: script{Answer: 20 * time.Second, HangUpBridged: 60 * time.Second},
			at: 10 * time.Second, away: 20 * time.Second, state: call.StateRinging, want: call.ResultAnswered,
		},
		{
			name: "ringing, gone", caller: script{HangUp: 14 * time.Second}, at: 10 * time.Second, away: 20 * time.Second,
			hers: script{Refuse: telephony.CauseBusy, Answer: 12 * time.Second}, state: call.StateRinging,
			want: call.ResultUnknown, reason: call.ReasonRestart, estimated: true,
		},
		{
			name: "claimed, the phone rings", caller: script{Answer: 15 * time.Second},
			hers: script{HangUpBridged: 60 * time.Second}, at: time.Second, away: 2 * time.Second, state: call.StateIntent,
			want: call.ResultAnswered,
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				r := newRig(t, nil)
				defer r.close()
				r.pbx.SetPhone("anna", c.caller)
				r.pbx.SetPhone(number, c.hers)
				o := order()
				require.NoError(t, r.c.Start(t.Context(), o))
				time.Sleep(c.at)
				r.leave()
				r.pbx.Down()
				live := call.Live{Order: o, State: c.state, ClaimedAt: time.Now(), Channel: r.herChannel()}
				if c.state == call.StateBridged {
					live.BridgedAt = time.Now()
				}
				r.desk.locked(func() { r.desk.steps = nil })
				time.Sleep(c.away)
				r.pbx.Up()
				reborn, err := New(r.c.o)
				require.NoError(t, err)
				r.c = reborn
				r.run()
				r.c.Adopt(t.Context(), []call.Live{live})
				time.Sleep(4 * time.Minute)
				synctest.Wait()
				require.Len(t, r.seen().outcomes, 1)
				got := r.seen().outcomes[0]
				require.Equal(t, []any{c.want, c.reason, c.estimated}, []any{got.Result, got.Reason, got.EndEstimated})
				require.Equal(t, 1, r.pbx.Rings(number))
				r.sound(t)
			})
		})
	}
}

// TestAdoptingWhatIsFollowedAlready: a dispatcher that leads anew in the same process names calls that never stopped.
func TestAdoptingWhatIsFollowedAlready(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		r := newRig(t, nil)
		defer r.close()
		r.pbx.SetPhone("anna", telephonytest.Script{})
		r.pbx.SetPhone(number, telephonytest.Script{HangUpBridged: time.Minute})
		o, lost := order(), order()
		require.NoError(t, r.c.Start(t.Context(), o))
		time.Sleep(10 * time.Second)
		r.c.Adopt(t.Context(), []call.Live{
			{Order: o, State: call.StateBridged, BridgedAt: time.Now()},
			{Order: lost, State: call.StateBridged, BridgedAt: time.Now()},
		})
		time.Sleep(time.Second)
		require.Len(t, r.seen().outcomes, 1, "the other one is not held up")
		require.Equal(t, lost.Attempt, r.seen().outcomes[0].Attempt)
		time.Sleep(3 * time.Minute)
		require.Len(t, r.seen().outcomes, 2)
		require.False(t, r.seen().outcomes[1].EndEstimated)
		r.sound(t)
	})
}

// TestAClaimWithoutALegIsUnknownOnlyWhenNothingCanRing: the command of a dead process may still be under way.
func TestAClaimWithoutALegIsUnknownOnlyWhenNothingCanRing(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		r := newRig(t, nil)
		defer r.close()
		o := order()
		r.c.Adopt(t.Context(), []call.Live{{Order: o, State: call.StateIntent, ClaimedAt: time.Now()}})
		time.Sleep(time.Until(o.DialBy.Add(o.BeneficiaryRing)) - time.Second)
		synctest.Wait()
		require.Empty(t, r.seen().outcomes)
		time.Sleep(2 * time.Second)
		require.Len(t, r.seen().outcomes, 1)
		require.Equal(t, call.ResultUnknown, r.seen().outcomes[0].Result)
		r.sound(t)
	})
}

func TestDrainWaitsForLiveCallsAndCloseLeavesThem(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		r := newRig(t, nil)
		defer r.close()
		r.pbx.SetPhone("anna", telephonytest.Script{HangUpBridged: time.Minute})
		r.pbx.SetPhone(number, telephonytest.Script{})
		o := order()
		require.NoError(t, r.c.Start(t.Context(), o))
		time.Sleep(time.Second)
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, r.c.Drain(short), context.DeadlineExceeded)
		require.NoError(t, r.c.Drain(t.Context()))
		require.Len(t, r.seen().outcomes, 1)

		require.NoError(t, r.c.Start(t.Context(), order()))
		time.Sleep(time.Second)
		r.leave()
		require.NotEmpty(t, r.pbx.String(), "closing must not end calls")
		require.Len(t, r.seen().outcomes, 1)
		require.ErrorIs(t, r.c.Start(t.Context(), order()), ErrClosed)
	})
}
