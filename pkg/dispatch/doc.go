// Package dispatch decides which promised call starts now, and with whom, and sees to it that what it decided is recorded
// before anybody's phone rings.
//
//	Board      what is promised, who is there, which phones and lines are in use; Plan and Another decide from it,
//	           SettlementOf says what becomes of an occurrence afterwards. Pure: no I/O, no goroutine, now is passed in.
//	Engine     one per scheme. One goroutine owns the board and all that is under way; it hears steps, outcomes, wishes
//	           of callers and confirmations through an inbox, and takes one turn per wake-up.
//	recorder   one goroutine per engine: commits operations in order, in groups, through a Store; keeps them while the
//	           store is out of reach.
//	Dispatcher leads schemes, an Engine each, and is what other packages talk to.
//	Simulation an Engine on a clock that its holder moves, without goroutines: a day before it happens (package forecast).
//
// How a call is run is package callflow's (Switchboard); how promises come about is package schedule's; what is kept is
// package postgres's (Store; dispatchtest holds every store to one suite).
//
//	sequenceDiagram
//	  participant O as owner
//	  participant R as recorder, Store
//	  participant S as Switchboard
//	  O->>O: Plan(now): occurrence, caller
//	  O->>R: Claim
//	  R-->>O: committed
//	  O->>S: Start(order)
//	  S-->>O: Step offered, accepted, ringing, bridged
//	  O->>R: Progress
//	  S-->>O: Ended(outcome)
//	  O->>O: SettlementOf
//	  O->>R: Finish with the next occurrence
//
// # Order and its bound
//
// What may start is ordered by times deferred, class, slack, age. An occurrence is deferred once by every decision that
// started one of a higher class instead while it was open and allowed and the caller could have taken it. A decision is one
// start, or all that is paired together when several occurrences and several callers wait. Because the times deferred come
// first, an occurrence that was deferred is never passed over again for one of a higher class that was not: no due call
// waits twice running for a never-deferred one above it. The model tests assert it at every start, for any order of
// arrivals. Calls that need no caller defer one another only, and use half of the outbound lines at most.
//
// # Who takes it
//
// Only callers who have the language and the skills, are not resting after a hard call, and have not done what Load allows
// for the day. Score says how good a pair is: the relation first, then fewest hard calls today, then longest idle. One by
// one the best caller is taken; together the sum of the scores is the greatest among those pairings that serve whoever
// comes first.
//
// What she has had of the day (calls, talk, hard calls, those in a row, when the last one ended) is recorded with each end and
// each closing, so that a restart gives nobody more than Load allows.
//
// # When she is not reached
//
// schedule.Ladder says when she is tried again, by what came of the attempt and by kind of call, at her next number. What comes
// to nothing in one window moves to a later window of its day; over all her calls she is tried in vain so often a day only, and
// from then on only what she asks for herself is made. A promise that ends unreached or missed begins the welfare ladder, by an
// event of its own in the same transaction, once, unless she has announced an absence by then (call.Kind.Welfare).
//
// # At most once
//
// An order is handed over once its claim is known to be committed, never twice for one attempt and offer, and not at all
// when that took longer than a few seconds. An attempt whose fate is unknown is kept alive, in the records too, until
// nothing of it can ring any more; until then nobody rings that number or that person. What a lost commit answer leaves
// open is settled by committing again, which every Store lets pass. After a crash the attempts found live are adopted by the
// switchboard first; their lines, numbers, persons and callers are in use from the start. tests/model holds this protocol
// as a Spin model, which is searched exhaustively.
//
// # When the store is away
//
// Nothing new is claimed; calls go on, and what is learned about them waits in order. When another node leads (ErrFenced)
// the engine stops acting at once.
package dispatch
