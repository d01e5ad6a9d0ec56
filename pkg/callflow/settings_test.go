package callflow

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/telephony/telephonytest"
)

// TestAPersonIsTreatedAsWasSaidOfHer, when her number is known, and like everybody when it is not.
func TestAPersonIsTreatedAsWasSaidOfHer(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		r := newRig(t, nil)
		defer r.close()
		usual := 7*time.Second + ivr.FirstAnswer // Seven prompts of a second.
		for _, c := range []struct {
			settings Settings
			from     string
			begins   string
			has      string
			patience time.Duration
		}{
			{Settings{}, cli, r.says(roster.French, "line.greeting"), "", usual},
			{Settings{Language: roster.Dutch}, cli, r.says(roster.Dutch, "line.greeting"), "", usual},
			{Settings{Language: roster.Dutch}, "", r.says(roster.French, "line.greeting"), "", usual},
			{Settings{LongerWaits: true}, cli, r.says(roster.French, "line.greeting"), "", usual + ivr.FirstAnswer},
			{Settings{StraightToPerson: true}, cli, r.says(roster.French, "line.greeting"), r.says(roster.French, "person.nobody"), 0},
		} {
			r.desk.locked(func() { r.desk.settings = c.settings })
			ch := r.dial(c.from, telephonytest.Script{HangUp: 29 * time.Second}, 2*time.Second)
			if c.patience == 0 {
				time.Sleep(5 * time.Second)
				require.Contains(t, r.heard(ch), c.has, "%+v", c)
				require.NotContains(t, r.heard(ch), r.says(roster.French, "main.menu"), "%+v", c)
			} else {
				time.Sleep(c.patience - 3*time.Second)
				heard := r.heard(ch)
				require.True(t, strings.HasPrefix(heard, c.begins), "%+v", c)
				lang := roster.Language(c.begins[:2])
				require.NotContains(t, heard, r.says(lang, "error.silence"), "%+v", c)
				time.Sleep(3 * time.Second)
				require.Contains(t, r.heard(ch), r.says(lang, "error.silence"), "%+v", c)
			}
			time.Sleep(time.Minute)
		}
		r.sound(t)
	})
}
