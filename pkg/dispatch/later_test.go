package dispatch

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/schedule"
)

func TestDayLater(t *testing.T) {
	day := func(d int) time.Time { return time.Date(2026, 11, d, 0, 0, 0, 0, time.UTC) }
	booking := func(id int64, d int, state call.OccurrenceState) Booking {
		return Booking{ID: id, Agreement: 2, Kind: call.KindScheduled, LocalDate: day(d), State: state}
	}
	with := func(b Booking, change func(*Booking)) Booking { change(&b); return b }
	ofAnother := func(b *Booking) { b.Agreement = 3 }
	for _, c := range []struct {
		name     string
		bookings []Booking
		state    call.OccurrenceState // Of the closed one; empty means reached.
		pause    bool                 // On the 25th.
		moved    int64                // 0: nothing moves.
		to       int
	}{
		{name: "the first that follows", bookings: []Booking{booking(9, 30, "open"), booking(8, 24, "open")}, moved: 8, to: 25},
		{name: "past her absence", bookings: []Booking{booking(8, 24, "open")}, pause: true, moved: 8, to: 26},
		{name: "it is tried again today", bookings: []Booking{booking(8, 24, "open")}, state: call.OccurrenceOpen},
		{name: "nothing is booked"},
		{name: "it rings already", bookings: []Booking{booking(8, 24, "claimed"), booking(9, 30, "open")}},
		{name: "a call stands on that day", bookings: []Booking{booking(8, 24, "open"), booking(9, 25, "open")}},
		{
			name: "one of her other agreement does", moved: 0,
			bookings: []Booking{booking(8, 24, "open"), with(booking(9, 25, "open"), ofAnother)},
		},
		{
			name: "what was moved or cancelled stands nowhere", moved: 8, to: 25,
			bookings: []Booking{booking(7, 23, "moved"), booking(8, 24, "open"), booking(9, 25, "cancelled")},
		},
		{
			name: "neither does an apology", moved: 8, to: 25,
			bookings: []Booking{
				with(booking(7, 23, "open"), func(b *Booking) { b.Kind = call.KindApology }), booking(8, 24, "open"),
				with(booking(9, 25, "open"), func(b *Booking) { b.Kind = call.KindApology }),
			},
		},
		{name: "another agreement is left alone", bookings: []Booking{with(booking(8, 24, "open"), ofAnother)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			closed := &Occurrence{
				ID: 1, Agreement: 2, Beneficiary: 4, Kind: call.KindApology, State: call.OccurrenceReached, Attempts: 2, Rang: true,
				LocalDate: day(17), Reference: 5, Numbers: []string{"1"},
				Terms: roster.Agreement{
					Cadence: roster.Weekly, Days: []time.Weekday{time.Tuesday}, Windows: []roster.Window{{Begin: 600, End: 660}},
				},
			}
			if c.state != "" {
				closed.State = c.state
			}
			if c.pause {
				closed.Pauses = []schedule.Pause{{First: day(25), Last: day(25)}}
			}
			at := day(17).Add(11 * time.Hour)
			s, ok := DayLater(closed, c.bookings, schedule.Rules{}, at)
			require.Equal(t, c.moved != 0, ok)
			if !ok {
				return
			}
			require.Equal(t, c.moved, s.Occurrence)
			require.Equal(t, call.OccurrenceMoved, s.State)
			require.Equal(t, at, s.At)
			require.Equal(t, day(c.to), s.Next.LocalDate)
			require.Equal(t, day(c.to).Add(10*time.Hour), s.Next.Opens)
			require.Equal(t, day(c.to).Add(11*time.Hour), s.Next.Closes)
			require.Equal(t, call.KindScheduled, s.Next.Kind)
			require.Equal(t, call.OccurrenceOpen, s.Next.State)
			require.Zero(t, s.Next.Attempts)
			require.Equal(t, closed.Reference, s.Next.Reference)
			require.Equal(t, call.OccurrenceReached, closed.State)
		})
	}
}
