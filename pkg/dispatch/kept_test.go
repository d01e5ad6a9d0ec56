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

// tuesday is a board at ten o'clock with callers who are ready, from 1 on.
func tuesday(limits Limits, callers int64) (*Board, time.Time) {
	now := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	limits.Lines = 20
	b := NewBoard(limits, schedule.Rules{Zone: time.UTC, Hours: schedule.Workdays(570, 1020)})
	for id := int64(1); id <= callers; id++ {
		b.SetCaller(&Caller{
			ID: id, Enabled: true, State: call.CallerReady, Since: now, Languages: []roster.Language{"fr"}, Endpoint: "c",
			Roles: []roster.Role{roster.RoleCaller},
		}, now)
	}
	return b, now
}

// due is an occurrence of the kind whose window has begun.
func due(id int64, kind call.Kind, now time.Time) *Occurrence {
	return &Occurrence{
		ID: id, Beneficiary: id, Kind: kind, State: call.OccurrenceOpen, Opens: now, NotBefore: now, Closes: now.Add(2 * time.Hour),
		Length: 20 * time.Minute, Language: "fr", Numbers: []string{fmt.Sprint(id)}, Continuity: roster.Preferred,
	}
}

// TestWhatSheWaitsForIsNotHeld: what was promised for an hour waits for its reference caller, who is in a call; who waits to be called
// back, or for an apology, is given to whoever is free.
func TestWhatSheWaitsForIsNotHeld(t *testing.T) {
	t.Parallel()
	for kind, held := range map[call.Kind]bool{
		call.KindScheduled: true, call.KindWelcomeBack: true, call.KindFirst: true, call.KindCallToday: true,
		call.KindApology: false, call.KindCallback: false,
	} {
		b, now := tuesday(Limits{Hold: 20 * time.Minute}, 2)
		b.SetCaller(&Caller{ID: 1, Enabled: true, State: call.CallerInCall, Languages: []roster.Language{"fr"}, Roles: []roster.Role{roster.RoleCaller}}, now)
		o := due(1, kind, now)
		o.Reference = 1
		b.Put(o, now)
		var d Decision
		b.Plan(now, &d)
		require.Equal(t, held, len(d.Starts) == 0, kind)
		b.Plan(now.Add(20*time.Minute), &d)
		require.Equal(t, held, len(d.Starts) == 1, "%s: somebody else, once the hold is over", kind)
	}
}

// TestOneDecisionDefersOnce what two callers could have taken who are given others at once, kept for them or not.
func TestOneDecisionDefersOnce(t *testing.T) {
	t.Parallel()
	for _, continuity := range []roster.Continuity{roster.Strict, roster.Preferred} {
		b, now := tuesday(Limits{Gather: 1}, 2)
		waits := due(1, call.KindScheduled, now)
		waits.Continuity, waits.Reference, waits.Deputy = continuity, 1, 2
		b.Put(waits, now)
		for id := int64(2); id <= 3; id++ {
			o := due(id, call.KindScheduled, now)
			o.Class = 3
			b.Put(o, now)
		}
		var d Decision
		b.Plan(now, &d) // They gather.
		b.Plan(now.Add(1), &d)
		require.Len(t, d.Starts, 2)
		require.Equal(t, 1, b.Deferred(1), continuity)
	}
}

// TestNobodyElseIsOfferedWhatWouldRingTooLate: a call whose window is about to end goes to no other caller.
func TestNobodyElseIsOfferedWhatWouldRingTooLate(t *testing.T) {
	t.Parallel()
	for early, other := range map[time.Duration]int64{time.Minute: 0, 61 * time.Second: 2} {
		b, now := tuesday(Limits{Lead: time.Minute}, 2)
		b.Put(due(1, call.KindScheduled, now), now)
		var d Decision
		b.Plan(now, &d)
		require.Equal(t, []Start{{Occurrence: 1, Caller: 1}}, d.Starts)
		require.Equal(t, other, b.Another(1, []int64{1}, now.Add(2*time.Hour-early)))
	}
}
