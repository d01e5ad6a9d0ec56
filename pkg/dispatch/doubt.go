package dispatch

import "time"

// doubtAgain is how soon an engine asks again whether the time is known; real time.
const doubtAgain = time.Second

// askClock asks whether the time is known, and says when to ask again while it is not.
func (e *Engine) askClock(now time.Time) (again time.Time) {
	if doubt := e.opts.Doubt != nil && e.opts.Doubt(); doubt != e.doubt {
		e.doubt = doubt
		e.halt()
	}
	if e.doubt {
		again = now.Add(e.opts.service(doubtAgain))
	}
	return again
}

// halt has nothing start while that must not be.
func (e *Engine) halt() { e.board.Pause(e.settings.Paused || e.draining, e.doubt) }
