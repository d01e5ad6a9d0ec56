package api_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/auth"
	"github.com/rappel-tel/rappel/pkg/callflow"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// inbox holds one message.
type inbox struct{ handled int }

func (i *inbox) HandleMessage(_ context.Context, scheme int64, id string, _ int64, _ time.Time) error {
	if scheme != 1 || id != attempt {
		return callflow.ErrNothing
	}
	i.handled++
	return nil
}

// send makes a request that sends a body.
func send(method, body string, change ...func(*http.Request)) func(*http.Request) {
	return func(r *http.Request) {
		r.Method, r.Body = method, io.NopCloser(strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		for _, c := range change {
			c(r)
		}
	}
}

func bearer(token string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
}

// TestWhoMayChange holds every way of asking for a change against what comes of it, and against what is kept of it.
func TestWhoMayChange(t *testing.T) {
	h := newHouse(t)
	writing, err := h.door.NewToken(t.Context(), auth.Token{Scheme: 1, Name: "the desk", Scope: auth.ScopeWrite}, time.Now())
	require.NoError(t, err)
	cookie := func(r *http.Request) {
		r.Header.Del("Authorization")
		r.AddCookie(&http.Cookie{Name: auth.CookieName(false), Value: h.signIn(roster.RoleCoordinator)})
	}
	write := bearer(writing)
	path := "/schemes/" + ours + "/inbox/" + attempt + "/resolve"
	for name, c := range map[string]struct {
		path   string
		change func(*http.Request)
		status int
		kind   string
		detail string
		kept   bool
	}{
		"a token that writes":     {path, send("POST", "", write), 204, "", "", true},
		"an empty object":         {path, send("POST", "{}", write), 204, "", "", true},
		"a token that reads":      {path, send("POST", "{}"), 403, "scope", "rappel user token new NAME --write", false},
		"a coordinator's browser": {path, send("POST", "{}", cookie), 403, "session", "rappel user token new NAME --write", false},
		"another scheme":          {strings.Replace(path, ours, theirs, 1), send("POST", "{}", write), 404, "no-scheme", "", false},
		"an unknown field":        {path, send("POST", `{"persn": "B017"}`, write), 400, "body", `"persn"`, true},
		"no object":               {path, send("POST", `[]`, write), 400, "body", "", true},
		"two objects":             {path, send("POST", `{} {}`, write), 400, "body", "follows", true},
		"half an object":          {path, send("POST", `{`, write), 400, "body", "", true},
		"a long body":             {path, send("POST", `{"a":"`+strings.Repeat("x", 1<<17)+`"}`, write), 413, "too-long", "65536", true},
		"a form":                  {path, send("POST", "a=b", write, func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }), 415, "media", "application/json", true},
		"what is not there":       {"/schemes/" + ours + "/inbox/" + anne + "/resolve", send("POST", "", write), 404, "no-item", "", true},
		"what is no id":           {"/schemes/" + ours + "/inbox/x/resolve", send("POST", "", write), 404, "no-item", "", true},
		"a method that is none":   {path, send("DELETE", "", write), 405, "method", "", false},
	} {
		before := len(h.store.Acts())
		res := h.ask("/api/v1"+c.path, c.change)
		require.Equal(t, c.status, res.status, "%s: %s", name, res.body)
		if c.kind != "" {
			p := h.valid(res.body, "Problem")
			require.Equal(t, "urn:rappel:problem:"+c.kind, p["type"], name)
			require.Contains(t, p["detail"], c.detail, name)
		}
		acts := h.store.Acts()[before:]
		if !c.kept {
			require.Empty(t, acts, name)
			continue
		}
		require.Len(t, acts, 1, name)
		require.Equal(t, c.status, acts[0].Status, name)
		require.Equal(t, "POST "+strings.TrimPrefix(c.path, "/schemes/"+ours+"/"), acts[0].What, name)
	}
	require.Equal(t, 2, h.inbox.handled)
	res := h.ask("/api/v1"+path, send("DELETE", "", write))
	require.Equal(t, "POST", res.header.Get("Allow"))

	// What cannot be answered for is not done.
	h.store.RefuseActs(errors.New("the database is away"))
	require.Equal(t, 503, h.ask("/api/v1"+path, send("POST", "", write)).status)
	require.Equal(t, 2, h.inbox.handled)
}

// signIn opens a session and returns its cookie's value.
func (h *house) signIn(role roster.Role) string {
	account, err := h.store.EnsureAccount(h.t.Context(), "", "Anne "+string(role), role, time.Now())
	require.NoError(h.t, err)
	link, err := h.door.Link(h.t.Context(), account, time.Now())
	require.NoError(h.t, err)
	session, _, err := h.door.SignIn(h.t.Context(), link, time.Now())
	require.NoError(h.t, err)
	return session
}
