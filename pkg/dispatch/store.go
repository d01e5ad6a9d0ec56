package dispatch

import (
	"context"
	"errors"
	"time"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/schedule"
)

// Errors of a Store.
var (
	// ErrFenced means that another node has taken the lead of the scheme since: this one must stop acting for it.
	ErrFenced = errors.New("another node leads this scheme")
	// ErrNumberBusy means that a live attempt already holds the number, in whatever scheme, or that the person is in
	// another live attempt.
	ErrNumberBusy = errors.New("a live attempt holds this number")
	// ErrCallerReserved means that the caller already holds a reservation, in whatever scheme.
	ErrCallerReserved = errors.New("the caller holds a reservation")
	// ErrStale means that the row is no longer in the state the operation starts from; nothing was changed by it.
	ErrStale = errors.New("the record has moved on")
	// ErrStoreDown means that the store could not be reached and nothing is known to be committed.
	ErrStoreDown = errors.New("the store is out of reach")
)

// ErrNotPermitted is returned by a Switchboard for a number that its scheme may not ring: the attempt ends as not permitted,
// and nothing else is held up by it.
var ErrNotPermitted = errors.New("the number is not on the scheme's allow-list")

// Errors of a Dispatcher.
var (
	// ErrUnknownScheme means that this dispatcher does not lead the scheme.
	ErrUnknownScheme = errors.New("the scheme is not led here")
	// ErrUnknownCaller means that the scheme has no such enabled caller or registrar.
	ErrUnknownCaller = errors.New("no such caller")
	// ErrCallerBusy means that the caller may not go into that state now, in a call for example.
	ErrCallerBusy = errors.New("the caller cannot go into that state now")
	// ErrNobodyFree means that no registrar can be rung now.
	ErrNobodyFree = errors.New("no registrar is free")
	// ErrNothing means that the caller would be given nothing.
	ErrNothing = errors.New("there is no next call")
)

// Store keeps what dispatch decides and learns. Every write names the epoch under which its writer leads, and a writer
// that was overtaken gets ErrFenced. Operations of one Apply are committed in one transaction, together with their events,
// in the order of the slice.
//
// Applying an operation again is harmless, because after a lost answer the engine cannot know whether its batch was
// committed: a Claim or an Offer of an attempt that exists already answers nil when it is the same one (same attempt, offer
// and caller); OfferEnd, Progress, Answer and CallerChange answer nil; Finish and Settle answer ErrStale. dispatchtest.ExerciseStore
// says the same in code.
type Store interface {
	// Lead takes the lead of a scheme: the epoch is raised in Postgres and returned.
	Lead(ctx context.Context, scheme int64, holder string, now time.Time) (epoch int64, err error)
	// Load reads what the dispatcher of a scheme holds in memory: every occurrence that is not ended and opens before
	// until (those of live attempts always; Snapshot.Until says when there are too many), every caller and registrar, and every attempt that has not ended.
	Load(ctx context.Context, scheme int64, now, until time.Time) (*Snapshot, error)
	// Apply commits a batch under the epoch. The returned slice holds one error (or nil) per operation: ErrNumberBusy,
	// ErrCallerReserved or ErrStale refuse only their own operation. The second result is set when nothing at all was
	// committed: ErrFenced, ErrStoreDown.
	Apply(ctx context.Context, scheme, epoch int64, now time.Time, ops []Op) ([]error, error)
	// Plan books occurrences that do not exist yet, up to until, for every valid agreement of the scheme, as
	// schedule.Between gives them with the agreement's key as the seed. It is idempotent (a person has at most one promise, a
	// scheduled or a welcome-back call, per local date) and returns how many were booked. An agreement that leaves its days
	// free may be given its place first (schedule.Load).
	Plan(ctx context.Context, scheme, epoch int64, now, until time.Time) (int, error)
}

// Snapshot is what a dispatcher starts from.
type Snapshot struct {
	Scheme      Scheme
	Occurrences []Occurrence
	Callers     []Caller
	Live        []LiveAttempt
	// Lost are attempts that were begun in a time that the store has lost, and may go on; Restored says that it was brought back to an
	// earlier moment, on which no person has decided yet.
	Lost     []call.Live
	Restored bool
	Talks    []Talk // Of parties on the line with registrars, that were under way when this node led last.
	// Tried is how often each person was tried in vain today, by her date and over all her calls; without those who were not.
	Tried map[int64]int
	// EventNumber is the last event number of the scheme.
	EventNumber int64
	// Until is set when the scheme has so much that the occurrences opening from then on were left out.
	Until time.Time
}

