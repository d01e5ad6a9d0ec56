// Package phone is a set of SIP telephones made for the demo, the end-to-end
// tests and load: real SIP over UDP (RFC 3261, on sipgo's transactions), real
// G.711 audio over RTP (RFC 3550, 3551), key presses by RFC 4733, and ears that
// can tell a tone from silence and one prompt from another.
//
//   - [Phone] registers at a PBX, rings, answers and dials.
//   - [Trunk] is the simulated telephone network behind a PBX: it answers for any
//     number as a [Behaviour] says, and places calls into the PBX.
//   - [Call] is one established call; its [Media] says and hears.
//   - [Ledger] is what the far ends saw and heard, the truth that the
//     invariants (no silent call, nobody rung twice) are measured against.
//
// # What of sipgo is used
//
// Its parser, UDP transport, transaction machines and digest. Dialogs are our
// own ([Call]), because sipgo 1.7.2's dialog helpers give up after ten responses
// (a trunk may send more), block the answering side until ACK, never send the BYE
// that RFC 3261 13.3.1.4 asks for when no ACK comes, and cannot tell a CANCEL
// that crossed a 200 OK from one that did not.
//
// The package imports nothing of Rappel and logs no numbers, names or SIP messages.
package phone
