package forecast

import "time"

// event is something that happens by itself to a caller or an order.
type event struct {
	at   int64
	seq  uint32 // Of two at one instant the one that was thought of first.
	of   int32
	kind uint8
}

// eventHeap orders events by time.
type eventHeap struct {
	h   []event
	seq uint32
}

func (e event) before(f event) bool { return e.at < f.at || e.at == f.at && e.seq < f.seq }

func (q *eventHeap) push(at time.Time, kind uint8, of int32) {
	q.seq++
	h := append(q.h, event{at: at.UnixNano(), seq: q.seq, of: of, kind: kind})
	for i := len(h) - 1; i > 0 && h[i].before(h[(i-1)/2]); i = (i - 1) / 2 {
		h[i], h[(i-1)/2] = h[(i-1)/2], h[i]
	}
	q.h = h
}

func (q *eventHeap) next() (at time.Time, some bool) {
	if len(q.h) == 0 {
		return time.Time{}, false
	}
	return time.Unix(0, q.h[0].at), true
}

func (q *eventHeap) pop() event {
	h := q.h
	top, last := h[0], len(h)-1
	h[0] = h[last]
	h = h[:last]
	q.h = h
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(h); child++ {
			if h[child].before(h[least]) {
				least = child
			}
		}
		if least == i {
			return top
		}
		h[i], h[least] = h[least], h[i]
		i = least
	}
}
