package ivr

import (
	"flag"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/rappel-tel/rappel/dialplans"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/sounds"
)

func shipped(t require.TestingT) *Book {
	b, err := ReadBook(dialplans.Flows(), sounds.Name, sounds.Prompts())
	require.NoError(t, err)
	return b
}

// rehearse walks a dialogue by a script of keys, answers, Listened and NoKey, and returns what was heard. Walked is told every flow
// that it comes through.
func rehearse(
	t *testing.T, book *Book, flow string, lang roster.Language, vars Vars, answers map[string]Vars, script string, walked func(flow string),
) string {
	r, heard := book.Rehearse(flow, lang, vars)
	through := func() {
		walked(r.walker.flow.Name)
		for _, f := range r.walker.stack {
			walked(f.flow.Name)
		}
	}
	through()
	var b strings.Builder
	b.WriteString("    (answered)\n" + heard)
	for word := range strings.FieldsSeq(script) {
		heard, err := r.Do(word, answers[word])
		require.NoError(t, err, "%s after\n%s", word, b.String())
		fmt.Fprintf(&b, "%s\n%s", word, heard)
		through()
	}
	return b.String()
}

// change is what is told of a change that waits for her word.
func change(now time.Time, kind string) Vars {
	return Vars{
		"asked": kind, "now": now, "opens": now.AddDate(0, 0, 1), "closes": now.AddDate(0, 0, 1).Add(time.Hour),
		"to_opens": now.AddDate(0, 0, 3), "to_closes": now.AddDate(0, 0, 3).Add(90 * time.Minute), "from": now.AddDate(0, 0, 5), "back": now.AddDate(0, 0, 12),
	}
}

