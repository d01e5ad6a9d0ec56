package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/rappel-tel/rappel/pkg/roster"
)

// word is a value of the command line that must be one of a few.
type word[T ~string] struct {
	value   *T
	allowed []T
}

func language(value *roster.Language) *word[roster.Language] {
	return &word[roster.Language]{value, roster.Languages()}
}

// String implements pflag.Value.
func (w *word[T]) String() string { return string(*w.value) }

// Type implements pflag.Value.
func (w *word[T]) Type() string { return "word" }

// Set implements pflag.Value.
func (w *word[T]) Set(text string) error {
	if !slices.Contains(w.allowed, T(text)) {
		return errors.New("write " + choice(w.allowed))
	}
	*w.value = T(text)
	return nil
}

// choice is "fr, nl, de or en".
func choice[T ~string](words []T) string {
	list := make([]string, len(words))
	for i, w := range words {
		list[i] = string(w)
	}
	last := len(list) - 1
	return strings.Join(list[:last], ", ") + " or " + list[last]
}

// languagesOf reads a list of languages.
func languagesOf(flag string, list []string) ([]roster.Language, error) {
	var read []roster.Language
	for _, text := range list {
		var l roster.Language
		if err := language(&l).Set(text); err != nil {
			return nil, usageError{fmt.Errorf("%s %s: %w", flag, text, err)}
		}
		if slices.Contains(read, l) {
			return nil, usageError{fmt.Errorf("%s: %s is there twice", flag, text)}
		}
		read = append(read, l)
	}
	return read, nil
}
