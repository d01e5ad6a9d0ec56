// Package dispatch decides which promised call starts now, and with whom.
//
// Plan is pure: given what is open, who is ready and now, it returns what starts and when to look again. One owner loop per
// scheme (Engine) holds the state, one recorder commits what is decided before any phone rings. How a call is run is
// package callflow's; how promises come about is package schedule's.
package dispatch
