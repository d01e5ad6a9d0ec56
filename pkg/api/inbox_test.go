package api_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/auth"
	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/inbox"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// desk is an inbox of one registration.
type desk struct {
	item    inbox.Item
	handled int
	last    inbox.Resolution
	err     error
}

func newDesk() *desk {
	return &desk{item: inbox.Item{
		ID: attempt, Kind: inbox.Registration, At: nine, CLI: "+32470000001", Number: "+32470000001", Language: roster.Dutch,
		Recording: "registrations/x-1", Source: roster.SourceFamily, Cadence: roster.Weekly, PerWeek: 2, Days: []time.Weekday{time.Tuesday},
		Part: roster.Morning, Consent: roster.ConsentProposed, Alike: []string{"B1"}, Others: 1, Refused: true,
	}}
}

func (d *desk) Inbox(_ context.Context, scheme int64, all bool) ([]inbox.Item, error) {
	if scheme != 1 || !all {
		return nil, nil
	}
	return []inbox.Item{d.item}, nil
}

func (d *desk) InboxItem(_ context.Context, scheme int64, id string) (inbox.Item, error) {
	if scheme != 1 || id != attempt {
		return inbox.Item{}, inbox.ErrNoItem
	}
	return d.item, nil
}

func (d *desk) TakeInbox(ctx context.Context, scheme int64, id, by string, now time.Time) (inbox.Item, error) {
	item, err := d.InboxItem(ctx, scheme, id)
	if d.item.TakenBy != "" && d.item.TakenBy != by {
		return item, inbox.ErrTaken
	}
	d.item.TakenBy, d.item.TakenAt = by, now
	return d.item, err
}

func (d *desk) ContactPeople(_ context.Context, scheme int64, ref string) ([]roster.ContactPerson, error) {
	if scheme != 1 || ref != "B017" {
		return nil, nil
	}
	return d.item.Contacts, nil
}

func (d *desk) ChangeContactPeople(
	_ context.Context, scheme int64, ref string, change func([]roster.ContactPerson) ([]roster.ContactPerson, error),
) ([]roster.ContactPerson, error) {
	if scheme != 1 || ref != "B017" {
		return nil, roster.ErrNoBeneficiary
	}
	list, err := change(d.item.Contacts)
	if err == nil {
		d.item.Contacts = list
	}
	return list, err
}

func (d *desk) CallInbox(ctx context.Context, scheme int64, id string, _ int, _ time.Time) (bool, error) {
	_, err := d.InboxItem(ctx, scheme, id)
	return true, err
}

func (d *desk) ResolveInbox(ctx context.Context, scheme int64, id string, r inbox.Resolution, _ time.Time) (inbox.Item, []string, error) {
	item, err := d.InboxItem(ctx, scheme, id)
	if err = errors.Join(err, d.err); err != nil {
		return item, nil, err
	}
	d.handled, d.last = d.handled+1, r
	return item, []string{item.Recording}, nil
}

// tapes holds one recording, until it is erased.
type tapes struct{ fstest.MapFS }

func newTapes() tapes {
	return tapes{fstest.MapFS{"registrations/x-1": {Data: []byte("RIFF, and what she said")}}}
}

func (t tapes) Erase(name string) error {
	delete(t.MapFS, name)
	return nil
}

