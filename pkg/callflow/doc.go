// Package callflow is how one call runs: it rings a caller and then the beneficiary, tells the one what became of the
// other, answers the registration line and the callers' feature codes, and takes up living calls after a restart.
//
// A call without a caller (a presence check, a reminder, a survey) is run by automatic: her phone rings alone, and the flow named
// as its kind speaks to her.
//
// What happens next in a connected call is decided by connection, which does no I/O and is handed the time; Connector acts
// on it, with one goroutine per live call that waits in one select. Commands go to a telephony.Switch; what is said comes
// from flows (package ivr) and a Voice.
//
// Two decisions are told in deploy/decisions: how far a number presented is believed (8), and how nobody is left listening to
// a service that has died or stands still (7).
package callflow
