// Package api serves what programs read of a scheme, as JSON, below /api/v1/: documented in openapi.json (OpenAPI 3.1), which
// it serves too. Whoever asks shows a token of the scheme (rappel user token) or the cookie of a coordinator who is signed
// in; a scheme that is not theirs does not exist. Errors are problem details (RFC 9457). Nothing here changes anything, and
// nothing tells who a person is: ids seen outside, the town's references, words of the vocabulary, counts and instants.
package api

import (
	"context"
	_ "embed" // For the document.
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/auth"
	"github.com/rappel-tel/rappel/pkg/forecast"
	"github.com/rappel-tel/rappel/pkg/report"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// Prefix is below which everything of this package is served.
const Prefix = "/api/v1/"

//go:embed openapi.json
var document []byte

// Schemes finds schemes. Package postgres implements it.
type Schemes interface {
	// Scheme finds a scheme by the id seen outside (a UUID in either notation), or returns report.ErrNoScheme.
	Scheme(ctx context.Context, id string) (report.Scheme, error)
}

// Options says what the answers are made from.
type Options struct {
	Schemes Schemes
	Live    *report.Feeds
	Days    forecast.Records // Of which day plans are made.
	Door    *auth.Door
	// Secure is set when the pages are reached over TLS: it decides the name of the session's cookie.
	Secure bool
	Logger *zap.Logger // Nil logs nothing.
}

// API answers programs. Its methods are safe for use by several goroutines.
type API struct {
	opts    Options
	log     *zap.Logger
	handler http.Handler
	told    told
	// planning is held by whoever has a day planned.
	planning chan struct{}

	ctx    context.Context // Ends with Close; streams end with it.
	cancel context.CancelFunc
}

// New checks the options.
func New(opts Options) (*API, error) {
	if opts.Schemes == nil || opts.Live == nil || opts.Days == nil || opts.Door == nil {
		return nil, errors.New("api: schemes, live figures, days and door are needed")
	}
	if opts.Logger == nil {
		opts.Logger = zap.NewNop()
	}
	a := &API{opts: opts, log: opts.Logger, told: told{last: map[int64]toldEvent{}}, planning: make(chan struct{}, 1)}
	a.ctx, a.cancel = context.WithCancel(context.Background())
	a.handler = a.routes()
	return a, nil
}

// Handler serves everything below Prefix.
func (a *API) Handler() http.Handler { return a.handler }

// Close ends the streams, which would otherwise hold up the server's shutdown.
func (a *API) Close() { a.cancel() }

func (a *API) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(document) // A client that has gone is nobody's error.
	})
	mux.HandleFunc("GET /api/v1/schemes/{scheme}", a.inScheme(a.scheme))
	mux.HandleFunc("GET /api/v1/schemes/{scheme}/live", a.inScheme(a.live))
	mux.HandleFunc("GET /api/v1/schemes/{scheme}/live/events", a.inScheme(a.liveEvents))
	mux.HandleFunc("GET /api/v1/schemes/{scheme}/plan", a.inScheme(a.plan))
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) { a.fail(w, r, errNoPage) })
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { a.fail(w, r, errReadOnly) })
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		mux.ServeHTTP(w, r)
	})
}

// inScheme answers for the scheme of the path, if whoever asks may read it. Another scheme and one that does not exist give
// the same answer.
func (a *API) inScheme(answer func(http.ResponseWriter, *http.Request, report.Scheme)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		who, err := a.asker(r)
		if err != nil {
			a.fail(w, r, err)
			return
		}
		scheme, err := a.opts.Schemes.Scheme(r.Context(), r.PathValue("scheme"))
		if err == nil && scheme.Key != who.scheme {
			err = report.ErrNoScheme
		}
		if err == nil && who.role != roster.RoleCoordinator {
			err = errForbidden
		}
		if err != nil {
			a.fail(w, r, err)
			return
		}
		answer(w, r, scheme)
	}
}

// asker is who asks: the holder of a token reads what a coordinator does.
type asker struct {
	scheme int64
	role   roster.Role
}

// asker finds out who asks, by the token or else by the session's cookie. It returns auth.ErrNoToken or auth.ErrNoSession.
func (a *API) asker(r *http.Request) (asker, error) {
	if header := r.Header.Get("Authorization"); header != "" {
		// RFC 6750, section 2.1; the scheme's case does not matter (RFC 9110, section 11.1).
		kind, text, _ := strings.Cut(header, " ")
		if !strings.EqualFold(kind, "Bearer") {
			return asker{}, auth.ErrNoToken
		}
		t, err := a.opts.Door.CheckToken(r.Context(), strings.TrimSpace(text))
		return asker{scheme: t.Scheme, role: roster.RoleCoordinator}, err
	}
	c, err := r.Cookie(auth.CookieName(a.opts.Secure))
	if err != nil {
		return asker{}, auth.ErrNoSession
	}
	s, err := a.opts.Door.Check(r.Context(), c.Value, time.Now())
	return asker{scheme: s.Account.Scheme, role: s.Account.Role}, err
}

// schemeBody is a scheme as it is told.
type schemeBody struct {
	ID       string          `json:"id"`
	Name     string          `json:"name"`
	Zone     string          `json:"zone"`
	Language roster.Language `json:"language"`
	Paused   bool            `json:"paused"`
}

func (a *API) scheme(w http.ResponseWriter, _ *http.Request, s report.Scheme) {
	a.reply(w, schemeBody{ID: s.ID, Name: s.Name, Zone: s.Zone, Language: s.Language, Paused: s.Paused})
}

// reply answers with a value.
func (a *API) reply(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(body); err != nil {
		a.log.Debug("answer", zap.Error(err))
	}
}
