package postgres_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/postgres"
	"github.com/rappel-tel/rappel/pkg/postgres/postgrestest"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/roster/rostertest"
	"github.com/rappel-tel/rappel/pkg/schedule"
)

func sunday() time.Time { return time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC) }

// promised lists the open promises of a scheme within 60 days, with what is special about them.
func promised(t *testing.T, store *postgres.Store, scheme int64) []string {
	t.Helper()
	snap, err := store.Load(t.Context(), scheme, sunday(), sunday().AddDate(0, 0, 60))
	require.NoError(t, err)
	brussels, err := time.LoadLocation("Europe/Brussels")
	require.NoError(t, err)
	var list []string
	for _, o := range snap.Occurrences {
		text := o.Opens.In(brussels).Format("Mon 01-02 15:04-") + o.Closes.In(brussels).Format("15:04")
		if o.Kind != call.KindScheduled {
			text += " " + string(o.Kind)
		}
		list = append(list, text)
	}
	return list
}

// weeklyLea has calls on Monday and Thursday between 9:30 and 12:00, booked for two weeks.
func weeklyLea(t *testing.T) (*postgres.Store, postgres.Scheme, int64) {
	store := postgrestest.Store(t)
	scheme := newScheme(t, store, "Namur")
	lea := rostertest.Lea()
	lea.Agreement.Windows = []roster.Window{{Begin: 570, End: 720}}
	lea.Agreement.ValidFrom, lea.Agreement.ValidUntil = time.Time{}, time.Time{}
	putPeople(t, store.Book(scheme.Key, sunday), roster.People{Staff: []roster.Staff{rostertest.Anna()}, Beneficiaries: []roster.Beneficiary{lea}})
	epoch, err := store.Lead(t.Context(), scheme.Key, "test", sunday())
	require.NoError(t, err)
	_, err = store.Plan(t.Context(), scheme.Key, epoch, sunday(), sunday().AddDate(0, 0, 14))
	require.NoError(t, err)
	return store, scheme, epoch
}

func TestAnAbsenceMovesWhatWasPromised(t *testing.T) {
	t.Parallel()
	store, scheme, epoch := weeklyLea(t)
	ctx, lea := context.Background(), rostertest.Lea().Ref
	before := promised(t, store, scheme.Key)
	require.Equal(t, []string{"Mon 11-23 09:30-12:00", "Thu 11-26 09:30-12:00", "Mon 11-30 09:30-12:00", "Thu 12-03 09:30-12:00"}, before)
	day := func(d int) time.Time { return time.Date(2026, 11, d, 0, 0, 0, 0, time.UTC) }

	away, done, err := store.Announce(ctx, scheme.Key, postgres.Pause{Ref: lea, First: day(25), Last: day(37), WelcomeBack: true}, sunday())
	require.NoError(t, err)
	require.NotEmpty(t, away.ID)
	require.Equal(t, postgres.Replanned{Moved: 3}, done)
	require.Equal(t, []string{"Mon 11-23 09:30-12:00", "Tue 11-24 09:30-12:00", "Tue 12-08 09:30-12:00 welcome_back", "Thu 12-10 09:30-12:00"}, promised(t, store, scheme.Key))
	booked, err := store.Plan(ctx, scheme.Key, epoch, sunday(), sunday().AddDate(0, 0, 14))
	require.NoError(t, err)
	require.Zero(t, booked, "planning again books nothing else")

	list, err := store.Absences(ctx, scheme.Key, lea, sunday())
	require.NoError(t, err)
	require.Equal(t, []postgres.Pause{away}, list)

	// She comes back early; what was told stays, and the days that are free again are booked.
	back, done, err := store.EndAbsence(ctx, scheme.Key, lea, day(30), sunday())
	require.NoError(t, err)
	require.Equal(t, day(29), back.Last)
	require.Equal(t, postgres.Replanned{Moved: 1, Booked: 2}, done)
	require.Equal(t, []string{"Mon 11-23 09:30-12:00", "Tue 11-24 09:30-12:00", "Mon 11-30 09:30-12:00 welcome_back", "Thu 12-03 09:30-12:00",
		"Mon 12-07 09:30-12:00", "Thu 12-10 09:30-12:00"}, promised(t, store, scheme.Key))

	_, _, err = store.EndAbsence(ctx, scheme.Key, lea, day(30), sunday())
	require.ErrorIs(t, err, postgres.ErrNotAway)
	_, _, err = store.Announce(ctx, scheme.Key, postgres.Pause{Ref: "nobody", First: day(25)}, sunday())
	require.ErrorIs(t, err, postgres.ErrNoBeneficiary)
	_, _, err = store.Announce(ctx, scheme.Key, postgres.Pause{Ref: lea, First: day(25), Last: day(24)}, sunday())
	require.ErrorIs(t, err, postgres.ErrDatesBackward)

	// One without end takes what lies in it; when it is revoked, that is booked again, and what was told stays.
	before = promised(t, store, scheme.Key)
	_, _, err = store.Announce(ctx, scheme.Key, postgres.Pause{Ref: lea, First: day(32), NoCall: true}, sunday())
	require.NoError(t, err)
	told := append(before[:3:3], "Tue 12-01 09:30-12:00")
	require.Equal(t, told, promised(t, store, scheme.Key))
	gone, _, err := store.EndAbsence(ctx, scheme.Key, lea, day(31), sunday())
	require.NoError(t, err)
	require.Zero(t, gone.First)
	require.Equal(t, append(told, before[4:]...), promised(t, store, scheme.Key))
	requireEvents(t, store, scheme.Key)
}

