package line

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/faq"
	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/phone"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/tests/house"
)

// offList is a number that exists and that no scheme of these tests may ring.
const offList = "+33145678901"

// questions: somebody picks a question and hears its answer, is connected with the help line that it names, both hearing each
// other, and is back with us afterwards. What held until yesterday or holds from tomorrow on is not offered, nor a topic with nothing else,
// and the keys of the others follow one another. What is off the allow-list never rings.
func questions(t *testing.T, street *house.Street) {
	var shown atomic.Value // The number that the help line sees.
	h := street.Move(t, house.Plan{People: []house.PersonPlan{{NotDue: true, Choose: func(r phone.Ring, _ int) phone.Behaviour {
		shown.Store(r.From)
		return phone.Answers(200*time.Millisecond, house.PersonTone)
	}}}})
	helpLine := h.People[0]
	question := func(name, title, answer, transfer string, until faq.Date) faq.Question {
		return faq.Question{
			Name: name, Title: faq.Texts{roster.French: title}, Answer: faq.Texts{roster.French: answer + " {" + transfer + "}."},
			Transfer: transfer, Until: until,
		}
	}
	today, yesterday := faq.DateOf(h.Now()), faq.DateOf(h.Now().AddDate(0, 0, -1))
	soon := question("soon", "La fête des voisins", "Elle a lieu vendredi.", helpLine.Number, "")
	soon.From = faq.DateOf(h.Now().AddDate(0, 0, 1))
	lasts := question("off", "Les horaires du marché", "Le marché a lieu le mardi matin, sur la grande place.", offList, today)
	lasts.From = today
	_, err := h.Store.EditQuestions(t.Context(), h.Scheme.Key, func(tree *faq.Tree) error {
		*tree = faq.Tree{Topics: []faq.Topic{
			{Name: "winter", Title: faq.Texts{roster.French: "Le grand froid"}, Questions: []faq.Question{
				question("cold", "Se chauffer", "Fermez les volets.", helpLine.Number, yesterday),
			}},
			{Name: "town", Title: faq.Texts{roster.French: "Dans notre commune"}, Questions: []faq.Question{
				question("expired", "Le vaccin de l'an dernier", "Il n'y en a plus.", helpLine.Number, yesterday),
				question("help", "Quelqu'un à qui parler", "Une ligne d'aide vous écoute.", helpLine.Number, ""), soon, lasts,
			}},
		}}
		return nil
	}, h.Now())
	require.NoError(t, err)
	says := func(key string, vars ivr.Vars) []int16 { return house.Beginning(h.Prompt(key, vars), 2*time.Second) }
	part := func(text string) []int16 { return says("faq.part", ivr.Vars{"part": text}) }

	party := dial(t, h, stranger)
	h.Hears(party, time.Time{}, start(h, "line.greeting"), hearLimit)
	at := press(t, party, "3")
	title := func(text string) []int16 { return h.Prompt("faq.choice", ivr.Vars{"title": text}) }
	key := func(n int) []int16 { return h.Prompt("faq.press", ivr.Vars{"n": n}) }
	h.Hears(party, at, title("Dans notre commune"), hearLimit)
	h.Hears(party, at, key(1), hearLimit)
	at = press(t, party, "1")
	told := h.Hears(party, at, title("Quelqu'un à qui parler"), hearLimit)
	h.Hears(party, told.At, key(1), hearLimit)
	told = h.Hears(party, told.At, title("Les horaires du marché"), hearLimit)
	h.Hears(party, told.At, key(2), hearLimit)
	for _, other := range []string{"Le grand froid", "Le vaccin de l'an dernier", "La fête des voisins"} {
		match, err := party.Compare(title(other))
		require.NoError(t, err)
		require.Less(t, match.Score, phone.HearScore, other)
	}
	at = press(t, party, "1")
	h.Hears(party, at, part("Une ligne d'aide vous écoute."), hearLimit)
	house.Await(t, hearLimit, "the question to be counted", func(ctx context.Context) bool {
		asked, err := h.Store.QuestionsAsked(ctx, h.Scheme.Key, h.Now(), h.Now())
		return err == nil && len(asked) == 1 && asked[0] == faq.Asked{Question: "help", Asked: 1}
	})

	press(t, party, "3")
	theirs := h.AwaitCall(helpLine)
	ctx, cancel := context.WithTimeout(t.Context(), hearLimit)
	defer cancel()
	_, err = theirs.HearTone(ctx, voice)
	require.NoError(t, err)
	_, err = party.HearTone(ctx, house.PersonTone)
	require.NoError(t, err)
	require.Equal(t, h.Line, shown.Load(), "they see the scheme's number, not the party's")
	at = time.Now()
	h.HangUp(theirs)
	h.Hears(party, at, house.Beginning(h.Prompt("faq.talked", nil), time.Second), hearLimit)

	at = press(t, party, "1")
	h.Hears(party, at, says("faq.choice", ivr.Vars{"title": "Quelqu'un à qui parler"}), hearLimit)
	at = press(t, party, "2")
	h.Hears(party, at, part("Le marché a lieu le mardi matin, sur la grande place."), hearLimit)
	at = press(t, party, "3")
	h.Hears(party, at, start(h, "error.wrong_key"), hearLimit)
	require.Empty(t, h.Rang(offList))
	h.HangUp(party)
}
