package dispatch

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ErrNoLine means that no trunk of the scheme has a line for another call out now.
var ErrNoLine = errors.New("no line is free")

// Way is how a call that is no promise goes out: a trunk of the scheme with a line in use for it, and the number presented.
type Way struct {
	Trunk string
	CLI   string // E.164; empty lets the operator decide.
}

// TakeLine uses a line of one of the scheme's trunks for a call beside those that are dispatched: somebody on the line is
// connected with a help line, say. It counts as any other call out: lines kept for people who ring in stay free, and calls
// per second are kept. The trunk is at the PBX of the node; empty is this one. It returns ErrNoLine when there is none now. The key
// gives it back: see GiveLine. Taking twice under one key is an error.
func (d *Dispatcher) TakeLine(ctx context.Context, scheme int64, node, key string) (Way, error) {
	var way Way
	err := d.ask(ctx, scheme, func(e *Engine, now time.Time) error {
		if _, taken := e.beside[key]; taken {
			return fmt.Errorf("take line: one is taken under %s", key)
		}
		on, _ := e.board.reserve(1, 0, now.UnixNano(), e.asPlaced([]string{node})[0])
		if on == nil {
			return ErrNoLine
		}
		e.beside[key] = on
		way = Way{Trunk: on.name, CLI: e.settings.cli(on.name, "")}
		return nil
	})
	return way, err
}

// GiveLine gives back what was taken under the key. It queues and returns; a scheme that is led no more has given back every
// line already.
func (d *Dispatcher) GiveLine(scheme int64, key string) {
	r, err := d.engine(scheme)
	if err != nil {
		return
	}
	r.put(question(func(now time.Time) {
		if on := r.beside[key]; on != nil {
			delete(r.beside, key)
			on.change(r.board, -1, now.UnixNano())
		}
	}))
}
