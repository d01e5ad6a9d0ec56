package faq_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/faq"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// TestWhatShips: a scheme that has edited nothing answers in four languages, and nothing of it is wrong.
func TestWhatShips(t *testing.T) {
	t.Parallel()
	for _, country := range []string{"FR", "BE"} {
		tree, err := faq.Shipped(country)
		require.NoError(t, err)
		for _, first := range roster.Languages() {
			for _, p := range tree.Check(faq.Terms{Country: country, First: first, Today: "2026-11-22"}) {
				t.Errorf("%s: %s", country, p)
			}
		}
	}
}
