package callflow

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/faq"
	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// Questions is what lines answer, and how often. Package postgres implements it.
type Questions interface {
	// Questions returns what a scheme's line answers on a local date, the most asked first, and the language in which
	// everything is there.
	Questions(ctx context.Context, scheme int64, today time.Time) (faq.Tree, roster.Language, error)
	// CountQuestion counts that a question was asked on a local date, and keeps nothing of who asked.
	CountQuestion(ctx context.Context, scheme int64, question string, day time.Time) error
}

// answers is what a line answers.
type answers struct {
	tree  faq.Tree
	first roster.Language
}

// answersMemory remembers what each scheme answers, so that lines answer while the records are away.
type answersMemory struct {
	mu    sync.Mutex
	known map[int64]answers
}

func (m *answersMemory) put(scheme int64, a answers) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known == nil {
		m.known = map[int64]answers{}
	}
	m.known[scheme] = a
}

func (m *answersMemory) get(scheme int64) (answers, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	a, ok := m.known[scheme]
	return a, ok
}

// today is the line's local date.
func (r *reception) today() time.Time { return r.c.o.Now().In(r.line.zone()) }

// topics looks up what the line answers today. While the records are away it is what was answered last, or what ships: general
// advice is better than none.
func (r *reception) topics(ctx context.Context, s *session) (string, ivr.Vars) {
	now := r.today()
	if err := r.readAnswers(ctx, now); err != nil {
		r.c.o.Logger.Warn("look up questions failed, answering from memory", zap.String("call", r.l.key), zap.Error(err))
		var known bool
		if r.answers, known = r.c.answers.get(r.line.Scheme); !known {
			r.answers.first = r.line.language()
			if r.answers.tree, err = faq.Shipped(r.line.Region); err != nil {
				r.c.logCommand("read the questions that ship", r.l.key, err)
				return ivr.AnswerFailed, nil
			}
		}
		r.answers.tree = r.answers.tree.On(faq.DateOf(now), nil)
	}
	list := r.answers.tree.TopicsFor(r.asker(s))
	if len(list) == 0 {
		return "none", nil
	}
	return "some", ivr.Vars{"topics": list}
}

func (r *reception) readAnswers(ctx context.Context, now time.Time) error {
	if r.c.o.Questions == nil || r.line.Scheme == 0 {
		return ErrNothing
	}
	ctx, cancel := context.WithTimeout(ctx, r.c.o.Patience)
	defer cancel()
	tree, first, err := r.c.o.Questions.Questions(ctx, r.line.Scheme, now)
	if err != nil {
		return err
	}
	r.answers = answers{tree, first}
	r.c.answers.put(r.line.Scheme, r.answers)
	return nil
}

func (r *reception) asker(s *session) faq.Asker {
	return faq.Asker{Language: s.walker.Language(), First: r.answers.first}
}

// questionsOn lists the questions on the topic chosen.
func (r *reception) questionsOn(s *session) (string, ivr.Vars) {
	list := r.answers.tree.QuestionsFor(s.walker.Text("topic"), r.asker(s))
	if len(list) == 0 {
		return "none", nil
	}
	return "some", ivr.Vars{"questions": list}
}

// answerTo gives the answer to the question chosen, and counts it. Midnight may have passed since it was offered.
func (r *reception) answerTo(ctx context.Context, s *session) (string, ivr.Vars) {
	now := r.today()
	_, q := r.answers.tree.Question(s.walker.Text("question"))
	if q == nil || !q.Holds(faq.DateOf(now)) {
		return "gone", nil
	}
	r.count(ctx, q.Name, now)
	parts, foreign := q.PartsFor(r.asker(s))
	vars := ivr.Vars{"parts": parts, "transfer": "", "service": q.Service(r.asker(s))}
	if vars["service"] != "" {
		vars["transfer"] = r.transferable(ctx, q)
	}
	if foreign {
		return "foreign", vars
	}
	return "said", vars
}

// count counts a question. A figure that is lost keeps nobody from an answer.
func (r *reception) count(ctx context.Context, question string, now time.Time) {
	if r.c.o.Questions == nil || r.line.Scheme == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, r.c.o.Patience)
	defer cancel()
	if err := r.c.o.Questions.CountQuestion(ctx, r.line.Scheme, question, now); err != nil {
		r.c.o.Logger.Warn("a question is not counted", zap.String("call", r.l.key), zap.Error(err))
	}
}

// transferable is the number of the service that the answer names, when the scheme may ring it; "" otherwise.
func (r *reception) transferable(ctx context.Context, q *faq.Question) string {
	number, err := faq.TransferNumber(q.Transfer, r.line.Region)
	if err != nil || r.c.o.Callers.MayRing(ctx, r.line.Scheme, number) != nil {
		return ""
	}
	return number
}
