package postgres_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/callflow"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/postgres"
	"github.com/rappel-tel/rappel/pkg/report"
	"github.com/rappel-tel/rappel/pkg/roster/rostertest"
)

// agenda is weeklyLea with what a test of her changes needs.
type agenda struct {
	*postgres.Store
	t      *testing.T
	scheme int64
	epoch  int64
	lea    int64
	now    time.Time
}

func newAgenda(t *testing.T) *agenda {
	store, scheme, epoch := weeklyLea(t)
	lea, err := store.KeyOf(t.Context(), scheme.Key, rostertest.Lea().Ref)
	require.NoError(t, err)
	// Monday, ten o'clock in Brussels: the call of the day is due.
	return &agenda{store, t, scheme.Key, epoch, lea, time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)}
}

// call is hers on a local date.
func (a *agenda) call(date string) dispatch.Occurrence {
	a.t.Helper()
	snap, err := a.Load(a.t.Context(), a.scheme, a.now, a.now.AddDate(0, 0, 60))
	require.NoError(a.t, err)
	i := slices.IndexFunc(snap.Occurrences, func(o dispatch.Occurrence) bool {
		return o.Beneficiary == a.lea && o.Kind == call.KindScheduled && o.LocalDate.Format(time.DateOnly) == date
	})
	require.GreaterOrEqual(a.t, i, 0, "no call on %s", date)
	return snap.Occurrences[i]
}

// settle says what she has said, in the call of an attempt, of the change that she was told in it.
func (a *agenda) settle(attempt call.ID, agreed bool) error {
	asked, err := a.AskedChange(a.t.Context(), a.scheme, attempt)
	if err != nil {
		return err
	}
	return a.SettleChange(a.t.Context(), a.scheme, callflow.Told{Attempt: attempt, Change: asked.ID, Agreed: agreed}, a.now)
}

func (a *agenda) ask(c callflow.Change) error {
	c.Beneficiary = a.lea
	_, err := a.AskChange(a.t.Context(), a.scheme, c, a.now)
	return err
}

// open are the kinds of the calls that are still promised.
func (a *agenda) open() (kinds []call.Kind) {
	a.t.Helper()
	snap, err := a.Load(a.t.Context(), a.scheme, a.now, a.now.AddDate(0, 0, 60))
	require.NoError(a.t, err)
	for _, o := range snap.Occurrences {
		if o.State == call.OccurrenceOpen {
			kinds = append(kinds, o.Kind)
		}
	}
	return kinds
}

// rung starts the call back as the dispatcher would, and returns its attempt.
func (a *agenda) rung() call.ID {
	a.t.Helper()
	return a.starts(call.KindConfirmation)
}

// starts starts her next call of a kind.
func (a *agenda) starts(kind call.Kind) call.ID {
	a.t.Helper()
	snap, err := a.Load(a.t.Context(), a.scheme, a.now, a.now.AddDate(0, 0, 7))
	require.NoError(a.t, err)
	i := slices.IndexFunc(snap.Occurrences, func(o dispatch.Occurrence) bool {
		return o.Kind == kind && o.State == call.OccurrenceOpen
	})
	require.GreaterOrEqual(a.t, i, 0, "she is not rung")
	o := snap.Occurrences[i]
	id := call.NewID()
	errs, err := a.Apply(a.t.Context(), a.scheme, a.epoch, a.now, []dispatch.Op{dispatch.Claim{Occurrence: o.ID, At: a.now, Order: call.Order{
		Scheme: a.scheme, Attempt: id, Kind: o.Kind, Number: o.Numbers[0], Trunk: "town", CLI: "+32819001000", Language: "fr",
		BeneficiaryRing: time.Minute, DialBy: a.now.Add(time.Minute),
	}}})
	require.NoError(a.t, err)
	require.NoError(a.t, errs[0])
	return id
}

