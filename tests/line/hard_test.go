package line

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/phone"
	"github.com/rappel-tel/rappel/tests/house"
)

// typing types a number ahead of everything that is said, into the greeting, in one of the ways in which phones send keys: a
// person, a callback, to another number, and that number. It is read back digit by digit: none was lost, none counted twice.
func typing(mode string, way phone.KeyWay) func(*testing.T, *house.Street) {
	return func(t *testing.T, street *house.Street) {
		h := street.Move(t, house.Plan{DTMF: mode})
		party := h.DialLineBy(stranger, phone.DialOptions{Say: phone.Silence(), Keys: way})
		h.Hears(party, time.Time{}, house.Beginning(h.Prompt("line.greeting", nil), time.Second), hearLimit)
		const number = "0199004411"
		typed := press(t, party, "012"+number+"#")
		readback := h.Prompt("callback.readback", ivr.Vars{"callback_number": number})
		for again := 0; ; again++ {
			ctx, cancel := context.WithTimeout(t.Context(), hearLimit)
			which, _, err := party.HearAfter(ctx, typed, readback, start(h, "callback.bad"))
			cancel()
			if err != nil || which == 0 || again == 2 {
				h.Hears(party, typed, readback, hearLimit)
				break
			}
			// A phone that gets no processor for seconds presses as slowly, or all at once. It types once more; a way of keys
			// that does not work fails every time.
			t.Log("the number was not understood")
			typed = press(t, party, number+"#")
		}
		press(t, party, "1")
		h.Hears(party, typed, start(h, "callback.promised"), hearLimit)
		h.AwaitDone(party, hearLimit)
		var kept int
		require.NoError(t, h.Pool().QueryRow(t.Context(), `SELECT count(*) FROM occurrence WHERE scheme_id = $1 AND kind = 'callback'`,
			h.Scheme.Key).Scan(&kept))
		require.Equal(t, 1, kept)
	}
}

// rotary: whoever cannot press a key at all is led to a person, and leaves a message when nobody is there.
func rotary(t *testing.T, street *house.Street) {
	h := street.Move(t, house.Plan{})
	party := dial(t, h, stranger)
	h.Hears(party, time.Time{}, start(h, "main.menu"), hearLimit)
	h.Hears(party, time.Time{}, start(h, "error.silence"), hearLimit)
	h.Hears(party, time.Time{}, start(h, "person.wait"), turnLimit)
	h.Hears(party, time.Time{}, start(h, "message.invite"), turnLimit)
	h.MessageUnderWay(3*time.Second, turnLimit)
	party.Say(phone.Silence()) // That ends it.
	h.Hears(party, time.Time{}, start(h, "message.kept"), hearLimit)
	h.AwaitDone(party, hearLimit)
	require.Equal(t, stranger, messages(t, h, 1)[0].CLI)
}

// deaf: her phone sends no audio at all. She hears everything, and her keys, which come beside the audio, count.
func deaf(t *testing.T, street *house.Street) {
	h := street.Move(t, house.Plan{DTMF: "info"})
	party := h.DialLineBy(stranger, phone.DialOptions{Keys: phone.KeysInfo, Mute: true})
	h.Hears(party, time.Time{}, start(h, "line.greeting"), hearLimit)
	require.Zero(t, party.PacketsSent())
	press(t, party, "0")
	h.Hears(party, time.Time{}, start(h, "message.invite"), hearLimit)
	// Nothing was said, and that is told from a message.
	h.MessageUnderWay(0, turnLimit)
	press(t, party, "#")
	h.Hears(party, time.Time{}, start(h, "message.empty"), turnLimit)
	h.AwaitDone(party, hearLimit)
	list, err := h.Store.Messages(t.Context(), h.Scheme.Key, false)
	require.NoError(t, err)
	require.Empty(t, list)
}
