package demo_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/rappel-tel/rappel/pkg/demo"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/roster/numbering"
	"github.com/rappel-tel/rappel/pkg/roster/rostertest"
	"github.com/rappel-tel/rappel/pkg/roster/sheet"
	"github.com/rappel-tel/rappel/pkg/schedule"
)

func TestMain(m *testing.M) {
	// sipgo opens a connection anew for what it sends last, when its phone has just been closed.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/emiago/sipgo/sip.(*TransportUDP).readListenerConnection"))
}

func TestSchemeIsShapedLikeNamur(t *testing.T) {
	for _, seed := range []uint64{0, 1, 2020} {
		cast := demo.Scheme(seed)
		require.Equal(t, cast, demo.Scheme(seed), "pure")
		require.Len(t, cast.Staff, demo.Callers+demo.Registrars)
		require.Len(t, cast.Beneficiaries, demo.Beneficiaries)
		require.Equal(t, "09:25", cast.Start.Format("15:04"))
		require.NotContains(t, []time.Weekday{time.Saturday, time.Sunday}, cast.Start.Weekday())

		staff := map[string]roster.Staff{}
		for _, s := range cast.Staff {
			staff[s.Ref] = s
		}
		shares, numbers, languages, due := map[string]int{}, map[string]int{}, map[roster.Language]int{}, 0
		for i, b := range cast.Beneficiaries {
			share := string(b.Agreement.Cadence)
			if b.Agreement.PerWeek > 1 {
				share = "several"
			}
			shares[share]++
			languages[b.Language]++
			for _, n := range b.Numbers {
				require.True(t, numbering.Fictional(n.E164), n.E164)
				require.NotEqual(t, cast.Line, n.E164)
			}
			numbers[b.Numbers[0].E164]++
			for _, w := range b.Agreement.Windows {
				require.True(t, w.Begin >= 9*60+30 && w.Begin < w.End && w.End <= 17*60)
			}
			require.NotEqual(t, b.Reference, b.Deputy)
			require.Contains(t, staff[b.Reference].Languages, b.Language)
			require.Contains(t, staff[b.Deputy].Languages, b.Language)
			if dueOn(t, cast, int64(i+1), b.Agreement) {
				due++
			}
		}
		require.Equal(t, 133, shares["weekly"])
		require.Equal(t, 70, shares["several"])
		require.Equal(t, demo.DueOnDay, due, "seed %d", seed)
		require.Len(t, numbers, demo.Beneficiaries-9, "nine households share a number")
		require.Greater(t, languages[roster.French], 200)
		require.Positive(t, languages[roster.Dutch])
		require.Positive(t, languages[roster.German])
	}
	require.NotEqual(t, demo.Scheme(1).Beneficiaries, demo.Scheme(2).Beneficiaries)
}

// dueOn asks the schedule whether an agreement wants a call on the demonstration's day.
func dueOn(t *testing.T, cast demo.Cast, seed int64, a roster.Agreement) bool {
	t.Helper()
	zone, err := time.LoadLocation(cast.Zone)
	require.NoError(t, err)
	return len(schedule.Between(a, schedule.Rules{Zone: zone, Seed: seed}, cast.Start, cast.Start.Add(8*time.Hour))) > 0
}

// The cast can be imported and exported like any town's list.
func TestSchemeFitsASheet(t *testing.T) {
	cast := demo.Scheme(7)
	book := &rostertest.Memory{}
	require.NoError(t, book.Edit(t.Context(), func(page roster.Page) error {
		return page.Put(t.Context(), roster.People{Staff: cast.Staff, Beneficiaries: cast.Beneficiaries})
	}))
	var file bytes.Buffer
	_, err := sheet.Export(t.Context(), &file, sheet.ExportOptions{Book: book})
	require.NoError(t, err)
	summary, err := sheet.Import(t.Context(), &file, sheet.ImportOptions{Book: book, Region: cast.Country})
	require.NoError(t, err)
	require.Equal(t, len(cast.Staff)+len(cast.Beneficiaries), summary.Unchanged)
}
