package postgres_test

import (
	"context"
	"fmt"
	"slices"
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
		return page.Put(ctx, roster.People{Beneficiaries: []roster.Beneficiary{{Ref: "B1", Consent: roster.Consent{State: roster.ConsentGiven}, Numbers: []roster.Number{{E164: number(1)}}}}})
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

	// One says never, another that she is interested; a third says never as the service is killed, so that it is not known what
	// she answered.
	epoch, err := f.Lead(ctx, scheme, "test", today)
	require.NoError(t, err)
	for i, answer := range []string{call.AnswerNever, call.AnswerRegister, ""} {
		o := snap.Occurrences[i]
		order := call.Order{Scheme: scheme, Attempt: call.NewID(), Kind: o.Kind, Number: o.Numbers[0], Trunk: "trunk", Language: "fr", BeneficiaryRing: time.Minute, DialBy: today.Add(time.Minute)}
		if answer != call.AnswerRegister {
			require.NoError(t, s.MayReachOut(ctx, scheme, order.Number))
			require.NoError(t, s.NeverAgain(ctx, scheme, order.Number, today))
			require.ErrorIs(t, s.MayReachOut(ctx, scheme, order.Number), callflow.ErrNothing)
		}
		ops := []dispatch.Op{
			dispatch.Claim{Occurrence: o.ID, Order: order, At: today},
			dispatch.Answer{Given: call.Answer{Scheme: scheme, Attempt: order.Attempt, N: 1, Question: "outreach", Answer: answer, At: today}},
			dispatch.Finish{
				Outcome:    call.Outcome{Scheme: scheme, Attempt: order.Attempt, Result: call.ResultAnswered, Fault: call.FaultNone, At: today},
				Settlement: dispatch.Settlement{Occurrence: o.ID, State: call.OccurrenceReached, Attempts: 1, Rang: true, At: today},
			},
		}
		if answer == "" {
			ops = slices.Delete(ops, 1, 2)
		}
		errs, err := s.Apply(ctx, scheme, epoch, today, ops)
		require.NoError(t, err)
		require.Equal(t, make([]error, len(ops)), errs)
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
		Listed: 697, Open: 696, Answers: map[string]int{call.AnswerNever: 1, call.AnswerRegister: 1},
	}, state)
	n, err := s.StopOutreach(ctx, scheme, today)
	require.NoError(t, err)
	require.Equal(t, 696, n)
	_, err = s.StopOutreach(ctx, scheme, today)
	require.ErrorIs(t, err, report.ErrNoOutreach)
	again, err = s.StartOutreach(ctx, scheme, today.Add(time.Hour), false)
	require.NoError(t, err)
	require.Equal(t, 696, again.Booked, "after a stop it can begin anew, without those who were called")

	// The end of the list: somebody is in her call, everybody else is erased, called or not, but not from the figures.
	_, err = f.pool.Exec(ctx, `UPDATE occurrence SET state = 'live' WHERE occurrence_id = (SELECT max(occurrence_id) FROM occurrence WHERE state = 'open')`)
	require.NoError(t, err)
	ended, err := s.EndOutreach(ctx, scheme, today)
	require.NoError(t, err)
	require.Equal(t, report.OutreachEnded{Cancelled: 695, Erased: 696, Left: 1}, ended)
	named := func() (n int) {
		require.NoError(t, f.pool.QueryRow(ctx, `SELECT count(*) FROM beneficiary b WHERE b.purpose = 'outreach' AND (family_name <> '' OR EXISTS (
			SELECT FROM contact_number n WHERE n.beneficiary_id = b.beneficiary_id) OR EXISTS (
			SELECT FROM attempt a WHERE a.beneficiary_id = b.beneficiary_id AND a.number <> ''))`).Scan(&n))
		return n
	}
	require.Equal(t, 1, named())
	_, err = f.pool.Exec(ctx, `UPDATE occurrence SET state = 'unreached', ended_at = $1 WHERE state = 'live'`, today)
	require.NoError(t, err)
	for _, days := range []int{29, 31} {
		require.Equal(t, 1, named())
		_, err = f.Plan(ctx, scheme, epoch, today.AddDate(0, 0, days), today.AddDate(0, 0, days))
		require.NoError(t, err)
	}
	require.Zero(t, named(), "a list whose last call ended a month ago ends by itself")
	state, err = s.Outreach(ctx, scheme)
	require.NoError(t, err)
	require.Equal(t, map[string]int{call.AnswerNever: 1, call.AnswerRegister: 1}, state.Answers)
	var refused int
	require.NoError(t, f.pool.QueryRow(ctx, `SELECT count(*) FROM refusal`).Scan(&refused))
	require.Equal(t, 4, refused)
	require.NotEmpty(t, found(t, s, scheme, "B1").Numbers, "she was on no list")
}
