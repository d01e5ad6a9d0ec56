package ivr

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/roster"
)

// speakable is what a speech engine gets: letters, apostrophes, hyphens, commas and spaces.
func speakable(t *testing.T, s string) {
	t.Helper()
	bad := strings.IndexFunc(s, func(r rune) bool { return !unicode.IsLetter(r) && !strings.ContainsRune("' ,-", r) })
	if s == "" || bad >= 0 || strings.Contains(s, "  ") || strings.TrimSpace(s) != s {
		require.Fail(t, "not speakable", "%q", s)
	}
}

func TestMomentsAsPeopleSayThem(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 24, 10, 30, 0, 0, time.UTC)
	for lang, want := range map[roster.Language]string{
		roster.French:  "mardi vingt-quatre novembre à dix heures trente",
		roster.Dutch:   "dinsdag vierentwintig november om half elf",
		roster.German:  "Dienstag, der vierundzwanzigste November, um halb elf",
		roster.English: "Tuesday the twenty-fourth of November at half past ten in the morning",
		"xx":           "mardi vingt-quatre novembre à dix heures trente",
	} {
		require.Equal(t, want, Moment(lang, at, time.Time{}))
	}
	for lang, want := range map[roster.Language][2]string{
		roster.French:  {"mardi vingt-quatre novembre", "aujourd'hui, mardi vingt-quatre novembre"},
		roster.Dutch:   {"op dinsdag vierentwintig november", "vandaag, dinsdag vierentwintig november"},
		roster.German:  {"am Dienstag, dem vierundzwanzigsten November", "heute, am Dienstag, dem vierundzwanzigsten November"},
		roster.English: {"on Tuesday the twenty-fourth of November", "today, Tuesday the twenty-fourth of November"},
	} {
		require.Equal(t, want, [2]string{On(lang, at, time.Time{}), On(lang, at, at)})
	}
	require.Equal(t, "demain, mardi vingt-quatre novembre à dix heures trente",
		Moment(roster.French, at, at.AddDate(0, 0, -1)))
	require.Equal(t, "vandaag, dinsdag vierentwintig november om half elf", Moment(roster.Dutch, at, at.Add(-time.Hour)))
}

// TestEveryQuarterOfAnHour holds the 96 quarters of a day to a golden file, in four languages.
func TestEveryQuarterOfAnHour(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for q := range 96 {
		at := time.Date(2026, 11, 24, q/4, q%4*15, 0, 0, time.UTC)
		fmt.Fprintf(&b, "%02d:%02d", q/4, q%4*15)
		for _, lang := range roster.Languages() {
			hour := Hour(lang, at)
			speakable(t, hour)
			b.WriteString(" | " + hour)
		}
		b.WriteString("\n")
	}
	golden(t, "hours.txt", b.String())
}

// TestEveryDay holds the days of a leap year to a golden file, in four languages.
func TestEveryDay(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for day := time.Date(2028, 1, 1, 12, 0, 0, 0, time.UTC); day.Year() == 2028; day = day.AddDate(0, 0, 1) {
		b.WriteString(day.Format("2006-01-02"))
		for _, lang := range roster.Languages() {
			words := Day(lang, day)
			speakable(t, words)
			b.WriteString(" | " + words)
		}
		b.WriteString("\n")
	}
	golden(t, "days.txt", b.String())
}

func TestEveryMinuteIsSpeakable(t *testing.T) {
	t.Parallel()
	for _, lang := range roster.Languages() {
		seen := map[string]bool{}
		for m := range 12 * 60 {
			hour := Hour(lang, time.Date(2026, 11, 24, 7, m, 0, 0, time.UTC))
			speakable(t, hour)
			require.False(t, seen[hour], "%s in %s twice", hour, lang)
			seen[hour] = true
		}
	}
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	cases := []struct {
		n              int
		fr, nl, de, en string
	}{
		{0, "zéro", "nul", "null", "zero"},
		{1, "un", "één", "eins", "one"},
		{21, "vingt et un", "eenentwintig", "einundzwanzig", "twenty-one"},
		{22, "vingt-deux", "tweeëntwintig", "zweiundzwanzig", "twenty-two"},
		{71, "soixante et onze", "eenenzeventig", "einundsiebzig", "seventy-one"},
		{80, "quatre-vingts", "tachtig", "achtzig", "eighty"},
		{81, "quatre-vingt-un", "eenentachtig", "einundachtzig", "eighty-one"},
		{91, "quatre-vingt-onze", "eenennegentig", "einundneunzig", "ninety-one"},
		{100, "cent", "honderd", "einhundert", "one hundred"},
		{200, "deux cents", "tweehonderd", "zweihundert", "two hundred"},
		{241, "deux cent quarante et un", "tweehonderd eenenveertig", "zweihunderteinundvierzig", "two hundred and forty-one"},
		{1000, "mille", "duizend", "eintausend", "one thousand"},
		{1566, "mille cinq cent soixante-six", "duizend vijfhonderd zesenzestig", "eintausendfünfhundertsechsundsechzig", "one thousand five hundred and sixty-six"},
		{-3, "moins trois", "min drie", "minus drei", "minus three"},
	}
	for _, c := range cases {
		require.Equal(t, []string{c.fr, c.nl, c.de, c.en}, []string{
			Number(roster.French, c.n), Number(roster.Dutch, c.n), Number(roster.German, c.n), Number(roster.English, c.n),
		})
	}
	for _, lang := range roster.Languages() {
		for n := range 10_000 {
			speakable(t, Number(lang, n))
		}
		speakable(t, Number(lang, 17015_241))
	}
	require.Equal(t, "quatre, sept, zéro", Digits(roster.French, "+47 0"))
}

// TestThingsThatAreFeminineInFrench: minutes and people.
func TestThingsThatAreFeminineInFrench(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{
		1: "une", 2: "deux", 11: "onze", 21: "vingt et une", 71: "soixante et onze", 81: "quatre-vingt-une", 91: "quatre-vingt-onze", 101: "cent une",
	} {
		require.Equal(t, want, Feminine(roster.French, n))
	}
	require.Equal(t, "eenentwintig", Feminine(roster.Dutch, 21))
}
