package schedule

import (
	"errors"
	"fmt"
	"time"

	"github.com/rickar/cal/v2"
	"github.com/rickar/cal/v2/aa"
	"github.com/rickar/cal/v2/be"
	"github.com/rickar/cal/v2/fr"
)

// ErrUnknownCountry means that no holidays are known for a country or region code.
var ErrUnknownCountry = errors.New("no public holidays known for this country")

// The years whose holidays are computed; outside of them no day is a holiday.
const (
	firstYear = 2000
	lastYear  = 2100
)

// Calendar knows the public holidays of one country. It is immutable and may be shared. The nil Calendar knows none.
type Calendar struct {
	days map[int]struct{} // Day numbers.
}

// NewCalendar computes the public holidays of a country by rule: "FR", "BE", or "" for none. The local law of
// Alsace-Moselle adds Good Friday and 26 December: "FR-57", "FR-67" and "FR-68" (ISO 3166-2). Holidays of the Belgian
// communities are no legal public holidays and are left out; a scheme lists them among its closures.
func NewCalendar(country string) (*Calendar, error) {
	var rules []*cal.Holiday
	switch country {
	case "":
	case "FR":
		rules = fr.Holidays
	case "FR-57", "FR-67", "FR-68":
		rules = append(append(rules, fr.Holidays...), aa.GoodFriday, aa.ChristmasDay2)
	case "BE":
		rules = be.Holidays
	default:
		return nil, fmt.Errorf("%w: %q", ErrUnknownCountry, country)
	}
	c := &Calendar{days: make(map[int]struct{}, len(rules)*(lastYear-firstYear+1))}
	for year := firstYear; year <= lastYear; year++ {
		for _, rule := range rules {
			if day, _ := rule.Calc(year); !day.IsZero() {
				y, m, d := day.Date()
				c.days[dayOf(time.Date(y, m, d, 0, 0, 0, 0, time.UTC))] = struct{}{}
			}
		}
	}
	return c, nil
}

// Holiday reports whether a local date (midnight UTC) is a public holiday.
func (c *Calendar) Holiday(date time.Time) bool { return c.holiday(dayOf(date)) }

func (c *Calendar) holiday(day int) bool {
	if c == nil {
		return false
	}
	_, ok := c.days[day]
	return ok
}

// dayOf counts local dates: 0 is 1 January 1970, a Thursday. Dates before that are negative.
func dayOf(date time.Time) int {
	s := date.Unix()
	if s < 0 {
		return int((s - 86399) / 86400)
	}
	return int(s / 86400)
}

func dateOf(day int) time.Time { return time.Unix(int64(day)*86400, 0).UTC() }

// DateIn is the local date of an instant, written as midnight UTC. No zone is UTC.
func DateIn(t time.Time, zone *time.Location) time.Time {
	if zone == nil {
		zone = time.UTC
	}
	y, m, d := t.In(zone).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

func weekdayOf(day int) time.Weekday { return time.Weekday(((day+4)%7 + 7) % 7) }

// mondayOf returns the Monday of a day's week.
func mondayOf(day int) int { return day - (int(weekdayOf(day))+6)%7 }
