package telephonytest_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/telephony"
	"github.com/rappel-tel/rappel/pkg/telephony/telephonytest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestFakeConforms(t *testing.T) {
	telephonytest.Exercise(t, func(t *testing.T) *telephonytest.Lab {
		f := telephonytest.New(telephonytest.Options{Prompt: 200 * time.Millisecond})
		t.Cleanup(f.Close)
		n := 0
		return &telephonytest.Lab{
			Switch: f,
			Caller: func(s telephonytest.Script) string {
				n++
				name := fmt.Sprint("caller", n)
				f.SetPhone(name, s)
				return name
			},
			Beneficiary: func(s telephonytest.Script) (string, string) {
				n++
				number := fmt.Sprint("+3281555", 100+n)
				f.SetPhone(number, s)
				return number, "trunk"
			},
			Inbound: func(cli, did string, s telephonytest.Script) { f.Inbound(cli, did, "trunk", s) },
			Sound:   "sound:hello",
		}
	})
}

// A phone rung on fake time rings as long as it says, whatever the machine does meanwhile.
func TestFakeOnFakeTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := telephonytest.New(telephonytest.Options{})
		defer f.Close()
		f.SetPhone("anne", telephonytest.Script{Answer: 5 * time.Second})
		f.SetPhone("+3281555101", telephonytest.Script{Answer: 20 * time.Second, HangUpBridged: 6 * time.Minute})
		id := call.NewID()
		box := f.Open(string(id))
		defer box.Close()
		begin := time.Now()
		require.NoError(t, f.Connect(t.Context(), telephony.Connect{
			Channel: id.CallerLeg(1), BeneficiaryLeg: id.BeneficiaryLeg(), CallerEndpoint: "anne", Number: "+3281555101",
			CallerRing: 20 * time.Second, BeneficiaryRing: time.Minute, DialBy: begin.Add(30 * time.Second),
		}))
		time.Sleep(10 * time.Minute)
		var bridged, gone time.Time
		for _, e := range box.Take() {
			switch e.Type {
			case telephony.EventBridged:
				bridged = e.Time
			case telephony.EventGone:
				gone = e.Time
			}
		}
		require.InDelta(t, 25, bridged.Sub(begin).Seconds(), 0.1)
		require.InDelta(t, 360, gone.Sub(bridged).Seconds(), 0.1)
		require.Empty(t, f.Silent())
		require.Empty(t, f.PostedTwice())
	})
}

func TestFakeLosesEventsWhileDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := telephonytest.New(telephonytest.Options{})
		defer f.Close()
		f.SetPhone("anne", telephonytest.Script{})
		f.SetPhone("+3281555101", telephonytest.Script{})
		id := call.NewID()
		box := f.Open(string(id))
		defer box.Close()
		f.FailNext("Connect", telephony.ErrUnanswered, true)
		require.ErrorIs(t, f.Connect(t.Context(), telephony.Connect{
			Channel: id.CallerLeg(1), BeneficiaryLeg: id.BeneficiaryLeg(), CallerEndpoint: "anne", Number: "+3281555101",
			DialBy: time.Now().Add(time.Minute),
		}), telephony.ErrUnanswered)
		time.Sleep(time.Second)
		f.Down()
		box.Take()
		require.ErrorIs(t, f.Hangup(t.Context(), id.CallerLeg(1), 16), telephony.ErrDown)
		f.HangUp(id.CallerLeg(1), telephony.CauseNormal)
		time.Sleep(5 * time.Second)
		require.Empty(t, box.Take())
		f.Up()
		r := <-f.Reconciled()
		require.False(t, r.Fresh)
		require.Empty(t, r.Channels, "the dialplan spoke to her and hung up")
		require.Empty(t, f.Silent())
		f.Restart()
		require.True(t, (<-f.Reconciled()).Fresh)
	})
}