// Scheme is one town's service, as dispatch sees it.
type Scheme struct {
	ID             int64
	Name           string
	Zone           *time.Location
	Paused         bool
	Trunk          string               // Endpoint of the trunk that carries outbound calls.
	Lines          int                  // Trunk lines in all.
	InboundReserve int                  // Lines never used outbound; 0 means a fifth of all, at least 1.
	CallsPerSecond float64              // Starts per real second on average; 0 means no pacing.
	CLI            map[call.Kind]string // Number presented, per kind; the empty kind is the default.
	Hold           time.Duration        // How long an occurrence waits for its reference caller.
	WrapUp         time.Duration        // After-call work before a caller is ready again by herself; 0 means none.
	Retry          RetryLadder
	Opens, Closes  roster.Clock   // Scheme hours, 9:30 to 17:00 by default.
	Hours          *schedule.Week // Per day of the week; nil means Opens to Closes, Monday to Friday.
	Country        string         // "FR" or "BE": public holidays and the numbers' default region.
	Region         string         // ISO 3166-2, such as "FR-67": where holidays differ from the country's; empty as a rule.
	Exceptions     []schedule.Exception
	// Trunks carry its calls, tried in this order; they may be shared with other schemes. Without any it is the one that Trunk,
	// Lines, InboundReserve, CallsPerSecond and CLI describe.
	Trunks []Trunk
	Load   Load // What one caller is given on a day.
	// Overflow is how long a party on the line waits for a registrar who speaks her language while one is on shift; then any
	// registrar takes the call, and anybody on shift with the role OverflowTo, if there is one. 0 means 2 min.
	Overflow   time.Duration
	OverflowTo roster.Role
}

// RetryLadder says when and how often an attempt that reached nobody is tried again.
type RetryLadder = schedule.Ladder

// Occurrence is one promised call.
type Occurrence struct {
	ID          int64
	Agreement   int64
	Beneficiary int64
	Kind        call.Kind
	State       call.OccurrenceState
	Class       int       // 0 to 3; 3 is the most vulnerable.
	Opens       time.Time // Window.
	Closes      time.Time
	NotBefore   time.Time // Next try; Opens at first.
	Length      time.Duration
	Deferred    int
	Attempts    int // That rang her, or tried to.
	Rang        bool
	Language    roster.Language
	Skills      []string // That the caller has to have; none asks for none.
	Hard        bool     // Expected to be a hard call: callers who are spared those are not given it.
	Queued      bool     // A callback of the line: it waits in the registrars' queue, in the place that Opens gives it.
	Reference   int64    // Caller keys; 0 means none.
	Deputy      int64
	LastCaller  int64
	Continuity  roster.Continuity
	Numbers     []string // E.164, in the person's order; never empty.
	CallerRing  time.Duration
	Ring        time.Duration
	LocalDate   time.Time        // Midnight UTC of the local day.
	Terms       roster.Agreement // From which the next one is booked.
	Agreed      call.Kind        // What kind of calls they promise; empty means KindScheduled.
	PersonZone  *time.Location   // Of her windows and dates; nil means the scheme's.
	Pauses      []schedule.Pause // No-call periods and absences of the person; they bear on the next one.

	slot int32 // Where a Board has filed it; a hint, which another occurrence's is not taken for.
}

// Caller is one caller or registrar.
type Caller struct {
	ID          int64
	Roles       []roster.Role
	Languages   []roster.Language
	Skills      []string
	State       call.CallerState
	Since       time.Time
	Endpoint    string // Softphone; empty when she uses an ordinary phone.
	Number      string // Ordinary phone, E.164.
	Enabled     bool
	MissedInRow int
	HardToday   int
	CallsToday  int
	TalkToday   time.Duration
	HardInRow   int       // Hard calls since her last courtesy call of the day.
	RowBefore   int       // The same before her last call, which she may say was hard later.
	LastCall    call.ID   // The last attempt of the day in which she talked; empty when there is none.
	HardEnded   time.Time // When her last hard call of the day ended; zero when there is none.
	Rest        time.Time // Until when she is left alone after it: the dispatcher's, it is not recorded.
	Load        Load      // Her own bounds; a zero field takes the scheme's.
	LastEnded   time.Time
	// OnLine is set while her own phone is in use for something else, such as a feature code: she is offered nothing.
	// It is not recorded.
	OnLine bool

	slot int32 // Where a Board has filed her; a hint, which another caller's is not taken for.
}

// LiveAttempt is an attempt that has not ended, found at start.
type LiveAttempt struct {
	call.Live
	Occurrence int64
}

// Op is one write: Claim, Offer, OfferEnd, Progress, Answer, Finish, CallerChange, Settle, CloseCall or InboundStep.
type Op interface{ op() }

// Claim commits the intent to ring: the occurrence becomes claimed, the attempt with its first offer exists, the number and
// the caller are held across all schemes. Without a caller there is no offer, and nobody but the number is held.
type Claim struct {
	Occurrence int64
	Order      call.Order
	At         time.Time
}

// Offer commits a further offer of a running attempt to another caller; the former caller's reservation is given back by
// its own OfferEnd.
type Offer struct {
	Occurrence int64
	Order      call.Order
	At         time.Time
}

