package report

import (
	"errors"
	"time"
)

// ErrNoOutreach means that no outreach call waits.
var ErrNoOutreach = errors.New("no outreach call waits")

// OutreachAdded is what became of people who were to be put on the list of those to whom the scheme introduces itself.
type OutreachAdded struct {
	Added      int `json:"added"`
	Known      int `json:"known"`       // Reached at a number that somebody of the scheme has already, of this list or any other.
	Refused    int `json:"refused"`     // Nobody will be called at this number, ever.
	NotAllowed int `json:"not_allowed"` // The scheme may not ring this number.
}

// OutreachBooked is what starting books, or would book.
type OutreachBooked struct {
	Booked  int       `json:"booked"`
	Refused int       `json:"refused"` // Who refused since they were put on the list; they are erased.
	Days    int       `json:"days"`
	Opens   time.Time `json:"opens"`  // When the first may be called,
	Closes  time.Time `json:"closes"` // and when the last day ends.
	// Lines is false when no trunk has a line for such calls: then they wait.
	Lines bool `json:"lines"`
}

// OutreachEnded is what became of a list that has ended.
type OutreachEnded struct {
	Cancelled int `json:"cancelled"` // Calls that had not begun.
	Erased    int `json:"erased"`    // People of whom nothing is kept but counts, and keyed hashes of who has refused.
	Left      int `json:"left"`      // People whose call goes on.
}

// Outreach is how the list stands. It names nobody.
type Outreach struct {
	Listed    int            `json:"listed"`     // People whom it names.
	NotBooked int            `json:"not_booked"` // Of those, without a call: starting books one.
	Open      int            `json:"open"`       // With a call that waits, or goes on.
	Unreached int            `json:"unreached"`  // Tried as often as the ladder says, in vain.
	Answers   map[string]int `json:"answers"`    // What was keyed last, the erased included.
}
