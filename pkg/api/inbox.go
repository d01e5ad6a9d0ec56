package api

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/rappel-tel/rappel/pkg/callflow"
)

// Inbox is what people have left on the line. Package postgres implements it.
type Inbox interface {
	// HandleMessage marks a message of the scheme as handled, or returns callflow.ErrNothing when none of that id waits.
	HandleMessage(ctx context.Context, scheme int64, id string, caller int64, now time.Time) error
}

// errNoItem means that the inbox holds nothing of this id.
var errNoItem = errors.New("nothing of this id waits in the inbox")

// resolve closes an item of the inbox.
func (a *API) resolve(q ask) (any, error) {
	var sent struct{}
	if err := q.read(&sent); err != nil {
		return nil, err
	}
	id, err := uuid.Parse(q.PathValue("item"))
	if err != nil {
		return nil, errNoItem
	}
	err = a.opts.Inbox.HandleMessage(q.Context(), q.scheme.Key, id.String(), 0, q.now)
	if errors.Is(err, callflow.ErrNothing) {
		return nil, errNoItem
	}
	return nil, err
}
