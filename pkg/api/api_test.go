package api_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/rappel-tel/rappel/pkg/api"
	"github.com/rappel-tel/rappel/pkg/auth"
	"github.com/rappel-tel/rappel/pkg/auth/authtest"
	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/report"
	"github.com/rappel-tel/rappel/pkg/roster"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	ours   = "0198a2f0-0000-7000-8000-000000000001"
	theirs = "0198a2f0-0000-7000-8000-000000000002"
)

// records knows two schemes, and commits events to the first.
type records struct {
	mu     sync.Mutex
	err    error
	events []call.Event
}

func (s *records) Scheme(_ context.Context, id string) (report.Scheme, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch id {
	case ours:
		return report.Scheme{Key: 1, ID: ours, Name: "Gardons le contact", Zone: "Europe/Brussels", Language: roster.French}, s.err
	case theirs:
		return report.Scheme{Key: 2, ID: theirs, Name: "Ailleurs", Zone: "Europe/Paris", Language: roster.French}, s.err
	}
	return report.Scheme{}, report.ErrNoScheme
}

const (
	anne    = "0198a2f0-0000-7000-8000-00000000000a"
	promise = "0198a2f0-0000-7000-8000-00000000000b"
	attempt = "0198a2f0-0000-7000-8000-00000000000c"
)

var nine = time.Date(2026, 3, 2, 9, 42, 7, 0, time.UTC)

func (s *records) Roll(context.Context, int64, time.Time) (report.Roll, error) {
	return report.Roll{}, errors.New("nobody asks for names here")
}

func (s *records) Record(_ context.Context, _ int64, now time.Time) (report.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return report.Record{
		At: now, Zone: time.UTC, Number: 7, Messages: 2, Ended: map[call.OccurrenceState]int{call.OccurrenceReached: 4},
		Promises: []report.Promise{{
			ID: promise, Kind: call.KindScheduled, State: call.OccurrenceOpen, LocalDate: nine.Truncate(24 * time.Hour),
			Opens: nine.Add(-time.Hour), Closes: nine.Add(time.Hour), Length: 20 * time.Minute,
		}},
		Callers: []report.Working{{ID: anne, Enabled: true, State: call.CallerReady, Since: nine.Add(-time.Minute)}},
		Queue:   report.Queue{Offered: 3, Answered: 2, AnsweredInTime: 1, Ended: 1, Wait: 50 * time.Second, Talk: time.Minute},
		Parties: []report.Party{{ID: attempt, Queued: nine.Add(-30 * time.Second)}},
	}, s.err
}

func (s *records) LastEvent(context.Context, int64) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return 7 + int64(len(s.events)), s.err
}

func (s *records) Events(_ context.Context, _, first, last int64) ([]call.Event, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.events[first-8 : last-7]), s.err
}

// commit adds an event.
func (s *records) commit(entity, id, kind, data string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := call.Event{
		Entity: entity, EntityID: id, Kind: kind, Number: 8 + int64(len(s.events)), At: nine, Data: json.RawMessage(data),
	}
	s.events = append(s.events, e)
}

func (s *records) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

// Subscribe implements report.Bus: nothing comes over it.
func (s *records) Subscribe(string, func(call.Event)) (func(), error) { return func() {}, nil }

// SubscribeWaiting implements report.Bus: one thing is said.
func (s *records) SubscribeWaiting(_ string, fn func(dispatch.Waiting)) (func(), error) {
	fn(dispatch.Waiting{NoCaller: 1})
	return func() {}, nil
}

type house struct {
	t        *testing.T
	records  *records
	store    *authtest.Store
	door     *auth.Door
	server   *httptest.Server
	inbox    *desk
	agenda   agenda
	town     town
	leaflet  leaflet
	outreach outreach
	shelf    shelf
	line     line
	network  network
	loss     loss
	prompts  cassettes
	gate     gate
	wave     wave
	token    string
	schema   map[string]any
}

func newHouse(t *testing.T) *house {
	h := &house{t: t, records: &records{}, store: authtest.New(1, ours), inbox: newDesk()}
	h.door = auth.NewDoor(h.store)
	feeds, err := report.NewFeeds(report.Options{Records: h.records, Bus: h.records, Now: func() time.Time { return nine }})
	require.NoError(t, err)
	a, err := api.New(api.Options{Schemes: h.records, Live: feeds, Days: days{}, Inbox: h.inbox, Recordings: newTapes(), Agenda: &h.agenda, People: &h.town, Questions: &h.leaflet, Outreach: &h.outreach, Flows: &h.shelf, Lines: &h.line, Trunks: &h.network, Recovery: &h.loss, Prompts: &h.prompts,
		Consents: &h.gate, Surges: &h.wave, Refusals: &h.gate, Door: h.door, Script: func(roster.Language) string { return "Êtes-vous d'accord ?" },
	})
	require.NoError(t, err)
	h.server = httptest.NewServer(a.Handler())
	t.Cleanup(func() { a.Close(); h.server.Close(); feeds.Close(); h.server.Client().CloseIdleConnections() })
	h.token, err = h.door.NewToken(t.Context(), auth.Token{Scheme: 1, Name: "a wallboard"}, time.Now())
	require.NoError(t, err)
	return h
}

