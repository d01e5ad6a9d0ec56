package schedule

import (
	"slices"
	"time"

	"github.com/rappel-tel/rappel/pkg/roster"
)

// onceMoves is by how many days a dated call may be put off when its own day is closed.
const onceMoves = 14

// days calls yield for each day from first to last on which the agreement wants a call, in order, until it returns false.
// A call whose own day is closed or paused moves to the nearest day of the same week (of the same month for a monthly
// call) that is free, a later one first; where there is none it falls out.
func (r Rules) days(a *roster.Agreement, first, last int, yield func(day int) bool) {
	begin, end := first, last
	if !a.ValidFrom.IsZero() {
		begin = max(begin, dayOf(a.ValidFrom))
	}
	if !a.ValidUntil.IsZero() {
		end = min(end, dayOf(a.ValidUntil))
	}
	if a.Cadence == roster.Once {
		r.once(a, first, end, yield)
		return
	}
	if begin > end {
		return
	}
	if a.Cadence == roster.Monthly {
		r.monthly(a, begin, end, yield)
		return
	}
	var chosen [7]int
	for monday := mondayOf(begin); monday <= end; monday += 7 {
		for _, day := range r.week(a, monday, chosen[:0]) {
			if day < begin || day > end {
				continue
			}
			if !yield(day) {
				return
			}
		}
	}
}

// week appends the days of the week that begins on a Monday, in order.
func (r Rules) week(a *roster.Agreement, monday int, days []int) []int {
	switch a.Cadence {
	case roster.Daily:
		for day := monday; day < monday+7; day++ {
			if (len(a.Days) == 0 || slices.Contains(a.Days, weekdayOf(day))) && r.callable(day) {
				days = append(days, day)
			}
		}
		return days
	case roster.Fortnightly:
		// Weeks are counted from the agreement's first one, or spread by the seed.
		parity := int(mix(r.Seed) >> 32 & 1)
		if !a.ValidFrom.IsZero() {
			parity = weekNumber(mondayOf(dayOf(a.ValidFrom))) & 1
		}
		if weekNumber(monday)&1 != parity {
			return days
		}
	default: // A number of days in every week.
	}
	var wanted [7]int
	for _, day := range r.wanted(a, monday, wanted[:0]) {
		if moved, ok := r.nearest(day, monday, monday+6, days); ok {
			days = append(days, moved)
		}
	}
	slices.Sort(days)
	return days
}

// wanted appends the days of a week on which the agreement wants a call before anything is closed: the chosen ones, or
// as many as agreed spread evenly over the scheme's weekdays from a place that the seed chooses.
func (r Rules) wanted(a *roster.Agreement, monday int, days []int) []int {
	n := min(max(a.PerWeek, 1), 7)
	if a.Cadence == roster.Fortnightly {
		n = 1
	}
	if len(a.Days) > 0 {
		if a.PerWeek == 0 && a.Cadence == roster.Weekly {
			n = 7
		}
		for day := monday; day < monday+7 && len(days) < n; day++ {
			if slices.Contains(a.Days, weekdayOf(day)) {
				days = append(days, day)
			}
		}
		return days
	}
	var open [7]int
	weekdays := open[:0]
	for day := monday; day < monday+7; day++ {
		if r.weekday(weekdayOf(day)) {
			weekdays = append(weekdays, day)
		}
	}
	m := len(weekdays)
	n = min(n, m)
	for i := 0; i < n; i++ {
		days = append(days, weekdays[(int(mix(r.Seed)%uint64(m))+i*m/n)%m])
	}
	slices.Sort(days)
	return days
}

// nearest returns the day itself or the nearest callable day between first and last that is not taken.
func (r Rules) nearest(day, first, last int, taken []int) (int, bool) {
	for distance := 0; distance <= last-first; distance++ {
		for _, d := range [2]int{day + distance, day - distance} {
			if d >= first && d <= last && r.callable(d) && !slices.Contains(taken, d) {
				return d, true
			}
		}
	}
	return 0, false
}

// monthly wants one call a month: on the same weekday of the same week of the month when days are chosen, on a day that
// the seed chooses otherwise.
func (r Rules) monthly(a *roster.Agreement, begin, end int, yield func(day int) bool) {
	year, month, _ := dateOf(begin).Date()
	for ; ; month++ {
		date := time.Date(year, month, 1, 0, 0, 0, 0, time.UTC)
		first, last := dayOf(date), dayOf(date.AddDate(0, 1, -1))
		if first > end {
			return
		}
		day := first + int(mix(r.Seed)%28)
		if len(a.Days) > 0 {
			ahead := (int(a.Days[0]) - int(weekdayOf(first)) + 7) % 7
			day = first + ahead + 7*int(mix(r.Seed)%4)
		}
		if moved, ok := r.nearest(day, first, last, nil); ok && moved >= begin && moved <= end && !yield(moved) {
			return
		}
	}
}

// once wants a call on the agreement's first day, or on the first callable day within two weeks of it.
func (r Rules) once(a *roster.Agreement, first, end int, yield func(day int) bool) {
	if a.ValidFrom.IsZero() {
		return
	}
	for day := dayOf(a.ValidFrom); day <= dayOf(a.ValidFrom)+onceMoves && day <= end; day++ {
		if r.callable(day) {
			if day >= first {
				yield(day)
			}
			return
		}
	}
}

// weekNumber counts weeks by their Monday.
func weekNumber(monday int) int { return (monday + 3) / 7 }

// mix spreads a seed over 64 bits (the finaliser of SplitMix64), so that neighbouring keys choose unrelated days.
func mix(seed int64) uint64 {
	x := uint64(seed) + 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
