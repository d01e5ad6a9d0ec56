package calls

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/phone"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/tests/house"
)

const (
	desks     = 20
	strict    = 200                    // Timings around the moment in which she picks up.
	crossing  = 60                     // Timings around the moment in which the PBX gives up.
	pickUp    = 700 * time.Millisecond // After her phone was told to ring.
	around    = 150 * time.Millisecond // Earlier or later the caller leaves.
	grace     = 500 * time.Millisecond // For which her phone rings on, in case she is just picking it up.
	listening = 2500 * time.Millisecond
	// margin is how exactly the phones know when something happened.
	margin = 20 * time.Millisecond
)

// TestInstant has callers hang up in the instant in which she answers, at 200 seeded timings: whoever picks up hears a
// prompt and never silence, and the records agree with what her phone saw.
//
// One race remains, half a second later: a phone picked up in the very instant in which the PBX stops it ringing. An answer
// that crosses a CANCEL is hung up by the PBX at once (RFC 3261, 9.1): she finds the line dead for some milliseconds, then
// released. A further 60 timings aim at that instant.
func TestInstant(t *testing.T) {
	street := house.Build(t, house.Options{})
	var plan house.Plan
	plan.WrapUp = time.Millisecond
	desk := make([]*leaver, desks)
	r := rand.New(rand.NewPCG(1, 7))           //nolint:gosec // Timings, not secrets.
	left := make([]time.Time, strict+crossing) // When the caller of each hung up; each is written by one desk.
	for i := range desks {
		desk[i] = &leaver{leave: make(chan leaving, 1)} // One call at a time.
		plan.Callers = append(plan.Callers, house.CallerPlan{})
	}
	for i := range strict + crossing {
		d := desk[i%desks]
		leave := pickUp - around + time.Duration(r.Int64N(int64(2*around)))
		if i >= strict {
			leave -= grace
		}
		plan.People = append(plan.People, house.PersonPlan{
			Reference: i%desks + 1, Continuity: roster.Strict,
			Choose: func(_ phone.Ring, n int) phone.Behaviour {
				if n > 0 { // She is called again, since she was owed a person.
					d.tell(leaving{})
					return phone.Busy()
				}
				d.tell(leaving{after: leave, at: &left[i]})
				return phone.Answers(pickUp, house.PersonTone).HangsUpAfter(listening)
			},
		})
	}
	plan.NotReady = true
	h := street.Move(t, plan)
	ctx, stop := context.WithCancel(t.Context())
	var work sync.WaitGroup
	for i, d := range desk {
		work.Go(func() { d.work(ctx, h.Callers[i]) })
	}
	defer work.Wait()
	defer stop()
	for _, c := range h.Callers {
		work.Go(func() { h.Ready(c) })
	}
	house.Await(t, 3*time.Minute, "the first attempt at everybody to end", func(context.Context) bool {
		return h.Tried() == strict+crossing
	})
	require.NoError(t, h.Trunk.Ledger().Settle(t.Context()))
	stop()
	work.Wait()
	judge(t, h, left)
}

// judge compares the records with what her phone saw. Left is when the caller of each hung up.
func judge(t *testing.T, h *house.House, left []time.Time) {
	t.Helper()
	prompts := [][]int16{
		house.Beginning(h.Prompt("dialplan.caller-gone", nil), time.Second),
		house.Beginning(h.Prompt("apology.caller_gone", nil), time.Second),
	}
	said, stopped, crossed := 0, 0, 0
	var silent, released time.Duration // The longest ones.
	for i, p := range h.People {
		a, ring := h.Attempts(p)[0], h.Rang(p.Number)[0]
		require.Equal(t, string(a.ID), ring.Attempt)
		require.Equal(t, call.FaultOurs, a.Fault, "%+v", a)
		switch {
		case ring.Answered.IsZero():
			stopped++
			require.Equal(t, call.ResultCancelled, a.Result, "%+v", a)
			require.Equal(t, call.ReasonCallerGone, a.Reason, "%+v", a)
		case ring.Answered.Sub(left[i]) > grace-margin && ring.Ended.Sub(ring.Answered) < listening-margin:
			crossed++ // So late only on a busy machine, or where it was aimed at. She may have heard the first words.
			released = max(released, ring.Ended.Sub(ring.Answered))
			require.Contains(t, []call.Reason{call.ReasonCallerGone, call.ReasonAnsweredUnheld}, a.Reason, "%+v", a)
		default:
			said++
			require.Equal(t, call.ResultAnswered, a.Result, "%+v", a)
			require.Equal(t, call.ReasonAnsweredUnheld, a.Reason, "%+v", a)
			require.False(t, ring.FirstSound.IsZero(), "silence: %+v", ring)
			silent = max(silent, ring.FirstSound.Sub(ring.Answered))
			require.Greater(t, score(t, h.AwaitCall(p), prompts), phone.HearScore, "not the prompt: %+v", ring)
		}
	}
	t.Logf("%d picked up and heard the prompt, %d phones stopped ringing, %d were picked up as they were stopped", said, stopped, crossed)
	t.Logf("the prompt came within %s, a line that was picked up too late was given back within %s", silent, released)
	require.GreaterOrEqual(t, said, strict/2, "the timings miss the instant")
	require.Positive(t, stopped, "the timings miss the instant") // The PBX is asked first: most are saved.
	require.LessOrEqual(t, h.Trunk.Ledger().Summary().SilentCalls, crossed)
}

// score is how well a call heard the best of the prompts.
func score(t *testing.T, c *phone.Call, prompts [][]int16) float64 {
	t.Helper()
	best := 0.0
	for _, prompt := range prompts {
		match, err := c.Compare(prompt)
		require.NoError(t, err)
		best = max(best, match.Score)
	}
	return best
}

// leaver is a caller who takes every call and leaves it at a given time after the other phone began to ring.
type leaver struct{ leave chan leaving }

// leaving says when to hang up, and where to note when that was; nowhere when it is nil.
type leaving struct {
	after time.Duration
	at    *time.Time
}

func (l *leaver) tell(when leaving) {
	select {
	case l.leave <- when:
	default:
	}
}

func (l *leaver) work(ctx context.Context, c *house.Caller) {
	for {
		select {
		case o := <-c.Offers:
			hers, err := o.Take(ctx)
			if err != nil {
				continue
			}
			l.stay(ctx, hers)
		case <-ctx.Done():
			return
		}
	}
}

func (l *leaver) stay(ctx context.Context, hers *phone.Call) {
	select {
	case when := <-l.leave:
		timer := time.NewTimer(when.after)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-hers.Done():
		}
		if when.at != nil {
			*when.at = time.Now()
		}
	case <-hers.Done():
	case <-ctx.Done():
	}
	bye, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	_ = hers.Hangup(bye) // The other side may have been first.
}
