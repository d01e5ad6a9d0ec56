package phone

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
)

// newTrunk makes a trunk whose calls come from and go to a phone: no PBX between.
func newTrunk(t testing.TB, answer func(Ring) Behaviour, set func(*TrunkOptions)) *Trunk {
	t.Helper()
	o := TrunkOptions{Listen: "127.0.0.2:0", Answer: answer, Logger: zap.NewNop()}
	if set != nil {
		set(&o)
	}
	tr, err := NewTrunk(o)
	require.NoError(t, err)
	t.Cleanup(tr.Close)
	return tr
}

func number(tr *Trunk, n string) string { return "sip:" + n + "@" + tr.Addr().String() }

func attempt(id string) []Header { return []Header{{"X-Rappel-Attempt", id}} }

func TestTrunkBehaviours(t *testing.T) {
	ctx := within(t)
	announcement := Samples(synthetic(1, 2400))
	tr := newTrunk(t, func(r Ring) Behaviour {
		switch r.Number {
		case "+3281000001":
			return Answers(0, 1000).HangsUpAfter(300 * time.Millisecond)
		case "+3281000002":
			return Busy()
		case "+3281000003":
			return NoAnswer()
		case "+3281000004":
			return NotFound()
		case "+3281000005":
			return Congested()
		case "+3281000006":
			return Announced(announcement, 404)
		}
		return Declines(10 * time.Millisecond)
	}, func(o *TrunkOptions) { o.Tones = []float64{600} })
	alice := newPhone(t, "alice", nil)

	dial := func(n string, o DialOptions) (*Call, int) {
		o.Headers = attempt(n)
		c, err := alice.Dial(ctx, number(tr, n), o)
		var status *StatusError
		if err != nil {
			require.ErrorAs(t, err, &status)
			return nil, status.Code
		}
		return c, 200
	}
	c, code := dial("+3281000001", DialOptions{Say: Tone(600)})
	require.Equal(t, 200, code)
	<-c.Done()
	require.Equal(t, SideRemote, c.Ending().By)
	for n, want := range map[string]int{"+3281000002": 486, "+3281000004": 404, "+3281000005": 503, "+3281000007": 486} {
		_, code = dial(n, DialOptions{})
		require.Equal(t, want, code)
	}

	// Early media is heard before the refusal.
	early := make(chan *Media, 1)
	_, code = dial("+3281000006", DialOptions{OnProgress: func(_ int, m *Media) { early <- m }})
	require.Equal(t, 404, code)
	m, err := (<-early).Compare(synthetic(1, 2400))
	require.NoError(t, err)
	require.Greater(t, m.Score, HearScore)

	ringing, cancel := context.WithCancel(ctx)
	_, err = alice.Dial(ringing, number(tr, "+3281000003"), DialOptions{OnProgress: func(int, *Media) { cancel() }})
	require.ErrorIs(t, err, context.Canceled)

	require.NoError(t, tr.Ledger().Settle(ctx))
	records := tr.Ledger().Records()
	require.Len(t, records, 7)
	for _, r := range records {
		require.False(t, r.Ended.IsZero(), "%+v", r)
	}
	require.Equal(t, SideLocal, records[0].By)
	require.Contains(t, records[0].Tones, 600.0)
	s := tr.Ledger().Summary()
	require.Equal(t, Summary{Calls: 7, Answered: 1, Refused: 5, Cancelled: 1, AudioOK: 1}, s)
}

func TestTrunkDialsIn(t *testing.T) {
	ctx := within(t)
	answered := make(chan *Call, 1)
	hotline := newPhone(t, "pbx", answering(Tone(1000), answered))
	seen := make(chan Ring, 1)
	tr := newTrunk(t, func(Ring) Behaviour { return Busy() }, func(o *TrunkOptions) {
		o.PBX = hotline.Addr().String()
		o.OnCall = func(_ context.Context, r Ring, _ *Call) { seen <- r }
	})
	c, err := tr.Dial(ctx, "+3281000001", "+3281999999", DialOptions{})
	require.NoError(t, err)
	require.Equal(t, "+3281000001", (<-seen).Number)
	_, err = c.HearTone(ctx, 1000)
	require.NoError(t, err)
	require.NoError(t, (<-answered).Hangup(ctx))
	require.NoError(t, tr.Ledger().Settle(ctx))
	require.Equal(t, Summary{Calls: 1, Inbound: 1, Answered: 1, AudioOK: 1}, tr.Ledger().Summary())
}

