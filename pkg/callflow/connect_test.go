package callflow

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/telephony"
	"github.com/rappel-tel/rappel/pkg/telephony/telephonytest"
)

// TestConnectPaths walks every path of a connected call: what each phone does, and what must come of it.
func TestConnectPaths(t *testing.T) {
	t.Parallel()
	type script = telephonytest.Script
	all := []call.State{call.StateOffered, call.StateAccepted, call.StateRinging, call.StateBridged}
	ring := all[:3]
	cases := []struct {
		name         string
		caller, hers script
		order        func(*call.Order)
		want         call.Outcome // Without At, ids, Talk unless given.
		steps        []call.State
		talk         time.Duration
		callerHears  string // Prompt key, in Dutch.
		sheHears     string // Prompt key, in French.
		sheRings     int
	}{
		{
			name:   "answered, she hangs up first",
			caller: script{Ring: 0, Answer: 2 * time.Second, HangUpBridged: 95 * time.Second},
			hers:   script{Answer: 5 * time.Second, HangUpBridged: 90 * time.Second},
			want: call.Outcome{
				OfferState: call.OfferAccepted, Result: call.ResultAnswered, Fault: call.FaultNone, Cause: 16, Rang: true,
				CallerPresent: true,
			},
			steps: all, talk: 90 * time.Second, sheRings: 1, callerHears: "close.menu",
		},
		{
			name: "answered, the caller hangs up first", caller: script{HangUpBridged: 30 * time.Second}, hers: script{},
			want: call.Outcome{
				OfferState: call.OfferAccepted, Result: call.ResultAnswered, Fault: call.FaultNone, Cause: 16, Rang: true,
			},
			steps: all, talk: 30 * time.Second, sheRings: 1,
		},
		{
			name: "both hang up at once", caller: script{HangUpBridged: 30 * time.Second},
			hers: script{HangUpBridged: 30 * time.Second},
			want: call.Outcome{
				OfferState: call.OfferAccepted, Result: call.ResultAnswered, Fault: call.FaultNone, Cause: 16, Rang: true,
			},
			steps: all, talk: 30 * time.Second, sheRings: 1,
		},
		{
			name:   "the caller's phone is lost",
			caller: script{HangUpBridged: 30 * time.Second, Cause: telephony.CauseUnavailable}, hers: script{},
			want: call.Outcome{
				OfferState: call.OfferAccepted, Result: call.ResultAnswered, Reason: call.ReasonBrokenByUs,
				Fault: call.FaultOurs, Cause: 44, Rang: true,
			},
			steps: all, talk: 30 * time.Second, sheRings: 1, sheHears: "apology.broken",
		},
		{
			name: "busy", caller: script{}, hers: script{Refuse: telephony.CauseBusy, Answer: time.Second, Ring: -1},
			want: call.Outcome{
				OfferState: call.OfferAccepted, Result: call.ResultBusy, Fault: call.FaultTheirs, Cause: 17, CallerPresent: true,
			},
			steps: all[:2], sheRings: 1, callerHears: "after.busy",
		},
		{
			name: "no answer", caller: script{}, hers: script{Never: true},
			want: call.Outcome{
				OfferState: call.OfferAccepted, Result: call.ResultNoAnswer, Fault: call.FaultTheirs, Cause: 19, Rang: true,
				CallerPresent: true,
			},
			steps: ring, sheRings: 1, callerHears: "after.no_answer",
		},
		{
			name: "congestion", caller: script{}, hers: script{Refuse: telephony.CauseCongestion, Ring: -1},
			want: call.Outcome{
				OfferState: call.OfferAccepted, Result: call.ResultCongestion, Fault: call.FaultNetwork, Cause: 34,
				CallerPresent: true,
			},
			steps: all[:2], sheRings: 1, callerHears: "after.failed",
		},
		{
			name: "an announcement, then 404", caller: script{},
			hers: script{Refuse: telephony.CauseUnallocated, Ring: -1, Answer: 8 * time.Second},
			want: call.Outcome{
				OfferState: call.OfferAccepted, Result: call.ResultFailed, Reason: call.ReasonInvalidNumber,
				Fault: call.FaultTheirs, Cause: 1, CallerPresent: true,
			},
			steps: all[:2], sheRings: 1, callerHears: "after.invalid_number",
		},
		{
			name: "she declines", caller: script{}, hers: script{Refuse: telephony.CauseRejected, Answer: 4 * time.Second},
			want: call.Outcome{
				OfferState: call.OfferAccepted, Result: call.ResultBusy, Fault: call.FaultTheirs, Cause: 21, Rang: true,
				CallerPresent: true,
			},
			steps: ring, sheRings: 1, callerHears: "after.busy",
		},
		{
			name: "the trunk refuses us", caller: script{}, hers: script{Refuse: telephony.CauseRejected, Ring: -1},
			want: call.Outcome{
				OfferState: call.OfferAccepted, Result: call.ResultFailed, Fault: call.FaultOurs, Cause: 21, CallerPresent: true,
			},
			steps: all[:2], sheRings: 1, callerHears: "after.failed",
		},
		{
			name: "the caller does not take the offer", caller: script{Never: true}, hers: script{},
			want:  call.Outcome{OfferState: call.OfferTimedOut, Cause: 19},
			steps: all[:1],
		},
		{
			name: "the caller declines", caller: script{Refuse: telephony.CauseRejected, Answer: time.Second}, hers: script{},
			want:  call.Outcome{OfferState: call.OfferDeclined, Cause: 21},
			steps: all[:1],
		},
		{
			name: "the caller's phone is not registered", hers: script{},
			order: func(o *call.Order) { o.CallerEndpoint = "nobody" },
			want:  call.Outcome{OfferState: call.OfferFailed, Cause: 27},
		},
		{
			name: "the caller hangs up while hers rings", caller: script{HangUp: 10 * time.Second}, hers: script{Never: true},
			want: call.Outcome{
				OfferState: call.OfferAccepted, Result: call.ResultCancelled, Reason: call.ReasonCallerGone,
				Fault: call.FaultOurs, Cause: 16, Rang: true,
			},
			steps: ring, sheRings: 1,
		},
		{
			name: "she answers just after the caller left", caller: script{HangUp: 10 * time.Second},
			hers: script{Answer: 10*time.Second + 200*time.Millisecond},
			want: call.Outcome{
				OfferState: call.OfferAccepted, Result: call.ResultAnswered, Reason: call.ReasonAnsweredUnheld,
				Fault: call.FaultOurs, Cause: 16, Rang: true,
			},
			steps: ring, sheRings: 1, sheHears: dialplanPrompt,
		},
		{
			name: "the caller hangs up as soon as she answers", caller: script{HangUpBridged: 700 * time.Millisecond},
			hers: script{Answer: time.Second},
			want: call.Outcome{
				OfferState: call.OfferAccepted, Result: call.ResultAnswered, Reason: call.ReasonAnsweredUnheld,
				Fault: call.FaultOurs, Cause: 16, Rang: true,
			},
			steps: all, talk: 700 * time.Millisecond, sheRings: 1, sheHears: dialplanPrompt,
		},
		{
			name: "too late to dial", caller: script{Answer: 3 * time.Second}, hers: script{},
			order: func(o *call.Order) { o.DialBy = time.Now().Add(time.Second) },
			want: call.Outcome{
				OfferState: call.OfferAccepted, Result: call.ResultCancelled, Reason: call.ReasonDialBy, Fault: call.FaultOurs,
				CallerPresent: true,
			},
			steps: all[:2],
		},
		{
			name:   "an ordinary phone presses a key",
			caller: script{Keys: []telephonytest.Key{{After: 2 * time.Second, Digit: "5"}}},
			hers:   script{HangUpBridged: time.Minute},
			order:  func(o *call.Order) { o.CallerEndpoint, o.CallerNumber = "", "anna" },
			want: call.Outcome{
				OfferState: call.OfferAccepted, Result: call.ResultAnswered, Fault: call.FaultNone, Cause: 16, Rang: true,
				CallerPresent: true,
			},
			steps: all, talk: time.Minute, sheRings: 1, callerHears: "close.menu",
		},
		{
			name: "an ordinary phone presses no key", caller: script{}, hers: script{},
			order: func(o *call.Order) { o.CallerEndpoint, o.CallerNumber = "", "anna" },
			want:  call.Outcome{OfferState: call.OfferDeclined, Cause: 16},
			steps: all[:1],
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
				if c.order != nil {
					c.order(&o)
				}
				require.NoError(t, r.c.Start(t.Context(), o))
				time.Sleep(5 * time.Minute)
				synctest.Wait()

				require.Len(t, r.seen().outcomes, 1)
				require.Equal(t, 1, r.seen().placed)
				got := r.seen().outcomes[0]
				require.Equal(t, o.Attempt, got.Attempt)
				require.False(t, got.At.IsZero())
				require.InDelta(t, c.talk.Seconds(), got.Talk.Seconds(), 0.1)
				want := c.want
				if strings.HasPrefix(c.name, "both") {
					want.CallerPresent = got.CallerPresent // Whoever is seen to go first.
				}
				want.Scheme, want.Attempt, want.Offer, want.At, want.Talk = 1, o.Attempt, 1, got.At, got.Talk
				require.Equal(t, want, got)
				require.Equal(t, c.steps, states(r.seen().steps))
				require.Equal(t, c.sheRings, r.pbx.Rings(number))
				if c.callerHears != "" {
					require.Contains(t, r.heard(o.Attempt.CallerLeg(1)), r.says(roster.Dutch, c.callerHears))
				}
				switch c.sheHears {
				case "":
				case dialplanPrompt:
					require.Equal(t, string(telephonytest.DialplanPrompt)+"\n", r.heard(r.herChannel()), "she is told once")
				default:
					require.Contains(t, r.heard(r.herChannel()), r.says(roster.French, c.sheHears))
				}
				require.Equal(t, got.CallerPresent, len(r.seen().left) == 1)
				require.Empty(t, r.pbx.String(), "channels live on")
				r.sound(t)
			})
		})
	}
}

