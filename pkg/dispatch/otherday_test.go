package dispatch_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// thursday is a day with callers who are there from nine to twelve; nothing is promised yet.
func thursday(callers int) dispatch.OtherDay {
	d := dispatch.OtherDay{Scheme: &dispatch.Scheme{Zone: time.UTC, WrapUp: 5 * time.Minute}, Shifts: map[int64][]dispatch.Shift{}}
	for i := range int64(callers) {
		d.Callers = append(d.Callers, dispatch.Caller{
			ID: i + 1, Roles: []roster.Role{roster.RoleCaller}, Languages: []roster.Language{roster.French}, Enabled: true, State: call.CallerOff,
		})
		d.Shifts[i+1] = []dispatch.Shift{{Begins: thursdayAt(9 * 60), Ends: thursdayAt(12 * 60)}}
	}
	return d
}

func thursdayAt(minute int) time.Time {
	return time.Date(2026, 11, 26, 0, minute, 0, 0, time.UTC)
}

func onThursday(id int64, opens, closes int) dispatch.Occurrence {
	return dispatch.Occurrence{
		ID: id, Beneficiary: id, Kind: call.KindScheduled, State: call.OccurrenceOpen, Language: roster.French, Length: 25 * time.Minute,
		Opens: thursdayAt(opens), Closes: thursdayAt(closes),
	}
}

func TestAnotherDayIsOfferedWhereItCanBeKept(t *testing.T) {
	t.Parallel()
	want := onThursday(900, 9*60, 11*60)
	for _, c := range []struct {
		name  string
		build func(*dispatch.OtherDay)
		keeps bool
	}{
		{"an empty day, whoever is off now", func(*dispatch.OtherDay) {}, true},
		{"nobody will be there", func(d *dispatch.OtherDay) { d.Shifts = nil }, false},
		{"only after the window", func(d *dispatch.OtherDay) { d.Shifts[1][0].Begins = thursdayAt(11 * 60) }, false},
		{"too little of the window is left", func(d *dispatch.OtherDay) { d.Shifts[1][0].Begins = thursdayAt(10*60 + 40) }, false},
		{"another language", func(d *dispatch.OtherDay) { d.Callers[0].Languages = []roster.Language{roster.Dutch} }, false},
		{"she may be given no call more", func(d *dispatch.OtherDay) {
			d.Scheme.Load.Calls, d.Calls = 1, []dispatch.Occurrence{onThursday(1, 9*60, 12*60)}
		}, false},
		{"the day is full", func(d *dispatch.OtherDay) {
			for i := range int64(6) {
				d.Calls = append(d.Calls, onThursday(i+1, 9*60, 12*60))
			}
		}, false},
		{"room beside others", func(d *dispatch.OtherDay) {
			for i := range int64(3) {
				d.Calls = append(d.Calls, onThursday(i+1, 9*60, 12*60))
			}
		}, true},
		{"a machine takes no caller's time", func(d *dispatch.OtherDay) {
			for i := range int64(60) {
				o := onThursday(i+1, 9*60, 12*60)
				o.Kind = call.KindPresence
				d.Calls = append(d.Calls, o)
			}
		}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := thursday(1)
			c.build(&d)
			require.Equal(t, c.keeps, d.Keeps(want))
		})
	}
}

// TestAnotherDayBreaksNoPromise: what is offered makes nothing late that was not, and once it is booked nothing that is offered
// afterwards makes it late.
func TestAnotherDayBreaksNoPromise(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := thursday(rapid.IntRange(1, 3).Draw(t, "callers"))
		for i := range int64(12) {
			opens := rapid.IntRange(9*60, 11*60+30).Draw(t, "opens")
			o := onThursday(i+1, opens, min(12*60, opens+rapid.IntRange(25, 180).Draw(t, "window")))
			if d.Keeps(o) { // As if each had been moved here, one after the other.
				d.Calls = append(d.Calls, o)
			}
		}
		at := d.Lateness()
		require.Zero(t, at, "every call that was offered can still be made in time")
	})
}
