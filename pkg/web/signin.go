package web

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/auth"
	"github.com/rappel-tel/rappel/pkg/report"
	"github.com/rappel-tel/rappel/pkg/roster"
)

func (s *Site) setCookie(w http.ResponseWriter, token string, expires time.Time) {
	http.SetCookie(w, &http.Cookie{
		Name: auth.CookieName(s.opts.Secure), Value: token, Path: "/", Expires: expires,
		HttpOnly: true, Secure: s.opts.Secure, SameSite: http.SameSiteStrictMode,
	})
}

// session returns the session of the request's cookie, or auth.ErrNoSession.
func (s *Site) session(ctx context.Context, r *http.Request) (auth.Session, error) {
	c, err := r.Cookie(auth.CookieName(s.opts.Secure))
	if err != nil {
		return auth.Session{}, auth.ErrNoSession
	}
	return s.opts.Door.Check(ctx, c.Value, time.Now())
}

// signedIn calls the page with the session, or sends the browser to the sign-in page.
func (s *Site) signedIn(page func(http.ResponseWriter, *http.Request, auth.Session)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		session, err := s.session(r.Context(), r)
		if errors.Is(err, auth.ErrNoSession) {
			redirect(w, r, "/sign-in")
			return
		}
		if err != nil {
			s.fail(w, r, err)
			return
		}
		page(w, r, session)
	}
}

// signInView is what the sign-in page shows.
type signInView struct {
	page
	Link  string // Empty: explain how to get one.
	Bad   bool
	Slow  bool
	Ended bool
}

// signInPage shows a button, so that a mail scanner that opens the link does not use it up.
func (s *Site) signInPage(w http.ResponseWriter, r *http.Request) {
	v := signInView{
		page: s.page(r, auth.Session{}), Link: r.URL.Query().Get("link"), Ended: r.URL.Query().Has("ended"),
	}
	s.render(w, r, http.StatusOK, "sign-in.html", v)
}

func (s *Site) signIn(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 4096)
	now := time.Now()
	v := signInView{page: s.page(r, auth.Session{})}
	if !s.tries.allow(s.client(r), now) {
		s.met.signIns.WithLabelValues("slowed").Inc()
		v.Slow = true
		w.Header().Set("Retry-After", "60")
		s.render(w, r, http.StatusTooManyRequests, "sign-in.html", v)
		return
	}
	token, session, err := s.opts.Door.SignIn(r.Context(), r.PostFormValue("link"), now)
	switch {
	case errors.Is(err, auth.ErrNoLink):
		s.met.signIns.WithLabelValues("refused").Inc()
		s.log.Info("sign-in refused", zap.Stringer("client", s.client(r)))
		v.Bad = true
		s.render(w, r, http.StatusForbidden, "sign-in.html", v)
	case err != nil:
		s.fail(w, r, err)
	default:
		s.met.signIns.WithLabelValues("accepted").Inc()
		s.log.Info("signed in", zap.String("account", session.Account.ID))
		s.setCookie(w, token, session.Expires)
		redirect(w, r, "/")
	}
}

func (s *Site) signOut(w http.ResponseWriter, r *http.Request) {
	if c, err := r.Cookie(auth.CookieName(s.opts.Secure)); err == nil {
		if err := s.opts.Door.SignOut(r.Context(), c.Value, time.Now()); err != nil {
			s.fail(w, r, err)
			return
		}
	}
	s.setCookie(w, "", time.Unix(1, 0))
	http.Redirect(w, r, "/sign-in?ended", http.StatusSeeOther)
}

func (s *Site) home(w http.ResponseWriter, r *http.Request, session auth.Session) {
	redirect(w, r, "/schemes/"+session.Account.SchemeID+"/wall")
}

// scheme returns the scheme of the path if the session may see its wall. Another scheme's id and one that does not exist
// give the same error.
func (s *Site) scheme(r *http.Request, session auth.Session) (report.Scheme, error) {
	scheme, err := s.opts.Figures.Scheme(r.Context(), r.PathValue("scheme"))
	if err != nil {
		return report.Scheme{}, err
	}
	if scheme.Key != session.Account.Scheme {
		return report.Scheme{}, report.ErrNoScheme
	}
	if session.Account.Role != roster.RoleCoordinator {
		return report.Scheme{}, errForbidden
	}
	return scheme, nil
}

// redirect sends the browser to a page of ours and keeps the language that was asked for.
func redirect(w http.ResponseWriter, r *http.Request, path string) {
	if lang := r.URL.Query().Get("lang"); lang != "" {
		path += "?" + url.Values{"lang": {lang}}.Encode()
	}
	http.Redirect(w, r, path, http.StatusSeeOther)
}
