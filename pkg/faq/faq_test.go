package faq_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/rappel-tel/rappel/dialplans"
	"github.com/rappel-tel/rappel/pkg/faq"
	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/sounds"
)

// TestWhatShips: a scheme that has edited nothing answers in four languages, and nothing of it is wrong: every answer was
// compared with its source.
func TestWhatShips(t *testing.T) {
	t.Parallel()
	for _, country := range []string{"FR", "BE"} {
		tree, err := faq.Shipped(country)
		require.NoError(t, err)
		for _, first := range roster.Languages() {
			require.Empty(t, tree.Check(faq.Terms{Country: country, First: first, Today: "2026-11-22"}), "%s, %s", country, first)
		}
	}
}

var update = flag.Bool("update", false, "write the golden files anew")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestTranscripts walks the dialogue with what ships, in every language, as the line's host answers it.
func TestTranscripts(t *testing.T) {
	t.Parallel()
	book, err := ivr.ReadBook(dialplans.Flows(), sounds.Name, sounds.Prompts())
	require.NoError(t, err)
	for _, c := range []struct {
		file, country string
		lang          roster.Language
		script        string
	}{
		{"emergency", "FR", roster.French, "3 topics . 1 questions . 1 answer . 9 . 1 topics"},
		{"more", "BE", roster.Dutch, "3 topics . 4 . 4 . 1 questions . 4 . 1 answer . 2"},
		{"transfer", "BE", roster.English, "3 topics . 1 questions . 2 answer . 3 . nobody . topics . 0"},
		{"another-service", "BE", roster.Dutch, "3 topics . 1 questions . 2 answer . 1 topics"},
		{"foreign", "BE", roster.German, "3 topics . 2 questions . 2 answer . . ... . ..."},
		{"gone", "FR", roster.French, "3 topics 2 questions . 1 gone . topics . 8"},
		{"nothing", "FR", roster.French, "3 none . ."},
	} {
		t.Run(c.file, func(t *testing.T) {
			t.Parallel()
			tree, err := faq.Shipped(c.country)
			require.NoError(t, err)
			if c.file == "foreign" {
				_, q := tree.Question("heat")
				delete(q.Title, c.lang)
				delete(q.Answer, c.lang)
			}
			a := faq.Asker{Language: c.lang, First: roster.French}
			r, heard := book.Rehearse("registration", c.lang, nil)
			out := "    (answered)\n" + heard
			for word := range strings.FieldsSeq(c.script) {
				answer, vars := word, ivr.Vars(nil)
				switch word {
				case "topics":
					answer, vars = "some", ivr.Vars{"topics": tree.TopicsFor(a)}
				case "questions":
					answer, vars = "some", ivr.Vars{"questions": tree.QuestionsFor(r.Text("topic"), a)}
				case "answer":
					_, q := tree.Question(r.Text("question"))
					parts, foreign := q.PartsFor(a)
					answer, vars = "said", ivr.Vars{"parts": parts, "transfer": q.Service(a), "service": q.Service(a)}
					if foreign {
						answer = "foreign"
					}
				}
				heard, err := r.Do(answer, vars)
				require.NoError(t, err, "%s after\n%s", word, out)
				out += word + "\n" + heard
			}
			file := filepath.Join("testdata", c.file+".txt")
			if *update {
				require.NoError(t, os.MkdirAll("testdata", 0o755))
				require.NoError(t, os.WriteFile(file, []byte(out), 0o644))
			}
			want, err := os.ReadFile(file)
			require.NoError(t, err)
			require.Equal(t, string(want), out)
		})
	}
}

// TestCheckNamesEveryMistakeByItsLine: whoever edits the file in an editor is told where to look.
func TestCheckNamesEveryMistakeByItsLine(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("encore ", 40)
	d, err := faq.Read("q.yaml", []byte(`topics:
  - name: town
    title: {fr: Notre ville, it: Città}
    questions:
      - name: Bad Name
        title: {fr: A}
        answer: {fr: B.}
      - name: long
        title:
          fr: `+strings.Repeat("a", 61)+`
        answer:
          fr: `+long+`
          nl: Kort.
      - name: long
        title: {fr: A, de: ""}
        answer: {fr: "Appelez le 081247454."}
        from: 2026-12-01
        until: 2026-11-01
        checked: hier
        transfer: 3114
      - name: brace
        title: {fr: A}
        answer: {fr: "Appelez le {0800"}
        source: a page
        checked: 2026-01-01
      - name: over
        title: {fr: A, nl: B, de: C, en: D}
        answer: {fr: "`+strings.Repeat("Une phrase de plus, assez longue pour remplir sa part de la réponse, et encore un peu plus longue que cela. ", 11)+`", nl: B, de: C, en: D}
        until: 2026-10-01
        source: a page
        checked: 2026-11-01
  - name: empty
    title: {nl: Leeg}
`))
	require.NoError(t, err)
	var got []string
	for _, p := range d.Tree.Check(faq.Terms{Country: "BE", First: roster.French, Today: "2026-11-22"}) {
		got = append(got, d.Locate(p))
	}
	slices.Sort(got)
	text := strings.Join(got, "\n") + "\n"
	if *update {
		require.NoError(t, os.WriteFile("testdata/check.txt", []byte(text), 0o644))
	}
	want, err := os.ReadFile("testdata/check.txt")
	require.NoError(t, err)
	require.Equal(t, string(want), text)
}

