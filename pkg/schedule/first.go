package schedule

import (
	"time"

	"github.com/rappel-tel/rappel/pkg/roster"
)

// First returns the slot in which a person is asked for the first time whether she agrees to an agreement that others have
// proposed for her: the earliest that is not over at from, on any day and in any window on which she might be called by it,
// whatever its cadence. It reports false when there is none.
func First(a roster.Agreement, r Rules, from time.Time) (Slot, bool) {
	a = asking(a)
	a.Cadence, a.PerWeek = roster.Daily, 0
	r.Pauses = plain(r.Pauses)
	if soon := Between(a, r, from, from.AddDate(0, 0, 2)); len(soon) > 0 {
		return soon[0], true
	}
	return Next(a, r, from)
}

// AskAgain returns the slot in which she is asked next, on a later date than after's, when she was not reached or wants to think
// about it: as often as is proposed, and once a week where that is less; of calls on given dates, on the next one. It reports false
// when there is none.
func AskAgain(a roster.Agreement, r Rules, after time.Time) (Slot, bool) {
	switch a.Cadence {
	case roster.Once: // On one of its dates, if any is to come.
	case roster.Daily, roster.Weekly:
		a = asking(a)
	default:
		a = asking(a)
		a.Cadence, a.PerWeek = roster.Weekly, 1
	}
	r.Pauses = plain(r.Pauses)
	return Next(a, r, after)
}

// Asks reports whether a slot is one in which she may still be asked.
func Asks(a roster.Agreement, r Rules, slot Slot) bool {
	day := dayOf(slot.Date)
	first, last := validity(&a)
	return day >= first && day <= last && r.usable(&a, day) && r.offers(&a, Promise{Date: slot.Date, Opens: slot.Opens, Closes: slot.Closes})
}

// asking leaves of an agreement what says when she may be called, and not how often.
func asking(a roster.Agreement) roster.Agreement {
	a.MonthDay, a.Nth, a.Dates = 0, 0, nil
	return a
}

// plain are pauses without a call that welcomes her back: nobody knows her yet.
func plain(pauses []Pause) []Pause {
	list := make([]Pause, len(pauses))
	for i, p := range pauses {
		p.WelcomeBack = false
		list[i] = p
	}
	return list
}
