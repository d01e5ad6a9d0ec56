package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/callflow"
	"github.com/rappel-tel/rappel/pkg/dispatch"
)

// deskName is what follows a node's name where callers' wishes are heard.
const deskName = ".desk"

// lineKept is how long a line stays taken for a node that does not give it back; real time. It was killed, most likely.
const lineKept = 2 * time.Hour

// wish is what is asked for at a PBX whose node does not lead the scheme: by a caller with a feature code a state, or, without
// one, to hear whom she would be given next; for somebody on the line a line for a call beside those that are dispatched, or that
// it is given back.
type wish struct {
	Scheme int64            `json:"scheme"`
	Caller int64            `json:"caller"`
	State  call.CallerState `json:"state,omitempty"`
	Known  callflow.Known   `json:"known,omitempty"`
	Line   string           `json:"line,omitempty"` // Under which key a line is taken,
	Node   string           `json:"node,omitempty"` // of a trunk that is at this node's PBX,
	Give   bool             `json:"give,omitempty"` // or given back.
}

// granted is the answer. Refused is one of the words of refusals; empty means that the wish was granted.
type granted struct {
	Next    *callflow.NextCall `json:"next,omitempty"`
	Way     *callflow.Way      `json:"way,omitempty"`
	Refused string             `json:"refused,omitempty"`
}

// refusals are the errors that change what a caller hears, by the word that travels.
func refusals() map[string]error {
	return map[string]error{
		"busy": callflow.ErrRefusedNow, "nothing": callflow.ErrNothing, "unknown": callflow.ErrUnknownCaller, "away": dispatch.ErrUnknownScheme,
		"no_line": callflow.ErrNoLine,
	}
}

// reach brings wishes to the node that leads a scheme: a caller dials her codes at whichever PBX her phone is registered with, and
// somebody who is on the line of any is connected with a help line.
type reach struct {
	node string // This one.
	ask  func(ctx context.Context, node string, question []byte) ([]byte, error)

	mu      sync.Mutex
	leaders map[int64]string // The node that leads a scheme, by its key, as of the last look.
	lines   map[string]bool  // Keys under which a line was taken at another node.
}

// took notes that a line was taken at another node.
func (r *reach) took(key string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.lines == nil {
		r.lines = map[string]bool{}
	}
	r.lines[key] = true
}

// gives reports whether a line that is given back was taken at another node, once.
func (r *reach) gives(key string) bool {
	if r == nil {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	taken := r.lines[key]
	delete(r.lines, key)
	return taken
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
func (r *reach) grant(ctx context.Context, w wish) (granted, error) {
	var g granted
	if r == nil {
		return g, dispatch.ErrUnknownScheme
	}
	r.mu.Lock()
	node := r.leaders[w.Scheme]
	r.mu.Unlock()
	if node == "" {
		return g, dispatch.ErrUnknownScheme
	}
	if w.Line != "" {
		w.Line, w.Node = r.node+"/"+w.Line, r.node // Channels of two PBXs may have one name.
	}
	question, err := json.Marshal(w)
	if err != nil {
		return g, fmt.Errorf("write wish: %w", err)
	}
	limited, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	answer, err := r.ask(limited, node+deskName, question)
	if err != nil {
		return g, err
	}
	if err := json.Unmarshal(answer, &g); err != nil {
		return g, fmt.Errorf("read answer of %s: %w", node, err)
	}
	if g.Refused == "" {
		return g, nil
	}
	if err := refusals()[g.Refused]; err != nil {
		return g, fmt.Errorf("ask %s: %w", node, err)
	}
	return g, fmt.Errorf("ask %s: it refuses", node)
}

// hear grants a wish that came from another node. Here must reach no further node: the wish would go round.
func hear(ctx context.Context, here callers, question []byte) ([]byte, error) {
	var w wish
	if err := json.Unmarshal(question, &w); err != nil {
		return nil, errors.New("not a wish")
	}
	var g granted
	var err error
	switch {
	case w.Line != "" && w.Give:
		here.GiveLine(w.Scheme, w.Line)
	case w.Line != "":
		var way dispatch.Way
		if way, err = here.Dispatcher.TakeLine(ctx, w.Scheme, w.Node, w.Line); err == nil {
			g.Way = &callflow.Way{Trunk: way.Trunk, CLI: way.CLI}
			time.AfterFunc(lineKept, func() { here.GiveLine(w.Scheme, w.Line) })
		}
	case w.State != "":
		err = here.SetState(ctx, w.Scheme, w.Caller, w.State, w.Known)
	default:
		var next callflow.NextCall
		next, err = here.Next(ctx, w.Scheme, w.Caller)
		g.Next = &next
	}
	if err = asFlow(err); err != nil {
		g = granted{Refused: "error"}
		for word, refusal := range refusals() {
			if errors.Is(err, refusal) {
				g.Refused = word
			}
		}
	}
	return json.Marshal(g)
}