func TestTranscripts(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 15, 0, 0, 0, time.UTC)
	nobody := Vars{"window": "none"}
	answers := map[string]Vars{}
	for _, answer := range []string{"one", "several", "around", "between", "at", "yes", "some", "ok", "soon", "later"} {
		answers[answer] = ExampleAnswer(answer, now)
	}
	caller := Vars{"rings": "caller", "colleague": 0, "scheme": "Gardons le contact"}
	form := map[string]Vars{
		"own": {"register_number": "0470000001", "own_number": "yes"}, "ok": {"register_number": "081247454", "register_days": []time.Weekday{time.Tuesday, time.Thursday}},
		"kept": {"name": "registrations/x-1"}, "empty": {"name": ""},
	}
	couple := Vars{"rings": "caller", "whose": "several", "colleagues": []Vars{
		{"name": "Claire", "colleague": 0}, {"name": "Denis", "colleague": 1},
	}}
	waits := func(kind string) map[string]Vars {
		return map[string]Vars{kind: change(now, kind), "around": answers["around"]}
	}
	ask := map[string]Vars{
		"said": {"parts": []Vars{{"part": "Buvez beaucoup d'eau.", "language": "fr"}, {"part": "Fermez les volets.", "language": "fr"}}},
		"some": {
			"topics":    []Vars{{"title": "la chaleur", "language": "fr"}, {"title": "le froid", "language": "fr"}},
			"questions": []Vars{{"title": "savoir quoi faire", "language": "fr"}},
		},
	}
	linked := map[string]Vars{"some": ask["some"], "foreign": {"parts": ask["said"]["parts"], "transfer": "+33199000099", "service": "SOS Amitié"}}
	closed := Vars{"hours": HoursClosed, "reopens": now.Add(20 * time.Hour), "now": now}
	cases := []struct {
		file, flow string
		lang       roster.Language
		vars       Vars
		answers    map[string]Vars
		script     string
	}{
		{"appointment", "registration", roster.French, nil, answers, ". . 1 one . 9 . 1 done . 1 . 0 . nobody . ... . kept . ."},
		{"household", "registration", roster.French, nil, answers, ". 1 several . 2 . ..."},
		{"household-unnamed", "registration", roster.French, nil, map[string]Vars{"several": {"people": []Vars{{"name": "Marie"}, {"window": "none"}}}}, ". 1 several . 2 ."},
		{"nothing-planned", "registration", roster.French, nil, map[string]Vars{"one": nobody}, ". . 1 one . . talked ."},
		{"other-language", "registration", roster.French, nil, answers, "4 2 . 1 one . ... . ... . nobody"},
		{"wrong-keys", "registration", roster.French, nil, answers, ". . 7 . * . 6 . nobody . ... . empty ."},
		{"silence", "registration", roster.German, nil, answers, ". . ... . ... . nobody . ... . empty ."},
		{"keys-before-prompts", "registration", roster.English, nil, answers, "1 one 1 done 1 2 own 0"},
		{"records-away", "registration", roster.Dutch, nil, answers, ". . 1 failed . . nobody"},
		{"close-a-call", "after-call", roster.French, Vars{"result": "answered"}, answers, ". none around . . 2 . 3 . 0 . ... ."},
		{"close-as-proposed", "after-call", roster.Dutch, Vars{"result": "answered"}, answers, ". none between . . 5 . . 4 . . 5 . . ... . ..."},
		{"close-at-once", "after-call", roster.German, Vars{"result": "answered"}, answers, "1 none around . . ... . ..."},
		{"close-in-the-dark", "close-last", roster.English, nil, nil, "no . failed failed . 1 . . ... . ..."},
		{"first-call-agreed", "after-call", roster.French, Vars{"result": "answered", "first": "yes"}, answers, ". 1 done . . none around . . ... . ..."},
		{"first-call-refused", "after-call", roster.Dutch, Vars{"result": "answered", "first": "yes"}, answers, ". 2 . 1 . 2 . 2 done . . none none . ... . ..."},
		{"first-call-later", "close-last", roster.German, nil, answers, "yes . 7 . 3 done . . none none . ... . ..."},
		{"first-call-not-noted", "after-call", roster.English, Vars{"result": "answered", "first": "yes"}, nil, ". 1 failed . . failed failed . ... . ..."},
		{"first-call-silence", "after-call", roster.French, Vars{"result": "answered", "first": "yes"}, answers, ". ... . ... . . none none . ... . ..."},
		{"own-phone", "registration", roster.Dutch, caller, answers, ". . 5 at . . 5 none . 3 not_now . 1 done ."},
		{"own-phone-usual-menu", "registration", roster.French, caller, answers, "7 . 1 one . 0 . nobody . ... . kept ."},
		{"own-phone-of-two", "registration", roster.French, couple, nil, ". . 2 . 4 done ."},
		{"own-phone-person", "registration", roster.English, caller, nil, ". 8 . 0 . talked ."},
		{"own-phone-of-a-beneficiary", "registration", roster.French, Vars{"rings": "both", "colleague": 0}, answers, ". . 7 3 failed . 7 . 1 one ."},
		{"own-phone-left-alone", "registration", roster.French, Vars{"rings": "both", "colleague": 0}, answers, ". . ... . 1 one ."},
		{"own-phone-key-ahead", "registration", roster.French, Vars{"rings": "both", "colleague": 0}, answers, ". . 1 one ."},
		{"callback", "registration", roster.French, Vars{"cli": "known", "callback_number": "0199001234"}, answers,
			". . 0 . callback . 2 . 0 1 9 9 0 0 5 6 7 # bad . . 0 1 9 9 0 0 5 6 7 8 # ok . 1 promised . ."},
		{"callback-nobody", "registration", roster.Dutch, nil, answers, ". . 0 . nobody . 1 . 0 8 1 2 4 7 4 5 4 # ok . 1 refused . . kept . ."},
		{"call-today", "registration", roster.German, nil, answers, ". . 1 one . 3 no . 1 . 1 one . 3 yes . ."},
		{"another-time", "registration", roster.French, nil, answers, ". . 1 one . 2 . 1 some . 3 soon . ."},
		{"no-other-time", "registration", roster.German, nil, answers, ". . 1 one . 2 . 1 none . 1 ."},
		{"skip-a-call", "registration", roster.Dutch, nil, answers, "1 several . 1 . 2 . 2 later . ."},
		{"away", "registration", roster.German, nil, answers, ". . 1 one . 2 . 3 . 3 . 3 1 1 3 bad . . 0 5 1 2 ok . 4 . 0 1 1 2 early . . 0 6 1 2 ok . 2 . 2 ok . 2 ok . 1 soon . ."},
		{"away-left-alone", "registration", roster.English, nil, answers, ". . 1 one . 2 . 3 . 1 ok . 3 . 1 ... . ... . nobody"},
		{"a-change-waits", "registration", roster.English, nil, answers, ". . 1 one 2 2 waits . ."},
		{"a-change-refused", "registration", roster.French, nil, answers, ". . 1 one 2 2 refused . . nobody"},
		{"not-to-be-changed", "registration", roster.Dutch, nil, map[string]Vars{"one": answers["between"]}, ". . 1 one 2 . . nobody"},
		{"asked-too-often", "registration", roster.French, nil, answers, ". . 1 slow . . nobody"},
		{"away-in-days", "registration", roster.Dutch, nil, answers, "1 one 2 3 2 ok 3 . 0 0 bad . . 1 0 ok . 1 later . ."},
		{"away-mistyped", "registration", roster.French, nil, answers, "1 one 2 3 3 3 1 1 3 often . . nobody"},
		{"confirmation-move", "confirmation", roster.French, nil, waits("move"), ". move . 9 . 1 done ."},
		{"confirmation-skip", "confirmation", roster.Dutch, nil, waits("skip"), ". skip . 2 done ."},
		{"confirmation-away", "confirmation", roster.German, nil, waits("away"), ". away . 1 done ."},
		{"confirmation-gone", "confirmation", roster.English, nil, waits("move"), ". move . 1 gone ."},
		{"confirmation-failed", "confirmation", roster.French, nil, waits("skip"), ". skip . 1 failed ."},
		{"confirmation-silence", "confirmation", roster.Dutch, nil, waits("away"), ". away . ... . ... ."},
		{"a-change-told-in-a-presence-call", "presence", roster.French, nil, waits("skip"), ". . 1 skip . 1 done ."},
		{"a-change-not-answered", "presence", roster.German, nil, waits("away"), ". . 1 away . ... . ... ."},
		{"a-change-told-in-a-survey", "survey", roster.English, nil, waits("move"), ". . 1 . 1 . move . 2 done ."},
		{"close-with-a-change", "after-call", roster.French, Vars{"result": "answered"}, waits("skip"), ". skip . 6 done . around . . ... . ..."},
		{"close-with-an-absence", "after-call", roster.Dutch, Vars{"result": "answered"}, waits("away"), ". away . 7 done . none . 1 . . ... . ..."},
		{"close-change-unasked", "after-call", roster.German, Vars{"result": "answered"}, waits("move"), ". move . ... around . . ... . ..."},
		{"closed", "registration", roster.French, closed, nil, ". . . 0 . 1 . 0 8 1 2 4 7 4 5 4 # ok . 1 promised . ."},
		{"closed-for-now", "registration", roster.Dutch, Vars{"hours": HoursClosed}, nil, ". . 0 . ... . kept . ."},
		{"outreach", "outreach", roster.French, Vars{"scheme": "Gardons le contact"}, nil, ". . 1 done . talked ."},
		{"outreach-alone", "outreach", roster.Dutch, Vars{"cli": "known", "callback_number": "081247454"}, nil, ". . 1 done . nobody . 1 ."},
		{"outreach-form", "outreach", roster.French, nil, form, ". . 0 done . nobody . 2 own . 1 . 1 . kept . 1 . 1 . 1 . 1 . 1 . 1 . 1 kept . ."},
		{"outreach-closed", "outreach", roster.German, closed, nil, ". . 1 done . ... ."},
		{"outreach-call-back", "outreach", roster.French, Vars{"cli": "known", "callback_number": "0199001234"}, nil, ". . 1 done . callback . 1 promised . ."},
		{"outreach-resumed", "outreach", roster.English, Vars{"resumed": "register"}, nil, ". . talked ."},
		{"outreach-never", "outreach", roster.Dutch, nil, nil, ". . 2 . 2 done ."},
		{"outreach-undecided", "outreach", roster.German, nil, nil, "2 . ... ."},
		{"outreach-not-kept", "outreach", roster.English, nil, nil, "2 2 failed . ."},
		{"outreach-silence", "outreach", roster.French, nil, nil, ". . ... . ... ."},
		{"presence-machine", "presence", roster.French, Vars{"scheme": "Gardons le contact"}, nil, ". machine machine . ..."},
		{"presence-taken-for-a-machine", "presence", roster.French, nil, nil, ". machine 1 . 1 none ."},
		{"register", "registration", roster.French, nil, form, ". . 2 own . 1 . 1 . kept . 1 . 1 . 1 . 2 . 2 4 # ok . 1 . 1 . 1 kept . ."},
		{"register-other", "registration", roster.Dutch, nil, form,
			". . 2 ask . 2 . 3 . 2 . 0 8 1 2 4 7 # bad . . 0 8 1 2 4 7 4 5 4 # ok . 1 . empty . 2 . 2 . 3 . 3 . 1 . 1 kept . ."},
		{"register-again", "registration", roster.German, nil, form,
			"2 own 1 1 . kept 2 . kept 1 3 4 1 3 . 2 1 1 . kept 1 1 2 2 9 1 8 # bad . . 1 # ok 2 . 1 2 forgotten . ."},
		{"register-a-person", "registration", roster.English, nil, form, "2 ask 1 . 0 ... . callback . 0"},
		{"register-in-danger", "registration", roster.French, nil, form, "2 ask 1 . 8 ... . . talked ."},
		{"register-silence", "registration", roster.French, nil, form, "2 own . ... . ... . talked ."},
		{"register-away", "registration", roster.French, nil, form, "2 failed . . talked ."},
		{"emergency", "registration", roster.French, nil, answers, ". . 2 own 8 8 . . nobody . ... . empty ."},
		{"presence", "presence", roster.French, nil, nil, ". . 1 none ."},
		{"presence-silence", "presence", roster.Dutch, nil, nil, ". . ... . ... ."},
		{"reminder", "reminder", roster.French, answers["around"], nil, ". . 9 . 1 done none ."},
		{"reminder-call-back", "reminder", roster.German, answers["between"], nil, ". . 7 . 7 ."},
		{"reminder-changed", "reminder", roster.Dutch, answers["around"], answers, ". . 2 . 1 some . 2 done ."},
		{"reminder-away", "reminder", roster.French, answers["around"], answers, ". . 2 . 3 . 1 ok . 1 ok . 1 done ."},
		{"reminder-too-late", "reminder", roster.English, answers["around"], nil, ". . 1 gone . ."},
		{"survey", "survey", roster.French, nil, nil, ". . 1 . 2 . none"},
		{"survey-a-person", "survey", roster.Dutch, nil, nil, ". . 3 . 0 ."},
		{"survey-silence", "survey", roster.English, nil, nil, ". . 8 . ."},
		{"questions", "registration", roster.French, nil, ask, ". . 3 some . 1 some . 1 said . 9 . 1 some . 0 . nobody . ... . kept . ."},
		{"questions-another-service", "registration", roster.Dutch, nil, linked, ". . 3 some . 2 some . 1 foreign . . 3 . nobody . some . 8 . . talked ."},
		{"questions-none", "registration", roster.German, nil, nil, ". . 3 none . 0"},
		{"questions-gone", "registration", roster.English, nil, ask, ". . 3 some 1 some 1 gone . failed ."},
		{"busy", "after-call", roster.Dutch, Vars{"result": "busy"}, nil, "."},
		{"no-such-number", "after-call", roster.English, Vars{"result": "failed", "reason": "invalid_number"}, nil, "."},
	}
	book := shipped(t)
	walked := map[string]bool{}
	for _, c := range cases {
		t.Run(c.file, func(t *testing.T) {
			golden(t, "transcripts/"+c.file+".txt",
				rehearse(t, book, c.flow, c.lang, c.vars, c.answers, c.script, func(flow string) { walked[flow] = true }))
		})
	}
	if !t.Failed() && flag.Lookup("test.run").Value.String() == "" {
		for _, flow := range book.Flows() {
			require.True(t, walked[flow], "flow %s has no transcript", flow)
		}
	}
}

