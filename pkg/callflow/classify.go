package callflow

import (
	"time"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/telephony"
)

// ringSlack is how much earlier than agreed a phone may stop ringing and still count as having rung its whole time: the
// PBX counts from the INVITE, we from the event.
const ringSlack = 2 * time.Second

// verdict is what is known of ringing a phone that was not answered.
type verdict struct {
	cause   telephony.Cause
	dial    string        // The PBX's dial status; empty when it gave none.
	rang    bool          // The phone rang (or early media was heard).
	elapsed time.Duration // From the start of dialling.
	ring    time.Duration // How long it was to ring.
}

// finding is one row of the answer to what came of an attempt.
type finding struct {
	result call.Result
	reason call.Reason
	fault  call.Fault
}

// causes says what an unanswered call's Q.850 cause means. SIP answers arrive here as the PBX maps them (RFC 3398, section
// 7.2.4.1, with Asterisk's own additions): 404 and 604 → 1, 410 → 22, 486 and 600 → 17, 480 → 19, 408 → 18, 484 → 28,
// 403 and 603 → 21, 500 → 38 or 41, 502 → 27, 503 → 34 or 42, 504 → 102. What is not listed counts against us.
func causes(c telephony.Cause) (finding, bool) {
	switch c { //nolint:exhaustive // What is not listed counts against us.
	case telephony.CauseUnallocated, 22, telephony.CauseInvalidNumber:
		return finding{call.ResultFailed, call.ReasonInvalidNumber, call.FaultTheirs}, true
	case telephony.CauseBusy:
		return finding{call.ResultBusy, call.ReasonNone, call.FaultTheirs}, true
	case telephony.CauseNoUserResponse, telephony.CauseNoAnswer, 20:
		return finding{call.ResultNoAnswer, call.ReasonNone, call.FaultTheirs}, true
	case telephony.CauseCongestion, telephony.CauseSwitchCongestion, telephony.CauseUnavailable, 43, 46, 47:
		return finding{call.ResultCongestion, call.ReasonNone, call.FaultNetwork}, true
	case 2, 3, 5, 6, 25, telephony.CauseDestinationOOS, 30, telephony.CauseNetworkOOS, 39, 40,
		telephony.CauseTemporaryFailure, telephony.CauseRecoveryOnTimer, telephony.CauseInterworking:
		return finding{call.ResultFailed, call.ReasonNone, call.FaultNetwork}, true
	}
	return finding{}, false
}

// dialStatuses says what the PBX's dial status means when the cause says nothing.
func dialStatuses(status string) (finding, bool) {
	switch status {
	case "BUSY":
		return finding{call.ResultBusy, call.ReasonNone, call.FaultTheirs}, true
	case "NOANSWER":
		return finding{call.ResultNoAnswer, call.ReasonNone, call.FaultTheirs}, true
	case "CONGESTION":
		return finding{call.ResultCongestion, call.ReasonNone, call.FaultNetwork}, true
	case "CHANUNAVAIL":
		return finding{call.ResultFailed, call.ReasonNone, call.FaultOurs}, true
	case "CANCEL":
		return finding{call.ResultCancelled, call.ReasonCallerGone, call.FaultOurs}, true
	}
	return finding{}, false
}

// classify tells what came of an attempt whose beneficiary did not answer. The unknown counts against us.
func classify(v verdict) finding {
	// 403 and 603 share a cause: a phone that rang was refused by its owner, one that did not was refused by the trunk.
	if v.cause == telephony.CauseRejected {
		if v.rang {
			return finding{call.ResultBusy, call.ReasonNone, call.FaultTheirs}
		}
		return finding{call.ResultFailed, call.ReasonNone, call.FaultOurs}
	}
	if f, ok := causes(v.cause); ok {
		return f
	}
	// An originate that runs into its own timeout ends with cause 0 or 16: our timer tells.
	if v.cause == telephony.CauseNone || v.cause.NormalClearing() {
		if v.elapsed >= v.ring-ringSlack {
			return finding{call.ResultNoAnswer, call.ReasonNone, call.FaultTheirs}
		}
		if f, ok := dialStatuses(v.dial); ok {
			return f
		}
		return finding{call.ResultUnknown, call.ReasonNone, call.FaultOurs}
	}
	return finding{call.ResultFailed, call.ReasonNone, call.FaultOurs}
}

// classifyOffer tells why a caller's phone was not taken. Answered says that it was picked up and the key, which an
// ordinary phone must press, was not.
func classifyOffer(v verdict, answered, recalled bool) call.OfferState {
	switch {
	case recalled:
		return call.OfferRecalled
	case answered:
		return call.OfferDeclined
	}
	switch v.cause { //nolint:exhaustive // Any other cause is a phone that could not be reached.
	case telephony.CauseBusy, telephony.CauseRejected:
		return call.OfferDeclined
	case telephony.CauseNoAnswer:
		return call.OfferTimedOut
	case telephony.CauseNone, telephony.CauseNormal, telephony.CauseNormalUnspecified, telephony.CauseNoUserResponse:
		if v.rang || v.elapsed >= v.ring-ringSlack {
			return call.OfferTimedOut
		}
	}
	return call.OfferFailed
}

// permanentForHer reports whether a cause is the network's word about her phone, not the consequence of our cancelling.
func permanentForHer(c telephony.Cause) bool {
	return c == telephony.CauseBusy || c == telephony.CauseUnallocated || c == telephony.CauseInvalidNumber
}
