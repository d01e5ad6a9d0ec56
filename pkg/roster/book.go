package roster

import (
	"context"
	"errors"
	"fmt"
	"iter"
)

// ErrRefused is wrapped by a Book's error when a record itself cannot be kept, whatever the state of the store. Any other
// error says nothing about the records.
var ErrRefused = errors.New("the book refuses this record")

// ErrNumberRefused is the ErrRefused of somebody new at a number at which nobody is to be called, for ever.
var ErrNumberRefused = fmt.Errorf("%w: nobody is to be called at its number", ErrRefused)

// Book keeps the people of one scheme.
type Book interface {
	// Edit runs change in one transaction. What change put is kept when it returns nil and Edit does too; otherwise nothing
	// of it is.
	Edit(ctx context.Context, change func(Page) error) error
	// Rehearse runs work on a Book that behaves like this one, shows what is put in it, and forgets all of it at the end,
	// whatever work returns. It consumes no event number and is seen by nobody else.
	Rehearse(ctx context.Context, work func(Book) error) error
	// Staff yields everybody who works for the scheme, the disabled included, by ref in byte order; an error ends it. It
	// holds no more than a page of them in memory.
	Staff(ctx context.Context) iter.Seq2[Staff, error]
	// Beneficiaries yields every beneficiary, as Staff does.
	Beneficiaries(ctx context.Context) iter.Seq2[Beneficiary, error]
}

// Page is what may be read and written inside one Edit. It must not be used after Edit has returned.
type Page interface {
	// Find returns whoever has one of the refs, in no particular order, as Normal would write them. An unknown ref is no
	// error.
	Find(ctx context.Context, refs []string) (People, error)
	// Put creates those whose ref is new and replaces the others whole, with their numbers and agreement; the staff first,
	// so that beneficiaries may name them. It does not look for likenesses. The promises of a changed agreement are planned
	// anew with it: those to come stay where the new terms have them too, move, or are cancelled; what is due at the moment,
	// was tried or is under way stays. The calls of new agreements are booked by the dispatcher. An error that wraps
	// ErrRefused (a ref of the other kind, an unknown reference caller, a state the store does not allow) refuses the whole
	// Put.
	Put(ctx context.Context, people People) error
	// Alike returns, for the people given by their refs, who else of the same kind (beneficiaries, staff) bears the same
	// folded name or one of the same numbers: at most ten per person, in ref order.
	Alike(ctx context.Context, people People) ([]Likeness, error)
}

// People are some beneficiaries and some staff.
type People struct {
	Staff         []Staff
	Beneficiaries []Beneficiary
}

// Len is how many there are.
func (p People) Len() int { return len(p.Staff) + len(p.Beneficiaries) }

// Likeness is a hint that two records may be one person, or two who share a phone. Nothing is ever merged on it.
type Likeness struct {
	Ref, Other string
	Name       bool // Their folded names are the same (NameKey).
	Number     bool // They have a number in common.
}
