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

// TestARegisterIsCalledOnceADay: everybody of the register who may be called, of the classes chosen, once; whoever is away is
// left alone, nothing is booked by a rehearsal, and a stop cancels what has not begun.
func TestARegisterIsCalledOnceADay(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := context.Background()
	brussels, err := time.LoadLocation("Europe/Brussels")
	require.NoError(t, err)
	scheme := f.AddScheme(dispatch.Scheme{
		Name: "Namur", Zone: brussels, Country: "BE", Opens: 570, Closes: 1020, Lines: 10, InboundReserve: 2, CallsPerSecond: 1,
	})
	// Ten o'clock of a Tuesday.
	require.NoError(t, f.Book(scheme, clock).Edit(ctx, func(page roster.Page) error {
		var people roster.People
		for i, b := range []roster.Beneficiary{
			{Class: 3, Agreement: roster.Agreement{Cadence: roster.Weekly}}, {Class: 2}, {Class: 0}, {Class: 3},
			{Class: 3, Consent: roster.Consent{State: roster.ConsentRefused}}, {Class: 3, Purpose: roster.PurposeHeatRegister},
			{Class: 3, Consent: roster.Consent{State: roster.ConsentProposed}},
			{Class: 3, Consent: roster.Consent{State: roster.ConsentProposed}, Purpose: roster.PurposeHeatRegister},
		} {
			if b.Consent.State == "" {
				b.Consent.State = roster.ConsentGiven
			}
			b.Ref = "B" + string(rune('1'+i))
			b.Numbers = []roster.Number{{E164: "+3281990" + "00" + string(rune('1'+i))}}
			people.Beneficiaries = append(people.Beneficiaries, b)
		}
		return page.Put(ctx, people)
	}))
	_, _, err = f.Announce(ctx, scheme, postgres.Pause{Ref: "B4", First: today.Truncate(24 * time.Hour)}, today)
	require.NoError(t, err)

	heat := postgres.Surge{Kind: call.KindPresence, Classes: []int{2, 3}}
	done, err := f.Surge(ctx, scheme, heat, today, true)
	require.NoError(t, err)
	require.Equal(t, []int{3, 1, 0, 2}, []int{done.People, done.Away, done.Before, done.Booked})
	require.Equal(t, time.Minute, done.Lasts, "two calls on four lines")
	done, err = f.Surge(ctx, scheme, heat, today, false)
	require.NoError(t, err)
	require.Equal(t, 2, done.Booked, "the rehearsal has booked nothing")
	require.True(t, done.Opens.Equal(today))
	snap, err := f.Load(ctx, scheme, today, today.Add(time.Hour))
	require.NoError(t, err)
	require.Len(t, snap.Occurrences, 2, "also of people with whom nothing is agreed")
	again, err := f.Surge(ctx, scheme, postgres.Surge{Kind: call.KindPresence}, today.Add(time.Hour), false)
	require.NoError(t, err)
	require.Equal(t, []int{4, 2, 1}, []int{again.People, again.Before, again.Booked}, "whoever was not chosen before is added")

	// Whoever says now that she is away is called by the surge no more; what she has asked for stays.
	day := today.Truncate(24 * time.Hour)
	asked, err := f.KeyOf(ctx, scheme, "B3")
	require.NoError(t, err)
	_, err = f.BookCallback(ctx, scheme, postgres.Callback{Beneficiary: asked, Kind: call.KindCallToday}, today)
	require.NoError(t, err)
	_, off, err := f.Announce(ctx, scheme, postgres.Pause{Ref: "B3", First: day, Last: day}, today)
	require.NoError(t, err)
	require.Equal(t, 1, off.Cancelled)
	require.Equal(t, int64(1), f.one(`SELECT count(*) FROM occurrence o JOIN beneficiary b USING (scheme_id, beneficiary_id)
		WHERE b.ref = 'B3' AND o.state = 'open' AND o.kind = 'call_today'`))
	_, _, err = f.EndAbsence(ctx, scheme, "B3", day, today)
	require.NoError(t, err)
	again, err = f.Surge(ctx, scheme, postgres.Surge{Kind: call.KindPresence}, today.Add(time.Hour), false)
	require.NoError(t, err)
	require.Equal(t, 1, again.Booked, "she is back")

	states, err := f.Surges(ctx, scheme, day)
	require.NoError(t, err)
	require.Len(t, states, 1)
	require.Equal(t, map[call.OccurrenceState]int{call.OccurrenceOpen: 3, call.OccurrenceCancelled: 1}, states[0].ByState)
	n, err := f.StopSurge(ctx, scheme, "", day, today)
	require.NoError(t, err)
	require.Equal(t, 3, n)
	_, err = f.StopSurge(ctx, scheme, "", day, today)
	require.ErrorIs(t, err, postgres.ErrNoSurge)
	done, err = f.Surge(ctx, scheme, heat, today, false)
	require.NoError(t, err)
	require.Equal(t, 2, done.Booked, "after a stop it can begin anew")

	// Of the heat register those are asked how they are whom others have entered, too, and for nothing else.
	for kind, people := range map[call.Kind]int{call.KindPresence: 2, call.KindSurvey: 1} {
		done, err = f.Surge(ctx, scheme, postgres.Surge{Kind: kind, Purpose: roster.PurposeHeatRegister}, today, false)
		require.NoError(t, err)
		require.Equal(t, []int{people, people}, []int{done.People, done.Booked}, kind)
	}
}

