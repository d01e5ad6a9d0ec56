package schedule

import (
	"time"

	"github.com/rappel-tel/rappel/pkg/roster"
)

// passes returns the instants at which clocks in the zone read the time of day on the date: one as a rule; the first and
// the last of two when clocks go back over it; the instant of the change, twice, when clocks jump over it.
func passes(day int, at roster.Clock, zone *time.Location) (first, last time.Time) {
	naive := int64(day)*86400 + int64(at)*60
	_, before := time.Unix(naive-86400, 0).In(zone).Zone()
	_, after := time.Unix(naive+86400, 0).In(zone).Zone()
	a, b := naive-int64(before), naive-int64(after)
	aOK, bOK := reads(a, naive, zone), reads(b, naive, zone)
	switch {
	case aOK && bOK:
		return time.Unix(min(a, b), 0).In(zone), time.Unix(max(a, b), 0).In(zone)
	case aOK:
		return time.Unix(a, 0).In(zone), time.Unix(a, 0).In(zone)
	case bOK:
		return time.Unix(b, 0).In(zone), time.Unix(b, 0).In(zone)
	default: // Clocks jump over it: with the old offset the instant lies just after the jump.
		jump, _ := time.Unix(a, 0).In(zone).ZoneBounds()
		return jump, jump
	}
}

func reads(unix, naive int64, zone *time.Location) bool {
	_, offset := time.Unix(unix, 0).In(zone).Zone()
	return unix+int64(offset) == naive
}

// Local turns a window of a local date (midnight UTC) into instants. At every instant from opens until closes, closes
// itself excluded, clocks in the zone read a time inside the window, also on the days on which they change: where they go
// back over the beginning the later pass counts, where they go back over the end the earlier one. It reports false when
// nothing of the window is left (clocks jump over it, or End is not after Begin).
func Local(date time.Time, w roster.Window, zone *time.Location) (opens, closes time.Time, ok bool) {
	day := dayOf(date)
	closes, _ = passes(day, w.End, zone)
	opens, later := passes(day, w.Begin, zone)
	if later.Before(closes) {
		opens = later
	}
	return opens, closes, w.Begin < w.End && opens.Before(closes)
}
