package schedule

import (
	"time"

	"github.com/rappel-tel/rappel/pkg/call"
)

// Ladder says when and how often an attempt that reached nobody is tried again.
type Ladder struct {
	After       map[call.Result]time.Duration // Counted from the attempt's end; a missing result takes DefaultAfter's.
	MaxAttempts int                           // Per occurrence; 0 means 3.
}

// DefaultMaxAttempts is how often a person is tried for one occurrence when nothing else is configured.
const DefaultMaxAttempts = 3

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
	limit := l.MaxAttempts
	if limit <= 0 {
		limit = DefaultMaxAttempts
	}
	wait, ok := l.After[result]
	if !ok {
		wait = DefaultAfter(result)
	}
	if attempts >= limit || wait <= 0 {
		return time.Time{}, false
	}
	at := ended.Add(wait)
	return at, at.Before(closes)
}
