package postgres_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/postgres"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// Whoever asks for a call today gets one, once, while somebody has the time for it.
func TestACallTodayIsBookedWhereThereIsRoom(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := context.Background()
	brussels, err := time.LoadLocation("Europe/Brussels")
	require.NoError(t, err)
	scheme := f.AddScheme(dispatch.Scheme{
		Name: "Namur", Zone: brussels, Country: "BE", Opens: 570, Closes: 1020, Lines: 5, CallsPerSecond: 1,
	})
	day := time.Date(2026, 11, 24, 0, 0, 0, 0, brussels)
	noon := day.Add(12 * time.Hour)
	f.AddOccurrence(scheme, dispatch.Occurrence{
		Kind: call.KindScheduled, Opens: day.Add(58 * time.Hour), Closes: day.Add(59 * time.Hour), Length: 20 * time.Minute,
		LocalDate: time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC), Language: roster.French, Numbers: []string{"+3281990001"},
		Terms: roster.Agreement{Cadence: roster.Daily, Length: 20 * time.Minute},
	})
	const ref = "B1"

	_, err = f.CallToday(ctx, scheme, ref, noon)
	require.ErrorIs(t, err, dispatch.ErrNoRoom, "nobody is there")
	f.AddCaller(scheme, dispatch.Caller{
		Roles: []roster.Role{roster.RoleCaller}, Languages: []roster.Language{roster.French}, Enabled: true, State: call.CallerReady, Since: noon,
	})
	_, err = f.CallToday(ctx, scheme, ref, day.Add(16*time.Hour+55*time.Minute))
	require.ErrorIs(t, err, dispatch.ErrNoRoom, "five minutes before the scheme closes")
	at, err := f.CallToday(ctx, scheme, ref, noon)
	require.NoError(t, err)
	require.WithinRange(t, at, noon, noon.Add(time.Hour))
	_, err = f.CallToday(ctx, scheme, ref, noon.Add(time.Minute))
	require.ErrorIs(t, err, dispatch.ErrAlready)
	_, err = f.CallToday(ctx, scheme, "nobody", noon)
	require.ErrorIs(t, err, postgres.ErrNoBeneficiary)
}

// TestACallTodayAsksForWhatWasAgreed: length, skills and load are those of the agreement that it will hang on, whatever else is agreed;
// and a whole talk has to fit in where nothing is.
func TestACallTodayAsksForWhatWasAgreed(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := t.Context()
	scheme := f.AddScheme(dispatch.Scheme{Name: "Namur", Zone: time.UTC, Country: "BE", Opens: 570, Closes: 1020, Lines: 5})
	require.NoError(t, f.Book(scheme, clock).Edit(ctx, func(page roster.Page) error {
		var people roster.People
		for i, ref := range []string{"agreed", "nothing"} {
			people.Beneficiaries = append(people.Beneficiaries, roster.Beneficiary{
				Ref: ref, Consent: roster.Consent{State: roster.ConsentGiven}, Numbers: []roster.Number{{E164: "+328199000" + strconv.Itoa(i)}},
			})
		}
		people.Beneficiaries[0].Agreement = roster.Agreement{
			Cadence: roster.Weekly, Days: []time.Weekday{time.Friday}, Length: 40 * time.Minute, Skills: []string{"dementia"}, Hard: true,
		}
		return page.Put(ctx, people)
	}))
	_, err := f.Agree(ctx, scheme, "agreed", call.KindPresence, roster.Agreement{Cadence: roster.Daily, Length: 2 * time.Minute}, today)
	require.NoError(t, err)
	var got []dispatch.Occurrence
	for _, ref := range []string{"agreed", "nothing"} {
		key, err := f.KeyOf(ctx, scheme, ref)
		require.NoError(t, err)
		want, err := f.Wanted(ctx, scheme, key)
		require.NoError(t, err)
		got = append(got, want)
	}
	require.Equal(t, 40*time.Minute, got[0].Length)
	require.Equal(t, []string{"dementia"}, got[0].Skills)
	require.True(t, got[0].Hard)
	require.Equal(t, 20*time.Minute, got[1].Length)
	require.Empty(t, got[1].Skills)
}
