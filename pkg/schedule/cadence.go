package schedule

import (
	"math/bits"
	"slices"
	"time"

	"github.com/rappel-tel/rappel/pkg/roster"
)

const (
	// onceMoves is by how many days a dated call may be put off when its own day is not usable.
	onceMoves = 14
	// welcomeDays is how long after an absence a welcome-back call still makes sense.
	welcomeDays = 31
)

// wish is a day on which an agreement has a call, and the agreed one it stands in for (the same as a rule).
type wish struct {
	day, agreed int
	welcomeBack bool
}

func (w wish) mark(s Slot) Slot {
	if w.agreed != w.day {
		s.Instead = dateOf(w.agreed)
	}
	s.WelcomeBack = w.welcomeBack
	return s
}

// period is a stretch of days in which an agreement has a number of calls, and what became of them.
type period struct {
	first, last int
	wanted      int
	room        [7]wish
	days        []wish // In order; at most as many as wanted.
}

// days calls yield for each day from first to last on which the agreement has a call, in order, until it returns false.
func (r *Rules) days(a *roster.Agreement, first, last int, yield func(wish) bool) {
	backs, more := r.welcomes(a, first, last), true
	upTo := func(day int) {
		for more && len(backs) > 0 && backs[0] < day {
			more = yield(wish{day: backs[0], agreed: backs[0], welcomeBack: true})
			backs = backs[1:]
		}
	}
	r.wishes(a, first, last, func(w wish) bool {
		if r.skipped(w.agreed) {
			return true
		}
		if upTo(w.day); !more {
			return false
		}
		if len(backs) > 0 && backs[0] == w.day {
			w.welcomeBack, backs = true, backs[1:]
		}
		more = yield(w)
		return more
	})
	upTo(last + 1)
}

// wishes does as days does, without welcome-back calls.
func (r *Rules) wishes(a *roster.Agreement, first, last int, yield func(wish) bool) {
	if a.Cadence == roster.Once {
		var list []wish
		r.periods(a, first, last, func(p *period) bool { list = append(list, p.days...); return true })
		slices.SortFunc(list, func(x, y wish) int { return x.day - y.day })
		for _, w := range list {
			if w.day >= first && w.day <= last && !yield(w) {
				return
			}
		}
		return
	}
	r.periods(a, first, last, func(p *period) bool {
		for _, w := range p.days {
			if w.day >= first && w.day <= last && !yield(w) {
				return false
			}
		}
		return true
	})
}

// validity is the first and the last day of an agreement.
func validity(a *roster.Agreement) (first, last int) {
	first, last = -1<<30, 1<<30
	if !a.ValidFrom.IsZero() {
		first = dayOf(a.ValidFrom)
	}
	if !a.ValidUntil.IsZero() {
		last = dayOf(a.ValidUntil)
	}
	return first, last
}

// welcomes returns the days of welcome-back calls between first and last, in order.
func (r *Rules) welcomes(a *roster.Agreement, first, last int) []int {
	var list []int
	begin, end := validity(a)
	for i := range r.Pauses {
		p := &r.Pauses[i]
		if !p.WelcomeBack || p.Last.IsZero() {
			continue
		}
		back := dayOf(p.Last) + 1
		if back > last || back+welcomeDays < first {
			continue
		}
		for day := max(back, begin); day <= min(back+welcomeDays, end, last); day++ {
			if r.usable(a, day) {
				if day >= first && !slices.Contains(list, day) {
					list = append(list, day)
				}
				break
			}
		}
	}
	slices.Sort(list)
	return list
}

// periods calls yield for each period of the agreement that has a day between first and last, in order, until it returns
// false. A period is the same wherever the stretch begins and ends.
func (r *Rules) periods(a *roster.Agreement, first, last int, yield func(*period) bool) {
	begin, end := validity(a)
	var p period
	switch a.Cadence {
	case roster.Once:
		r.once(a, first, last, yield)
	case roster.Monthly:
		year, month, _ := dateOf(max(first, begin)).Date()
		for ; ; month++ {
			date := time.Date(year, month, 1, 0, 0, 0, 0, time.UTC)
			p.first, p.last = dayOf(date), dayOf(date.AddDate(0, 1, -1))
			if p.first > min(last, end) {
				return
			}
			r.month(a, &p)
			if !yield(&p) {
				return
			}
		}
	case roster.Fortnightly:
		monday := mondayOf(max(first, begin))
		if weekNumber(monday)&1 != r.phase(a) {
			monday -= 7
		}
		for ; monday <= min(last, end); monday += 14 {
			p.first, p.last = monday, monday+13
			r.fortnight(a, &p)
			if !yield(&p) {
				return
			}
		}
	default:
		for monday := mondayOf(max(first, begin)); monday <= min(last, end); monday += 7 {
			p.first, p.last = monday, monday+6
			r.week(a, &p)
			if !yield(&p) {
				return
			}
		}
	}
}

