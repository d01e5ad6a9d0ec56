package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/rappel-tel/rappel/pkg/faq"
	"github.com/rappel-tel/rappel/pkg/report"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// Questions is what lines answer. Package postgres implements it.
type Questions interface {
	// Answers returns everything that a scheme's line answers.
	Answers(ctx context.Context, scheme int64) (faq.Answers, error)
	// EditQuestions changes it: see postgres.Store. The error wraps faq.ErrMistakes when something would be wrong.
	EditQuestions(ctx context.Context, scheme int64, edit func(*faq.Tree) error, now time.Time) ([]faq.Problem, error)
	// ResetQuestions gives the scheme back what ships.
	ResetQuestions(ctx context.Context, scheme int64, now time.Time) error
	// QuestionDays says how often each question was asked on each local date.
	QuestionDays(ctx context.Context, scheme int64, first, last time.Time) ([]faq.Asked, error)
}

// mostDays is how far back figures of questions go.
const mostDays = 3660

// errNoQuestion means that nothing is called so.
var errNoQuestion = errors.New("no question has this name")

// answersBody is what a line answers.
type answersBody struct {
	Own    bool            `json:"own"` // False while it is what ships.
	First  roster.Language `json:"first_language"`
	Topics []faq.Topic     `json:"topics"`
}

// hintsBody is what may be better of questions that were taken over.
type hintsBody struct {
	Hints []string `json:"hints"`
}

// askedBody is how often a question was asked on a date.
type askedBody struct {
	Day      faq.Date `json:"day"`
	Question string   `json:"question"`
	Asked    int      `json:"asked"`
}

// placed is a question with its topic.
type placed struct {
	faq.Question
	Topic string `json:"topic"`
	Place int    `json:"place"` // From 1; 0 leaves a question where it is on its topic, and puts a new one last.
}

func local(now time.Time, s report.Scheme) time.Time {
	zone, err := time.LoadLocation(s.Zone)
	if err != nil {
		return now // A scheme with an unknown zone cannot be made.
	}
	return now.In(zone)
}

// shown answers with what names nobody, as JSON.
func (a *API) shown(answer func(ask) (any, error)) http.HandlerFunc {
	return a.inScheme(needFigures, func(w http.ResponseWriter, q ask) {
		body, err := answer(q)
		if err != nil {
			a.fail(w, q.Request, err)
			return
		}
		a.reply(w, body)
	})
}

func (a *API) questions(q ask) (any, error) {
	answers, err := a.opts.Questions.Answers(q.Context(), q.scheme.Key)
	if err != nil {
		return nil, err
	}
	return answersBody{Own: answers.Own, First: answers.First, Topics: answers.Topics}, nil
}

// questionsAsked answers with counts per date of the last days: the query's "days", 28 without it.
func (a *API) questionsAsked(q ask) (any, error) {
	days := 28
	if text := q.URL.Query().Get("days"); text != "" {
		var err error
		if days, err = strconv.Atoi(text); err != nil || days < 1 || days > mostDays {
			return nil, fmt.Errorf("%w: days is a number from 1 to %d", errQuery, mostDays)
		}
	}
	today := local(q.now, q.scheme)
	list, err := a.opts.Questions.QuestionDays(q.Context(), q.scheme.Key, today.AddDate(0, 0, 1-days), today)
	if err != nil {
		return nil, err
	}
	out := make([]askedBody, len(list))
	for i, asked := range list {
		out[i] = askedBody(asked)
	}
	return struct {
		Asked []askedBody `json:"asked"`
	}{out}, nil
}

// edit changes questions and answers with what may be better of the named one, or of all.
func (a *API) edit(q ask, name string, edit func(*faq.Tree) error) (any, error) {
	found, err := a.opts.Questions.EditQuestions(q.Context(), q.scheme.Key, edit, local(q.now, q.scheme))
	if err != nil {
		return nil, err
	}
	out := hintsBody{Hints: []string{}}
	for _, p := range found {
		if name == "" || p.Name == name {
			out.Hints = append(out.Hints, p.String())
		}
	}
	return out, nil
}

// putQuestions takes a whole tree over, in place of all there is.
func (a *API) putQuestions(q ask) (any, error) {
	var sent faq.Tree
	if err := q.read(&sent); err != nil {
		return nil, err
	}
	if sent.Topics == nil {
		return nil, fmt.Errorf("%w: topics is missing; [] takes all of them away", errBody)
	}
	return a.edit(q, "", func(tree *faq.Tree) error {
		*tree = sent
		return nil
	})
}

func (a *API) resetQuestions(q ask) (any, error) {
	return nil, a.opts.Questions.ResetQuestions(q.Context(), q.scheme.Key, q.now)
}

// putQuestion makes a question as it is sent, new or in place of the one of its name.
func (a *API) putQuestion(q ask) (any, error) {
	var sent placed
	if err := q.read(&sent); err != nil {
		return nil, err
	}
	sent.Name = q.PathValue("question")
	return a.edit(q, sent.Name, func(tree *faq.Tree) error {
		on := tree.Topic(sent.Topic)
		if on == nil {
			return fmt.Errorf("%w: there is no topic %q", errBody, sent.Topic)
		}
		at := len(on.Questions)
		if former, _ := tree.Question(sent.Name); former != nil {
			i := slices.IndexFunc(former.Questions, func(old faq.Question) bool { return old.Name == sent.Name })
			former.Questions = slices.Delete(slices.Clone(former.Questions), i, i+1)
			if at = i; former.Name != sent.Topic {
				at = len(on.Questions)
			}
		}
		if sent.Place > 0 {
			at = min(sent.Place-1, len(on.Questions))
		}
		on.Questions = slices.Insert(slices.Clone(on.Questions), at, sent.Question)
		return nil
	})
}

func (a *API) deleteQuestion(q ask) (any, error) {
	name := q.PathValue("question")
	_, err := a.edit(q, name, func(tree *faq.Tree) error {
		topic, _ := tree.Question(name)
		if topic == nil {
			return errNoQuestion
		}
		topic.Questions = slices.DeleteFunc(slices.Clone(topic.Questions), func(old faq.Question) bool { return old.Name == name })
		return nil
	})
	return nil, err
}
