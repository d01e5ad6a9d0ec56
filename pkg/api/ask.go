package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/auth"
	"github.com/rappel-tel/rappel/pkg/report"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// maxBody is how long what is sent may be, in bytes; maxWhole is that of a flow, of all questions, and of a list of people, as the
// commands take them from files.
const (
	maxBody  = 64 << 10
	maxWhole = 1 << 20
)

// mostWhat is how much of an address is kept with an act.
const mostWhat = 400

var (
	// errScope means that the token only reads figures.
	errScope = errors.New("the token only reads figures")
	// errSession means that a browser wants to change something: a page of another site may have made it.
	errSession = errors.New("changes are made with a token")
	// errBody means that what was sent is not what the document says.
	errBody = errors.New("the body is not understood")
	// errNumber is an errBody.
	errNumber = fmt.Errorf("%w: number is not in the form +33199001234", errBody)
	// errTooLong means that more was sent than is read.
	errTooLong = errors.New("the body is too long")
	// errMedia means that something else than JSON was sent.
	errMedia = errors.New("the body is no JSON")
)

// need is what a route shows or does, and with that who may ask.
type need int

const (
	needFigures need = iota // It names nobody: any token of the scheme, and a coordinator who is signed in.
	needPeople              // It shows who somebody is: a token with auth.ScopeWrite, and a coordinator who is signed in.
	needChange              // It changes something: a token with auth.ScopeWrite alone.
)

// asker is who asks. A session has the scope to write: what it may not do is decided by need.
type asker struct {
	id, name string
	scheme   int64
	role     roster.Role
	scope    auth.Scope
	session  bool
}

// ask is a request about a scheme by somebody who may make it.
type ask struct {
	*http.Request
	scheme report.Scheme
	who    asker
	now    time.Time // By the service's clock.
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
		return asker{id: t.ID, name: t.Name, scheme: t.Scheme, role: roster.RoleCoordinator, scope: t.Scope}, err
	}
	c, err := r.Cookie(auth.CookieName(a.opts.Secure))
	if err != nil {
		return asker{}, auth.ErrNoSession
	}
	s, err := a.opts.Door.Check(r.Context(), c.Value, time.Now())
	return asker{
		id: s.Account.ID, name: s.Account.Name, scheme: s.Account.Scheme, role: s.Account.Role, scope: auth.ScopeWrite, session: true,
	}, err
}

// inScheme answers for the scheme of the path, if whoever asks may. Another scheme and one that does not exist give the same
// answer.
func (a *API) inScheme(need need, answer func(http.ResponseWriter, ask)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		who, err := a.asker(r)
		if err != nil {
			a.fail(w, r, err)
			return
		}
		scheme, err := a.opts.Schemes.Scheme(r.Context(), r.PathValue("scheme"))
		switch {
		case err != nil:
		case scheme.Key != who.scheme:
			err = report.ErrNoScheme
		case who.role != roster.RoleCoordinator:
			err = errForbidden
		case need > needFigures && who.scope != auth.ScopeWrite:
			err = errScope
		case need == needChange && who.session:
			err = errSession
		}
		if err != nil {
			a.fail(w, r, err)
			return
		}
		answer(w, ask{Request: r, scheme: scheme, who: who, now: a.opts.Now()})
	}
}

// figures answers with what names nobody.
func (a *API) figures(answer func(http.ResponseWriter, *http.Request, report.Scheme)) http.HandlerFunc {
	return a.inScheme(needFigures, func(w http.ResponseWriter, q ask) { answer(w, q.Request, q.scheme) })
}

// people answers with what shows who somebody is: see answered.
func (a *API) people(answer func(ask) (any, error)) http.HandlerFunc {
	return a.answered(needPeople, maxBody, answer)
}

// change does something and answers with what came of it: see answered. What describes how something shall be, and finds it
// so already, is no error: a program whose connection broke sends it again.
func (a *API) change(do func(ask) (any, error)) http.HandlerFunc {
	return a.answered(needChange, maxBody, do)
}

