package ivr

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTheDocumentOfFlows keeps dialplans/README.md true: it names every field, kind, fact and lookup that there is, its flow is
// sound, and its steps are read.
func TestTheDocumentOfFlows(t *testing.T) {
	t.Parallel()
	file, err := os.ReadFile("../../dialplans/README.md")
	require.NoError(t, err)
	text := string(file)
	_, lists, found := strings.Cut(text, "## Lookups")
	require.True(t, found)
	var told []string
	for line := range strings.Lines(lists) {
		for i, word := range strings.Split(strings.SplitN(line+"||", "|", 3)[1], "`") {
			if i%2 == 1 {
				told = append(told, word)
			}
		}
	}
	require.ElementsMatch(t, lookups(), told)
	for _, fact := range Facts() {
		require.Contains(t, text, "| `"+fact+"` | "+strings.Join(FactValues(fact), ", "), "a fact and its values")
	}
	for _, of := range []any{Flow{}, Step{}, Prompt{}, Collect{}, Pick{}, Record{}, Queue{}, Lookup{}, Branch{}, Transfer{}} {
		for f := range reflect.TypeOf(of).Fields() {
			if name := f.Tag.Get("yaml"); name != "" {
				require.Regexp(t, "`"+name+"(`|:)", text, "%T", of)
			}
		}
	}
	book := shipped(t)
	kinds := map[string]bool{}
	blocks := strings.Split(text, "```yaml\n")[1:]
	for i, block := range blocks {
		block, _, _ = strings.Cut(block, "```")
		if i > 0 {
			block = "flow: one\nstart: step\nsteps:\n  " + block
		}
		f, err := ReadFlow("README.md", []byte(block))
		require.NoError(t, err)
		if i == 0 {
			require.Empty(t, book.With(f).Check(f.Name))
			continue
		}
		step := f.Steps["step"]
		for _, problem := range step.problems(book.With(f), f) {
			require.NotContains(t, problem, "needs", "%s", block)
		}
		for _, p := range step.Say {
			require.True(t, book.Prompts().Has("fr", p.Key), p.Key)
		}
		for _, kind := range step.kinds() {
			kinds[kind] = true
		}
	}
	require.Len(t, kinds, 10, "an example of every kind: %v", kinds)
	// What it says in words.
	require.Equal(t, "10s 6s 5s", fmt.Sprint(FirstAnswer, Unforced, BetweenDigits))
	require.Contains(t, text, "at most 260 letters")
	require.Equal(t, 260, MaxPrompt)
}
