package api

import (
	"context"
	"fmt"
	"time"
)

// Refusals is who will not be called, ever. Package postgres implements it. Its errors are roster.ErrRefusalKey, roster.ErrNoBeneficiary and
// inbox.ErrInCall.
type Refusals interface {
	// RefuseNumber keeps for ever that nobody is to be called at a number (E.164), as a registrar was told.
	RefuseNumber(ctx context.Context, scheme int64, number string, now time.Time) error
	// Refused returns of which of the numbers that is kept.
	Refused(ctx context.Context, scheme int64, numbers []string) (map[string]bool, error)
	// LiftRefusal forgets it, and reports whether it was kept.
	LiftRefusal(ctx context.Context, scheme int64, number string) (bool, error)
	// RefusePerson erases somebody of the list who will not be called, but for keyed hashes of her numbers.
	RefusePerson(ctx context.Context, scheme int64, ref string, now time.Time) error
}

func (a *API) addRefusal(q ask) (any, error) {
	number, err := q.number()
	if err != nil {
		return nil, err
	}
	return nil, a.opts.Refusals.RefuseNumber(q.Context(), q.scheme.Key, number, q.now)
}

func (a *API) checkRefusal(q ask) (any, error) {
	number, err := q.number()
	if err != nil {
		return nil, err
	}
	refused, err := a.opts.Refusals.Refused(q.Context(), q.scheme.Key, []string{number})
	return struct {
		Refused bool `json:"refused"`
	}{refused[number]}, err
}

func (a *API) liftRefusal(q ask) (any, error) {
	number, err := q.number()
	if err != nil {
		return nil, err
	}
	lifted, err := a.opts.Refusals.LiftRefusal(q.Context(), q.scheme.Key, number)
	return struct {
		Lifted bool `json:"lifted"`
	}{lifted}, err
}

// refusePerson erases somebody. Her ref is in the body: the audit would keep it in an address.
func (a *API) refusePerson(q ask) (any, error) {
	var sent struct {
		Person string `json:"person"`
	}
	if err := q.read(&sent); err != nil {
		return nil, err
	}
	if sent.Person == "" {
		return nil, fmt.Errorf("%w: person is missing", errBody)
	}
	return nil, a.opts.Refusals.RefusePerson(q.Context(), q.scheme.Key, sent.Person, q.now)
}
