// Package asterisk implements telephony.Switch over the REST interface of Asterisk 22 (ARI,
// https://docs.asterisk.org/Configuration/Interfaces/Asterisk-REST-Interface-ARI/) and renders SIP accounts and trunks
// from records.
//
// It uses the types and the event decoder of ari/v5, and neither its transport nor its bus: those drop events silently
// when a subscription is full, panic on event types they do not know, and know no deadline. Commands go over keep-alive
// HTTP (measured faster than REST over the WebSocket), each at most once and with a deadline. Events come over one
// WebSocket owned by Run and are put into one mailbox per call, found by its key whatever the number of live calls.
//
// A call is placed by one command, whose rest is the dialplan's: see asterisk/extensions.conf.
package asterisk
