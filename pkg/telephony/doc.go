// Package telephony is the switch as Rappel sees it: channels, bridges, events and causes, without any word of Asterisk.
// Package asterisk implements Switch over ARI; telephonytest holds that one and the in-memory fake to the same suite.
//
// # What Connect is followed by
//
// c is the caller's leg (its channel id is Connect.Channel), b the beneficiary's (its channel id is the PBX's, its Leg is
// Connect.BeneficiaryLeg). Both legs' events arrive in one mailbox, that of the attempt. Events of one leg are in order;
// where two legs do something in the same instant, either may come first.
//
//	answered, she hangs up first
//	    c dialling, c ringing, c up, b dialling, b ringing, b up, c bridged, b bridged,
//	    b unbridged, c unbridged, then c gone and b gone; with WrapUp c entered [wrap-up] instead of c gone
//	answered, the caller hangs up or is lost
//	    … c bridged, b bridged, c unbridged, b unbridged, c gone (cause 16: hung up; another: lost),
//	    b entered [caller-gone, leg, bridged]: the service speaks to her or hangs up; had they less than TalkMinimum, the
//	    PBX first says its prompt to her and the word is alone
//	she is busy, does not answer, or cannot be reached
//	    … c up, b dialling, (b ringing), b dial_ended, b gone (17, 19, 1 …), c entered [not-reached, cause]
//	the caller hangs up while her phone rings
//	    … b ringing, c gone; b goes on ringing until Hangup or until she answers, then
//	    b up, (the PBX says a prompt to her), b entered [caller-gone, leg, alone]
//	the caller's phone is not answered
//	    c dialling, (c ringing), c dial_ended, c gone (17 busy, 19 no answer, 21 declined, 20 or 3 not registered …)
//	refused by the dialplan
//	    c dialling, c ringing, c up, c refused [dial_by | no_key | number], c gone; b never appears
//
// # What Announce is followed by
//
// b is her leg, named as above. The channel that Announce names comes and goes, and tells nothing.
//
//	answered
//	    b dialling, b ringing, b up, b entered [automatic, leg], …, b gone
//	she is busy, does not answer, or cannot be reached
//	    b dialling, (b ringing), b dial_ended, b gone (17, 19, 1 …)
//	refused by the dialplan
//	    refused [dial_by | number] of the channel that Announce names; b never appears
//
// A phone that answers at once may skip ringing. A leg's channel that never comes to be (no such endpoint) makes Connect
// fail with ErrRefused.
package telephony
