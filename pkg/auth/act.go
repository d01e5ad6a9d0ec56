package auth

import (
	"context"
	"fmt"
	"time"
)

// Act is something done over the API that has to be answered for: a change, or a look at who somebody is. It is kept before it
// is done, so that none goes unnoticed, and it never holds what was said or written.
type Act struct {
	Scheme int64
	// Who is the id seen outside of the token, or of the account whose session it was.
	Who string
	// Name is what Who is called today; it is not kept with the act.
	Name string
	At   time.Time
	// What is the method and the path below the scheme, with the ids and references in it: "POST inbox/0198…/resolve".
	What string
	// Status is the status of the HTTP answer; 0 means that none was noted: it is not known whether the change was made.
	Status int
}

// BeginAct keeps an act before it is done.
func (d *Door) BeginAct(ctx context.Context, a Act) (int64, error) {
	key, err := d.store.AddAct(ctx, a)
	if err != nil {
		return 0, fmt.Errorf("keep act: %w", err)
	}
	return key, nil
}

// EndAct notes the status that an act was answered with.
func (d *Door) EndAct(ctx context.Context, scheme, act int64, status int) error {
	if err := d.store.EndAct(ctx, scheme, act, status); err != nil {
		return fmt.Errorf("note end of act: %w", err)
	}
	return nil
}
