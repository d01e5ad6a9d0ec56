package postgres_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/postgres/postgrestest"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// What a process remembers of its last batch gives way to what another one has written since: the first end of an attempt
// counts, and the next claim finds the number and the caller free.
func TestWhatAnotherProcessWroteIsReadAgain(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := t.Context()
	scheme := f.AddScheme(dispatch.Scheme{Name: "town", Zone: time.UTC, Country: "BE", Trunk: "trunk", Lines: 10})
	caller := f.AddCaller(scheme, dispatch.Caller{Roles: []roster.Role{roster.RoleCaller}, Enabled: true, State: call.CallerReady, Since: today})
	promise := f.AddOccurrence(scheme, dispatch.Occurrence{
		Kind: call.KindScheduled, State: call.OccurrenceOpen, Opens: today.Add(-time.Hour), Closes: today.Add(time.Hour),
		Length: time.Minute, LocalDate: today.Truncate(24 * time.Hour), Language: roster.French, Continuity: roster.Preferred,
		Numbers: []string{"+3281000001"}, Terms: roster.Agreement{Cadence: roster.Daily},
	})
	epoch, err := f.Lead(ctx, scheme, "test", today)
	require.NoError(t, err)
	claim := func() dispatch.Claim {
		return dispatch.Claim{Occurrence: promise, At: today, Order: call.Order{
			Scheme: scheme, Attempt: call.NewID(), Offer: 1, Kind: call.KindScheduled, Caller: caller, Number: "+3281000001",
			DialBy: today.Add(time.Minute),
		}}
	}
	first := claim()
	busy := dispatch.Finish{
		Outcome:    call.Outcome{Attempt: first.Order.Attempt, Offer: 1, Result: call.ResultBusy, OfferState: call.OfferAccepted, At: today},
		Settlement: dispatch.Settlement{Occurrence: promise, State: call.OccurrenceOpen, Attempts: 1, Rang: true, At: today},
	}
	other := postgrestest.Open(t, f.pool.Config().ConnString())
	refused, err := f.Apply(ctx, scheme, epoch, today, []dispatch.Op{first})
	require.NoError(t, err)
	require.NoError(t, refused[0])
	refused, err = other.Apply(ctx, scheme, epoch, today, []dispatch.Op{busy})
	require.NoError(t, err)
	require.NoError(t, refused[0])
	refused, err = f.Apply(ctx, scheme, epoch, today, []dispatch.Op{busy})
	require.NoError(t, err)
	require.ErrorIs(t, refused[0], dispatch.ErrStale)
	refused, err = f.Apply(ctx, scheme, epoch, today, []dispatch.Op{claim()})
	require.NoError(t, err)
	require.NoError(t, refused[0])
}
