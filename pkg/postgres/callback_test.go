package postgres_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/postgres"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// TestACallBackIsBookedOnce: at once while the scheme calls, when it opens next otherwise, and never twice.
func TestACallBackIsBookedOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := context.Background()
	brussels, err := time.LoadLocation("Europe/Brussels")
	require.NoError(t, err)
	scheme := f.AddScheme(dispatch.Scheme{
		Name: "Namur", Zone: brussels, Country: "BE", Opens: 570, Closes: 1020, Lines: 5, CallsPerSecond: 1,
	})
	tuesday := time.Date(2026, 11, 24, 0, 0, 0, 0, brussels)
	at := func(hour, minute int) time.Time { return tuesday.Add(time.Duration(hour*60+minute) * time.Minute) }
	scheduled := f.AddOccurrence(scheme, dispatch.Occurrence{
		Kind: call.KindScheduled, Opens: at(10, 0), Closes: at(11, 0), Length: 20 * time.Minute,
		LocalDate: time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC), Language: roster.French, Numbers: []string{"+3281990001"},
		Terms: roster.Agreement{Cadence: roster.Daily, Length: 20 * time.Minute},
	})
	person := f.Occurrence(scheduled).Beneficiary

	first, err := f.BookCallback(ctx, scheme, postgres.Callback{Beneficiary: person}, at(12, 0))
	require.NoError(t, err)
	require.False(t, first.Before)
	require.True(t, first.Opens.Equal(at(12, 0)))
	require.True(t, first.Closes.Equal(at(17, 0)), "until the scheme closes")
	again, err := f.BookCallback(ctx, scheme, postgres.Callback{Beneficiary: person}, at(12, 30))
	require.NoError(t, err)
	require.True(t, again.Before)
	require.Equal(t, first.Key, again.Key)
	snap, err := f.Load(ctx, scheme, at(12, 30), at(24, 0))
	require.NoError(t, err)
	var kinds []call.Kind
	for _, o := range snap.Occurrences {
		kinds = append(kinds, o.Kind)
	}
	require.ElementsMatch(t, []call.Kind{call.KindScheduled, call.KindCallback}, kinds)

	today, err := f.BookCallback(ctx, scheme, postgres.Callback{Beneficiary: person, Kind: call.KindCallToday}, at(16, 50))
	require.NoError(t, err)
	require.True(t, today.Opens.Equal(at(24+9, 30)), "too late for today: %v", today)
	require.True(t, today.Closes.Equal(at(24+17, 0)))

	_, err = f.BookCallback(ctx, scheme, postgres.Callback{Beneficiary: person + 1}, at(12, 0))
	require.ErrorIs(t, err, postgres.ErrNoBeneficiary)
}
