package callflow

import (
	"sync"
	"time"
)

// How often the next appointment may be asked for. A person hears hers as often as she likes on key 9; these bound what somebody
// learns who tries numbers.
//
// It is counted in memory, by each node, and begins anew with each life of one. That is enough: a line's calls go to the node that leads its
// scheme, whoever tries numbers cannot restart it, and with every node in turn he has 20 unknown numbers at each within a quarter of an
// hour, of the ten million of a region, of which he learns no more than that a call is planned. What a number answers must not wait for
// one more record, nor be told because records are away.
const (
	probeWindow = 15 * time.Minute
	// mostAsks is how often one number may ask within the window.
	mostAsks = 8
	// mostUnknown is how many times a line may be asked within the window from numbers at which nobody is known: then it tells
	// nobody, so that nothing can be learnt from the difference.
	mostUnknown = 20
	// mostNumbers bounds what is remembered. Beyond it nobody is told anything until the window is over.
	mostNumbers = 10_000
)

// probes counts who asks for appointments, per line and number, in windows of time. It is safe for use by several goroutines.
type probes struct {
	mu        sync.Mutex
	since     time.Time
	asks      map[[2]string]int // By line and number.
	strangers map[string]int    // By line.
}

// may counts a question and reports whether it may be answered.
func (p *probes) may(line, number string, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.turn(now)
	key := [2]string{line, number}
	if _, known := p.asks[key]; !known && len(p.asks) >= mostNumbers {
		return false
	}
	p.asks[key]++
	return p.asks[key] <= mostAsks && p.strangers[line] < mostUnknown
}

// unknown counts a question from a number at which nobody is known.
func (p *probes) unknown(line string, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.turn(now)
	p.strangers[line]++
}

// turn begins a window when the last is over, or the clock was set back.
func (p *probes) turn(now time.Time) {
	if d := now.Sub(p.since); d >= 0 && d < probeWindow && p.asks != nil {
		return
	}
	p.since, p.asks, p.strangers = now, map[[2]string]int{}, map[string]int{}
}
