package telephone

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/phone"
	"github.com/rappel-tel/rappel/pkg/setup"
)

// TestTelephone has one PBX and one set of spoken prompts for every path: both take time to make.
func TestTelephone(t *testing.T) {
	l := newLab(t, func(o *setup.AsteriskOptions) { o.RTPTimeout = 3 * time.Second })
	t.Run("paths", func(t *testing.T) {
		t.Run("outbound", func(t *testing.T) { t.Parallel(); outbound(t, l) })
		t.Run("wrap-up", func(t *testing.T) { t.Parallel(); wrapUp(t, l) })
		t.Run("line", func(t *testing.T) { t.Parallel(); line(t, l) })
	})
	require.NoError(t, l.trunk.Ledger().Settle(t.Context()))
	limit, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	require.NoError(t, l.connector.Drain(limit), "a call is not forgotten")
	sum := l.trunk.Ledger().Summary()
	require.Zero(t, sum.DoubleRings, "%+v", sum)
	require.Zero(t, sum.SilentCalls, "%+v", sum)
	require.Eventually(t, func() bool {
		left, err := l.sw.Channels(t.Context())
		return err == nil && len(left) == 0
	}, 10*time.Second, 100*time.Millisecond, "channels live on")
}

// outbound runs every path of a connected call on real phones.
func outbound(t *testing.T, l *lab) {
	all := []call.State{call.StateOffered, call.StateAccepted, call.StateRinging, call.StateBridged}
	cases := []struct {
		name   string
		caller func(context.Context, *phone.Incoming)
		hers   phone.Behaviour
		talk   func(context.Context, *phone.Call)
		want   call.Outcome // Result, reason, fault, offer, rang.
		steps  int          // How many of all.
		hears  string       // Prompt to the beneficiary.
	}{
		{
			name: "she hangs up first", caller: answer(0, nil), hers: phone.Answers(time.Second, beneficiaryTone),
			talk: hangUp(callerTone, 1500*time.Millisecond),
			want: call.Outcome{OfferState: call.OfferAccepted, Result: call.ResultAnswered, Fault: call.FaultNone, Rang: true}, steps: 4,
		},
		{
			name: "the caller hangs up first", caller: answer(0, hangUp(beneficiaryTone, 4*time.Second)),
			hers: phone.Answers(time.Second, beneficiaryTone),
			want: call.Outcome{OfferState: call.OfferAccepted, Result: call.ResultAnswered, Fault: call.FaultNone, Rang: true}, steps: 4,
		},
		{
			name: "busy", caller: answer(0, nil), hers: phone.Busy(),
			want: call.Outcome{OfferState: call.OfferAccepted, Result: call.ResultBusy, Fault: call.FaultTheirs}, steps: 2,
		},
		{
			name: "no answer", caller: answer(0, nil), hers: phone.NoAnswer(),
			want: call.Outcome{OfferState: call.OfferAccepted, Result: call.ResultNoAnswer, Fault: call.FaultTheirs, Rang: true}, steps: 3,
		},
		{
			name: "congestion", caller: answer(0, nil), hers: phone.Congested(),
			want: call.Outcome{OfferState: call.OfferAccepted, Result: call.ResultCongestion, Fault: call.FaultNetwork}, steps: 2,
		},
		{
			name: "an announcement, then 404", caller: answer(0, nil), hers: phone.Behaviour{
				Announce: phone.Tone(1200), After: 2 * time.Second, Refuse: 404,
			},
			want: call.Outcome{
				OfferState: call.OfferAccepted, Result: call.ResultFailed, Reason: call.ReasonInvalidNumber, Fault: call.FaultTheirs,
			}, steps: 2,
		},
		{
			name: "she declines", caller: answer(0, nil), hers: phone.Declines(time.Second),
			want: call.Outcome{OfferState: call.OfferAccepted, Result: call.ResultBusy, Fault: call.FaultTheirs, Rang: true}, steps: 3,
		},
		{
			name: "the caller does not take the offer", caller: answer(time.Hour, nil), hers: phone.Answers(0, beneficiaryTone),
			want: call.Outcome{OfferState: call.OfferTimedOut}, steps: 1,
		},
		{
			name:   "the caller declines",
			caller: func(_ context.Context, in *phone.Incoming) { _ = in.Reject(603, "") },
			hers:   phone.Answers(0, beneficiaryTone),
			want:   call.Outcome{OfferState: call.OfferDeclined},
		},
		{
			name: "the caller hangs up while hers rings", caller: answer(0, hangUp(0, 2*time.Second)), hers: phone.NoAnswer(),
			want: call.Outcome{
				OfferState: call.OfferAccepted, Result: call.ResultCancelled, Reason: call.ReasonCallerGone, Fault: call.FaultOurs,
				Rang: true,
			}, steps: 3,
		},
		{
			name: "the caller's phone loses its power", hers: phone.Answers(time.Second, beneficiaryTone),
			caller: answer(0, func(ctx context.Context, c *phone.Call) {
				if _, err := c.HearTone(ctx, beneficiaryTone); err == nil {
					time.Sleep(4 * time.Second)
					c.Vanish()
				}
			}),
			want: call.Outcome{
				OfferState: call.OfferAccepted, Result: call.ResultAnswered, Reason: call.ReasonBrokenByUs, Fault: call.FaultOurs,
				Rang: true,
			}, steps: 4, hears: "apology.broken",
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			heard := make(chan error, 1)
			talk := c.talk
			if c.hears != "" {
				prompt := l.prompt(c.hears)
				talk = func(ctx context.Context, on *phone.Call) {
					_, err := on.Hear(ctx, prompt)
					heard <- err
				}
			}
			number := l.beneficiary(c.hers, talk)
			o := l.order(l.softphone(t, c.caller).User(), number)
			got := l.run(t, o)
			want := c.want
			want.Scheme, want.Attempt, want.Offer = 1, o.Attempt, 1
			want.At, want.Talk, want.Cause, want.CallerPresent = got.At, got.Talk, got.Cause, got.CallerPresent
			require.Equal(t, want, got)
			if c.steps > 0 {
				require.Equal(t, all[:c.steps], l.desk.steps[o.Attempt])
			}
			if c.hears != "" {
				require.NoError(t, <-heard)
			}
			if got.CallerPresent && got.Result != call.ResultAnswered {
				l.desk.until(t, "the caller to leave", func() bool { return l.desk.left[o.Attempt] })
			}
			for _, r := range l.trunk.Ledger().Records() {
				if r.Attempt == string(o.Attempt) && !r.Cancelled.IsZero() && c.want.Reason == call.ReasonCallerGone {
					require.Less(t, r.Cancelled.Sub(got.At), time.Second)
				}
			}
		})
	}
}

// wrapUp: she leaves, the caller hears what to press, presses, and is told what was noted.
func wrapUp(t *testing.T, l *lab) {
	menu, noted := l.prompt("close.menu"), l.prompt("close.difficult")
	told := make(chan error, 1)
	p := l.softphone(t, answer(0, func(ctx context.Context, c *phone.Call) {
		_, err := c.Hear(ctx, menu)
		if err == nil {
			c.Say(nil)
			err = c.SendDTMF(ctx, "2")
		}
		if err == nil {
			_, err = c.Hear(ctx, noted)
		}
		told <- err
		_ = c.Hangup(ctx) // It may have ended by itself.
	}))
	o := l.order(p.User(), l.beneficiary(phone.Answers(0, beneficiaryTone), hangUp(callerTone, time.Second)))
	got := l.run(t, o)
	require.True(t, got.CallerPresent)
	require.NoError(t, <-told)
	l.desk.until(t, "the caller to leave", func() bool { return l.desk.left[o.Attempt] })
	require.Equal(t, call.DispositionDifficult, l.desk.closings[o.Attempt].Disposition)
}
