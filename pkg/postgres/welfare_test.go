package postgres_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/postgres"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// TestAnAbsenceAnnouncedMeanwhileWorriesNobody has somebody say that she is away while her phone is being rung for the last
// time: whoever records the end does not know of it yet.
func TestAnAbsenceAnnouncedMeanwhileWorriesNobody(t *testing.T) {
	t.Parallel()
	for _, noCall := range []bool{false, true} {
		f := newFixture(t)
		scheme := f.AddScheme(dispatch.Scheme{Name: "Namur", Zone: time.UTC, Country: "BE", Lines: 4, InboundReserve: 1, CallsPerSecond: 5})
		epoch, err := f.Lead(t.Context(), scheme, "test", today)
		require.NoError(t, err)
		caller := f.AddCaller(scheme, dispatch.Caller{
			Roles: []roster.Role{roster.RoleCaller}, Languages: []roster.Language{roster.French}, State: call.CallerReady,
			Since: today, Enabled: true, Endpoint: "softphone",
		})
		date := today.Truncate(24 * time.Hour)
		id := f.AddOccurrence(scheme, dispatch.Occurrence{
			Kind: call.KindScheduled, Opens: today.Add(-time.Hour), Closes: today.Add(time.Hour), LocalDate: date,
			Length: 20 * time.Minute, Language: roster.French, Numbers: []string{"+3281000001"},
			Terms: roster.Agreement{Cadence: roster.Weekly, PerWeek: 1, Days: []time.Weekday{date.Weekday()}},
		})
		order := call.Order{
			Scheme: scheme, Attempt: call.NewID(), Offer: 1, Kind: call.KindScheduled, Caller: caller, CallerEndpoint: "softphone",
			CallerLanguage: "fr", Number: "+3281000001", Trunk: "trunk", CLI: "+3281990000", Language: "fr",
			CallerRing: 20 * time.Second, BeneficiaryRing: time.Minute, DialBy: today.Add(35 * time.Second),
		}
		apply := func(op dispatch.Op) {
			t.Helper()
			refused, err := f.Apply(t.Context(), scheme, epoch, today, []dispatch.Op{op})
			require.NoError(t, err)
			require.NoError(t, refused[0])
		}
		apply(dispatch.Claim{Occurrence: id, Order: order, At: today})
		_, _, err = f.Announce(t.Context(), scheme, postgres.Pause{Ref: "B2", First: date, Last: date.AddDate(0, 0, 3), NoCall: noCall}, today)
		require.NoError(t, err)
		apply(dispatch.Finish{
			Outcome: call.Outcome{
				Scheme: scheme, Attempt: order.Attempt, Offer: 1, OfferState: call.OfferAccepted, Result: call.ResultNoAnswer,
				Fault: call.FaultNone, Rang: true, At: today,
			},
			Settlement: dispatch.Settlement{Occurrence: id, State: call.OccurrenceUnreached, Attempts: 3, Rang: true, At: today},
		})
		require.Equal(t, call.OccurrenceUnreached, f.Occurrence(id).State)
		require.Zero(t, f.Welfare(id))
	}
}
