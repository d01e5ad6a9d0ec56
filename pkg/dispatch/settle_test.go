package dispatch

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/schedule"
)

func TestSettlement(t *testing.T) {
	opens := time.Date(2026, 11, 24, 9, 30, 0, 0, time.UTC) // A Tuesday.
	closes := opens.Add(4 * time.Hour)
	ended := opens.Add(time.Hour)
	terms := Terms{UnknownUntil: ended.Add(95 * time.Second)}
	occurrence := func(change ...func(*Occurrence)) *Occurrence {
		o := &Occurrence{
			ID: 1, Agreement: 2, Kind: call.KindScheduled, State: call.OccurrenceClaimed, Opens: opens, Closes: closes,
			NotBefore: opens, Length: 20 * time.Minute, Numbers: []string{"1", "2"}, Reference: 5,
			Terms: roster.Agreement{Cadence: roster.Weekly, Days: []time.Weekday{time.Tuesday}},
		}
		for _, c := range change {
			c(o)
		}
		return o
	}
	tried := func(n int) func(*Occurrence) { return func(o *Occurrence) { o.Attempts, o.Rang = n, n > 0 } }
	apologising := func(o *Occurrence) { o.Kind = call.KindApology }
	away := func(o *Occurrence) {
		o.Pauses = []schedule.Pause{{First: o.LocalDate, Last: time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC)}}
	}
	nearEnd := func(o *Occurrence) { o.Closes = ended.Add(4 * time.Minute) }
	for _, c := range []struct {
		name     string
		o        *Occurrence
		out      call.Outcome
		state    call.OccurrenceState
		wait     time.Duration // With open.
		attempts int
		rang     bool
		next     call.Kind
	}{
		{"answered", occurrence(), call.Outcome{Result: call.ResultAnswered}, call.OccurrenceReached, 0, 1, true, call.KindScheduled},
		{"away by now", occurrence(away), call.Outcome{Result: call.ResultNoAnswer}, call.OccurrenceCancelled, 0, 1, true, call.KindScheduled},
		{"away by now, asked for it", occurrence(away, func(o *Occurrence) { o.Kind = call.KindCallToday }), call.Outcome{Result: call.ResultBusy}, call.OccurrenceOpen, 5 * time.Minute, 1, true, ""},
		{
			"broken by us", occurrence(), call.Outcome{Result: call.ResultAnswered, Reason: call.ReasonBrokenByUs},
			call.OccurrenceReached, 0, 1, true, call.KindApology,
		},
		{
			"an apology broken by us", occurrence(apologising),
			call.Outcome{Result: call.ResultAnswered, Reason: call.ReasonBrokenByUs}, call.OccurrenceOpen, 0, 1, true, "",
		},
		{
			"an apology broken too often", occurrence(apologising, tried(2)),
			call.Outcome{Result: call.ResultAnswered, Reason: call.ReasonBrokenByUs}, call.OccurrenceReached, 0, 3, true,
			call.KindScheduled,
		},
		{"an apology answered", occurrence(apologising), call.Outcome{Result: call.ResultAnswered}, call.OccurrenceReached, 0, 1, true, call.KindScheduled},
		{
			"she heard a prompt only", occurrence(), call.Outcome{Result: call.ResultAnswered, Reason: call.ReasonAnsweredUnheld},
			call.OccurrenceOpen, 0, 0, true, "",
		},
		{"busy", occurrence(), call.Outcome{Result: call.ResultBusy}, call.OccurrenceOpen, 5 * time.Minute, 1, true, ""},
		{"no answer", occurrence(), call.Outcome{Result: call.ResultNoAnswer, Rang: true}, call.OccurrenceOpen, 30 * time.Minute, 1, true, ""},
		{"no answer for the third time", occurrence(tried(2)), call.Outcome{Result: call.ResultNoAnswer, Rang: true}, call.OccurrenceUnreached, 0, 3, true, call.KindScheduled},
		{"busy near the end", occurrence(nearEnd), call.Outcome{Result: call.ResultBusy}, call.OccurrenceUnreached, 0, 1, true, call.KindScheduled},
		{"congestion is not hers", occurrence(tried(2)), call.Outcome{Result: call.ResultCongestion, Fault: call.FaultNetwork}, call.OccurrenceOpen, time.Minute, 2, true, ""},
		{"nor is our failure", occurrence(), call.Outcome{Result: call.ResultFailed, Fault: call.FaultOurs}, call.OccurrenceOpen, time.Minute, 0, false, ""},
		{
			"a number that does not exist is", occurrence(),
			call.Outcome{Result: call.ResultFailed, Fault: call.FaultTheirs, Reason: call.ReasonInvalidNumber},
			call.OccurrenceOpen, time.Minute, 1, false, "",
		},
		{
			"never rung", occurrence(func(o *Occurrence) { o.Attempts = 2 }),
			call.Outcome{Result: call.ResultFailed, Fault: call.FaultTheirs}, call.OccurrenceMissed, 0, 3, false, call.KindScheduled,
		},
		{"cancelled", occurrence(), call.Outcome{Result: call.ResultCancelled, Reason: call.ReasonNoCaller}, call.OccurrenceOpen, 0, 0, false, ""},
		{
			"the caller left while it rang", occurrence(), call.Outcome{Result: call.ResultCancelled, Reason: call.ReasonCallerGone, Rang: true},
			call.OccurrenceOpen, time.Minute, 0, true, "",
		},
		{
			"nothing to remind her of", occurrence(), call.Outcome{Result: call.ResultCancelled, Reason: call.ReasonNothingToSay},
			call.OccurrenceCancelled, 0, 0, false, call.KindScheduled,
		},
		{"unknown waits for the last ring", occurrence(), call.Outcome{Result: call.ResultUnknown}, call.OccurrenceOpen, 95 * time.Second, 0, false, ""},
		{
			"unknown at the end", occurrence(func(o *Occurrence) { o.Closes = ended.Add(time.Minute) }),
			call.Outcome{Result: call.ResultUnknown}, call.OccurrenceMissed, 0, 0, false, call.KindScheduled,
		},
		{
			"not permitted", occurrence(), call.Outcome{Result: call.ResultFailed, Reason: call.ReasonNotPermitted, Fault: call.FaultOurs},
			call.OccurrenceOpen, 10 * time.Minute, 0, false, "",
		},
		{
			"a callback has no next", occurrence(func(o *Occurrence) { o.Terms = roster.Agreement{} }),
			call.Outcome{Result: call.ResultAnswered}, call.OccurrenceReached, 0, 1, true, "",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.out.At = ended
			s := SettlementOf(c.o, c.out, terms)
			require.Equal(t, c.state, s.State)
			require.Equal(t, c.attempts, s.Attempts)
			require.Equal(t, c.rang, s.Rang)
			if c.state == call.OccurrenceOpen {
				require.Equal(t, c.wait, s.NotBefore.Sub(ended))
			}
			if c.next == "" {
				require.Nil(t, s.Next)
				return
			}
			require.NotNil(t, s.Next)
			require.Equal(t, c.next, s.Next.Kind)
			require.Equal(t, int64(5), s.Next.Reference)
			require.Zero(t, s.Next.Attempts)
			if c.next == call.KindScheduled {
				require.Equal(t, opens.AddDate(0, 0, 7), s.Next.Opens)
			} else {
				require.Equal(t, ended, s.Next.Opens)
				require.Equal(t, closes, s.Next.Closes)
			}
		})
	}
}

