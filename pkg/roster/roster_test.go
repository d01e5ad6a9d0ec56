package roster_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/roster"
)

func TestFold(t *testing.T) {
	for text, want := range map[string]string{
		"  Éléonore  d'Hooghe ": "eleonore d hooghe", "Œdipe STRAẞE ø": "oedipe strasse o", "N° 7-b": "n 7 b", "…": "",
	} {
		require.Equal(t, want, roster.Fold(text))
	}
	require.Equal(t, roster.NameKey("Marie", "DUPONT"), roster.NameKey("", "Dupont, marie"))
	require.Empty(t, roster.NameKey(" ", "-"))
}

func TestNormal(t *testing.T) {
	require.True(t, roster.Agreement{Cadence: roster.Weekly}.Equal(roster.Agreement{
		Cadence: roster.Weekly, PerWeek: 1, Length: 20 * time.Minute, Continuity: roster.Preferred,
		CallerRing: 20 * time.Second, Ring: time.Minute,
	}))
	days := []time.Weekday{time.Sunday, time.Monday, time.Monday}
	normal := roster.Agreement{Cadence: roster.Weekly, Days: days}.Normal()
	require.Equal(t, []time.Weekday{time.Monday, time.Sunday}, normal.Days)
	require.Equal(t, 2, normal.PerWeek)
	require.Equal(t, time.Sunday, days[0], "its argument is left alone")
	require.Equal(t, roster.Agreement{}, roster.Agreement{Length: time.Hour}.Normal(), "no cadence, no agreement")
	require.True(t, roster.Beneficiary{}.Equal(roster.Beneficiary{Language: roster.French, Source: roster.SourceService}))
	require.False(t, roster.Beneficiary{Class: 1}.Equal(roster.Beneficiary{}))
}
