package dispatchtest

import (
	"context"
	"sync"

	"github.com/rappel-tel/rappel/pkg/call"
)

// Switchboard is a dispatch.Switchboard that only writes down what it is asked. A test reports steps and outcomes itself.
type Switchboard struct {
	// OnStart, when set, is called for every order, in the goroutine of Start; its error is Start's.
	OnStart func(call.Order) error
	// OnRecall and OnAdopt, when set, are called for every recall and adopted attempt.
	OnRecall func(call.ID)
	OnAdopt  func(call.Live)

	mu      sync.Mutex
	started []call.Order
	recalls []call.ID
	adopted []call.Live
	talks   []call.Talk
}

// Start implements dispatch.Switchboard.
func (s *Switchboard) Start(_ context.Context, order call.Order) error {
	s.mu.Lock()
	s.started = append(s.started, order)
	s.mu.Unlock()
	if s.OnStart != nil {
		return s.OnStart(order)
	}
	return nil
}

// Recall implements dispatch.Switchboard.
func (s *Switchboard) Recall(attempt call.ID) {
	s.mu.Lock()
	s.recalls = append(s.recalls, attempt)
	s.mu.Unlock()
	if s.OnRecall != nil {
		s.OnRecall(attempt)
	}
}

// Adopt implements dispatch.Switchboard.
func (s *Switchboard) Adopt(_ context.Context, live []call.Live) {
	s.mu.Lock()
	s.adopted = append(s.adopted, live...)
	s.mu.Unlock()
	for _, l := range live {
		if s.OnAdopt != nil {
			s.OnAdopt(l)
		}
	}
}

// AdoptTalks implements dispatch.Switchboard.
func (s *Switchboard) AdoptTalks(_ context.Context, talks []call.Talk) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.talks = append(s.talks, talks...)
}

// AdoptedTalks returns the talks adopted so far.
func (s *Switchboard) AdoptedTalks() []call.Talk {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]call.Talk(nil), s.talks...)
}

// Started returns the orders so far.
func (s *Switchboard) Started() []call.Order {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]call.Order(nil), s.started...)
}

// Recalled returns the recalls so far.
func (s *Switchboard) Recalled() []call.ID {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]call.ID(nil), s.recalls...)
}

// Adopted returns the attempts adopted so far.
func (s *Switchboard) Adopted() []call.Live {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]call.Live(nil), s.adopted...)
}
