package line

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap/zaptest/observer"

	"github.com/rappel-tel/rappel/dialplans"
	"github.com/rappel-tel/rappel/pkg/app"
	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/phone"
	"github.com/rappel-tel/rappel/pkg/postgres"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/schedule"
	"github.com/rappel-tel/rappel/tests/house"
)

// dialNumber dials any number of the street over a house's trunk.
func dialNumber(h *house.House, number string) *phone.Call {
	return h.DialNumber(stranger, number, phone.DialOptions{Say: phone.Tone(voice)})
}

// manyNumbers: two schemes have four numbers on one PBX, and whoever dials one hears that scheme's name in that number's language,
// over whichever trunk the call came.
func manyNumbers(t *testing.T, street *house.Street) {
	first := street.Move(t, house.Plan{Spoken: "Gardons le contact"})
	second := street.Move(t, house.Plan{Spoken: "Les voisins"})
	type greeted struct {
		number  string
		greeted []int16
	}
	greeting := func(h *house.House, lang roster.Language, scheme string) []int16 {
		return h.PromptIn(lang, "line.greeting_named", ivr.Vars{"scheme": scheme})
	}
	all := []greeted{
		{first.Line, greeting(first, roster.French, "Gardons le contact")},
		{anotherLine(t, first, roster.Dutch, roster.French), greeting(first, roster.Dutch, "Gardons le contact")},
		{second.Line, greeting(second, roster.French, "Les voisins")},
		{anotherLine(t, second, roster.German), greeting(second, roster.German, "Les voisins")},
	}
	for i, line := range all {
		party := dialNumber(first, line.number)
		first.Hears(party, time.Time{}, line.greeted, hearLimit)
		right, err := party.Compare(line.greeted)
		require.NoError(t, err)
		for j, other := range all {
			if i == j {
				continue
			}
			wrong, err := party.Compare(other.greeted)
			require.NoError(t, err)
			require.Greater(t, right.Score, wrong.Score+0.1, "number %d, greeting %d", i, j)
		}
		first.HangUp(party)
	}
}

// nobodysNumber: a number that no scheme has is refused in the languages that are spoken here, counted, and told to the operator
// without anybody's number.
func nobodysNumber(warned *observer.ObservedLogs) func(*testing.T, *house.Street) {
	return func(t *testing.T, street *house.Street) {
		h := street.Move(t, house.Plan{})
		const metric = `rappel_callflow_inbound_ends_total{end="unknown_line"} 1`
		party := dialNumber(h, street.Number())
		french := h.Hears(party, time.Time{}, h.PromptIn(roster.French, "dialplan.line-unknown", nil), hearLimit)
		dutch := h.Hears(party, time.Time{}, h.PromptIn(roster.Dutch, "dialplan.line-unknown", nil), hearLimit)
		require.Greater(t, dutch.At, french.At, "the language in which most numbers are answered comes first")
		h.AwaitDone(party, hearLimit)
		require.Contains(t, street.Metrics(t), metric)
		told := warned.FilterMessageSnippet("no scheme answers").All()
		require.Len(t, told, 1)
		require.NotContains(t, fmt.Sprint(told[0].ContextMap()), stranger[3:])
	}
}

