package schedule

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/rappel-tel/rappel/pkg/roster"
)

// booked are the promises of an agreement as they are first booked.
func booked(a roster.Agreement, r Rules, from, until time.Time) []Promise {
	var promises []Promise
	for i, s := range Between(a, r, from, until) {
		promises = append(promises, Promise{
			ID: int64(i + 1), Date: s.Date, Opens: s.Opens, Closes: s.Closes, Instead: s.Instead, WelcomeBack: s.WelcomeBack,
		})
	}
	return promises
}

// TestAnotherTimeIsKept: wherever a call is moved at the person's wish lies inside what was agreed, on a day without another
// call, and no later revision takes it away, also when it is moved once more.
func TestAnotherTimeIsKept(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawSeason(t)
		a, r := in.anything(t)
		from, until := in.stretch(t)
		promises := booked(a, r, from, until)
		if len(promises) == 0 {
			return
		}
		promises = apply(t, promises, Revise(a, r, promises, Horizon{from, until}))
		for range 2 {
			i := rapid.IntRange(0, len(promises)-1).Draw(t, "which")
			slots := OtherTimes(a, r, promises[i].ID, promises, from)
			if len(slots) == 0 {
				return
			}
			s := rapid.SampledFrom(slots).Draw(t, "slot")
			for _, at := range []time.Time{s.Opens, s.Closes.Add(-time.Second)} {
				if !allowed(&a, &r, at) {
					t.Fatalf("offered %v, at which she must not be called", at)
				}
			}
			if s.Opens.Before(from) || s.Closes.Sub(s.Opens) < Length(a) {
				t.Fatalf("offered %v to %v", s.Opens, s.Closes)
			}
			if slices.ContainsFunc(promises, func(p Promise) bool { return p.ID != promises[i].ID && p.Date.Equal(s.Date) }) {
				t.Fatalf("offered a day that has a call: %v", s.Date)
			}
			id := promises[i].ID
			promises = slices.Delete(promises, i, i+1)
			promises = append(promises, Promise{ID: id + 1_000_000, Date: s.Date, Opens: s.Opens, Closes: s.Closes, Instead: s.Instead})
			if v := Revise(a, r, promises, Horizon{from, until}); !v.Empty() {
				t.Fatalf("moved to %v instead of %v, and revised: %+v", s.Date, s.Instead, v)
			}
		}
	})
}

// TestASkippedCallStaysSkipped: nothing is booked for its date, by whatever way, and every other call stays where it was.
func TestASkippedCallStaysSkipped(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawSeason(t)
		a, r := in.anything(t)
		from, until := in.stretch(t)
		before := Between(a, r, from, until)
		if len(before) == 0 {
			return
		}
		s := rapid.SampledFrom(before).Draw(t, "slot")
		if s.WelcomeBack {
			return
		}
		agreed := s.Date
		if !s.Instead.IsZero() {
			agreed = s.Instead
		}
		promises := booked(a, r, from, until)
		r.Pauses = append(slices.Clone(r.Pauses), Pause{First: agreed, Last: agreed, Skip: true})
		want := slices.DeleteFunc(slices.Clone(before), func(x Slot) bool { return x.Date.Equal(s.Date) })
		if got := Between(a, r, from, until); !slices.Equal(got, want) {
			t.Fatalf("skipped %v:\n%v\nbecame\n%v", s.Date, before, got)
		}
		promises = slices.DeleteFunc(promises, func(p Promise) bool { return p.Date.Equal(s.Date) })
		v := Revise(a, r, promises, Horizon{from, until})
		if len(v.Moved)+len(v.Cancelled) > 0 || slices.ContainsFunc(v.Booked, func(b Slot) bool { return b.Date.Equal(s.Date) || b.Instead.Equal(agreed) }) {
			t.Fatalf("skipped %v, and revised: %+v", s.Date, v)
		}
	})
}

func TestOtherTimesOfAWeeklyCall(t *testing.T) {
	t.Parallel()
	a := roster.Agreement{
		Cadence: roster.Weekly, Days: []time.Weekday{time.Tuesday},
		Windows: []roster.Window{{Begin: 600, End: 660}, {Begin: 840, End: 900, Days: roster.WeekdaysOf(time.Tuesday, time.Thursday)}},
	}
	r := Rules{Pauses: []Pause{{First: date("2026-11-25"), Last: date("2026-11-25")}}}
	from := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	promises := booked(a, r, from, from.AddDate(0, 0, 14))
	require.Equal(t, date("2026-11-24"), promises[0].Date)
	var got []string
	for _, s := range OtherTimes(a, r, 1, promises, from)[:6] {
		got = append(got, s.Opens.Format("Mon 02 15:04"))
	}
	require.Equal(t, []string{"Tue 24 14:00", "Mon 23 10:00", "Thu 26 10:00", "Thu 26 14:00", "Fri 27 10:00", "Mon 30 10:00"}, got)
	require.Empty(t, OtherTimes(a, r, 99, promises, from))
	skipped := Rules{Pauses: []Pause{{First: date("2026-11-24"), Last: date("2026-11-24"), Skip: true}}}
	require.Empty(t, OtherTimes(a, skipped, 1, promises, from), "what was skipped has no other time")
	require.False(t, skipped.Away(time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)), "other calls of the day go on")
}
