package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/auth"
	"github.com/rappel-tel/rappel/pkg/forecast"
	"github.com/rappel-tel/rappel/pkg/report"
)

var (
	// errForbidden means that the account's role does not read this.
	errForbidden = errors.New("the role does not read this")
	// errNoPage means that nothing is served at the path.
	errNoPage = errors.New("nothing is served here")
	// errReadOnly means that somebody wants to change something.
	errReadOnly = errors.New("this API changes nothing")
)

// problem is what an error answers with (RFC 9457, section 3.1). Type names the kind of problem for programs and stays the
// same; title and detail are for whoever reads the log.
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
}

// problemType is what the type of every problem begins with.
const problemType = "urn:rappel:problem:"

// problemOf is the one table from error to problem.
func problemOf(err error) problem {
	switch {
	case errors.Is(err, auth.ErrNoToken), errors.Is(err, auth.ErrNoSession):
		return problem{
			problemType + "unauthorized", "You are not known", http.StatusUnauthorized,
			`Send "Authorization: Bearer" with a token of the scheme; an operator makes one with: rappel user token new NAME`,
		}
	case errors.Is(err, errForbidden):
		return problem{problemType + "forbidden", "Your role does not read this", http.StatusForbidden, "Sign in as a coordinator."}
	case errors.Is(err, report.ErrNoScheme):
		return problem{problemType + "no-scheme", "There is no such scheme", http.StatusNotFound, "None that you may read has this id."}
	case errors.Is(err, errQuery), errors.Is(err, forecast.ErrPast), errors.Is(err, forecast.ErrOptions):
		return problem{problemType + "query", "The query is not understood", http.StatusBadRequest, err.Error()}
	case errors.Is(err, errNoPage):
		return problem{problemType + "not-found", "Nothing is served here", http.StatusNotFound, "See " + Prefix + "openapi.json."}
	case errors.Is(err, errReadOnly):
		return problem{problemType + "read-only", "This API changes nothing", http.StatusMethodNotAllowed, "Ask with GET."}
	default:
		return problem{problemType + "away", "The records do not answer", http.StatusServiceUnavailable, "Ask again in a few seconds."}
	}
}

// fail answers with the problem of an error.
func (a *API) fail(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		return // The client has gone.
	}
	p := problemOf(err)
	h := w.Header()
	switch p.Status {
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", `Bearer realm="rappel"`)
	case http.StatusMethodNotAllowed:
		h.Set("Allow", "GET, HEAD")
	case http.StatusServiceUnavailable:
		h.Set("Retry-After", "5")
		a.log.Warn("answer", zap.String("path", r.Pattern), zap.Error(err))
	}
	h.Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	text := json.NewEncoder(w)
	text.SetEscapeHTML(false) // It is no HTML, and people read it.
	_ = text.Encode(p)        // A client that has gone is nobody's error.
}
