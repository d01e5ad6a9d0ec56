package callflow

import (
	"context"
	"errors"
	"time"

	"github.com/rappel-tel/rappel/pkg/call"
)

// Errors of an Agenda besides ErrNothing and ErrNotAllowed.
var (
	// ErrWaits means that a change of the person's calls waits for her word already.
	ErrWaits = errors.New("a change waits for her word already")
	// ErrGone means that a change is no longer possible: the call has begun, or the time is no longer free.
	ErrGone = errors.New("the change is no longer possible")
)

// Agenda is where people's calls are changed by telephone. A CLI can be forged, so that what changes anything is only noted
// first: the known number is rung back, and a key pressed there settles it. Its methods are safe for use by several goroutines.
type Agenda interface {
	// OtherTimes returns the times, three at most and in order, to which a promised call can be moved and be kept there. None is
	// no error; ErrGone when the call can no longer be changed.
	OtherTimes(ctx context.Context, scheme, occurrence int64) ([]Proposal, error)
	// Confirm records that somebody expects a call. Doing it again changes nothing. ErrGone when the call has ended.
	Confirm(ctx context.Context, scheme, occurrence int64) error
	// Ask notes a change and promises to ring the person back between the instants returned. It returns ErrWaits, ErrGone, and
	// ErrNotAllowed when she was rung back for changes often enough on that day, or the scheme can ring nobody without a caller.
	Ask(ctx context.Context, scheme int64, c Change) (Proposal, error)
	// Asked returns the change that an attempt asks about, or ErrNothing when it no longer waits for an answer.
	Asked(ctx context.Context, scheme int64, attempt call.ID) (Change, error)
	// Settle makes the change that an attempt asks about, or drops it. It returns ErrGone when it could not be made any more and
	// everything stays, and ErrNothing when it no longer waits for an answer.
	Settle(ctx context.Context, scheme int64, attempt call.ID, agreed bool) error
}

// ChangeKind is how a person wants her calls changed.
type ChangeKind string

// The kinds.
const (
	ChangeMove ChangeKind = "move" // The call at another time.
	ChangeSkip ChangeKind = "skip" // This call not; the others stay.
	ChangeAway ChangeKind = "away" // No calls until she is back.
)

// Change is a change of a person's calls that somebody wants.
type Change struct {
	Kind        ChangeKind
	Beneficiary int64
	Occurrence  int64     // The call, unless she goes away.
	Promised    Proposal  // When it is promised; set by Asked.
	To          Proposal  // With ChangeMove.
	Back        time.Time // With ChangeAway: her local date (midnight UTC) on which she is back.
}

// ChangeState is what became of a change.
type ChangeState string

// The states of a change. What was asked on the line waits for the person's word first.
const (
	ChangePending ChangeState = "pending"
	ChangeDone    ChangeState = "done"
	ChangeRefused ChangeState = "refused" // She said no.
	ChangeLapsed  ChangeState = "lapsed"  // She said nothing, or it was no longer possible: her calls stay as promised.
)

// ChangeConfirm is a call that somebody expects, as it is listed beside what changes something.
const ChangeConfirm ChangeKind = "confirm"

// Noted is a change as it is listed.
type Noted struct {
	Change
	Ref     string // The town's reference of the person.
	State   ChangeState
	At      time.Time // When it was asked for.
	Settled time.Time // Zero while it is pending.
	Channel string    // Through which it was asked for.
}

// Next is the next agreed call of a person, and what is noted about it.
type Next struct {
	Appointment
	Confirmed bool       // She expects it, as she said.
	Pending   ChangeKind // A change of her calls that waits for her word; empty when there is none.
}