// week fills in a week of a daily or weekly agreement.
func (r *Rules) week(a *roster.Agreement, p *period) {
	begin, end := validity(a)
	p.days, p.wanted = p.room[:0], 0
	chosen := roster.WeekdaysOf(a.Days...)
	if a.Cadence == roster.Daily {
		for day := max(p.first, begin); day <= min(p.last, end); day++ {
			if (chosen == 0 || chosen.Has(weekdayOf(day))) && r.usable(a, day) {
				p.days = append(p.days, wish{day: day, agreed: day})
			}
		}
		p.wanted = len(p.days)
		return
	}
	base := chosen
	if chosen == 0 {
		base, p.wanted = r.place(a), perWeek(a)
	} else if n := perWeek(a); bits.OnesCount8(uint8(base)) > n {
		base = firstDays(base, n)
	}
	if chosen != 0 {
		for day := p.first; day <= p.last; day++ {
			if base.Has(weekdayOf(day)) && day >= begin && day <= end {
				p.wanted++
			}
		}
	}
	r.fill(a, p, base, chosen)
}

// fill keeps the wanted days that are usable, moves the others, and takes further days while there are fewer than wanted.
func (r *Rules) fill(a *roster.Agreement, p *period, base, chosen roster.Weekdays) {
	begin, end := validity(a)
	lo, hi := max(p.first, begin), min(p.last, end)
	var displaced [7]int
	moving := displaced[:0]
	for day := p.first; day <= p.first+6 && len(p.days)+len(moving) < p.wanted; day++ {
		inside := day >= lo && day <= hi
		switch {
		case !base.Has(weekdayOf(day)), chosen != 0 && !inside:
		case inside && r.usable(a, day):
			p.days = append(p.days, wish{day: day, agreed: day})
		default:
			moving = append(moving, day)
		}
	}
	for _, day := range moving {
		if to, ok := r.nearest(a, p, span{day, lo, hi}, chosen); ok {
			p.days = append(p.days, wish{day: to, agreed: day})
		}
	}
	// More calls a week than the scheme usually has days: an extra day that is open this week serves.
	for day := lo; day <= hi && chosen == 0 && len(p.days) < p.wanted; day++ {
		if !p.has(day) && r.usable(a, day) {
			p.days = append(p.days, wish{day: day, agreed: day})
		}
	}
	slices.SortFunc(p.days, func(x, y wish) int { return x.day - y.day })
}

func (p *period) has(day int) bool {
	for i := range p.days {
		if p.days[i].day == day {
			return true
		}
	}
	return false
}

// span is a day and the bounds within which it may move.
type span struct{ day, lo, hi int }

// nearest returns the usable day to which a call moves that cannot be made on its own: one of the chosen weekdays if there
// is one, a later one if there is one, the nearest of those.
func (r *Rules) nearest(a *roster.Agreement, p *period, s span, chosen roster.Weekdays) (int, bool) {
	try := func(day int, among roster.Weekdays) bool {
		return (among == 0 || among.Has(weekdayOf(day))) && !p.has(day) && r.usable(a, day)
	}
	for among := chosen; ; among = 0 {
		for day := max(s.day, s.lo); day <= s.hi; day++ {
			if try(day, among) {
				return day, true
			}
		}
		for day := min(s.day-1, s.hi); day >= s.lo; day-- {
			if try(day, among) {
				return day, true
			}
		}
		if among == 0 {
			return 0, false
		}
	}
}

// fortnight fills in two weeks of a fortnightly agreement: a day of the first one, or the first usable day of the second.
func (r *Rules) fortnight(a *roster.Agreement, p *period) {
	begin, end := validity(a)
	p.days, p.wanted = p.room[:0], 1
	chosen := roster.WeekdaysOf(a.Days...)
	base := firstDays(chosen, 1)
	if chosen == 0 {
		base = firstDays(r.place(a), 1)
	}
	if base == 0 {
		base = 1 << time.Monday
	}
	day := p.first
	for !base.Has(weekdayOf(day)) {
		day++
	}
	lo := max(p.first, begin)
	if chosen != 0 && (day < begin || day > end) || begin > p.first+6 {
		p.wanted = 0
		return
	}
	to, ok := r.nearest(a, p, span{day, lo, min(p.first+6, end)}, 0)
	if !ok {
		to, ok = r.nearest(a, p, span{p.first + 7, max(p.first+7, begin), min(p.last, end)}, 0)
	}
	if ok {
		p.days = append(p.days, wish{day: to, agreed: day})
	}
}

// phase says which weeks of a fortnightly agreement count: those of even (0) or of odd (1) number. They are counted from
// the agreement's first chosen day.
func (r *Rules) phase(a *roster.Agreement) int {
	switch chosen := roster.WeekdaysOf(a.Days...); {
	case chosen != 0 && !a.ValidFrom.IsZero():
		day, first := dayOf(a.ValidFrom), firstDays(chosen, 1)
		for !first.Has(weekdayOf(day)) {
			day++
		}
		return weekNumber(mondayOf(day)) & 1
	case chosen == 0 && a.Place.Days != 0:
		return a.Place.Week & 1
	case !a.ValidFrom.IsZero():
		return weekNumber(mondayOf(dayOf(a.ValidFrom))) & 1
	default:
		return int(mix(r.Seed) >> 32 & 1)
	}
}