// TestAnyKeysAtAnyMoment: whatever is pressed, a dialogue always says, waits, asks or ends; it never hangs; it is ended only
// from a step that says good-bye, or where nobody can be offered.
func TestAnyKeysAtAnyMoment(t *testing.T) {
	t.Parallel()
	book := shipped(t)
	now := time.Date(2026, 11, 23, 15, 0, 0, 0, time.UTC)
	one := Vars{"window": "around", "opens": now, "closes": now}
	rapid.Check(t, func(t *rapid.T) {
		w := NewWalker(book, "registration", roster.French, rapid.SampledFrom([]Vars{
			nil, {"scheme": "Rose"}, {"rings": "caller", "colleague": 0}, {"rings": "both", "colleague": 0},
			{"rings": "caller", "whose": "several", "colleagues": []Vars{{"name": "Rose"}, {"name": "Denis"}}},
		}).Draw(t, "who"))
		out := w.Begin()
		for range 60 {
			switch {
			case out.Ask == AskHangup:
				require.Contains(t, []string{"bye", "is_ready", "is_ready_once", "has_break", "is_off"}, w.Step(), "ended without a good-bye")
				return
			case out.Ask != AskNothing:
				out = w.Answered(rapid.SampledFrom([]string{
					"one", "several", "unknown", AnswerFailed, AnswerKept, AnswerEmpty, AnswerTalked, AnswerNobody,
					"done", "not_now", "now", "at", "none", "some", "soon", "later", "waits", "refused", "gone", "own", "ask", "forgotten", "ok", "bad", "often", "yes", "slow",
				}).Draw(t, "answer"), Vars{"at": now, "back": now, "to_opens": now, "to_closes": now, "changeable": "yes", "times": []Vars{{"to_opens": now, "to_closes": now}}, "people": []Vars{one, one}, "window": "around", "opens": now, "closes": now})
			case len(out.Say) > 0:
				for _, u := range out.Say {
					require.True(t, u.Recording != "" || book.Text(u.Language, u.Key, u.Vars) != "", u.Key)
				}
				if rapid.Bool().Draw(t, "interrupts") {
					out = w.Digit(rapid.SampledFrom(strings.Split("0123456789*#", "")).Draw(t, "key"))
				} else {
					out = w.Played()
				}
			case out.Wait > 0:
				if rapid.Bool().Draw(t, "waits") {
					out = w.Timeout()
				} else {
					out = w.Digit(rapid.SampledFrom(strings.Split("0123456789*#", "")).Draw(t, "key"))
				}
			default:
				require.Fail(t, "nothing happens any more", "at %s", w.Step())
			}
		}
	})
}

