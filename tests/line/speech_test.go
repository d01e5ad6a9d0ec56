package line

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/speech"
	"github.com/rappel-tel/rappel/pkg/telephony/wav"
	"github.com/rappel-tel/rappel/tests/house"
)

// recording replaces a prompt while a party listens: she goes on hearing the voice, and the next one hears the recording.
func recording(t *testing.T, street *house.Street) {
	h := street.Move(t, house.Plan{})
	menu := ivr.Wording{Key: "main.menu", Language: roster.French}
	before := dial(t, h, stranger)
	h.Hears(before, time.Time{}, start(h, "line.greeting"), hearLimit)

	said := h.Prompt("message.invite", nil) // Somebody's voice, saying something else.
	r, err := h.Book.Prompts().Record(menu, wav.Encode(said))
	require.NoError(t, err)
	require.NoError(t, street.Store.SaveRecording(t.Context(), h.Scheme.Key, r, h.Now()))
	again := press(t, before, "9")
	h.Hears(before, again, start(h, "main.menu"), hearLimit)
	h.HangUp(before)

	recorded := house.Beginning(said[800:], 2*time.Second)
	house.Await(t, hearLimit, "the recording to be heard", func(ctx context.Context) bool {
		after := dial(t, h, stranger)
		which, _, err := after.HearAny(ctx, recorded, start(h, "main.menu"))
		require.NoError(t, err)
		if which == 0 {
			again = press(t, after, "9")
			h.Hears(after, again, recorded, hearLimit)
		}
		h.HangUp(after)
		return which == 0
	})
	require.NoError(t, street.Store.DropRecording(t.Context(), h.Scheme.Key, menu))
}

// dies and hangs are minutes of an hour at which the town's own voice does so over a text.
const dies, hangs = 20, 50

// afternoon is a call's window, so many minutes past two.
func afternoon(minutes int) roster.Window {
	opens := roster.Clock(14*60 + minutes)
	return roster.Window{Begin: opens, End: opens + 60}
}

// failing is a voice of the town's own that fails on every text: it dies, it hangs, or it writes rubbish.
func failing() []string {
	hour := func(minutes int) string {
		return ivr.Hour(roster.French, time.Date(2026, time.June, 16, 14, minutes, 0, 0, time.UTC))
	}
	script := fmt.Sprintf(`case "$(cat)" in *"%s"*) kill -9 $$;; *"%s"*) exec sleep 100;; *) echo rubbish >"$1";; esac`, hour(dies), hour(hangs))
	return []string{"sh", "-c", script, "sh", "{out}"}
}

// failingVoice: a sentence on which the first voice fails is heard in the next one, and nobody listens to silence before.
func failingVoice(minutes int) func(*testing.T, *house.Street) {
	return func(t *testing.T, street *house.Street) {
		h := street.Move(t, house.Plan{People: []house.PersonPlan{{NotDue: true, Change: func(b *roster.Beneficiary) {
			b.Agreement.Windows = []roster.Window{afternoon(minutes)}
		}}}})
		house.Await(t, hearLimit, "her call to be booked", func(context.Context) bool { return len(h.Occurrences(h.People[0])) > 0 })
		now := h.Now()
		opens := time.Date(now.Year(), now.Month(), now.Day(), 14, minutes, 0, 0, now.Location())
		vars := ivr.Vars{"opens": opens, "closes": opens.Add(time.Hour), "now": now}
		sentence := h.Prompt("appointment.around", vars)
		file, _, ok := speech.File(street.Config.Asterisk.Sounds, roster.French, h.Book.Text(roster.French, "appointment.around", vars))
		require.True(t, ok)
		require.NoError(t, os.Remove(file), "as if nobody had spoken it yet")

		party := dial(t, h, h.People[0].Number)
		h.Hears(party, time.Time{}, start(h, "line.greeting"), hearLimit)
		asked := press(t, party, "1")
		if minutes == hangs {
			h.Hears(party, asked, h.Prompt("moment", nil), hearLimit)
		}
		heard := h.Hears(party, asked, sentence, hearLimit)
		t.Logf("the sentence after %s, the longest silence before it %s", heard.At.Sub(asked), party.LongestSilence(asked, heard.At))
		h.Hears(party, heard.At, start(h, "appointment.choice"), hearLimit)
		h.HangUp(party)
		spoken := strings.TrimSuffix(file, ".wav") + "-spare.wav"
		require.FileExists(t, spoken)
		require.NoFileExists(t, file, "the first voice may be well another time")
		require.NoError(t, os.Remove(spoken))
	}
}
