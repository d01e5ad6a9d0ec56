package line

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	asteriskconf "github.com/rappel-tel/rappel/asterisk"
	"github.com/rappel-tel/rappel/pkg/phone"
	"github.com/rappel-tel/rappel/pkg/postgres"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/tests/house"
)

// anotherLine gives the house's scheme a further number, answered in these languages.
func anotherLine(t *testing.T, h *house.House, languages ...roster.Language) string {
	t.Helper()
	number := h.Number()
	require.NoError(t, h.Store.SaveDID(t.Context(), h.Scheme.Key, postgres.DID{Number: number, Languages: languages}))
	return number
}

// pbxKnows waits until the PBX was told of a number and, some time after, that another is gone.
func pbxKnows(t *testing.T, street *house.Street, gone, known string) {
	t.Helper()
	file := filepath.Join(filepath.Dir(street.Asterisk.AccountsPath()), asteriskconf.LinesFile)
	house.Await(t, hearLimit, "the PBX to know the lines", func(ctx context.Context) bool {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		out, err := street.Asterisk.Console(ctx, "dialplan show lines")
		return err == nil && strings.Contains(string(text), known) && !strings.Contains(string(text), gone) &&
			strings.Contains(out, known) && !strings.Contains(out, gone)
	})
}

// startIn is start in any language.
func startIn(h *house.House, lang roster.Language, key string) []int16 {
	return house.Beginning(h.PromptIn(lang, key, nil), 2*time.Second)
}

// awayInEveryLanguage: without the service each number is answered in its first language, and then in the others; a key leads
// to the signal, 9 says it again, 8 tells what to do in an emergency, and thanks are said in the language of the key.
func awayInEveryLanguage(t *testing.T, h *house.House, dutch string) {
	t.Helper()
	party := h.DialNumber("+33639989005", dutch, phone.DialOptions{Say: phone.Tone(voice)})
	heard := h.Hears(party, time.Time{}, startIn(h, roster.Dutch, "dialplan.fallback-greeting"), hearLimit)
	house.Took(t, "until the dialplan speaks Dutch", party.Answered(), heard.At)
	h.Hears(party, time.Time{}, startIn(h, roster.Dutch, "dialplan.fallback-emergency"), hearLimit)
	h.Hears(party, time.Time{}, startIn(h, roster.Dutch, "dialplan.fallback-key"), hearLimit)
	h.Hears(party, time.Time{}, startIn(h, roster.German, "dialplan.fallback-greeting"), hearLimit)
	again := press(t, party, "9")
	h.Hears(party, again, startIn(h, roster.German, "dialplan.fallback-greeting"), hearLimit)
	danger := press(t, party, "8")
	h.Hears(party, danger, startIn(h, roster.German, "dialplan.fallback-emergency"), hearLimit)
	recorded(t, h.Street, "messages/*_"+dutch+"_*.*", 3*time.Second)
	done := press(t, party, "#")
	h.Hears(party, done, startIn(h, roster.German, "dialplan.fallback-thanks"), hearLimit)
	h.AwaitDone(party, hearLimit)
}

// awayFromNobodysNumber: a number that is no line of ours, or no longer, is refused in every language that somebody may speak,
// and nothing is recorded.
func awayFromNobodysNumber(t *testing.T, h *house.House, gone string) {
	t.Helper()
	party := h.DialNumber(stranger, gone, phone.DialOptions{Say: phone.Tone(voice)})
	for _, lang := range roster.Languages() {
		h.Hears(party, time.Time{}, h.PromptIn(lang, "dialplan.line-unknown", nil), hearLimit)
	}
	h.AwaitDone(party, hearLimit)
	files, err := filepath.Glob(filepath.Join(h.Asterisk.RecordingsDir(), "messages", "*_"+gone+"_*"))
	require.NoError(t, err)
	require.Empty(t, files)
}
