package callflow

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/faq"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/telephony"
	"github.com/rappel-tel/rappel/pkg/telephony/telephonytest"
)

const helpLine = "+3280032123" // Of the answer on suicide, as it ships for Belgium.

// leaflet is a scheme's own questions.
type leaflet struct {
	tree faq.Tree

	mu      sync.Mutex
	err     error
	counted []string
}

func (l *leaflet) Questions(_ context.Context, _ int64, today time.Time) (faq.Tree, roster.Language, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.tree.On(faq.DateOf(today), nil), roster.French, l.err
}

func (l *leaflet) CountQuestion(_ context.Context, _ int64, question string, day time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.counted = append(l.counted, question+" "+string(faq.DateOf(day)))
	return l.err
}

func question(name string, from, until faq.Date) faq.Question {
	return faq.Question{
		Name: name, From: from, Until: until,
		Title:  faq.Texts{roster.French: "Question " + name, roster.Dutch: "Vraag " + name},
		Answer: faq.Texts{roster.French: "Réponse " + name + ".", roster.Dutch: "Antwoord " + name + "."},
	}
}

// TestQuestionsOfTheLine: a scheme's own answers are told and counted, those that do not hold today are not, what is missing in
// a language is told in another with a word about it, and what ships is told while nobody knows better.
func TestQuestionsOfTheLine(t *testing.T) {
	t.Parallel()
	tree := faq.Tree{Topics: []faq.Topic{
		{Name: "old", Title: faq.Texts{roster.French: "Ancien"}, Questions: []faq.Question{question("gone", "", "1999-12-31")}},
		{Name: "town", Title: faq.Texts{roster.French: "Notre ville", roster.Dutch: "Onze stad"}, Questions: []faq.Question{
			question("later", "2000-06-01", ""), question("masks", "", "2000-01-01"), question("meals", "", ""),
		}},
	}}
	for _, c := range []struct {
		name    string
		press   telephonytest.Script
		err     error
		want    []string
		never   []string
		counted []string
	}{
		{
			name: "a question is answered and counted", press: keys(3*time.Second, "3", 2*time.Second, "1", 2*time.Second, "1"),
			want:  []string{"fr: Notre ville.\nfr: Tapez un.", "fr: Question masks.\nfr: Tapez un.\nfr: Question meals.\nfr: Tapez deux.", "fr: Réponse masks.", "tapez neuf"},
			never: []string{"Ancien", "later"}, counted: []string{"masks 2000-01-01"},
		},
		{
			name:  "in another language, then another question",
			press: keys(3*time.Second, "4", 2*time.Second, "2", 2*time.Second, "3", 2*time.Second, "1", 2*time.Second, "2", 2*time.Second, "1"),
			want:  []string{"nl: Onze stad.", "nl: Vraag masks.", "nl: Antwoord meals.", "nl: Dit zijn de onderwerpen."}, counted: []string{"meals 2000-01-01"},
		},
		{
			name:  "missing in a language",
			press: keys(3*time.Second, "4", 2*time.Second, "3", 2*time.Second, "3", 2*time.Second, "1", 2*time.Second, "2"),
			want:  []string{"fr: Notre ville.\nde: Drücken Sie eins.", "de: Diese Antwort gibt es noch nicht auf Deutsch.", "fr: Réponse meals."}, counted: []string{"meals 2000-01-01"},
		},
		{
			name: "a person is one key away", press: keys(3*time.Second, "3", 2*time.Second, "1", 2*time.Second, "0"),
			want: []string{"fr: Question masks.", "personne"},
		},
		{
			name: "the records are away: what ships", err: errAway, press: keys(3*time.Second, "3", 2*time.Second, "1", 2*time.Second, "1"),
			want: []string{"fr: Numéros d'urgence et lignes d'écoute.", "fr: Tapez quatre", "Centre antipoisons"}, counted: []string{"emergency-be 2000-01-01"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				own := &leaflet{tree: tree, err: c.err}
				r := newRig(t, func(o *Options) { o.Questions = own })
				defer r.close()
				ch := r.dial(cli, c.press, 30*time.Second)
				heard := r.heard(ch)
				for _, want := range c.want {
					_, after, found := strings.Cut(heard, want)
					if want == "fr: Tapez quatre" {
						_, after, found = strings.Cut(heard, "tapez quatre")
					}
					require.True(t, found, "%q not in\n%s", want, heard)
					heard = after
				}
				for _, never := range c.never {
					require.NotContains(t, r.heard(ch), never)
				}
				own.mu.Lock()
				require.Equal(t, c.counted, own.counted)
				own.mu.Unlock()
				r.pbx.HangUp(ch, telephony.CauseNormal)
				synctest.Wait()
				r.sound(t)
			})
		})
	}
}

