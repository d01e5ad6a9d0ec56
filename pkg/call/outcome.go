package call

import "time"

// Kind is why a call is made. It selects the CLI, the retry ladder and the consent script.
type Kind string

// The kinds of call.
const (
	KindScheduled   Kind = "scheduled"
	KindCallback    Kind = "callback"
	KindCallToday   Kind = "call_today"
	KindPresence    Kind = "presence"
	KindReminder    Kind = "reminder"
	KindSurvey      Kind = "survey"
	KindOutreach    Kind = "outreach"
	KindWelcomeBack Kind = "welcome_back"
	KindApology     Kind = "apology"
	KindCircle      Kind = "circle"
	KindTest        Kind = "test"
	// KindConfirmation rings back the known number of a person whose calls somebody wants to change by telephone: a CLI can be
	// forged.
	KindConfirmation Kind = "confirmation"
	// KindFirst asks a person whom somebody else has proposed whether she agrees to be called. Until she has agreed it is the
	// only call that she gets, and a human makes it.
	KindFirst Kind = "first_call"
)

// Kinds lists every kind of call.
func Kinds() []Kind {
	return []Kind{
		KindScheduled, KindCallback, KindCallToday, KindPresence, KindReminder, KindSurvey, KindOutreach,
		KindWelcomeBack, KindApology, KindCircle, KindTest, KindConfirmation, KindFirst,
	}
}

// Automatic reports whether calls of this kind are run by prompts alone, without a caller.
func (k Kind) Automatic() bool {
	return k == KindPresence || k == KindReminder || k == KindSurvey || k == KindOutreach || k == KindConfirmation
}

// Requested reports whether a call of this kind is one that the person asked for herself: it is made whatever was announced for
// the day, and however often she was tried in vain on it.
func (k Kind) Requested() bool {
	return k == KindCallback || k == KindCallToday || k == KindConfirmation
}

// Welfare reports whether the welfare ladder begins when a call of this kind ends so: it was promised to a person who lives
// alone, and she was not reached. What she was not waiting for (a reminder, a survey, a first contact) worries nobody.
func (k Kind) Welfare(end OccurrenceState) bool {
	if end != OccurrenceUnreached && end != OccurrenceMissed {
		return false
	}
	switch k {
	case KindScheduled, KindCallback, KindCallToday, KindPresence, KindWelcomeBack, KindApology:
		return true
	default:
		return false
	}
}

// Result is what the network and the phones say came of an attempt.
type Result string

// The results of an attempt.
const (
	ResultAnswered   Result = "answered"
	ResultBusy       Result = "busy"
	ResultNoAnswer   Result = "no_answer"
	ResultMachine    Result = "machine"
	ResultFailed     Result = "failed"
	ResultCongestion Result = "congestion"
	ResultCancelled  Result = "cancelled"
	ResultUnknown    Result = "unknown"
)

// Results lists every result.
func Results() []Result {
	return []Result{
		ResultAnswered, ResultBusy, ResultNoAnswer, ResultMachine, ResultFailed, ResultCongestion,
		ResultCancelled, ResultUnknown,
	}
}

// Reason refines a result. The empty reason says that the result needs no refinement.
type Reason string

// The reasons that refine a result.
const (
	ReasonNone           Reason = ""
	ReasonBrokenByUs     Reason = "broken_by_us"    // The caller's phone was lost while two people talked.
	ReasonCallerGone     Reason = "caller_gone"     // The caller left before or in the instant she answered.
	ReasonNoCaller       Reason = "no_caller"       // No caller took the offer.
	ReasonDialBy         Reason = "dial_by"         // The PBX refused: the instant to dial by had passed.
	ReasonPBXLost        Reason = "pbx_lost"        // The PBX died or was out of reach.
	ReasonRestart        Reason = "restart"         // Found ended after a restart; the end is estimated.
	ReasonNotPermitted   Reason = "not_permitted"   // The destination is not on the allow-list.
	ReasonNumberInUse    Reason = "number_in_use"   // Another call holds the number.
	ReasonDrained        Reason = "drained"         // Taken back while the service stopped.
	ReasonInvalidNumber  Reason = "invalid_number"  // The network says that the number does not exist (Q.850 1, 28).
	ReasonAnsweredUnheld Reason = "answered_unheld" // She answered while the caller was leaving and heard a prompt.
	ReasonNoKey          Reason = "no_key"          // Of a call without a caller: it was picked up, and no key was pressed.
	ReasonNothingToSay   Reason = "nothing_to_say"  // Of a call without a caller: a reminder of a call that is no longer to come.
)

