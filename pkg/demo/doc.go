// Package demo plays a whole scheme on one machine: a cast shaped like Namur's of 2020, telephones that register, ring and
// talk with real audio, a simulated telephone network with 241 people behind it, and the service itself with a private
// Asterisk and Postgres. Its clock begins at 09:25 of a working day and may run faster; audio is always real time.
//
// What it reports is measured where it counts: results come from the records that the service kept, silence, rings and audio
// from the far ends' own telephones. The package sits beside cmd at the top of the house, since it starts everything.
package demo