// TestTheLineRemembersItsQuestions: while the records are away a scheme's own answers are told as they were last read.
func TestTheLineRemembersItsQuestions(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		own := &leaflet{tree: faq.Tree{Topics: []faq.Topic{{
			Name: "town", Title: faq.Texts{roster.French: "Notre ville"}, Questions: []faq.Question{question("meals", "", "")},
		}}}}
		r := newRig(t, func(o *Options) { o.Questions = own })
		defer r.close()
		for range 2 {
			ch := r.dial(cli, keys(3*time.Second, "3"), 10*time.Second)
			require.Contains(t, r.heard(ch), "Notre ville")
			r.pbx.HangUp(ch, telephony.CauseNormal)
			synctest.Wait()
			own.mu.Lock()
			own.err = errors.New("away")
			own.mu.Unlock()
		}
	})
}

// TestTransfer: whoever has heard of a help line is connected with it where the scheme may ring it and a line is free, and is
// back with us when the other side leaves.
func TestTransfer(t *testing.T) {
	t.Parallel()
	suicide := []any{3 * time.Second, "3", 2 * time.Second, "1", 2 * time.Second, "2"}
	ask := keys(append(suicide, 5*time.Second, "3")...)
	for _, c := range []struct {
		name      string
		press     telephonytest.Script
		far       telephonytest.Script
		forbidden string
		busy      error
		stay      time.Duration
		says      string
		rings     int
	}{
		{name: "they talk", press: ask, far: telephonytest.Script{Answer: time.Second, HangUpBridged: 10 * time.Second}, stay: 40 * time.Second, says: "faq.talked", rings: 1},
		{name: "busy", press: ask, far: telephonytest.Script{Refuse: telephony.CauseBusy}, stay: 40 * time.Second, says: "faq.not_reached", rings: 1},
		{name: "nobody answers", press: ask, far: telephonytest.Script{Never: true}, stay: 90 * time.Second, says: "faq.not_reached", rings: 1},
		{name: "no line", press: ask, busy: ErrNoLine, stay: 40 * time.Second, says: "faq.not_reached"},
		{name: "not allowed: it is not offered", press: ask, forbidden: helpLine, stay: 30 * time.Second, says: "error.wrong_key"},
		{
			name: "a key while it rings counts behind it", press: keys(append(suicide, 5*time.Second, "3", 8*time.Second, "8")...),
			far: telephonytest.Script{Never: true}, stay: 40 * time.Second, says: "emergency.advice", rings: 1,
		},
		{
			name: "she hangs up while it rings", far: telephonytest.Script{Never: true}, stay: 60 * time.Second, rings: 1,
			press: telephonytest.Script{Keys: ask.Keys, HangUp: 20 * time.Second},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				r := newRig(t, nil)
				defer r.close()
				r.desk.locked(func() { r.desk.forbidden, r.desk.lineBusy = c.forbidden, c.busy })
				r.pbx.SetPhone(helpLine, c.far)
				ch := r.dial(cli, c.press, c.stay)
				if c.says != "" {
					require.Contains(t, r.heard(ch), r.says(roster.French, c.says))
				}
				offered := strings.Contains(r.heard(ch), "avec le zéro huit cents, trente-deux, cent vingt-trois, tapez trois")
				require.Equal(t, c.forbidden == "", offered)
				require.Len(t, r.seen().lines, c.rings)
				require.Equal(t, r.seen().lines, r.seen().given, "every line is given back")
				r.pbx.HangUp(ch, telephony.CauseNormal)
				synctest.Wait()
				r.sound(t)
			})
		})
	}
}
