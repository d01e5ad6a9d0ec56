package line

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/phone"
	"github.com/rappel-tel/rappel/pkg/postgres"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/tests/house"
)

// turnLimit is how long a party may wait for her next announcement, a talk, its notes and a ringing phone.
const turnLimit = 2 * time.Minute

// waitsFor dials the line, asks for a person and hears her place.
func waitsFor(t *testing.T, h *house.House, from string, place int) *phone.Call {
	t.Helper()
	party := dial(t, h, from)
	h.Hears(party, time.Time{}, start(h, "line.greeting"), hearLimit)
	asked := press(t, party, "0")
	if place == 1 {
		h.Hears(party, asked, h.Prompt("queue.first", nil), hearLimit)
	} else {
		h.Hears(party, asked, h.Prompt("queue.place", ivr.Vars{"place": place}), hearLimit)
	}
	return party
}

// steps are those of the parties in the queue, in order.
func steps(t *testing.T, h *house.House, kind string) (n int) {
	t.Helper()
	var answered, left, ended int
	require.NoError(t, h.Pool().QueryRow(t.Context(), `SELECT count(answered_at), count(left_at), count(ended_at)
		FROM inbound_party WHERE scheme_id = $1`, h.Scheme.Key).Scan(&answered, &left, &ended))
	return map[string]int{"answered": answered, "left": left, "ended": ended}[kind]
}

// queue: two wait while the only registrar talks. Each hears her place, the first is answered first, and whoever hangs up
// waits for nobody.
func queue(t *testing.T, street *house.Street) {
	h := street.Move(t, house.Plan{Registrars: 1, WrapUp: time.Second})
	desk := h.Registrars[0]
	h.Ready(desk)
	talks := dial(t, h, "+33639989010")
	h.Hears(talks, time.Time{}, start(h, "line.greeting"), hearLimit)
	press(t, talks, "0")
	hers := h.Take(desk)
	heardTone(t, talks, house.CallerTone)

	first := waitsFor(t, h, "+33639989011", 1)
	second := waitsFor(t, h, "+33639989012", 2)
	leaves := waitsFor(t, h, "+33639989013", 3)
	h.HangUp(leaves)
	house.Await(t, hearLimit, "who hung up to have left", func(context.Context) bool { return steps(t, h, "left") == 1 })

	h.HangUp(talks)
	h.AwaitDone(hers, hearLimit)
	after := time.Now()
	hers = h.Take(desk)
	heardTone(t, first, house.CallerTone)
	house.Await(t, hearLimit, "two to be answered", func(context.Context) bool { return steps(t, h, "answered") == 2 })
	h.Hears(second, after, h.Prompt("queue.first", nil), turnLimit)
	h.HangUp(first)
	h.AwaitDone(hers, hearLimit)
	hers = h.Take(desk)
	heardTone(t, second, house.CallerTone)
	h.HangUp(second)
	h.AwaitDone(hers, hearLimit)
	house.Await(t, hearLimit, "three talks", func(context.Context) bool { return steps(t, h, "ended") == 3 })
}

// overflow: the only registrar talks, and after a while whoever has the role that helps is rung for the next party, who has heard
// her place.
func overflow(t *testing.T, street *house.Street) {
	h := street.Move(t, house.Plan{Registrars: 1, Callers: []house.CallerPlan{{}}})
	_, err := h.Store.SetOverflow(t.Context(), h.Scheme.Key, func(o *postgres.Overflow) {
		*o = postgres.Overflow{After: 25 * time.Second, To: roster.RoleCaller}
	}, h.Now())
	require.NoError(t, err)
	desk, helper := h.Registrars[0], h.Callers[0]
	h.Ready(desk)
	talks := dial(t, h, "+33639989015")
	h.Hears(talks, time.Time{}, start(h, "line.greeting"), hearLimit)
	press(t, talks, "0")
	h.Take(desk)
	heardTone(t, talks, house.CallerTone)
	second := waitsFor(t, h, "+33639989016", 1)
	hers := h.Take(helper)
	heardTone(t, second, house.CallerTone)
	heardTone(t, hers, voice)
	h.HangUp(second)
	h.AwaitDone(hers, hearLimit)
	h.HangUp(talks)
}

func heardTone(t *testing.T, c *phone.Call, tone float64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), turnLimit)
	defer cancel()
	_, err := c.HearTone(ctx, tone)
	require.NoError(t, err)
}

