package api_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/api"
	"github.com/rappel-tel/rappel/pkg/auth"
)

// network is one trunk, and one node.
type network struct{ nodes []string }

func (n *network) trunk() api.Trunk {
	return api.Trunk{Name: "town", Enabled: true, Position: 1, Lines: 4, Reserve: 1, CallsPerSecond: 1, Nodes: append([]string{}, n.nodes...), Reachable: true}
}

func (n *network) Trunks(context.Context, int64) ([]api.Trunk, error) {
	return []api.Trunk{n.trunk()}, nil
}

func (n *network) SetTrunkNodes(_ context.Context, _ int64, name string, nodes []string) (api.Trunk, error) {
	switch {
	case name != "town":
		return api.Trunk{}, api.ErrNoTrunk
	case slices.ContainsFunc(nodes, func(n string) bool { return n != "north" }):
		return api.Trunk{}, api.ErrNoNode
	}
	n.nodes = nodes
	return n.trunk(), nil
}

// TestTrunkNodes says where a trunk is.
func TestTrunkNodes(t *testing.T) {
	h := newHouse(t)
	writing, err := h.door.NewToken(t.Context(), auth.Token{Scheme: 1, Name: "an operator", Scope: auth.ScopeWrite}, time.Now())
	require.NoError(t, err)
	write := bearer(writing)
	path := "/api/v1/schemes/" + ours + "/trunks"
	told := h.valid(h.ask(path, write).body, "Trunks")["trunks"].([]any)[0].(map[string]any)
	require.Equal(t, []any{}, told["nodes"], "everywhere")
	res := h.ask(path+"/town/nodes", send("PUT", `{"nodes": ["north"]}`, write))
	require.Equal(t, 200, res.status, "%s", res.body)
	require.Equal(t, []any{"north"}, h.valid(res.body, "Trunk")["nodes"])
	for body, status := range map[string]int{`{"nodes": ["south"]}`: 400, `{}`: 400, `{"nodes": "north"}`: 400, `{"nodes": []}`: 200} {
		require.Equal(t, status, h.ask(path+"/town/nodes", send("PUT", body, write)).status, body)
	}
	require.Equal(t, 404, h.ask(path+"/village/nodes", send("PUT", `{"nodes": []}`, write)).status)
	require.Equal(t, 403, h.ask(path+"/town/nodes", send("PUT", `{"nodes": []}`)).status, "a token that only reads")
}
