package api

import (
	"context"
	"errors"
	"fmt"
)

// Trunks are the ways of a scheme to the telephone network. Package app implements it.
type Trunks interface {
	Trunks(ctx context.Context, scheme int64) ([]Trunk, error)
	// SetTrunkNodes says at which nodes' PBXs a trunk is; none is every one. The errors are ErrNoTrunk and ErrNoNode.
	SetTrunkNodes(ctx context.Context, scheme int64, name string, nodes []string) (Trunk, error)
}

// Errors of trunks.
var (
	// ErrNoTrunk means that the scheme has no such trunk of its own.
	ErrNoTrunk = errors.New("the scheme has no such trunk")
	// ErrNoNode means that no node of this name was there within a month.
	ErrNoNode = errors.New("there is no such node")
)

// Trunk is a trunk as it is told: what the operator knows of us stays where it is.
type Trunk struct {
	Name           string   `json:"name"`
	Enabled        bool     `json:"enabled"`
	Position       int      `json:"position"`
	Lines          int      `json:"lines"`
	Reserve        int      `json:"inbound_reserve"`
	CallsPerSecond float64  `json:"calls_per_second"`
	Nodes          []string `json:"nodes"`     // At whose PBXs it is; none is every one.
	Reachable      bool     `json:"reachable"` // One of them is there now.
}

type trunksBody struct {
	Trunks []Trunk `json:"trunks"`
}

func (a *API) trunks(q ask) (any, error) {
	list, err := a.opts.Trunks.Trunks(q.Context(), q.scheme.Key)
	return trunksBody{append([]Trunk{}, list...)}, err
}

func (a *API) setTrunkNodes(q ask) (any, error) {
	var sent struct {
		Nodes *[]string `json:"nodes"`
	}
	if err := q.read(&sent); err != nil {
		return nil, err
	}
	if sent.Nodes == nil {
		return nil, fmt.Errorf("%w: nodes is missing; [] is every node", errBody)
	}
	return a.opts.Trunks.SetTrunkNodes(q.Context(), q.scheme.Key, q.PathValue("trunk"), *sent.Nodes)
}
