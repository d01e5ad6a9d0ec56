package postgres_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// Of a scheme with very many calls ahead a part is loaded, with its people; what is open, and what opens soon, always.
func TestALargeSchemeIsLoadedInPart(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	scheme := f.AddScheme(dispatch.Scheme{Name: "nation", Zone: time.UTC, Country: "BE", Trunk: "trunk", Lines: 10})
	o := f.Occurrence(f.AddOccurrence(scheme, dispatch.Occurrence{
		Kind: "scheduled", State: "open", Opens: today.Add(-time.Hour), Closes: today.Add(time.Hour), Length: time.Minute,
		LocalDate: today.Truncate(24 * time.Hour), Language: roster.French, Continuity: roster.Preferred,
		Numbers: []string{"+3281000001"}, Terms: roster.Agreement{Cadence: roster.Daily},
	}))
	const ahead = 20_500
	_, err := f.pool.Exec(t.Context(), `
		INSERT INTO occurrence (scheme_id, uid, agreement_id, beneficiary_id, kind, sequence, local_date, opens_at, closes_at, length_ms, not_before)
			SELECT $1, gen_random_uuid(), $2, $3, 'scheduled', i, date '2027-01-01', opens, opens + interval '1 hour', 60000, opens
			FROM generate_series(1, $4::int) i, LATERAL (SELECT $5::timestamptz + i * interval '1 second' AS opens) x`,
		scheme, o.Agreement, o.Beneficiary, ahead, today)
	require.NoError(t, err)

	snap, err := f.Load(t.Context(), scheme, today, today.AddDate(0, 0, 2))
	require.NoError(t, err)
	require.Equal(t, today.Add(20_001*time.Second), snap.Until)
	require.Len(t, snap.Occurrences, 20_001)
	for _, o := range snap.Occurrences {
		require.Equal(t, []string{"+3281000001"}, o.Numbers)
	}
	snap, err = f.Load(t.Context(), scheme, today, today.Add(10*time.Minute))
	require.NoError(t, err)
	require.Zero(t, snap.Until)
	require.Len(t, snap.Occurrences, 600)
}
