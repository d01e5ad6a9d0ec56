package demo

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/phone"
)

func TestResult(t *testing.T) {
	one, two, three := call.NewID(), call.NewID(), call.NewID()
	attempts := []ended{{id: one, result: call.ResultAnswered}, {id: two, result: call.ResultBusy}, {id: three, result: call.ResultFailed}}
	answered, tones := time.Unix(1, 0), map[float64]time.Time{1100: time.Unix(2, 0)}
	records := []phone.Record{
		{Attempt: string(one), Answered: answered, Tones: tones},
		{Attempt: string(two)},
		{Caller: true, Answered: answered, Tones: tones},
		{Inbound: true, Answered: answered, Tones: tones},
	}
	r, err := sum(attempts, records, phone.Summary{AudioOK: 1, Inbound: 1})
	require.NoError(t, err)
	require.Equal(t, Result{Attempts: 3, Answered: 1, Busy: 1, Failed: 1, Bridged: 1, Recorded: 1, AudioOK: 1, Inbound: 1}, r)
	require.NoError(t, r.Check())

	records = append(records, phone.Record{Attempt: string(three), Answered: answered, Tones: tones})
	r, err = sum(attempts, records, phone.Summary{SilentCalls: 1, DoubleRings: 2, AudioFailed: 3})
	require.NoError(t, err)
	require.ErrorIs(t, r.Check(), ErrBroken)
	require.EqualError(t, r.Check(), "an invariant broke: silent_calls is 1, not 0; double_rings is 2, not 0; "+
		"audio_failed is 3, not 0; 2 bridged, but 1 recorded")
	r.Attempts++
	require.ErrorContains(t, r.Check(), "results sum to 3, not to 4 attempts")
	_, err = sum([]ended{{id: one}}, nil, phone.Summary{})
	require.Error(t, err)
}

func TestTemper(t *testing.T) {
	greeting := beep()
	counts := map[string]int{}
	for i := range 2000 {
		number := string(rune('a'+i%26)) + string(rune('a'+i/26%26)) + string(rune('a'+i/676))
		b := temper(1, number, 0, greeting)
		again := temper(1, number, 0, greeting)
		require.Equal(t, b.After, again.After)
		require.Equal(t, b.Talk, again.Talk)
		switch {
		case b.Machine:
			require.True(t, temper(1, number, 5, greeting).Machine, "a machine stays one")
			counts["machine"]++
		case b.Never:
			counts["never"]++
		case b.Refuse != 0:
			counts["refuse"]++
		default:
			require.Less(t, b.After, ringTime)
			counts["answer"]++
		}
	}
	require.InDelta(t, 1480, counts["answer"], 100)
	require.InDelta(t, 190, counts["never"], 60)
	require.InDelta(t, 250, counts["refuse"], 60)
	require.InDelta(t, 80, counts["machine"], 40)
}