// TestLaterWindow has an agreement with a window before noon and one after it.
func TestLaterWindow(t *testing.T) {
	day := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC) // A Tuesday.
	clock := func(hour, minute int) time.Time {
		return day.Add(time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute)
	}
	occurrence := func() *Occurrence {
		return &Occurrence{
			ID: 1, Agreement: 2, Kind: call.KindWelcomeBack, Opens: clock(9, 30), Closes: clock(11, 0), LocalDate: day,
			Terms: roster.Agreement{
				Cadence: roster.Weekly, Days: []time.Weekday{time.Tuesday},
				Windows: []roster.Window{{Begin: 570, End: 660}, {Begin: 840, End: 960}},
			},
		}
	}
	// A lapse, and a ladder that is spent in the last minute.
	s := LapsedSettlement(occurrence(), clock(11, 0), Terms{})
	require.Equal(t, call.OccurrenceMoved, s.State)
	require.Equal(t, []time.Time{clock(14, 0), clock(16, 0), clock(14, 0), day},
		[]time.Time{s.Next.Opens, s.Next.Closes, s.Next.NotBefore, s.Next.LocalDate})
	require.Equal(t, call.KindWelcomeBack, s.Next.Kind)
	require.False(t, s.Next.Rang)

	o := occurrence()
	o.Attempts = 2
	out := call.Outcome{Result: call.ResultNoAnswer, Rang: true, At: clock(10, 50)}
	s = SettlementOf(o, out, Terms{Ladder: RetryLadder{After: map[call.Result]time.Duration{call.ResultNoAnswer: 4 * time.Hour}}})
	require.Equal(t, call.OccurrenceMoved, s.State)
	require.Equal(t, clock(14, 50), s.Next.NotBefore, "the wait counts in the later window too")
	require.True(t, s.Next.Rang)
	require.Zero(t, s.Next.Attempts, "with a ladder of its own")

	// Tried often enough for the day, by her other calls too.
	s = SettlementOf(o, out, Terms{Ladder: RetryLadder{PerDay: 6}, Tried: 5})
	require.Equal(t, call.OccurrenceUnreached, s.State)
	require.Equal(t, day.AddDate(0, 0, 7), s.Next.LocalDate)
	require.Equal(t, call.OccurrenceMoved, SettlementOf(o, out, Terms{Ladder: RetryLadder{PerDay: 6}, Tried: 4}).State)
	require.Equal(t, call.OccurrenceUnreached, LapsedSettlement(occurrence(), clock(11, 0), Terms{Ladder: RetryLadder{PerDay: 6}, Tried: 6}).State)

	// The later window is the last one; and who is away by now is not rung in it.
	o.Opens, o.Closes = clock(14, 0), clock(16, 0)
	require.Equal(t, call.OccurrenceUnreached, LapsedSettlement(&Occurrence{Rang: true, Terms: o.Terms, Agreement: 2, LocalDate: day, Closes: clock(16, 0)}, clock(16, 0), Terms{}).State)
	o = occurrence()
	o.Pauses = []schedule.Pause{{First: day, Last: day}}
	require.Equal(t, call.OccurrenceCancelled, LapsedSettlement(o, clock(11, 0), Terms{}).State)
}