// month fills in a month.
func (r *Rules) month(a *roster.Agreement, p *period) {
	begin, end := validity(a)
	p.days, p.wanted = p.room[:0], 1
	day := r.dayOfMonth(a, p)
	agreed := a.MonthDay > 0 || len(a.Days) > 0
	if agreed && (day < begin || day > end) {
		p.wanted = 0
		return
	}
	if to, ok := r.nearest(a, p, span{day, max(p.first, begin), min(p.last, end)}, 0); ok {
		p.days = append(p.days, wish{day: to, agreed: day})
	}
}

// dayOfMonth is the agreed day of a month: a date of it, or the nth of a weekday.
func (r *Rules) dayOfMonth(a *roster.Agreement, p *period) int {
	if a.MonthDay > 0 {
		return min(p.first+a.MonthDay-1, p.last)
	}
	nth := a.Nth
	if nth == 0 {
		nth = int(mix(r.Seed)>>32%4) + 1
		if a.Place.Week > 0 {
			nth = a.Place.Week
		}
	}
	var weekday time.Weekday
	switch {
	case len(a.Days) > 0:
		weekday = a.Days[0]
	case a.Place.Days != 0:
		weekday = time.Weekday(bits.TrailingZeros8(uint8(a.Place.Days)))
	default:
		return p.first + int(mix(r.Seed)%28)
	}
	day := p.first + (int(weekday)-int(weekdayOf(p.first))+7)%7 + 7*(min(nth, 4)-1)
	if nth < 0 {
		day = p.last - (int(weekdayOf(p.last))-int(weekday)+7)%7
	}
	return day
}

// rising reports whether each date is later than the one before.
func rising(dates []time.Time) bool {
	for i := 1; i < len(dates); i++ {
		if !dates[i].After(dates[i-1]) {
			return false
		}
	}
	return true
}

// once fills in dated calls, each a period of its own; a date that is named twice is one call. A day is taken once, and none by a call of another date that is not
// usable.
func (r *Rules) once(a *roster.Agreement, first, last int, yield func(*period) bool) {
	var (
		one   [1]time.Time
		taken []int
	)
	dates := a.Dates
	if len(dates) == 0 {
		if a.ValidFrom.IsZero() {
			return
		}
		one[0] = a.ValidFrom
		dates = one[:]
	} else if !rising(dates) {
		dates = slices.Clone(dates)
		slices.SortFunc(dates, time.Time.Compare)
		dates = slices.CompactFunc(dates, time.Time.Equal)
	}
	_, end := validity(a)
	for _, date := range dates {
		day := dayOf(date)
		p := period{first: day, last: day + onceMoves, wanted: 1}
		if day > end || day > last {
			continue
		}
		for d := day; d <= min(day+onceMoves, end); d++ {
			another := d != day && slices.ContainsFunc(dates, func(t time.Time) bool { return dayOf(t) == d })
			if !another && !slices.Contains(taken, d) && r.usable(a, d) {
				p.days = append(p.room[:0], wish{day: d, agreed: day})
				taken = append(taken, d)
				break
			}
		}
		if p.last >= first && !yield(&p) {
			return
		}
	}
}

// Shortfall is a period in which an agreement has fewer calls than agreed, because too few days are usable.
type Shortfall struct {
	First, Last    time.Time // Dates of the person (midnight UTC), both included.
	Wanted, Booked int
}

// Shortfalls returns the periods that have a date from from to until, dates of the person (midnight UTC) and both included,
// and hold fewer calls than agreed. A daily agreement wants a call on usable days only and has none.
func Shortfalls(a roster.Agreement, r Rules, from, until time.Time) []Shortfall {
	var list []Shortfall
	r.periods(&a, dayOf(from), dayOf(until), func(p *period) bool {
		if len(p.days) < p.wanted {
			list = append(list, Shortfall{
				First: dateOf(p.first), Last: dateOf(p.last), Wanted: p.wanted, Booked: len(p.days),
			})
		}
		return true
	})
	return list
}

// perWeek is how many calls a week a weekly agreement wants.
func perWeek(a *roster.Agreement) int {
	switch {
	case a.Cadence == roster.Weekly && a.PerWeek > 0:
		return min(a.PerWeek, 7)
	case a.Cadence == roster.Weekly && len(a.Days) > 0:
		return 7
	default:
		return 1
	}
}

// firstDays keeps the first n days of a set, from Monday on.
func firstDays(set roster.Weekdays, n int) roster.Weekdays {
	var kept roster.Weekdays
	for i := 1; i <= 7 && n > 0; i++ {
		if d := time.Weekday(i % 7); set.Has(d) {
			kept |= 1 << d
			n--
		}
	}
	return kept
}

// weekNumber counts weeks by their Monday.
func weekNumber(monday int) int { return (monday + 3) / 7 }
