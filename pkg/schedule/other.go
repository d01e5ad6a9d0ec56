package schedule

import (
	"slices"
	"time"

	"github.com/rappel-tel/rappel/pkg/roster"
)

// OtherTimes returns the slots to which one of the promises can be moved at the person's wish, those nearest to its date first,
// the later one of two that are equally near. They open at from or later, at most two weeks from the agreed date, inside the agreed
// windows and the scheme's hours; a whole talk of the planned length fits in. A day that has another promise, or is the agreement's
// own for another call, is left out, as is the slot that the promise has. A welcome-back call has no other time.
//
// Whatever it is moved to, Revise leaves it there: it stands in for the agreed date.
func OtherTimes(a roster.Agreement, r Rules, id int64, promises []Promise, from time.Time) []Slot {
	at := slices.IndexFunc(promises, func(p Promise) bool { return p.ID == id })
	if at < 0 || promises[at].WelcomeBack {
		return nil
	}
	p := promises[at]
	agreed := dayOf(p.Date)
	if !p.Instead.IsZero() {
		agreed = dayOf(p.Instead)
	}
	begin, end := validity(&a)
	first := max(dayOf(r.DateIn(from)), agreed-movesWithin, begin)
	last := min(agreed+movesWithin, end)
	taken := map[int]bool{}
	for _, other := range promises {
		if other.ID != id {
			taken[dayOf(other.Date)] = true
		}
	}
	wanted := false
	r.days(&a, min(first, agreed)-movesWithin, max(last, agreed)+movesWithin, func(w wish) bool {
		if w.agreed == agreed && !w.welcomeBack {
			wanted = true
		} else {
			taken[w.day] = true
		}
		return true
	})
	if !wanted {
		return nil // It is no longer agreed: there is nothing that another time could stand in for.
	}
	var list []Slot
	for day := first; day <= last; day++ {
		if taken[day] || !r.usable(&a, day) {
			continue
		}
		var room [most]stretch
		for _, s := range r.stretches(&a, day, room[:0]) {
			if s.opens.Before(from) || s.closes.Sub(s.opens) < Length(a) || s.opens.Equal(p.Opens) {
				continue
			}
			slot := Slot{Date: dateOf(day), Opens: s.opens, Closes: s.closes}
			if day != agreed {
				slot.Instead = dateOf(agreed)
			}
			list = append(list, slot)
		}
	}
	slices.SortStableFunc(list, func(x, y Slot) int {
		if d := distance(x.Date, p.Date) - distance(y.Date, p.Date); d != 0 {
			return d
		}
		if d := y.Date.Compare(x.Date); d != 0 {
			return d
		}
		return x.Opens.Compare(y.Opens)
	})
	return list
}