// TestWhatSheAsksForIsMade whatever she was tried in vain before.
func TestWhatSheAsksForIsMade(t *testing.T) {
	at := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	o := &Occurrence{Kind: call.KindCallback, Opens: at, Closes: at.Add(time.Hour)}
	s := SettlementOf(o, call.Outcome{Result: call.ResultBusy, At: at}, Terms{Ladder: RetryLadder{PerDay: 2}, Tried: 7})
	require.Equal(t, call.OccurrenceOpen, s.State)
}

// TestTheDayHasEnoughTries: this one counts when it was in vain, and nothing more is tried on a day that has had enough.
func TestTheDayHasEnoughTries(t *testing.T) {
	at := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	terms := Terms{Ladder: RetryLadder{PerDay: 2}, Tried: 1}
	o := &Occurrence{Kind: call.KindScheduled, Opens: at, Closes: at.Add(4 * time.Hour)}
	require.Equal(t, call.OccurrenceUnreached, SettlementOf(o, call.Outcome{Result: call.ResultBusy, At: at}, terms).State)
	terms.Tried = 0
	require.Equal(t, call.OccurrenceOpen, SettlementOf(o, call.Outcome{Result: call.ResultBusy, At: at}, terms).State)
	terms.Tried, o.Kind = 1, call.KindFirst
	broken := call.Outcome{Result: call.ResultAnswered, Reason: call.ReasonBrokenByUs, At: at}
	require.Equal(t, call.OccurrenceOpen, SettlementOf(o, broken, terms).State, "she was reached")
}

