package web_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/report"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/setup/setuptest"
)

// browser is a headless Chromium, driven over its DevTools protocol.
type browser struct {
	t    *testing.T
	conn *websocket.Conn

	mu     sync.Mutex
	next   int
	waits  map[int]chan json.RawMessage // Room for the one answer.
	faults []string                     // What the console complained about.
}

// startBrowser skips the test where no Chromium can be had (the pages' own tests need none); with CI=true it fails.
func startBrowser(t *testing.T) *browser {
	t.Helper()
	program := setuptest.Browser(t)
	c := exec.CommandContext(t.Context(), program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--remote-debugging-port=0",
		"--user-data-dir="+t.TempDir(), "--window-size=1280,900", "about:blank")
	stderr, err := c.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	address := ""
	lines := bufio.NewScanner(stderr)
	for address == "" && lines.Scan() {
		if _, found, ok := strings.Cut(lines.Text(), "DevTools listening on "); ok {
			address = found
		}
	}
	require.NotEmpty(t, address, "Chromium did not start")
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		for lines.Scan() { // Chromium would block on a full pipe.
		}
	}()
	conn, _, err := websocket.Dial(t.Context(), address, nil)
	require.NoError(t, err)
	conn.SetReadLimit(16 << 20)
	b := &browser{t: t, conn: conn, waits: map[int]chan json.RawMessage{}}
	ended := make(chan struct{})
	go func() { defer close(ended); b.read() }()
	t.Cleanup(func() {
		_ = conn.CloseNow()
		_ = c.Process.Kill()
		<-drained
		_ = c.Wait()
		<-ended
	})
	return b
}

func (b *browser) read() {
	for {
		_, data, err := b.conn.Read(context.Background())
		if err != nil {
			return
		}
		var m struct {
			ID     int
			Result json.RawMessage
			Error  json.RawMessage
			Method string
			Params json.RawMessage
		}
		if json.Unmarshal(data, &m) != nil {
			continue
		}
		b.mu.Lock()
		if wait := b.waits[m.ID]; wait != nil {
			delete(b.waits, m.ID)
			if m.Error != nil {
				m.Result = m.Error
			}
			wait <- m.Result
		}
		if m.Method == "Log.entryAdded" || m.Method == "Runtime.exceptionThrown" {
			b.faults = append(b.faults, string(m.Params))
		}
		b.mu.Unlock()
	}
}

// ask sends one command of the protocol, to a page when session is not empty.
func (b *browser) ask(session, method string, params any) json.RawMessage {
	b.t.Helper()
	wait := make(chan json.RawMessage, 1)
	b.mu.Lock()
	b.next++
	id := b.next
	b.waits[id] = wait
	b.mu.Unlock()
	command := map[string]any{"id": id, "method": method, "params": params}
	if session != "" {
		command["sessionId"] = session
	}
	data, err := json.Marshal(command)
	require.NoError(b.t, err)
	require.NoError(b.t, b.conn.Write(b.t.Context(), websocket.MessageText, data))
	select {
	case answer := <-wait:
		return answer
	case <-time.After(time.Minute):
		require.Fail(b.t, "Chromium did not answer", method)
		return nil
	}
}

// open opens a page and returns its session.
func (b *browser) open(address string) string {
	b.t.Helper()
	var target struct{ TargetID string }
	require.NoError(b.t, json.Unmarshal(b.ask("", "Target.createTarget", map[string]any{"url": "about:blank"}), &target))
	var attached struct{ SessionID string }
	params := map[string]any{"targetId": target.TargetID, "flatten": true}
	require.NoError(b.t, json.Unmarshal(b.ask("", "Target.attachToTarget", params), &attached))
	b.ask(attached.SessionID, "Runtime.enable", nil)
	b.ask(attached.SessionID, "Log.enable", nil)
	b.ask(attached.SessionID, "Page.navigate", map[string]any{"url": address})
	return attached.SessionID
}

// value evaluates an expression in the page.
func (b *browser) value(session, expression string) string {
	b.t.Helper()
	var answer struct{ Result struct{ Value any } }
	raw := b.ask(session, "Runtime.evaluate", map[string]any{"expression": "String(" + expression + ")", "returnByValue": true})
	require.NoError(b.t, json.Unmarshal(raw, &answer))
	return fmt.Sprint(answer.Result.Value)
}

func (b *browser) becomes(session, expression, want string, limit time.Duration) {
	b.t.Helper()
	require.Eventually(b.t, func() bool { return strings.Contains(b.value(session, expression), want) }, limit, 50*time.Millisecond,
		"%s never became %q; it is %q", expression, want, b.value(session, expression))
}

