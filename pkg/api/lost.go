package api

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Recovery is how a scheme goes on after its database was brought back to an earlier moment, or after a pause. Package app
// implements it.
type Recovery interface {
	// Lost is what the database has lost and nobody has decided on, and what it would not take since.
	Lost(ctx context.Context, scheme int64) (Lost, error)
	// CloseRefused says that a person has seen facts, all of them without ids. The error may be ErrNoFact: then none is closed.
	CloseRefused(ctx context.Context, scheme int64, ids []string, now time.Time) (int, error)
	Pause(ctx context.Context, scheme int64, now time.Time) error
	// Resume lets the scheme dial again; with asLost promises are closed as they were. It returns how many were.
	Resume(ctx context.Context, scheme int64, asLost bool, now time.Time) (int, error)
}

// Errors of recoveries.
var (
	// ErrNoFact means that no such fact is to be closed.
	ErrNoFact = errors.New("there is no such fact, or it is closed")
	// errUndecided means that nobody has said what becomes of calls that were lost.
	errUndecided = errors.New("the database was brought back to an earlier moment: say what becomes of the calls that GET lost lists")
)

// Lost is what a scheme's database has lost.
type Lost struct {
	Found time.Time     // When it was found out; zero means that nothing is to be decided.
	From  int64         // The last event that was left,
	To    int64         // and the last that was lost.
	Calls []LostCall    // Of which the lost events tell.
	Facts []RefusedFact // Of calls that the records know nothing of.
}

// LostCall is a promise of which lost events tell.
type LostCall struct {
	ID    string    `json:"id"`
	Ref   string    `json:"ref,omitempty"` // The town's own mark of the person.
	Then  string    `json:"then"`
	At    time.Time `json:"at"`
	State string    `json:"state,omitempty"` // Now; missing for a promise made in the time that was lost.
}

// RefusedFact is something that happened on the telephone and that the records would not take.
type RefusedFact struct {
	ID      string    `json:"id"`
	At      time.Time `json:"at"`
	Kind    string    `json:"kind"`
	Attempt string    `json:"attempt,omitempty"`
	What    string    `json:"what,omitempty"`
	Why     string    `json:"why"`
	Ref     string    `json:"ref,omitempty"`
}

type lostBody struct {
	Found *time.Time    `json:"found,omitempty"`
	From  int64         `json:"from,omitempty"`
	To    int64         `json:"to,omitempty"`
	Calls []LostCall    `json:"calls"`
	Facts []RefusedFact `json:"facts"`
}

type closedBody struct {
	Closed int `json:"closed"`
}

func (a *API) lost(q ask) (any, error) {
	lost, err := a.opts.Recovery.Lost(q.Context(), q.scheme.Key)
	if err != nil {
		return nil, err
	}
	body := lostBody{From: lost.From, To: lost.To, Calls: append([]LostCall{}, lost.Calls...), Facts: append([]RefusedFact{}, lost.Facts...)}
	if !lost.Found.IsZero() {
		body.Found = &lost.Found
	}
	return body, nil
}

func (a *API) closeRefused(q ask) (any, error) {
	var sent struct {
		Facts []string `json:"facts"`
		All   bool     `json:"all"`
	}
	if err := q.read(&sent); err != nil {
		return nil, err
	}
	if sent.All == (len(sent.Facts) > 0) {
		return nil, fmt.Errorf("%w: write the ids of facts, or all", errBody)
	}
	n, err := a.opts.Recovery.CloseRefused(q.Context(), q.scheme.Key, sent.Facts, q.now)
	return closedBody{n}, err
}

func (a *API) pause(q ask) (any, error) {
	return nil, a.opts.Recovery.Pause(q.Context(), q.scheme.Key, q.now)
}

func (a *API) resume(q ask) (any, error) {
	var sent struct {
		Lost string `json:"lost"`
	}
	if err := q.read(&sent); err != nil {
		return nil, err
	}
	switch sent.Lost {
	case "", "as_lost", "call_again":
	default:
		return nil, fmt.Errorf("%w: lost is as_lost or call_again", errBody)
	}
	lost, err := a.opts.Recovery.Lost(q.Context(), q.scheme.Key)
	if err != nil {
		return nil, err
	}
	if !lost.Found.IsZero() && sent.Lost == "" {
		return nil, errUndecided
	}
	n, err := a.opts.Recovery.Resume(q.Context(), q.scheme.Key, sent.Lost == "as_lost", q.now)
	return closedBody{n}, err
}
