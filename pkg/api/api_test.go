package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/rappel-tel/rappel/pkg/api"
	"github.com/rappel-tel/rappel/pkg/auth"
	"github.com/rappel-tel/rappel/pkg/auth/authtest"
	"github.com/rappel-tel/rappel/pkg/report"
	"github.com/rappel-tel/rappel/pkg/roster"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	ours   = "0198a2f0-0000-7000-8000-000000000001"
	theirs = "0198a2f0-0000-7000-8000-000000000002"
)

// schemes knows ours and theirs.
type schemes struct{ err error }

func (s *schemes) Scheme(_ context.Context, id string) (report.Scheme, error) {
	switch id {
	case ours:
		return report.Scheme{Key: 1, ID: ours, Name: "Gardons le contact", Zone: "Europe/Brussels", Language: roster.French}, s.err
	case theirs:
		return report.Scheme{Key: 2, ID: theirs, Name: "Ailleurs", Zone: "Europe/Paris", Language: roster.French}, s.err
	}
	return report.Scheme{}, report.ErrNoScheme
}

type house struct {
	t       *testing.T
	schemes *schemes
	store   *authtest.Store
	door    *auth.Door
	server  *httptest.Server
	token   string
	schema  map[string]any
}

func newHouse(t *testing.T) *house {
	h := &house{t: t, schemes: &schemes{}, store: authtest.New(1, ours)}
	h.door = auth.NewDoor(h.store)
	a, err := api.New(api.Options{Schemes: h.schemes, Door: h.door})
	require.NoError(t, err)
	h.server = httptest.NewServer(a.Handler())
	t.Cleanup(func() { h.server.Close(); h.server.Client().CloseIdleConnections() })
	h.token, err = h.door.NewToken(t.Context(), 1, "a wallboard", time.Now())
	require.NoError(t, err)
	return h
}

// ask sends a request; change may alter it.
func (h *house) ask(path string, change ...func(*http.Request)) *http.Response {
	r, err := http.NewRequestWithContext(h.t.Context(), http.MethodGet, h.server.URL+path, http.NoBody)
	require.NoError(h.t, err)
	r.Header.Set("Authorization", "Bearer "+h.token)
	for _, c := range change {
		c(r)
	}
	res, err := h.server.Client().Do(r)
	require.NoError(h.t, err)
	h.t.Cleanup(func() { res.Body.Close() })
	return res
}

