package line

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/inbox"
	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/tests/house"
)

const (
	registersHerself = "+33639989011"
	hangsUp          = "+33639989012"
)

// registers: somebody registers herself by keypad and voice, hears everything back, and is there for the registrars.
func registers(t *testing.T, street *house.Street) {
	h := street.Move(t, house.Plan{})
	party := dial(t, h, registersHerself)
	h.Hears(party, time.Time{}, start(h, "line.greeting"), hearLimit)
	at := press(t, party, "2")
	h.Hears(party, at, start(h, "register.whose"), hearLimit)
	at = press(t, party, "1")
	number := ivr.Vars{"register_number": "0639989011"}
	h.Hears(party, at, h.Prompt("register.confirm", number), hearLimit)
	at = press(t, party, "1")
	h.Hears(party, at, h.Prompt("register.name", nil), hearLimit)
	recorded(t, street, "registrations/*.*", 2*time.Second)
	at = press(t, party, "#")
	h.Hears(party, at, start(h, "register.heard"), hearLimit)
	ctx, cancel := context.WithTimeout(t.Context(), hearLimit)
	defer cancel()
	_, err := party.HearTone(ctx, voice)
	require.NoError(t, err, "she hears what she said")
	for _, next := range []struct{ key, prompt string }{
		{"1", "register.language"}, {"1", "register.often"}, {"2", "register.days"}, {"2", "register.choose"},
	} {
		at = press(t, party, next.key)
		h.Hears(party, at, start(h, next.prompt), hearLimit)
	}
	at = press(t, party, "25#")
	h.Hears(party, at, start(h, "register.part"), hearLimit)
	at = press(t, party, "1")
	h.Hears(party, at, h.Prompt("register.recap", number), hearLimit)
	h.Hears(party, at, h.Prompt("register.twice", nil), hearLimit)
	days := []time.Weekday{time.Tuesday, time.Friday}
	h.Hears(party, at, h.Prompt("register.on_days", ivr.Vars{"register_days": days}), hearLimit)
	h.Hears(party, at, start(h, "register.right"), hearLimit)
	at = press(t, party, "1")
	h.Hears(party, at, h.Prompt("register.consent", nil), hearLimit)
	at = press(t, party, "1")
	h.Hears(party, at, start(h, "register.thanks"), hearLimit)
	h.AwaitDone(party, hearLimit)

	item := registration(t, h)
	require.Equal(t, registersHerself, item.Number)
	require.Equal(t, roster.ConsentGiven, item.Consent)
	require.Equal(t, h.Book.Text(roster.French, "register.consent", nil), item.Wording)
	require.Equal(t, roster.SourceSelf, item.Source)
	require.Equal(t, roster.Weekly, item.Cadence)
	require.Equal(t, 2, item.PerWeek)
	require.Equal(t, days, item.Days)
	require.Equal(t, roster.Morning, item.Part)
	name := filepath.Join(street.Asterisk.RecordingsDir(), item.Recording+".wav")
	_, err = os.Stat(name)
	require.NoError(t, err, "her name is there to be listened to")

	// A registrar makes a person of it, and her calls are booked.
	_, erase, err := h.Store.ResolveInbox(t.Context(), h.Scheme.Key, item.ID, inbox.Resolution{
		Outcome: inbox.Registered, By: "R01", Ref: "registered", Given: "Marie",
	}, h.Now())
	require.NoError(t, err)
	require.Equal(t, []string{item.Recording}, erase)
	house.Await(t, hearLimit, "her calls to be booked", func(ctx context.Context) bool {
		var booked int
		require.NoError(t, h.Pool().QueryRow(ctx, `SELECT count(*) FROM occurrence o JOIN beneficiary b USING (scheme_id, beneficiary_id)
			WHERE o.scheme_id = $1 AND b.ref = 'registered' AND o.state = 'open'`, h.Scheme.Key).Scan(&booked))
		return booked > 0
	})
}

// leavesHalfWay: who hangs up in the middle is there to be called back.
func leavesHalfWay(t *testing.T, street *house.Street) {
	h := street.Move(t, house.Plan{})
	party := dial(t, h, hangsUp)
	h.Hears(party, time.Time{}, start(h, "line.greeting"), hearLimit)
	at := press(t, party, "2")
	h.Hears(party, at, start(h, "register.whose"), hearLimit)
	at = press(t, party, "1")
	h.Hears(party, at, h.Prompt("register.confirm", ivr.Vars{"register_number": "0639989012"}), hearLimit)
	at = press(t, party, "1")
	h.Hears(party, at, start(h, "register.name"), hearLimit)
	h.HangUp(party)
	item := registration(t, h)
	require.Equal(t, hangsUp, item.Number)
	require.Empty(t, item.Consent, "unfinished")
}

// registration waits until one is there for the registrars.
func registration(t *testing.T, h *house.House) inbox.Item {
	t.Helper()
	var list []inbox.Item
	house.Await(t, hearLimit, "a registration to be listed", func(ctx context.Context) bool {
		var err error
		list, err = h.Store.Inbox(ctx, h.Scheme.Key, false)
		return err == nil && len(list) == 1
	})
	require.Equal(t, inbox.Registration, list[0].Kind)
	return list[0]
}