// whole is change for what is as long as a file.
func (a *API) whole(do func(ask) (any, error)) http.HandlerFunc {
	return a.answered(needChange, maxWhole, do)
}

// answered keeps the act, has it done with a body of so many bytes at most, and notes the status that it was answered with. What do returns is told as JSON; nil
// is "204 No Content", an http.Handler answers for itself.
func (a *API) answered(need need, limit int64, do func(ask) (any, error)) http.HandlerFunc {
	return a.inScheme(need, func(w http.ResponseWriter, q ask) {
		_, below, _ := strings.Cut(canonical(q.URL), q.PathValue("scheme")+"/")
		act, err := a.opts.Door.BeginAct(q.Context(), auth.Act{
			Scheme: q.scheme.Key, Who: q.who.id, At: time.Now(), What: q.Method + " " + below[:min(len(below), mostWhat)],
		})
		if err != nil {
			a.fail(w, q.Request, err)
			return
		}
		told := &status{ResponseWriter: w, code: http.StatusOK}
		defer func() {
			if err := a.opts.Door.EndAct(q.Context(), q.scheme.Key, act, told.code); err != nil {
				a.log.Warn("note end of act", zap.Error(err))
			}
		}()
		q.Body = http.MaxBytesReader(told, q.Body, limit)
		body, err := do(q)
		if err != nil {
			a.fail(told, q.Request, err)
			return
		}
		switch body := body.(type) {
		case nil:
			told.WriteHeader(http.StatusNoContent)
		case http.Handler:
			body.ServeHTTP(told, q.Request)
		default:
			a.reply(told, body)
		}
	})
}

// canonical is the path of an address with each of its parts escaped in the one usual way, so that who is named in the audit is
// found there when she is to be forgotten.
func canonical(u *url.URL) string {
	parts := strings.Split(u.EscapedPath(), "/")
	for i, part := range parts {
		if plain, err := url.PathUnescape(part); err == nil {
			parts[i] = url.PathEscape(plain)
		}
	}
	return strings.Join(parts, "/")
}

// status remembers the status of an answer.
type status struct {
	http.ResponseWriter
	code int
}

// WriteHeader implements http.ResponseWriter.
func (s *status) WriteHeader(code int) {
	s.code = code
	s.ResponseWriter.WriteHeader(code)
}

// Unwrap is for http.ResponseController.
func (s *status) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// read reads the body into a struct, strictly: what the struct does not know is an error that names it. Nothing sent is an
// empty object.
func (q ask) read(into any) error {
	text, err := io.ReadAll(q.Body)
	var long *http.MaxBytesError
	switch {
	case errors.As(err, &long):
		return fmt.Errorf("%w: it has %d bytes at most", errTooLong, long.Limit)
	case err != nil:
		return fmt.Errorf("%w: it broke off", errBody)
	case len(bytes.TrimSpace(text)) == 0:
		return nil
	}
	if kind, _, err := mime.ParseMediaType(q.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return errMedia
	}
	if bytes.Contains(text, []byte(`\u0000`)) { // The records keep none.
		return fmt.Errorf("%w: it holds the character U+0000", errBody)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("%w: %s", errBody, strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: something follows the object", errBody)
	}
	return nil
}

// number reads a body that holds one. It is sent in a body because addresses are kept in the audit.
func (q ask) number() (string, error) {
	var sent struct {
		Number string `json:"number"`
	}
	if err := q.read(&sent); err != nil {
		return "", err
	}
	if !isE164(sent.Number) {
		return "", errNumber
	}
	return sent.Number, nil
}

// isE164 reports whether a number is in the form of ITU-T E.164 with a plus before it, and no shorter than six digits.
func isE164(number string) bool {
	return regexp.MustCompile(`^\+[1-9][0-9]{5,14}$`).MatchString(number)
}
