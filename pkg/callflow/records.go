package callflow

import (
	"context"
	"errors"
	"time"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/schedule"
)

// Errors of Callers and Records that change what an inbound party or a caller hears. Any other error means that the answer
// is not known now, and is said as such.
var (
	// ErrUnknownLine means that no scheme answers this number.
	ErrUnknownLine = errors.New("no scheme answers this number")
	// ErrUnknownCaller means that the SIP endpoint belongs to no enabled caller or registrar.
	ErrUnknownCaller = errors.New("the endpoint belongs to no caller")
	// ErrNobodyFree means that no registrar can be rung now.
	ErrNobodyFree = errors.New("no registrar is free")
	// ErrRefusedNow means that the caller may not go into that state now (for example a break during a call).
	ErrRefusedNow = errors.New("the caller cannot go into that state now")
	// ErrNotYet means that what is asked for is being written down just now.
	ErrNotYet = errors.New("it is not written down yet")
	// ErrNothing means that there is nothing of the kind: no next call, no call to close.
	ErrNothing = errors.New("there is none")
	// ErrNotAllowed means that the scheme may not ring the number.
	ErrNotAllowed = errors.New("the scheme may not ring this number")
	// ErrNoRoom means that another call today would break a promise.
	ErrNoRoom = errors.New("there is no room for another call today")
	// ErrNoLine means that no line of the scheme's trunks is free for another call out.
	ErrNoLine = errors.New("no line is free")
	// ErrAlready means that the person has a call today.
	ErrAlready = errors.New("there is a call today already")
)

// Desk is told how an order gets on; the dispatcher implements it. Its methods are quick: they queue and return. For one
// attempt Step and Ended are called in order, never twice with the same end.
type Desk interface {
	// Placed says how long the PBX took to answer the command that starts an offer; it is not called when none was given.
	Placed(attempt call.ID, offer int, took time.Duration)
	Step(call.Step)
	Ended(call.Outcome)
	// Answered tells what the person of a call without a caller has keyed, while it goes on.
	Answered(call.Answer)
}

// Callers is the dispatcher as callers and registrars reach it by telephone. Its methods are safe for use by several
// goroutines.
type Callers interface {
	// SetState changes a caller's state at her own wish: off, ready, ready_once or break. It returns ErrRefusedNow when
	// she is in a call or reserved; the wish is then kept by nobody. How she was known is part of the event.
	SetState(ctx context.Context, scheme, caller int64, state call.CallerState, known Known) error
	// OnLine says that the caller's own phone is in use, for a feature code, or free again: she is offered nothing
	// meanwhile. Every call with inUse set is followed by one without, unless the service stops first.
	OnLine(scheme, caller int64, inUse bool)
	// Next says whom the caller would be given now, or ErrNothing.
	Next(ctx context.Context, scheme, caller int64) (NextCall, error)
	// CloseCall records what the caller says of a call by keypad. A later one of the same attempt replaces the former.
	CloseCall(ctx context.Context, c Closing) error
	// CallerLeft says that the caller of an attempt whose Outcome had CallerPresent set has left the line, at the latest
	// when her phone is gone. It is called exactly once per such outcome unless the service stops first; until then her
	// phone is not free.
	CallerLeft(scheme, caller int64, attempt call.ID, at time.Time)
	// JoinQueue puts a party at the end of the registrars' queue. Her turns are told through tell, which returns at once, one
	// after the other: a registrar reserved for her, which is answered with ReleaseRegistrar, or that nobody is on shift any
	// more. While nobody is, it returns ErrNobodyFree, and she does not wait.
	JoinQueue(ctx context.Context, scheme int64, p Party, tell func(Turn)) error
	// QueuePlace says where a party stands in the queue. An error means that the queue knows nothing of her any more.
	QueuePlace(ctx context.Context, scheme int64, key string) (Place, error)
	// QueueLength is how many parties of the scheme wait for a registrar.
	QueueLength(ctx context.Context, scheme int64) (int, error)
	// LeaveQueue ends a party's wait; for one who has talked it does nothing.
	LeaveQueue(scheme int64, key string, why LeftReason)
	// PromiseCallback keeps a callback, in the place that the party had in the queue. When it returns nil it survives whatever
	// comes. A number that is owed one already is owed no other. It returns ErrNotAllowed for a number that the scheme may
	// not ring.
	PromiseCallback(ctx context.Context, c Callback) error
	// CallToday books a call of a person today and says at about what time, if it breaks no promise: ErrNoRoom otherwise,
	// and ErrAlready when she has one today.
	CallToday(ctx context.Context, scheme, beneficiary int64) (at time.Time, err error)
	// Joined says that a party and the registrar reserved for her talk.
	Joined(scheme int64, key string)
	// MayRing returns ErrNotAllowed when the scheme may not ring a number (E.164), another error when nobody knows.
	MayRing(ctx context.Context, scheme int64, number string) error
	// TakeLine uses a line of one of the scheme's trunks for a call to somebody whom a party on the line is connected with. It
	// returns ErrNoLine when there is none now. What was taken under a key is given back with GiveLine.
	TakeLine(ctx context.Context, scheme int64, key string) (Way, error)
	// GiveLine gives back a line taken under the key.
	GiveLine(scheme int64, key string)
	// ConfirmRegistrar returns ErrUnknownCaller when a reserved registrar who has just answered left the scheme while her
	// phone rang. She must not take the call.
	ConfirmRegistrar(ctx context.Context, scheme, registrar int64, key string) error
	// ReleaseRegistrar ends the reservation: accepted when the two talked; timed_out, declined or failed when the
	// registrar's phone was not answered (missed-offer protection); recalled when the inbound party left before. A party who
	// has not talked keeps her place, and her next turn follows.
	ReleaseRegistrar(ctx context.Context, scheme, registrar int64, key string, state call.OfferState) error
	// HoldNumber marks a number (E.164; empty when withheld) as being on the inbound line, so that nobody rings it meanwhile
	// and a line of the trunk is counted. Holding twice under the same key is harmless. Held numbers are given back with ReleaseNumber, or when the process ends.
	HoldNumber(ctx context.Context, number, key, trunk string) error
	// ReleaseNumber gives back a number held under the key.
	ReleaseNumber(ctx context.Context, number, key string) error
}

