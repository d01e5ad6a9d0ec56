package line

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/roster"
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
