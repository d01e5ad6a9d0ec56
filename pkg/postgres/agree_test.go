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

// TestDailyPresenceIsAPromiseLikeOthers: it is booked beside the calls of callers, followed by one of its kind, moved by an
// absence, and ended by itself.
func TestDailyPresenceIsAPromiseLikeOthers(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := context.Background()
	brussels, err := time.LoadLocation("Europe/Brussels")
	require.NoError(t, err)
	scheme := f.AddScheme(dispatch.Scheme{
		Name: "Namur", Zone: brussels, Country: "BE", Opens: 570, Closes: 1020, Lines: 10, CallsPerSecond: 1,
	})
	epoch, err := f.Lead(ctx, scheme, "suite", today)
	require.NoError(t, err)
	putPeople(t, f.Book(scheme, clock), roster.People{Beneficiaries: []roster.Beneficiary{{
		Ref: "B1", Numbers: []roster.Number{{E164: "+3281990001"}}, Consent: roster.Consent{State: roster.ConsentGiven},
		Agreement: roster.Agreement{Cadence: roster.Weekly, Days: []time.Weekday{time.Wednesday}},
	}}})
	daily := roster.Agreement{
		Cadence: roster.Daily, Windows: []roster.Window{{Begin: 9*60 + 30, End: 10*60 + 30}},
	}
	_, err = f.Agree(ctx, scheme, "B1", call.KindScheduled, daily, today)
	require.ErrorIs(t, err, postgres.ErrNeedsCaller)
	_, err = f.Agree(ctx, scheme, "B1", call.KindPresence, daily, today)
	require.NoError(t, err)
	_, err = f.Plan(ctx, scheme, epoch, today, today.AddDate(0, 0, 5))
	require.NoError(t, err)

	of := func(kind call.Kind) (days []string, one dispatch.Occurrence) {
		snap, err := f.Load(ctx, scheme, today, today.AddDate(0, 0, 5))
		require.NoError(t, err)
		for _, o := range snap.Occurrences {
			if o.Kind == kind {
				days, one = append(days, o.LocalDate.Format("Mon")), o
			}
		}
		return days, one
	}
	days, one := of(call.KindPresence)
	require.ElementsMatch(t, []string{"Tue", "Wed", "Thu", "Fri"}, days)
	scheduled, _ := of(call.KindScheduled)
	require.Equal(t, []string{"Wed"}, scheduled)

	s := dispatch.SettlementOf(&one, call.Outcome{Result: call.ResultAnswered, At: one.Opens}, dispatch.Terms{
		Rules: dispatch.RulesOf(&dispatch.Scheme{Zone: brussels}, nil),
	})
	require.Equal(t, call.KindPresence, s.Next.Kind, "one is followed by one of its kind")

	thursday := time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC)
	_, _, err = f.Announce(ctx, scheme, postgres.Pause{Ref: "B1", First: thursday, Last: thursday, WelcomeBack: true}, today)
	require.NoError(t, err)
	days, _ = of(call.KindPresence)
	require.ElementsMatch(t, []string{"Tue", "Wed", "Fri"}, days, "an absence bears on it")

	done, err := f.Agree(ctx, scheme, "B1", call.KindPresence, roster.Agreement{}, today)
	require.NoError(t, err)
	require.Positive(t, done.Cancelled)
	days, _ = of(call.KindPresence)
	require.Empty(t, days)
	scheduled, _ = of(call.KindScheduled)
	require.Equal(t, []string{"Wed"}, scheduled, "callers' calls go on")
}
