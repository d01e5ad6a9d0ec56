package schedule

import (
	"math/bits"
	"time"

	"github.com/rappel-tel/rappel/pkg/roster"
)

// A call of every week weighs weekWeight on its day of the week; one of every second week does so in the weeks that it
// falls into, and one a month a quarter of it in all.
const (
	weekWeight  = 4
	monthWeight = 1
)

// Load is how many calls the agreements of a scheme put on each day of the week, in quarters of a call: those of weeks of
// even number and of odd number apart, Sunday first as in time.Weekday. The zero Load is that of a scheme without
// agreements.
//
// Weeks are numbered from that of 1 January 1970, without regard to years, so that even and odd ones always alternate.
type Load [2][7]int

// Add adds an agreement, on its chosen days, its place, or the days that its key gives. Calls on dates and on days of the
// month fall on any day of the week and are not counted.
func (l *Load) Add(a roster.Agreement, r Rules) { l.add(&a, &r, 1) }

// Remove takes away what Add has added.
func (l *Load) Remove(a roster.Agreement, r Rules) { l.add(&a, &r, -1) }

func (l *Load) add(a *roster.Agreement, r *Rules, sign int) {
	days := roster.WeekdaysOf(a.Days...)
	switch a.Cadence {
	case roster.Daily:
		if days == 0 {
			days = r.weekdays(a)
		}
		l.put(days, 0, sign*weekWeight)
		l.put(days, 1, sign*weekWeight)
	case roster.Weekly:
		if days == 0 {
			days = r.place(a)
		} else {
			days = firstDays(days, perWeek(a))
		}
		l.put(days, 0, sign*weekWeight)
		l.put(days, 1, sign*weekWeight)
	case roster.Fortnightly:
		if days == 0 {
			days = r.place(a)
		}
		l.put(firstDays(days, 1), r.phase(a), sign*weekWeight)
	case roster.Monthly:
		if days == 0 {
			days = a.Place.Days
		}
		if a.MonthDay == 0 {
			l.put(firstDays(days, 1), 0, sign*monthWeight)
			l.put(firstDays(days, 1), 1, sign*monthWeight)
		}
	default: // Dated calls fall on any day.
	}
}

func (l *Load) put(days roster.Weekdays, week, weight int) {
	for d := range 7 {
		if days.Has(time.Weekday(d)) {
			l[week][d] += weight
		}
	}
}

// Place chooses the days of an agreement that leaves them free, among those on which the scheme usually calls and the
// agreement has a window. It returns the zero Place when there is nothing to choose: days, a day of the month or dates were
// agreed, the cadence is daily, or there is no such day. The same figures give the same place.
//
// Of all sets of as many days as calls a week it takes the one whose calls lie furthest apart, as long as that keeps the
// week even; among equals the one on the quieter days, then the earlier one.
//
// The bound: let D be the difference between the busiest and the quietest of the days it chooses among (over both weeks
// for a weekly agreement, in the week that counts for a fortnightly one) and w what one call adds. Afterwards D is at most
// the larger of D before and 2w. The days of least load always keep it: raising the n least of some figures by w leaves a
// difference of at most the larger of the former one and w. So in a scheme whose weekly agreements leave all days free no
// weekday ever has more than two calls a week more than another, however many people there are; and where agreed days
// have made the week uneven, no place makes it more so.
func (l *Load) Place(a roster.Agreement, r Rules) roster.Place {
	if len(a.Days) > 0 || a.MonthDay > 0 {
		return roster.Place{}
	}
	days := r.weekdays(&a)
	n := min(perWeek(&a), bits.OnesCount8(uint8(days)))
	if n == 0 {
		return roster.Place{}
	}
	switch a.Cadence {
	case roster.Weekly:
		var both [7]int
		for d := range both {
			both[d] = l[0][d] + l[1][d]
		}
		return roster.Place{Days: choose(both, 2*weekWeight, days, n)}
	case roster.Fortnightly:
		even, odd := choose(l[0], weekWeight, days, 1), choose(l[1], weekWeight, days, 1)
		if at(l[1], odd) < at(l[0], even) {
			return roster.Place{Days: odd, Week: 1}
		}
		return roster.Place{Days: even}
	case roster.Monthly:
		var both [7]int
		for d := range both {
			both[d] = l[0][d] + l[1][d]
		}
		return roster.Place{Days: choose(both, 2*monthWeight, days, 1), Week: 1 + int(mix(r.Seed)>>32%4)}
	default:
		return roster.Place{}
	}
}

