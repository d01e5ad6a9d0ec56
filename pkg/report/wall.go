// Package report holds the scheme's figures: those that are live (Live, Fold, Feeds) and what else the wall shows. Package
// postgres reads what they begin with, package natsbus carries the events that change them, packages web and api show
// them; all speak the types of this package.
package report

import (
	"context"
	"errors"
	"time"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// ErrNoScheme means that no scheme has the id, or none that the asker may see.
var ErrNoScheme = errors.New("no such scheme")

// Scheme names one town's service.
type Scheme struct {
	Key      int64  // Inside the database.
	ID       string // UUIDv7 seen outside, 36 characters.
	Name     string
	Zone     string // IANA zone, such as Europe/Brussels.
	Language roster.Language
	Paused   bool
}

// Roll is what a wall shows beside the live figures: whom they are about. It is shown to people who are signed in, so it
// names the scheme's own staff; of beneficiaries it only holds the town's reference, never a name or a number.
type Roll struct {
	Scheme Scheme
	Names  map[string]string // Display names of the callers by their ids, of those who are not off.
	Calls  []LiveCall        // Attempts under way, the longest first.
	Last   []Ended           // The newest first, at most LastEnded of them.
	// Welfare are people who were not reached as they were promised, and whom nobody has looked after yet, the longest first, at most
	// MostWelfare of them.
	Welfare []Worry
	// Proposed is how many people were proposed and have not answered yet, and Untold of how many of them it is not written down what
	// they answered at their first call.
	Proposed, Untold int
	// Oldest is since when the oldest item of the inbox waits; zero when none does.
	Oldest time.Time
	// Asked are the questions that the line was asked most in the last AskedDays days, at most MostAsked of them. Nobody is in it.
	Asked []Asked
}

const (
	// MostAsked is how many questions the wall shows.
	MostAsked = 3
	// AskedDays is of how many days the wall counts questions, today among them.
	AskedDays = 7
)

// Asked is a question that people ask on the line, and how often.
type Asked struct {
	Title map[roster.Language]string
	Times int
}

// Wall is what the coordinator's wall shows at one instant.
type Wall struct {
	Roll
	Live
	Stale bool // The figures are older than StaleAfter.
}

// Records reads the rolls. Package postgres implements it.
type Records interface {
	Source
	// Scheme finds a scheme by the id seen outside (a UUID in either notation), or returns ErrNoScheme.
	Scheme(ctx context.Context, id string) (Scheme, error)
	// Roll reads the roll of one scheme as it stands at now.
	Roll(ctx context.Context, scheme int64, now time.Time) (Roll, error)
}

// MostWelfare is how many people who wait to be looked after the wall shows.
const MostWelfare = 50

// Worry is somebody who waits to be looked after: an item of the inbox.
type Worry struct {
	Item        string // Its id.
	Beneficiary string // The town's own reference of the person.
	Class       int
	Ended       call.OccurrenceState // How the promised call ended: unreached or missed.
	Since       time.Time
	TakenBy     string    // Who looks after her; empty when nobody does.
	Due         time.Time // When somebody must have begun to, or be done.
}

// Late reports whether nobody has looked after her in time.
func (w Worry) Late(now time.Time) bool { return !now.Before(w.Due) }

// LastEnded is how many ended attempts the wall shows.
const LastEnded = 12

// LiveCall is one attempt under way.
type LiveCall struct {
	Attempt     call.ID
	Kind        call.Kind
	State       call.State
	Since       time.Time // Since when it is in this state.
	Caller      string    // Display name; empty while no caller holds it.
	Beneficiary string    // The town's own reference of the person.
	Class       int
}

// Ended is one attempt that has ended.
type Ended struct {
	Attempt     call.ID
	Kind        call.Kind
	At          time.Time
	Result      call.Result
	Reason      call.Reason
	Fault       call.Fault
	Talk        time.Duration
	Caller      string
	Beneficiary string
}
