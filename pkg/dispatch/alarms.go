package dispatch

import "math"

// alarm is an instant at which an item has to be looked at.
type alarm struct {
	at   int64
	item int32 // A caller's slot is given as its complement.
	gen  uint32
}

// alarms is a heap of them.
type alarms struct{ at []alarm }

func (a *alarms) push(x alarm) {
	h := append(a.at, x)
	a.at = h
	for at := len(h) - 1; at > 0; {
		parent := (at - 1) / 4
		if h[parent].at <= h[at].at {
			return
		}
		h[at], h[parent] = h[parent], h[at]
		at = parent
	}
}

func (a *alarms) next() int64 {
	if len(a.at) == 0 {
		return math.MaxInt64
	}
	return a.at[0].at
}

func (a *alarms) pop() alarm {
	h := a.at
	top, last := h[0], len(h)-1
	h[0] = h[last]
	h = h[:last]
	a.at = h
	for at := 0; ; {
		least := at
		for child := 4*at + 1; child <= 4*at+4 && child < len(h); child++ {
			if h[child].at < h[least].at {
				least = child
			}
		}
		if least == at {
			return top
		}
		h[at], h[least] = h[least], h[at]
		at = least
	}
}