// TestSummary is the truth table of the invariants.
func TestSummary(t *testing.T) {
	start := time.Date(2026, 11, 23, 9, 30, 0, 0, time.UTC)
	at := func(s float64) time.Time { return start.Add(time.Duration(s * float64(time.Second))) }
	answered := func(first float64, end float64, by Side) Record {
		r := Record{Number: "n", Invited: at(0), Ringing: at(0), Answered: at(0), Ended: at(end), By: by, Code: 200}
		if first >= 0 {
			r.FirstSound = at(first)
		}
		return r
	}
	ring := func(number, attempt string, from, to float64) Record {
		return Record{Number: number, Attempt: attempt, Invited: at(from), Ringing: at(from), Ended: at(to), Code: 486}
	}
	tones := func(r Record, own float64, heard ...float64) Record {
		r.Tone, r.Tones = own, map[float64]time.Time{}
		for _, hz := range heard {
			r.Tones[hz] = at(0.5)
		}
		return r
	}
	caller := func(r Record) Record { r.Caller = true; return r }
	for name, c := range map[string]struct {
		records []Record
		want    Summary
	}{
		"heard in time":            {[]Record{answered(0.9, 9, SideRemote)}, Summary{Calls: 1, Answered: 1, AudioOK: 1}},
		"heard late":               {[]Record{answered(1.2, 9, SideRemote)}, Summary{Calls: 1, Answered: 1, AudioFailed: 1}},
		"silent then sound":        {[]Record{answered(1.5, 9, SideRemote)}, Summary{Calls: 1, Answered: 1, AudioFailed: 1, SilentCalls: 1}},
		"silent":                   {[]Record{answered(-1, 9, SideLocal)}, Summary{Calls: 1, Answered: 1, AudioFailed: 1, SilentCalls: 1}},
		"dropped in silence":       {[]Record{answered(-1, 0.2, SideRemote)}, Summary{Calls: 1, Answered: 1, AudioFailed: 1, SilentCalls: 1}},
		"hung up at once herself":  {[]Record{answered(-1, 0.2, SideLocal)}, Summary{Calls: 1, Answered: 1}},
		"same attempt twice":       {[]Record{ring("a", "x", 0, 1), ring("a", "x", 2, 3)}, Summary{Calls: 2, Refused: 2, DoubleRings: 1}},
		"two attempts in turn":     {[]Record{ring("a", "x", 0, 1), ring("a", "y", 1, 3)}, Summary{Calls: 2, Refused: 2}},
		"two attempts at once":     {[]Record{ring("a", "x", 0, 2), ring("a", "y", 1, 3)}, Summary{Calls: 2, Refused: 2, DoubleRings: 1}},
		"two numbers at once":      {[]Record{ring("a", "x", 0, 2), ring("b", "y", 1, 3)}, Summary{Calls: 2, Refused: 2}},
		"refused without ringing":  {[]Record{{Attempt: "x", Number: "a", Code: 503, Ended: at(1)}, ring("a", "x", 0, 2)}, Summary{Calls: 2, Refused: 2}},
		"rung while on the line":   {[]Record{{Inbound: true, Number: "a", Invited: at(0), Code: 404, Ended: at(5)}, ring("a", "x", 1, 2)}, Summary{Calls: 2, Inbound: 1, Refused: 2, DoubleRings: 1}},
		"both heard each other":    {[]Record{tones(answered(0.1, 9, SideLocal), 1000, 600), caller(tones(answered(0, 9, SideLocal), 600, 1000))}, Summary{Calls: 1, Answered: 1, AudioOK: 1}},
		"caller heard nothing":     {[]Record{tones(answered(0.1, 9, SideLocal), 1000, 600), caller(tones(answered(0, 9, SideLocal), 600))}, Summary{Calls: 1, Answered: 1, AudioFailed: 1}},
		"another caller is silent": {[]Record{tones(answered(0.1, 9, SideLocal), 1000, 600), caller(tones(answered(0, 9, SideLocal), 700))}, Summary{Calls: 1, Answered: 1, AudioOK: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, summarise(c.records, at(100)))
		})
	}
}
