package sheet

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/roster"
)

// Within one language no word means two things, a heading never does in any, and every word that is written is read back.
func TestWords(t *testing.T) {
	for name, terms := range map[string][]term{
		"headings": headingTerms(), "kinds": kindTerms(), "languages": languageTerms(), "cadences": cadenceTerms(),
		"days": dayTerms(), "day ranges": dayRangeTerms(), "nths": nthTerms(), "halves": halfTerms(), "continuities": continuityTerms(),
		"consents": consentTerms(), "sources": sourceTerms(), "purposes": purposeTerms(), "truths": truthTerms(),
	} {
		anywhere := map[string]string{}
		for lang := range roster.Languages() {
			seen := map[string]string{}
			for _, term := range terms {
				require.NotEmpty(t, term.words[lang], name)
				for word := range strings.SplitSeq(term.words[lang], "|") {
					key := roster.Fold(word)
					require.NotEmpty(t, key)
					if seen[key] != "" {
						require.Equal(t, term.value, seen[key], "%s: %q", name, word)
					}
					seen[key] = term.value
					if name == "headings" && anywhere[key] != "" {
						require.Equal(t, term.value, anywhere[key], word)
					}
					anywhere[key] = term.value
				}
			}
		}
		words := newLexicon(terms)
		for _, term := range terms {
			for lang := range roster.Languages() {
				value, ambiguous := words.read(words.write(term.value, lang), lang)
				require.False(t, ambiguous)
				require.Equal(t, term.value, value)
			}
		}
	}
}

func TestEverySentenceIsWhole(t *testing.T) {
	seen := map[Code]bool{}
	for _, s := range sentences() {
		require.False(t, seen[s.code], s.code)
		seen[s.code] = true
		for lang := range roster.Languages() {
			require.NotEmpty(t, s.in[lang], s.code)
			for _, hole := range []string{"{given}", "{other}"} {
				require.Equal(t, strings.Contains(s.in[0], hole), strings.Contains(s.in[lang], hole), "%s %s", s.code, hole)
			}
		}
	}
	require.Len(t, seen, 56)
}