// ends ends the attempt of the call back, and with it the call back.
func (a *agenda) ends(id call.ID, state call.OccurrenceState) {
	a.t.Helper()
	live, err := a.Live(a.t.Context(), a.scheme)
	require.NoError(a.t, err)
	i := slices.IndexFunc(live, func(l dispatch.LiveAttempt) bool { return l.Order.Attempt == id })
	result := call.ResultNoAnswer
	if state == call.OccurrenceReached {
		result = call.ResultAnswered
	}
	errs, err := a.Apply(a.t.Context(), a.scheme, a.epoch, a.now, []dispatch.Op{dispatch.Finish{
		Outcome:    call.Outcome{Scheme: a.scheme, Attempt: id, Result: result, Fault: call.FaultTheirs, At: a.now},
		Settlement: dispatch.Settlement{Occurrence: live[i].Occurrence, State: state, Attempts: 1, At: a.now},
	}})
	require.NoError(a.t, err)
	require.NoError(a.t, errs[0])
}

// planned plans again, as every night: nothing may be booked. It returns the promises of the two weeks.
func (a *agenda) planned() []string {
	a.t.Helper()
	booked, err := a.Plan(a.t.Context(), a.scheme, a.epoch, a.now, a.now.AddDate(0, 0, 13))
	require.NoError(a.t, err)
	require.Zero(a.t, booked, "planning again books nothing else")
	return slices.DeleteFunc(promised(a.t, a.Store, a.scheme), func(s string) bool {
		return strings.HasSuffix(s, string(call.KindConfirmation)) || s[4:9] >= "12-05" && s[4:9] < "12-31" // Further on it may book.
	})
}

func (a *agenda) told() []string {
	a.t.Helper()
	last, err := a.LastEvent(a.t.Context(), a.scheme)
	require.NoError(a.t, err)
	events, err := a.Events(a.t.Context(), a.scheme, 1, last)
	require.NoError(a.t, err)
	var list []string
	for _, e := range events {
		if e.Entity == "appointment" {
			list = append(list, e.Kind)
		}
	}
	return list
}

// TestACallIsMovedOnceSheAgrees: asked for on the line it changes nothing; a key in the call back moves it, to where it was
// offered, and there it stays.
func TestACallIsMovedOnceSheAgrees(t *testing.T) {
	t.Parallel()
	a := newAgenda(t)
	ctx := context.Background()
	thursday := a.call("2026-11-26")
	times, err := a.OtherTimes(ctx, a.scheme, thursday.ID, a.now)
	require.NoError(t, err)
	var offered []string
	for _, p := range times {
		offered = append(offered, p.Opens.Format("Mon 15:04")+p.Closes.Format("-15:04"))
	}
	require.Equal(t, []string{"Tue 09:30-12:00", "Wed 09:30-12:00", "Fri 09:30-12:00"}, offered)

	before := a.planned()
	require.NoError(t, a.ask(callflow.Change{Kind: callflow.ChangeMove, Occurrence: thursday.ID, To: times[2]}))
	require.Equal(t, before, a.planned(), "a forged number changes nothing")
	require.ErrorIs(t, a.ask(callflow.Change{Kind: callflow.ChangeSkip, Occurrence: thursday.ID}), callflow.ErrWaits)

	attempt := a.rung()
	asked, err := a.AskedChange(ctx, a.scheme, attempt)
	require.NoError(t, err)
	require.Equal(t, callflow.ChangeMove, asked.Kind)
	require.True(t, asked.To.Opens.Equal(times[2].Opens) && asked.Promised.Opens.Equal(thursday.Opens))
	require.NoError(t, a.settle(attempt, true))
	require.ErrorIs(t, a.settle(attempt, true), callflow.ErrNothing, "once")
	a.ends(attempt, call.OccurrenceReached)
	want := []string{"Mon 11-23 09:30-12:00", "Fri 11-27 09:30-12:00", "Mon 11-30 09:30-12:00", "Thu 12-03 09:30-12:00"}
	require.Equal(t, want, a.planned())
	require.Equal(t, []string{"asked", "changed"}, a.told())

	// Whatever plans her calls anew leaves it there.
	_, _, err = a.Announce(ctx, a.scheme, postgres.Pause{Ref: rostertest.Lea().Ref, First: day(2026, 12, 24), Last: day(2026, 12, 26), NoCall: true}, a.now)
	require.NoError(t, err)
	require.Equal(t, want, a.planned())
}

