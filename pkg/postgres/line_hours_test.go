package postgres_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/rappel-tel/rappel/pkg/callflow"
	"github.com/rappel-tel/rappel/pkg/postgres"
	"github.com/rappel-tel/rappel/pkg/postgres/postgrestest"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/schedule"
)

// TestTheLineHasHoursOfItsOwn: those of the calls stay as they are, and close it only.
func TestTheLineHasHoursOfItsOwn(t *testing.T) {
	t.Parallel()
	store := postgrestest.Open(t, postgrestest.URL(t))
	ctx, scheme := t.Context(), newScheme(t, store, "here")
	require.NoError(t, store.SaveDID(ctx, scheme.Key, postgres.DID{
		Number: "+3281000000", Languages: []roster.Language{roster.German, roster.French},
	}))
	require.NoError(t, store.SaveDID(ctx, newScheme(t, store, "there").Key, postgres.DID{Number: "+3281000001", Languages: []roster.Language{roster.French}}))
	line := func() callflow.Line {
		l, err := store.Line(ctx, "+3281000000")
		require.NoError(t, err)
		return l
	}
	brussels := line().Zone
	at := func(day, hour int) time.Time { return time.Date(2026, time.December, day, hour, 0, 0, 0, brussels) }
	open := func(at time.Time) bool { o, _ := line().Hours.Open(at); return o }
	date := func(day int) time.Time { return time.Date(2026, time.December, day, 0, 0, 0, 0, time.UTC) }
	require.Nil(t, line().Hours, "never closed by the clock")
	require.True(t, line().Calendar.Holiday(date(25)))

	require.NoError(t, store.ExceptLine(ctx, scheme.Key, schedule.Exception{First: date(24)}, clock()))
	require.False(t, open(at(24, 14)))
	require.True(t, open(at(20, 3)), "a Sunday night")

	afternoons := []roster.Window{{Begin: 13 * 60, End: 17 * 60}}
	// Five coordinators set a day each at once, and none of it is lost.
	var together errgroup.Group
	for day := time.Monday; day <= time.Friday; day++ {
		together.Go(func() error {
			return store.ChangeLineHours(ctx, scheme.Key, clock(), func(w *schedule.Week) error { w[day] = afternoons; return nil })
		})
	}
	require.NoError(t, together.Wait())
	// So do two with one number: its languages, and how it is delivered.
	for _, change := range []func(*postgres.DID){
		func(d *postgres.DID) { d.Languages = []roster.Language{roster.Dutch} }, func(d *postgres.DID) { d.Delivered = "0081" },
	} {
		together.Go(func() error {
			_, err := store.ChangeDID(ctx, scheme.Key, "+3281000003", func(d *postgres.DID) error {
				change(d)
				return nil
			})
			return err
		})
	}
	require.NoError(t, together.Wait())
	dialled, err := store.DIDs(ctx, scheme.Key)
	require.NoError(t, err)
	require.Contains(t, dialled, postgres.DID{
		Number: "+3281000003", Delivered: "0081", Flow: "registration", Languages: []roster.Language{roster.Dutch},
	})
	require.NoError(t, store.RemoveDID(ctx, scheme.Key, "+3281000003"))
	err = store.ChangeLineHours(ctx, scheme.Key, clock(), func(w *schedule.Week) error { w[0] = []roster.Window{{Begin: 600, End: 540}}; return nil })
	require.ErrorIs(t, err, postgres.ErrHours)
	require.True(t, open(at(23, 14)))
	require.False(t, open(at(23, 10)), "the scheme calls then, and nobody answers the line")
	require.False(t, open(at(25, 14)), "Christmas")
	require.NoError(t, store.ExceptLine(ctx, scheme.Key, schedule.Exception{First: date(25), Hours: afternoons}, clock()))
	require.True(t, open(at(25, 14)))
	hours, err := store.LineHours(ctx, scheme.Key, date(1))
	require.NoError(t, err)
	require.Len(t, hours.Exceptions, 2)
	for range 2 {
		require.NoError(t, store.ExceptLine(ctx, scheme.Key, schedule.Exception{First: date(25), Hours: afternoons}, clock()))
	}
	said, err := store.LineHours(ctx, scheme.Key, date(1))
	require.NoError(t, err)
	require.Equal(t, hours.Exceptions, said.Exceptions, "of the same dates the last word counts, and it alone is told")
	_, err = store.Except(ctx, scheme.Key, schedule.Exception{First: date(28), Last: date(31)}, clock())
	require.NoError(t, err)
	require.False(t, open(at(29, 14)), "the scheme is closed")
	require.NoError(t, store.ExceptLine(ctx, scheme.Key, schedule.Exception{First: date(29), Hours: afternoons}, clock()))
	require.True(t, open(at(29, 14)))
	require.ErrorIs(t, store.RevokeLineException(ctx, scheme.Key, schedule.Exception{First: date(28), Last: date(31)}, clock()), postgres.ErrNoException)
	require.NoError(t, store.RevokeLineException(ctx, scheme.Key, schedule.Exception{First: date(24)}, clock()))

	hours, err = store.LineHours(ctx, scheme.Key, date(1))
	require.NoError(t, err)
	require.Equal(t, 5*4*60, minutes(hours.Week))
	require.Len(t, hours.Exceptions, 2)
	hours, err = store.Hours(ctx, scheme, date(1))
	require.NoError(t, err)
	require.Equal(t, *schedule.Workdays(9*60+30, 17*60), hours.Week, "the calls go on as before")
	require.Len(t, hours.Exceptions, 1)

	nobody, err := store.Line(ctx, "+3281999999")
	require.ErrorIs(t, err, callflow.ErrUnknownLine)
	require.Equal(t, []roster.Language{roster.French, roster.German}, nobody.Languages, "whoever dials it speaks one of them")
}

func minutes(week schedule.Week) (n int) {
	for _, day := range week {
		for _, w := range day {
			n += int(w.End - w.Begin)
		}
	}
	return n
}