// answer is a response that was read to its end.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (h *house) request(path string, change ...func(*http.Request)) *http.Request {
	r, err := http.NewRequestWithContext(h.t.Context(), http.MethodGet, h.server.URL+path, http.NoBody)
	require.NoError(h.t, err)
	r.Header.Set("Authorization", "Bearer "+h.token)
	for _, c := range change {
		c(r)
	}
	return r
}

// ask sends a request; change may alter it.
func (h *house) ask(path string, change ...func(*http.Request)) answer {
	res, err := h.server.Client().Do(h.request(path, change...))
	require.NoError(h.t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(h.t, err)
	return answer{res.StatusCode, res.Header, body}
}

// valid holds a body against a schema of the document, which has to name every field, and returns it.
func (h *house) valid(body []byte, schema string) map[string]any {
	if h.schema == nil {
		require.NoError(h.t, json.Unmarshal(h.ask("/api/v1/openapi.json").body, &h.schema))
		closed(h.schema["components"].(map[string]any)["schemas"])
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	require.NoError(h.t, compiler.AddResource("openapi.json", h.schema))
	compiled, err := compiler.Compile("openapi.json#/components/schemas/" + schema)
	require.NoError(h.t, err)
	got, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	require.NoError(h.t, err, "%s", body)
	require.NoError(h.t, compiled.Validate(got), "%s", body)
	return got.(map[string]any)
}

// closed forbids what the document does not name. Readers have to bear more; here it would be forgotten.
func closed(node any) {
	switch node := node.(type) {
	case map[string]any:
		for _, child := range node {
			closed(child)
		}
		if _, object := node["properties"].(map[string]any); object && node["type"] == "object" {
			node["additionalProperties"] = false
		}
	case []any:
		for _, child := range node {
			closed(child)
		}
	}
}

func TestAScheme(t *testing.T) {
	h := newHouse(t)
	res := h.ask("/api/v1/schemes/" + ours)
	require.Equal(t, 200, res.status)
	require.Equal(t, "application/json", res.header.Get("Content-Type"))
	require.Equal(t, "no-store", res.header.Get("Cache-Control"))
	require.Equal(t, "Gardons le contact", h.valid(res.body, "Scheme")["name"])
}

// Whatever the document names is served, and what needs a token asks for one.
func TestEveryPathOfTheDocumentIsServed(t *testing.T) {
	h := newHouse(t)
	var document struct {
		OpenAPI string
		Paths   map[string]map[string]any
	}
	require.NoError(t, json.Unmarshal(h.ask("/api/v1/openapi.json").body, &document))
	require.Equal(t, "3.1.0", document.OpenAPI)
	require.NotEmpty(t, document.Paths)
	var documented []string
	for path, methods := range document.Paths {
		for method, operation := range methods {
			if method == "parameters" {
				continue
			}
			method, operation := strings.ToUpper(method), operation.(map[string]any)
			documented = append(documented, method+" "+strings.TrimPrefix(path, "/"))
			require.NotEmpty(t, operation["operationId"], path)
			security, own := operation["security"].([]any)
			res := h.ask("/api/v1"+strings.NewReplacer("{scheme}", ours, "{item}", attempt, "{person}", "B017", "{flow}", "close-last", "{trunk}", "town").Replace(path), func(r *http.Request) {
				r.Header.Del("Authorization")
				r.Method = method
			})
			if own && len(security) == 0 {
				require.Equal(t, http.StatusOK, res.status, path)
			} else {
				require.Equal(t, http.StatusUnauthorized, res.status, path)
			}
		}
	}
	require.ElementsMatch(t, api.Routes(), documented, "what is served and what is documented")
}

func TestWhoMayRead(t *testing.T) {
	h := newHouse(t)
	cookie := func(role roster.Role) func(*http.Request) {
		session := h.signIn(role)
		return func(r *http.Request) {
			r.Header.Del("Authorization")
			r.AddCookie(&http.Cookie{Name: auth.CookieName(false), Value: session})
		}
	}
	header := func(text string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Authorization", text) }
	}
	revoked, err := h.door.NewToken(t.Context(), auth.Token{Scheme: 1, Name: "revoked"}, time.Now())
	require.NoError(t, err)
	h.store.Revoke("revoked", time.Now())
	_, err = h.door.NewToken(t.Context(), auth.Token{Scheme: 1, Name: "a wallboard"}, time.Now())
	require.ErrorIs(t, err, auth.ErrTokenName)
	foreign, err := h.door.NewToken(t.Context(), auth.Token{Scheme: 2, Name: "elsewhere"}, time.Now())
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
		"a method that is none":     {"/schemes/" + ours, method(http.MethodDelete), 405, "method"},
	} {
		res := h.ask("/api/v1"+c.path, c.change)
		require.Equal(t, c.status, res.status, name)
		require.Equal(t, "application/problem+json", res.header.Get("Content-Type"), name)
		p := h.valid(res.body, "Problem")
		require.Equal(t, "urn:rappel:problem:"+c.kind, p["type"], name)
		require.Equal(t, json.Number(strconv.Itoa(c.status)), p["status"], name)
		require.Equal(t, c.status == 401, res.header.Get("WWW-Authenticate") != "", name)
	}
	require.Equal(t, 200, h.ask("/api/v1/schemes/"+ours, cookie(roster.RoleCoordinator)).status)
	require.Equal(t, 200, h.ask("/api/v1/schemes/"+ours, method(http.MethodHead)).status)

	h.records.fail(errors.New("the database is away"))
	res := h.ask("/api/v1/schemes/" + ours)
	require.Equal(t, 503, res.status)
	require.Equal(t, "5", res.header.Get("Retry-After"))
	require.NotContains(t, h.valid(res.body, "Problem")["detail"], "database", "errors of the inside stay inside")
}

func TestLiveFigures(t *testing.T) {
	h := newHouse(t)
	res := h.ask("/api/v1/schemes/" + ours + "/live")
	require.Equal(t, 200, res.status)
	live := h.valid(res.body, "Live")
	require.Equal(t, json.Number("7"), live["number"])
	require.Equal(t, false, live["stale"])
	promises := live["promises"].(map[string]any)
	for field, want := range map[string]string{"planned": "5", "due": "5", "open": "1", "kept": "4", "oldest_wait_ms": "3600000", "least_slack_ms": "2400000"} {
		require.Equal(t, json.Number(want), promises[field], field)
	}
	queue := live["queues"].([]any)[0].(map[string]any)
	for field, want := range map[string]string{"waiting": "1", "longest_ms": "30000", "asa_ms": "25000", "aht_ms": "60000", "answered_in_20_s": "1"} {
		require.Equal(t, json.Number(want), queue[field], field)
	}
	require.Equal(t, json.Number("1"), live["callers"].(map[string]any)["by_state"].(map[string]any)["ready"])
	require.Equal(t, json.Number("1"), live["waiting"].(map[string]any)["by_cause"].(map[string]any)["no_caller"])
	require.Equal(t, 404, h.ask("/api/v1/schemes/"+theirs+"/live").status)
	require.Equal(t, 404, h.ask("/api/v1/schemes/"+theirs+"/live/events").status)
}

// followed is one event of a stream.
type followed struct {
	id   string
	live map[string]any
}

// follow opens a stream and returns what reads its next event.
func (h *house) follow(path string, change ...func(*http.Request)) func() followed {
	res, err := h.server.Client().Do(h.request(path, change...))
	require.NoError(h.t, err)
	h.t.Cleanup(func() { res.Body.Close() })
	require.Equal(h.t, "text/event-stream", res.Header.Get("Content-Type"))
	lines := bufio.NewScanner(res.Body)
	return func() followed {
		var f followed
		for lines.Scan() {
			field, value, _ := strings.Cut(lines.Text(), ": ")
			switch field {
			case "id":
				f.id = value
			case "event":
				require.Equal(h.t, "live", value)
			case "data":
				f.live = h.valid([]byte(value), "Live")
			case "":
				return f
			}
		}
		require.Fail(h.t, "the stream ended", "%v", lines.Err())
		return f
	}
}

func TestLiveFiguresAreFollowed(t *testing.T) {
	h := newHouse(t)
	plain := h.follow("/api/v1/schemes/"+ours+"/live", func(r *http.Request) { r.Header.Set("Accept", "text/event-stream") })
	next := h.follow("/api/v1/schemes/"+ours+"/live/events", func(r *http.Request) { r.Header.Set("Last-Event-ID", "3") })
	for _, one := range []func() followed{plain, next} {
		first := one()
		require.Equal(t, "7", first.id, "everything at once, whatever was missed")
		require.Equal(t, json.Number("0"), first.live["promises"].(map[string]any)["claimed"])
	}
	h.records.commit("attempt", attempt, "claimed", `{"occurrence":"`+promise+`","caller":"`+anne+`","offer":1,"call_kind":"scheduled"}`)
	for _, one := range []func() followed{plain, next} {
		f := one()
		for f.id == "7" { // What is said of those who wait may come in between.
			f = one()
		}
		require.Equal(t, "8", f.id, "found in the records: nothing came over the bus")
		require.Equal(t, json.Number("1"), f.live["promises"].(map[string]any)["claimed"])
		require.NotContains(t, f.live["promises"], "oldest_wait_ms", "nothing is open")
	}

	// Without the records the figures grow old, and say so.
	h.records.fail(errors.New("the database is away"))
	grown := false
	for range 20 {
		if grown = next().live["stale"] == true; grown {
			break
		}
	}
	require.True(t, grown)
}