func day(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, time.UTC) }

// TestASkippedCallIsNotBookedAgain: not by the plan, not by a revision, and not as the next call of the one before.
func TestASkippedCallIsNotBookedAgain(t *testing.T) {
	t.Parallel()
	a := newAgenda(t)
	ctx := context.Background()
	require.NoError(t, a.ask(callflow.Change{Kind: callflow.ChangeSkip, Occurrence: a.call("2026-11-26").ID}))
	attempt := a.rung()
	require.NoError(t, a.settle(attempt, true))
	a.ends(attempt, call.OccurrenceReached)
	want := []string{"Mon 11-23 09:30-12:00", "Mon 11-30 09:30-12:00", "Thu 12-03 09:30-12:00"}
	require.Equal(t, want, a.planned())
	_, _, err := a.Announce(ctx, a.scheme, postgres.Pause{Ref: rostertest.Lea().Ref, First: day(2026, 12, 24), Last: day(2026, 12, 26), NoCall: true}, a.now)
	require.NoError(t, err)
	require.Equal(t, want, a.planned())
	list, err := a.Absences(ctx, a.scheme, rostertest.Lea().Ref, a.now)
	require.NoError(t, err)
	require.Len(t, list, 1, "a skipped call is no absence")
}

// TestSheIsAwayOnceSheAgrees: her calls end until she is back, and one welcomes her.
func TestSheIsAwayOnceSheAgrees(t *testing.T) {
	t.Parallel()
	a := newAgenda(t)
	ctx := context.Background()
	require.ErrorIs(t, a.ask(callflow.Change{Kind: callflow.ChangeAway, Back: day(2026, 11, 23)}), callflow.ErrGone)
	require.NoError(t, a.ask(callflow.Change{Kind: callflow.ChangeAway, Back: day(2026, 12, 1)}))
	attempt := a.rung()
	asked, err := a.AskedChange(ctx, a.scheme, attempt)
	require.NoError(t, err)
	require.Equal(t, day(2026, 12, 1), asked.Back)
	require.NoError(t, a.settle(attempt, true))
	a.ends(attempt, call.OccurrenceReached)
	require.Equal(t, []string{"Tue 12-01 09:30-12:00 welcome_back", "Thu 12-03 09:30-12:00"}, a.planned())
}

// TestAnAbsenceBeginsWhenSheSays: from a day on, and not before; and not on a day that is over when she agrees.
func TestAnAbsenceBeginsWhenSheSays(t *testing.T) {
	t.Parallel()
	a := newAgenda(t)
	ctx := context.Background()
	require.ErrorIs(t, a.ask(callflow.Change{Kind: callflow.ChangeAway, From: day(2026, 11, 30), Back: day(2026, 11, 30)}), callflow.ErrGone)
	require.NoError(t, a.ask(callflow.Change{Kind: callflow.ChangeAway, From: day(2026, 11, 26), Back: day(2026, 12, 1)}))
	attempt := a.rung()
	asked, err := a.AskedChange(ctx, a.scheme, attempt)
	require.NoError(t, err)
	require.Equal(t, day(2026, 11, 26), asked.From)
	require.NoError(t, a.settle(attempt, true))
	a.ends(attempt, call.OccurrenceReached)
	// Her second call of the week comes before she leaves.
	require.Equal(t, []string{
		"Mon 11-23 09:30-12:00", "Wed 11-25 09:30-12:00", "Tue 12-01 09:30-12:00 welcome_back", "Thu 12-03 09:30-12:00",
	}, a.planned())
	list, err := a.Absences(ctx, a.scheme, rostertest.Lea().Ref, a.now)
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Equal(t, day(2026, 11, 26), list[0].First)
	require.Equal(t, day(2026, 11, 30), list[0].Last)
}

