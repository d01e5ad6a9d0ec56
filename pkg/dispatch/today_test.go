package dispatch_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/schedule"
)

// afternoon is what is left of a day at two o'clock, until five, with callers who are ready.
func afternoon(callers int) dispatch.Today {
	now := time.Date(2026, 11, 24, 14, 0, 0, 0, time.UTC)
	t := dispatch.Today{
		Scheme: &dispatch.Scheme{Zone: time.UTC, WrapUp: 5 * time.Minute}, Now: now,
		Rules: schedule.Rules{Zone: time.UTC, Hours: schedule.Workdays(570, 1020)},
	}
	for i := range callers {
		t.Callers = append(t.Callers, dispatch.Caller{
			ID: int64(i + 1), Roles: []roster.Role{roster.RoleCaller}, Languages: []roster.Language{roster.French}, Enabled: true,
			State: call.CallerReady, Since: now,
		})
	}
	return t
}

// promise adds a call of 25 minutes that must be made in a window, in minutes from now.
func promise(t *dispatch.Today, person int64, opens, closes int) {
	t.Calls = append(t.Calls, dispatch.Occurrence{
		ID: person, Beneficiary: person, Kind: call.KindScheduled, State: call.OccurrenceOpen, Language: roster.French, Class: 1,
		Opens: t.Now.Add(time.Duration(opens) * time.Minute), Closes: t.Now.Add(time.Duration(closes) * time.Minute),
		Length: 25 * time.Minute,
	})
}

func wanted() dispatch.Occurrence {
	return dispatch.Occurrence{Beneficiary: 900, Language: roster.French, Class: 2, Length: 25 * time.Minute}
}

func TestACallTodayWhereThereIsRoom(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name  string
		build func(*dispatch.Today)
		at    string
		err   error
	}{
		{"at once", func(*dispatch.Today) {}, "14:00", nil},
		{"nobody is there", func(d *dispatch.Today) { d.Callers = nil }, "", dispatch.ErrNoRoom},
		{"on a break is not there", func(d *dispatch.Today) { d.Callers[0].State = call.CallerBreak }, "", dispatch.ErrNoRoom},
		{"another language", func(d *dispatch.Today) { d.Callers[0].Languages = []roster.Language{roster.Dutch} }, "", dispatch.ErrNoRoom},
		{"a full afternoon", func(d *dispatch.Today) {
			for i := range 6 {
				promise(d, int64(i+1), 0, 180)
			}
		}, "", dispatch.ErrNoRoom},
		{"room beside others", func(d *dispatch.Today) {
			for i := range 4 {
				promise(d, int64(i+1), 0, 180)
			}
		}, "14:00", nil},
		{"after what cannot wait", func(d *dispatch.Today) {
			promise(d, 1, 0, 30)
			d.Calls[0].Class = 3
		}, "14:30", nil},
		{"what is late anyway is no reason", func(d *dispatch.Today) { promise(d, 1, 0, 10) }, "14:00", nil},
		{"while she notes the last call", func(d *dispatch.Today) { d.Callers[0].State = call.CallerWrapUp }, "14:15", nil},
		{"her day's work is done", func(d *dispatch.Today) {
			d.Scheme.Load.Calls, d.Callers[0].CallsToday = 8, 8
		}, "", dispatch.ErrNoRoom},
		{"closed", func(d *dispatch.Today) { d.Now = d.Now.Add(4 * time.Hour) }, "", dispatch.ErrNoRoom},
		{"too late for a whole talk", func(d *dispatch.Today) { d.Now = d.Now.Add(160 * time.Minute) }, "", dispatch.ErrNoRoom},
		{"she has a call today", func(d *dispatch.Today) {
			promise(d, 900, 60, 120)
		}, "", dispatch.ErrAlready},
		{"her call of tomorrow is none today", func(d *dispatch.Today) { promise(d, 900, 1200, 1300) }, "14:00", nil},
		{"a machine's call takes nobody's time", func(d *dispatch.Today) {
			promise(d, 1, 0, 30)
			d.Calls[0].Class, d.Calls[0].Kind = 3, call.KindPresence
		}, "14:00", nil},
		{"nor one that the registrars make", func(d *dispatch.Today) {
			promise(d, 1, 0, 30)
			d.Calls[0].Class, d.Calls[0].Kind, d.Calls[0].Queued = 3, call.KindCallback, true
		}, "14:00", nil},
		{"to be asked whether she agrees is no call", func(d *dispatch.Today) {
			promise(d, 900, 60, 120)
			d.Calls[0].Kind = call.KindConfirmation
		}, "14:00", nil},
		{"one that was made is over", func(d *dispatch.Today) {
			promise(d, 900, -60, 120)
			d.Calls[0].State = call.OccurrenceReached
		}, "14:00", nil},
		{"one call more is all that she may be given", func(d *dispatch.Today) {
			d.Scheme.Load.Calls, d.Callers[0].CallsToday = 8, 7
			promise(d, 1, 0, 180)
		}, "", dispatch.ErrNoRoom},
		{"paused", func(d *dispatch.Today) { d.Scheme.Paused = true }, "", dispatch.ErrNoRoom},
		{"one call more and then a break", func(d *dispatch.Today) {
			d.Callers[0].State = call.CallerReadyOnce
			promise(d, 1, 0, 180)
		}, "", dispatch.ErrNoRoom},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := afternoon(1)
			c.build(&d)
			at, closes, err := d.Room(wanted())
			require.ErrorIs(t, err, c.err)
			if c.err == nil {
				require.Equal(t, c.at, at.Format("15:04"))
				require.Equal(t, "17:00", closes.Format("15:04"))
			}
		})
	}
}