// callToday: whoever asks is told yes and called, where a caller is there and no promise suffers; and no otherwise.
func callToday(t *testing.T, street *house.Street) {
	tomorrow := func(b *roster.Beneficiary) { b.Agreement.Days = []time.Weekday{(street.Now().Weekday() + 1) % 7} }
	h := street.Move(t, house.Plan{
		Callers: []house.CallerPlan{{}}, NotReady: true,
		People: []house.PersonPlan{{Change: tomorrow, Does: phone.Answers(200*time.Millisecond, house.PersonTone)}},
	})
	person := h.People[0]
	house.Await(t, hearLimit, "her call to be booked", func(context.Context) bool { return len(h.Occurrences(person)) > 0 })
	party := dial(t, h, person.Number)
	h.Hears(party, time.Time{}, start(h, "line.greeting"), hearLimit)
	press(t, party, "1")
	h.Hears(party, time.Time{}, h.Prompt("today.offer", nil), hearLimit)
	asked := press(t, party, "3")
	h.Hears(party, asked, start(h, "today.no"), hearLimit) // Nobody is there to call her.
	h.HangUp(party)

	h.Ready(h.Callers[0])
	party = dial(t, h, person.Number)
	h.Hears(party, time.Time{}, start(h, "line.greeting"), hearLimit)
	press(t, party, "1")
	h.Hears(party, time.Time{}, h.Prompt("today.offer", nil), hearLimit)
	asked = press(t, party, "3")
	h.Hears(party, asked, house.Beginning(h.Prompt("today.yes", ivr.Vars{"at": h.Now()}), time.Second), hearLimit)
	h.HangUp(party)
	hers := h.Take(h.Callers[0])
	theirs := h.AwaitCall(person)
	heardTone(t, theirs, house.CallerTone)
	h.HangUp(theirs)
	a := h.AwaitEnd(person)
	require.Equal(t, call.ResultAnswered, a.Result)
	require.Equal(t, call.KindCallToday, h.Occurrences(person)[0].Kind)
	h.HangUp(hers)

	// Once a day, whoever asks.
	party = dial(t, h, person.Number)
	h.Hears(party, time.Time{}, start(h, "line.greeting"), hearLimit)
	press(t, party, "1")
	h.Hears(party, time.Time{}, h.Prompt("today.offer", nil), hearLimit)
	asked = press(t, party, "3")
	h.Hears(party, asked, start(h, "today.already"), hearLimit)
	h.HangUp(party)
}

// callbackKept: somebody would rather be called back; the service is killed, and calls her when it is her turn: the
// registrar first, then her.
func callbackKept(t *testing.T, street *house.Street, program string, service *house.Process) {
	t.Helper()
	h := street.Move(t, house.Plan{
		Registrars: 1, WrapUp: time.Second,
		People: []house.PersonPlan{{NotDue: true, Does: phone.Answers(200*time.Millisecond, house.PersonTone)}},
	})
	desk, person := h.Registrars[0], h.People[0]
	h.Ready(desk)
	talks := dial(t, h, "+33639989014")
	h.Hears(talks, time.Time{}, start(h, "line.greeting"), hearLimit)
	press(t, talks, "0")
	hers := h.Take(desk)
	heardTone(t, talks, house.CallerTone)

	party := waitsFor(t, h, person.Number, 1)
	wants := press(t, party, "1")
	h.Hears(party, wants, house.Beginning(h.Prompt("callback.confirm", ivr.Vars{"callback_number": "0" + person.Number[3:]}), 2*time.Second), hearLimit)
	agrees := press(t, party, "1")
	h.Hears(party, agrees, start(h, "callback.promised"), hearLimit)
	service.Kill()
	h.HangUp(party)
	h.HangUp(talks)
	h.HangUp(hers) // Nobody is there to do it for her.
	require.Empty(t, h.Rang(person.Number))

	street.Serve(t, program)
	hers = h.Take(desk)
	theirs := h.AwaitCall(person)
	heardTone(t, theirs, house.CallerTone)
	heardTone(t, hers, house.PersonTone)
	h.HangUp(theirs)
	a := h.AwaitEnd(person)
	require.Equal(t, call.ResultAnswered, a.Result)
	require.Equal(t, desk.Key, a.Caller)
	h.HangUp(hers)
	require.Len(t, h.Rang(person.Number), 1)
}
