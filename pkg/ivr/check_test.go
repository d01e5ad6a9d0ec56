package ivr

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// sound is a flow without a mistake. Its prompts name the key behind what it is for, in four languages.
const sound = `flow: rule
start: greeting
person: person
emergency: danger
prompts:
  r.menu:
    fr: Pour vous inscrire, tapez un. Pour écouter, tapez deux.
    nl: Om u in te schrijven, drukt u op één. Om te luisteren, drukt u op twee.
    de: Um sich anzumelden, drücken Sie eins. Um zuzuhören, drücken Sie zwei.
    en: To register, press one. To listen, press two.
  r.one: {fr: "Pour cela, tapez un.", nl: "Daarvoor drukt u op één.", de: "Dafür drücken Sie eins.", en: "For this, press one."}
steps:
  greeting: {say: [line.greeting], next: menu}
  menu: {say: [r.menu], menu: {"1": number, "2": story}}
  number: {say: [callback.ask], collect: {into: number, max: 10, next: bye}}
  story: {say: [moment], next: menu}
  danger: {say: [emergency.advice], next: person}
  person: {say: [person.wait], queue: {for: registrar, nobody: message, talked: bye}}
  message: {say: [message.invite], record: {kept: bye, empty: bye}}
  bye: {say: [goodbye], hangup: true}
`

