package sheet

import (
	"slices"
	"strings"

	"github.com/rappel-tel/rappel/pkg/roster"
)

// term is one value with the words for it in the order of roster.Languages, alternatives separated by "|". The first word of
// a language is the one that Export writes.
type term struct {
	value string
	words [4]string
}

// lexicon finds values by their words, whatever their accents and case, and words by their values.
type lexicon struct {
	values map[string][4]string // Folded word to its value in each language.
	shown  map[string][4]string // Value to the word written in each language.
}

func newLexicon(terms []term) lexicon {
	l := lexicon{values: map[string][4]string{}, shown: map[string][4]string{}}
	for _, t := range terms {
		var shown [4]string
		for lang, words := range t.words {
			for i, word := range strings.Split(words, "|") {
				if i == 0 {
					shown[lang] = word
				}
				l.add(roster.Fold(word), lang, t.value)
			}
		}
		l.shown[t.value] = shown
	}
	for _, t := range terms { // The value's own name is understood everywhere, unless a word says otherwise.
		for lang := range t.words {
			if key := roster.Fold(t.value); l.values[key][lang] == "" {
				l.add(key, lang, t.value)
			}
		}
	}
	return l
}

func (l lexicon) add(word string, lang int, value string) {
	values := l.values[word]
	values[lang] = value
	l.values[word] = values
}

// read returns the value of a word in a language, or in the others when it is no word of that one and they agree.
// ambiguous says that they do not.
func (l lexicon) read(word string, lang int) (value string, ambiguous bool) {
	values := l.values[roster.Fold(word)]
	if values[lang] != "" {
		return values[lang], false
	}
	for _, v := range values {
		if v != "" && value != "" && v != value {
			return "", true
		}
		if v != "" {
			value = v
		}
	}
	return value, false
}

// write returns the word for a value in a language, and the value itself when there is none.
func (l lexicon) write(value string, lang int) string {
	if word := l.shown[value][lang]; word != "" {
		return word
	}
	return value
}

// list returns the words of a language for every value, in the order of terms.
func list(terms []term, lang int) string {
	words := make([]string, 0, len(terms))
	for _, t := range terms {
		word, _, _ := strings.Cut(t.words[lang], "|")
		words = append(words, word)
	}
	return strings.Join(words, ", ")
}

// speech is every lexicon of a sheet.
type speech struct {
	headings, kinds, languages, cadences, days, dayRanges, nths, halves, continuities, consents, sources, relations, purposes, truths lexicon
}

func newSpeech() *speech {
	return &speech{
		headings: newLexicon(headingTerms()), kinds: newLexicon(kindTerms()), languages: newLexicon(languageTerms()),
		cadences: newLexicon(cadenceTerms()), days: newLexicon(dayTerms()), dayRanges: newLexicon(dayRangeTerms()),
		nths:   newLexicon(nthTerms()),
		halves: newLexicon(halfTerms()), continuities: newLexicon(continuityTerms()), consents: newLexicon(consentTerms()),
		sources: newLexicon(sourceTerms()), relations: newLexicon(relationTerms()), purposes: newLexicon(purposeTerms()), truths: newLexicon(truthTerms()),
	}
}

// languageIndex is the place of a language among roster.Languages; French for an unknown one.
func languageIndex(language roster.Language) int {
	return max(slices.Index(roster.Languages(), language), 0)
}
