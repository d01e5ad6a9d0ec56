package dispatch

import "time"

// Load bounds what one caller is given on a day, so that nobody is worn out and the burden is shared. A zero field sets no
// bound.
type Load struct {
	Talk  time.Duration // Once she has talked so long today she is given no further call.
	Calls int           // Once she has had so many answered calls today she is given no further one.
	Hard  int           // Once she has had so many hard calls today she is given courtesy calls only.
	// HardInRow is after how many hard calls in a row she is given courtesy calls only, until she has had one.
	HardInRow int
	// Breather is how long she is left alone after a hard call, counted from when it ended.
	Breather time.Duration
}

// within fills in what a caller's own bounds leave open.
func (l Load) within(scheme Load) Load {
	orDefault(&l.Talk, scheme.Talk)
	orDefault(&l.Calls, scheme.Calls)
	orDefault(&l.Hard, scheme.Hard)
	orDefault(&l.HardInRow, scheme.HardInRow)
	orDefault(&l.Breather, scheme.Breather)
	return l
}

// spent reports whether a caller has done her day's work.
func (l Load) spent(c *Caller) bool {
	return l.Talk > 0 && c.TalkToday >= l.Talk || l.Calls > 0 && c.CallsToday >= l.Calls
}

// spares reports whether a caller is given courtesy calls only for now.
func (l Load) spares(c *Caller) bool {
	return l.Hard > 0 && c.HardToday >= l.Hard || l.HardInRow > 0 && c.HardInRow >= l.HardInRow
}
