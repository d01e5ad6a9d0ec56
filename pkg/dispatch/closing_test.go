package dispatch_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/schedule"
)

// closeToday has the scheme closed for the rest of the day, or opens it again.
func (h *house) closeToday(closed bool) {
	day := morning.Truncate(24 * time.Hour)
	h.store.UpdateScheme(h.scheme, func(s *dispatch.Scheme) {
		s.Exceptions = nil
		if closed {
			s.Exceptions = []schedule.Exception{{First: day, Last: day}}
		}
	})
	h.desk.Changed(h.scheme)
	synctest.Wait()
}

// TestAClosedDayStartsNothing that is held for its reference caller, and what nobody moves is said missed when its window ends, with the
// next one booked.
func TestAClosedDayStartsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		anna := h.caller(func(c *dispatch.Caller) { c.State = call.CallerBreak })
		h.caller()
		id := h.occurrence("+3281000001", func(o *dispatch.Occurrence) { o.Reference, o.Opens, o.NotBefore = anna, morning, morning })
		h.open()
		after(5 * time.Minute)
		h.closeToday(true)
		require.NoError(t, h.desk.SetState(t.Context(), h.scheme, anna, call.CallerReady, ""))
		after(2 * time.Hour)
		require.Empty(t, h.board.Started(), "neither with her nor, after the hold, with anybody else")
		waiting, err := h.desk.Waiting(t.Context(), h.scheme)
		require.NoError(t, err)
		require.Equal(t, dispatch.Waiting{Hours: 1}, waiting)
		after(6 * time.Hour)
		require.Empty(t, h.board.Started())
		require.Equal(t, call.OccurrenceMissed, h.store.Occurrence(id).State)
		require.Equal(t, 1, h.store.Welfare(id))
		all := h.store.Occurrences(h.scheme)
		require.True(t, all[len(all)-1].LocalDate.After(morning), "another day has the next one")
	})
}

// TestAnOfferIsTakenBackWhenTheDayIsClosed: the person's phone has not rung yet; what is talked on goes on.
func TestAnOfferIsTakenBackWhenTheDayIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.caller()
		h.caller()
		h.occurrence("+3281000001")
		h.occurrence("+3281000002")
		h.open()
		orders := h.board.Started()
		require.Len(t, orders, 2)
		h.step(orders[0], call.StateOffered)
		h.step(orders[1], call.StateOffered, call.StateAccepted, call.StateRinging, call.StateBridged)
		h.board.OnRecall = func(id call.ID) {
			h.desk.Ended(call.Outcome{Scheme: h.scheme, Attempt: id, Offer: 1, OfferState: call.OfferRecalled})
		}
		h.closeToday(true)
		require.Equal(t, []call.ID{orders[0].Attempt}, h.board.Recalled())
		h.end(orders[1], answered)
		after(time.Hour)
		require.Len(t, h.board.Started(), 2)
		h.closeToday(false)
		require.Len(t, h.board.Started(), 3, "its promise is kept after all")
		require.Equal(t, orders[0].Number, h.last().Number)
	})
}

// TestShorterHoursCutAnHourShort: what was held may start no more once the scheme has closed earlier than its window said.
func TestShorterHoursCutAnHourShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		anna := h.caller(func(c *dispatch.Caller) { c.State = call.CallerBreak })
		h.caller()
		h.occurrence("+3281000001", func(o *dispatch.Occurrence) { o.Reference, o.Opens, o.NotBefore = anna, morning, morning })
		h.open()
		h.store.UpdateScheme(h.scheme, func(s *dispatch.Scheme) {
			s.Hours = schedule.Workdays(570, 615)
			s.Hours[time.Tuesday] = []roster.Window{{Begin: 570, End: 615}, {Begin: 840, End: 900}}
		})
		h.desk.Changed(h.scheme)
		after(3*time.Hour + 59*time.Minute) // The hold ends at 10:20, the scheme has closed at 10:15.
		require.Empty(t, h.board.Started())
		after(2 * time.Minute)
		require.Len(t, h.board.Started(), 1, "in the afternoon")
	})
}
