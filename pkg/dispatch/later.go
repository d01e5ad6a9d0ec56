package dispatch

import (
	"time"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/schedule"
)

// Booking is a call of a person, as far as putting another one off depends on it.
type Booking struct {
	ID        int64
	Agreement int64
	Kind      call.Kind
	LocalDate time.Time // Midnight UTC of the local day.
	State     call.OccurrenceState
}

// DayLater says what becomes of the promised call that follows a closed one when the caller says "a day later": it ends as
// moved, and a call of the same agreement is booked for the next day on which the person may be called, inside the agreed
// window. The bookings are those of the person on later days than the closed call's, in any order. The settlement lacks
// what the record of the moved call holds (Attempts, Deferred, Rang).
//
// It reports false, and the call stays where it is, when the closed occurrence has not ended (it is tried again), when no
// call of the agreement follows or the following one is under way, and when the person has a scheduled call on the day to
// which it would move, or will have by the agreement itself: nobody is called twice on one day for one promise.
func DayLater(closed *Occurrence, bookings []Booking, rules schedule.Rules, at time.Time) (Settlement, bool) {
	if !closed.State.Ended() {
		return Settlement{}, false
	}
	var following *Booking
	for i := range bookings {
		b := &bookings[i]
		if b.Agreement == closed.Agreement && b.counts() && b.LocalDate.After(closed.LocalDate) &&
			(following == nil || b.LocalDate.Before(following.LocalDate)) {
			following = b
		}
	}
	if following == nil || following.State != call.OccurrenceOpen {
		return Settlement{}, false
	}
	slot, ok := schedule.DayLater(closed.Terms, closed.Rules(rules), following.LocalDate)
	if !ok {
		return Settlement{}, false
	}
	for i := range bookings {
		if bookings[i].counts() && bookings[i].LocalDate.Equal(slot.Date) {
			return Settlement{}, false
		}
	}
	next := Following(closed, slot)
	return Settlement{Occurrence: following.ID, State: call.OccurrenceMoved, Next: &next, At: at}, true
}

// counts reports whether a booking is a promised call that was neither moved nor cancelled.
func (b *Booking) counts() bool {
	return (b.Kind == call.KindScheduled || b.Kind == call.KindWelcomeBack) && b.State != call.OccurrenceMoved && b.State != call.OccurrenceCancelled
}
