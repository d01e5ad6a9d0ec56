package postgres_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/postgres"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// A database brought back to before a call: this process is fenced off at once, the scheme stands still, what was published
// is in the history again, and a person decides what becomes of it.
func TestRestored(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var published []call.Event
	f := newFixture(t, func(o *postgres.Options) {
		o.Publish = func(events []call.Event) {
			mu.Lock()
			defer mu.Unlock()
			published = append(published, events...)
		}
	})
	ctx := t.Context()
	scheme := f.AddScheme(dispatch.Scheme{Name: "Restored", Zone: time.UTC, Country: "BE", Lines: 5, CallsPerSecond: 1})
	caller := f.AddCaller(scheme, dispatch.Caller{
		Roles: []roster.Role{roster.RoleCaller}, Enabled: true, State: call.CallerReady, Since: today,
	})
	day := today.Truncate(24 * time.Hour)
	promise := f.AddOccurrence(scheme, dispatch.Occurrence{
		Kind: call.KindScheduled, Opens: day, Closes: day.Add(20 * time.Hour), Length: time.Minute, LocalDate: day,
		Numbers: []string{"+32819000001"}, Terms: roster.Agreement{Cadence: roster.Daily},
	})
	epoch, err := f.Lead(ctx, scheme, "test", today)
	require.NoError(t, err)
	early := f.one(`SELECT event_number FROM scheme_lead WHERE scheme_id = $1`, scheme)
	ended := dispatch.Settle{Settlement: dispatch.Settlement{Occurrence: promise, State: call.OccurrenceReached, Rang: true, At: today}}
	refused, err := f.Apply(ctx, scheme, epoch, today, []dispatch.Op{ended})
	require.NoError(t, err)
	require.NoError(t, refused[0])

	// Back to the moment before.
	require.Positive(t, f.one(`UPDATE scheme_lead SET event_number = $2 WHERE scheme_id = $1 RETURNING 1`, scheme, early))
	for _, sql := range []string{
		`DELETE FROM event_batch WHERE scheme_id = $1 AND last_number > $2`,
		`UPDATE occurrence SET state = 'open', ended_at = NULL, events = 0 WHERE scheme_id = $1 AND $2 > 0`,
	} {
		_, err := f.pool.Exec(ctx, sql, scheme, early)
		require.NoError(t, err)
	}
	_, err = f.Apply(ctx, scheme, epoch, today, []dispatch.Op{dispatch.Claim{Occurrence: promise, At: today, Order: call.Order{
		Scheme: scheme, Attempt: call.NewID(), Offer: 1, Kind: call.KindScheduled, Caller: caller, Number: "+32819000001",
		DialBy: today.Add(time.Minute),
	}}})
	require.ErrorIs(t, err, dispatch.ErrFenced)

	mu.Lock()
	lost := slices.DeleteFunc(slices.Clone(published), func(e call.Event) bool { return e.Number <= early })
	before := len(published)
	mu.Unlock()
	require.NotEmpty(t, lost)
	last := lost[len(lost)-1].Number
	lost[0].Epoch = epoch + 5 // Others have led since.
	restored, err := f.Restored(ctx, scheme, lost, last, today)
	require.NoError(t, err)
	require.True(t, restored)
	again, err := f.Restored(ctx, scheme, lost, last, today)
	require.NoError(t, err)
	require.False(t, again)
	mu.Lock()
	require.Len(t, published, before+1, "only that it was brought back is news")
	require.Equal(t, last+1, published[before].Number)
	mu.Unlock()
	kept, err := f.Events(ctx, scheme, early+1, last)
	require.NoError(t, err)
	require.Len(t, kept, len(lost))
	require.Equal(t, lost[len(lost)-1].EntityID, kept[len(kept)-1].EntityID)

	schemes, err := f.Schemes(ctx)
	require.NoError(t, err)
	require.True(t, schemes[0].Paused)
	epoch, err = f.Lead(ctx, scheme, "test", today)
	require.NoError(t, err)
	require.Greater(t, epoch, lost[0].Epoch)
	found, err := f.Lost(ctx, scheme)
	require.NoError(t, err)
	require.Equal(t, today, found.Found)
	require.Len(t, found.Calls, 1)
	require.Equal(t, "reached", found.Calls[0].Then)
	require.True(t, found.Calls[0].Reopened())

	closed, err := f.Resume(ctx, scheme, true, today)
	require.NoError(t, err)
	require.Equal(t, 1, closed)
	require.Equal(t, call.OccurrenceReached, f.Occurrence(promise).State)
	found, err = f.Lost(ctx, scheme)
	require.NoError(t, err)
	require.Zero(t, found)
	schemes, err = f.Schemes(ctx)
	require.NoError(t, err)
	require.False(t, schemes[0].Paused)
	_, err = f.Apply(ctx, scheme, epoch, today, []dispatch.Op{ended})
	require.NoError(t, err, "it leads")
}
