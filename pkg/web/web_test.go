package web_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/rappel-tel/rappel/pkg/auth"
	"github.com/rappel-tel/rappel/pkg/auth/authtest"
	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/inbox"
	"github.com/rappel-tel/rappel/pkg/report"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/web"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	ours   = "0198a2f0-0000-7000-8000-000000000001"
	theirs = "0198a2f0-0000-7000-8000-000000000002"
)

var nine = time.Date(2026, 3, 2, 9, 42, 7, 0, time.UTC) // 10:42:07 in Brussels.

// figures is a web.Figures that says what the test wants.
type figures struct {
	mu   sync.Mutex
	wall report.Wall
	err  error
	wake map[int]func()
}

func (f *figures) Scheme(_ context.Context, id string) (report.Scheme, error) {
	switch id {
	case ours:
		return report.Scheme{Key: 1, ID: ours, Name: "Gardons le contact", Zone: "Europe/Brussels"}, nil
	case theirs:
		return report.Scheme{Key: 2, ID: theirs, Name: "Ailleurs", Zone: "Europe/Paris"}, nil
	}
	return report.Scheme{}, report.ErrNoScheme
}

func (f *figures) Wall(_ context.Context, scheme report.Scheme) (report.Wall, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if scheme.Key != 1 {
		return report.Wall{}, report.ErrNoScheme
	}
	w := f.wall
	w.At = nine
	w.Scheme = report.Scheme{Key: 1, ID: ours, Name: "Gardons le contact", Zone: "Europe/Brussels"}
	return w, f.err
}

func (f *figures) Watch(_ report.Scheme, wake func()) func() {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := len(f.wake)
	f.wake[n] = wake
	return func() { f.mu.Lock(); defer f.mu.Unlock(); delete(f.wake, n) }
}

func (f *figures) change(to func(*report.Wall), err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if to != nil {
		to(&f.wall)
	}
	f.err = err
	for _, wake := range f.wake {
		wake()
	}
}

type house struct {
	figures *figures
	store   *authtest.Store
	door    *auth.Door
	server  *httptest.Server
	client  *http.Client
}

func newHouse(t *testing.T, change ...func(*web.Options)) *house {
	h := &house{figures: &figures{wake: map[int]func(){}}, store: authtest.New(1, ours)}
	h.door = auth.NewDoor(h.store)
	o := web.Options{Figures: h.figures, Door: h.door, Now: func() time.Time { return nine }}
	for _, c := range change {
		c(&o)
	}
	site, err := web.New(o)
	require.NoError(t, err)
	h.server = httptest.NewUnstartedServer(site.Handler())
	h.server.Config.ReadTimeout = 500 * time.Millisecond // A stream outlives it.
	h.server.Start()
	t.Cleanup(func() { site.Close(); h.server.Close() })
	h.client = h.browser(t)
	return h
}

func (h *house) browser(t *testing.T) *http.Client {
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Jar: jar, Transport: transport}
}

func (h *house) link(t *testing.T, role roster.Role) string {
	a, err := h.store.EnsureAccount(t.Context(), "", "Anne "+string(role), role, nine)
	require.NoError(t, err)
	link, err := h.door.Link(t.Context(), a, time.Now())
	require.NoError(t, err)
	return link
}

