package postgres_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// TestACallPutOffByADayIsRecordedWithItsReasons: the terms, the closures and her absence are those of the records, and the
// events say what has moved, whoever leads by then.
func TestACallPutOffByADayIsRecordedWithItsReasons(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := context.Background()
	brussels, err := time.LoadLocation("Europe/Brussels")
	require.NoError(t, err)
	scheme := f.AddScheme(dispatch.Scheme{
		Name: "Namur", Zone: brussels, Country: "BE", Opens: 570, Closes: 1020, Lines: 5, CallsPerSecond: 1,
	})
	epoch, err := f.Lead(ctx, scheme, "suite", today)
	require.NoError(t, err)
	day := today.Truncate(24 * time.Hour)
	caller := f.AddCaller(scheme, dispatch.Caller{
		Roles: []roster.Role{roster.RoleCaller}, Languages: []roster.Language{roster.French}, Enabled: true, Since: today,
		State: call.CallerReady,
	})
	closed := dispatch.Occurrence{
		Kind: call.KindScheduled, Opens: day.Add(9 * time.Hour), Closes: day.Add(16 * time.Hour), LocalDate: day,
		Length: 20 * time.Minute, Language: roster.French, Numbers: []string{"+3281990001"},
		Terms: roster.Agreement{
			Cadence: roster.Weekly, PerWeek: 1, Days: []time.Weekday{day.Weekday()}, Continuity: roster.Preferred,
			Windows: []roster.Window{{Begin: 10*60 + 30, End: 12 * 60}}, Length: 15 * time.Minute,
		},
	}
	id := f.AddOccurrence(scheme, closed)
	person := f.Occurrence(id)
	_ = f.one(`INSERT INTO no_call_period (scheme_id, first_day, last_day) VALUES ($1, $2, $2) RETURNING period_id`,
		scheme, day.AddDate(0, 0, 8))
	_ = f.one(`INSERT INTO no_call_period (scheme_id, beneficiary_id, first_day, last_day) VALUES ($1, $2, $3, $3)
		RETURNING period_id`, scheme, person.Beneficiary, day.AddDate(0, 0, 9))

	order := call.Order{
		Scheme: scheme, Attempt: call.NewID(), Offer: 1, Kind: call.KindScheduled, Caller: caller, Number: "+3281990001",
		Trunk: "trunk", CLI: "+3281990000", Language: "fr", CallerLanguage: "fr", CallerRing: 20 * time.Second,
		BeneficiaryRing: time.Minute, DialBy: today.Add(time.Minute),
	}
	closed.ID, closed.Agreement, closed.Beneficiary = id, person.Agreement, person.Beneficiary
	out := call.Outcome{
		Scheme: scheme, Attempt: order.Attempt, Offer: 1, OfferState: call.OfferAccepted, Result: call.ResultAnswered,
		Fault: call.FaultNone, Rang: true, At: today.Add(time.Minute),
	}
	settlement := dispatch.SettlementOf(&closed, out, dispatch.Terms{Rules: dispatch.RulesOf(&dispatch.Scheme{Zone: brussels}, nil)})
	refused, err := f.Apply(ctx, scheme, epoch, today, []dispatch.Op{
		dispatch.Claim{Occurrence: id, Order: order, At: today}, dispatch.Finish{Outcome: out, Settlement: settlement},
	})
	require.NoError(t, err)
	require.Equal(t, []error{nil, nil}, refused)

	// The service was started again since: what a caller says is a fact, whoever leads.
	_, err = f.Lead(ctx, scheme, "another", today)
	require.NoError(t, err)
	before := f.one(`SELECT event_number FROM scheme_lead WHERE scheme_id = $1`, scheme)
	for range 2 {
		refused, err = f.Apply(ctx, scheme, epoch, today, []dispatch.Op{dispatch.CloseCall{
			Attempt: order.Attempt, Caller: caller, DayLater: true, At: today.Add(time.Hour),
		}})
		require.NoError(t, err)
		require.Equal(t, []error{nil}, refused)
	}

	events, err := f.Events(ctx, scheme, before+1, before+100)
	require.NoError(t, err)
	var kinds []string
	for _, e := range events {
		kinds = append(kinds, e.Entity+"."+e.Kind)
	}
	require.Equal(t, []string{"attempt.closed", "occurrence.moved", "occurrence.booked"}, kinds)
	require.Equal(t, int64(2), events[1].EntityNumber, "booked, then moved")
	var booked struct{ Opens, Closes time.Time }
	require.NoError(t, json.Unmarshal(events[2].Data.(json.RawMessage), &booked))
	opens := time.Date(2026, 12, 4, 10, 30, 0, 0, brussels) // The 2nd is closed, she is away on the 3rd.
	require.True(t, booked.Opens.Equal(opens), "%v", booked.Opens)
	require.True(t, booked.Closes.Equal(opens.Add(90*time.Minute)), "%v", booked.Closes)
	require.Equal(t, call.OccurrenceMoved, f.Occurrence(settlement.Next.ID).State)
	require.Equal(t, int64(1), f.one(`SELECT count(*) FROM occurrence WHERE scheme_id = $1 AND state = 'moved' AND ended_at = $2`,
		scheme, today.Add(time.Hour)))
	require.Equal(t, int64(15*60*1000), f.one(`SELECT length_ms FROM occurrence WHERE scheme_id = $1 AND state = 'open'`, scheme))
}
