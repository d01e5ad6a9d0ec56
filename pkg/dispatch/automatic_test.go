package dispatch

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/schedule"
)

// TestAutomaticCallsHoldNobodyAndHalfTheLines: they start by themselves up to their lines, those that an earlier process left
// included, take no caller from anybody, and another starts as soon as one ends.
func TestAutomaticCallsHoldNobodyAndHalfTheLines(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	rules := schedule.Rules{Zone: time.UTC, Hours: schedule.Workdays(0, 24*60)}
	b := NewBoard(Limits{Lines: 6, InboundReserve: 2, Automatic: 2}, rules)
	promise := func(id int64, kind call.Kind) *Occurrence {
		return &Occurrence{
			ID: id, Beneficiary: id, Kind: kind, State: call.OccurrenceOpen, Opens: now, Closes: now.Add(2 * time.Hour),
			NotBefore: now, Length: 10 * time.Minute, Language: "fr", Numbers: []string{fmt.Sprintf("+3281990%03d", id)},
		}
	}
	for id := int64(1); id <= 5; id++ {
		b.Put(promise(id, call.KindPresence), now)
	}
	b.Adopt(promise(1, call.KindPresence), 0, "+3281990001", now)
	b.Put(promise(10, call.KindScheduled), now)
	b.SetCaller(&Caller{ID: 7, Enabled: true, State: call.CallerReady, Languages: []roster.Language{"fr"}, Endpoint: "c", Roles: []roster.Role{roster.RoleCaller}}, now)

	var d Decision
	b.Plan(now, &d)
	automatic, talks := 0, 0
	for _, s := range d.Starts {
		if s.Caller == 0 {
			automatic++
		} else {
			talks++
			require.Equal(t, int64(10), s.Occurrence, "a machine takes nobody's caller")
		}
	}
	require.Equal(t, 1, automatic, "with the adopted one that is half of the outbound lines")
	require.Equal(t, 1, talks)

	done := promise(1, call.KindPresence)
	done.State = call.OccurrenceReached
	b.Release(done, now)
	b.Plan(now, &d)
	require.Len(t, d.Starts, 1, "another starts at once")
	require.Zero(t, d.Starts[0].Caller)
}
