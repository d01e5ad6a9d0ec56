package call

import "slices"

// State is where an attempt stands. The zero value is no state.
type State string

// The states of an attempt.
const (
	StateIntent   State = "intent"   // The claim is committed; a leg may or may not have been posted.
	StateOffered  State = "offered"  // A caller's phone rings.
	StateAccepted State = "accepted" // The caller answered; the beneficiary's phone does not ring yet.
	StateRinging  State = "ringing"  // The beneficiary's phone rings.
	StateBridged  State = "bridged"  // Two people talk; without a caller, she hears the prompts.
	StateEnded    State = "ended"    // The attempt has a result.
)

// States lists every attempt state in the order in which a call passes them.
func States() []State {
	return []State{StateIntent, StateOffered, StateAccepted, StateRinging, StateBridged, StateEnded}
}

// CanBecome reports whether an attempt may go from s to next. Steps are recorded in batches, so that a later state may
// overtake an earlier one that was never written; going back is never legal, except that a further offer rings another
// caller.
func (s State) CanBecome(next State) bool {
	if s == StateOffered && next == StateOffered {
		return true
	}
	from, to := slices.Index(States(), s), slices.Index(States(), next)
	return from >= 0 && to > from
}

// OccurrenceState is where a promised call stands.
type OccurrenceState string

// The states of an occurrence. Reached, unreached, missed, moved and cancelled are ends.
const (
	OccurrenceOpen      OccurrenceState = "open"      // Waits for its window, a caller or a retry.
	OccurrenceClaimed   OccurrenceState = "claimed"   // An attempt is under way, nobody talks yet.
	OccurrenceLive      OccurrenceState = "live"      // Two people talk.
	OccurrenceReached   OccurrenceState = "reached"   // They talked.
	OccurrenceUnreached OccurrenceState = "unreached" // We rang inside the window, nobody answered, retries are spent.
	OccurrenceMissed    OccurrenceState = "missed"    // We never rang inside the window.
	OccurrenceMoved     OccurrenceState = "moved"     // Replaced by another occurrence: at the person's wish, or in a later window of its day.
	OccurrenceCancelled OccurrenceState = "cancelled" // Called off (absence, end of the agreement).
)

// OccurrenceStates lists every occurrence state.
func OccurrenceStates() []OccurrenceState {
	return []OccurrenceState{
		OccurrenceOpen, OccurrenceClaimed, OccurrenceLive, OccurrenceReached, OccurrenceUnreached,
		OccurrenceMissed, OccurrenceMoved, OccurrenceCancelled,
	}
}

// Ended reports whether nothing more will be done for the occurrence.
func (s OccurrenceState) Ended() bool {
	return s != OccurrenceOpen && s != OccurrenceClaimed && s != OccurrenceLive
}

// CanBecome reports whether an occurrence may go from s to next.
func (s OccurrenceState) CanBecome(next OccurrenceState) bool {
	switch s {
	case OccurrenceOpen:
		return next == OccurrenceClaimed || next.Ended()
	case OccurrenceClaimed:
		return next == OccurrenceOpen || next == OccurrenceLive || next.Ended()
	case OccurrenceLive:
		return next == OccurrenceOpen || next.Ended()
	default:
		return false
	}
}

// OfferState is what became of one offer to a caller.
type OfferState string

// The states of an offer.
const (
	OfferRinging  OfferState = "ringing"
	OfferAccepted OfferState = "accepted"
	OfferDeclined OfferState = "declined"  // The caller refused (busy, 603) or did not press the key.
	OfferTimedOut OfferState = "timed_out" // Nobody took it: missed-offer protection sets the caller aside.
	OfferFailed   OfferState = "failed"    // The phone could not be reached (not registered, congestion).
	OfferRecalled OfferState = "recalled"  // We took it back (drain, cancellation).
)

// OfferStates lists every offer state.
func OfferStates() []OfferState {
	return []OfferState{OfferRinging, OfferAccepted, OfferDeclined, OfferTimedOut, OfferFailed, OfferRecalled}
}

// CallerState is what a caller (or registrar) does now.
type CallerState string

// The states of a caller. ReadyOnce takes one more call and then a break.
const (
	CallerOff       CallerState = "off"
	CallerReady     CallerState = "ready"
	CallerReadyOnce CallerState = "ready_once"
	CallerReserved  CallerState = "reserved" // An offer rings or is about to.
	CallerInCall    CallerState = "in_call"
	CallerWrapUp    CallerState = "wrap_up"
	CallerBreak     CallerState = "break"
	CallerDebrief   CallerState = "debrief"
	CallerSetAside  CallerState = "set_aside" // Missed-offer protection: did not take an offer.
)

// CallerStates lists every caller state.
func CallerStates() []CallerState {
	return []CallerState{
		CallerOff, CallerReady, CallerReadyOnce, CallerReserved, CallerInCall, CallerWrapUp, CallerBreak,
		CallerDebrief, CallerSetAside,
	}
}

// Available reports whether a caller in this state may be offered a call.
func (s CallerState) Available() bool { return s == CallerReady || s == CallerReadyOnce }
