package dispatch

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/schedule"
)

// Two who come due in the same moment wait for company where callers are short, and not where they are plenty.
func TestNobodyWaitsForCompanyWhereCallersArePlenty(t *testing.T) {
	now := time.Date(2026, time.November, 24, 10, 0, 0, 0, time.UTC)
	for callers, waits := range map[int]bool{2: true, 2*2 + spareCallers: false} {
		b := NewBoard(Limits{Lines: 100, Gather: 5 * time.Millisecond}, schedule.Rules{})
		for i := range callers {
			b.SetCaller(&Caller{
				ID: int64(i + 1), Roles: []roster.Role{roster.RoleCaller}, Languages: []roster.Language{roster.French}, Enabled: true,
				Endpoint: "x", State: call.CallerReady, Since: now,
			}, now)
		}
		for i := range int64(2) {
			b.Put(&Occurrence{
				ID: i + 1, Beneficiary: i + 1, Kind: call.KindScheduled, State: call.OccurrenceOpen, Opens: now, NotBefore: now,
				Closes: now.Add(time.Hour), Length: time.Minute, Language: roster.French, Numbers: []string{string(rune('1' + i))},
			}, now)
		}
		var d Decision
		b.Plan(now, &d)
		if !waits {
			require.Len(t, d.Starts, 2)
			continue
		}
		require.Empty(t, d.Starts)
		require.Equal(t, now.Add(5*time.Millisecond).UnixNano(), d.Again.UnixNano())
		b.Plan(d.Again, &d)
		require.Len(t, d.Starts, 2)
	}
}
