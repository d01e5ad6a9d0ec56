package postgres_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/callflow"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/postgres"
	"github.com/rappel-tel/rappel/pkg/report"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// TestAListIsCalledOnce: whoever is known or has refused is left out, the calls are spread over the days that the lines need,
// nobody is called twice, and whoever says never is erased when her call ends.
func TestAListIsCalledOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t, withKey("k"))
	s := f.Store
	ctx := context.Background()
	brussels, err := time.LoadLocation("Europe/Brussels")
	require.NoError(t, err)
	scheme := f.AddScheme(dispatch.Scheme{ // Two lines for machines, 420 minutes from ten to five.
		Name: "Namur", Zone: brussels, Country: "BE", Opens: 570, Closes: 1020, Lines: 4, CallsPerSecond: 1,
		Retry: dispatch.RetryLadder{MaxAttempts: 3},
	})
	number := func(i int) string { return fmt.Sprintf("+328199%04d", i) }
	require.NoError(t, s.Book(scheme, clock).Edit(ctx, func(page roster.Page) error {
		return page.Put(ctx, roster.People{Beneficiaries: []roster.Beneficiary{{Ref: "B1", Numbers: []roster.Number{{E164: number(1)}}}}})
	}))
	require.NoError(t, s.Refuse(ctx, scheme, []string{number(2)}, postgres.RefusedToRegistrar, today))
	var list []roster.Beneficiary
	for i := 1; i <= 702; i++ {
		list = append(list, roster.Beneficiary{Given: "Odette", Family: "Martin", Numbers: []roster.Number{{E164: number(i)}}, Language: roster.French})
	}
	list = append(list, list[600])
	want := report.OutreachAdded{Added: 700, Known: 2, Refused: 1}
	added, err := s.AddOutreach(ctx, scheme, list, today, true)
	require.NoError(t, err)
	require.Equal(t, want, added)
	added, err = s.AddOutreach(ctx, scheme, list, today, false)
	require.NoError(t, err)
	require.Equal(t, want, added, "the rehearsal has kept nothing")
	added, err = s.AddOutreach(ctx, scheme, list, today, false)
	require.NoError(t, err)
	require.Equal(t, report.OutreachAdded{Known: 702, Refused: 1}, added, "typed again")
	for _, kind := range []call.Kind{call.KindPresence, call.KindSurvey} {
		done, err := s.Surge(ctx, scheme, postgres.Surge{Kind: kind}, today, true)
		require.NoError(t, err)
		require.Equal(t, 1, done.People, "the list is for nothing else")
	}

	require.NoError(t, s.Refuse(ctx, scheme, []string{number(3)}, postgres.RefusedToRegistrar, today))
	done, err := s.StartOutreach(ctx, scheme, today, true)
	require.NoError(t, err)
	require.Equal(t, []int{699, 1, 3}, []int{done.Booked, done.Refused, done.Days}, "280 on a day, each tried three times")
	require.True(t, done.Lines)
	again, err := s.StartOutreach(ctx, scheme, today, false)
	require.NoError(t, err)
	require.Equal(t, done, again, "the rehearsal has booked nothing")
	snap, err := f.Load(ctx, scheme, today, today.AddDate(0, 0, 7))
	require.NoError(t, err)
	perDay := map[string]int{}
	for _, o := range snap.Occurrences {
		require.Equal(t, call.KindOutreach, o.Kind)
		perDay[o.Opens.In(brussels).Format("02 15:04")+o.Closes.In(brussels).Format("-15:04")]++
	}
	require.Len(t, perDay, 3, "%v", perDay)
	again, err = s.StartOutreach(ctx, scheme, today, false)
	require.NoError(t, err)
	require.Zero(t, again.Booked+again.Refused)

	// One says never, another that she is interested.
	epoch, err := f.Lead(ctx, scheme, "test", today)
	require.NoError(t, err)
	for i, answer := range []string{call.AnswerNever, call.AnswerRegister} {
		o := snap.Occurrences[i]
		order := call.Order{Scheme: scheme, Attempt: call.NewID(), Kind: o.Kind, Number: o.Numbers[0], Trunk: "trunk", Language: "fr", BeneficiaryRing: time.Minute, DialBy: today.Add(time.Minute)}
		if answer == call.AnswerNever {
			require.NoError(t, s.MayReachOut(ctx, scheme, order.Number))
			require.NoError(t, s.NeverAgain(ctx, scheme, order.Number, today))
			require.ErrorIs(t, s.MayReachOut(ctx, scheme, order.Number), callflow.ErrNothing)
		}
		errs, err := s.Apply(ctx, scheme, epoch, today, []dispatch.Op{
			dispatch.Claim{Occurrence: o.ID, Order: order, At: today},
			dispatch.Answer{Given: call.Answer{Scheme: scheme, Attempt: order.Attempt, N: 1, Question: "outreach", Answer: answer, At: today}},
			dispatch.Finish{
				Outcome:    call.Outcome{Scheme: scheme, Attempt: order.Attempt, Result: call.ResultAnswered, Fault: call.FaultNone, At: today},
				Settlement: dispatch.Settlement{Occurrence: o.ID, State: call.OccurrenceReached, Attempts: 1, Rang: true, At: today},
			},
		})
		require.NoError(t, err)
		require.Equal(t, []error{nil, nil, nil}, errs)
		var names, numbers, attempts int
		require.NoError(t, f.pool.QueryRow(ctx, `SELECT
			(SELECT count(*) FROM beneficiary WHERE beneficiary_id = $1 AND given_name || family_name || name_key <> ''),
			(SELECT count(*) FROM contact_number WHERE beneficiary_id = $1),
			(SELECT count(*) FROM attempt WHERE beneficiary_id = $1 AND number = $2)`, o.Beneficiary, order.Number).Scan(&names, &numbers, &attempts))
		left := 0
		if answer == call.AnswerRegister {
			left = 1
		}
		require.Equal(t, []int{left, left, left}, []int{names, numbers, attempts}, answer)
	}
	state, err := s.Outreach(ctx, scheme)
	require.NoError(t, err)
	require.Equal(t, report.Outreach{
		Listed: 698, Open: 697, Answers: map[string]int{call.AnswerNever: 1, call.AnswerRegister: 1},
	}, state)
	n, err := s.StopOutreach(ctx, scheme, today)
	require.NoError(t, err)
	require.Equal(t, 697, n)
	_, err = s.StopOutreach(ctx, scheme, today)
	require.ErrorIs(t, err, report.ErrNoOutreach)
	again, err = s.StartOutreach(ctx, scheme, today.Add(time.Hour), false)
	require.NoError(t, err)
	require.Equal(t, 697, again.Booked, "after a stop it can begin anew, without those who were called")
}
