package line

import (
	"context"
	"math"
	"strconv"
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

// keptFor is how long each conversation lasts from which the wait is reckoned: so that it is more than a minute for the second.
const keptFor = 31 * time.Second

// companyWhileWaiting: five conversations have told how long one takes. Of two who wait each hears her place and how long it lasts by
// that, then music; then her place again, with no music under it; and none is left under the registrar.
func companyWhileWaiting(t *testing.T, street *house.Street) {
	h := street.Move(t, house.Plan{Registrars: 5, WrapUp: time.Second})
	for _, r := range h.Registrars {
		h.Ready(r)
	}
	var before []*phone.Call
	for i, r := range h.Registrars { // Who has been idle longest is rung.
		party := dial(t, h, "+3363998905"+strconv.Itoa(i))
		press(t, party, "0")
		h.Take(r)
		heardTone(t, party, house.CallerTone)
		before = append(before, party)
	}
	over := time.Now().Add(keptFor)
	house.Await(t, 2*keptFor, "the conversations to last", func(context.Context) bool { return time.Now().After(over) })
	for _, party := range before {
		h.HangUp(party)
	}
	for _, r := range h.Registrars {
		h.AwaitState(r, call.CallerReady)
	}
	// What the line reckons with: from the answer to the end of the notes, on average.
	var kept float64
	require.NoError(t, h.Pool().QueryRow(t.Context(), `SELECT avg(extract(epoch FROM s.since - p.answered_at))::float8
		FROM inbound_party p JOIN caller_status s USING (scheme_id, caller_id) WHERE scheme_id = $1`, h.Scheme.Key).Scan(&kept))
	require.Greater(t, kept, keptFor.Seconds())
	wait := func(place int) []int16 {
		seconds := float64(place) * kept // One registrar answers.
		if seconds <= 60 {
			return h.Prompt("queue.minute", nil)
		}
		return h.Prompt("queue.minutes", ivr.Vars{"minutes": int(math.Ceil(seconds / 60))})
	}
	desk := h.Registrars[0]
	for _, r := range h.Registrars[1:] {
		h.Dial(r, "*4")
		h.AwaitState(r, call.CallerOff)
	}

	talks := dial(t, h, "+33639989056")
	press(t, talks, "0")
	hers := h.Take(desk)
	heardTone(t, talks, house.CallerTone)
	first := waitsFor(t, h, "+33639989057", 1)
	second := waitsFor(t, h, "+33639989058", 2)
	for place, party := range map[int]*phone.Call{1: first, 2: second} {
		h.Hears(party, time.Time{}, wait(place), hearLimit)
	}
	music := h.Music()
	begins := house.Beginning(music, 4*time.Second)
	began := h.Hears(first, time.Time{}, begins, turnLimit)
	again := h.Hears(first, began.At, h.Prompt("queue.first", nil), turnLimit)
	length := time.Duration(len(music)) * time.Second / 8000
	require.Greater(t, again.Offset-began.Offset, 3*length/2, "two pieces of it")
	require.Greater(t, again.Score, 0.9, "nothing else is heard under it")
	h.Hears(first, again.At, wait(1), hearLimit)

	// It is her turn while music plays.
	h.Hears(first, again.At, begins, turnLimit)
	h.HangUp(talks)
	h.AwaitDone(hers, hearLimit)
	hers = h.Take(desk)
	heardTone(t, hers, voice)
	joined := time.Now()
	heardTone(t, first, house.CallerTone)
	var chords [][]int16 // Which one she would hear is chance.
	for at := 0; at+8000 <= len(music); at += 4 * 8000 {
		chords = append(chords, music[at:at+8000])
	}
	_, match, err := first.HearAfter(within(t, 5*time.Second), joined, chords...)
	require.Error(t, err)
	require.Less(t, match.Score, 0.5, "the music is over")
	h.HangUp(second)
	h.HangUp(first)
	h.AwaitDone(hers, hearLimit)
}

// herLanguage: whoever chose Dutch waits for the registrar who speaks Dutch, while another is free who speaks French only and
// takes those who speak French. Nobody who speaks Dutch is on shift any more: the other takes her rather than nobody. And when nobody is
// on shift at all, she is told so in Dutch.
func herLanguage(t *testing.T, street *house.Street) {
	h := street.Move(t, house.Plan{Registrars: 2, Speak: []roster.Language{roster.French, roster.Dutch}, WrapUp: time.Minute})
	french, dutch := h.Registrars[0], h.Registrars[1]
	_, err := h.Store.SetOverflow(t.Context(), h.Scheme.Key, func(o *postgres.Overflow) { o.After = time.Hour }, h.Now())
	require.NoError(t, err)
	h.Ready(french)
	h.Ready(dutch)
	says := func(key string) []int16 { return house.Beginning(h.PromptIn(roster.Dutch, key, nil), 2*time.Second) }
	asks := func(from, hears string) (*phone.Call, time.Time) {
		party := dial(t, h, from)
		press(t, party, "4")
		h.Hears(party, time.Time{}, start(h, "languages.french"), hearLimit)
		at := press(t, party, "2")
		h.Hears(party, at, says("line.greeting"), hearLimit)
		at = press(t, party, "0")
		h.Hears(party, at, says(hears), hearLimit)
		return party, at
	}

	first, _ := asks("+33639989061", "person.wait")
	hers := h.Take(dutch)
	heardTone(t, first, house.CallerTone)
	second, at := asks("+33639989062", "person.wait")
	h.Hears(second, at, h.PromptIn(roster.Dutch, "queue.first", nil), hearLimit)
	other := dial(t, h, "+33639989063")
	press(t, other, "0")
	his := h.Take(french)
	heardTone(t, other, house.CallerTone)
	h.HangUp(other)
	h.AwaitDone(his, hearLimit)
	h.Ready(french)
	h.AwaitState(french, call.CallerReady)
	at = press(t, second, "9")
	h.Hears(second, at, h.PromptIn(roster.Dutch, "queue.first", nil), hearLimit)
	require.Empty(t, french.Offers)

	h.HangUp(first)
	h.AwaitDone(hers, hearLimit)
	h.AwaitState(dutch, call.CallerWrapUp)
	h.Dial(dutch, "*4")
	h.AwaitState(dutch, call.CallerOff)
	his = h.Take(french)
	heardTone(t, second, house.CallerTone)
	h.HangUp(second)
	h.AwaitDone(his, hearLimit)
	h.AwaitState(french, call.CallerWrapUp)
	h.Dial(french, "*4")
	h.AwaitState(french, call.CallerOff)

	third, at := asks("+33639989064", "person.nobody")
	h.Hears(third, at, says("nobody.choice"), hearLimit)
	at = press(t, third, "2")
	h.Hears(third, at, says("message.invite"), hearLimit)
	h.HangUp(third)
}
