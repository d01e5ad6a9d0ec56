// Package report holds the scheme's figures: what the wall shows now and, later, what the scheme report prints. It does
// no I/O: package postgres computes the figures, package web shows them, and both speak the types of this package.
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

// Figures computes what the pages show. Package postgres implements it.
type Figures interface {
	// Scheme finds a scheme by the id seen outside (a UUID in either notation), or returns ErrNoScheme.
	Scheme(ctx context.Context, id string) (Scheme, error)
	// Wall computes the wall of one scheme as it stands now. Today is the local day of now in the scheme's zone.
	Wall(ctx context.Context, scheme int64, now time.Time) (Wall, error)
}

// Scheme names one town's service.
type Scheme struct {
	Key      int64  // Inside the database.
	ID       string // UUIDv7 seen outside, 36 characters.
	Name     string
	Zone     string // IANA zone, such as Europe/Brussels.
	Language roster.Language
	Paused   bool
}

// Wall is what the coordinator's wall shows at one instant. It is shown to people who are signed in, so it names the
// scheme's own staff; of beneficiaries it only holds the town's reference, never a name or a number.
type Wall struct {
	Scheme Scheme
	At     time.Time // The now it was computed for.
	Today  Today
	Line   Line
	// Callers holds everybody on the roster who is enabled and not off, and how many are off is in CallersOff.
	Callers    []Caller
	CallersOff int
	Live       []LiveCall // The longest first.
	Last       []Ended    // The newest first, at most LastEnded of them.
}

// LastEnded is how many ended attempts the wall shows.
const LastEnded = 12

// Today counts the occurrences whose local date is today, by where they stand.
type Today struct {
	Planned   int // All of them but the moved and the cancelled.
	Due       int // Their window has begun; every state but moved and cancelled.
	Open      int // Their window has begun and they wait for a caller or a retry.
	Later     int // Their window has not begun.
	Claimed   int
	Live      int
	Reached   int
	Unreached int
	Missed    int
	Moved     int
	Cancelled int
	// Late counts open occurrences whose window ends within LateWithin.
	Late int
	// Attempts counts today's attempts, ended or not.
	Attempts int
}

// LateWithin is how near the end of its window an open occurrence counts as late.
const LateWithin = 30 * time.Minute

// Kept counts the promises kept today: the person was reached, or we rang inside the window and she did not answer.
func (t Today) Kept() int { return t.Reached + t.Unreached }

// Line is the registration line now.
type Line struct {
	Waiting  int       // People waiting for a registrar.
	Since    time.Time // Since when the first of them waits; zero when nobody does.
	Talking  int       // People talking to a registrar.
	Messages int       // Messages left and not handled yet.
}

// Longest returns how long the first person in the queue has waited at now.
func (l Line) Longest(now time.Time) time.Duration {
	if l.Waiting == 0 || l.Since.IsZero() {
		return 0
	}
	return max(0, now.Sub(l.Since))
}

// Caller is one caller or registrar on the wall.
type Caller struct {
	ID         string // UUID seen outside.
	Name       string // Display name.
	Registrar  bool
	State      call.CallerState
	Reason     string // A word of the catalogue, such as "lunch" or "missed_offer".
	Since      time.Time
	CallsToday int
}

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
