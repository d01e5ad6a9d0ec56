// Package schedule turns what was agreed with a person into dated calls: cadence → slots, windows in local time → instants,
// public holidays, absences, the retry ladder and slack. Everything here is a pure function of its arguments; nothing asks
// for the time.
//
// # What is never done
//
// A slot never lies outside the agreed window, by the person's clock, nor outside the scheme's hours, by the scheme's, nor
// on a public holiday or a day on which the scheme is closed (its dates), nor on a day on which the person is away or not
// to be called (hers). That holds in every zone and on days on which clocks change: a window that clocks jump over is no
// window, and of an hour that passes twice the part that keeps the window in one piece is used.
//
// # Which days
//
// A day is usable when the agreement is valid, the person is there, and at least a minute of a window lies inside the
// scheme's hours. An agreement is kept period by period, and what is chosen in one depends on no other and not on how time
// is cut into pieces:
//
//   - daily: every usable day, or every usable one of the chosen weekdays;
//   - weekly: n distinct usable days of each ISO week (Monday to Sunday), all of them when the week has fewer; Shortfalls
//     tells which weeks those are;
//   - fortnightly: one in every second week, whichever holidays and absences lie between. When that week has no usable day
//     the first one of the week after it is taken, and the phase stays;
//   - monthly: one a month, on the nth weekday, the last weekday, or the day of the month. The 29th, 30th and 31st mean the
//     last day of a shorter month;
//   - once: on each of the dates.
//
// An agreed day that is not usable moves to the next usable day of its period, to the one before when none follows; the days
// that can be kept are filled first, and another chosen weekday is preferred to one that was not chosen. A dated call moves
// to a later day only, by at most two weeks. A chosen day before the agreement's first day or after its last is not made
// up for; a call on free days is.
//
// After an absence with a welcome-back call the first usable day has one, within a month. A call that was agreed for the
// same day is that call: she is rung once.
//
// # Who gets which days
//
// Calls on free days go where the agreement's Place says, which Load.Place chooses once, so that a person keeps her days
// whoever comes and goes; without a place the key chooses. Load.Place states how even that keeps the week.
package schedule