// dialplanPrompt stands for what the PBX itself says to her.
const dialplanPrompt = "dialplan"

// herChannel is the channel that the PBX named in a step, or else its first.
func (r *rig) herChannel() string {
	for _, s := range r.seen().steps {
		if s.Channel != "" {
			return s.Channel
		}
	}
	return ""
}

func TestTheNextCallerIsRungUnderTheSameAttempt(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		r := newRig(t, nil)
		defer r.close()
		r.pbx.SetPhone("anna", telephonytest.Script{Never: true})
		r.pbx.SetPhone("bert", telephonytest.Script{})
		r.pbx.SetPhone(number, telephonytest.Script{HangUpBridged: time.Second})
		o := order()
		require.NoError(t, r.c.Start(t.Context(), o))
		require.ErrorIs(t, r.c.Start(t.Context(), o), telephony.ErrExists)
		time.Sleep(21 * time.Second)
		synctest.Wait()
		require.Len(t, r.seen().outcomes, 1)
		o.Offer, o.CallerEndpoint = 2, "bert"
		require.NoError(t, r.c.Start(t.Context(), o))
		time.Sleep(2 * time.Minute)
		require.Len(t, r.seen().outcomes, 2)
		require.Equal(t, call.ResultAnswered, r.seen().outcomes[1].Result)
		require.Equal(t, 1, r.pbx.Rings(number))
		r.sound(t)
	})
}

