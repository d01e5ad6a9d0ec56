package web

import (
	"fmt"
	"maps"
	"slices"

	"github.com/goccy/go-yaml"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// Stylesheet returns the pages' style sheet.
func Stylesheet() (string, error) {
	b, err := staticFiles.ReadFile("static/rappel.css")
	return string(b), err
}

// CheckCatalogue reports a key that a language lacks or has too much, and a word of the vocabulary without a message.
func CheckCatalogue() error {
	all := map[string][]roster.Language{}
	for _, l := range roster.Languages() {
		data, err := catalogueFiles.ReadFile("catalogue/" + string(l) + ".yaml")
		if err != nil {
			return err
		}
		var messages map[string]any
		if err := yaml.UnmarshalWithOptions(data, &messages, yaml.Strict()); err != nil {
			return fmt.Errorf("%s: %w", l, err)
		}
		for key, message := range messages {
			if message == nil || message == "" {
				return fmt.Errorf("%s: %s is empty", l, key)
			}
			all[key] = append(all[key], l)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(all)) {
		if len(all[key]) != len(roster.Languages()) {
			return fmt.Errorf("%s only in %v", key, all[key])
		}
	}
	var need []string
	for _, s := range call.CallerStates() {
		need = append(need, "state."+string(s))
	}
	for _, s := range call.States() {
		if s != call.StateEnded {
			need = append(need, "attempt."+string(s))
		}
	}
	for _, r := range call.Results() {
		need = append(need, "result."+string(r))
	}
	for _, r := range call.Reasons() {
		if r != call.ReasonNone {
			need = append(need, "detail."+string(r))
		}
	}
	for _, k := range call.Kinds() {
		need = append(need, "kind."+string(k))
	}
	for _, key := range need {
		if all[key] == nil {
			return fmt.Errorf("no message %s", key)
		}
	}
	return nil
}
