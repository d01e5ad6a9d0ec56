package dispatchtest

import (
	"context"
	"slices"
	"sync"

	"github.com/rappel-tel/rappel/pkg/dispatch"
)

// Shares is a dispatch.Shares in memory. The zero value is ready.
type Shares struct {
	mu   sync.Mutex
	uses []dispatch.TrunkUse
	// Away, when set, says whether the records are out of reach of a node.
	Away func(node string) error
	// Leads, when set, says whether a node leads a scheme.
	Leads func(node string) bool
}

// ShareTrunks implements dispatch.Shares.
func (s *Shares) ShareTrunks(
	_ context.Context, node string, decide func(all []dispatch.TrunkUse) (mine, gone []dispatch.TrunkUse),
) error {
	if s.Away != nil {
		if err := s.Away(node); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	all := slices.Clone(s.uses)
	for i := range all {
		all[i].Leads = s.Leads != nil && s.Leads(all[i].Node)
	}
	mine, gone := decide(all)
	s.uses = slices.DeleteFunc(s.uses, func(u dispatch.TrunkUse) bool {
		return u.Node == node || slices.ContainsFunc(gone, func(g dispatch.TrunkUse) bool { return g.Node == u.Node && g.Endpoint == u.Endpoint })
	})
	s.uses = append(s.uses, mine...)
	return nil
}

// Uses is what the nodes have now.
func (s *Shares) Uses() []dispatch.TrunkUse {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.uses)
}
