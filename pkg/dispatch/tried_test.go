package dispatch_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// vainly answers every order: nobody answers, or the line is busy, as the results say in turn. It returns how many were made
// until the engine has nothing more to start by then.
func (h *house) vainly(until time.Time, results []call.Result) (calls []call.Order) {
	for n := 0; time.Now().Before(until); {
		for _, o := range h.board.Started()[len(calls):] {
			calls = append(calls, o)
			out := call.Outcome{Result: results[n%len(results)], Fault: call.FaultNone, Rang: true}
			if o.Caller != 0 {
				h.step(o, call.StateOffered, call.StateAccepted)
				out.OfferState = call.OfferAccepted
			}
			h.step(o, call.StateRinging)
			h.end(o, out)
			n++
		}
		time.Sleep(30 * time.Second)
		synctest.Wait()
	}
	return calls
}

// worries counts how often the welfare ladder began, and says what is wrong with that: it begins once for every promise that
// ended without being kept, and never otherwise.
func (h *house) worries() (n int, wrong string) {
	for _, o := range h.store.Occurrences(h.scheme) {
		want := 0
		if o.Kind.Welfare(o.State) {
			want = 1
		}
		if got := h.store.Welfare(o.ID); got != want {
			wrong = fmt.Sprintf("%s ended %s and began the welfare ladder %d times", o.Kind, o.State, got)
		}
		n += want
	}
	return n, wrong
}

// hardDay gives one person several calls on one day, whose windows follow one another, has her never answer, and kills the
// service in the middle of it. It says what was wrong.
func hardDay(t *testing.T, perDay, promises, windows int, results []call.Result, crash time.Duration) string {
	h := newHouse(t, func(s *dispatch.Scheme) { s.Retry = dispatch.RetryLadder{PerDay: perDay, MaxAttempts: 2} })
	h.caller()
	day := morning.Truncate(24 * time.Hour)
	terms := roster.Agreement{Cadence: roster.Weekly, Days: []time.Weekday{day.Weekday()}}
	for i := range windows {
		begin := roster.Clock(570 + 150*i)
		terms.Windows = append(terms.Windows, roster.Window{Begin: begin, End: begin + 90})
	}
	first := h.occurrence("+3281000001", func(o *dispatch.Occurrence) { o.Terms, o.Closes = terms, day.Add(11*time.Hour) })
	person := h.store.Occurrence(first).Beneficiary
	for range promises - 1 {
		h.occurrence("+3281000001", func(o *dispatch.Occurrence) {
			o.Beneficiary, o.Kind, o.Opens, o.Terms = person, call.KindPresence, day.Add(12*time.Hour), roster.Agreement{}
		})
	}
	h.open()
	h.vainly(morning.Add(crash), results)
	h.desk.Close()
	h.open()
	calls := h.vainly(day.Add(18*time.Hour), results)
	switch n, wrong := h.worries(); {
	case wrong != "":
		return wrong
	case len(calls) == 0 || len(calls) > perDay:
		return fmt.Sprintf("tried %d times, %d allowed", len(calls), perDay)
	case n != promises:
		return fmt.Sprintf("%d promises, %d of them worried somebody", promises, n)
	}
	for _, o := range h.store.Occurrences(h.scheme) {
		if o.LocalDate.Equal(day) && !o.State.Ended() {
			return fmt.Sprintf("%s is %s in the evening", o.Kind, o.State)
		}
	}
	return ""
}

func TestNobodyIsTriedTooOftenADay(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		perDay := rapid.IntRange(1, 6).Draw(rt, "per day")
		promises := rapid.IntRange(1, 3).Draw(rt, "promises")
		windows := rapid.IntRange(1, 3).Draw(rt, "windows")
		some := rapid.SampledFrom([]call.Result{call.ResultBusy, call.ResultNoAnswer, call.ResultMachine})
		results := rapid.SliceOfN(some, 1, 4).Draw(rt, "results")
		crash := time.Duration(rapid.IntRange(10, 400).Draw(rt, "crash after minutes")) * time.Minute
		var wrong string
		synctest.Test(t, func(t *testing.T) { wrong = hardDay(t, perDay, promises, windows, results, crash) })
		if wrong != "" {
			rt.Fatal(wrong)
		}
	})
}

// TestWhatSheAsksForIsNotSpared rings a person back who was tried in vain as often as the day allows.
func TestWhatSheAsksForIsNotSpared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, func(s *dispatch.Scheme) { s.Retry = dispatch.RetryLadder{PerDay: 1} })
		h.caller()
		first := h.occurrence("+3281000001")
		person := h.store.Occurrence(first).Beneficiary
		h.open()
		require.Len(t, h.vainly(morning.Add(time.Hour), []call.Result{call.ResultBusy}), 1)
		h.occurrence("+3281000001", func(o *dispatch.Occurrence) { o.Beneficiary, o.Kind = person, call.KindCallToday })
		h.occurrence("+3281000001", func(o *dispatch.Occurrence) { o.Beneficiary, o.Kind = person, call.KindPresence })
		h.desk.Changed(h.scheme)
		synctest.Wait()
		require.Len(t, h.board.Started(), 2)
		require.Equal(t, call.KindCallToday, h.last().Kind)
	})
}
