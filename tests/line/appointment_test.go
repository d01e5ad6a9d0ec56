package line

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/phone"
	"github.com/rappel-tel/rappel/tests/house"
)

// neighbour is somebody with a call this afternoon and one caller to make it; her phone is answered.
func neighbour(t *testing.T, street *house.Street) (*house.House, *house.Person) {
	t.Helper()
	h := street.Move(t, house.Plan{
		Callers: []house.CallerPlan{{}}, NotReady: true,
		People: []house.PersonPlan{{NotDue: true, Does: phone.Answers(300*time.Millisecond, house.PersonTone)}},
	})
	person := h.People[0]
	house.Await(t, hearLimit, "her call to be booked", func(context.Context) bool { return len(promises(h, person)) > 0 })
	return h, person
}

// promises are somebody's agreed calls that stand.
func promises(h *house.House, p *house.Person) []house.Occurrence {
	return slices.DeleteFunc(h.Occurrences(p), func(o house.Occurrence) bool {
		return o.Kind != call.KindScheduled || o.State != call.OccurrenceOpen
	})
}

// asks rings the line from her number and comes to what she may change.
func asks(t *testing.T, h *house.House, from string) *phone.Call {
	t.Helper()
	party := dial(t, h, from)
	h.Hears(party, time.Time{}, start(h, "line.greeting"), hearLimit)
	asked := press(t, party, "1")
	h.Hears(party, asked, start(h, "appointment.choice"), hearLimit)
	asked = press(t, party, "2")
	h.Hears(party, asked, start(h, "appointment.change"), hearLimit)
	return party
}

// changesHerCall: she chooses another time, is rung back at the number that is known, agrees, hears what was done, and there it
// is. Nothing has changed before.
func changesHerCall(t *testing.T, street *house.Street) {
	h, person := neighbour(t, street)
	before := promises(h, person)
	party := asks(t, h, person.Number)
	asked := press(t, party, "1")
	h.Hears(party, asked, start(h, "appointment.times"), hearLimit)
	asked = press(t, party, "2")
	now := h.Now()
	day := func(days int) ivr.Vars {
		opens := time.Date(now.Year(), now.Month(), now.Day()+days, 15, 0, 0, 0, now.Location())
		return ivr.Vars{"to_opens": opens, "to_closes": opens.Add(time.Hour), "now": now}
	}
	h.Hears(party, asked, h.Prompt("appointment.noted_move", day(2)), hearLimit)
	h.Hears(party, asked, start(h, "appointment.rings_soon"), hearLimit)
	h.AwaitDone(party, hearLimit)
	require.Equal(t, before, promises(h, person), "a number can be forged: nothing has changed")

	theirs := h.AwaitCall(person)
	h.Hears(theirs, time.Time{}, start(h, "confirmation.greeting"), hearLimit)
	h.Hears(theirs, time.Time{}, start(h, "confirmation.question"), hearLimit)
	agreed := press(t, theirs, "1")
	h.Hears(theirs, agreed, h.Prompt("confirmation.moved", day(2)), hearLimit)
	stand := promises(h, person)
	h.AwaitDone(theirs, hearLimit)
	require.Len(t, stand, len(before))
	want := before[0].Date.AddDate(0, 0, 2)
	require.True(t, slices.ContainsFunc(stand, func(o house.Occurrence) bool { return o.Date.Equal(want) }), "%+v", stand)
	require.False(t, slices.ContainsFunc(stand, func(o house.Occurrence) bool { return o.Date.Equal(before[0].Date) }), "%+v", stand)
	require.Equal(t, call.ResultAnswered, h.AwaitEnd(person).Result)
	require.Len(t, h.Rang(person.Number), 1)
	figures, err := h.Store.Record(t.Context(), h.Scheme.Key, h.Now())
	require.NoError(t, err)
	require.Equal(t, 1, figures.Appointments.Changed)
	require.Zero(t, figures.Appointments.Pending)

	// What she hears from now on is the new time.
	party = dial(t, h, person.Number)
	h.Hears(party, time.Time{}, start(h, "line.greeting"), hearLimit)
	asked = press(t, party, "1")
	at := day(2)
	h.Hears(party, asked, h.Prompt("appointment.around", ivr.Vars{"opens": at["to_opens"], "closes": at["to_closes"], "now": now}), hearLimit)
	h.HangUp(party)
}