func (h *house) get(t *testing.T, path string) (int, string) {
	res, err := h.client.Get(h.server.URL + path)
	require.NoError(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res.StatusCode, string(body)
}

func (h *house) post(t *testing.T, path string, form url.Values) (int, string) {
	res, err := h.client.PostForm(h.server.URL+path, form)
	require.NoError(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res.StatusCode, string(body)
}

func (h *house) signIn(t *testing.T, role roster.Role) {
	status, _ := h.post(t, "/sign-in", url.Values{"link": {h.link(t, role)}})
	require.Contains(t, []int{200, 403}, status)
}

func TestTheWallAsksForASignIn(t *testing.T) {
	h := newHouse(t)
	status, body := h.get(t, "/schemes/"+ours+"/wall?lang=en")
	require.Equal(t, 200, status)
	require.Contains(t, body, "sign-in link", "sent to the sign-in page")
	link := h.link(t, roster.RoleCoordinator)
	status, body = h.get(t, "/sign-in?lang=en&link="+link)
	require.Equal(t, 200, status)
	require.Contains(t, body, `value="`+link+`"`)
	_, again := h.get(t, "/sign-in?lang=en&link="+link)
	require.Equal(t, body, again, "opening the page does not use the link up")
	status, body = h.post(t, "/sign-in", url.Values{"link": {link}})
	require.Equal(t, 200, status)
	require.Contains(t, body, "Gardons le contact")
	require.Contains(t, body, "10:42:07", "the service's clock in the scheme's zone")

	other := h.browser(t)
	h.client, other = other, h.client
	status, body = h.post(t, "/sign-in?lang=en", url.Values{"link": {link}})
	require.Equal(t, 403, status)
	require.Contains(t, body, "no longer valid")
	h.client = other

	status, body = h.post(t, "/sign-out", nil)
	require.Equal(t, 200, status)
	require.Contains(t, body, "déconnecté")
	_, body = h.get(t, "/")
	require.NotContains(t, body, "Gardons le contact")
}

func TestOtherSchemesDoNotExist(t *testing.T) {
	h := newHouse(t)
	h.signIn(t, roster.RoleCoordinator)
	for _, path := range []string{
		"/schemes/" + theirs + "/wall", "/schemes/" + theirs + "/wall/live", "/schemes/x/wall",
		"/schemes/0198a2f0-0000-7000-8000-000000000009/wall", "/nothing",
	} {
		status, body := h.get(t, path)
		require.Equal(t, 404, status, path)
		require.NotContains(t, body, "Ailleurs")
	}
}

func TestOnlyCoordinatorsSeeTheWall(t *testing.T) {
	for _, role := range roster.Roles() {
		h := newHouse(t)
		h.signIn(t, role)
		status, body := h.get(t, "/schemes/"+ours+"/wall")
		if role == roster.RoleCoordinator {
			require.Equal(t, 200, status)
			continue
		}
		require.Equal(t, 403, status, role)
		require.NotContains(t, body, "Gardons")
	}
}

func TestTriesAreLimited(t *testing.T) {
	h := newHouse(t)
	var last int
	for range 12 {
		last, _ = h.post(t, "/sign-in", url.Values{"link": {strings.Repeat("A", 43)}})
	}
	require.Equal(t, http.StatusTooManyRequests, last)
	status, _ := h.post(t, "/sign-in", url.Values{"link": {h.link(t, roster.RoleCoordinator)}})
	require.Equal(t, http.StatusTooManyRequests, status, "a right link is not tried either")
}

func TestSecurity(t *testing.T) {
	h := newHouse(t, func(o *web.Options) { o.Secure = true })
	jarless := &http.Client{Transport: h.client.Transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
	res, err := jarless.PostForm(h.server.URL+"/sign-in", url.Values{"link": {h.link(t, roster.RoleCoordinator)}})
	require.NoError(t, err)
	res.Body.Close()
	require.Equal(t, 303, res.StatusCode)
	require.Len(t, res.Cookies(), 1)
	c := res.Cookies()[0]
	require.Equal(t, "__Host-rappel", c.Name)
	require.True(t, c.Secure && c.HttpOnly)
	require.Equal(t, http.SameSiteStrictMode, c.SameSite)
	require.Equal(t, "/", c.Path)
	require.Empty(t, c.Domain)

	for _, path := range []string{"/sign-in", "/static/wall.js", "/static/rappel.css", "/nothing", "/"} {
		res, err := jarless.Get(h.server.URL + path)
		require.NoError(t, err)
		body, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		res.Body.Close()
		policy := res.Header.Get("Content-Security-Policy")
		require.Contains(t, policy, "default-src 'none'", path)
		require.NotContains(t, policy, "unsafe", path)
		require.Equal(t, "nosniff", res.Header.Get("X-Content-Type-Options"), path)
		require.NotEmpty(t, res.Header.Get("Strict-Transport-Security"), path)
		require.NotRegexp(t, `<script>|<style|style="|\son[a-z]+="|javascript:`, string(body), path)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.server.URL+"/sign-out", nil)
	require.NoError(t, err)
	req.Header.Set("Sec-Fetch-Site", "cross-site")
	res, err = jarless.Do(req)
	require.NoError(t, err)
	res.Body.Close()
	require.Equal(t, 403, res.StatusCode, "a form of another site")
}

func TestTheWallShowsItsFigures(t *testing.T) {
	h := newHouse(t)
	h.signIn(t, roster.RoleCoordinator)
	h.figures.change(func(w *report.Wall) { *w = busyWall(nine) }, nil)
	for lang, words := range map[string][]string{
		"fr": {"sur 46 prévues", "21 jointes, 4 sans réponse", "n’a pas décroché", "coupé de notre côté", "12 min", "2 h 05", "inscription", "aucun appelant libre</dt><dd>3<", "à réessayer un peu plus tard</dt><dd>2<", "52 min", "dont 11 en 20 s", "2 personnes absentes"},
		"en": {"of 46 planned", "21 reached, 4 no answer", "did not pick up", "cut off at our end", "4:09", "1 promise missed today"},
		"nl": {"van 46 gepland", "2 u 05", "Meest gestelde vragen", `<span lang="fr">Qui peut faire mes courses ?`},
		"de": {"von 46 geplanten", "2 Std. 05", ">26 Std.<"},
	} {
		status, body := h.get(t, "/schemes/"+ours+"/wall?lang="+lang)
		require.Equal(t, 200, status)
		require.Contains(t, body, `<html lang="`+lang+`"`)
		for _, word := range words {
			require.Contains(t, body, word, lang)
		}
		require.Contains(t, body, "&lt;b&gt;Eve&lt;/b&gt;", "names are escaped")
		require.NotRegexp(t, `>\s*(state|result|detail|reason|attempt|wall|alert)\.[a-z_]+`, body, "a message is missing")
	}
}

// shelf is an inbox of one item.
type shelf struct {
	id, by string
	err    error
}

func (s *shelf) TakeInbox(_ context.Context, scheme int64, id, by string, _ time.Time) (inbox.Item, error) {
	if scheme != 1 || id != s.id {
		return inbox.Item{}, inbox.ErrNoItem
	}
	if s.err == nil {
		s.by = by
	}
	return inbox.Item{}, s.err
}

// TestSomebodyIsTakenFromTheWall: whoever was not reached stands on the wall until somebody takes her, by name.
func TestSomebodyIsTakenFromTheWall(t *testing.T) {
	const late, item = "Nobody has looked after 1 person who was not reached.", "0198a2f0-0000-7000-8000-000000000009"
	s := &shelf{id: item}
	h := newHouse(t, func(o *web.Options) { o.Inbox = s })
	take := func(item string) int {
		res, err := h.client.PostForm(h.server.URL+"/schemes/"+ours+"/inbox/"+item+"/take", nil)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		return res.StatusCode
	}
	take(item)
	require.Empty(t, s.by, "nobody is signed in")
	h.signIn(t, roster.RoleCoordinator)
	h.figures.change(func(w *report.Wall) { *w = busyWall(nine) }, nil)
	_, body := h.get(t, "/schemes/"+ours+"/wall?lang=en")
	require.Contains(t, body, late)
	require.Contains(t, body, "/inbox/"+item+"/take")
	require.NotContains(t, body, "000000000008/take", "somebody looks after her")
	require.Contains(t, body, "&lt;b&gt;Rita&lt;/b&gt;, until")
	require.Equal(t, 200, take(item), "the wall again")
	require.NotEmpty(t, s.by)
	require.Equal(t, 404, take("0198a2f0-0000-7000-8000-000000000007"))
	for _, s.err = range []error{inbox.ErrTaken, inbox.ErrHandled} {
		require.Equal(t, 200, take(item), "the wall says who has her")
	}
	h.figures.change(func(w *report.Wall) { w.Welfare[0].TakenBy, w.Welfare[0].Due = s.by, nine.Add(time.Minute) }, nil)
	_, body = h.get(t, "/schemes/"+ours+"/wall?lang=en")
	require.NotContains(t, body, late)
}

// stream reads server-sent events.
type stream struct{ lines *bufio.Scanner }

func (h *house) follow(t *testing.T) *stream {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, h.server.URL+"/schemes/"+ours+"/wall/live?lang=en", nil)
	require.NoError(t, err)
	res, err := h.client.Do(req)
	require.NoError(t, err)
	require.Equal(t, "text/event-stream", res.Header.Get("Content-Type"))
	s := &stream{lines: bufio.NewScanner(res.Body)}
	s.lines.Buffer(nil, 1<<20)
	t.Cleanup(func() { cancel(); require.NoError(t, res.Body.Close()) })
	return s
}

// until reads events until one satisfies want.
func (s *stream) until(t *testing.T, event string, want func(data string) bool) {
	t.Helper()
	name := ""
	for s.lines.Scan() {
		line := s.lines.Text()
		if n, ok := strings.CutPrefix(line, "event: "); ok {
			name = n
		}
		if data, ok := strings.CutPrefix(line, "data: "); ok && name == event && want(data) {
			return
		}
	}
	require.Fail(t, "the stream ended", "waiting for %s: %v", event, s.lines.Err())
}

func TestTheWallFollowsEvents(t *testing.T) {
	h := newHouse(t)
	h.signIn(t, roster.RoleCoordinator)
	s := h.follow(t)
	section := func(id, contains string) func(string) bool {
		return func(data string) bool {
			var p struct{ ID, HTML string }
			return json.Unmarshal([]byte(data), &p) == nil && p.ID == id && strings.Contains(p.HTML, contains)
		}
	}
	fresh := func(want bool) func(string) bool {
		return func(data string) bool {
			var b struct {
				Fresh bool
				Clock string
			}
			return json.Unmarshal([]byte(data), &b) == nil && b.Fresh == want && b.Clock == "10:42:07"
		}
	}
	s.until(t, "part", section("live", "No call is under way"))
	s.until(t, "beat", fresh(true))
	begun := time.Now()
	h.figures.change(func(w *report.Wall) { *w = busyWall(nine) }, nil)
	s.until(t, "part", section("live", "NAM-0113"))
	t.Logf("from the change to the page: %s", time.Since(begun).Round(time.Millisecond))
	s.until(t, "say", func(data string) bool { return strings.Contains(data, "1 missed") })

	h.figures.change(func(w *report.Wall) { w.Stale, w.WaitingAt = true, time.Time{} }, nil)
	s.until(t, "part", section("today", "Why they wait is not known now"))
	s.until(t, "beat", fresh(false))
	h.figures.change(func(w *report.Wall) { *w = busyWall(nine) }, nil)
	s.until(t, "part", section("today", "no caller free</dt><dd>3<"))
	s.until(t, "beat", fresh(true))

	h.figures.change(nil, errors.New("postgres is away"))
	s.until(t, "part", section("alerts", "The database does not answer"))
	s.until(t, "beat", fresh(false))
	h.figures.change(nil, nil)
	s.until(t, "beat", fresh(true))
}

func TestACatalogueIsCompleteInEveryLanguage(t *testing.T) {
	require.NoError(t, web.CheckCatalogue())
}

func TestColoursAreReadable(t *testing.T) {
	css, err := web.Stylesheet()
	require.NoError(t, err)
	light, dark, found := strings.Cut(css, "prefers-color-scheme: dark")
	require.True(t, found)
	dark, _, _ = strings.Cut(dark, "*, *::before")
	colours := func(part string) map[string]string {
		m := map[string]string{}
		for _, c := range regexp.MustCompile(`--([a-z-]+): (#[0-9a-f]{6})`).FindAllStringSubmatch(part, -1) {
			m[c[1]] = c[2]
		}
		return m
	}
	for name, c := range map[string]map[string]string{"light": colours(light), "dark": colours(dark)} {
		for _, pair := range [][2]string{
			{"ink", "paper"}, {"ink", "panel"}, {"muted", "paper"}, {"muted", "panel"}, {"brand", "paper"}, {"brand", "panel"},
			{"brand", "brand-paper"}, {"bad", "bad-paper"}, {"bad", "panel"}, {"warn", "warn-paper"}, {"warn", "panel"},
			{"panel", "brand"},
		} {
			require.GreaterOrEqual(t, contrast(t, c[pair[0]], c[pair[1]]), 4.5, "%s: %v", name, pair)
		}
		for _, mark := range []string{"good", "plain", "bad", "warn", "busy"} {
			require.GreaterOrEqual(t, contrast(t, c[mark], c["panel"]), 3.0, "%s: %s", name, mark)
		}
	}
}

func busyWall(now time.Time) report.Wall {
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	working := func(id string, state call.CallerState, since time.Duration, calls int) report.Working {
		return report.Working{ID: id, Enabled: true, State: state, Since: ago(since), CallsToday: calls}
	}
	callers := []report.Working{
		working("a", call.CallerInCall, 12*time.Minute, 5), working("b", call.CallerReady, 40*time.Second, 1),
		working("c", call.CallerSetAside, 2*time.Hour+5*time.Minute, 0), working("d", call.CallerReady, 3*time.Minute, 0),
		working("e", call.CallerOff, time.Hour, 0), working("f", call.CallerOff, time.Hour, 2),
	}
	callers[2].Reason, callers[3].Registrar = "missed_offer", true
	return report.Wall{
		Live: report.Live{
			Today: report.Today{
				Planned: 46, Due: 34, Open: 6, Later: 12, Claimed: 1, Live: 2, Reached: 21, Unreached: 4, Missed: 1, Late: 2,
				OldestOpen: ago(52 * time.Minute), LeastSlack: now.Add(23 * time.Minute),
			},
			Callers: callers, Messages: 3, AsOf: now, WaitingAt: now, Waiting: dispatch.Waiting{NoCaller: 3, Held: 1},
			Queues: []report.Queue{{
				Name: report.QueueRegistrars, Waiting: 2, Oldest: ago(95 * time.Second), Talking: 1, Offered: 17, Answered: 13,
				AnsweredInTime: 11, Abandoned: 2, Ended: 12, Wait: 13 * 14 * time.Second, Talk: 12 * 205 * time.Second, CallbacksOwed: 6,
			}},
		},
		Roll: report.Roll{
			Names: map[string]string{"a": "Amélie", "b": "<b>Eve</b>", "c": "Karim", "d": "Josiane"},
			Calls: []report.LiveCall{
				{Attempt: "0198a2f0000070008000000000000001", Kind: call.KindScheduled, State: call.StateBridged, Since: ago(9 * time.Minute), Caller: "Amélie", Beneficiary: "NAM-0113", Class: 3},
				{Attempt: "0198a2f0000070008000000000000002", Kind: call.KindScheduled, State: call.StateOffered, Since: ago(4 * time.Second), Beneficiary: "NAM-0042"},
			},
			Welfare: []report.Worry{
				{Item: "0198a2f0-0000-7000-8000-000000000009", Beneficiary: "NAM-0300", Class: 2, Ended: call.OccurrenceUnreached, Since: ago(2 * time.Hour), Due: ago(time.Hour)},
				{Item: "0198a2f0-0000-7000-8000-000000000008", Beneficiary: "NAM-0301", Ended: call.OccurrenceMissed, Since: ago(time.Minute), TakenBy: "<b>Rita</b>", Due: now.Add(time.Hour)},
			},
			Oldest: ago(26 * time.Hour),
			Asked: []report.Asked{
				{Title: map[roster.Language]string{
					"fr": "Comment se protéger de la chaleur ?", "nl": "Hoe bescherm ik mij tegen de hitte?", "de": "Wie schütze ich mich vor der Hitze?",
					"en": "How do I protect myself from the heat?",
				}, Times: 14},
				{Title: map[roster.Language]string{"fr": "Qui peut faire mes courses ?"}, Times: 3},
			},
			Last: []report.Ended{
				{At: ago(time.Minute), Result: call.ResultAnswered, Talk: 249 * time.Second, Caller: "Luc", Beneficiary: "NAM-0007", Fault: call.FaultNone},
				{At: ago(3 * time.Minute), Result: call.ResultNoAnswer, Caller: "Amélie", Beneficiary: "NAM-0200", Fault: call.FaultTheirs},
				{At: ago(8 * time.Minute), Result: call.ResultAnswered, Reason: call.ReasonBrokenByUs, Fault: call.FaultOurs, Talk: 31 * time.Second, Caller: "Karim", Beneficiary: "NAM-0031"},
			},
		},
	}
}