func TestCollectTakesANumber(t *testing.T) {
	t.Parallel()
	f, err := ReadFlow("n.yaml", []byte(`
flow: n
start: ask
person: p
steps:
  ask: {say: [goodbye], collect: {into: number, min: 2, max: 4, next: done}}
  done: {say: [message.kept], next: p}
  p: {hangup: true}
`))
	require.NoError(t, err)
	book := shipped(t)
	walk := func(keys string) *Walker {
		b := &Book{flows: map[string]*Flow{"n": f}, prompts: book.prompts}
		w := NewWalker(b, "n", roster.French, nil)
		w.Begin()
		for _, k := range keys {
			w.Digit(string(k))
		}
		return w
	}
	require.Equal(t, "1234", walk("1234").Text("number"))
	require.Equal(t, "109", walk("109#").Text("number"))
	require.Equal(t, "p", walk("0").Step(), "a first 0 asks for a person")
	w := walk("12")
	require.Equal(t, "message.kept", w.Timeout().Say[0].Key)
	require.Equal(t, "12", w.Text("number"))
	require.Equal(t, "error.unfinished", walk("1").Timeout().Say[0].Key)
	require.Equal(t, "34", walk("12*34#").Text("number"), "she begins again")
}

// TestABrokenFlowApologises: what no check has found is said, and leads to a person; nobody is hung up on.
func TestABrokenFlowApologises(t *testing.T) {
	t.Parallel()
	book := shipped(t)
	walk := func(text string) *Walker {
		f, err := ReadFlow("broken.yaml", []byte("flow: broken\nstart: a\n"+text))
		require.NoError(t, err)
		return NewWalker(book.With(f), "broken", roster.French, nil)
	}
	for name, text := range map[string]string{
		"no such step": "person: p\nsteps:\n  a: {next: nowhere}\n  p: {say: [person.wait], hangup: true}\n",
		"no such flow": "person: p\nsteps:\n  a: {run: nowhere, next: p}\n  p: {say: [person.wait], hangup: true}\n",
		"a loop":       "person: p\nsteps:\n  a: {next: a}\n  p: {say: [person.wait], hangup: true}\n",
	} {
		for _, key := range []bool{false, true} {
			w := walk(text)
			require.Equal(t, "error.ours", w.Begin().Say[0].Key, name)
			var out Output
			if out = w.Played(); key {
				w = walk(text)
				w.Begin()
				out = w.Digit("5")
			}
			require.Equal(t, "person.wait", out.Say[0].Key, name)
			require.Equal(t, AskHangup, w.Played().Ask, name)
		}
	}
	for name, text := range map[string]string{
		"nobody to lead to": "steps:\n  a: {next: nowhere}\n",
		"broken twice":      "person: a\nsteps:\n  a: {next: nowhere}\n",
	} {
		w := walk(text)
		require.Equal(t, "error.ours", w.Begin().Say[0].Key, name)
		require.Equal(t, AskRescue, w.Played().Ask, name)
	}
	require.Equal(t, AskRescue, NewWalker(book, "no-such-flow", roster.French, nil).Begin().Ask)
}