// TestAMachineInFranceShowsANumberOfItsOwn or calls nobody.
func TestAMachineInFranceShowsANumberOfItsOwn(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := context.Background()
	paris, err := time.LoadLocation("Europe/Paris")
	require.NoError(t, err)
	scheme := f.AddScheme(dispatch.Scheme{
		Name: "Lyon", Zone: paris, Country: "FR", Opens: 570, Closes: 1020, Lines: 10, CallsPerSecond: 1, Trunk: "trunk",
		CLI: map[call.Kind]string{"": "+33199001000"},
	})
	_, err = f.Surge(ctx, scheme, postgres.Surge{Kind: call.KindPresence}, today, true)
	require.ErrorIs(t, err, dispatch.ErrOwnCLI)
	_, err = f.Surge(ctx, scheme, postgres.Surge{Kind: call.KindScheduled}, today, true)
	require.NoError(t, err, "people may show the town's number")

	shows := func(kind call.Kind, number string) error {
		s := dispatch.Scheme{Country: "FR", CLI: map[call.Kind]string{"": "+33199001000", kind: number}}
		return s.Presentable(kind)
	}
	require.NoError(t, shows(call.KindPresence, "+33162000000"))
	require.NoError(t, shows(call.KindScheduled, "+33199001000"))
	for _, number := range []string{"+33199001000", "+33145678901", "+3281247454", "+33700000001", ""} {
		require.ErrorIs(t, shows(call.KindReminder, number), dispatch.ErrOwnCLI, number)
	}
}

// TestASurgeKnowsHerDate: three in the afternoon in Namur is the next morning in Nouméa, and it is her date on which she is away or back.
func TestASurgeKnowsHerDate(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := t.Context()
	brussels, err := time.LoadLocation("Europe/Brussels")
	require.NoError(t, err)
	scheme := f.AddScheme(dispatch.Scheme{Name: "Namur", Zone: brussels, Country: "BE", Opens: 570, Closes: 1020, Lines: 10, InboundReserve: 2})
	afternoon := time.Date(2026, 11, 24, 15, 0, 0, 0, brussels)
	require.NoError(t, f.Book(scheme, clock).Edit(ctx, func(page roster.Page) error {
		var people roster.People
		for _, ref := range []string{"back", "away"} {
			people.Beneficiaries = append(people.Beneficiaries, roster.Beneficiary{
				Ref: ref, Zone: "Pacific/Noumea", Consent: roster.Consent{State: roster.ConsentGiven},
				Numbers: []roster.Number{{E164: "+3281990" + strconv.Itoa(len(people.Beneficiaries)) + "11"}},
			})
		}
		return page.Put(ctx, people)
	}))
	for ref, day := range map[string]int{"back": 24, "away": 25} {
		date := time.Date(2026, 11, day, 0, 0, 0, 0, time.UTC)
		_, _, err := f.Announce(ctx, scheme, postgres.Pause{Ref: ref, First: date, Last: date}, today)
		require.NoError(t, err)
	}
	done, err := f.Surge(ctx, scheme, postgres.Surge{Kind: call.KindPresence}, afternoon, false)
	require.NoError(t, err)
	require.Equal(t, []int{2, 1, 1}, []int{done.People, done.Away, done.Booked})
	back, err := f.KeyOf(ctx, scheme, "back")
	require.NoError(t, err)
	require.Equal(t, int64(1), f.one(`SELECT count(*) FROM occurrence WHERE beneficiary_id = $1`, back))
}
