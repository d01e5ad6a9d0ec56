package api_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/auth"
	"github.com/rappel-tel/rappel/pkg/faq"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// leaflet is a scheme's questions, as the records keep them.
type leaflet struct{ answers faq.Answers }

func (l *leaflet) Answers(context.Context, int64) (faq.Answers, error) {
	var err error
	if l.answers.Country == "" {
		err = l.ResetQuestions(context.Background(), 0, time.Time{})
	}
	return l.answers, err
}

func (l *leaflet) EditQuestions(ctx context.Context, _ int64, edit func(*faq.Tree) error, now time.Time) ([]faq.Problem, error) {
	a, err := l.Answers(ctx, 0)
	if err != nil {
		return nil, err
	}
	tree := a.Clone()
	if err := edit(&tree); err != nil {
		return nil, err
	}
	found := tree.Check(a.Terms(now))
	if err := faq.Mistakes(found, faq.Problem.String); err != nil {
		return nil, err
	}
	l.answers.Tree, l.answers.Own = tree, true
	return found, nil
}

func (l *leaflet) ResetQuestions(context.Context, int64, time.Time) error {
	tree, err := faq.Shipped("BE")
	l.answers = faq.Answers{Tree: tree, Country: "BE", First: roster.French}
	return err
}

func (l *leaflet) QuestionDays(_ context.Context, _ int64, first, last time.Time) ([]faq.Asked, error) {
	return []faq.Asked{{Day: faq.DateOf(first), Question: "heat", Asked: 3}, {Day: faq.DateOf(last), Question: "heat", Asked: 1}}, nil
}

// TestQuestions: a program reads what the line answers, changes one question or all, is told every mistake, and has what ships
// back.
func TestQuestions(t *testing.T) {
	h := newHouse(t)
	writing, err := h.door.NewToken(t.Context(), auth.Token{Scheme: 1, Name: "the town's site", Scope: auth.ScopeWrite}, time.Now())
	require.NoError(t, err)
	write := bearer(writing)
	path := "/api/v1/schemes/" + ours + "/questions"
	read := func() (body struct {
		Own    bool        `json:"own"`
		Topics []faq.Topic `json:"topics"`
	}) {
		res := h.ask(path)
		require.Equal(t, 200, res.status)
		h.valid(res.body, "Questions")
		require.NoError(t, json.Unmarshal(res.body, &body))
		return body
	}
	require.False(t, read().Own)
	question := `{"topic":"health","place":1,"name":"x","title":{"fr":"Où trouver un masque"},"answer":{"fr":"À la mairie."}}`
	res := h.ask(path+"/masks", send("PUT", question, write))
	require.Equal(t, 200, res.status, "%s", res.body)
	require.Contains(t, h.valid(res.body, "Hints")["hints"], "masks says no source (may stay so)")
	tree := faq.Tree{Topics: read().Topics}
	require.Equal(t, "masks", tree.Topic("health").Questions[0].Name)
	require.Len(t, tree.Topic("health").Questions, 6)
	// Sent again it is the same; elsewhere it moves.
	require.Equal(t, 200, h.ask(path+"/masks", send("PUT", question, write)).status)
	require.Len(t, tree.Topic("health").Questions, 6)
	require.Equal(t, 200, h.ask(path+"/masks", send("PUT", `{"topic":"daily","title":{"fr":"A"},"answer":{"fr":"B."}}`, write)).status)
	tree = faq.Tree{Topics: read().Topics}
	topic, q := tree.Question("masks")
	require.Equal(t, "daily", topic.Name)
	require.Equal(t, "masks", topic.Questions[len(topic.Questions)-1].Name)
	require.Equal(t, "B.", q.Answer[roster.French])
	require.Len(t, tree.Topic("health").Questions, 5)

	for name, c := range map[string]struct {
		path, method, body string
		status             int
		kind, detail       string
	}{
		"a mistake":        {path + "/masks", "PUT", `{"topic":"daily","title":{"fr":"A"},"answer":{"fr":"0123456789"}}`, 422, "questions", "cannot be spoken"},
		"no such topic":    {path + "/masks", "PUT", `{"topic":"x","title":{"fr":"A"},"answer":{"fr":"B"}}`, 400, "body", "no topic"},
		"an unknown field": {path + "/masks", "PUT", `{"topc":"x"}`, 400, "body", "topc"},
		"no such question": {path + "/nothing", "DELETE", "", 404, "no-question", ""},
		"a wrong tree":     {path, "PUT", `{"topics":[{"name":"A B","title":{"fr":"A"},"questions":[]}]}`, 422, "questions", "small letters"},
		"no tree at all":   {path, "PUT", `{}`, 400, "body", "topics is missing"},
		"too many days":    {path + "/asked?days=99999", "GET", "", 400, "query", "3660"},
	} {
		res := h.ask(c.path, send(c.method, c.body, write))
		require.Equal(t, c.status, res.status, "%s: %s", name, res.body)
		p := h.valid(res.body, "Problem")
		require.Equal(t, "urn:rappel:problem:"+c.kind, p["type"], name)
		require.Contains(t, p["detail"], c.detail, name)
	}
	require.Equal(t, 403, h.ask(path+"/masks", send("DELETE", "")).status, "a token that reads")
	require.Equal(t, 204, h.ask(path+"/masks", send("DELETE", "", write)).status)
	whole, err := json.Marshal(map[string]any{"topics": read().Topics})
	require.NoError(t, err)
	require.Equal(t, 200, h.ask(path, send("PUT", string(whole), write)).status)
	require.Equal(t, 204, h.ask(path, send("DELETE", "", write)).status)
	require.False(t, read().Own)
	res = h.ask(path + "/asked?days=7")
	require.Equal(t, 200, res.status)
	require.Len(t, h.valid(res.body, "Asked")["asked"], 2)
}