// requireEvents holds the events of the scheme to the order of their numbers, and those of each entity too.
func requireEvents(t *testing.T, store *postgres.Store, scheme int64) {
	t.Helper()
	events, err := store.Events(t.Context(), scheme, 1, 10_000)
	require.NoError(t, err)
	kinds, of := map[string]int{}, map[string]int64{}
	for i, e := range events {
		require.EqualValues(t, i+1, e.Number)
		of[e.EntityID]++
		if e.Entity != "occurrence" { // Those that Plan books have no event of their own.
			require.Equal(t, of[e.EntityID], e.EntityNumber, "%s.%s", e.Entity, e.Kind)
		}
		kinds[e.Entity+"."+e.Kind]++
	}
	require.Equal(t, 2, kinds["absence.announced"])
	require.Equal(t, 2, kinds["absence.ended"])
	require.Equal(t, 4, kinds["scheme.changed"])
	require.NotZero(t, kinds["occurrence.moved"])
	require.NotZero(t, kinds["occurrence.booked"])
}

func TestClosedHoursMoveEverybodysPromises(t *testing.T) {
	t.Parallel()
	store, scheme, _ := weeklyLea(t)
	ctx := context.Background()
	before := promised(t, store, scheme.Key)
	monday := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)

	done, err := store.Except(ctx, scheme.Key, schedule.Exception{First: monday}, sunday())
	require.NoError(t, err)
	require.Equal(t, postgres.Replanned{Moved: 1}, done)
	require.Equal(t, "Tue 11-24 09:30-12:00", promised(t, store, scheme.Key)[0])
	_, err = store.Except(ctx, scheme.Key, schedule.Exception{First: monday, Hours: []roster.Window{{Begin: 660, End: 600}}}, sunday())
	require.ErrorIs(t, err, postgres.ErrHours)

	// Shorter hours on one day of the week; the same day, another window.
	week := *schedule.Workdays(570, 1020)
	week[time.Thursday] = []roster.Window{{Begin: 600, End: 660}, {Begin: 840, End: 900}}
	_, err = store.ChangeHours(ctx, scheme.Key, sunday(), func(w *schedule.Week) error { w[time.Thursday] = week[time.Thursday]; return nil })
	require.NoError(t, err)
	require.Equal(t, []string{"Tue 11-24 09:30-12:00", "Thu 11-26 10:00-11:00", "Mon 11-30 09:30-12:00", "Thu 12-03 10:00-11:00"}, promised(t, store, scheme.Key))
	hours, err := store.Hours(ctx, scheme, sunday())
	require.NoError(t, err)
	require.Equal(t, week, hours.Week)
	require.Len(t, hours.Exceptions, 1)

	_, err = store.ChangeHours(ctx, scheme.Key, sunday(), func(w *schedule.Week) error { *w = schedule.Week{}; return nil })
	require.NoError(t, err)
	_, err = store.RevokeException(ctx, scheme.Key, schedule.Exception{First: monday}, sunday())
	require.NoError(t, err)
	require.Equal(t, append([]string{"Tue 11-24 09:30-12:00"}, before[1:]...), promised(t, store, scheme.Key), "what was told stays")
	_, err = store.RevokeException(ctx, scheme.Key, schedule.Exception{First: monday}, sunday())
	require.ErrorIs(t, err, postgres.ErrNoException)
}

