package api_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/api"
	"github.com/rappel-tel/rappel/pkg/auth"
)

// loss is one call that was lost, and one fact; resumed is what was decided.
type loss struct {
	seen, resumed []string
	paused        bool
}

const fact = "0191f0c2-0000-7000-8000-000000000001"

func (l *loss) Lost(context.Context, int64) (api.Lost, error) {
	lost := api.Lost{Found: nine, From: 7, To: 9, Calls: []api.LostCall{{ID: attempt, Ref: "B017", Then: "reached", At: nine, State: "open"}}}
	if len(l.resumed) > 0 {
		lost = api.Lost{}
	}
	if len(l.seen) == 0 {
		lost.Facts = []api.RefusedFact{{ID: fact, At: nine, Kind: "ended", Attempt: attempt, What: "answered, 4m2s", Why: "the records know no such call"}}
	}
	return lost, nil
}

func (l *loss) CloseRefused(_ context.Context, _ int64, ids []string, _ time.Time) (int, error) {
	if slices.ContainsFunc(ids, func(id string) bool { return id != fact }) {
		return 0, api.ErrNoFact
	}
	l.seen = []string{fact}
	return 1, nil
}

func (l *loss) Pause(context.Context, int64, time.Time) error {
	l.paused = true
	return nil
}

func (l *loss) Resume(_ context.Context, _ int64, asLost bool, _ time.Time) (int, error) {
	l.resumed, l.paused = []string{map[bool]string{true: "as lost", false: "again"}[asLost]}, false
	return 1, nil
}

// TestWhatWasLost looks at it, closes it, and lets the scheme dial again.
func TestWhatWasLost(t *testing.T) {
	h := newHouse(t)
	writing, err := h.door.NewToken(t.Context(), auth.Token{Scheme: 1, Name: "an operator", Scope: auth.ScopeWrite}, time.Now())
	require.NoError(t, err)
	write := bearer(writing)
	path := "/api/v1/schemes/" + ours
	post := func(to, body string) answer { return h.ask(path+to, send("POST", body, write)) }
	told := h.valid(h.ask(path+"/lost", write).body, "Lost")
	require.Len(t, told["calls"], 1)
	require.Len(t, told["facts"], 1)
	require.Equal(t, 403, h.ask(path+"/lost").status, "it shows who somebody is")
	for body, status := range map[string]int{
		`{}`: 400, `{"all": true, "facts": ["` + fact + `"]}`: 400, `{"facts": ["` + attempt + `"]}`: 404, `{"facts": "all"}`: 400,
	} {
		require.Equal(t, status, post("/lost/close", body).status, body)
	}
	require.JSONEq(t, `{"closed": 1}`, string(post("/lost/close", `{"facts": ["`+fact+`"]}`).body))
	require.Empty(t, h.valid(h.ask(path+"/lost", write).body, "Lost")["facts"])
	require.Equal(t, 204, post("/pause", `{}`).status)
	require.True(t, h.loss.paused)
	require.Equal(t, 409, post("/resume", `{}`).status, "nobody has decided")
	require.Equal(t, 400, post("/resume", `{"lost": "never"}`).status)
	require.JSONEq(t, `{"closed": 1}`, string(post("/resume", `{"lost": "as_lost"}`).body))
	require.Equal(t, []string{"as lost"}, h.loss.resumed)
	require.NotContains(t, h.valid(h.ask(path+"/lost", write).body, "Lost"), "found")
	require.Equal(t, 200, post("/resume", `{}`).status)
}
