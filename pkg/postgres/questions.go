package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rappel-tel/rappel/pkg/faq"
	"github.com/rappel-tel/rappel/pkg/postgres/internal/sqldb"
	"github.com/rappel-tel/rappel/pkg/report"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// askedFor is over how many days it counts what was asked most. Today does not count: the order stands for a whole day.
const askedFor = 28

// Answers returns everything that a scheme's line answers, also what does not hold today.
func (s *Store) Answers(ctx context.Context, scheme int64) (faq.Answers, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	return readAnswers(ctx, s.query, scheme)
}

func readAnswers(ctx context.Context, q *sqldb.Queries, scheme int64) (faq.Answers, error) {
	row, err := q.ReadQuestionTree(ctx, scheme)
	if errors.Is(err, pgx.ErrNoRows) {
		return faq.Answers{}, report.ErrNoScheme
	} else if err != nil {
		return faq.Answers{}, fmt.Errorf("read questions: %w", storeError(err))
	}
	a := faq.Answers{Country: row.Country, First: roster.Language(row.Language)}
	if row.Tree == nil {
		a.Tree, err = faq.Shipped(a.Country)
		return a, err
	}
	a.Own = true
	if err := json.Unmarshal(row.Tree, &a.Tree); err != nil {
		return faq.Answers{}, fmt.Errorf("read questions: %w", err)
	}
	return a, nil
}

// Questions returns what a scheme's line answers on a local date, the most asked of the last weeks first, and the scheme's
// first language.
func (s *Store) Questions(ctx context.Context, scheme int64, today time.Time) (faq.Tree, roster.Language, error) {
	a, err := s.Answers(ctx, scheme)
	if err != nil {
		return faq.Tree{}, "", err
	}
	asked, err := s.QuestionsAsked(ctx, scheme, today.AddDate(0, 0, -askedFor), today.AddDate(0, 0, -1))
	if err != nil {
		return faq.Tree{}, "", err
	}
	counts := make(map[string]int, len(asked))
	for _, q := range asked {
		counts[q.Question] = q.Asked
	}
	return a.On(faq.DateOf(today), counts), a.First, nil
}

// EditQuestions changes what a scheme's line answers: edit is given all of it, what ships while the scheme has nothing of its own.
// What results is kept as a whole, if nothing is wrong with it; otherwise the error wraps faq.ErrMistakes and nothing is
// changed. Calls under way go on with what they have. It returns what Check had to say besides.
func (s *Store) EditQuestions(
	ctx context.Context, scheme int64, edit func(*faq.Tree) error, now time.Time,
) (hints []faq.Problem, err error) {
	err = s.transact(ctx, scheme, func(q *sqldb.Queries, j *journal) error {
		a, err := readAnswers(ctx, q, scheme)
		if err != nil {
			return err
		}
		if err := edit(&a.Tree); err != nil {
			return err
		}
		a.Tree = a.In(a.Country)
		hints = a.Check(a.Terms(now))
		if err := faq.Mistakes(hints, faq.Problem.String); err != nil {
			return err
		}
		raw, err := json.Marshal(a.Tree)
		if err != nil {
			return fmt.Errorf("write questions: %w", err)
		}
		if err := q.WriteQuestionTree(ctx, sqldb.WriteQuestionTreeParams{
			SchemeID: scheme, Tree: raw, EditedAt: instant(now),
		}); err != nil {
			return fmt.Errorf("write questions: %w", err)
		}
		j.noteScheme("questions", now, questionsData{Questions: countQuestions(a.Tree)})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("change questions: %w", err)
	}
	return hints, nil
}

// ResetQuestions gives a scheme back what ships, also of later versions.
func (s *Store) ResetQuestions(ctx context.Context, scheme int64, now time.Time) error {
	err := s.transact(ctx, scheme, func(q *sqldb.Queries, j *journal) error {
		if err := q.DeleteQuestionTree(ctx, scheme); err != nil {
			return err
		}
		a, err := readAnswers(ctx, q, scheme)
		if err != nil {
			return err
		}
		j.noteScheme("questions", now, questionsData{Questions: countQuestions(a.Tree)})
		return nil
	})
	if err != nil {
		return fmt.Errorf("reset questions: %w", err)
	}
	return nil
}

func countQuestions(t faq.Tree) (n int) {
	for _, topic := range t.Topics {
		n += len(topic.Questions)
	}
	return n
}

// QuestionEdits says when each scheme changed what its line answers; the zero time stands for never.
func (s *Store) QuestionEdits(ctx context.Context) (map[int64]time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	rows, err := s.query.ReadQuestionEdits(ctx)
	if err != nil {
		return nil, fmt.Errorf("read changes of questions: %w", storeError(err))
	}
	edits := make(map[int64]time.Time, len(rows))
	for _, r := range rows {
		edits[r.SchemeID] = when(r.EditedAt)
	}
	return edits, nil
}

// CountQuestion counts that a question was asked on a local date. Of whoever asked nothing is kept.
func (s *Store) CountQuestion(ctx context.Context, scheme int64, question string, day time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	if err := s.query.CountQuestion(ctx, sqldb.CountQuestionParams{
		SchemeID: scheme, Question: question, Day: localDate(day),
	}); err != nil {
		return fmt.Errorf("count question: %w", storeError(err))
	}
	return nil
}

// QuestionsAsked sums up how often each question was asked from one local date to another, both included: the most asked first.
func (s *Store) QuestionsAsked(ctx context.Context, scheme int64, first, last time.Time) ([]faq.Asked, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	rows, err := s.query.ReadQuestionsAsked(ctx, sqldb.ReadQuestionsAskedParams{
		SchemeID: scheme, FirstDay: localDate(first), LastDay: localDate(last),
	})
	if err != nil {
		return nil, fmt.Errorf("read figures of questions: %w", storeError(err))
	}
	list := make([]faq.Asked, len(rows))
	for i, r := range rows {
		list[i] = faq.Asked{Question: r.Question, Asked: int(r.Asked)}
	}
	return list, nil
}

// QuestionDays is QuestionsAsked for each date, in their order.
func (s *Store) QuestionDays(ctx context.Context, scheme int64, first, last time.Time) ([]faq.Asked, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	rows, err := s.query.ReadQuestionDays(ctx, sqldb.ReadQuestionDaysParams{
		SchemeID: scheme, FirstDay: localDate(first), LastDay: localDate(last),
	})
	if err != nil {
		return nil, fmt.Errorf("read figures of questions: %w", storeError(err))
	}
	list := make([]faq.Asked, len(rows))
	for i, r := range rows {
		list[i] = faq.Asked{Day: faq.DateOf(dateOf(r.Day)), Question: r.Question, Asked: int(r.Asked)}
	}
	return list, nil
}
