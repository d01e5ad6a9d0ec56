package api_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/api"
	"github.com/rappel-tel/rappel/pkg/auth"
)

// shelf has one flow, whose first version was written and published.
type shelf struct {
	kept   api.FlowVersion
	sent   api.FlowPublication
	wanted api.FlowNumber
	err    error
}

func (s *shelf) SpokenFlows(context.Context, int64) ([]api.SpokenFlow, error) {
	return []api.SpokenFlow{
		{Name: "close"}, {Name: "close-last", Version: 1, Since: &nine, By: "Anne", Problems: api.FlowProblems{"close-last@1:6: a dead end"}},
	}, s.err
}

func (s *shelf) FlowText(_ context.Context, _ int64, name string, v api.FlowNumber) (api.FlowVersion, error) {
	if name != "close-last" {
		return api.FlowVersion{}, api.ErrNoFlow
	}
	s.wanted = v
	return api.FlowVersion{Name: name, Version: 1, At: &nine, By: "Anne", Text: "flow: close-last\n"}, s.err
}

func (s *shelf) CheckFlow(_ context.Context, _ int64, name, text string) error {
	if text == "" {
		return api.FlowProblems{name + ":1: it is empty", name + ":2: a dead end"}
	}
	return s.err
}

func (s *shelf) DraftFlow(ctx context.Context, _ int64, v api.FlowVersion, _ time.Time) (api.FlowVersion, error) {
	if v.Text == "[" {
		return api.FlowVersion{}, api.FlowProblems{v.Name + ":1: it is no flow"}
	}
	v.Version = 2
	s.kept = v
	return v, s.CheckFlow(ctx, 0, v.Name, v.Text)
}

func (s *shelf) PublishFlow(_ context.Context, _ int64, p api.FlowPublication, _ time.Time) (int, error) {
	s.sent = p
	return max(int(p.Version), 0), s.err
}

func (s *shelf) FlowHistory(context.Context, int64, string) ([]api.FlowChange, error) {
	return []api.FlowChange{{At: nine, What: "published", Version: 0, By: "Anne"}, {At: nine, What: "written", Version: 1, By: "Anne"}}, s.err
}

// TestFlows walks a flow from what the scheme speaks to what it shall speak, and back.
func TestFlows(t *testing.T) {
	h := newHouse(t)
	writing, err := h.door.NewToken(t.Context(), auth.Token{Scheme: 1, Name: "the town's site", Scope: auth.ScopeWrite}, time.Now())
	require.NoError(t, err)
	write := bearer(writing)
	path := "/api/v1/schemes/" + ours + "/flows"
	one := path + "/close-last"
	require.Equal(t, 403, h.ask(path).status, "it tells who published")
	require.Len(t, h.valid(h.ask(path, write).body, "Flows")["flows"], 2)
	require.Equal(t, "flow: close-last\n", h.valid(h.ask(one, write).body, "FlowVersion")["text"])
	for query, want := range map[string]api.FlowNumber{"": api.FlowSpoken, "?version=shipped": api.FlowShipped, "?version=7": 7} {
		require.Equal(t, 200, h.ask(one+query, write).status)
		require.Equal(t, want, h.shelf.wanted, query)
	}
	require.Len(t, h.valid(h.ask(one+"/history", write).body, "FlowHistory")["changes"], 2)

	res := h.ask(one+"/check", send("POST", `{"text":""}`, write))
	require.Equal(t, 200, res.status, "what is found is the answer")
	require.Equal(t, []any{"close-last:1: it is empty", "close-last:2: a dead end"}, h.valid(res.body, "FlowProblems")["problems"])
	require.Empty(t, h.valid(h.ask(one+"/check", send("POST", `{"text":"a"}`, write)).body, "FlowProblems")["problems"])
	res = h.ask(one, send("PUT", `{"text":""}`, write))
	require.Equal(t, 200, res.status, "a draft may have problems")
	require.Len(t, h.valid(res.body, "Draft")["problems"], 2)
	require.Equal(t, api.FlowVersion{Name: "close-last", Version: 2, By: "the town's site"}, h.shelf.kept)
	require.Empty(t, h.valid(h.ask(one, send("PUT", `{"text":"a","by":"Anne"}`, write)).body, "Draft")["problems"])

	for _, c := range []struct {
		way, body string
		want      api.FlowPublication
	}{
		{"publish", "", api.FlowPublication{Name: "close-last", Version: api.FlowNewest, By: "the town's site"}},
		{"publish", `{"version":3,"by":"Anne"}`, api.FlowPublication{Name: "close-last", Version: 3, By: "Anne"}},
		{"rollback", "", api.FlowPublication{Name: "close-last", Version: api.FlowBefore, By: "the town's site"}},
		{"rollback", `{"version":0}`, api.FlowPublication{Name: "close-last", Version: api.FlowShipped, By: "the town's site"}},
	} {
		res := h.ask(one+"/"+c.way, send("POST", c.body, write))
		require.Equal(t, 200, res.status, "%s", res.body)
		h.valid(res.body, "Published")
		require.Equal(t, c.want, h.shelf.sent)
	}

	flawed := api.FlowProblems{"close-last@2:6: a dead end", "close-last@2:9: a loop"}
	for name, c := range map[string]struct {
		path, method, body string
		err                error
		status             int
		kind, detail       string
	}{
		"no such flow":       {path + "/x", "GET", "", nil, 404, "no-flow", ""},
		"no name":            {path + "/%00", "GET", "", nil, 404, "not-found", ""},
		"a version below":    {one + "?version=0", "GET", "", nil, 400, "query", "shipped"},
		"another query":      {one + "?vers=1", "GET", "", nil, 400, "query", "vers"},
		"another number":     {one + "/publish", "POST", `{"version":-2}`, nil, 400, "body", "ships"},
		"a zero character":   {one, "PUT", `{"text":"\u0000"}`, nil, 400, "body", "U+0000"},
		"an unknown field":   {one, "PUT", `{"txt":""}`, nil, 400, "body", "txt"},
		"no flow at all":     {one, "PUT", `{"text":"["}`, nil, 422, "flow", "no flow"},
		"a flow with flaws":  {one + "/publish", "POST", "", flawed, 422, "flow", "a dead end"},
		"no such version":    {one + "/publish", "POST", `{"version":9}`, api.ErrNoFlow, 404, "no-flow", ""},
		"two at once":        {one + "/publish", "POST", "", api.ErrFlowsChanged, 409, "flows-changed", ""},
		"nothing to go back": {one + "/rollback", "POST", "", api.ErrNothingBefore, 409, "refused", "nothing is before"},
	} {
		h.shelf.err = c.err
		res := h.ask(c.path, send(c.method, c.body, write))
		require.Equal(t, c.status, res.status, "%s: %s", name, res.body)
		p := h.valid(res.body, "Problem")
		require.Equal(t, "urn:rappel:problem:"+c.kind, p["type"], name)
		require.Contains(t, p["detail"], c.detail, name)
		if c.err != nil && c.kind == "flow" {
			require.Equal(t, []any{flawed[0], flawed[1]}, p["problems"])
		}
	}
	require.Equal(t, 403, h.ask(one+"/publish", send("POST", "")).status, "a token that reads")
}
