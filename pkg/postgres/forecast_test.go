package postgres_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/forecast"
	"github.com/rappel-tel/rappel/pkg/postgres"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/roster/rostertest"
)

// TestADayIsReadAsItIsBookedAndAsItWillBe reads days of Lea, who is called on Mondays and Thursdays: one that is booked, one that
// will be, and what is left of today.
func TestADayIsReadAsItIsBookedAndAsItWillBe(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := t.Context()
	scheme := newScheme(t, f.Store, "Namur")
	lea, anna := rostertest.Lea(), rostertest.Anna()
	lea.Agreement.Windows = []roster.Window{{Begin: 570, End: 720}}
	lea.Agreement.ValidFrom, lea.Agreement.ValidUntil = time.Time{}, time.Time{}
	igor := anna
	igor.Ref, igor.Roles, igor.Number = "I1", []roster.Role{roster.RoleRegistrar}, roster.Number{}
	putPeople(t, f.Book(scheme.Key, sunday), roster.People{Staff: []roster.Staff{anna, igor}, Beneficiaries: []roster.Beneficiary{lea}})
	epoch, err := f.Lead(ctx, scheme.Key, "test", sunday())
	require.NoError(t, err)
	_, err = f.Plan(ctx, scheme.Key, epoch, sunday(), sunday().AddDate(0, 0, 2))
	require.NoError(t, err)
	brussels, err := time.LoadLocation("Europe/Brussels")
	require.NoError(t, err)
	read := func(d int, now time.Time) forecast.Day {
		t.Helper()
		day, err := f.Day(ctx, scheme.Key, time.Date(2026, 11, d, 0, 0, 0, 0, time.UTC), now)
		require.NoError(t, err)
		_, err = forecast.PlanDay(ctx, &day, -1, forecast.Options{Runs: 2})
		require.NoError(t, err)
		return day
	}
	booked, later := read(23, sunday()), read(26, sunday())
	for _, day := range []forecast.Day{booked, later} {
		require.Len(t, day.Promises, 1)
		p := day.Promises[0]
		require.Equal(t, "B1", p.Ref)
		require.Equal(t, "09:30", p.Opens.In(brussels).Format("15:04"))
		require.Equal(t, []any{2, roster.Dutch, roster.Strict}, []any{p.Class, p.Language, p.Continuity})
		require.Equal(t, []string{"+33199000001", "+33639980002"}, p.Numbers)
		require.Len(t, day.Callers, 1)
		require.Len(t, day.Registrars, 1)
		require.True(t, day.Callers[0].Supposed)
		require.Equal(t, "C1", day.Callers[0].Ref)
		require.Len(t, day.Callers[0].Shifts, 1)
	}
	require.Less(t, booked.Promises[0].ID, int64(1000))
	require.Greater(t, later.Promises[0].ID, int64(1<<59), "nobody has booked it yet")
	require.Empty(t, read(24, sunday()).Promises)
	_, err = f.Day(ctx, scheme.Key, time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC), sunday())
	require.ErrorIs(t, err, forecast.ErrPast)

	require.NoError(t, f.AddShift(ctx, scheme.Key, postgres.Shift{
		Ref: "C1", Days: roster.WeekdaysOf(time.Monday), Hours: []roster.Window{{Begin: 540, End: 600}, {Begin: 780, End: 840}},
	}))
	require.Len(t, read(23, sunday()).Callers[0].Shifts, 2)
	away := read(26, sunday()).Callers[0]
	require.Empty(t, away.Shifts, "she works on Mondays")
	require.False(t, away.Supposed)

	// Half past ten on Monday: she was called.
	now := time.Date(2026, 11, 23, 9, 30, 0, 0, time.UTC)
	_, err = f.Apply(ctx, scheme.Key, epoch, now, []dispatch.Op{dispatch.Settle{Settlement: dispatch.Settlement{
		Occurrence: booked.Promises[0].ID, State: call.OccurrenceReached, Attempts: 1, Rang: true, At: now,
	}}})
	require.NoError(t, err)
	today := read(23, now)
	require.Empty(t, today.Promises)
	require.Equal(t, forecast.Settled{Reached: 1}, today.Settled)
	require.Equal(t, now, today.From.UTC())
}