// A call that is under way while its agreement changes goes on, and what follows it follows from the new agreement.
func TestAChangeDuringACallBooksTheNextOnceOnly(t *testing.T) {
	t.Parallel()
	store, scheme, epoch := weeklyLea(t)
	ctx := context.Background()
	now := sunday().Add(23 * time.Hour) // 10:00 in Brussels, Monday.
	snap, err := store.Load(ctx, scheme.Key, now, now.AddDate(0, 0, 1))
	require.NoError(t, err)
	require.Len(t, snap.Occurrences, 1)
	o := snap.Occurrences[0]
	claim := dispatch.Claim{Occurrence: o.ID, At: now, Order: call.Order{
		Scheme: scheme.Key, Attempt: "0198a2f0444470008000000000000001", Offer: 1, Kind: o.Kind, Caller: snap.Callers[0].ID,
		CallerEndpoint: snap.Callers[0].Endpoint, Number: o.Numbers[0], Trunk: "t", CLI: "+3281000000", Language: "fr",
		CallerRing: time.Second, BeneficiaryRing: time.Second, DialBy: now.Add(time.Minute),
	}}
	refused, err := store.Apply(ctx, scheme.Key, epoch, now, []dispatch.Op{claim})
	require.NoError(t, err)
	require.NoError(t, refused[0])

	lea := rostertest.Lea()
	lea.Agreement.Windows = []roster.Window{{Begin: 570, End: 720}}
	lea.Agreement.ValidFrom, lea.Agreement.ValidUntil = time.Time{}, time.Time{}
	lea.Agreement.Days, lea.Agreement.PerWeek = []time.Weekday{time.Wednesday}, 1
	book := store.Book(scheme.Key, func() time.Time { return now })
	putPeople(t, book, roster.People{Beneficiaries: []roster.Beneficiary{lea}})
	wednesdays := []string{"Mon 11-23 09:30-12:00", "Wed 11-25 09:30-12:00", "Wed 12-02 09:30-12:00"}
	require.Equal(t, wednesdays, promised(t, store, scheme.Key))

	out := call.Outcome{Attempt: claim.Order.Attempt, Offer: 1, Result: call.ResultAnswered, Fault: call.FaultNone, At: now.Add(time.Minute), Rang: true}
	calendar, err := snap.Scheme.Calendar()
	require.NoError(t, err)
	settled := dispatch.SettlementOf(&o, out, dispatch.Terms{Rules: dispatch.RulesOf(&snap.Scheme, calendar)})
	require.Equal(t, time.Thursday, settled.Next.LocalDate.Weekday(), "the engine knows the old agreement only")
	refused, err = store.Apply(ctx, scheme.Key, epoch, now, []dispatch.Op{dispatch.Finish{Outcome: out, Settlement: settled}})
	require.NoError(t, err)
	require.NoError(t, refused[0])
	require.Zero(t, settled.Next.ID)
	require.Equal(t, wednesdays[1:], promised(t, store, scheme.Key))
}

func TestFreeDaysAreSpreadAndKept(t *testing.T) {
	t.Parallel()
	store := postgrestest.Store(t)
	ctx := context.Background()
	scheme := newScheme(t, store, "Namur")
	people := roster.People{}
	for i := range 40 {
		b := rostertest.Lea()
		b.Ref, b.Reference, b.Deputy, b.Agreement = "B"+string(rune('A'+i)), "", "", roster.Agreement{Cadence: roster.Weekly, PerWeek: 1 + i%3}
		people.Beneficiaries = append(people.Beneficiaries, b)
	}
	book := store.Book(scheme.Key, sunday)
	putPeople(t, book, people)
	epoch, err := store.Lead(ctx, scheme.Key, "test", sunday())
	require.NoError(t, err)
	monday := time.Date(2026, 11, 22, 23, 0, 0, 0, time.UTC)
	_, err = store.Plan(ctx, scheme.Key, epoch, monday, monday.AddDate(0, 0, 7))
	require.NoError(t, err)
	days := func() map[int64][]time.Weekday {
		snap, err := store.Load(ctx, scheme.Key, sunday(), sunday().AddDate(0, 0, 60))
		require.NoError(t, err)
		of := map[int64][]time.Weekday{}
		for _, o := range snap.Occurrences {
			of[o.Beneficiary] = append(of[o.Beneficiary], o.LocalDate.Weekday())
		}
		return of
	}
	count := map[time.Weekday]int{}
	before := days()
	for _, list := range before {
		for _, d := range list {
			count[d]++
		}
	}
	for d := time.Monday; d <= time.Friday; d++ {
		require.InDelta(t, 79.0/5, count[d], 2, "%v", count)
	}
	// A new window in the same rhythm leaves everybody her days.
	for i := range people.Beneficiaries {
		people.Beneficiaries[i].Agreement.Windows = []roster.Window{{Begin: 600, End: 700}}
	}
	putPeople(t, book, people)
	after := days()
	for person, list := range before {
		require.Subset(t, list, after[person])
	}
}