// lineHours: outside its hours, and on dates on which it is closed, the line says when it opens, public holidays left out, and
// offers a callback; on a date that is an exception it is open.
func lineHours(t *testing.T, street *house.Street) {
	h := street.Move(t, house.Plan{})
	ctx, scheme, now := t.Context(), h.Scheme.Key, h.Now() // Tuesday, 16 June, 10 in the morning.
	paris := now.Location()
	date := func(month time.Month, day int) time.Time { return time.Date(2026, month, day, 0, 0, 0, 0, time.UTC) }
	hears := func(opens time.Time) *phone.Call {
		t.Helper()
		party := dial(t, h, stranger)
		h.Hears(party, time.Time{}, h.Prompt("line.closed", ivr.Vars{"reopens": opens, "now": now}), hearLimit)
		return party
	}
	offersCallback := func(party *phone.Call) {
		t.Helper()
		h.Hears(party, time.Time{}, start(h, "main.menu"), hearLimit)
		person := press(t, party, "0")
		h.Hears(party, person, start(h, "nobody.choice"), hearLimit)
		callback := press(t, party, "1")
		confirm := h.Prompt("callback.confirm", ivr.Vars{"callback_number": "0" + stranger[3:]})
		h.Hears(party, callback, house.Beginning(confirm, 2*time.Second), hearLimit)
		h.HangUp(party)
	}
	staffed := func(week schedule.Week) {
		require.NoError(t, h.Store.ChangeLineHours(ctx, scheme, now, func(w *schedule.Week) error { *w = week; return nil }))
	}
	staffed(*schedule.Workdays(13*60+30, 17*60))
	offersCallback(hears(time.Date(2026, time.June, 16, 13, 30, 0, 0, paris)))

	morning := []roster.Window{{Begin: 9 * 60, End: 12 * 60}}
	require.NoError(t, h.Store.ExceptLine(ctx, scheme, schedule.Exception{First: date(time.June, 16), Hours: morning}, now))
	party := dial(t, h, stranger)
	h.Hears(party, time.Time{}, start(h, "main.menu"), hearLimit)
	person := press(t, party, "0")
	h.Hears(party, person, start(h, "person.nobody"), hearLimit)
	h.HangUp(party)
	require.NoError(t, h.Store.RevokeLineException(ctx, scheme, schedule.Exception{First: date(time.June, 16)}, now))

	// Tuesdays only, closed for weeks, and then comes the fourteenth of July, a Tuesday.
	staffed(schedule.Week{time.Tuesday: morning})
	require.NoError(t, h.Store.ExceptLine(ctx, scheme, schedule.Exception{First: date(time.June, 16), Last: date(time.July, 7)}, now))
	h.HangUp(hears(time.Date(2026, time.July, 21, 9, 0, 0, 0, paris)))
}

// registrationFlow is the line's dialogue, changed.
func registrationFlow(t *testing.T, old, instead string) string {
	t.Helper()
	text, err := dialplans.Flows().ReadFile("registration.yaml")
	require.NoError(t, err)
	require.Contains(t, string(text), old)
	return strings.ReplaceAll(string(text), old, instead)
}

// publish has the house's scheme speak a text, checked as ever.
func publish(t *testing.T, h *house.House, text string) *app.Flows {
	t.Helper()
	flows, err := app.NewFlows(h.Config, h.Store)
	require.NoError(t, err)
	v, err := flows.Draft(t.Context(), h.Scheme.Key, postgres.FlowVersion{Text: text, By: "Anne"}, h.Now())
	require.NoError(t, err)
	require.NoError(t, flows.Publish(t.Context(), h.Scheme.Key, postgres.FlowPublication{Name: v.Name, Version: v.Version, By: "Anne"}, h.Now()))
	return flows
}

// next dials again and again until a call hears one prompt rather than the other, and returns it.
func next(t *testing.T, h *house.House, wanted, other []int16) *phone.Call {
	t.Helper()
	var party *phone.Call
	house.Await(t, turnLimit, "the next call to hear it", func(ctx context.Context) bool {
		party = dial(t, h, stranger)
		which, _, err := party.HearAny(ctx, wanted, other)
		require.NoError(t, err)
		if which != 0 {
			h.HangUp(party)
		}
		return which == 0
	})
	return party
}

