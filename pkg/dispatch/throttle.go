package dispatch

import (
	"maps"
	"math"
	"time"
)

// The throttle's constants. Asterisk 22 on two processors takes 150 to 200 calls a second cleanly; 12 % more, and its
// answers take seconds, and it stays slow for about a minute afterwards.
const (
	throttleLimit    = 150 * time.Millisecond // An answer that takes longer is slow.
	throttleStands   = time.Second            // One that takes longer is the answer of a PBX that nearly stands still.
	throttleWindow   = 250 * time.Millisecond // How long answers are counted before the rate is judged, at least.
	throttleSamples  = 16                     // How many of them, at least; or those of throttlePatience.
	throttlePatience = time.Second
	throttleFloor    = 4.0              // Starts per second that are always tried.
	throttleCeiling  = 2000.0           // Nothing is bounded beyond.
	throttleForget   = 2 * time.Minute  // After so long without an answer nothing is known of the PBX any more.
	throttleLost     = 30 * time.Second // After so long a start of which nothing was heard is under way no more.
)

// Throttle bounds how fast calls are started at one PBX, by how long the PBX takes to answer the commands that start them.
// It does no I/O, has no goroutine and is told the time, which is real and never goes back. It is not safe for concurrent
// use.
//
// Two bounds hold together. The rate: starts per second, with a tenth of a second's worth at once. While 99 of 100 answers
// take less than throttleLimit it grows, by a quarter per second up to what the PBX has borne before, by a fiftieth beyond;
// when they do not, it falls to two thirds, to half or to an eighth, by how slow the slowest answer is. Only answers to commands given
// since the last fall count: the others are about the old rate. The rate grows only while starts wait for it. And the starts
// under way: those decided that the PBX has not answered, commits included, are never more than half a second's worth. So
// nothing piles up behind a PBX that stands still, and nothing is let loose on it at once when it goes on.
type Throttle struct {
	first  float64 // The rate to begin with.
	rate   float64
	borne  float64 // The rate up to which it grows quickly.
	tokens float64
	filled time.Time
	under  map[string]time.Time // When what is under way was decided, by leg.

	// Since the last judgement.
	begun         time.Time
	answers, slow int
	worst         time.Duration
	wanted        bool // Something waited for the rate.

	fell  time.Time // When the rate last fell.
	heard time.Time // When the last answer came.
	falls int
}

// NewThrottle returns a throttle that begins with so many starts per second. Up to there it is trusted.
func NewThrottle(perSecond float64, now time.Time) *Throttle {
	t := &Throttle{first: min(max(perSecond, throttleFloor), throttleCeiling), under: map[string]time.Time{}, begun: now, heard: now, filled: now}
	t.rate, t.borne = t.first, t.first
	t.tokens = t.burst()
	return t
}

// Rate is how many calls may be started in a second.
func (t *Throttle) Rate() float64 { return t.rate }

// UnderWay is how many starts the PBX has not answered.
func (t *Throttle) UnderWay() int { return len(t.under) }

// Falls counts how often the rate fell.
func (t *Throttle) Falls() int { return t.falls }

// burst is how many starts may come at once.
func (t *Throttle) burst() float64 { return max(2, t.rate/10) }

// most is how many starts may be under way.
func (t *Throttle) most() int { return int(max(throttleFloor, t.rate/2)) }

// Room is how many calls may be started now.
func (t *Throttle) Room(now time.Time) int {
	t.advance(now)
	return max(0, min(int(t.tokens), t.most()-len(t.under)))
}

// Wait says that something would be started if there were more room than Room said, and returns when there will be room for
// n starts: the zero time when no time makes so much of it, but only the end of a start.
func (t *Throttle) Wait(now time.Time, n int) time.Time {
	t.wanted = true
	if len(t.under)+n > t.most() || float64(n) > t.burst() {
		return time.Time{}
	}
	missing := max(0, float64(n)-t.tokens)
	return now.Add(time.Duration(math.Ceil(missing / t.rate * float64(time.Second))))
}

// Begin says that a call is started; leg names it. It is counted also when there was no room.
func (t *Throttle) Begin(leg string, now time.Time) {
	t.advance(now)
	t.tokens--
	t.under[leg] = now
}

// End says that a start is no longer under way, and reports whether it was: it was answered, or never posted.
func (t *Throttle) End(leg string) bool {
	_, known := t.under[leg]
	delete(t.under, leg)
	return known
}

// Answered says how long the PBX took to answer the command of a start.
func (t *Throttle) Answered(took time.Duration, now time.Time) {
	t.advance(now)
	t.heard = now
	if now.Add(-took).Before(t.fell) {
		return
	}
	t.answers++
	t.worst = max(t.worst, took)
	if took > throttleLimit {
		t.slow++
	}
	t.judge(now)
}

// advance brings everything to the instant.
func (t *Throttle) advance(now time.Time) {
	if since := now.Sub(t.filled); since > 0 {
		t.tokens = min(t.burst(), t.tokens+since.Seconds()*t.rate)
		t.filled = now
	}
	if now.Sub(t.heard) > throttleForget {
		t.rate, t.borne = max(t.rate, t.first), max(t.borne, t.first)
		t.heard = now
		t.restart(now)
	}
	if len(t.under) >= t.most() {
		maps.DeleteFunc(t.under, func(_ string, since time.Time) bool { return now.Sub(since) > throttleLost })
	}
}

// judge changes the rate once enough has been seen.
func (t *Throttle) judge(now time.Time) {
	seen := now.Sub(t.begun)
	// One slow answer among a few is no more than bad luck.
	tooSlow := t.slow*100 > t.answers && (t.slow > 1 || t.answers == 1 && seen >= throttlePatience)
	switch {
	case seen < throttleWindow, t.answers < throttleSamples && seen < throttlePatience:
		return
	case tooSlow:
		t.fall(now)
	case t.wanted:
		step := 0.02
		if t.rate < t.borne {
			step = 0.25
		}
		grown := t.rate * math.Pow(1+step, min(seen, throttlePatience).Seconds())
		if t.rate < t.borne {
			grown = min(grown, t.borne)
		}
		t.rate = min(grown, throttleCeiling)
		t.borne = max(t.borne, t.rate)
	}
	t.restart(now)
}

// fall lowers the rate. What was borne is a little less than the rate that was too much; how far the rate falls while the
// PBX recovers says little of what it bears afterwards.
func (t *Throttle) fall(now time.Time) {
	if t.rate > 0.7*t.borne {
		t.borne = 0.95 * t.rate
	} else {
		t.borne *= 0.9
	}
	factor := 2.0 / 3
	switch {
	case t.worst > throttleStands:
		factor = 1.0 / 8
	case t.worst > 4*throttleLimit:
		factor = 1.0 / 2
	}
	t.rate = max(throttleFloor, t.rate*factor)
	t.borne = max(t.borne, t.rate)
	t.tokens = min(t.tokens, t.burst())
	t.fell = now
	t.falls++
}

func (t *Throttle) restart(now time.Time) {
	t.begun, t.answers, t.slow, t.worst, t.wanted = now, 0, 0, 0, false
}
