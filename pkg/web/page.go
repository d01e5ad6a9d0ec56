package web

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/url"

	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/auth"
	"github.com/rappel-tel/rappel/pkg/report"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// errForbidden means that the account's role does not open the page.
var errForbidden = errors.New("the role does not open this page")

// page is what every page shows around its content.
type page struct {
	words
	Lang      roster.Language
	SignedIn  bool
	Languages []languageLink
	version   string // Of the static files.
}

// Asset is the address of a static file. It changes with the files, so that browsers may keep them for ever.
func (p page) Asset(name string) string { return "/static/" + name + "?v=" + p.version }

// languageLink offers the page in another language.
type languageLink struct {
	Code    roster.Language
	Name    string
	Href    string
	Current bool
}

func (s *Site) page(r *http.Request, session auth.Session) page {
	query := r.URL.Query()
	l := s.words.choose(query.Get("lang"), session.Account.Language, r.Header.Get("Accept-Language"))
	p := page{words: s.words.words(l), Lang: l, SignedIn: session.Account.ID != "", version: s.version}
	for _, other := range roster.Languages() {
		query.Set("lang", string(other))
		p.Languages = append(p.Languages, languageLink{
			Code: other, Name: s.words.words(other).text("language.name", nil), Href: "?" + query.Encode(), Current: other == l,
		})
	}
	return p
}

// T is the message of a key, for templates. Further arguments are names and values for the message.
func (w words) T(key string, pairs ...any) string {
	if len(pairs) == 0 {
		return w.text(key, nil)
	}
	data := make(map[string]any, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		if name, ok := pairs[i].(string); ok {
			data[name] = pairs[i+1]
		}
	}
	return w.text(key, data)
}

// N is the message of a key in the plural form of n, for templates.
func (w words) N(key string, n int) string { return w.count(key, n) }

// render writes a page whole or, when its template fails, an error.
func (s *Site) render(w http.ResponseWriter, r *http.Request, status int, name string, view any) {
	var body bytes.Buffer
	if err := s.pages.ExecuteTemplate(&body, name, view); err != nil {
		s.log.Error("render page", zap.String("page", name), zap.Error(err))
		http.Error(w, s.page(r, auth.Session{}).T("error.internal"), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	// A browser that has gone is nobody's error.
	_, _ = w.Write(body.Bytes())
}

// failView is an error page.
type failView struct {
	page
	Message string
	Reload  bool
}

// fail answers with the page of an error. This is the one table from error to HTTP status.
func (s *Site) fail(w http.ResponseWriter, r *http.Request, err error) {
	v := failView{page: s.page(r, auth.Session{})}
	status, key := http.StatusServiceUnavailable, "error.store"
	switch {
	case errors.Is(err, report.ErrNoScheme):
		status, key = http.StatusNotFound, "error.not_found"
	case errors.Is(err, errForbidden):
		status, key = http.StatusForbidden, "error.forbidden"
	case errors.Is(err, context.Canceled) && r.Context().Err() != nil:
		return // The browser has gone.
	default:
		v.Reload = true
		w.Header().Set("Retry-After", "5")
		s.log.Warn("answer page", zap.String("path", pattern(r)), zap.Error(err))
	}
	v.Message = v.T(key)
	s.render(w, r, status, "fail.html", v)
}

// pattern names the page without its ids.
func pattern(r *http.Request) string {
	if r.Pattern != "" {
		return r.Pattern
	}
	u := url.URL{Path: r.URL.Path}
	return u.EscapedPath()
}
