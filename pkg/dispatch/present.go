package dispatch

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/roster/numbering"
)

// ErrOwnCLI means that calls of a kind may not be placed with the numbers that the scheme's trunk presents.
var ErrOwnCLI = errors.New("they need one of their own")

// Presentable reports whether the scheme has a number, on one of its trunks at least, that calls of a kind may present; the error
// wraps ErrOwnCLI.
func (s *Scheme) Presentable(kind call.Kind) (err error) {
	for _, t := range s.ways() {
		if err = s.presentableOn(t, kind); err == nil {
			return nil
		}
	}
	return err
}

// presentableOn reports whether a trunk presents a number that calls of a kind may show. Those of people are never kept back here:
// what they present was looked at when it was written down. In France a machine's calls show a number that is never that of
// human calls: whoever is rung tells them apart.
func (s *Scheme) presentableOn(t Trunk, kind call.Kind) error {
	if !kind.Automatic() {
		return nil
	}
	own := t.number(kind)
	if s.Country == "FR" && (own == "" || own == t.CLI[""]) {
		return fmt.Errorf("in France %s calls, which a machine places, show a number that is for such calls only: %w", kind, ErrOwnCLI)
	}
	if own = cmp.Or(own, t.CLI[""]); own == "" {
		return nil // The operator's choice.
	}
	if err := numbering.Presentable(own, s.Country, true); err != nil {
		return fmt.Errorf("%s calls: %w: %w", kind, err, ErrOwnCLI)
	}
	return nil
}

// number is what a trunk presents for calls of a kind; empty when it is what it presents for all. Where none was chosen for
// confirmations they show that of other calls which a machine places.
func (t *Trunk) number(kind call.Kind) string {
	if kind == call.KindConfirmation {
		return cmp.Or(t.CLI[kind], t.CLI[call.KindReminder], t.CLI[call.KindPresence])
	}
	return t.CLI[kind]
}

// Capacity is how long so many calls of a kind take with the lines and calls per second of the trunks that may carry them, when
// so many callers work: one after the other on each line, a minute each without a caller, else of the length given. For ever,
// without lines for calls out or without callers who are needed, is 0.
func (s *Scheme) Capacity(kind call.Kind, calls, callers int, length time.Duration) time.Duration {
	lines, pace, each := 0, 0.0, length
	for _, t := range s.ways() {
		if s.presentableOn(t, kind) != nil {
			continue
		}
		lines, pace = lines+max(0, t.Lines-t.reserve()), pace+t.CallsPerSecond
	}
	if kind.Automatic() {
		lines, each = (lines+1)/2, time.Minute // As the engine shares them.
	} else {
		lines = min(lines, callers)
	}
	if lines <= 0 || calls == 0 {
		return 0
	}
	took := time.Duration((calls+lines-1)/lines) * each
	if pace > 0 {
		took = max(took, time.Duration(float64(calls)/pace*float64(time.Second)))
	}
	return took
}
