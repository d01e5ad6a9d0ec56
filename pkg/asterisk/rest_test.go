package asterisk_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/asterisk"
	"github.com/rappel-tel/rappel/pkg/telephony"
)

// stage is a pretended ARI: it accepts the stream and the set-up, and handles the rest as the test says.
type stage struct {
	*httptest.Server
	posts atomic.Int64
	conn  chan *websocket.Conn
}

func newStage(t *testing.T, rest http.HandlerFunc) *stage {
	t.Helper()
	s := &stage{conn: make(chan *websocket.Conn, 1)}
	mux := http.NewServeMux()
	mux.HandleFunc("/ari/events", func(w http.ResponseWriter, r *http.Request) {
		user, password, ok := r.BasicAuth()
		if !ok || user != "u" || password != "p" || r.URL.Query().Has("api_key") {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		s.conn <- c
		<-c.CloseRead(context.WithoutCancel(r.Context())).Done()
	})
	mux.HandleFunc("/ari/applications/", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /ari/asterisk/info", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"status":{"startup_time":"2026-11-21T22:08:25.659+0000"}}`))
	})
	empty := func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`[]`)) }
	mux.HandleFunc("GET /ari/channels", empty)
	mux.HandleFunc("GET /ari/bridges", empty)
	mux.HandleFunc("POST /ari/channels/", func(w http.ResponseWriter, r *http.Request) {
		s.posts.Add(1)
		rest(w, r)
	})
	mux.HandleFunc("/", rest)
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func (s *stage) connect(t *testing.T, registry prometheus.Registerer) *asterisk.Switch {
	t.Helper()
	sw, err := asterisk.New(asterisk.Options{
		URL: s.URL + "/ari", User: "u", Password: "p", App: "rappel", Timeout: 300 * time.Millisecond, Registerer: registry,
	})
	require.NoError(t, err)
	run(t, sw)
	<-sw.Reconciled()
	require.Eventually(t, sw.Connected, time.Minute, time.Millisecond)
	return sw
}

// A command whose answer does not come ends at its deadline, is never sent again, and says that the PBX may have acted.
func TestACommandIsSentAtMostOnce(t *testing.T) {
	release := make(chan struct{})
	s := newStage(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	defer close(release)
	sw := s.connect(t, nil)
	_, o := order("anna", "+3281555001")
	require.ErrorIs(t, sw.Connect(t.Context(), o), telephony.ErrUnanswered)
	require.EqualValues(t, 1, s.posts.Load())
}

// A connection cut in the middle of a POST is not tried again either.
func TestACutCommandIsNotRepeated(t *testing.T) {
	s := newStage(t, func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_ = conn.Close()
		}
	})
	sw := s.connect(t, nil)
	_, o := order("anna", "+3281555001")
	require.ErrorIs(t, sw.Connect(t.Context(), o), telephony.ErrUnanswered)
	require.EqualValues(t, 1, s.posts.Load())
}

// What the dialplan would read as its own is refused before anything is sent.
func TestInjectionIsRefused(t *testing.T) {
	s := newStage(t, func(http.ResponseWriter, *http.Request) {})
	sw := s.connect(t, nil)
	edits := map[string]func(*telephony.Connect){
		"number":      func(o *telephony.Connect) { o.Number = "100&PJSIP/200" },
		"tel uri":     func(o *telephony.Connect) { o.Number = "tel:+33100" },
		"empty":       func(o *telephony.Connect) { o.Number = "" },
		"trunk":       func(o *telephony.Connect) { o.Trunk = "a,b" },
		"trunk dash":  func(o *telephony.Connect) { o.Trunk = "a-b" },
		"endpoint":    func(o *telephony.Connect) { o.CallerEndpoint = "anna@evil" },
		"cli":         func(o *telephony.Connect) { o.CLI = "1)b(x^s^1" },
		"language":    func(o *telephony.Connect) { o.Language = "fr^x" },
		"attempt":     func(o *telephony.Connect) { o.Attempt = "x\r\nVia: y" },
		"leg":         func(o *telephony.Connect) { o.BeneficiaryLeg = "x,y" },
		"channel":     func(o *telephony.Connect) { o.Channel = "../asterisk/modules" },
		"caller's id": func(o *telephony.Connect) { o.CallerEndpoint, o.CallerNumber, o.CallerTrunk = "", "12;34", "t" },
	}
	for name, edit := range edits {
		_, o := order("anna", "+3281555001")
		edit(&o)
		require.ErrorIs(t, sw.Connect(t.Context(), o), telephony.ErrRefused, name)
	}
	require.Zero(t, s.posts.Load())
	require.ErrorIs(t, sw.Play(t.Context(), "c", "p", "sound:a,sound:b"), telephony.ErrRefused)
}

// Unknown and malformed events are counted and skipped; the stream goes on.
func TestStrangeEvents(t *testing.T) {
	s := newStage(t, func(http.ResponseWriter, *http.Request) {})
	registry := prometheus.NewRegistry()
	sw := s.connect(t, registry)
	c := <-s.conn
	for _, text := range []string{
		`{"type":"ChannelToneDetected"}`, `{"type":"Invented","x":[1]}`, `nonsense`, `{"type":"Dial","peer":7}`, `{}`,
		`{"type":"StasisStart","args":["inbound","1"],"channel":{"id":"9.1"},"timestamp":"2026-11-21T22:17:00.000+0000"}`,
	} {
		require.NoError(t, c.Write(t.Context(), websocket.MessageText, []byte(text)))
	}
	require.Equal(t, "9.1", (<-sw.Arrivals()).Channel)
	require.InDelta(t, 2, value(t, registry, "rappel_ari_events_unknown_total"), 0)
	require.InDelta(t, 3, value(t, registry, "rappel_ari_events_malformed_total"), 0)
	_, err := asterisk.New(asterisk.Options{
		URL: s.URL + "/ari", User: "u", Password: "p", App: "rappel", Registerer: registry,
	})
	require.Error(t, err, "the metrics are registered already")
}

func value(t *testing.T, registry *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := registry.Gather()
	require.NoError(t, err)
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	return -1
}

func TestOptionsAreChecked(t *testing.T) {
	good := asterisk.Options{URL: "http://127.0.0.1:8088/ari", User: "u", Password: "p", App: "rappel"}
	_, err := asterisk.New(good)
	require.NoError(t, err)
	for name, edit := range map[string]func(*asterisk.Options){
		"no url":          func(o *asterisk.Options) { o.URL = "" },
		"credentials":     func(o *asterisk.Options) { o.URL = "http://u:p@127.0.0.1/ari" },
		"key in the url":  func(o *asterisk.Options) { o.URL += "?api_key=u:p" },
		"no password":     func(o *asterisk.Options) { o.Password = "" },
		"no application":  func(o *asterisk.Options) { o.App = "" },
		"negative":        func(o *asterisk.Options) { o.Timeout = -1 },
		"odd application": func(o *asterisk.Options) { o.App = "a,b" },
	} {
		bad := good
		edit(&bad)
		_, err := asterisk.New(bad)
		require.Error(t, err, name)
	}
}
