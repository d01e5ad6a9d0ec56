// Package call is the vocabulary of one call: attempts, offers, legs, their states and legal transitions, and what came
// of them. It imports nothing of ours, does no I/O and never asks for the time.
//
// An occurrence is one promised call; an attempt is one try to keep it; an attempt may hold several offers, one per caller
// whose phone we rang, and each offer has a leg of its own. The beneficiary's phone is rung at most once per attempt.
//
//	stateDiagram-v2
//	  [*] --> intent: claim committed, nothing rings yet
//	  intent --> offered: caller's phone rings
//	  offered --> offered: next caller
//	  offered --> accepted: caller answered
//	  accepted --> ringing: beneficiary's phone rings
//	  ringing --> bridged: she answered, two people talk
//	  intent --> ended
//	  offered --> ended
//	  accepted --> ended
//	  ringing --> ended
//	  bridged --> ended
//	  ended --> [*]
package call
