// Package forecast says what a day will bring before it happens: which promises will break, at which hour, and how many more
// callers save them. It also says how many registrars a line needs (Erlang).
//
//	Day        what is known before: promises, callers with their shifts, the scheme's settings, and the history of which
//	           Model makes chances
//	Simulate   plays the day many times with dice of its own and returns an Outlook
//	Advise     looks for the fewest more callers who bring the missed promises under a target
//	Queue      M/M/n and M/M/n+M in closed form
//
// A day is played by the engine that runs the real one (dispatch.Simulation), on a clock that jumps from event to event. This
// package is only its surroundings: the callers' phones, the people's phones, shifts and breaks. It does no I/O and never
// asks for the time.
//
// # Dice
//
// Whether a person answers her nth ring and how long she then talks depends on the seed, the number of the run, her promise
// and n, and on nothing else; so do a caller's answers to offers. Hence a seed gives the same Outlook on any number of
// processors, and two rosters are compared on the same people's days (common random numbers), which needs far fewer runs
// than a comparison of strangers.
//
// # What is left out
//
// Calls that come in (the lines kept for them are kept), apologies and calls asked for during the day, absences announced
// during the day, and faults. Somebody who did not answer is as likely to answer the next time as anybody at that hour. A
// call under way when a simulation of today begins counts as kept when two people talk, and is tried anew otherwise.
package forecast