// TestAChangeIsSettledInTheNextCall: in whatever call to her comes first; then she is not rung back for it. What was asked after that
// call had ended, or by somebody in its place, is not what she was told.
func TestAChangeIsSettledInTheNextCall(t *testing.T) {
	t.Parallel()
	a := newAgenda(t)
	ctx := context.Background()
	thursday := a.call("2026-11-26").ID
	require.NoError(t, a.ask(callflow.Change{Kind: callflow.ChangeSkip, Occurrence: thursday}))
	attempt := a.starts(call.KindScheduled)
	told, err := a.AskedChange(ctx, a.scheme, attempt)
	require.NoError(t, err)
	require.Equal(t, callflow.ChangeSkip, told.Kind)
	waits, err := a.PendingChange(ctx, a.scheme, a.lea)
	require.NoError(t, err)
	require.Equal(t, told, waits)

	// Somebody talks to her meanwhile, and then something else is asked: that is not what she was told.
	times, err := a.OtherTimes(ctx, a.scheme, thursday, a.now)
	require.NoError(t, err)
	require.NoError(t, a.ChangeNow(ctx, a.scheme, callflow.Change{
		Kind: callflow.ChangeMove, Beneficiary: a.lea, Occurrence: thursday, To: times[2],
	}, postgres.ChannelRegistrar, a.now))
	friday := a.call("2026-11-27").ID
	require.NoError(t, a.ask(callflow.Change{Kind: callflow.ChangeSkip, Occurrence: friday}))
	said := callflow.Told{Attempt: attempt, Change: told.ID, Agreed: true}
	require.ErrorIs(t, a.SettleChange(ctx, a.scheme, said, a.now), callflow.ErrNothing)
	require.ErrorIs(t, a.SettleChange(ctx, a.scheme, callflow.Told{Attempt: attempt, Agreed: true}, a.now), callflow.ErrNothing)
	require.Contains(t, a.planned(), "Fri 11-27 09:30-12:00")

	require.NoError(t, a.settle(attempt, true))
	require.NotContains(t, a.open(), call.KindConfirmation, "she is not rung back any more")
	require.NotContains(t, a.planned(), "Fri 11-27 09:30-12:00")
	a.ends(attempt, call.OccurrenceReached)
	a.now = a.now.Add(time.Minute)
	require.NoError(t, a.ask(callflow.Change{Kind: callflow.ChangeSkip, Occurrence: a.call("2026-11-30").ID}))
	_, err = a.AskedChange(ctx, a.scheme, attempt)
	require.ErrorIs(t, err, callflow.ErrNothing, "it was asked after that call")
}

// TestWithoutHerWordNothingChanges: she says no, nobody answers, or the call comes first.
func TestWithoutHerWordNothingChanges(t *testing.T) {
	t.Parallel()
	a := newAgenda(t)
	ctx := context.Background()
	before := a.planned()
	thursday := a.call("2026-11-26").ID
	skip := callflow.Change{Kind: callflow.ChangeSkip, Occurrence: thursday}

	require.NoError(t, a.ask(skip))
	attempt := a.rung()
	require.NoError(t, a.settle(attempt, false))
	a.ends(attempt, call.OccurrenceReached)
	require.Equal(t, before, a.planned())

	require.NoError(t, a.ask(skip))
	a.ends(a.rung(), call.OccurrenceUnreached)
	require.Equal(t, before, a.planned())
	require.Equal(t, []string{"asked", "refused", "asked", "lapsed"}, a.told())

	// Meanwhile the call is over.
	require.NoError(t, a.ask(callflow.Change{Kind: callflow.ChangeSkip, Occurrence: a.call("2026-11-23").ID}))
	attempt = a.rung()
	monday := a.call("2026-11-23").ID
	_, err := a.Apply(ctx, a.scheme, a.epoch, a.now, []dispatch.Op{dispatch.Settle{
		Settlement: dispatch.Settlement{Occurrence: monday, State: call.OccurrenceMissed, At: a.now},
	}})
	require.NoError(t, err)
	require.ErrorIs(t, a.settle(attempt, true), callflow.ErrGone)
	a.ends(attempt, call.OccurrenceReached)

	figures, err := a.Record(ctx, a.scheme, a.now)
	require.NoError(t, err)
	require.Equal(t, report.Appointments{Refused: 1, Lapsed: 2}, figures.Appointments)
	changes, err := a.Changes(ctx, a.scheme, rostertest.Lea().Ref, a.now.Add(-time.Hour))
	require.NoError(t, err)
	require.Len(t, changes, 3)
	require.Equal(t, callflow.ChangeLapsed, changes[0].State)

	// The fourth time on a day she is not rung back.
	require.ErrorIs(t, a.ask(skip), callflow.ErrNotAllowed)
	a.now = a.now.AddDate(0, 0, 1)
	require.NoError(t, a.ask(skip))
}