// TestTheInbox walks a registration from the list to its end.
func TestTheInbox(t *testing.T) {
	h := newHouse(t)
	writing, err := h.door.NewToken(t.Context(), auth.Token{Scheme: 1, Name: "the desk", Scope: auth.ScopeWrite}, time.Now())
	require.NoError(t, err)
	write := bearer(writing)
	path := "/api/v1/schemes/" + ours + "/inbox"
	require.Equal(t, 403, h.ask(path).status, "a token that reads figures sees no number")
	require.Empty(t, h.valid(h.ask(path, write).body, "Inbox")["items"])
	list := h.valid(h.ask(path+"?all=true", write).body, "Inbox")["items"].([]any)
	require.Len(t, list, 1)
	require.Equal(t, 400, h.ask(path+"?all=perhaps", write).status)
	item := h.valid(h.ask(path+"/"+attempt, write).body, "Item")
	require.Equal(t, []any{"B1"}, item["same_number"])
	require.Equal(t, 404, h.ask(path+"/"+anne, write).status)

	whole := h.ask(path+"/"+attempt+"/recording", write)
	require.Equal(t, "audio/wav", whole.header.Get("Content-Type"))
	require.Equal(t, "RIFF, and what she said", string(whole.body))
	part := h.ask(path+"/"+attempt+"/recording", write, func(r *http.Request) { r.Header.Set("Range", "bytes=0-3") })
	require.Equal(t, 206, part.status)
	require.Equal(t, "RIFF", string(part.body))

	require.Equal(t, "the desk", h.valid(h.ask(path+"/"+attempt+"/take", send("POST", "", write)).body, "Item")["taken_by"])
	taken := h.ask(path+"/"+attempt+"/take", send("POST", `{"by":"R01"}`, write))
	require.Equal(t, 409, taken.status)
	require.Equal(t, "urn:rappel:problem:refused", h.valid(taken.body, "Problem")["type"])
	require.JSONEq(t, `{"booked":true}`, string(h.ask(path+"/"+attempt+"/call", send("POST", "{}", write)).body))

	// Somebody who was not reached, and whom she has named.
	contacts := "/api/v1/schemes/" + ours + "/contacts/"
	const named = `{"contacts":[{"name":"Marie","relation":"neighbour","number":"+33199001234"}]}`
	require.Equal(t, 204, h.ask(contacts+"B017", send("PUT", named, write)).status)
	require.JSONEq(t, named, string(h.ask(contacts+"B017", write).body))
	require.Equal(t, 404, h.ask(contacts+"B018", send("PUT", named, write)).status)
	require.Equal(t, 404, h.ask(contacts+"B018", write).status)
	require.Equal(t, 404, h.ask(contacts+"B%00", write).status, "what is no text is nobody")
	require.Equal(t, 400, h.ask(contacts+"B017", send("PUT", "{}", write)).status, "nothing sent takes nobody away")
	for _, wrong := range []string{"0199001234", "+33199001234\",\"name\":\""} {
		require.Equal(t, 422, h.ask(contacts+"B017", send("PUT", strings.Replace(named, "+33199001234", wrong, 1), write)).status, wrong)
	}
	more := h.ask(contacts+"B017", send("PATCH", `{"add":[{"name":"Luc","relation":"doctor","number":"+33199001235"}]}`, write))
	require.Len(t, h.valid(more.body, "ContactPeople")["contacts"], 2)
	require.Equal(t, 404, h.ask(contacts+"B018", send("PATCH", `{"remove":["+33199001235"]}`, write)).status)
	for _, wrong := range []string{`{"add":[{"name":"Anne","relation":"family","number":"+33199001235"}]}`, `{"remove":["0199001235"]}`, `{"add":[{"name":"","relation":"family","number":"+33199001236"}]}`} {
		require.Equal(t, 422, h.ask(contacts+"B017", send("PATCH", wrong, write)).status, wrong)
	}
	for range 2 { // A program whose connection broke sends it again.
		require.JSONEq(t, named, string(h.ask(contacts+"B017", send("PATCH", `{"remove":["+33199001235"]}`, write)).body))
	}
	registration := h.inbox.item
	h.inbox.item.Kind, h.inbox.item.Ended, h.inbox.item.Person = inbox.Welfare, call.OccurrenceUnreached, "B017"
	shown := h.valid(h.ask(path+"/"+attempt, write).body, "Item")
	require.Equal(t, []any{"welfare", "unreached"}, []any{shown["kind"], shown["ended"]})
	require.Len(t, shown["contacts"], 1)
	require.JSONEq(t, `{"booked":true}`, string(h.ask(path+"/"+attempt+"/call", send("POST", `{"contact":1}`, write)).body))
	h.inbox.item = registration

	h.inbox.err = inbox.ErrNoConsent
	resolve := path + "/" + attempt + "/resolve"
	require.Equal(t, 409, h.ask(resolve, send("POST", `{"outcome":"registered","ref":"B2","family":"Dupont"}`, write)).status)
	h.inbox.err = inbox.ErrIncomplete
	require.Equal(t, 422, h.ask(resolve, send("POST", `{"outcome":"registered"}`, write)).status)
	h.inbox.err = nil
	require.Equal(t, 400, h.ask(resolve, send("POST", `{"outcome":"eaten"}`, write)).status)
	require.Equal(t, 204, h.ask(resolve, send("POST", `{"outcome":"refused","by":"R01"}`, write)).status)
	require.Equal(t, inbox.Resolution{Outcome: inbox.Refused, By: "R01"}, h.inbox.last)
	require.Equal(t, 404, h.ask(path+"/"+attempt+"/recording", write).status, "it is erased")
	for _, act := range h.store.Acts() {
		require.NotContains(t, act.What, "+32", "an address holds no number")
	}
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
