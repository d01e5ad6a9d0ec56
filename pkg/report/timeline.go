package report

import "time"

// timeline is a heap of promises by an instant (Unix nanoseconds).
type timeline []moment

type moment struct {
	at      int64
	promise *promise
}

// due reports whether the first moment has come by now.
func (t timeline) due(now int64) bool { return len(t) > 0 && t[0].at <= now }

// first is the instant of the first moment, zero when there is none.
func (t timeline) first() time.Time {
	if len(t) == 0 {
		return time.Time{}
	}
	return time.Unix(0, t[0].at).UTC()
}

func (t *timeline) push(at int64, p *promise) {
	h := append(*t, moment{at, p})
	for i := len(h) - 1; i > 0; {
		parent := (i - 1) / 2
		if h[parent].at <= h[i].at {
			break
		}
		h[i], h[parent] = h[parent], h[i]
		i = parent
	}
	*t = h
}

// pop takes the first moment out and returns its promise.
func (t *timeline) pop() *promise {
	h := *t
	first, last := h[0].promise, len(h)-1
	h[0], h[last] = h[last], moment{}
	h = h[:last]
	for i := 0; ; {
		child := 2*i + 1
		if child >= len(h) {
			break
		}
		if child+1 < len(h) && h[child+1].at < h[child].at {
			child++
		}
		if h[i].at <= h[child].at {
			break
		}
		h[i], h[child] = h[child], h[i]
		i = child
	}
	*t = h
	return first
}
