package numbering_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/roster/numbering"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestParse(t *testing.T) {
	for _, test := range []struct {
		text, region string
		want         roster.Number
		err          error
	}{
		{text: "0470/12.34.56", region: "BE", want: roster.Number{E164: "+32470123456"}},
		{text: "+32 (0)81 24 74 54", region: "FR", want: roster.Number{E164: "+3281247454"}},
		{text: "0032 81 24 74 54", region: "BE", want: roster.Number{E164: "+3281247454"}},
		{text: "32470123456", region: "BE", want: roster.Number{E164: "+32470123456"}},
		{text: "32470123456.0", region: "BE", want: roster.Number{E164: "+32470123456"}},
		{text: "199000001", region: "FR", want: roster.Number{E164: "+33199000001"}},
		{text: "06\u00a039\u202f98 00 01", region: "FR", want: roster.Number{E164: "+33639980001"}},
		{text: "01 99 00 00 01 poste 12", region: "FR", want: roster.Number{E164: "+33199000001", Extension: "12"}},
		{text: "+33199000001 ext. 7", region: "BE", want: roster.Number{E164: "+33199000001", Extension: "7"}},
		{text: "3,24E+10", region: "BE", err: numbering.ErrEaten},
		{text: "3.24e10", region: "BE", err: numbering.ErrEaten},
		{text: "3E+10", region: "BE", err: numbering.ErrEaten},
		{text: "112", region: "FR", err: numbering.ErrInvalid},
		{text: "081247454", region: "FR", err: numbering.ErrInvalid},
		{text: "0800 FLOWERS", region: "BE", err: numbering.ErrNotANumber},
		{text: "?", region: "BE", err: numbering.ErrNotANumber},
		{text: "500&PJSIP/1", region: "BE", err: numbering.ErrNotANumber},
	} {
		got, err := numbering.Parse(test.text, test.region)
		require.ErrorIs(t, err, test.err, test.text)
		require.Equal(t, test.want, got, test.text)
	}
}

func TestFictionalRanges(t *testing.T) {
	for _, number := range []string{
		"+33199001234", "+33261911234", "+33353011234", "+33465711234", "+33536491234", "+33639981234",
	} {
		require.True(t, numbering.Fictional(number), number)
	}
	for _, number := range []string{
		"+33199011234", "+3319900123", "+331990012345", "+32470123456", "0199001234", "+3319900123x", "+33639971234", "",
	} {
		require.False(t, numbering.Fictional(number), number)
	}
	require.NoError(t, numbering.AdmitDemo([]string{"+33199001234"}, false))
	require.Error(t, numbering.AdmitDemo([]string{"+33199001234", "+3281247454"}, false))
	require.NoError(t, numbering.AdmitDemo([]string{"+3281247454"}, true))
}

func TestAllowed(t *testing.T) {
	france, err := numbering.NewDestinations(numbering.DestinationOptions{Region: "FR"})
	require.NoError(t, err)
	belgium, err := numbering.NewDestinations(numbering.DestinationOptions{Region: "BE"})
	require.NoError(t, err)
	border, err := numbering.NewDestinations(numbering.DestinationOptions{Region: "BE", Prefixes: []string{"+32", "+333"}})
	require.NoError(t, err)
	for _, test := range []struct {
		number                  string
		france, belgium, border bool
	}{
		{number: "+33142685300", france: true},
		{number: "+33612345678", france: true},
		{number: "+33972123456", france: true}, // A home line of an internet box.
		{number: "+33639980001", france: true}, // Fiction.
		{number: "+33353010001", france: true, border: true},
		{number: "+33899123456"}, // Premium.
		{number: "+33800123456"}, // Free of charge, yet a service and not a person.
		{number: "+3281247454", belgium: true, border: true},
		{number: "+32470123456", belgium: true, border: true},
		{number: "+3290212345"}, // Premium, though +32 is on the list.
		{number: "+262262123456"},
		{number: "+447911123456"},
		{number: "+88213123456"}, // Satellite.
		{number: "0033142685300"},
		{number: "+33 142685300"},
		{number: "+33142685300&1"},
		{number: "112"},
		{number: "+112"},
		{number: ""},
	} {
		require.Equal(t, test.france, france.Allowed(test.number), "FR %s", test.number)
		require.Equal(t, test.belgium, belgium.Allowed(test.number), "BE %s", test.number)
		require.Equal(t, test.border, border.Allowed(test.number), "prefixes %s", test.number)
		require.False(t, numbering.Destinations{}.Allowed(test.number), "zero value")
	}
	for _, bad := range []string{"32", "+", "+0", "+32x", "0032"} {
		_, err := numbering.NewDestinations(numbering.DestinationOptions{Region: "BE", Prefixes: []string{bad}})
		require.ErrorContains(t, err, bad)
	}
	_, err = numbering.NewDestinations(numbering.DestinationOptions{Region: "XX"})
	require.ErrorContains(t, err, "XX")
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"0470/12.34.56", "3,24E+10", "+33199000001 ext. 7", "00", "++", "x1", "0 (0) #"} {
		f.Add(seed, true)
	}
	f.Fuzz(func(t *testing.T, text string, french bool) {
		region := "BE"
		if french {
			region = "FR"
		}
		number, err := numbering.Parse(text, region)
		if err != nil {
			return
		}
		again, err := numbering.Parse(number.E164, "FR")
		require.NoError(t, err)
		require.Equal(t, number.E164, again.E164)
	})
}
