package demo

import (
	"errors"
	"fmt"
	"strings"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/phone"
)

// Result is what a demonstration reports. Results come from the records that the service kept, the rest from the telephones at
// the far ends.
type Result struct {
	Attempts   int `json:"attempts"` // Ended ones; the eight results sum to it.
	Answered   int `json:"answered"`
	Busy       int `json:"busy"`
	NoAnswer   int `json:"no_answer"`
	Machine    int `json:"machine"`
	Failed     int `json:"failed"`
	Congestion int `json:"congestion"`
	Cancelled  int `json:"cancelled"`
	Unknown    int `json:"unknown"`

	Bridged     int     `json:"bridged"`      // Attempts whose two phones heard each other.
	Recorded    int     `json:"recorded"`     // Those of them that the records call answered.
	SilentCalls int     `json:"silent_calls"` // Answered calls in which nothing was heard.
	DoubleRings int     `json:"double_rings"` // Attempts that rang twice, or phones rung while in a call.
	AudioOK     int     `json:"audio_ok"`
	AudioFailed int     `json:"audio_failed"`
	Inbound     int     `json:"inbound"` // Calls to the registration line.
	Seconds     float64 `json:"seconds"` // Real time from the first ready caller to the end.
}

// ended is one attempt as the records have it.
type ended struct {
	id     call.ID
	result call.Result // Empty while it goes on.
	reason call.Reason
	cause  int
}

// sum makes the result of some attempts and of what the far ends saw.
func sum(attempts []ended, records []phone.Record, summary phone.Summary) (Result, error) {
	r := Result{
		Attempts: len(attempts), SilentCalls: summary.SilentCalls, DoubleRings: summary.DoubleRings,
		AudioOK: summary.AudioOK, AudioFailed: summary.AudioFailed, Inbound: summary.Inbound,
	}
	counted := r.byResult()
	met := map[string]bool{}
	for _, record := range records {
		if record.Attempt != "" && !record.Inbound && !record.Caller && !record.Answered.IsZero() && len(record.Tones) > 0 {
			met[record.Attempt] = true
		}
	}
	for _, a := range attempts {
		field, ok := counted[a.result]
		if !ok {
			return Result{}, fmt.Errorf("attempt with result %q: no such result", a.result)
		}
		*field++
		if met[string(a.id)] {
			r.Bridged++
			if a.result == call.ResultAnswered || a.result == call.ResultMachine {
				r.Recorded++
			}
		}
	}
	return r, nil
}

func (r *Result) byResult() map[call.Result]*int {
	return map[call.Result]*int{
		call.ResultAnswered: &r.Answered, call.ResultBusy: &r.Busy, call.ResultNoAnswer: &r.NoAnswer,
		call.ResultMachine: &r.Machine, call.ResultFailed: &r.Failed, call.ResultCongestion: &r.Congestion,
		call.ResultCancelled: &r.Cancelled, call.ResultUnknown: &r.Unknown,
	}
}

// ErrBroken means that a demonstration broke one of its invariants.
var ErrBroken = errors.New("an invariant broke")

// ErrCutShort means that a demonstration was stopped before it had made as many attempts as it was to make.
var ErrCutShort = errors.New("stopped early")

// Check returns an error that wraps ErrBroken and names every invariant that does not hold: results sum to attempts, no
// silent call, nobody rung twice, audio both ways, and every bridged call recorded.
func (r Result) Check() error {
	var broken []string
	total := 0
	for _, n := range r.byResult() {
		total += *n
	}
	if total != r.Attempts {
		broken = append(broken, fmt.Sprintf("results sum to %d, not to %d attempts", total, r.Attempts))
	}
	for _, zero := range []struct {
		name string
		n    int
	}{{"silent_calls", r.SilentCalls}, {"double_rings", r.DoubleRings}, {"audio_failed", r.AudioFailed}} {
		if zero.n != 0 {
			broken = append(broken, fmt.Sprintf("%s is %d, not 0", zero.name, zero.n))
		}
	}
	if r.Bridged != r.Recorded {
		broken = append(broken, fmt.Sprintf("%d bridged, but %d recorded", r.Bridged, r.Recorded))
	}
	if len(broken) > 0 {
		return fmt.Errorf("%w: %s", ErrBroken, strings.Join(broken, "; "))
	}
	return nil
}