// TestWaits are twice as long for whoever needs them, and what need not be answered waits less.
func TestWaits(t *testing.T) {
	t.Parallel()
	book := shipped(t)
	for want, vars := range map[time.Duration]Vars{FirstAnswer: nil, 2 * FirstAnswer: {VarWaits: WaitsLonger}} {
		w := NewWalker(book, "registration", roster.French, vars)
		w.Begin()
		w.Played()
		w.Answered(HoursOpen, nil)
		require.Equal(t, want, w.Played().Wait)
		w.Digit("0")
		w.Answered(HoursOpen, nil)
		w.Played()
		w.Answered(AnswerNobody, nil)
		require.Equal(t, want*6/10, w.Played().Wait, "a choice that need not be made")
	}
}

func TestCheckNamesEveryMistake(t *testing.T) {
	t.Parallel()
	book := shipped(t)
	texts := maps.Clone(book.prompts.prompts)
	texts["only.french"] = prompt{texts: map[roster.Language]string{roster.French: "Bonjour"}}
	texts["long"] = prompt{texts: map[roster.Language]string{
		"fr": strings.Repeat("a ", 200), "nl": "a", "de": "a", "en": "a",
	}}
	texts["topics"] = prompt{texts: map[roster.Language]string{
		"fr": "Tapez un pour vous inscrire.", "nl": "Om u in te schrijven, drukt u op één.",
		"de": "Um sich anzumelden, drücken Sie zwei.", "en": "To register, press one.",
	}}
	f, err := ReadFlow("bad.yaml", []byte(`flow: bad
start: hello
person: nobody
steps:
  hello: {say: [only.french, missing], next: menu}
  menu:
    say: [long]
    menu: {"0": hello, "1": nowhere, "2": hello, "3": hello, "4": hello, "12": hello}
  island: {say: [goodbye]}
  again: {run: no-such-flow}
`))
	require.NoError(t, err)
	deep, err := ReadFlow("deep.yaml", []byte(`flow: deep
start: first
steps:
  first: {say: [topics], menu: {"1": second}}
  second: {say: [topics], menu: {"1": third}}
  third: {say: [topics], menu: {"1": fourth}}
  fourth: {say: [topics], menu: {"1": round}}
  round: {say: [goodbye], next: about}
  about: {branch: {on: hour, to: {late: bye}, else: round}}
  bye: {hangup: true}
`))
	require.NoError(t, err)
	texts["one"] = prompt{texts: map[roster.Language]string{
		"fr": "Pour un rappel, tapez un.", "nl": "Voor een oproep, druk op één.", "de": "Für einen Rückruf drücken Sie eins.", "en": "To be called, press one.",
	}}
	alone, err := ReadFlow("alone.yaml", []byte(`flow: alone
start: ask
person: try
failed: sorry
emergency: sorry
steps:
  ask: {say: [one], menu: {"1": try}}
  try: {lookup: {what: callback, to: {promised: sorry, refused: sorry, failed: sorry}}}
  sorry: {say: [goodbye], hangup: true}
`))
	require.NoError(t, err)
	b := &Book{flows: map[string]*Flow{"bad": f, "deep": deep, "alone": alone}, prompts: &Catalogue{prompts: texts}}
	var got []string
	for _, p := range b.Check() {
		got = append(got, p.Error())
	}
	golden(t, "check.txt", strings.Join(got, "\n")+"\n")
}