// at is the load of the only day of a set.
func at(load [7]int, day roster.Weekdays) int { return load[bits.TrailingZeros8(uint8(day))] }

// choose returns n of the days, each of which takes weight more.
func choose(load [7]int, weight int, among roster.Weekdays, n int) roster.Weekdays {
	before := unevenness(load, among, 0, 0)
	var best roster.Weekdays
	var bestGap, bestSum int
	for set := roster.Weekdays(1); set < 1<<7; set++ {
		if set&^among != 0 || bits.OnesCount8(uint8(set)) != n ||
			unevenness(load, among, set, weight) > max(before, 2*weight) {
			continue
		}
		gap, sum := smallestGap(set), 0
		for d := range 7 {
			if set.Has(time.Weekday(d)) {
				sum += load[d]
			}
		}
		if best == 0 || gap > bestGap || gap == bestGap && (sum < bestSum || sum == bestSum && fromMonday(set) < fromMonday(best)) {
			best, bestGap, bestSum = set, gap, sum
		}
	}
	return best
}

// unevenness is the difference between the busiest and the quietest of the days when those of a set take weight more.
func unevenness(load [7]int, among, set roster.Weekdays, weight int) int {
	first, least, most := true, 0, 0
	for d := range load {
		if !among.Has(time.Weekday(d)) {
			continue
		}
		v := load[d]
		if set.Has(time.Weekday(d)) {
			v += weight
		}
		if first {
			first, least, most = false, v, v
		}
		least, most = min(least, v), max(most, v)
	}
	return most - least
}

// smallestGap is the least number of days from one day of a set to the next, over the week's end too; 7 for a single day.
func smallestGap(set roster.Weekdays) int {
	gap := 7
	for d := range 7 {
		if !set.Has(time.Weekday(d)) {
			continue
		}
		for step := 1; step < gap; step++ {
			if set.Has(time.Weekday((d + step) % 7)) {
				gap = step
			}
		}
	}
	return gap
}

// fromMonday turns a set so that a set with earlier days, counted from Monday, is the smaller number.
func fromMonday(set roster.Weekdays) int {
	turned := 0
	for i := range 7 {
		if set.Has(time.Weekday((i + 1) % 7)) {
			turned |= 1 << (6 - i)
		}
	}
	return -turned
}

// place is the set of days of an agreement that leaves them free: its place, or as many as agreed spread evenly over the
// scheme's weekdays from a day that the seed chooses.
func (r *Rules) place(a *roster.Agreement) roster.Weekdays {
	n := perWeek(a)
	if a.Place.Days != 0 && bits.OnesCount8(uint8(a.Place.Days)) <= n {
		return a.Place.Days
	}
	var room [7]time.Weekday
	open, set := room[:0], r.weekdays(a)
	for i := 1; i <= 7; i++ {
		if d := time.Weekday(i % 7); set.Has(d) {
			open = append(open, d)
		}
	}
	m := len(open)
	n = min(n, m)
	var days roster.Weekdays
	for i := range n {
		days |= 1 << open[(int(mix(r.Seed)%uint64(m))+i*m/n)%m]
	}
	return days
}

// mix spreads a seed over 64 bits (the finaliser of SplitMix64), so that neighbouring keys choose unrelated days.
func mix(seed int64) uint64 {
	x := uint64(seed) + 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
