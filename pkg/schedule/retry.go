package schedule

import (
	"time"

	"github.com/rappel-tel/rappel/pkg/call"
)

// Ladder says when and how often an attempt that reached nobody is tried again.
type Ladder struct {
	After       map[call.Result]time.Duration // Counted from the attempt's end; a missing result takes DefaultAfter's.
	MaxAttempts int                           // Per occurrence; 0 means 3.
	// PerDay is how often one person is tried in vain on one of her dates at most, over all her calls; 0 means no bound.
	PerDay int
	// Kinds hold what differs for calls of a kind. A result that is missing there, and a MaxAttempts of 0, take this ladder's;
	// PerDay is always this one's.
	Kinds map[call.Kind]Ladder

	base map[call.Result]time.Duration // The scheme's waits, below those of a kind.
}

// For returns the ladder of calls of a kind.
func (l Ladder) For(kind call.Kind) Ladder {
	own, ok := l.Kinds[kind]
	if !ok {
		return l
	}
	if own.MaxAttempts <= 0 {
		own.MaxAttempts = l.MaxAttempts
	}
	own.PerDay, own.base = l.PerDay, l.After
	return own
}

// Tries is how often a person is tried for one occurrence.
func (l Ladder) Tries() int {
	if l.MaxAttempts <= 0 {
		return DefaultMaxAttempts
	}
	return l.MaxAttempts
}

// Wait is how long after an attempt that ended with the result the next one may start; 0 when it is not tried again.
func (l Ladder) Wait(result call.Result) time.Duration {
	if wait, ok := l.After[result]; ok {
		return max(wait, 0)
	}
	if wait, ok := l.base[result]; ok {
		return max(wait, 0)
	}
	return DefaultAfter(result)
}

// Spent reports whether a person who was tried so often on one of her dates is left alone until the next.
func (l Ladder) Spent(tried int) bool { return l.PerDay > 0 && tried >= l.PerDay }

// DefaultMaxAttempts is how often a person is tried for one occurrence when nothing else is configured.
const DefaultMaxAttempts = 3

// DefaultPerDay is how often one person is tried in vain on a day when a scheme says nothing else.
const DefaultPerDay = 6

// DefaultAfter is the wait before the next try when nothing else is configured: 0 for a result that is not tried again.
func DefaultAfter(result call.Result) time.Duration {
	switch result {
	case call.ResultBusy:
		return 5 * time.Minute
	case call.ResultNoAnswer, call.ResultMachine:
		return 30 * time.Minute
	case call.ResultCongestion, call.ResultFailed:
		return time.Minute
	default:
		return 0
	}
}

// Retry returns when the person is tried again after an attempt that ended at ended with the result: inside the window
// that closes at closes, unless the attempts made so far (this one included) are as many as allowed. The wait counts from
// the attempt's end. It reports false when she is not tried again.
func (l Ladder) Retry(ended time.Time, result call.Result, attempts int, closes time.Time) (time.Time, bool) {
	wait := l.Wait(result)
	if attempts >= l.Tries() || wait <= 0 {
		return time.Time{}, false
	}
	at := ended.Add(wait)
	return at, at.Before(closes)
}