// Reasons lists every reason, the empty one included.
func Reasons() []Reason {
	return []Reason{
		ReasonNone, ReasonBrokenByUs, ReasonCallerGone, ReasonNoCaller, ReasonDialBy, ReasonPBXLost, ReasonRestart,
		ReasonNotPermitted, ReasonNumberInUse, ReasonDrained, ReasonInvalidNumber, ReasonAnsweredUnheld, ReasonNoKey,
		ReasonNothingToSay,
	}
}

// Fault is whose doing a result was.
type Fault string

// The faults.
const (
	FaultNone    Fault = "none"
	FaultOurs    Fault = "ours"
	FaultTheirs  Fault = "theirs"
	FaultNetwork Fault = "network"
)

// Faults lists every fault.
func Faults() []Fault { return []Fault{FaultNone, FaultOurs, FaultTheirs, FaultNetwork} }

// Disposition is what the human says a call was.
type Disposition string

// The dispositions.
const (
	DispositionNone      Disposition = ""
	DispositionCourtesy  Disposition = "courtesy"
	DispositionDifficult Disposition = "difficult"
)

// Dispositions lists every disposition, the empty one included.
func Dispositions() []Disposition {
	return []Disposition{DispositionNone, DispositionCourtesy, DispositionDifficult}
}

// Order asks the switch role to run one offer of an attempt: ring the caller's phone and, once it is answered, the
// beneficiary's. Its claim is committed before it is handed over. A call of a kind that needs no caller has Caller and Offer
// 0: the beneficiary's phone is rung alone.
type Order struct {
	Scheme  int64
	Attempt ID
	Offer   int // Counts from 1; 0 without a caller.
	Kind    Kind
	Node    string // Whose PBX it is placed at; empty means that of the node that claims it.

	Caller         int64  // The caller's key.
	CallerEndpoint string // SIP endpoint of a softphone; empty for an ordinary phone.
	CallerNumber   string // E.164 number of an ordinary phone; empty for a softphone.
	CallerLanguage string // "fr", "nl", "de" or "en".

	Number   string // The beneficiary's number, E.164.
	Trunk    string // Endpoint name of the trunk that carries the beneficiary's leg.
	CLI      string // Number presented to the beneficiary, E.164; empty leaves it to the trunk.
	Language string // The beneficiary's language, for prompts to her.

	CallerRing      time.Duration // How long the caller's phone rings, 20 s by default.
	BeneficiaryRing time.Duration // How long hers rings, 60 s by default.
	// DialBy is the instant, by the PBX's own clock, after which the dialplan refuses to ring the beneficiary.
	DialBy time.Time
	// RungBefore is set when an earlier attempt or offer may have rung her; it only serves assertions.
	RungBefore bool
}

// Step tells the dispatcher how an order gets on. Steps of one attempt arrive in order.
type Step struct {
	Scheme  int64
	Attempt ID
	Offer   int
	State   State // Offered, accepted, ringing or bridged.
	At      time.Time
	Channel string // The beneficiary's channel id, with StateRinging.
}

// Outcome ends an order. With Offer not accepted and Result empty, only the offer ended: nobody rang the beneficiary, and
// the attempt may go on with another caller. With a Result the attempt has ended.
type Outcome struct {
	Scheme  int64
	Attempt ID
	Offer   int

	OfferState OfferState
	Result     Result
	Reason     Reason
	Fault      Fault
	Cause      int // Q.850 hangup cause; 0 when the PBX gave none.

	At            time.Time     // When the attempt ended, by the service's clock.
	Talk          time.Duration // How long two people talked, real time.
	Rang          bool          // The beneficiary's phone rang.
	EndEstimated  bool          // The end was not seen; At is an estimate.
	CallerPresent bool          // The caller is still on the line (wrap-up by keypad follows).
}

// AttemptEnded reports whether the outcome ends the attempt, not only an offer.
func (o Outcome) AttemptEnded() bool { return o.Result != "" }
