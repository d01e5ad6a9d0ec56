package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/postgres/internal/sqldb"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/schedule"
)

// surveyAnswer is what is counted of a survey.
type surveyAnswer struct {
	survey, question, answer string
	month                    int64 // Its first day, Unix seconds.
}

// answered records what somebody said by keypad to a call without a caller.
func (l *ledger) answered(op dispatch.Answer) error {
	g := op.Given
	a := l.attempts[g.Attempt]
	switch {
	case a == nil:
		return errUnknownAttempt
	case !a.ended.IsZero() && g.N > a.answers:
		return dispatch.ErrStale
	}
	if g.N <= a.answers {
		if op.Callback != nil {
			l.callbacks = append(l.callbacks, op.Callback)
		}
		return nil
	}
	a.answers, a.changed = g.N, true
	data := keyedData{N: g.N}
	if g.Survey == "" {
		a.answer, data.Answer = g.Answer, g.Answer
	} else {
		if l.surveys == nil {
			l.surveys = map[surveyAnswer]int64{}
		}
		month := time.Date(l.today.Year(), l.today.Month(), 1, 0, 0, 0, 0, time.UTC)
		l.surveys[surveyAnswer{g.Survey, g.Question, g.Answer, month.Unix()}]++
	}
	l.noteAttempt(a, "answered", g.At, data)
	if op.Callback != nil {
		l.callbacks = append(l.callbacks, op.Callback)
	}
	return nil
}

// bookCallbacks books what those who answered asked for.
func (l *ledger) bookCallbacks(ctx context.Context, q *sqldb.Queries) error {
	for _, c := range l.callbacks {
		list, err := bookExtra(ctx, q, &l.journal, extra{
			kind: c.Kind, people: []int64{c.Beneficiary}, now: l.at,
			window: schedule.Slot{Date: c.LocalDate, Opens: c.Opens, Closes: c.Closes},
		})
		if err != nil {
			return err
		}
		if len(list) == 0 {
			return fmt.Errorf("person %d: %w", c.Beneficiary, ErrNoBeneficiary)
		}
		c.ID, c.Agreement = list[0].Key, list[0].agreement
	}
	return nil
}

func (l *ledger) countAnswers(ctx context.Context, q *sqldb.Queries) error {
	if len(l.surveys) == 0 {
		return nil
	}
	p := sqldb.CountAnswersParams{SchemeID: l.scheme}
	for s, given := range l.surveys {
		p.Surveys = append(p.Surveys, s.survey)
		p.Months = append(p.Months, pgtype.Date{Time: time.Unix(s.month, 0).UTC(), Valid: true})
		p.Questions = append(p.Questions, s.question)
		p.Answers = append(p.Answers, s.answer)
		p.Given = append(p.Given, given)
	}
	return q.CountAnswers(ctx, p)
}

// askNoMore calls off what would ask again whoever has answered while her first call was under way: no further try of it, and no
// further one. The calls that she has agreed to were booked with her answer.
func (l *ledger) askNoMore(ctx context.Context, q *sqldb.Queries) error {
	for _, occ := range l.firsts {
		state, err := q.ConsentOf(ctx, sqldb.ConsentOfParams{SchemeID: l.scheme, BeneficiaryID: occ.beneficiary})
		if err != nil {
			return fmt.Errorf("read consent: %w", err)
		}
		if state == "" || roster.ConsentState(state) == roster.ConsentProposed {
			continue
		}
		for _, b := range l.bookings {
			if b.next.Kind == call.KindFirst && b.next.Beneficiary == occ.beneficiary {
				b.find = true
			}
		}
		if occ.state == call.OccurrenceOpen {
			occ.state, occ.ended = call.OccurrenceCancelled, l.at
			l.noteOccurrence(occ, string(occ.state), l.at, settledData{Attempts: occ.attempts, Deferred: occ.deferred, Rang: occ.rang})
		}
	}
	return nil
}
