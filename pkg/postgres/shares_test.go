package postgres_test

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/dispatch"
)

// TestNodesShareTrunks: what nodes have of the trunks is decided by one of them at a time, and kept as decided.
func TestNodesShareTrunks(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	scheme := newWorld(f, 0).towns[0].scheme
	var all sync.WaitGroup
	for n := range 8 { // Each takes one of five lines, if there is one.
		all.Go(func() {
			node := string(rune('a' + n))
			if err := f.ShareTrunks(t.Context(), node, func(uses []dispatch.TrunkUse) (mine, gone []dispatch.TrunkUse) {
				if len(uses) == 5 {
					return nil, nil
				}
				return []dispatch.TrunkUse{{Endpoint: "trunk", Node: node, Granted: 1, Renewal: 1}}, nil
			}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	_, err := f.Lead(t.Context(), scheme, "leader", today)
	require.NoError(t, err)
	var seen []dispatch.TrunkUse
	share := func(node string, mine, gone []dispatch.TrunkUse) {
		require.NoError(t, f.ShareTrunks(t.Context(), node, func(uses []dispatch.TrunkUse) ([]dispatch.TrunkUse, []dispatch.TrunkUse) {
			seen = uses
			return mine, gone
		}))
	}
	share("leader", []dispatch.TrunkUse{{Endpoint: "trunk", Granted: 3, Inbound: 2, Hungry: true, Renewal: 7}}, nil)
	require.Len(t, seen, 5)
	stale := seen[0]
	stale.Renewal = 99
	share("other", nil, append([]dispatch.TrunkUse{stale}, seen[1:]...))
	share("other", nil, nil)
	require.Len(t, seen, 2, "one has renewed what it has meanwhile")
	require.Contains(t, seen, dispatch.TrunkUse{Endpoint: "trunk", Node: "leader", Granted: 3, Inbound: 2, Hungry: true, Renewal: 7, Leads: true})
	share("leader", nil, nil)
	share("leader", nil, nil)
	require.Len(t, seen, 1, "given back")
}