// valid reads an answer and holds it against a schema of the document.
func (h *house) valid(res *http.Response, schema string) map[string]any {
	body, err := io.ReadAll(res.Body)
	require.NoError(h.t, err)
	if h.schema == nil {
		served, err := io.ReadAll(h.ask("/api/v1/openapi.json").Body)
		require.NoError(h.t, err)
		require.NoError(h.t, json.Unmarshal(served, &h.schema))
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	require.NoError(h.t, compiler.AddResource("openapi.json", h.schema))
	compiled, err := compiler.Compile("openapi.json#/components/schemas/" + schema)
	require.NoError(h.t, err)
	got, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	require.NoError(h.t, err, "%s", body)
	require.NoError(h.t, compiled.Validate(got), "%s", body)
	var answer map[string]any
	require.NoError(h.t, json.Unmarshal(body, &answer))
	properties := h.schema["components"].(map[string]any)["schemas"].(map[string]any)[schema].(map[string]any)["properties"].(map[string]any)
	for field := range answer {
		require.Contains(h.t, properties, field, "%s is not in the document", field)
	}
	return answer
}

func TestAScheme(t *testing.T) {
	h := newHouse(t)
	res := h.ask("/api/v1/schemes/" + ours)
	require.Equal(t, 200, res.StatusCode)
	require.Equal(t, "application/json", res.Header.Get("Content-Type"))
	require.Equal(t, "no-store", res.Header.Get("Cache-Control"))
	require.Equal(t, "Gardons le contact", h.valid(res, "Scheme")["name"])
}

func TestWhoMayRead(t *testing.T) {
	h := newHouse(t)
	cookie := func(role roster.Role) func(*http.Request) {
		account, err := h.store.EnsureAccount(t.Context(), "", "Anne "+string(role), role, time.Now())
		require.NoError(t, err)
		link, err := h.door.Link(t.Context(), account, time.Now())
		require.NoError(t, err)
		session, _, err := h.door.SignIn(t.Context(), link, time.Now())
		require.NoError(t, err)
		return func(r *http.Request) {
			r.Header.Del("Authorization")
			r.AddCookie(&http.Cookie{Name: auth.CookieName(false), Value: session})
		}
	}
	header := func(text string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Authorization", text) }
	}
	revoked, err := h.door.NewToken(t.Context(), 1, "revoked", time.Now())
	require.NoError(t, err)
	h.store.Revoke("revoked", time.Now())
	_, err = h.door.NewToken(t.Context(), 1, "a wallboard", time.Now())
	require.ErrorIs(t, err, auth.ErrTokenName)
	foreign, err := h.door.NewToken(t.Context(), 2, "elsewhere", time.Now())
	require.NoError(t, err)

	method := func(m string) func(*http.Request) { return func(r *http.Request) { r.Method = m } }
	for name, c := range map[string]struct {
		path   string
		change func(*http.Request)
		status int
		kind   string
	}{
		"nobody":                    {"/schemes/" + ours, func(r *http.Request) { r.Header.Del("Authorization") }, 401, "unauthorized"},
		"a password":                {"/schemes/" + ours, header("Basic eDp5"), 401, "unauthorized"},
		"no token":                  {"/schemes/" + ours, header("Bearer"), 401, "unauthorized"},
		"a guess":                   {"/schemes/" + ours, header("Bearer rappel_" + strings.Repeat("A", 43)), 401, "unauthorized"},
		"a token without its mark":  {"/schemes/" + ours, header("Bearer " + strings.TrimPrefix(h.token, "rappel_")), 401, "unauthorized"},
		"a revoked token":           {"/schemes/" + ours, header("Bearer " + revoked), 401, "unauthorized"},
		"another scheme's token":    {"/schemes/" + ours, header("Bearer " + foreign), 404, "no-scheme"},
		"a scheme that is not ours": {"/schemes/" + theirs, header("bearer " + h.token), 404, "no-scheme"},
		"a scheme that is none":     {"/schemes/x", header("Bearer " + h.token), 404, "no-scheme"},
		"a caller":                  {"/schemes/" + ours, cookie(roster.RoleCaller), 403, "forbidden"},
		"a caller elsewhere":        {"/schemes/" + theirs, cookie(roster.RoleCaller), 404, "no-scheme"},
		"a path that is none":       {"/nothing", header("Bearer " + h.token), 404, "not-found"},
		"a change":                  {"/schemes/" + ours, method(http.MethodDelete), 405, "read-only"},
	} {
		res := h.ask("/api/v1"+c.path, c.change)
		require.Equal(t, c.status, res.StatusCode, name)
		require.Equal(t, "application/problem+json", res.Header.Get("Content-Type"), name)
		p := h.valid(res, "Problem")
		require.Equal(t, "urn:rappel:problem:"+c.kind, p["type"], name)
		require.InDelta(t, c.status, p["status"], 0, name)
		require.Equal(t, c.status == 401, res.Header.Get("WWW-Authenticate") != "", name)
	}
	require.Equal(t, 200, h.ask("/api/v1/schemes/"+ours, cookie(roster.RoleCoordinator)).StatusCode)
	require.Equal(t, 200, h.ask("/api/v1/schemes/"+ours, method(http.MethodHead)).StatusCode)

	h.schemes.err = errors.New("the database is away")
	res := h.ask("/api/v1/schemes/" + ours)
	require.Equal(t, 503, res.StatusCode)
	require.Equal(t, "5", res.Header.Get("Retry-After"))
	require.NotContains(t, h.valid(res, "Problem")["detail"], "database", "errors of the inside stay inside")
}