// TestAConfirmedCallIsRecordedOnce, and a person who talked to her changes it at once, whatever waits.
func TestAConfirmedCallIsRecordedOnce(t *testing.T) {
	t.Parallel()
	a := newAgenda(t)
	ctx := context.Background()
	thursday := a.call("2026-11-26")
	require.NoError(t, a.ConfirmAppointment(ctx, a.scheme, thursday.ID, postgres.ChannelLine, a.now))
	require.NoError(t, a.ConfirmAppointment(ctx, a.scheme, thursday.ID, postgres.ChannelLine, a.now))
	require.ErrorIs(t, a.ConfirmAppointment(ctx, a.scheme, 1<<40, postgres.ChannelLine, a.now), callflow.ErrGone)
	require.NoError(t, a.ask(callflow.Change{Kind: callflow.ChangeSkip, Occurrence: thursday.ID}))
	require.NoError(t, a.ChangeNow(ctx, a.scheme, callflow.Change{
		Kind: callflow.ChangeSkip, Beneficiary: a.lea, Occurrence: thursday.ID,
	}, postgres.ChannelRegistrar, a.now))
	require.Equal(t, []string{"confirmed", "asked", "lapsed", "changed"}, a.told())
	require.NotContains(t, a.open(), call.KindConfirmation, "she is not rung back any more")
	require.Equal(t, []string{"Mon 11-23 09:30-12:00", "Mon 11-30 09:30-12:00", "Thu 12-03 09:30-12:00"}, a.planned())
}

// TestAChangeAndADispatcherAtOnce: of somebody who skips a call and the dispatcher that starts it at the same time, one wins and the
// other is told.
func TestAChangeAndADispatcherAtOnce(t *testing.T) {
	t.Parallel()
	for range 8 {
		t.Run("race", func(t *testing.T) {
			t.Parallel()
			a := newAgenda(t)
			monday := a.call("2026-11-23")
			begin := make(chan struct{})
			skipped := make(chan error, 1)
			go func() {
				<-begin
				skipped <- a.ChangeNow(context.Background(), a.scheme, callflow.Change{
					Kind: callflow.ChangeSkip, Beneficiary: a.lea, Occurrence: monday.ID,
				}, postgres.ChannelRegistrar, a.now)
			}()
			close(begin)
			refused, err := a.Apply(t.Context(), a.scheme, a.epoch, a.now, []dispatch.Op{dispatch.Claim{Occurrence: monday.ID, At: a.now, Order: call.Order{
				Scheme: a.scheme, Attempt: call.NewID(), Kind: monday.Kind, Number: monday.Numbers[0], Trunk: "town",
				CLI: "+32819001000", Language: "fr", BeneficiaryRing: time.Minute, DialBy: a.now.Add(time.Minute),
			}}})
			require.NoError(t, err)
			changed := <-skipped
			list, err := a.Changes(t.Context(), a.scheme, rostertest.Lea().Ref, a.now.Add(-time.Hour))
			require.NoError(t, err)
			live, err := a.Live(t.Context(), a.scheme)
			require.NoError(t, err)
			if changed == nil {
				require.Error(t, refused[0], "it was called off: nobody is rung")
				require.Empty(t, live)
				require.Len(t, list, 1)
				return
			}
			require.ErrorIs(t, changed, callflow.ErrGone, "it has begun: she is told so")
			require.NoError(t, refused[0])
			require.Len(t, live, 1)
			require.Empty(t, list)
		})
	}
}