// publishes: a flow is published, and later rolled back, while somebody listens: her call goes on with the book it began with,
// and the next one has the other.
func publishes(t *testing.T, street *house.Street) {
	const said = "Aujourd'hui, nos amis de la mairie sont avec nous."
	h := street.Move(t, house.Plan{})
	news, menu := h.Speak(said), start(h, "main.menu")
	own := registrationFlow(t, "next: main", "next: news")
	own = strings.ReplaceAll(own, "else: main", "else: news")
	own = strings.Replace(own, "steps:\n", `prompts:
  news.today: {fr: "`+said+`", nl: "Vandaag zijn onze vrienden hier.", de: "Heute sind unsere Freunde hier.", en: "Our friends are here today."}
steps:
  news: {say: [news.today], next: main}
`, 1)
	before := dial(t, h, stranger)
	h.Hears(before, time.Time{}, menu, hearLimit)
	flows := publish(t, h, own)
	after := next(t, h, news, menu)
	h.Hears(after, time.Time{}, menu, hearLimit)

	// Chosen anew, the language leads both back to the beginning, each in her own book.
	again := press(t, before, "41")
	h.Hears(before, again, menu, hearLimit)
	match, err := before.Compare(news)
	require.NoError(t, err)
	require.Less(t, match.Score, 0.5, "whoever talked is not disturbed")
	h.HangUp(before)

	require.NoError(t, flows.Publish(t.Context(), h.Scheme.Key, postgres.FlowPublication{Name: "registration", Version: app.Shipped, By: "Anne"}, h.Now()))
	h.HangUp(next(t, h, menu, news))
	again = press(t, after, "41")
	h.Hears(after, again, news, hearLimit)
	h.HangUp(after)
}

// failingFlow: a flow that fails in a way that no check has found says so, and leads to a person.
func failingFlow(t *testing.T, street *house.Street) {
	h := street.Move(t, house.Plan{})
	var endless strings.Builder
	for n := range 70 { // More than a dialogue may do in silence.
		fmt.Fprintf(&endless, "  endless%d: {set: {n: %q}, next: endless%d}\n", n, fmt.Sprint(n), n+1)
	}
	text := registrationFlow(t, `"3": questions`, `"3": endless0`)
	text = strings.Replace(text, "  questions: {run", "  endless70: {run", 1)
	publish(t, h, strings.Replace(text, "steps:\n", "steps:\n"+endless.String(), 1))
	apology := h.Prompt("error.ours", nil)
	house.Await(t, turnLimit, "the flow to be spoken", func(context.Context) bool {
		party := dial(t, h, stranger)
		h.Hears(party, time.Time{}, start(h, "main.menu"), hearLimit)
		asked := press(t, party, "3")
		listen, stop := context.WithTimeout(t.Context(), 10*time.Second)
		defer stop()
		if _, _, err := party.HearAfter(listen, asked, apology); err != nil {
			h.HangUp(party) // It still has the one that ships.
			return false
		}
		h.Hears(party, asked, start(h, "person.nobody"), hearLimit)
		h.Hears(party, asked, start(h, "nobody.choice"), hearLimit)
		h.HangUp(party)
		return true
	})
}

// unreadableFlow: what a scheme has published cannot be read any more, and its number names a flow that is not there: the line's
// own dialogue is spoken, and the service tells how many such there are.
func unreadableFlow(t *testing.T, street *house.Street) {
	h := street.Move(t, house.Plan{})
	v, err := h.Store.WriteFlow(t.Context(), h.Scheme.Key, postgres.FlowVersion{Name: "registration", Text: "flow: [", By: "Anne"}, h.Now())
	require.NoError(t, err)
	require.NoError(t, h.Store.PublishFlow(t.Context(), h.Scheme.Key, postgres.FlowPublication{Name: v.Name, Version: v.Version, By: "Anne"}, 0, h.Now()))
	require.NoError(t, h.Store.SaveDID(t.Context(), h.Scheme.Key, postgres.DID{Number: h.Line, Flow: "nowhere"}))
	house.Await(t, hearLimit, "the flow to be refused", func(context.Context) bool {
		return strings.Contains(street.Metrics(t), "rappel_flows_refused 1")
	})
	party := dial(t, h, stranger)
	h.Hears(party, time.Time{}, start(h, "main.menu"), hearLimit)
	h.HangUp(party)
}
