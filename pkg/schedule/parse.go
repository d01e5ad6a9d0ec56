package schedule

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/rappel-tel/rappel/pkg/roster"
)

// ErrHours means that a text names no hours, or hours that overlap or end before they begin.
var ErrHours = errors.New("no hours such as 9:30-12:00,13:30-17:00")

// ParseHours reads the hours of a day, "9:30-12:00,13:30-17:00" or "9-17"; "closed" is none. They are in order, apart, and
// inside one day, of which 24:00 is the end. The error is ErrHours.
func ParseHours(text string) ([]roster.Window, error) {
	if strings.TrimSpace(text) == "closed" {
		return nil, nil
	}
	var list []roster.Window
	last := roster.Clock(-1)
	for part := range strings.SplitSeq(text, ",") {
		from, to, ok := strings.Cut(part, "-")
		begin, err := parseClock(from)
		end, err2 := parseClock(to)
		switch {
		case !ok || err != nil || err2 != nil:
			return nil, fmt.Errorf("%w: %q", ErrHours, part)
		case begin >= end:
			return nil, fmt.Errorf("%w: %q ends before it begins; a night is 22:00-24:00 of one day and 0:00-6:00 of the next", ErrHours, part)
		case begin <= last:
			return nil, fmt.Errorf("%w: %q begins before what stands in front of it has ended", ErrHours, part)
		}
		list, last = append(list, roster.Window{Begin: begin, End: end}), end
	}
	return list, nil
}

// FormatHours writes hours as ParseHours reads them.
func FormatHours(hours []roster.Window) string {
	if len(hours) == 0 {
		return "closed"
	}
	list := make([]string, len(hours))
	for i, w := range hours {
		list[i] = fmt.Sprintf("%d:%02d-%d:%02d", w.Begin/60, w.Begin%60, w.End/60, w.End%60)
	}
	return strings.Join(list, ",")
}

func parseClock(text string) (roster.Clock, error) {
	hour, minute, _ := strings.Cut(strings.TrimSpace(text), ":")
	if minute == "" && strings.Contains(text, ":") || len(hour) > 2 || len(minute) > 2 {
		return 0, ErrHours
	}
	h, err := strconv.ParseUint(hour, 10, 8)
	if err != nil {
		return 0, ErrHours
	}
	m := uint64(0)
	if minute != "" {
		if m, err = strconv.ParseUint(minute, 10, 8); err != nil || len(minute) != 2 {
			return 0, ErrHours
		}
	}
	if h > 24 || m > 59 || h == 24 && m > 0 {
		return 0, ErrHours
	}
	return roster.Clock(h*60 + m), nil
}

// ErrWeekdays means that a text names no days of the week.
var ErrWeekdays = errors.New("no days such as mon-fri or tue,thu")

// ParseWeekdays reads days of the week by their first three letters in English, "mon-fri" or "tue,thu". The error is
// ErrWeekdays.
func ParseWeekdays(text string) (roster.Weekdays, error) {
	var set roster.Weekdays
	for part := range strings.SplitSeq(strings.ToLower(text), ",") {
		from, to, ranged := strings.Cut(strings.TrimSpace(part), "-")
		first, ok := parseWeekday(from)
		last := first
		if ranged && ok {
			last, ok = parseWeekday(to)
		}
		if !ok {
			return 0, fmt.Errorf("%w: %q", ErrWeekdays, part)
		}
		for d := first; ; d = (d + 1) % 7 {
			set |= 1 << d
			if d == last {
				break
			}
		}
	}
	return set, nil
}

// FormatWeekdays writes days of the week as ParseWeekdays reads them, from Monday on; none is the empty text.
func FormatWeekdays(set roster.Weekdays) string {
	var list []string
	for i := 1; i <= 7; i++ {
		if d := time.Weekday(i % 7); set.Has(d) {
			list = append(list, strings.ToLower(d.String()[:3]))
		}
	}
	return strings.Join(list, ",")
}

func parseWeekday(text string) (time.Weekday, bool) {
	for d := time.Sunday; d <= time.Saturday; d++ {
		if text == strings.ToLower(d.String()[:3]) {
			return d, true
		}
	}
	return 0, false
}
