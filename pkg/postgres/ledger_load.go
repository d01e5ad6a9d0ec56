package postgres

import (
	"time"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
)

// turn begins the caller's counters anew on another local day.
func (c *callerRow) turn(today time.Time) {
	if c.day.Equal(today) {
		return
	}
	c.day, c.calls, c.hard, c.talk, c.hardInRow, c.rowBefore, c.changed = today, 0, 0, 0, 0, 0, true
	c.lastCall, c.hardEnded = "", time.Time{}
}

// talked takes an answered call into the caller's day, as dispatch.Finish says.
func (c *callerRow) talked(a *attemptRow, f dispatch.Finish, today time.Time) {
	c.turn(today)
	c.calls, c.talk, c.changed = c.calls+1, c.talk+f.Talk, true
	c.lastCall, c.rowBefore = a.id, c.hardInRow
	switch {
	case a.disposition == call.DispositionDifficult: // She closed it before its end was recorded.
		c.hardInRow, c.hardEnded = c.rowBefore+1, f.Outcome.At
	case !f.Hard:
		c.hardInRow = 0
	}
}

// feltHard takes it into the caller's day that she says a call was difficult, or was not after all.
func (c *callerRow) feltHard(a *attemptRow, difficult bool, today time.Time) {
	c.turn(today)
	c.changed = true
	last := c.lastCall == a.id
	if !difficult {
		c.hard = max(0, c.hard-1)
		if last {
			c.hardInRow, c.hardEnded = 0, time.Time{}
		}
		return
	}
	c.hard++
	if last {
		c.hardInRow, c.hardEnded = c.rowBefore+1, c.lastEnded
	}
}