// Party is an inbound party who wants a registrar.
type Party struct {
	Key      string // Of the inbound call.
	ID       string // UUIDv7 seen outside.
	Language roster.Language
}

// Turn is what a waiting party is told: that a registrar is reserved for her, or that nobody is on shift any more.
type Turn struct {
	Registrar Registrar
	Nobody    bool
}

// Place is where a party stands in the queue.
type Place struct {
	Position int           // From 1.
	Wait     time.Duration // Expected; 0 when too little is known to say so.
}

// LeftReason is why a party left the queue without having talked.
type LeftReason string

// The reasons.
const (
	LeftAbandoned LeftReason = "abandoned" // She hung up.
	LeftCallback  LeftReason = "callback"  // She would rather be called back.
	LeftNobody    LeftReason = "nobody"    // The last registrar went off shift, or she had waited for too long.
)

// Known says how a caller was known who changed her state by telephone.
type Known string

// The ways of knowing a caller.
const (
	KnownByPhone  Known = ""          // Her own SIP account, which proves who she is.
	KnownByNumber Known = "by_number" // The number that she rang from, which can be forged: see decision 8.
)

// NextCall is what a caller may be told before a call: nothing that identifies a person.
type NextCall struct {
	Kind  call.Kind
	At    time.Time // When it may be dialled; the past means now.
	Class int
	// Reference is set when the caller is the person's reference caller.
	Reference bool
	// Name is the first name, spoken to the caller only; empty when it is not known.
	Name string
	// Asked is the change of her calls that waits for the person's word: the caller asks for it. Empty when there is none.
	Asked ChangeKind
}

// Closing is a call closed by keypad. The zero Disposition leaves it as it was.
type Closing struct {
	Scheme      int64
	Attempt     call.ID
	Caller      int64
	Disposition call.Disposition
	FollowUp    bool
	DayLater    bool // The next call a day later than proposed.
	At          time.Time
}

// Registrar is a registrar reserved for an inbound call.
type Registrar struct {
	ID       int64
	Endpoint string // Softphone; empty for an ordinary phone.
	Number   string // Ordinary phone, E.164.
	Trunk    string // For the ordinary phone.
	Language roster.Language
}

// Way is how a call goes out to the network.
type Way struct {
	Trunk string
	CLI   string // E.164, presented.
}

