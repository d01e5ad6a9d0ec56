package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/callflow"
	"github.com/rappel-tel/rappel/pkg/dispatch"
)

// deskName is what follows a node's name where callers' wishes are heard.
const deskName = ".desk"

// wish is what a caller asks for by feature code at a PBX whose node does not lead her scheme: a state, or, without one, to
// hear whom she would be given next.
type wish struct {
	Scheme int64            `json:"scheme"`
	Caller int64            `json:"caller"`
	State  call.CallerState `json:"state,omitempty"`
	Known  callflow.Known   `json:"known,omitempty"`
}

// granted is the answer. Refused is one of the words of refusals; empty means that the wish was granted.
type granted struct {
	Next    *callflow.NextCall `json:"next,omitempty"`
	Refused string             `json:"refused,omitempty"`
}

// refusals are the errors that change what a caller hears, by the word that travels.
func refusals() map[string]error {
	return map[string]error{
		"busy": callflow.ErrRefusedNow, "nothing": callflow.ErrNothing, "unknown": callflow.ErrUnknownCaller, "away": dispatch.ErrUnknownScheme,
	}
}

// reach brings wishes to the node that leads a scheme: a caller dials her codes at whichever PBX her phone is registered with.
type reach struct {
	ask func(ctx context.Context, node string, question []byte) ([]byte, error)

	mu      sync.Mutex
	leaders map[int64]string // The node that leads a scheme, by its key, as of the last look.
}

// know notes who leads.
func (r *reach) know(leaders map[int64]string) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.leaders = leaders
}

// grant asks the leader. Nil reaches nobody.
func (r *reach) grant(ctx context.Context, w wish) (*callflow.NextCall, error) {
	if r == nil {
		return nil, dispatch.ErrUnknownScheme
	}
	r.mu.Lock()
	node := r.leaders[w.Scheme]
	r.mu.Unlock()
	if node == "" {
		return nil, dispatch.ErrUnknownScheme
	}
	question, err := json.Marshal(w)
	if err != nil {
		return nil, fmt.Errorf("write wish: %w", err)
	}
	limited, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	answer, err := r.ask(limited, node+deskName, question)
	if err != nil {
		return nil, err
	}
	var g granted
	if err := json.Unmarshal(answer, &g); err != nil {
		return nil, fmt.Errorf("read answer of %s: %w", node, err)
	}
	if g.Refused == "" {
		return g.Next, nil
	}
	if err := refusals()[g.Refused]; err != nil {
		return nil, fmt.Errorf("ask %s: %w", node, err)
	}
	return nil, fmt.Errorf("ask %s: it refuses", node)
}

// hear grants a wish that came from another node. Here must reach no further node: the wish would go round.
func hear(ctx context.Context, here callers, question []byte) ([]byte, error) {
	var w wish
	if err := json.Unmarshal(question, &w); err != nil {
		return nil, errors.New("not a wish")
	}
	var g granted
	var err error
	if w.State != "" {
		err = here.SetState(ctx, w.Scheme, w.Caller, w.State, w.Known)
	} else {
		var next callflow.NextCall
		next, err = here.Next(ctx, w.Scheme, w.Caller)
		g.Next = &next
	}
	if err != nil {
		g = granted{Refused: "error"}
		for word, refusal := range refusals() {
			if errors.Is(err, refusal) {
				g.Refused = word
			}
		}
	}
	return json.Marshal(g)
}
