package callflow

import (
	"sync"
	"time"
)

// What may be left on a scheme's line within an hour from one number, so that a nuisance caller fills nobody's inbox. A pharmacist may
// register a dozen people; those who withhold their number share what there is. A person is always reached, and so is the advice in an
// emergency: nothing here is asked before them. What the dialplan takes while the service is away is not bounded.
//
// It is counted in memory, by each node, and begins anew with each life of one. That is enough: the operator leads a scheme's calls to the
// one node that leads it, so that a nuisance has as many messages more as nodes have changed the lead within the hour; they are listened to
// by people, who see the number. In the records every call would write before it is spoken to, and nobody could leave anything while they
// are away, which is when it is needed most.
const (
	quotaWindow       = time.Hour
	mostMessages      = 6
	mostRegistrations = 12
	mostTyped         = 6 // Callbacks to a number that the party does not ring from.
	withheldShare     = 4 // So many times as much for everybody who withholds the number.
	// mostLeft bounds what is remembered. Beyond it nobody new may leave anything until the hour is over.
	mostLeft = 10_000
)

// quotaOf is what is counted together.
type quotaOf struct {
	scheme int64
	cli    string // Empty for those who withhold it.
	what   string // "message", "registration" or "callback".
}

// quota counts what was left in the present hour. The zero value is ready for use by several goroutines.
type quota struct {
	mu    sync.Mutex
	since time.Time
	left  map[quotaOf]int
}

// most is how many of a kind may be left.
func (of quotaOf) most() int {
	n := map[string]int{"message": mostMessages, "registration": mostRegistrations, "callback": mostTyped}[of.what]
	if of.cli == "" {
		n *= withheldShare
	}
	return n
}

// take counts something that is about to be left, and reports false when it would be too much.
func (q *quota) take(of quotaOf, now time.Time) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if d := now.Sub(q.since); d < 0 || d >= quotaWindow || q.left == nil { // The hour is over, or the clock was set back.
		q.since, q.left = now, map[quotaOf]int{}
	}
	n, known := q.left[of]
	if n >= of.most() || !known && len(q.left) >= mostLeft {
		return false
	}
	q.left[of]++
	return true
}

// giveBack is told that it was not left after all.
func (q *quota) giveBack(of quotaOf) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.left[of] > 0 {
		q.left[of]--
	}
}

// mayLeave counts something that the party is about to leave, and reports false when it would be too much.
func (r *reception) mayLeave(what string) bool {
	if r.c.quota.take(quotaOf{r.line.Scheme, r.cli, what}, r.c.o.Now()) {
		return true
	}
	r.c.metrics.tooMuch.WithLabelValues(what).Inc()
	return false
}

// notLeft is told that nothing came of what mayLeave has counted.
func (r *reception) notLeft(what string) { r.c.quota.giveBack(quotaOf{r.line.Scheme, r.cli, what}) }