func TestRecallTakesBackWhatNobodyTook(t *testing.T) {
	t.Parallel()
	for name, answered := range map[string]bool{"ringing": false, "taken": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				r := newRig(t, nil)
				defer r.close()
				r.pbx.SetPhone("anna", telephonytest.Script{Never: !answered})
				r.pbx.SetPhone(number, telephonytest.Script{HangUpBridged: time.Minute})
				o := order()
				require.NoError(t, r.c.Start(t.Context(), o))
				time.Sleep(5 * time.Second)
				r.c.Recall(o.Attempt)
				r.c.Recall("unknown")
				time.Sleep(2 * time.Minute)
				require.Len(t, r.seen().outcomes, 1)
				if answered {
					require.Equal(t, call.ResultAnswered, r.seen().outcomes[0].Result)
				} else {
					require.Equal(t, call.OfferRecalled, r.seen().outcomes[0].OfferState)
					require.Empty(t, r.seen().outcomes[0].Result)
				}
				r.sound(t)
			})
		})
	}
}

func TestAPhoneStopsWithinASecondOfTheCallersLeaving(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		r := newRig(t, nil)
		defer r.close()
		r.pbx.SetPhone("anna", telephonytest.Script{})
		r.pbx.SetPhone(number, telephonytest.Script{Never: true})
		o := order()
		require.NoError(t, r.c.Start(t.Context(), o))
		time.Sleep(10 * time.Second)
		require.NotEmpty(t, r.pbx.Find(o.Attempt.BeneficiaryLeg()))
		r.pbx.HangUp(o.Attempt.CallerLeg(1), telephony.CauseNormal)
		time.Sleep(time.Second)
		synctest.Wait()
		require.Empty(t, r.pbx.Find(o.Attempt.BeneficiaryLeg()))
		r.sound(t)
	})
}

func TestWrapUpByKeypad(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		r := newRig(t, nil)
		defer r.close()
		r.pbx.SetPhone("anna", telephonytest.Script{})
		r.pbx.SetPhone(number, telephonytest.Script{HangUpBridged: time.Minute})
		// The end of the call is written down a moment after she hears that it has ended, and the keys she presses meanwhile
		// are not lost.
		opens := time.Date(2000, 1, 8, 9, 30, 0, 0, time.UTC)
		r.desk.locked(func() { r.desk.notYet, r.desk.proposal = 5, Proposal{Opens: opens, Closes: opens.Add(time.Hour)} })
		o := order()
		require.NoError(t, r.c.Start(t.Context(), o))
		time.Sleep(64 * time.Second)
		leg := o.Attempt.CallerLeg(1)
		require.Contains(t, r.heard(leg), "nl: Voorstel voor het volgende gesprek: zaterdag acht januari, rond half tien.")
		for _, key := range []string{"2", "3", "4"} {
			r.pbx.Press(leg, key)
			time.Sleep(5 * time.Second)
		}
		require.Empty(t, r.seen().left)
		r.pbx.HangUp(leg, telephony.CauseNormal)
		synctest.Wait()
		base := Closing{Scheme: 1, Attempt: o.Attempt, Caller: 7, Disposition: call.DispositionDifficult}
		followed := base
		followed.FollowUp = true
		later := followed
		later.DayLater = true
		require.Equal(t, []Closing{base, followed, later}, r.seen().closings)
		require.Equal(t, []call.ID{o.Attempt}, r.seen().left)
		r.sound(t)
	})
}