func TestFilesAreReadStrictly(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, want string }{
		"unknown field": {"topics:\n  - nam: a\n", `q.yaml:2: unknown field "nam"`},
		"nothing":       {"", "it holds no topics"},
		"cut off":       {"# Questions\n", "it holds no topics"},
		"twice":         {"topics: []\ntopics: []\n", "topics"},
		"no text":       {"\xff\xfe", "UTF-8"},
		"too large":     {strings.Repeat("#", 1<<20+1), "larger"},
		"a list":        {"- a\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := faq.Read("q.yaml", []byte(c.text))
			require.ErrorContains(t, err, "q.yaml")
			require.ErrorContains(t, err, c.want)
		})
	}
}

// TestATreeSurvivesItsFileAndItsDocument: what is written is read again as it was.
func TestATreeSurvivesItsFileAndItsDocument(t *testing.T) {
	t.Parallel()
	words := rapid.StringMatching(`[A-Za-zéèë'":#{}|>%@&*!?,. -]{0,40}`)
	texts := rapid.MapOf(rapid.SampledFrom(roster.Languages()), words)
	date := rapid.SampledFrom([]faq.Date{"", "2026-11-22"})
	rapid.Check(t, func(t *rapid.T) {
		tree := faq.Tree{Topics: []faq.Topic{{Name: "town", Title: texts.Draw(t, "topic"), Questions: []faq.Question{{
			Name: "masks", Title: texts.Draw(t, "title"), Answer: texts.Draw(t, "answer"), Source: words.Draw(t, "source"),
			From: date.Draw(t, "from"), Until: date.Draw(t, "until"), Transfer: rapid.SampledFrom([]string{"", "0800 12 345"}).Draw(t, "transfer"),
		}}}}}
		text, err := tree.Write()
		require.NoError(t, err)
		d, err := faq.Read("q.yaml", text)
		require.NoError(t, err, "%s", text)
		require.Equal(t, tree, d.Tree, "%s", text)
		raw, err := json.Marshal(tree)
		require.NoError(t, err)
		var again faq.Tree
		require.NoError(t, json.Unmarshal(raw, &again))
		require.Equal(t, tree, again)
	})
}

func TestNumbersAreSaidAsPeopleDo(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		lang       roster.Language
		text, want string
	}{
		{roster.French, "Composez le {112}.", "Composez le cent douze."},
		{roster.French, "{3114}", "trente et un quatorze"},
		{roster.French, "{0800 32 123}", "zéro huit cents, trente-deux, cent vingt-trois"},
		{roster.French, "{09 72 39 40 50}", "zéro neuf, soixante-douze, trente-neuf, quarante, cinquante"},
		{roster.French, "dès 65 ans, le 2e jour", "dès soixante-cinq ans, le deux e jour"},
		{roster.Dutch, "{1813}", "achttien dertien"},
		{roster.Dutch, "{112}", "honderd twaalf"},
		{roster.German, "{112}", "eins, eins, zwei"},
		{roster.English, "{+32 81 24 74 54}", "zero, zero, three, two, eight, one, two, four, seven, four, five, four"},
		{roster.French, "{01 00 03}", "zéro un, zéro zéro, zéro trois"},
	} {
		got, err := faq.Spoken(c.lang, c.text)
		require.NoError(t, err)
		require.Equal(t, c.want, got)
	}
	for _, wrong := range []string{"0123", "12345", "{112", "112}", "{abc}", "{}", "a\x07b"} {
		_, err := faq.Spoken(roster.French, wrong)
		require.Error(t, err, wrong)
	}
}

func TestTheMostAskedComeFirst(t *testing.T) {
	t.Parallel()
	question := func(name string, until faq.Date) faq.Question {
		return faq.Question{Name: name, Until: until, Title: faq.Texts{"fr": name}, Answer: faq.Texts{"fr": name}}
	}
	tree := faq.Tree{Topics: []faq.Topic{
		{Name: "one", Questions: []faq.Question{question("a", ""), question("b", ""), question("c", "")}},
		{Name: "two", Questions: []faq.Question{question("d", "2026-11-21"), question("e", "2026-11-22")}},
		{Name: "three", Questions: []faq.Question{question("f", "2026-11-21")}},
	}}
	var order []string
	for _, topic := range tree.On("2026-11-22", map[string]int{"b": 2, "e": 5, "d": 99}).Topics {
		order = append(order, topic.Name)
		for _, q := range topic.Questions {
			order = append(order, q.Name)
		}
	}
	require.Equal(t, []string{"two", "e", "one", "b", "a", "c"}, order)
}

func FuzzRead(f *testing.F) {
	f.Add(sounds.Questions())
	f.Add([]byte("topics:\n  - name: a\n    title: {fr: A}\n    questions: [{name: b, title: {fr: B}, answer: {fr: \"{112}\"}}]\n"))
	f.Fuzz(func(_ *testing.T, data []byte) {
		d, err := faq.Read("fuzz.yaml", data)
		if err != nil {
			return
		}
		for _, p := range d.Tree.Check(faq.Terms{Country: "FR", First: roster.French, Today: "2026-11-22"}) {
			_ = d.Locate(p)
		}
		tree := d.Tree.In("FR").On("2026-11-22", nil)
		for _, topic := range tree.Topics {
			tree.QuestionsFor(topic.Name, faq.Asker{Language: roster.Dutch, First: roster.French})
		}
	})
}
