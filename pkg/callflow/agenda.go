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
	// Change makes a change at once that a person has keyed in a call to the number that is known; one that waits for her word is
	// dropped. ErrGone when it is no longer possible.
	Change(ctx context.Context, scheme int64, c Change) error
	// Ask notes a change and promises to ring the person back between the instants returned. It returns ErrWaits, ErrGone, and
	// ErrNotAllowed when she was rung back for changes often enough on that day, or the scheme can ring nobody without a caller.
	Ask(ctx context.Context, scheme int64, c Change) (Proposal, error)
	// Asked returns the change that waits for the word of the person of an attempt, to the known number, or ErrNothing. A call
	// back asks about its own change and no other.
	Asked(ctx context.Context, scheme int64, attempt call.ID) (Change, error)
	// Settle makes the change of an id, which the person of an attempt was told, or drops it. It returns ErrGone when it could not
	// be made any more and everything stays, and ErrNothing when it no longer waits for her word.
	Settle(ctx context.Context, scheme int64, told Told) error
}

// Told is what somebody has said of a change that she was told.
type Told struct {
	Attempt     call.ID // Of the call in which she was told; empty when somebody has talked to her otherwise:
	Beneficiary int64   // then who she is.
	Change      string  // Its ID.
	Agreed      bool
}

// ChangeKind is how a person wants her calls changed.
type ChangeKind string

// The kinds.
const (
	ChangeMove ChangeKind = "move" // The call at another time.
	ChangeSkip ChangeKind = "skip" // This call not; the others stay.
	ChangeAway ChangeKind = "away" // No calls from a day on until she is back.
)

// Change is a change of a person's calls that somebody wants.
type Change struct {
	ID          string // UUID; not of one that is only wanted.
	Kind        ChangeKind
	Beneficiary int64
	Occurrence  int64     // The call, unless she goes away.
	Promised    Proposal  // When it is promised; set by Asked.
	To          Proposal  // With ChangeMove.
	From        time.Time // With ChangeAway: her local date (midnight UTC) from which she is away; zero is today.
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
	Confirmed bool   // She expects it, as she said.
	Pending   Change // A change of her calls that waits for her word; its ID is empty when there is none.
}
