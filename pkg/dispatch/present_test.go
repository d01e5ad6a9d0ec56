package dispatch

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// TestAMachineUsesNoTrunkWithoutItsNumber: in France a call without a caller goes only through a trunk that presents a number for
// its kind, whichever has lines; it waits for one, and keeps nobody else waiting.
func TestAMachineUsesNoTrunkWithoutItsNumber(t *testing.T) {
	t.Parallel()
	for _, together := range []time.Duration{-1, 0} {
		now := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
		m, err := newMetrics(nil)
		require.NoError(t, err)
		e := newEngine(Options{Together: together, Logger: zap.NewNop(), Speed: 1}, 1, m)
		require.NoError(t, e.configure(Scheme{
			Zone: time.UTC, Country: "FR", Opens: 0, Closes: 24 * 60,
			Trunks: []Trunk{
				{Endpoint: "shared", Lines: 9, InboundReserve: 1, CLI: map[call.Kind]string{"": "+33199001000"}},
				{Endpoint: "own", Lines: 3, InboundReserve: 1, CLI: map[call.Kind]string{
					"": "+33199001001", call.KindPresence: "+33162000000",
				}},
			},
		}))
		require.NoError(t, e.settings.Presentable(call.KindPresence))
		require.ErrorIs(t, e.settings.Presentable(call.KindSurvey), ErrOwnCLI)
		b := e.board
		kinds := map[int64]call.Kind{}
		for id := int64(1); id <= 8; id++ {
			kinds[id] = call.KindPresence
			if id > 5 {
				kinds[id] = call.KindScheduled
			}
			b.SetCaller(&Caller{
				ID: id, Enabled: true, State: call.CallerReady, Languages: []roster.Language{roster.French}, Endpoint: "c",
				Roles: []roster.Role{roster.RoleCaller},
			}, now)
			b.Put(&Occurrence{
				ID: id, Beneficiary: id, Kind: kinds[id], State: call.OccurrenceOpen, Opens: now, Closes: now.Add(2 * time.Hour),
				NotBefore: now, Length: 10 * time.Minute, Language: roster.French, Numbers: []string{fmt.Sprint("+3319900200", id)},
			}, now)
		}
		started := map[call.Kind]int{}
		var d Decision
		for range 3 {
			b.Plan(now, &d)
			for _, s := range d.Starts {
				kind := kinds[s.Occurrence]
				started[kind]++
				if kind == call.KindPresence {
					require.Equal(t, "own", b.TrunkOf(s.Occurrence))
				}
			}
			now = now.Add(time.Second)
		}
		require.Equal(t, map[call.Kind]int{call.KindPresence: 2, call.KindScheduled: 3}, started)
	}
}
