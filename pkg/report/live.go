package report

import (
	"time"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
)

// Live is how one scheme stands: the figures of its committed events up to Number. Instants are the service's clock unless
// they say real time. Today is the day of At in the scheme's zone; a promise belongs to the day of its local date.
type Live struct {
	At     time.Time // The now that what depends on time was counted for.
	Number int64     // Of the last event in it.
	// AsOf is an instant of real time: everything that was committed before it is in these figures. Its distance from now is
	// how far behind they may be.
	AsOf time.Time
	// Version counts the changes that a viewer would see, since this process began to follow the scheme.
	Version uint64

	Today    Today
	Callers  []Working // Everybody on the roster who is enabled, those who are off included, in no order.
	Queues   []Queue   // Those in which inbound parties wait for somebody; today there is one.
	Messages int       // Messages and registrations left on the line and not handled, of whatever day.
	// Appointments is what people have said of their next calls.
	Appointments Appointments
	// Waiting is why due promises wait, as the dispatcher that leads the scheme said at WaitingAt (real time; zero when it has
	// said nothing): unlike the rest it is no fold of events.
	Waiting   dispatch.Waiting
	WaitingAt time.Time
}

// Age is how far behind the figures may be at now, by real time.
func (l Live) Age(now time.Time) time.Duration { return max(0, now.Sub(l.AsOf)) }

// WaitingStale reports whether what the dispatcher says is too old at now, by real time, or was never said.
func (l Live) WaitingStale(now time.Time) bool {
	return l.WaitingAt.IsZero() || now.Sub(l.WaitingAt) > WaitingStaleAfter
}

const (
	// StaleAfter is how old figures may be before they have to be marked as delayed; real time.
	StaleAfter = time.Second
	// WaitingStaleAfter is the same for what the dispatcher says, which it does every half second; real time.
	WaitingStaleAfter = 3 * time.Second
)

// Today counts today's promises (occurrences), by where they stand.
type Today struct {
	Planned int // All of them but the moved and the cancelled.
	Due     int // Their window has begun; every state but moved and cancelled.
	Open    int // Their window has begun and they wait for a caller or a retry.
	Later   int // They wait, and their window has not begun.
	Claimed int // An attempt is under way, nobody talks yet.
	Live    int // Two people talk.

	Reached   int // They talked.
	Unreached int // We rang inside the window, nobody answered, retries are spent.
	Missed    int // We never rang inside the window.
	Moved     int
	Cancelled int

	// Late counts the open ones whose window ends within LateWithin.
	Late int
	// OldestOpen is when the window began of the open promise that has waited longest; zero when none is open. The oldest
	// wait is the time since.
	OldestOpen time.Time
	// LeastSlack is when the least slack of the open promises is used up: the earliest end of a window less the planned
	// length; zero when none is open. It may be past.
	LeastSlack time.Time
}

// LateWithin is how near the end of its window an open occurrence counts as late.
const LateWithin = 30 * time.Minute

// Kept counts the promises kept today: the person was reached, or we rang inside the window and she did not answer.
func (t Today) Kept() int { return t.Reached + t.Unreached }

// Working is a caller or registrar and what she does.
type Working struct {
	ID        string // UUID seen outside.
	Enabled   bool   // She works for the scheme still.
	Registrar bool
	State     call.CallerState
	Reason    string // A word of the catalogue, such as "lunch".
	Since     time.Time
	// CallsToday counts the calls of promises that she was in last, that were answered and that ended today.
	CallsToday int
}

// Appointments counts what people, or somebody with their number, asked of their next calls, and what became of it today.
type Appointments struct {
	Confirmed int // Calls that they expect, as they said.
	Changed   int // Calls moved or skipped, and absences, at their wish.
	Pending   int // Changes that wait for their word, of whatever day.
	Refused   int // Changes of which they said no when they were rung back: somebody may use their number.
	Lapsed    int // Changes of which they said nothing, or that were no longer possible: the call stays as promised.
}

// QueueRegistrars names the queue of the registration line.
const QueueRegistrars = "registrars"

// AnsweredWithin is the wait within which an inbound party counts as answered in time (service level).
const AnsweredWithin = 20 * time.Second

// Queue is one inbound queue. A party is counted on the day on which she began to wait, from then on in everything that
// becomes of her.
type Queue struct {
	Name    string
	Waiting int // Parties who wait now, of whatever day.
	// Oldest is since when the one waits who has waited longest; zero when nobody does. The longest wait is the time since.
	Oldest  time.Time
	Talking int // Parties who talk to somebody now, of whatever day.

	Offered        int // Parties who began to wait today.
	Answered       int // Those of them who talked to somebody.
	AnsweredInTime int // Those of them who had waited AnsweredWithin at most.
	Abandoned      int // Those of the offered who hung up while they waited.
	Ended          int // Those of the answered whose conversation is over.
	// Wait is the sum of the waits of the answered.
	Wait time.Duration
	// Talk is the sum of the conversations of the ended.
	Talk time.Duration
	// CallbacksOwed counts the calls of kind callback that have not ended, of whatever day.
	CallbacksOwed int
}

// SpeedOfAnswer is the mean wait of those who were answered (ASA); 0 when nobody was.
func (q Queue) SpeedOfAnswer() time.Duration { return mean(q.Wait, q.Answered) }

// HandleTime is the mean length of the conversations that are over (AHT); 0 when there is none. Notes written afterwards
// are not in it: nothing recorded ties them to a call.
func (q Queue) HandleTime() time.Duration { return mean(q.Talk, q.Ended) }

func mean(sum time.Duration, n int) time.Duration {
	if n == 0 {
		return 0
	}
	return sum / time.Duration(n)
}

// Longest returns how long the first party in the queue has waited at now.
func (q Queue) Longest(now time.Time) time.Duration {
	if q.Oldest.IsZero() {
		return 0
	}
	return max(0, now.Sub(q.Oldest))
}

// Record is what the records say of a scheme at one moment, of which Number is the last event: what a Fold begins with.
type Record struct {
	Number int64
	At     time.Time // The now it was read for.
	Zone   *time.Location
	// Ended counts today's promises that have ended and whose window had begun by At. They change no more.
	Ended map[call.OccurrenceState]int
	// Promises are the others of today, and the callbacks of whatever day that have not ended.
	Promises []Promise
	// Attempts are those under way, with their occurrences (UUIDs seen outside).
	Attempts map[string]string
	Callers  []Working
	Messages int
	// Appointments are those of today, and the pending ones of whatever day.
	Appointments Appointments
	// Queue counts the parties of today as far as they have come; Parties are those who wait or talk still, of whatever day.
	Queue   Queue
	Parties []Party
}

// Promise is an occurrence as far as the figures depend on it.
type Promise struct {
	ID            string // UUID seen outside.
	Kind          call.Kind
	State         call.OccurrenceState
	LocalDate     time.Time // Midnight UTC of the local day.
	Opens, Closes time.Time
	Length        time.Duration
}

// Party is an inbound party in the registrars' queue who waits, or talks to a registrar.
type Party struct {
	ID       string // UUID seen outside.
	Queued   time.Time
	Answered time.Time // Zero while she waits.
}