// OfferEnd records what became of an offer and releases its caller's reservation, if the attempt goes on without her.
type OfferEnd struct {
	Attempt call.ID
	Offer   int
	State   call.OfferState
	At      time.Time
}

// Progress records that an attempt got further.
type Progress struct{ Step call.Step }

// Answer records what the person of a call without a caller has said by keypad, once: the nth answer of an attempt is
// recorded when fewer than n were. One that names a survey is added to its counts, and not kept with the attempt.
type Answer struct {
	Given call.Answer
	// Callback is booked in the same transaction when she asks for it; nil otherwise. When she has an open one already,
	// nothing is booked. The store sets its ID and its Agreement through *Callback, in both cases.
	Callback *Occurrence
}

// Finish records the outcome of an attempt, releases the number and the caller's reservation, and settles the occurrence,
// all at once. A second Finish of the same attempt gets ErrStale and changes nothing, whatever the epoch: the first writer
// wins. So does a Finish that names an earlier offer than the attempt's last: its writer was overtaken, and the later offer may
// be ringing.
type Finish struct {
	Outcome    call.Outcome
	Settlement Settlement
	// Hard and Talk count in the caller's day when it was answered: whether it was expected to be hard (then it does not
	// interrupt her hard calls in a row), and how long they talked by the service's clock.
	Hard bool
	Talk time.Duration
}

// Settle ends or reopens an occurrence without an attempt (its window closed, it was cancelled).
type Settle struct{ Settlement Settlement }

// Settlement is what becomes of an occurrence.
type Settlement struct {
	Occurrence int64
	State      call.OccurrenceState
	NotBefore  time.Time // With OccurrenceOpen: the next try.
	Attempts   int
	Deferred   int
	Rang       bool
	// Next is the occurrence booked in the same transaction when this one ended; nil when the agreement has ended. When
	// the agreement has one of that kind on that local date already, nothing is booked. The store sets its ID through
	// *Next, in both cases; to 0 when the one it has was moved to another day.
	Next *Occurrence
	At   time.Time
}

// CallerChange records a caller's state. The dispatcher writes one for every change, also for those that go with a Claim,
// an Offer or a Finish: these hold and release reservations only. Of one caller each is later than the one before, by a
// microsecond at least; one that is earlier than what is recorded was recorded before.
type CallerChange struct {
	Caller int64
	State  call.CallerState
	Reason string // A word of the catalogue ("lunch", "missed_offer"), never free text.
	At     time.Time
}

// CloseCall records what the caller says of a call, by keypad or on a form. A difficult one counts as hard in her day, one
// that was difficult and is courtesy after all no longer does. A later one of the same attempt replaces the former, except that DayLater, once said, stays: a caller who closes her call again to add something does not take it
// back. The first one with DayLater moves the promised call that follows, as the function DayLater says, in the same
// transaction; so does the end of the attempt, when that is recorded after it.
type CloseCall struct {
	Attempt     call.ID
	Caller      int64
	Disposition call.Disposition
	FollowUp    bool
	DayLater    bool // The next call a day later than proposed.
	At          time.Time
}

// InboundStep records how a party in the registrars' queue gets on: queued, then answered and ended, or left. Each kind counts
// once for a party.
type InboundStep struct {
	Party     string // UUID seen outside.
	Key       string // Of her call at the PBX; with InboundQueued.
	Kind      InboundKind
	Language  roster.Language // With InboundQueued.
	Reason    InboundReason   // With InboundLeft.
	Registrar int64           // With InboundAnswered and InboundEnded.
	At        time.Time
}

// InboundKind is a step of a party in the registrars' queue.
type InboundKind string

// The steps.
const (
	InboundQueued   InboundKind = "queued"
	InboundAnswered InboundKind = "answered" // The two talk.
	InboundLeft     InboundKind = "left"     // She left without having talked.
	InboundEnded    InboundKind = "ended"    // They have talked.
)

// InboundReason is why a party left the queue without having talked to a registrar.
type InboundReason string

// The reasons.
const (
	InboundAbandoned InboundReason = "abandoned" // She hung up.
	InboundCallback  InboundReason = "callback"  // She would rather be called back.
	InboundNobody    InboundReason = "nobody"    // The last registrar went off shift, or she had waited for too long.
	InboundLost      InboundReason = "lost"      // The service, or its lead of the scheme, ended meanwhile.
)

// InboundReasons lists every reason.
func InboundReasons() []InboundReason {
	return []InboundReason{InboundAbandoned, InboundCallback, InboundNobody, InboundLost}
}

func (Claim) op()        {}
func (Offer) op()        {}
func (OfferEnd) op()     {}
func (Progress) op()     {}
func (Answer) op()       {}
func (Finish) op()       {}
func (Settle) op()       {}
func (CallerChange) op() {}
func (CloseCall) op()    {}
func (InboundStep) op()  {}
