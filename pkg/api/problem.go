package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"

	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/auth"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/faq"
	"github.com/rappel-tel/rappel/pkg/forecast"
	"github.com/rappel-tel/rappel/pkg/inbox"
	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/report"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/telephony/wav"
)

var (
	// errForbidden means that the account's role does not read this.
	errForbidden = errors.New("the role does not read this")
	// errNoPage means that nothing is served at the path.
	errNoPage = errors.New("nothing is served here")
	// errMethod means that something is served at the path, but not by this method.
	errMethod = errors.New("the method is not allowed here")
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
	case errors.Is(err, errMethod):
		return problem{problemType + "method", "This is not done here", http.StatusMethodNotAllowed, "The header Allow says what is."}
	case errors.Is(err, errScope):
		return problem{
			problemType + "scope", "The token only reads figures", http.StatusForbidden,
			"Ask with one that may write; an operator makes it with: rappel user token new NAME --write",
		}
	case errors.Is(err, errSession):
		return problem{
			problemType + "session", "Changes are made with a token", http.StatusForbidden,
			"Send one that may write; an operator makes it with: rappel user token new NAME --write",
		}
	case errors.Is(err, inbox.ErrNoItem), errors.Is(err, errNoRecording):
		return problem{problemType + "no-item", "There is no such item", http.StatusNotFound, err.Error()}
	case errors.Is(err, roster.ErrContactPerson), errors.Is(err, inbox.ErrNoContact):
		return problem{problemType + "contacts", "Nobody can be asked after her like this", http.StatusUnprocessableEntity, err.Error()}
	case errors.Is(err, inbox.ErrTaken), errors.Is(err, inbox.ErrHandled), errors.Is(err, inbox.ErrRefTaken),
		errors.Is(err, inbox.ErrNoConsent), errors.Is(err, inbox.ErrNotThis), errors.Is(err, inbox.ErrInCall),
		errors.Is(err, roster.ErrRefused):
		return problem{problemType + "refused", "That is not done", http.StatusConflict, err.Error()}
	case errors.Is(err, inbox.ErrIncomplete):
		return problem{problemType + "incomplete", "Nobody can be registered like this", http.StatusUnprocessableEntity, err.Error()}
	case errors.Is(err, errNoQuestion):
		return problem{problemType + "no-question", "There is no such question", http.StatusNotFound, "GET questions shows their names."}
	case errors.Is(err, faq.ErrMistakes):
		return problem{problemType + "questions", "The questions are not taken over", http.StatusUnprocessableEntity, err.Error()}
	case errors.Is(err, ErrNoFlow):
		return problem{problemType + "no-flow", "There is no such flow", http.StatusNotFound, "GET flows shows their names, and their history the versions."}
	case errors.Is(err, ErrFlowsChanged):
		return problem{problemType + "flows-changed", "A flow has just been changed", http.StatusConflict, "Somebody else did; look at the history, and ask again."}
	case errors.Is(err, ErrNothingBefore):
		return problem{problemType + "refused", "That is not done", http.StatusConflict, err.Error()}
	case isFlawed(err):
		return problem{problemType + "flow", "The flow has problems", http.StatusUnprocessableEntity, err.Error()}
	case errors.Is(err, ivr.ErrNoPrompt):
		return problem{problemType + "no-prompt", "There is no such prompt", http.StatusNotFound, "GET prompts shows their keys and languages."}
	case errors.Is(err, errAudio):
		return problem{problemType + "media", "What was sent is no WAV file", http.StatusUnsupportedMediaType, "Send it with Content-Type: audio/wav"}
	case isNoRecording(err):
		return problem{problemType + "recording", "That cannot be the prompt", http.StatusUnprocessableEntity, err.Error()}
	case errors.Is(err, ErrNoNumber), errors.Is(err, ErrNoException):
		return problem{problemType + "no-such", "There is no such thing", http.StatusNotFound, err.Error() + "; GET line shows what there is."}
	case errors.Is(err, ErrNoFact):
		return problem{problemType + "no-such", "There is no such fact", http.StatusNotFound, "GET lost shows those that nobody has closed; none was closed now."}
	case errors.Is(err, errUndecided):
		return problem{problemType + "refused", "That is not done", http.StatusConflict, err.Error() + `; send {"lost": "as_lost"} or {"lost": "call_again"}`}
	case errors.Is(err, ErrNoTrunk):
		return problem{problemType + "no-such", "There is no such trunk", http.StatusNotFound, "GET trunks shows the scheme's own."}
	case errors.Is(err, ErrNoNode):
		return problem{problemType + "body", "What was sent is not understood", http.StatusBadRequest, err.Error() + "; rappel node list shows them."}
	case errors.Is(err, ErrTaken):
		return problem{problemType + "refused", "That is not done", http.StatusConflict, err.Error()}
	case errors.Is(err, ErrHours), errors.Is(err, ErrOverflow), errors.Is(err, ErrGreeting):
		return problem{problemType + "body", "What was sent is not understood", http.StatusBadRequest, err.Error()}
	case errors.Is(err, ErrNoSurge), errors.Is(err, errNotProposed):
		return problem{problemType + "refused", "That is not done", http.StatusConflict, err.Error()}
	case errors.Is(err, roster.ErrRefusalKey):
		return problem{
			problemType + "refusal-key", "Refusals cannot be read", http.StatusServiceUnavailable, "An operator puts their key back: secrets.refusals.",
		}
	case errors.Is(err, ErrNoPerson), errors.Is(err, roster.ErrNoBeneficiary):
		return problem{problemType + "no-person", "There is no such person", http.StatusNotFound, "Nobody in the scheme has this reference."}
	case errors.Is(err, errNoCall):
		return problem{
			problemType + "no-call", "No call can be changed so", http.StatusConflict,
			"She has no agreed call to come, or it has begun, or it is no agreed call; GET shows what there is.",
		}
	case errors.Is(err, dispatch.ErrNoRoom), errors.Is(err, dispatch.ErrAlready), errors.Is(err, roster.ErrNotAgreed):
		return problem{problemType + "refused", "That is not done", http.StatusConflict, err.Error()}
	case errors.Is(err, errNoChange):
		return problem{
			problemType + "no-change", "No such change waits", http.StatusConflict,
			"It was settled, or another took its place; GET shows what waits for her word.",
		}
	case errors.Is(err, ErrNotAway):
		return problem{problemType + "not-away", "She is not away", http.StatusConflict, "GET absences lists who is, and who will be."}
	case errors.Is(err, ErrDatesBackward):
		return problem{problemType + "body", "What was sent is not understood", http.StatusBadRequest, err.Error()}
	case errors.Is(err, dispatch.ErrOwnCLI):
		return problem{
			problemType + "cli", "Such calls have no number to show", http.StatusConflict,
			"They need one of their own; an operator gives it with: rappel scheme trunk NAME --cli-for KIND=NUMBER",
		}
	case errors.Is(err, errBody):
		return problem{problemType + "body", "What was sent is not understood", http.StatusBadRequest, err.Error()}
	case errors.Is(err, errTooLong):
		return problem{problemType + "too-long", "Too much was sent", http.StatusRequestEntityTooLarge, err.Error()}
	case errors.Is(err, errMedia):
		return problem{
			problemType + "media", "What was sent is no JSON", http.StatusUnsupportedMediaType, "Send it with Content-Type: application/json",
		}
	default:
		return problem{problemType + "away", "The records do not answer", http.StatusServiceUnavailable, "Ask again in a few seconds."}
	}
}

// isNoRecording reports whether a file cannot take the place of a prompt.
func isNoRecording(err error) bool {
	return slices.ContainsFunc([]error{
		ivr.ErrVariables, ivr.ErrDialplan, wav.ErrNotWAV, wav.ErrTooLong, wav.ErrSilent, wav.ErrClipped,
	}, func(why error) bool { return errors.Is(err, why) })
}

func isFlawed(err error) bool {
	_, flawed := errors.AsType[FlowProblems](err)
	return flawed
}

// flowProblem is a problem with a member of its own (RFC 9457, section 3.2): what is wrong, each by flow and line.
type flowProblem struct {
	problem
	problemsBody
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
	case http.StatusServiceUnavailable:
		h.Set("Retry-After", "5")
		a.log.Warn("answer", zap.String("path", r.Pattern), zap.Error(err))
	}
	h.Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	text := json.NewEncoder(w)
	text.SetEscapeHTML(false) // It is no HTML, and people read it.
	// A client that has gone is nobody's error.
	if found, flawed := errors.AsType[FlowProblems](err); flawed {
		_ = text.Encode(flowProblem{p, problemsBody{found}})
		return
	}
	_ = text.Encode(p)
}
