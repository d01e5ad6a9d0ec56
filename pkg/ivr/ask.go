package ivr

import (
	"time"

	"github.com/rappel-tel/rappel/pkg/roster"
)

// Ask is something that only the host of a dialogue can do. The answer comes back through Walker.Answered.
type Ask string

// What a host may be asked.
const (
	AskNothing  Ask = ""
	AskLookup   Ask = "lookup"   // Output.What; answered with a name of Lookup.To and variables.
	AskRecord   Ask = "record"   // Output.Record; answered "kept", "empty", "full" or AnswerFailed.
	AskFact     Ask = "fact"     // Output.What, one of the Fact words; answered with its value, or AnswerFailed.
	AskQueue    Ask = "queue"    // Output.What and Callback; answered "talked", "nobody" or "callback".
	AskTransfer Ask = "transfer" // Output.What, the number; answered "talked" or "nobody".
	AskHangup   Ask = "hangup"   // Not answered.
	// AskRescue: the flow is broken beyond what Walker can mend, and the party is not to be hung up on. Not answered.
	AskRescue Ask = "rescue"
)

// What a flow may look up, or have done. A host that cannot answers AnswerFailed.
const (
	LookupAppointments   = "appointments"    // The party's next calls: one, several, unknown, slow (asked too often).
	LookupConfirm        = "confirm"         // She expects the call: done, gone.
	LookupOtherTimes     = "other_times"     // Other times for it, into "times": some, none, gone.
	LookupAwayFrom       = "away_from"       // Read from which day on she is away, into "from": ok, bad, often.
	LookupBack           = "away_back"       // Read on which day she is back, into "back": ok, bad, early (before she leaves), often.
	LookupAskChange      = "ask_change"      // Make the change: done; or note it and ring her back: soon, later, waits, refused, gone.
	LookupAsked          = "asked"           // The change that waits for her word: move, skip, away, none.
	LookupInterested     = "interested"      // Keep for the registrars that she wants to be registered: done.
	LookupNeverAgain     = "never_again"     // Keep for ever that nobody is to be called at this number: done.
	LookupAgree          = "agree"           // Make the change that she was told: done, gone.
	LookupRefuse         = "refuse"          // Drop it: done, gone.
	LookupConsentDue     = "consent_due"     // Whether the closed call was a first call whose answer nobody has told: yes, no.
	LookupConsentAgreed  = "consent_agreed"  // Write down that she agrees to be called: done, gone.
	LookupConsentRefused = "consent_refused" // Write down that she refuses, which erases her: done, gone.
	LookupConsentLater   = "consent_later"   // Write down that she wants to think about it: done, gone.
	LookupReady          = "ready"           // Make the caller ready: done, not_now.
	LookupReadyOnce      = "ready_once"      // For one more call: done, not_now.
	LookupBreak          = "break"           // done, not_now.
	LookupOff            = "off"             // done, not_now.
	LookupNextCall       = "next_call"       // When the caller is given a call: now, at, none.
	LookupNumber         = "callback_number" // Read the number that was typed: ok, bad, often.
	LookupCallback       = "callback"        // Promise a callback: promised, refused.
	LookupCallToday      = "call_today"      // Call her today if that can be kept: yes, no, already.
	LookupBegin          = "register_begin"  // Begin a registration: own (the party's number may be rung), ask, full (AnswerFull).
	LookupHerNumber      = "register_number" // Read the number that was typed: ok, bad, often.
	LookupDays           = "register_days"   // Read the days that were typed: ok, bad, often.
	LookupRegister       = "register_keep"   // Keep the registration: kept.
	LookupForget         = "register_forget" // Forget it: forgotten.
	LookupProposed       = "proposed"        // When the person of the closed call is called next: around, between, none.
	LookupTopics         = "topics"          // What questions are about, into "topics": some, none.
	LookupQuestions      = "questions"       // The questions on the topic chosen, into "questions": some, none.
	LookupAnswer         = "answer"          // The answer to the question chosen, into "parts": said, foreign (in another language), gone.
)

// Answers of a host besides the names of Lookup.To.
const (
	AnswerFailed = "failed" // It could not be done; the dialogue says so and leads to a person.
	AnswerKept   = "kept"
	AnswerEmpty  = "empty"
	AnswerFull   = "full" // So much was left from that number that nothing more is taken for a while.
	AnswerTalked = "talked"
	AnswerNobody = "nobody"
	// AnswerCallback: the party does not wait, and wants to be called back.
	AnswerCallback = "callback"
)

// RecordName is a recording of a name, for a form. Nothing is left for the registrars by it.
const RecordName = "name"

// Utterance is one prompt to say after so much silence.
type Utterance struct {
	Key string
	// Recording is heard instead of a text when it is set: a file below the PBX's recordings folder, without extension.
	Recording string
	Language  roster.Language
	Vars      Vars
	Silence   time.Duration
	// Else is a prompt that may be said instead rather than let anybody wait, while Key was not spoken yet; it may be empty.
	Else string
	// Spaced is set when it is said again, and always for some: in simpler words where there are such, sentence by sentence, with silence between
	// them, and no slower.
	Spaced bool
}

// Output is what to do now. At most one of Say, Wait and Ask is set.
type Output struct {
	// Stop ends what is being said, first.
	Stop bool
	// Say is said in order; Walker.Played is told when it was.
	Say []Utterance
	// Wait is how long to wait for a key; Walker.Timeout is told when none came. It replaces every earlier wait.
	Wait time.Duration

	Ask      Ask
	What     string
	Callback bool // The flow has an answer for a party who would rather be called back.
	Record   Record
	// Key was pressed over what was said before a queue: it counts as pressed in it, or in what follows if nobody waits.
	Key string
}
