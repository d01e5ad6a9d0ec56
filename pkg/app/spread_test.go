package app

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestSchemesAreSpread(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		nodes, holders []string
		take, give     bool
	}{
		"alone":                  {[]string{"me"}, []string{"me", "me", ""}, true, false},
		"nobody leads yet":       {[]string{"me", "you"}, []string{"", ""}, true, false},
		"as many":                {[]string{"me", "you"}, []string{"me", "you", ""}, true, false},
		"one more":               {[]string{"me", "you"}, []string{"me", "me", "you", ""}, false, false},
		"two more":               {[]string{"me", "you"}, []string{"me", "me", ""}, false, true},
		"the fewest of three":    {[]string{"he", "me", "you"}, []string{"me", "you", "you", "he", "he"}, true, false},
		"one that died":          {[]string{"me"}, []string{"me", "me", "you", "you"}, true, false},
		"it is not there itself": {[]string{"you"}, []string{"you", "me", ""}, true, false},
		"nobody is known":        {nil, []string{"me", "you"}, true, false},
	} {
		s := spreadOf(c.nodes, c.holders)
		require.Equal(t, c.take, s.mayTake("me"), name)
		require.Equal(t, c.give, s.mustGive("me"), name)
	}
}

// TestSpreadingEnds: whatever the start, when nodes give one at a time and whoever may takes it, the counts soon differ by one at
// most and nobody gives any more.
func TestSpreadingEnds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var nodes []string
		for i := range rapid.IntRange(1, 6).Draw(t, "nodes") {
			nodes = append(nodes, fmt.Sprint("node", i))
		}
		holders := rapid.SliceOfN(rapid.SampledFrom(append([]string{"", "gone"}, nodes...)), 0, 40).Draw(t, "holders")
		order := rapid.Permutation(nodes).Draw(t, "order")
		for i := range holders {
			if holders[i] == "gone" {
				holders[i] = "" // Its lease has run out.
			}
		}
		moves := 0
		for changed := true; changed; {
			changed = false
			for _, me := range order {
				if at := firstOf(holders, me); spreadOf(nodes, holders).mustGive(me) {
					holders[at], changed = "", true
					if moves++; moves > 2*len(holders) {
						t.Fatalf("it goes round and round: %v", holders)
					}
				}
				for i := range holders {
					if holders[i] == "" && spreadOf(nodes, holders).mayTake(me) {
						holders[i], changed = me, true
					}
				}
			}
		}
		s := spreadOf(nodes, holders)
		total := 0
		for _, me := range nodes {
			total += s[me]
			if least, others := s.least(me); others && s[me] > least+1 {
				t.Fatalf("not spread: %v", s)
			}
		}
		if total != len(holders) {
			t.Fatalf("%d of %d led", total, len(holders))
		}
	})
}

func firstOf(holders []string, me string) int {
	for i, h := range holders {
		if h == me {
			return i
		}
	}
	return -1
}