func TestTheWallInABrowser(t *testing.T) {
	h := newHouse(t)
	b := startBrowser(t)
	page := b.open(h.server.URL + "/sign-in?lang=en&link=" + h.link(t, roster.RoleCoordinator))
	b.becomes(page, "document.activeElement.tagName", "BUTTON", time.Minute)
	b.value(page, "document.activeElement.click()")
	const chip = "document.getElementById('chip-text')?.textContent"
	b.becomes(page, chip, "Live", time.Minute)
	b.becomes(page, "document.title", "Gardons le contact", time.Second)
	require.Equal(t, "true", b.value(page, "getComputedStyle(document.querySelector('.top')).display === 'flex'"), "the style sheet is applied")

	// A thousand changes never move the focus, and the last one is on the page within a second.
	b.value(page, "document.getElementById('pause').focus()")
	for i := range 1000 {
		h.figures.change(func(w *report.Wall) { *w = busyWall(nine); w.Today.Due = i }, nil)
	}
	b.becomes(page, "document.querySelector('.tile.due strong').textContent", "999", time.Second)
	require.Equal(t, "pause", b.value(page, "document.activeElement.id"))
	require.Contains(t, b.value(page, "document.getElementById('callers').textContent"), "<b>Eve</b>", "names are text")
	require.Contains(t, b.value(page, "document.querySelector('#live .since').textContent"), "9 min")

	// Paused, the page stands still; then it catches up.
	b.value(page, "document.getElementById('pause').click()")
	b.becomes(page, chip, "Paused since 10:42", time.Second)
	h.figures.change(func(w *report.Wall) { w.Today.Due = 40 }, nil)
	b.value(page, "document.getElementById('pause').click()")
	b.becomes(page, "document.querySelector('.tile.due strong').textContent", "40", 2*time.Second)

	// Without fresh figures it says so after five seconds, and by voice.
	h.figures.change(nil, errors.New("postgres is away"))
	b.becomes(page, chip, "Stale since 10:42", 9*time.Second)
	require.Contains(t, b.value(page, "document.getElementById('status').textContent"), "stale since 10:42")
	h.figures.change(nil, nil)
	b.becomes(page, chip, "Live", 5*time.Second)

	// An ended session leads back to the door.
	h.store.Disable(1)
	h.server.CloseClientConnections()
	b.becomes(page, "document.title", "Sign in", time.Minute)

	b.mu.Lock()
	defer b.mu.Unlock()
	for _, f := range b.faults {
		require.NotContains(t, f, "Content Security Policy", f)
		require.NotContains(t, f, "exceptionDetails", f)
	}
}

// TestTheWallFitsSmallScreens looks for anything wider than the screen: a telephone, and 320 pixels, which is what 400 % zoom
// leaves of 1280 (WCAG 2.2, reflow).
func TestTheWallFitsSmallScreens(t *testing.T) {
	h := newHouse(t)
	b := startBrowser(t)
	h.figures.change(func(w *report.Wall) { *w = busyWall(nine) }, nil)
	page := b.open(h.server.URL + "/sign-in?link=" + h.link(t, roster.RoleCoordinator))
	b.becomes(page, "document.activeElement.tagName", "BUTTON", time.Minute)
	b.value(page, "document.activeElement.click()")
	b.becomes(page, "document.body.className", "wall", time.Minute)
	for _, width := range []int{390, 320} {
		b.ask(page, "Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": true})
		for _, lang := range roster.Languages() {
			b.ask(page, "Page.navigate", map[string]any{"url": fmt.Sprintf("%s/schemes/%s/wall?lang=%s", h.server.URL, ours, lang)})
			b.becomes(page, "document.documentElement.lang + document.readyState", string(lang)+"complete", time.Minute)
			require.Equal(t, "true", b.value(page, "document.documentElement.scrollWidth <= innerWidth"), "%s at %d pixels", lang, width)
			const edge = `[...document.querySelectorAll('.top a, .top button')].every(e => e.getBoundingClientRect().right < document.querySelector('.today').getBoundingClientRect().right + 1)`
			require.Equal(t, "true", b.value(page, edge), "the controls stay within the margin, %s at %d pixels", lang, width)
			const small = `[...document.querySelectorAll('a[href], button')].filter(e => e.className !== 'skip' && e.offsetHeight > 0 && e.offsetHeight < 44).length`
			require.Equal(t, "0", b.value(page, small), "targets below 44 pixels, %s", lang)
		}
	}
}
