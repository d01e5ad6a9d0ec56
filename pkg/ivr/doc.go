// Package ivr is what the telephone says and what it listens for: flows read from YAML, prompts in four languages, and dates
// and hours in words. Nothing here does I/O on a call: a Walker is told what happened and answers what to do next, so that a
// whole dialogue can be walked in a test or in a terminal.
//
// The same in every flow: 0 leads to a person, 8 to what to do in an emergency, 9 and * repeat, a key interrupts what is
// being said, a first answer may take ten seconds, and two failures lead to a person. The dialogue is never ended because of
// a mistake.
package ivr