func TestDrawing(t *testing.T) {
	t.Parallel()
	book := shipped(t)
	for _, flow := range []string{"registration", "own-phone"} {
		golden(t, "drawings/"+flow+".mmd", book.Draw(flow))
	}
	require.Empty(t, book.Draw("no-such-flow"))
}

func TestFlowsAreReadStrictly(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, want string }{
		"unknown field": {"flow: a\nstart: b\nsteps:\n  b: {sey: [goodbye]}\n", "sey"},
		"twice":         {"flow: a\nstart: b\nstart: c\n", "start"},
		"two kinds":     {"flow: a\nstart: b\nsteps:\n  b: {hangup: true, run: c}\n", "bad.yaml:4: step b is of several kinds: run, hangup"},
		"no step":       {"flow: a\nstart: b\nsteps:\n  b:\n", "bad.yaml:4: step b is empty"},
		"no duration":   {"flow: a\nsteps:\n  b: {record: {max: long}}\n", "duration"},
		"not YAML":      {"flow: [", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := ReadFlow("bad.yaml", []byte(c.text))
			require.ErrorContains(t, err, "bad.yaml")
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestPromptsAreReadStrictly(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, want string }{
		"a digit":          {"x:\n  fr: bonjour\nhello:\n  fr: tapez 1\n", "p.yaml:3: hello in fr: a digit"},
		"unknown language": {"hello:\n  it: ciao\n", "unknown language"},
		"empty":            {"hello:\n  fr: ''\n", "empty text"},
		"open brace":       {"hello:\n  fr: '{name'\n", "brace"},
		"unknown form":     {"hello:\n  fr: '{name:loud}'\n", "{name:loud}"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := ReadCatalogue("p.yaml", []byte(c.text))
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestTextsFallBackAndHoldNoDigit(t *testing.T) {
	t.Parallel()
	c, err := ReadCatalogue("p.yaml", []byte("a:\n  fr: Pour {name}, tapez {n}.\nb:\n  fr: Bonjour.\n  nl: Dag.\n"))
	require.NoError(t, err)
	require.Equal(t, "Pour Résidence douze, tapez trois.",
		c.Text(roster.Dutch, "a", Vars{"name": "Résidence 12", "n": 3}))
	require.Equal(t, "Dag.", c.Text(roster.Dutch, "b", nil))
	require.Empty(t, c.Text(roster.French, "unknown", nil))
	require.Equal(t, []string{"n", "name"}, c.Variables(roster.French, "a"))
	require.Equal(t, []Fixed{{"b", "fr", "Bonjour."}, {"b", "nl", "Dag."}}, c.Fixed())
}

func FuzzReadFlow(f *testing.F) {
	for _, name := range []string{"registration.yaml", "after-call.yaml", "close.yaml"} {
		data, err := dialplans.Flows().ReadFile(name)
		require.NoError(f, err)
		f.Add(data)
	}
	f.Fuzz(func(_ *testing.T, data []byte) {
		flow, err := ReadFlow("fuzz.yaml", data)
		if err != nil {
			return
		}
		b := &Book{flows: map[string]*Flow{flow.Name: flow}, prompts: &Catalogue{}}
		b.Check()
		w := NewWalker(b, flow.Name, roster.French, nil)
		out := w.Begin()
		for range 20 {
			switch {
			case out.Ask == AskHangup:
				return
			case out.Ask != AskNothing:
				out = w.Answered(AnswerFailed, nil)
			case len(out.Say) > 0:
				out = w.Played()
			default:
				out = w.Digit("1")
			}
		}
	})
}
