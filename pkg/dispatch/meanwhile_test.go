package dispatch_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// TestHerNextNumberIsRungNext after each attempt that counts, and her first one again after the last.
func TestHerNextNumberIsRungNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.caller()
		h.occurrence("+3281000001", func(o *dispatch.Occurrence) { o.Numbers = append(o.Numbers, "+3281000002") })
		h.open()
		var rung []string
		for _, o := range h.vainly(morning.Add(3*time.Hour), []call.Result{call.ResultBusy}) {
			rung = append(rung, o.Number)
		}
		require.Equal(t, []string{"+3281000001", "+3281000002", "+3281000001"}, rung)
	})
}

// TestAnAgreementChangedDuringACallBearsOnTheNext one, which is booked as the call ends.
func TestAnAgreementChangedDuringACallBearsOnTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.caller()
		id := h.occurrence("+3281000001")
		h.open()
		o := h.last()
		h.step(o, call.StateOffered, call.StateAccepted, call.StateRinging, call.StateBridged)
		h.store.UpdateOccurrence(id, func(o *dispatch.Occurrence) {
			o.Terms = roster.Agreement{Cadence: roster.Weekly, Days: []time.Weekday{time.Friday}}
		})
		h.desk.Changed(h.scheme)
		synctest.Wait()
		h.end(o, answered)
		all := h.store.Occurrences(h.scheme)
		require.Equal(t, time.Friday, all[len(all)-1].LocalDate.Weekday())
	})
}

// slowly is a store whose commits take their time.
type slowly struct {
	dispatch.Store
	by time.Duration
}

func (s slowly) Apply(ctx context.Context, scheme, epoch int64, now time.Time, ops []dispatch.Op) ([]error, error) {
	time.Sleep(s.by)
	return s.Store.Apply(ctx, scheme, epoch, now, ops)
}

// TestAnOldClaimRingsNobody: when its commit is known only after seconds, the caller may have gone and the instant to dial by is near.
func TestAnOldClaimRingsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.opts.Store = slowly{h.opts.Store, 6 * time.Second}
		h.caller()
		id := h.occurrence("+3281000001")
		h.open()
		after(20 * time.Second)
		require.Empty(t, h.board.Started())
		require.Equal(t, call.ReasonDialBy, h.store.Attempts()[0].Outcome.Reason)
		require.Equal(t, call.OccurrenceOpen, h.store.Occurrence(id).State)
	})
}