func TestACallTodayAtTheEndsOfWhatIsPossible(t *testing.T) {
	t.Parallel()
	d, want := afternoon(1), wanted()
	d.Now, want.Length = d.Now.Add(172*time.Minute), 5*time.Minute
	at, _, err := d.Room(want)
	require.NoError(t, err)
	require.Equal(t, "16:52", at.Format("15:04"), "not when the scheme closes")

	d, want = afternoon(1), wanted()
	d.Scheme.Load.Hard, d.Callers[0].HardToday, want.Hard = 4, 4, true
	_, _, err = d.Room(want)
	require.ErrorIs(t, err, dispatch.ErrNoRoom, "she is spared hard calls")
}

// TestACallTodayWaitsForHerReferenceCaller as the dispatcher has it wait: the hour that is named counts the hold, and the slack in which
// it ends.
func TestACallTodayWaitsForHerReferenceCaller(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		build func(d *dispatch.Today, her *dispatch.Caller, want *dispatch.Occurrence)
		at    string
	}{
		{"she is free", func(*dispatch.Today, *dispatch.Caller, *dispatch.Occurrence) {}, "14:00"},
		{"she is soon back from a call", func(d *dispatch.Today, her *dispatch.Caller, _ *dispatch.Occurrence) {
			her.State, her.Since = call.CallerInCall, d.Now.Add(-10*time.Minute)
		}, "14:15"},
		{"she talks longer than the hold", func(d *dispatch.Today, her *dispatch.Caller, _ *dispatch.Occurrence) {
			her.State, her.Since = call.CallerInCall, d.Now
		}, "14:30"},
		{"she may be back from her break", func(_ *dispatch.Today, her *dispatch.Caller, _ *dispatch.Occurrence) {
			her.State = call.CallerBreak
		}, "14:30"},
		{"the scheme holds for a moment only", func(d *dispatch.Today, her *dispatch.Caller, _ *dispatch.Occurrence) {
			her.State, d.Scheme.Hold = call.CallerBreak, 10*time.Minute
		}, "14:15"},
		{"the hold ends with the slack", func(d *dispatch.Today, her *dispatch.Caller, want *dispatch.Occurrence) {
			her.State, want.Length = call.CallerBreak, 170*time.Minute
		}, "14:15"},
		{"she has gone", func(_ *dispatch.Today, her *dispatch.Caller, _ *dispatch.Occurrence) { her.State = call.CallerOff }, "14:00"},
		{"she works no more", func(_ *dispatch.Today, her *dispatch.Caller, _ *dispatch.Occurrence) {
			her.State, her.Enabled = call.CallerBreak, false
		}, "14:00"},
		{"she has done her day's work", func(d *dispatch.Today, her *dispatch.Caller, _ *dispatch.Occurrence) {
			her.State, her.CallsToday, d.Scheme.Load.Calls = call.CallerBreak, 8, 8
		}, "14:00"},
		{"she is spared hard calls", func(d *dispatch.Today, her *dispatch.Caller, want *dispatch.Occurrence) {
			her.HardToday, d.Scheme.Load.Hard, want.Hard = 4, 4, true
		}, "14:00"},
		{"callers take turns", func(_ *dispatch.Today, her *dispatch.Caller, want *dispatch.Occurrence) {
			her.State, want.Continuity = call.CallerBreak, roster.Rotate
		}, "14:00"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d, want := afternoon(2), wanted()
			d.Scheme.Hold, want.Reference = 20*time.Minute, 2
			c.build(&d, &d.Callers[1], &want)
			at, _, err := d.Room(want)
			require.NoError(t, err)
			require.Equal(t, c.at, at.Format("15:04"))
		})
	}
}

