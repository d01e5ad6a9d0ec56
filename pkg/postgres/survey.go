package postgres

import (
	"context"
	"fmt"
	"time"
)

// SurveyAnswer is how often an answer was given in a month. Nothing is known of who gave it.
type SurveyAnswer struct {
	Survey   string
	Month    time.Time // Its first day.
	Question string
	Answer   string
	Given    int
	Of       int     // How many answers its question had in that month.
	Share    float64 // Of the answers to its question in that month, 0 to 1.
}

// SurveyAnswers lists what was answered in surveys, by survey, month and question.
func (s *Store) SurveyAnswers(ctx context.Context, scheme int64) ([]SurveyAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	rows, err := s.query.ReadAnswers(ctx, scheme)
	if err != nil {
		return nil, fmt.Errorf("read answers: %w", storeError(err))
	}
	type question struct {
		survey, question string
		month            time.Time
	}
	totals := map[question]int64{}
	for _, r := range rows {
		totals[question{r.Survey, r.Question, dateOf(r.Month)}] += r.Given
	}
	list := make([]SurveyAnswer, len(rows))
	for i, r := range rows {
		month := dateOf(r.Month)
		of := totals[question{r.Survey, r.Question, month}]
		list[i] = SurveyAnswer{
			Survey: r.Survey, Month: month, Question: r.Question, Answer: r.Answer, Given: int(r.Given),
			Of: int(of), Share: float64(r.Given) / float64(of),
		}
	}
	return list, nil
}
