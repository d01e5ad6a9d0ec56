package dispatch_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
)

// TestAReminderOfNothingEndsAtOnce: it is not tried again, worries nobody, and the next one is booked.
func TestAReminderOfNothingEndsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		id := h.occurrence("+3281000001", func(o *dispatch.Occurrence) { o.Kind, o.Agreed = call.KindReminder, call.KindReminder })
		h.open()
		h.end(h.last(), call.Outcome{Result: call.ResultCancelled, Reason: call.ReasonNothingToSay, Fault: call.FaultNone})
		require.Equal(t, call.OccurrenceCancelled, h.store.Occurrence(id).State)
		time.Sleep(8 * time.Hour)
		synctest.Wait()
		require.Len(t, h.board.Started(), 1)
		all := h.store.Occurrences(h.scheme)
		require.Len(t, all, 2, "the next one is booked")
		require.Equal(t, call.KindReminder, all[1].Kind)
	})
}
