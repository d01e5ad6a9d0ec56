// Package schedule turns what was agreed with a person into dated calls: cadence → slots, windows in local time → instants,
// public holidays, the retry ladder and slack. Everything here is a pure function of its arguments; nothing asks for the time.
//
// A slot never lies outside the agreed window, the scheme's hours, its open weekdays, nor on a public holiday, a closure
// or a day on which the person is away. Which days are chosen depends on the agreement's seed only, so they stay the same
// from week to week and changing one agreement moves no other.
package schedule
