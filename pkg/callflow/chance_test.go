package callflow

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/telephony"
	"github.com/rappel-tel/rappel/pkg/telephony/telephonytest"
)

// TestTheCallerLeavesInTheInstantSheAnswers tries 200 seeded timings around her answer: she is never left in silence, the
// caller is never told twice, and there is one outcome.
func TestTheCallerLeavesInTheInstantSheAnswers(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		bubble(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 2)) //nolint:gosec // Timings, not secrets.
			answer := 3 * time.Second
			leaves := answer + time.Duration(random.IntN(1200)-600)*time.Millisecond
			if seed%2 == 0 { // Close by.
				leaves = answer + time.Duration(random.IntN(13)-6)*time.Millisecond
			}
			r := newRig(t, nil)
			defer r.close()
			r.pbx.SetPhone("anna", telephonytest.Script{HangUp: leaves})
			r.pbx.SetPhone(number, telephonytest.Script{Answer: answer})
			require.NoError(t, r.c.Start(t.Context(), order()))
			time.Sleep(time.Minute)
			synctest.Wait()
			require.Len(t, r.seen().outcomes, 1, "seed %d", seed)
			o := r.seen().outcomes[0]
			switch o.Result {
			case call.ResultCancelled:
				require.Equal(t, call.ReasonCallerGone, o.Reason)
				require.Less(t, leaves, answer, "seed %d: she answered", seed)
			default:
				require.Equal(t, call.ResultAnswered, o.Result)
				require.Equal(t, call.ReasonAnsweredUnheld, o.Reason, "seed %d", seed)
				require.Equal(t, string(telephonytest.DialplanPrompt)+"\n", r.heard(r.herChannel()), "seed %d", seed)
			}
			require.Empty(t, r.pbx.String())
			r.sound(t)
		})
	}
}

// TestAnyInterleavingEndsOnce lets the two phones, the network and the PBX do anything at any time.
func TestAnyInterleavingEndsOnce(t *testing.T) {
	t.Parallel()
	ms := func(most int) *rapid.Generator[time.Duration] {
		return rapid.Custom(func(t *rapid.T) time.Duration {
			return time.Duration(rapid.IntRange(0, most).Draw(t, "ms")) * time.Millisecond
		})
	}
	causes := rapid.SampledFrom([]telephony.Cause{0, 0, 16, 44, 17, 1, 102})
	refusals := rapid.SampledFrom([]telephony.Cause{0, 0, 0, 17, 21, 1, 34, 41, 18, 127, 3})
	phone := rapid.Custom(func(t *rapid.T) telephonytest.Script {
		return telephonytest.Script{
			Ring: ms(500).Draw(t, "ring"), Answer: ms(6000).Draw(t, "answer"), Never: rapid.IntRange(0, 9).Draw(t, "never") == 0,
			Refuse: refusals.Draw(t, "refuse"), HangUp: ms(8000).Draw(t, "hang up"),
			HangUpBridged: ms(8000).Draw(t, "hang up bridged"), Cause: causes.Draw(t, "cause"),
			Keys: []telephonytest.Key{{After: ms(3000).Draw(t, "key"), Digit: rapid.SampledFrom([]string{"1", "2", "9"}).Draw(t, "digit")}},
		}
	})
	type disturbance struct {
		at   time.Duration
		kind int
		long time.Duration
	}
	rapid.Check(t, func(rt *rapid.T) {
		anna, her := phone.Draw(rt, "anna"), phone.Draw(rt, "her")
		ordinary := rapid.Bool().Draw(rt, "ordinary phone")
		connect := rapid.SampledFrom([]error{nil, nil, nil, telephony.ErrUnanswered, telephony.ErrDown}).Draw(rt, "connect")
		acted := rapid.Bool().Draw(rt, "acted")
		trouble := rapid.Custom(func(t *rapid.T) disturbance {
			return disturbance{ms(9000).Draw(t, "at"), rapid.IntRange(0, 9).Draw(t, "kind"), ms(9000).Draw(t, "long")}
		}).Draw(rt, "trouble")
		broken := &failure{}
		synctest.Test(t, func(*testing.T) {
			rt := broken // Rapid cannot be failed from inside a bubble.
			defer rt.stop()
			r := newRig(rt, nil)
			defer r.close()
			r.pbx.SetPhone("anna", anna)
			r.pbx.SetPhone(number, her)
			if connect != nil {
				r.pbx.FailNext("Connect", connect, acted && !errors.Is(connect, telephony.ErrDown))
			}
			o := order()
			if ordinary {
				o.CallerEndpoint, o.CallerNumber = "", "anna"
			}
			o.DialBy = time.Now().Add(20 * time.Second)
			require.NoError(rt, r.c.Start(t.Context(), o))
			time.Sleep(trouble.at)
			restarted := false
			switch trouble.kind {
			case 0:
				r.c.Recall(o.Attempt)
			case 1:
				r.pbx.Down()
				time.Sleep(trouble.long)
				r.pbx.Up()
			case 2:
				r.pbx.Restart()
				restarted = true
			}
			time.Sleep(5 * time.Minute)
			synctest.Wait()

			var ended int
			for _, out := range r.seen().outcomes {
				require.NotEmpty(rt, out.OfferState)
				if out.AttemptEnded() {
					ended++
					require.NotEmpty(rt, out.Fault)
					require.GreaterOrEqual(rt, out.Talk, time.Duration(0))
				}
			}
			require.Len(rt, r.seen().outcomes, 1, "one end, of the offer or of the attempt")
			present := ended == 1 && r.seen().outcomes[0].CallerPresent
			require.Equal(rt, present, len(r.seen().left) == 1, "the caller is told free once, if told busy")
			for i, s := range r.seen().steps[min(1, len(r.seen().steps)):] {
				require.True(rt, r.seen().steps[i].State.CanBecome(s.State))
			}
			require.LessOrEqual(rt, r.pbx.Rings(number), 1)
			require.Empty(rt, r.pbx.String(), "channels live on")
			require.Empty(rt, r.pbx.PostedTwice())
			require.Zero(rt, r.c.Live())
			if !restarted { // A PBX that dies falls silent.
				require.Empty(rt, r.pbx.Silent())
			}
		})
		require.Empty(rt, broken.what)
	})
}

// failure keeps what failed inside a bubble for outside.
type failure struct{ what string }

func (f *failure) Helper()                        {}
func (f *failure) Logf(string, ...any)            {}
func (f *failure) Errorf(format string, a ...any) { f.what += fmt.Sprintf(format, a...) }
func (f *failure) FailNow()                       { panic(f) }

// stop ends the panic of FailNow.
func (f *failure) stop() {
	if r := recover(); r != nil && r != any(f) {
		panic(r)
	}
}