// Records is what the telephone reads and keeps; package postgres implements it. Its methods return ErrUnknownLine,
// ErrUnknownCaller or ErrNothing when there is no such row.
type Records interface {
	// Line returns what answers the number dialled, as the trunk delivers it or in E.164.
	Line(ctx context.Context, did string) (Line, error)
	// LineOf returns how a scheme answers whoever it has rung itself: its hours, zone and region, without a number dialled.
	LineOf(ctx context.Context, scheme int64) (Line, error)
	// Caller returns the enabled caller or registrar whose softphone is the endpoint.
	Caller(ctx context.Context, endpoint string) (Caller, error)
	// CallersAt returns the scheme's enabled callers and registrars who work from the ordinary phone with this number
	// (E.164), and whether the scheme calls somebody there too. Nobody is no error.
	CallersAt(ctx context.Context, scheme int64, cli string) (callers []Caller, called bool, err error)
	// SettingsAt returns how the line treats whoever is reached at a number (E.164); ErrNothing when nobody is known there.
	SettingsAt(ctx context.Context, scheme int64, cli string) (Settings, error)
	// Proposed returns the promised call that follows the one of an attempt: ErrNotYet while the end of the attempt is not
	// written down, ErrNothing when no call follows or the person is tried again first.
	Proposed(ctx context.Context, scheme int64, attempt call.ID) (Proposal, error)
	// Spoken returns what a scheme is called on the telephone; empty when it has no such name.
	Spoken(ctx context.Context, scheme int64) (string, error)
	// Upcoming returns the next promised call of the person of an attempt, after now, in the scheme's zone; ErrNothing when none
	// follows. It has no name.
	Upcoming(ctx context.Context, scheme int64, attempt call.ID, now time.Time) (Appointment, error)
	// Appointments returns the next promised call of each person reached at the number (E.164), earliest first, with
	// consent not refused or withdrawn; ErrNothing when nobody is known there. A person without a next call is in the
	// list with a zero Opens.
	Appointments(ctx context.Context, scheme int64, cli string, now time.Time) ([]Appointment, error)
	// LastAttempt returns the caller's latest answered attempt of her scheme that ended after since.
	LastAttempt(ctx context.Context, scheme, caller int64, since time.Time) (call.ID, error)
	// SaveMessage keeps a message; saving the same ID again changes nothing.
	SaveMessage(ctx context.Context, m Message) error
	// SaveRegistration keeps a registration; saving the same ID again changes nothing. It returns roster.ErrNumberRefused
	// when somebody else registers a person who is never to be called.
	SaveRegistration(ctx context.Context, g Registration) error
}

// Line is one number that people dial.
type Line struct {
	Scheme    int64
	Name      string // Of the scheme, as spoken in the greeting; empty for a neutral greeting.
	Number    string // E.164.
	Zone      *time.Location
	Region    string             // "FR" or "BE": how national numbers are read.
	Languages []roster.Language  // The first one is spoken at once; never empty.
	Flow      string             // Name of a flow in dialplans/; empty means "registration".
	Calendar  *schedule.Calendar // Public holidays; nil knows none.
	Hours     *schedule.Rules    // When it is staffed; nil is always.
}

// Caller is who a phone belongs to.
type Caller struct {
	Scheme    int64
	ID        int64
	FirstName string // Only from CallersAt, to tell those apart who share an ordinary phone.
	Language  roster.Language
	Zone      *time.Location
	State     call.CallerState
}

// Proposal is when a person is called next, in the scheme's zone.
type Proposal struct {
	Opens, Closes time.Time
}

// Appointment is the next promised call of one person behind a number.
type Appointment struct {
	FirstName   string // Spoken only to choose between several people.
	Opens       time.Time
	Closes      time.Time
	Beneficiary int64
	Occurrence  int64 // 0 without a next call.
	// Changeable says that it can be moved or skipped: it is an agreed call that has not begun.
	Changeable bool
}

// Message is what an inbound party left for the registrars.
type Message struct {
	ID        string // UUIDv7, chosen before the recording starts.
	Scheme    int64
	CLI       string // E.164; empty when withheld.
	Language  roster.Language
	Recording string        // File name below the PBX's recordings folder, without extension.
	Length    time.Duration // 0 when it is not known.
	At        time.Time
	// Dialled is the number dialled. It serves to find the scheme of a message that was left while the records were away;
	// SaveMessage never sees a message without a scheme.
	Dialled string
}
