package app

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/rappel-tel/rappel/pkg/api"
	"github.com/rappel-tel/rappel/pkg/postgres"
)

// CheckNodes refuses names that are none of the nodes, and returns those whose node is not there now.
func CheckNodes(nodes []postgres.Node, names []string) (silent []string, err error) {
	for _, name := range names {
		i := slices.IndexFunc(nodes, func(n postgres.Node) bool { return n.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("%s: %w", name, api.ErrNoNode)
		}
		if !nodes[i].Here() {
			silent = append(silent, name)
		}
	}
	return silent, nil
}

// programTrunks are trunks as programs see them: api.Trunks.
type programTrunks struct{ *postgres.Store }

// Trunks implements api.Trunks.
func (p programTrunks) Trunks(ctx context.Context, scheme int64) ([]api.Trunk, error) {
	trunks, err := p.Store.Trunks(ctx, scheme)
	if err != nil {
		return nil, err
	}
	nodes, err := p.Nodes(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]api.Trunk, len(trunks))
	for i, t := range trunks {
		list[i] = programTrunk(t, nodes)
	}
	return list, nil
}

// SetTrunkNodes implements api.Trunks.
func (p programTrunks) SetTrunkNodes(ctx context.Context, scheme int64, name string, at []string) (api.Trunk, error) {
	t, err := p.Trunk(ctx, scheme, name)
	if errors.Is(err, postgres.ErrNoTrunk) {
		return api.Trunk{}, api.ErrNoTrunk
	} else if err != nil {
		return api.Trunk{}, err
	}
	nodes, err := p.Nodes(ctx)
	if err != nil {
		return api.Trunk{}, err
	}
	if _, err := CheckNodes(nodes, at); err != nil {
		return api.Trunk{}, err
	}
	t.Nodes = at
	return programTrunk(t, nodes), p.SaveTrunk(ctx, scheme, t)
}

// programTrunk is a trunk without its secret. It can be used now when one of its nodes is there.
func programTrunk(t postgres.Trunk, nodes []postgres.Node) api.Trunk {
	there := slices.ContainsFunc(nodes, func(n postgres.Node) bool { return n.Here() && t.At(n.Name) })
	return api.Trunk{
		Name: t.Endpoint, Enabled: !t.Disabled, Position: t.Position, Lines: t.Lines, Reserve: t.InboundReserve,
		CallsPerSecond: t.CallsPerSecond, Nodes: append([]string{}, t.Nodes...), Reachable: there,
	}
}