// forgedChange: somebody rings with her number; she is rung back, knows of nothing, and everything stays.
func forgedChange(t *testing.T, street *house.Street) {
	h, person := neighbour(t, street)
	before := promises(h, person)
	forger := asks(t, h, person.Number)
	asked := press(t, forger, "2")
	now := h.Now()
	opens := time.Date(now.Year(), now.Month(), now.Day(), 15, 0, 0, 0, now.Location())
	h.Hears(forger, asked, h.Prompt("appointment.noted_skip", ivr.Vars{"opens": opens, "now": now}), hearLimit)
	h.HangUp(forger)
	theirs := h.AwaitCall(person)
	h.Hears(theirs, time.Time{}, start(h, "confirmation.question"), hearLimit)
	refused := press(t, theirs, "2")
	h.Hears(theirs, refused, start(h, "confirmation.refused"), hearLimit)
	h.AwaitDone(theirs, hearLimit)
	h.AwaitEnd(person)
	require.Equal(t, before, promises(h, person))
}

// goesAway: she types the days on which she leaves and is back, hears them read, agrees when she is rung back, and is not called
// in between.
func goesAway(t *testing.T, street *house.Street) {
	h, person := neighbour(t, street)
	from, back := h.Now().AddDate(0, 0, 4), h.Now().AddDate(0, 0, 20)
	party := asks(t, h, person.Number)
	asked := press(t, party, "3")
	h.Hears(party, asked, start(h, "away.from"), hearLimit)
	asked = press(t, party, "3")
	h.Hears(party, asked, start(h, "away.example"), hearLimit)
	asked = press(t, party, from.Format("0201"))
	h.Hears(party, asked, start(h, "away.until"), hearLimit)
	asked = press(t, party, "4")
	h.Hears(party, asked, start(h, "away.back"), hearLimit)
	asked = press(t, party, back.Format("0201"))
	h.Hears(party, asked, h.Prompt("away.readback", ivr.Vars{"from": from, "back": back, "now": h.Now()}), hearLimit)
	asked = press(t, party, "1")
	h.Hears(party, asked, start(h, "appointment.rings_soon"), hearLimit)
	h.HangUp(party)
	theirs := h.AwaitCall(person)
	h.Hears(theirs, time.Time{}, start(h, "confirmation.question"), hearLimit)
	agreed := press(t, theirs, "1")
	h.Hears(theirs, agreed, h.Prompt("confirmation.is_away", ivr.Vars{"from": from, "back": back, "now": h.Now()}), hearLimit)
	h.HangUp(theirs)
	date := func(t time.Time) time.Time { return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC) }
	stand := promises(h, person)
	require.True(t, slices.ContainsFunc(stand, func(o house.Occurrence) bool { return o.Date.Before(date(from)) }), "%+v", stand)
	for _, o := range stand {
		require.True(t, o.Date.Before(date(from)) || !o.Date.Before(date(back)), "%+v", o)
	}
	require.True(t, slices.ContainsFunc(h.Occurrences(person), func(o house.Occurrence) bool { return o.Kind == call.KindWelcomeBack }))
}

// nothingPersonal: whoever withholds the number, or rings from one that nobody has, is told nothing of anybody; and whoever asks
// again and again is told nothing more.
func nothingPersonal(t *testing.T, street *house.Street) {
	h, person := neighbour(t, street)
	for _, from := range []string{"", stranger} {
		party := dial(t, h, from)
		h.Hears(party, time.Time{}, start(h, "line.greeting"), hearLimit)
		asked := press(t, party, "1")
		h.Hears(party, asked, start(h, "appointment.unknown"), hearLimit)
		h.HangUp(party)
	}
	party := dial(t, h, person.Number)
	h.Hears(party, time.Time{}, start(h, "line.greeting"), hearLimit)
	slow := start(h, "appointment.slow")
	// Key 1 asks, confirms, and goes back to the beginning, again and again. A key cuts short what is said: seven times round in
	// a hurry, and then with time to listen.
	for range 21 {
		press(t, party, "1")
		_, _, err := party.HearAfter(within(t, time.Second), time.Now(), slow)
		require.Error(t, err, "not yet")
	}
	house.Await(t, 3*time.Minute, "nothing to be told any more", func(context.Context) bool {
		at := press(t, party, "1")
		_, _, err := party.HearAfter(within(t, 6*time.Second), at, slow)
		return err == nil
	})
	h.HangUp(party)
	require.Empty(t, h.Rang(person.Number))
}

func within(t *testing.T, limit time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	return ctx
}

// confirms: she keeps her call; it is recorded, and she is told.
func confirms(t *testing.T, street *house.Street) {
	h, person := neighbour(t, street)
	party := dial(t, h, person.Number)
	h.Hears(party, time.Time{}, start(h, "line.greeting"), hearLimit)
	asked := press(t, party, "1")
	h.Hears(party, asked, start(h, "appointment.choice"), hearLimit)
	asked = press(t, party, "1")
	h.Hears(party, asked, h.Prompt("appointment.confirmed", nil), hearLimit)
	h.HangUp(party)
	figures, err := h.Store.Record(t.Context(), h.Scheme.Key, h.Now())
	require.NoError(t, err)
	require.Equal(t, 1, figures.Appointments.Confirmed)
	require.Empty(t, h.Rang(person.Number))
}