// TestEveryRuleOfTheCheck breaks one rule after the other in a sound flow, and names the line that breaks it.
func TestEveryRuleOfTheCheck(t *testing.T) {
	t.Parallel()
	book := shipped(t)
	check := func(text string) (lines []string, err error) {
		f, err := ReadFlow("rule.yaml", []byte(text))
		if err != nil {
			return nil, err
		}
		for _, p := range book.With(f).Check(f.Name) {
			lines = append(lines, p.Error())
		}
		return lines, nil
	}
	lines, err := check(sound)
	require.NoError(t, err)
	require.Empty(t, lines)
	five := "menu: {\"1\": number, \"2\": story, \"3\": story, \"4\": story, \"5\": story}}"
	for name, c := range map[string]struct {
		old, instead string
		want         string // With the line of the step, or 1 where the flow as a whole is meant.
	}{
		"a step that is not there":      {`"2": story}}`, `"2": stories}}`, "rule.yaml:14: step menu leads to stories, which does not exist"},
		"an unknown start":              {"start: greeting", "start: hello", `rule.yaml:1: start names no step: "hello"`},
		"a dead end":                    {"story: {say: [moment], next: menu}", "story: {say: [moment]}", "rule.yaml:16: step story is a dead end: it has no next"},
		"never reached":                 {"  story: {say", "  island: {say: [moment], next: menu}\n  story: {say", "rule.yaml:16: step island is never reached"},
		"a loop without a key":          {"message: {say: [message.invite], record: {kept: bye, empty: bye}}", "message: {say: [message.invite], next: person}", "rule.yaml:18: step person leads back to itself without a key being pressed"},
		"a prompt that is missing":      {"[moment]", "[nothing.here]", `rule.yaml:16: prompt nothing.here is missing in "nl"`},
		"a prompt missing in one":       {", de: \"Dafür drücken Sie eins.\"", "", `rule.yaml:16: prompt r.one is missing in "de"`},
		"a prompt over twelve seconds":  {"fr: Pour vous inscrire", "fr: " + strings.Repeat("Écoutez bien, ", 20) + "pour vous inscrire", `rule.yaml:14: prompt r.menu is longer than twelve seconds in "fr"`},
		"no way behind two failures":    {"person: person\nemergency: danger\n", "", "rule.yaml:1: nothing follows two failures: person or failed names the step"},
		"a menu without a person":       {"person: person\nemergency: danger\n", "failed: danger\n", "rule.yaml:1: key 0 leads to nobody: person names the step"},
		"no emergency":                  {"emergency: danger\n", "", "rule.yaml:1: key 8 leads nowhere: emergency names the step that says what to do when a life is in danger"},
		"five options":                  {`menu: {"1": number, "2": story}}`, five, "rule.yaml:14: step menu offers 5 keys, not 1 to 4"},
		"the key before the option":     {"en: To register, press one.", "en: Press one to register.", "rule.yaml:14: step menu names a key before what it is for, in prompt r.menu (en)"},
		"an option that is not said":    {`"2": story}}`, `"2": story, "3": story}}`, "rule.yaml:14: step menu offers key 3 and does not say so (fr, nl, de, en)"},
		"a key that is not offered":     {`{"1": number, "2": story}}`, `{"1": number}}`, "rule.yaml:14: step menu says key 2, which it does not offer (fr, nl, de, en)"},
		"another use of 0":              {`"2": story}}`, `"0": story}}`, "rule.yaml:14: step menu uses key 0, which means the same everywhere (0 a person, 8 an emergency, 9 and * again)"},
		"another use of 8":              {`"2": story}}`, `"8": story}}`, "rule.yaml:14: step menu uses key 8, which"},
		"another use of 9":              {`"2": story}}`, `"9": story}}`, "rule.yaml:14: step menu uses key 9, which"},
		"another use of the star":       {`"2": story}}`, `"*": story}}`, "rule.yaml:14: step menu uses key *, which"},
		"a key of two digits":           {`"2": story}}`, `"12": story}}`, `rule.yaml:14: step menu has "12" for a key`},
		"three levels under a topic":    {"number: {say: [callback.ask], collect: {into: number, max: 10, next: bye}}", "number: {say: [r.one], menu: {\"1\": second}}\n  second: {say: [r.one], menu: {\"1\": third}}\n  third: {say: [r.one], menu: {\"1\": bye}}", "rule.yaml:17: step third is menu 3 under its topic, more than 2"},
		"a menu that says nothing":      {"menu: {say: [r.menu], menu", "menu: {menu", "rule.yaml:14: step menu is a menu that says nothing"},
		"an unknown language":           {"story: {say", "story: {language: it, say", `rule.yaml:16: step story has an unknown language "it"`},
		"a variable called like a fact": {"into: number", "into: queue", "rule.yaml:15: step number sets a variable of the name of a fact (hours, holiday, known, language, queue)"},
		"digits without an end":         {"max: 10, ", "", "rule.yaml:15: step number needs into, next, and max not below min"},
		"a recording that leads on":     {"record: {kept: bye, empty: bye}", "record: {kept: bye}", "rule.yaml:19: step message needs kept and empty"},
		"a queue for nobody we have":    {"for: registrar", "for: courier", "rule.yaml:18: step person needs for: registrar, nobody and talked"},
		"an unknown lookup":             {"story: {say: [moment], next: menu}", "story: {lookup: {what: weather, to: {failed: menu}}}", "rule.yaml:16: step story needs what ("},
		"a lookup that may not fail":    {"story: {say: [moment], next: menu}", "story: {lookup: {what: topics, to: {none: menu}}}", `and where "failed" leads`},
		"a value a fact never has":      {"story: {say: [moment], next: menu}", "story: {branch: {on: hours, to: {late: bye}, else: menu}}", `rule.yaml:16: step story branches on hours, which is never "late", but open, closed`},
		"a branch without an else":      {"story: {say: [moment], next: menu}", "story: {branch: {on: x, to: {y: menu}}}", "rule.yaml:16: step story needs on and else"},
		"a transfer to nowhere":         {"story: {say: [moment], next: menu}", "story: {transfer: {to: number, talked: bye}}", "rule.yaml:16: step story needs to (a variable), talked and nobody"},
		"a flow that is not there":      {"story: {say: [moment], next: menu}", "story: {run: nowhere, next: menu}", "rule.yaml:16: step story runs nowhere, which does not exist"},
		"a pick of nothing":             {"story: {say: [moment], next: menu}", "story: {say: [moment], pick: {from: people, next: menu}}", "rule.yaml:16: step story needs from, each and next"},
		"with without else":             {"[moment]", "[{key: moment, with: x}]", "rule.yaml:16: prompt moment has one of with and else, not both"},
		"no name":                       {"flow: rule", "flow: Rule 1", `rule.yaml:1: flow: "Rule 1" is no name`},
		"an unknown step":               {"story: {say: [moment], next: menu}", "story: {shout: [moment], next: menu}", `rule.yaml:16: unknown field "shout"`},
		"a step of two kinds":           {"hangup: true}", "hangup: true, run: faq}", "rule.yaml:20: step bye is of several kinds: run, hangup"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Contains(t, sound, c.old)
			text := strings.Replace(sound, c.old, c.instead, 1)
			if name == "a prompt missing in one" {
				text = strings.Replace(text, "[moment]", "[r.one]", 1)
			}
			lines, err := check(text)
			if err != nil {
				lines = []string{err.Error()}
			}
			require.Contains(t, strings.Join(lines, "\n"), c.want)
		})
	}
}