// TestSheIsWelcomedBackOnce, however her absence ends: by its date, earlier, later, as one that touches another, never having begun, or
// under another agreement.
func TestSheIsWelcomedBackOnce(t *testing.T) {
	t.Parallel()
	day := func(d int) time.Time { return time.Date(2026, 11, d, 0, 0, 0, 0, time.UTC) }
	type change func(t *testing.T, store *postgres.Store, scheme int64, now time.Time)
	away := func(first, last int) change {
		return func(t *testing.T, store *postgres.Store, scheme int64, now time.Time) {
			p := postgres.Pause{Ref: rostertest.Lea().Ref, First: day(first), WelcomeBack: true}
			if last > 0 {
				p.Last = day(last)
			}
			_, _, err := store.Announce(t.Context(), scheme, p, now)
			require.NoError(t, err)
		}
	}
	noCall := func(first, last int) change {
		return func(t *testing.T, store *postgres.Store, scheme int64, now time.Time) {
			_, _, err := store.Announce(t.Context(), scheme, postgres.Pause{Ref: rostertest.Lea().Ref, First: day(first), Last: day(last), NoCall: true}, now)
			require.NoError(t, err)
		}
	}
	back := func(on int) change {
		return func(t *testing.T, store *postgres.Store, scheme int64, now time.Time) {
			_, _, err := store.EndAbsence(t.Context(), scheme, rostertest.Lea().Ref, day(on), now)
			require.NoError(t, err)
		}
	}
	wednesdays := func(t *testing.T, store *postgres.Store, scheme int64, now time.Time) {
		lea := rostertest.Lea()
		lea.Agreement.Windows = []roster.Window{{Begin: 570, End: 720}}
		lea.Agreement.ValidFrom, lea.Agreement.ValidUntil = time.Time{}, time.Time{}
		lea.Agreement.Days, lea.Agreement.PerWeek = []time.Weekday{time.Wednesday}, 1
		putPeople(t, store.Book(scheme, func() time.Time { return now }), roster.People{Beneficiaries: []roster.Beneficiary{lea}})
	}
	for _, c := range []struct {
		name    string
		changes []change
		welcome string
	}{
		{"by its date", []change{away(25, 37)}, "Tue 12-08"},
		{"earlier", []change{away(25, 37), back(30)}, "Mon 11-30"},
		{"earlier, and on a day on which she has a call", []change{away(25, 37), back(26)}, "Thu 11-26"},
		{"never begun", []change{away(25, 37), back(25)}, ""},
		{"no longer without end", []change{away(25, 0), back(33)}, "Thu 12-03"},
		{"without end", []change{away(25, 0)}, ""},
		{"later, as one that lies over it", []change{away(25, 30), away(25, 37)}, "Tue 12-08"},
		{"another begins as it ends", []change{away(25, 27), away(28, 37)}, "Tue 12-08"},
		{"another begins after a weekend", []change{away(25, 27), away(30, 37)}, "Tue 12-08"},
		{"a no-call period begins as it ends", []change{away(25, 27), noCall(28, 37)}, "Tue 12-08"},
		{"announced twice", []change{away(25, 37), away(25, 37)}, "Tue 12-08"},
		{"the agreement changes meanwhile", []change{away(25, 37), wednesdays}, "Tue 12-08"},
		{"the agreement changes, and she is back earlier", []change{away(25, 37), wednesdays, back(31)}, "Tue 12-01"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			store, scheme, epoch := weeklyLea(t)
			for _, change := range c.changes {
				change(t, store, scheme.Key, sunday())
			}
			for range 2 { // What is planned besides changes nothing of it.
				var welcomed []string
				days := map[string]int{}
				for _, p := range promised(t, store, scheme.Key) {
					days[p[:9]]++
					require.Equal(t, 1, days[p[:9]], p)
					if strings.HasSuffix(p, "welcome_back") {
						welcomed = append(welcomed, p[:9])
					}
				}
				require.Equal(t, c.welcome, strings.Join(welcomed, " "))
				_, err := store.Plan(t.Context(), scheme.Key, epoch, sunday(), sunday().AddDate(0, 0, 30))
				require.NoError(t, err)
			}
		})
	}
}

// TestTodayIsClosedWhileACallIsDue: the promise, held or waiting for a caller, is another day's at once.
func TestTodayIsClosedWhileACallIsDue(t *testing.T) {
	t.Parallel()
	store, scheme, _ := weeklyLea(t)
	now := sunday().Add(23*time.Hour + 5*time.Minute) // 10:05 in Brussels, Monday: her window has begun.
	_, err := store.Except(t.Context(), scheme.Key, schedule.Exception{First: time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)}, now)
	require.NoError(t, err)
	require.Equal(t, []string{"Tue 11-24 09:30-12:00", "Thu 11-26 09:30-12:00"}, promised(t, store, scheme.Key)[:2])
}
