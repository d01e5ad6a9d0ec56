package call

import "time"

// Answer is what the person of a call without a caller has said by keypad. It is recorded at once: what she pressed outlives
// whatever happens to the call afterwards.
type Answer struct {
	Scheme   int64
	Attempt  ID
	N        int    // Counts the answers of the attempt from 1.
	Question string // A word of the flow.
	Answer   string // A word of the flow: one of those below, or a figure of a scale.
	// Survey, when set, is the survey in whose figures it counts; then it is kept nowhere else.
	Survey string
	At     time.Time
}

// The answers that have consequences, or that every flow words alike.
const (
	AnswerWell      = "well"      // All is well.
	AnswerCallBack  = "call_back" // She wants to be called by a person: a call back is booked.
	AnswerConfirmed = "confirmed" // She keeps the appointment.
	// Of an outreach call.
	AnswerRegister = "register" // She wants to be registered: that waits for the registrars.
	AnswerDeclined = "declined" // Not interested, or undecided: she is not called again for this list.
	AnswerNever    = "never"    // Never to be called again: when the call ends, what is known of her is erased.
)