// TestWhatHasNoLaterWindow ends with its own: where the wait outlasts the later one, and what was asked for.
func TestWhatHasNoLaterWindow(t *testing.T) {
	day := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	o := &Occurrence{
		Agreement: 2, Kind: call.KindScheduled, Opens: day.Add(570 * time.Minute), Closes: day.Add(11 * time.Hour), LocalDate: day, Attempts: 2,
		Terms: roster.Agreement{Cadence: roster.Daily, Windows: []roster.Window{{Begin: 570, End: 660}, {Begin: 840, End: 960}}},
	}
	out := call.Outcome{Result: call.ResultNoAnswer, Rang: true, At: day.Add(10 * time.Hour)}
	wait := func(d time.Duration) Terms {
		return Terms{Ladder: RetryLadder{After: map[call.Result]time.Duration{call.ResultNoAnswer: d}}}
	}
	require.Equal(t, call.OccurrenceMoved, SettlementOf(o, out, wait(5*time.Hour)).State)
	require.Equal(t, call.OccurrenceUnreached, SettlementOf(o, out, wait(6*time.Hour)).State)
	o.Kind = call.KindCallToday
	require.Equal(t, call.OccurrenceMissed, LapsedSettlement(o, o.Closes, Terms{}).State)
	o.Kind, o.Terms.Windows = call.KindScheduled, nil
	next := LapsedSettlement(o, day.Add(35*time.Hour), Terms{}).Next
	require.Equal(t, day.AddDate(0, 0, 2), next.LocalDate, "settled a day late, and not twice on that day")
}

// TestTheSlackOfACallback is what is left of its window when that is less than half an hour.
func TestTheSlackOfACallback(t *testing.T) {
	at := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	o := &Occurrence{Kind: call.KindCallback, Opens: at, Closes: at.Add(20 * time.Minute), Length: 15 * time.Minute}
	require.Equal(t, at.Add(5*time.Minute), slackAt(o))
	o.Closes = at.Add(7 * time.Hour)
	require.Equal(t, at.Add(30*time.Minute), slackAt(o))
}

func TestApologyWaitsForTheScheme(t *testing.T) {
	rules := schedule.Rules{}
	friday := time.Date(2026, 11, 27, 16, 59, 30, 0, time.UTC)
	a := apology(&Occurrence{Agreement: 2, Closes: friday.Add(-time.Hour)}, friday, rules)
	require.Equal(t, time.Date(2026, 11, 30, 9, 30, 0, 0, time.UTC), a.Opens.UTC())
	require.Equal(t, time.Date(2026, 11, 30, 17, 0, 0, 0, time.UTC), a.Closes.UTC())
	require.Equal(t, time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC), a.LocalDate)
	// In the last half hour of her window it may take half an hour more.
	noon := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	a = apology(&Occurrence{Closes: noon.Add(time.Minute)}, noon, rules)
	require.Equal(t, noon.Add(30*time.Minute), a.Closes)
}

func TestLapsed(t *testing.T) {
	now := time.Date(2026, 11, 24, 17, 0, 0, 0, time.UTC)
	require.Equal(t, call.OccurrenceMissed, LapsedSettlement(&Occurrence{}, now, Terms{}).State)
	require.Equal(t, call.OccurrenceUnreached, LapsedSettlement(&Occurrence{Rang: true}, now, Terms{}).State)
}