func TestADayKnowsTheSixtyDaysBefore(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := t.Context()
	scheme := newScheme(t, f.Store, "Namur")
	now := sunday()
	add := func(days int, result string, talk time.Duration, disposition, offer string) {
		at := now.AddDate(0, 0, -days).Add(-time.Hour) // Ten in the morning in Brussels.
		id := call.NewID()
		f.one(`INSERT INTO attempt (scheme_id, attempt_id, occurrence_id, beneficiary_id, kind, number, trunk, cli, language, ring_ms, claimed_at,
				epoch, state, offer, caller_id, dial_by, accepted_at, ringing_at, bridged_at, ended_at, result, fault, talk_ms, disposition)
			VALUES ($1, $2, 1, 1, 'scheduled', '+33199000001', 't', '', 'fr', 1, $3::timestamptz, 1, 'ended', 1, 7, $3, $3::timestamptz + interval '4 s',
				$3::timestamptz + interval '6 s', $3::timestamptz + interval '16 s', $3, $4, 'none', $5, $6) RETURNING 1`,
			scheme.Key, string(id), at, result, talk.Milliseconds(), disposition)
		f.one(`INSERT INTO offer (scheme_id, attempt_id, offer, caller_id, endpoint, number, language, caller_ring_ms, made_at, state)
			VALUES ($1, $2, 1, 7, '', '', 'fr', 1, $3, $4) RETURNING 1`, scheme.Key, string(id), at, offer)
	}
	for i := range 10 {
		add(i, "answered", time.Duration(i+1)*time.Minute, "courtesy", "accepted")
	}
	add(1, "answered", 30*time.Minute, "difficult", "accepted")
	add(2, "no_answer", 0, "", "accepted")
	add(3, "cancelled", 0, "", "timed_out")
	add(61, "busy", 0, "", "accepted")
	for _, p := range []struct {
		day            int
		wait, talk     time.Duration
		answered, left bool
	}{{1, 10 * time.Second, 3 * time.Minute, true, false}, {1, 50 * time.Second, 0, false, true}, {2, 0, 5 * time.Minute, true, false}, {70, 0, time.Hour, true, false}} {
		at := now.AddDate(0, 0, -p.day)
		var answered, ended, left *time.Time
		reason := ""
		if until := at.Add(p.wait); p.answered {
			over := until.Add(p.talk)
			answered, ended = &until, &over
		} else {
			left, reason = &until, "abandoned"
		}
		f.one(`INSERT INTO inbound_party (scheme_id, party_id, language, queued_at, answered_at, left_at, ended_at, reason)
			VALUES ($1, gen_random_uuid(), 'fr', $2, $3, $4, $5, $6) RETURNING 1`, scheme.Key, at, answered, left, ended, reason)
	}
	day, err := f.Day(ctx, scheme.Key, time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC), now)
	require.NoError(t, err)
	h := day.History
	require.Equal(t, forecast.Tries{Answered: 11, NoAnswer: 1}, h.Tries[10])
	require.Equal(t, 11, h.Talks)
	require.Len(t, h.Talk, 101)
	require.Equal(t, []time.Duration{time.Minute, 6 * time.Minute, 30 * time.Minute}, []time.Duration{h.Talk[0], h.Talk[50], h.Talk[100]})
	require.Equal(t, []int{11, 1}, []int{h.Closed, h.Hard})
	require.Equal(t, 10*time.Second, h.Answer)
	require.Equal(t, forecast.Offers{Accepted: 12, TimedOut: 1, Answer: 4 * time.Second}, h.Offers)
	require.Equal(t, forecast.Line{Calls: 3, Waited: time.Minute, Gone: 1, Taken: 2, Talk: 8 * time.Minute}, h.Line[11])
	require.Equal(t, 2, h.Days)
}
