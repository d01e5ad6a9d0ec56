package dispatch

import "github.com/rappel-tel/rappel/pkg/roster"

// Load bounds what one caller is given on a day.
type Load = roster.Load

// spent reports whether a caller has done her day's work.
func spent(l Load, c *Caller) bool {
	return l.Talk > 0 && c.TalkToday >= l.Talk || l.Calls > 0 && c.CallsToday >= l.Calls
}

// spares reports whether a caller is given courtesy calls only for now.
func spares(l Load, c *Caller) bool {
	return l.Hard > 0 && c.HardToday >= l.Hard || l.HardInRow > 0 && c.HardInRow >= l.HardInRow
}