// TestAYesCountsUntilItIsBooked: what was said yes to is there for whoever asks next, as long as it may still be booked and as soon as
// it is, once.
func TestAYesCountsUntilItIsBooked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, func(s *dispatch.Scheme) { s.Opens, s.Closes = 570, 645 }) // Two calls until a quarter to eleven.
		h.caller()
		h.open()
		ask := func(person int64, class int) string {
			at, _, err := h.desk.RoomToday(t.Context(), h.scheme, dispatch.Occurrence{
				Beneficiary: person, Class: class, Language: roster.French, Length: 20 * time.Minute,
			})
			if err != nil {
				return err.Error()
			}
			return at.Format("15:04")
		}
		none, already := dispatch.ErrNoRoom.Error(), dispatch.ErrAlready.Error()
		require.Equal(t, "10:00", ask(901, 1))
		require.Equal(t, already, ask(901, 1), "she was told an hour")
		require.Equal(t, "10:30", ask(902, 1))
		require.Equal(t, none, ask(903, 1))
		after(10 * time.Second) // Nothing was booked.
		require.Equal(t, "10:15", ask(903, 1))
		require.Equal(t, "10:15", ask(904, 3), "before her whose class is lower")
		after(10 * time.Second)

		tomorrow := morning.Add(24 * time.Hour)
		h.occurrence("+3281000002", func(o *dispatch.Occurrence) {
			o.Beneficiary, o.Opens, o.NotBefore, o.Closes = 902, tomorrow, tomorrow, tomorrow.Add(time.Hour)
		})
		require.Equal(t, "10:15", ask(901, 1))
		h.occurrence("+3281000001", func(o *dispatch.Occurrence) {
			o.Beneficiary, o.Kind, o.Terms = 901, call.KindCallToday, roster.Agreement{}
			o.Opens, o.NotBefore, o.Closes = time.Now(), time.Now(), morning.Add(45*time.Minute)
		})
		h.desk.Changed(h.scheme)
		synctest.Wait()
		require.Len(t, h.board.Started(), 1)
		require.Equal(t, "10:30", ask(902, 1), "the first is booked, and counts once")
		require.Equal(t, none, ask(903, 1), "neither another's call today nor her own of tomorrow is the one that was asked for")
		require.Equal(t, already, ask(901, 1))
	})
}

// TestACallTodayAddsNoLateOne: whatever the day, a yes is said only when everybody else could be called as well as without it:
// never more calls than the callers have time for.
func TestACallTodayAddsNoLateOne(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		d := afternoon(rapid.IntRange(1, 3).Draw(rt, "callers"))
		n := rapid.IntRange(0, 20).Draw(rt, "promised")
		for i := range n {
			opens := rapid.IntRange(0, 100).Draw(rt, "opens")
			promise(&d, int64(i+1), opens, opens+rapid.IntRange(30, 80).Draw(rt, "window"))
		}
		at, closes, err := d.Room(wanted())
		if err != nil {
			require.ErrorIs(rt, err, dispatch.ErrNoRoom)
			return
		}
		require.False(rt, at.Before(d.Now))
		require.True(rt, at.Before(closes))
		// Asked again with her among the promised, another is told of a later hour or no: she is counted.
		first := wanted()
		first.ID, first.Kind, first.State, first.Opens, first.Closes = 901, call.KindCallToday, call.OccurrenceOpen, d.Now, closes
		d.Calls = append(d.Calls, first)
		second := wanted()
		second.Beneficiary = 902
		next, _, err := d.Room(second)
		require.True(rt, err != nil || !next.Before(at))
	})
}
